#include "mote/simulation/torture.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "mote/base/parallel.hpp"
#include "power_cuts.hpp"

namespace mote::simulation {
namespace {

using board::FlashOperation;
using board::NorFlash;
using update::Status;

/// What a device may not fall behind any more, whatever happens.
struct Facts {
  std::uint64_t confirmed_sequence = 0;
  std::uint64_t time_s = 0;
  std::uint32_t keys_version = 0;
  bool has_module = false;

  static Facts of(update::Agent& agent) {
    return {agent.record().confirmed_sequence, agent.record().time_s, agent.keys_version(), agent.has_module()};
  }
};

class Trial {
 public:
  Trial(const TortureOptions& options, const Flash& flash, const Scenario& scenario, const Models& models,
        NativeModules& modules, std::uint64_t seed)
      : options_(options), flash_(flash), scenario_(scenario), models_(models), modules_(modules), rng_(seed) {}

  TortureReport run(NorFlash nor) {
    scenario_.hardware.policy.planted = options_.planted;
    NativeDevice device(nor, scenario_.hardware, modules_, models_);
    bool begun = false;
    const std::uint64_t first = nor.operations();
    nor.observe([&](const NorFlash& before, const FlashOperation& operation) {
      if ((before.operations() - first) % options_.stride != 0) return;
      const Facts facts = begun ? Facts::of(device.agent()) : Facts{};
      for (const CutKind& kind : kCutKinds) cut(before, operation, kind, facts);
    });
    static_cast<void>(device.start());
    begun = true;
    if (!live(device, scenario_, 1)) note("lost update", nor.operations(), "without any cut");
    report_.operations += nor.operations() - first;
    return std::move(report_);
  }

 private:
  void cut(const NorFlash& before, const FlashOperation& operation, const CutKind& kind, const Facts& facts) {
    NorFlash flash = before;
    flash.cut_power_at({flash.operations(), kind.progress, rng_.next(), kind.unstable});
    const auto done = operation.kind == FlashOperation::Kind::program ? flash.program(operation.offset, operation.data)
                                                                      : flash.erase_sector(operation.offset);
    MOTE_CHECK(!done);
    ++report_.cuts;
    const std::uint64_t at = before.operations();
    flash.restore_power(rng_.next());
    Facts least = facts;
    if (rng_.chance(0.5)) {
      const CutKind& second = kCutKinds[rng_.below(std::size(kCutKinds))];
      // Near, because the first operations of a recovery decide; sometimes far.
      const std::uint64_t distance = rng_.chance(0.7) ? rng_.below(12) : rng_.below(800);
      flash.cut_power_at({flash.operations() + distance, second.progress, rng_.next(), second.unstable});
    }
    for (;;) {
      try {
        recover(flash, at, kind, least);
        return;
      } catch (PowerLost) {
        ++report_.cuts;
        ++report_.second_cuts;
        flash.restore_power(rng_.next());
      }
    }
  }

  void recover(NorFlash& flash, std::uint64_t at, const CutKind& kind, Facts& least) {
    NativeDevice device(flash, scenario_.hardware, modules_, models_);
    const Status started = device.start();
    update::Agent& agent = device.agent();
    const Facts now = Facts::of(agent);
    if (started != Status::ok && started != Status::waiting)
      return note("bricked", at, std::string(kind.name) + ": start says " + name(started));
    if (least.has_module && !now.has_module && !scenario_.damages_active)
      return note("bricked", at, std::string(kind.name) + ": no module to run");
    if (now.confirmed_sequence < least.confirmed_sequence || now.time_s < least.time_s ||
        now.keys_version < least.keys_version || runs(agent) < now.confirmed_sequence)
      return note("downgrade", at, kind.name);
    least = now;
    // Switched off and on again with nothing happening: bits in doubt read otherwise, the device is the same.
    flash.restore_power(rng_.next());
    NativeDevice again(flash, scenario_.hardware, modules_, models_);
    static_cast<void>(again.start());
    const Facts later = Facts::of(again.agent());
    if (least.has_module && !later.has_module)
      return note("bricked", at, std::string(kind.name) + ": at a later start");
    if (later.confirmed_sequence < now.confirmed_sequence || runs(again.agent()) < runs(agent))
      return note("downgrade", at, std::string(kind.name) + ": at a later start");
    least = later;
    if (!live(again, scenario_, rng_.next())) {
      return note("lost update", at,
                  std::string(kind.name) + ": stuck in " + name(again.agent().phase()) + ", last " +
                      name(again.agent().last_status()));
    }
    // What stands in flash is what the next start finds.
    flash.restore_power(rng_.next());
    NativeDevice last(flash, scenario_.hardware, modules_, models_);
    static_cast<void>(last.start());
    if (!last.agent().has_module()) return note("bricked", at, std::string(kind.name) + ": after the update");
    if (runs(last.agent()) != scenario_.last_sequence)
      note("lost update", at,
           std::string(kind.name) + ": runs " + std::to_string(runs(last.agent())) + " in the end, last " +
               name(last.agent().last_status()));
  }

