// `mote attack` and `mote device torture`: hostile parcels, senders and flash, and power cuts, against the shipping
// update agent.

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "command.hpp"
#include "mote/simulation/attack.hpp"
#include "mote/simulation/torture.hpp"

namespace mote::app {
namespace {

Result<simulation::Models> models_of_this_machine() {
  MOTE_TRY(const board::BoardSpec host, board::find_board("host"));
  return simulation::make_models(host);
}

Result<Outcome> attack(const std::string& only, bool list) {
  MOTE_TRY(const simulation::Models models, models_of_this_machine());
  MOTE_TRY(const simulation::AttackReport report, simulation::attack(models, only));
  Outcome out;
  out.holds = report.failed.empty();
  Json failed = Json::array();
  for (const simulation::AttackFailure& f : report.failed) {
    out.text += fmt::format("{}\n  expected {}, got {}\n", f.name, f.expected, f.got);
    failed.push_back({{"name", f.name}, {"expected", f.expected}, {"got", f.got}});
  }
  if (list) {
    for (const std::string& name : report.names) out.text += name + "\n";
  }
  out.text += fmt::format("{} attacks: {} refused, {} detected, {} failed\n", report.cases, report.refused,
                          report.detected, report.failed.size());
  out.json = {{"cases", report.cases},
              {"refused", report.refused},
              {"detected", report.detected},
              {"failed", std::move(failed)},
              {"names", report.names}};
  return out;
}

/// Mistakes that others made, built into the agent: a torture that does not find them proves nothing.
Result<std::size_t> planted_that_are_caught(const simulation::Models& models) {
  std::size_t caught = 0;
  for (const auto& [bug, flash, stride] :
       {std::tuple{update::PlantedBug::good_before_last_write, "STM32L4: ", std::uint64_t{3}},
        std::tuple{update::PlantedBug::trusts_half_erased, "LPC55", std::uint64_t{1}}}) {
    simulation::TortureOptions options;
    options.planted = bug;
    options.scenario = "update from a card";
    options.flash = flash;
    options.stride = stride;
    MOTE_TRY(const simulation::TortureReport report, simulation::torture(models, options));
    if (report.bricked + report.lost_updates + report.downgrades != 0) ++caught;
  }
  return caught;
}

/// Every how manieth operation is to be cut, so that about so many cuts are spread over all scenarios.
Result<std::uint64_t> stride_for(const simulation::Models& models, simulation::TortureOptions options) {
  const std::uint64_t wanted = options.most_cuts;
  if (wanted == 0) return 1;
  options.stride = ~std::uint64_t{0};  // counts operations, and cuts each scenario's first
  options.most_cuts = 0;
  MOTE_TRY(const simulation::TortureReport whole, simulation::torture(models, options));
  return std::max<std::uint64_t>(1, whole.operations * whole.kinds.size() / wanted);
}

void tell_findings(const simulation::TortureReport& report, Outcome& out) {
  Json findings = Json::array();
  for (const simulation::Finding& f : report.findings) {
    out.text += fmt::format("{}: {}, {}, operation {}: {}\n", f.what, f.flash, f.scenario, f.operation, f.detail);
    findings.push_back({{"what", f.what},
                        {"flash", f.flash},
                        {"scenario", f.scenario},
                        {"operation", f.operation},
                        {"detail", f.detail}});
  }
  out.json = {{"cuts", report.cuts},
              {"second_cuts", report.second_cuts},
              {"operations", report.operations},
              {"scenarios", report.scenarios},
              {"layouts", report.flashes},
              {"bricked", report.bricked},
              {"lost_updates", report.lost_updates},
              {"downgrades", report.downgrades},
              {"findings", std::move(findings)}};
}

Result<Outcome> torture_on_board(const std::string& name, const simulation::TortureOptions& options) {
  MOTE_TRY(const board::BoardSpec board, board::find_board(name));
  MOTE_TRY(const simulation::TortureReport report, simulation::torture_on(board, options));
  Outcome out;
  out.holds = report.bricked + report.lost_updates + report.downgrades == 0;
  tell_findings(report, out);
  out.text += fmt::format(
      "{} power cuts ({} of them while a device recovered) in {} scenarios on an emulated {}: {} bricked, {} updates "
      "lost, {} downgrades\n",
      report.cuts, report.second_cuts, report.scenarios, board.name, report.bricked, report.lost_updates,
      report.downgrades);
  out.json["board"] = board.name;
  out.json["seed"] = options.seed;
  return out;
}

Result<Outcome> torture(simulation::TortureOptions options, Progress& progress) {
  MOTE_TRY(const simulation::Models models, models_of_this_machine());
  MOTE_TRY(options.stride, stride_for(models, options));
  const std::uint64_t wanted = std::exchange(options.most_cuts, 0);
  MOTE_TRY(const simulation::TortureReport report, simulation::torture(models, options, [&](std::uint64_t cuts) {
             progress.step("power cuts", cuts, std::max(cuts, wanted), "");
           }));
  MOTE_TRY(const std::size_t caught, planted_that_are_caught(models));
  constexpr std::size_t kPlanted = 2;
  Outcome out;
  out.holds = report.bricked + report.lost_updates + report.downgrades == 0 && caught == kPlanted;
  tell_findings(report, out);
  out.text += fmt::format(
      "{} power cuts ({} of them while a device recovered) in {} scenarios on {} kinds of flash: {} bricked, {} "
      "updates lost, {} downgrades; {} of {} planted mistakes caught\n",
      report.cuts, report.second_cuts, report.scenarios, report.flashes, report.bricked, report.lost_updates,
      report.downgrades, caught, kPlanted);
  out.json["planted_bugs"] = {{"planted", kPlanted}, {"caught", caught}};
  out.json["seed"] = options.seed;
  return out;
}

}  // namespace

std::vector<Command> attack_commands() {
  return {
      {"attack", "attack a device that takes updates, and say what it refused and detected",
       "mote attack --only rollback",
       [](CLI::App& app) -> Action {
         auto only = std::make_shared<std::string>();
         auto list = std::make_shared<bool>(false);
         app.add_option("--only", *only, "attacks whose name contains this")->option_text("TEXT");
         app.add_flag("--list", *list, "name each attack");
         return [=](Progress&) { return attack(*only, *list); };
       }},
      {"device torture", "cut a device's power at every flash operation while it takes updates",
       "mote device torture --cuts 50000", [](CLI::App& app) -> Action {
         auto o = std::make_shared<simulation::TortureOptions>();
         app.add_option("--cuts", o->most_cuts, "about so many cuts; 0: at every operation")->capture_default_str();
         app.add_option("--seed", o->seed, "of unstable bits and second cuts")->capture_default_str();
         app.add_option("--scenario", o->scenario, "scenarios whose name contains this")->option_text("TEXT");
         auto* flash =
             app.add_option("--flash", o->flash, "kinds of flash whose name contains this")->option_text("TEXT");
         auto board = std::make_shared<std::string>();
         app.add_option("--board", *board, "a sample on this emulated board (--cuts 0: a thousand) with its firmware")
             ->excludes(flash);
         app.add_option("--threads", o->threads, "devices at once")->capture_default_str()->check(CLI::Range(1, 256));
         return
             [=](Progress& progress) { return board->empty() ? torture(*o, progress) : torture_on_board(*board, *o); };
       }}};
}

}  // namespace mote::app
