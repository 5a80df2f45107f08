// The torture on emulated boards: the same scenarios, cut where a sample says, run by the firmware that boards have.

#include <algorithm>

#include "mote/base/parallel.hpp"
#include "mote/simulation/board_device.hpp"
#include "mote/simulation/torture.hpp"
#include "power_cuts.hpp"

namespace mote::simulation {
namespace {

using device::AgentState;
using update::Status;

/// One device's life in a scenario, from the factory on, with power cuts at chosen operations.
class Trial {
 public:
  Trial(const board::BoardSpec& board, const ScenarioSet& set, const Scenario& scenario, const Models& models)
      : board_(board), set_(set), scenario_(scenario), models_(models) {}

  /// Without any cut.  @return operations that the scenario takes.
  Result<std::uint64_t> whole(TortureReport& report) {
    MOTE_TRY(BoardDevice device, BoardDevice::create(board_, set_.storage, factory_content(scenario_)));
    const std::uint64_t first = device.flash().operations();
    MOTE_TRY_VOID(device.start(update::ResetCause::power_on));
    MOTE_TRY(const bool ended, live(device, scenario_, models_, 1));
    const std::uint64_t operations = device.flash().operations() - first;
    if (!ended) report.note({"lost update", board_.name, scenario_.name, operations, "without any cut"});
    report.operations += operations;
    return operations;
  }

  /// Cut at one operation, and once more while it recovers if chance wants it.
  Result<void> cut(std::uint64_t operation, const CutKind& kind, Rng rng, TortureReport& report) {
    MOTE_TRY(BoardDevice device, BoardDevice::create(board_, set_.storage, factory_content(scenario_)));
    device.flash().cut_power_at({device.flash().operations() + operation, kind.progress, rng.next(), kind.unstable});
    bool second = rng.chance(0.5);
    std::optional<AgentState> before;
    const auto note = [&](const char* what, std::string detail) {
      report.note({what, board_.name, scenario_.name, operation, std::string(kind.name) + ": " + std::move(detail)});
    };
    for (unsigned cuts = 0;;) {
      auto state = device.start(update::ResetCause::power_on);
      if (state) {
        const std::string worse = fell_behind(before, *state);
        if (!worse.empty()) return note(worse == "bricked" ? "bricked" : "downgrade", worse), Result<void>{};
        before = *state;
        auto ended = live(device, scenario_, models_, cuts == 0 ? 1 : rng.next());
        if (ended) {
          MOTE_TRY(state, device.state());
          if (!*ended)
            note("lost update", std::string("stuck in ") + update::name(static_cast<update::Phase>(state->phase)));
          else if (state->active_sequence != scenario_.last_sequence)
            note("lost update", "runs " + std::to_string(state->active_sequence) + " in the end");
          return {};
        }
        if (device.flash().powered()) return fail(std::move(ended).error());
      } else if (device.flash().powered()) {
        return fail(std::move(state).error());
      }
      ++report.cuts;
      if (cuts++ != 0) ++report.second_cuts;
      MOTE_TRY_VOID(device.power_on(rng.next()));
      if (std::exchange(second, false)) {
        const CutKind& again = kCutKinds[rng.below(std::size(kCutKinds))];
        device.flash().cut_power_at(
            {device.flash().operations() + rng.below(12), again.progress, rng.next(), again.unstable});
      }
    }
  }

 private:
  /// What a device may not fall behind, whatever happens.
  [[nodiscard]] std::string fell_behind(const std::optional<AgentState>& before, const AgentState& now) const {
    const auto started = static_cast<Status>(now.answer);
    if (started != Status::ok && started != Status::waiting) return std::string("bricked");
    // A damaged module is not taken over from the factory, and may not run.
    const std::uint64_t from_factory = scenario_.damages_active ? 0 : scenario_.first_sequence;
    const bool had_module = before ? before->active_sequence != 0 : from_factory != 0;
    if (had_module && now.active_sequence == 0 && !scenario_.damages_active) return "bricked";
    const std::uint64_t confirmed = before ? before->confirmed_sequence : from_factory;
    if (now.confirmed_sequence < confirmed) return "confirmed " + std::to_string(now.confirmed_sequence);
    if (now.active_sequence != 0 && now.active_sequence < now.confirmed_sequence)
      return "runs " + std::to_string(now.active_sequence);
    if (before && (now.time_s < before->time_s || now.keys_version < before->keys_version)) return "time or keys";
    return "";
  }

  const board::BoardSpec& board_;
  const ScenarioSet& set_;
  const Scenario& scenario_;
  const Models& models_;
};

}  // namespace

Result<TortureReport> torture_on(const board::BoardSpec& board, const TortureOptions& options) {
  MOTE_TRY(const Models models, make_models(board));
  const Flash flash{board.name, {0, board.flash_sector_bytes, board.flash_write_bytes, 0}};
  MOTE_TRY(const ScenarioSet set, make_scenarios(flash, models));
  std::vector<const Scenario*> scenarios;
  for (const Scenario& scenario : set.scenarios) {
    if (scenario.name.find(options.scenario) != std::string::npos) scenarios.push_back(&scenario);
  }
  if (scenarios.empty()) return fail(Code::not_found, "no scenario has such a name");
  std::vector<TortureReport> parts(scenarios.size());
  std::vector<Result<void>> done(scenarios.size());
  const std::uint64_t wanted =
      std::max<std::uint64_t>(1, (options.most_cuts == 0 ? 1000 : options.most_cuts) / scenarios.size());
  parallel_for(
      scenarios.size(),
      [&](std::size_t i, std::size_t) {
        done[i] = [&]() -> Result<void> {
          Trial trial(board, set, *scenarios[i], models);
          MOTE_TRY(const std::uint64_t operations, trial.whole(parts[i]));
          Rng rng(mix(options.seed, i));
          while (parts[i].cuts < wanted) {
            const CutKind& kind = kCutKinds[rng.below(std::size(kCutKinds))];
            MOTE_TRY_VOID(trial.cut(rng.below(operations), kind, Rng(rng.next()), parts[i]));
          }
          return {};
        }();
      },
      options.threads);
  TortureReport report;
  report.scenarios = scenarios.size();
  report.flashes = 1;
  for (std::size_t i = 0; i < scenarios.size(); ++i) {
    if (!done[i]) return fail(std::move(done[i]).error());
    report.add(std::move(parts[i]));
  }
  for (const CutKind& kind : kCutKinds) report.kinds.emplace_back(kind.name);
  return report;
}

}  // namespace mote::simulation