  /// Sequence of the module that runs; without one, what was confirmed: nothing older runs.
  static std::uint64_t runs(update::Agent& agent) {
    const update::Record& record = agent.record();
    return agent.has_module() ? record.slot[record.active].sequence : record.confirmed_sequence;
  }

  void note(const char* what, std::uint64_t operation, std::string detail) {
    report_.note({what, flash_.name, scenario_.name, operation, std::move(detail)});
  }

  const TortureOptions& options_;
  const Flash& flash_;
  Scenario scenario_;
  const Models& models_;
  NativeModules& modules_;
  Rng rng_;
  TortureReport report_;
};

}  // namespace

void TortureReport::note(Finding finding) {
  std::uint64_t& count = finding.what == "bricked" ? bricked : finding.what == "downgrade" ? downgrades : lost_updates;
  if (++count <= 3) findings.push_back(std::move(finding));
}

void TortureReport::add(TortureReport from) {
  cuts += from.cuts;
  second_cuts += from.second_cuts;
  operations += from.operations;
  bricked += from.bricked;
  lost_updates += from.lost_updates;
  downgrades += from.downgrades;
  std::move(from.findings.begin(), from.findings.end(), std::back_inserter(findings));
}

Result<TortureReport> torture(const Models& models, const TortureOptions& options,
                              const std::function<void(std::uint64_t)>& progress) {
  struct Task {
    const Flash* flash;
    const ScenarioSet* set;
    const Scenario* scenario;
  };
  std::vector<ScenarioSet> sets(flashes().size());
  std::vector<Task> tasks;
  TortureReport report;
  for (std::size_t i = 0; i < flashes().size(); ++i) {
    const Flash& flash = flashes()[i];
    if (flash.name.find(options.flash) == std::string::npos) continue;
    MOTE_TRY(sets[i], make_scenarios(flash, models));
    ++report.flashes;
    report.scenarios = 0;
    for (const Scenario& scenario : sets[i].scenarios) {
      if (scenario.name.find(options.scenario) == std::string::npos) continue;
      ++report.scenarios;
      tasks.push_back({&flash, &sets[i], &scenario});
    }
  }
  if (tasks.empty()) return fail(Code::not_found, "no scenario and flash have such names");
  std::mutex mutex;
  parallel_for(
      tasks.size(),
      [&](std::size_t i, std::size_t) {
        {
          const std::lock_guard lock(mutex);
          if (options.most_cuts != 0 && report.cuts >= options.most_cuts) return;
        }
        NativeModules modules(models.arena_bytes);
        Trial trial(options, *tasks[i].flash, *tasks[i].scenario, models, modules, mix(options.seed, i));
        TortureReport part = trial.run(factory_flash(*tasks[i].set, *tasks[i].scenario));
        const std::lock_guard lock(mutex);
        report.add(std::move(part));
        if (progress) progress(report.cuts);
      },
      options.threads);
  for (const CutKind& kind : kCutKinds) report.kinds.emplace_back(kind.name);
  return report;
}

}  // namespace mote::simulation
