// `mote device run`: virtual devices that take updates while frames are lost and power fails.

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "command.hpp"
#include "mote/base/file.hpp"
#include "mote/base/parallel.hpp"
#include "mote/simulation/field_trial.hpp"
#include "text_table.hpp"

namespace mote::app {
namespace {

struct Options {
  std::vector<std::string> files;
  std::string board = "nucleo-l4r5zi";
  std::string way = "radio", clock = "none";
  std::vector<std::string> flip_in = {"module", "slot", "journal"};
  double valid_hours = 0, stale_hours = 0;
  unsigned count = 1;
  bool whole = false;
  simulation::FieldTrialOptions trial;
};

Json damage_json(const simulation::DamageOutcome& damage) {
  return {{"flips", {{"module", damage.module_flips}, {"slot", damage.slot_flips}, {"journal", damage.journal_flips}}},
          {"found", damage.found()},
          {"mended", damage.mended},
          {"replaced", damage.replaced},
          {"lost", damage.lost},
          {"fetched", damage.fetched},
          {"faults", damage.faults},
          {"damaged_inferences", damage.damaged_inferences},
          {"longest_damaged_s", damage.longest_damaged_s},
          {"older_s", damage.older_s},
          {"without_s", damage.without_s}};
}

Json update_json(const simulation::UpdateOutcome& update) {
  return {{"sequence", update.sequence},
          {"status", update.status},
          {"active", update.is_active},
          {"delta", update.is_delta},
          {"module_bytes", update.module_bytes},
          {"parcel_bytes", update.parcel_bytes},
          {"frames_sent", update.frames_sent},
          {"frames_lost", update.frames_lost},
          {"power_cuts", update.cuts},
          {"inferences", update.inferences},
          {"missed", update.missed},
          {"damage", damage_json(update.damage)}};
}

/// "3 h 20 min": as short as it says enough.
std::string duration(std::uint64_t seconds) {
  if (seconds == 0) return "0";
  if (seconds < 60) return std::to_string(seconds) + " s";
  const std::uint64_t minutes = (seconds + 30) / 60;
  if (minutes < 60) return std::to_string(minutes) + " min";
  return std::to_string(minutes / 60) + " h" + (minutes % 60 == 0 ? "" : " " + std::to_string(minutes % 60) + " min");
}

/// What flipped bits did, an update a line.
std::string damage_table(const std::vector<simulation::DeviceOutcome>& devices) {
  TextTable table({{"device", Align::right},
                   {"update", Align::right},
                   {"bits flipped in module", Align::right},
                   {"slot", Align::right},
                   {"journal", Align::right},
                   {"found", Align::right},
                   {"mended", Align::right},
                   {"older ran", Align::right},
                   {"sent again", Align::right},
                   {"faults", Align::right},
                   {"damaged for", Align::right},
                   {"older for", Align::right},
                   {"without a model for", Align::right}});
  for (const simulation::DeviceOutcome& device : devices) {
    for (const simulation::UpdateOutcome& update : device.updates) {
      const simulation::DamageOutcome& damage = update.damage;
      table.add({std::to_string(device.device), std::to_string(update.sequence), std::to_string(damage.module_flips),
                 std::to_string(damage.slot_flips), std::to_string(damage.journal_flips),
                 std::to_string(damage.found()), std::to_string(damage.mended), std::to_string(damage.replaced),
                 std::to_string(damage.fetched), std::to_string(damage.faults), duration(damage.longest_damaged_s),
                 duration(damage.older_s), duration(damage.without_s)});
    }
  }
  return table.text();
}

Outcome report(const Options& o, const std::vector<simulation::DeviceOutcome>& devices) {
  Outcome out;
  TextTable table({{"device", Align::right},
                   {"update", Align::right},
                   {"parcel", Align::right},
                   {"frames sent", Align::right},
                   {"lost", Align::right},
                   {"power cuts", Align::right},
                   {"inferences", Align::right},
                   {"missed", Align::right},
                   {"ended"},
                   {"runs", Align::right}});
  Json all = Json::array();
  for (const simulation::DeviceOutcome& device : devices) {
    Json updates = Json::array();
    for (const simulation::UpdateOutcome& update : device.updates) {
      updates.push_back(update_json(update));
      table.add(
          {std::to_string(device.device), std::to_string(update.sequence),
           grouped(update.parcel_bytes) + (update.is_delta ? " B, delta of " : " B of ") + grouped(update.module_bytes),
           grouped(update.frames_sent), grouped(update.frames_lost), std::to_string(update.cuts),
           grouped(update.inferences), grouped(update.missed), update.status,
           std::to_string(update.is_active ? update.sequence : device.active_sequence)});
    }
    out.holds = out.holds && !device.bricked && !device.downgraded && !device.damaged;
    all.push_back({{"device", device.device},
                   {"active_sequence", device.active_sequence},
                   {"bricked", device.bricked},
                   {"downgraded", device.downgraded},
                   {"damaged", device.damaged},
                   {"clock_error_s", device.knows_time ? Json(device.clock_error_s) : Json()},
                   {"stale", device.is_stale},
                   {"updates", std::move(updates)}});
  }
  out.text = table.text();
  const bool flips = o.trial.flips.count != 0;
  if (flips) out.text += damage_table(devices);
  const char* good = flips ? "every device runs the module it confirmed last, whole\n"
                           : "no device was ever without a model, none went back\n";
  out.text += out.holds ? good : "a device is without its model or went back: this must not happen, please report it\n";
  out.json = {{"board", o.board}, {"way", o.way}, {"seed", o.trial.seed}, {"devices", std::move(all)}};
  return out;
}

Result<Outcome> run(const Options& o, Progress& progress) {
  MOTE_TRY(const board::BoardSpec board, board::load_board(o.board));
  simulation::FieldTrialOptions options = o.trial;
  options.deltas = !o.whole;
  const auto flips_in = [&](std::string_view place) { return std::ranges::find(o.flip_in, place) != o.flip_in.end(); };
  options.flips.module = flips_in("module");
  options.flips.slot = flips_in("slot");
  options.flips.journal = flips_in("journal");
  MOTE_TRY(options.carrier, simulation::carrier_named(o.way));
  MOTE_TRY(options.world.clock, simulation::clock_named(o.clock));
  options.world.valid_s = static_cast<unsigned>(o.valid_hours * 3600);
  options.world.stale_after_s = static_cast<unsigned>(o.stale_hours * 3600);
  for (const std::string& file : o.files) {
    MOTE_TRY(Bytes module, read_file(file));
    if (auto needs = package::requirements_of(module, {}); !needs) return fail(std::move(needs).error(), file);
    options.modules.push_back(std::move(module));
  }
  std::vector<simulation::DeviceOutcome> devices(o.count);
  std::vector<std::optional<Error>> errors(o.count);
  std::mutex mutex;
  parallel_for(o.count, [&](std::size_t i, std::size_t) {
    auto outcome = simulation::run_in_field(board, options, static_cast<unsigned>(i), [&](const std::string& line) {
      const std::lock_guard lock(mutex);
      progress.note(line);
    });
    if (outcome)
      devices[i] = std::move(*outcome);
    else
      errors[i] = outcome.error();
  });
  for (auto& error : errors) {
    if (error) return fail(std::move(*error));
  }
  return report(o, devices);
}

}  // namespace

std::vector<Command> device_run_commands() {
  return {
      {"device run", "virtual devices take modules as updates while frames are lost and power fails",
       "mote device run v1.bin v2.bin --board nucleo-l4r5zi --way radio --loss 0.3 --cuts 10",
       [](CLI::App& app) -> Action {
         auto o = std::make_shared<Options>();
         app.add_option("MODULE", o->files,
                        "modules, as mote compile writes them: what a device has from the factory, then the updates")
             ->required()
             ->expected(2, 100);
         app.add_option("--board", o->board, "board of the catalogue, or a .toml file of your own")
             ->capture_default_str();
         app.add_option("--way", o->way, "how updates arrive")
             ->capture_default_str()
             ->check(CLI::IsMember({"network", "radio", "card"}));
         app.add_option("--count", o->count, "devices")->capture_default_str()->check(CLI::Range(1, 10000));
         app.add_option("--loss", o->trial.loss, "share of the radio's frames that are lost")
             ->capture_default_str()
             ->check(CLI::Range(0.0, 0.9));
         app.add_option("--burst", o->trial.burst, "mean length of a run of lost frames; 0: each for itself")
             ->capture_default_str()
             ->check(CLI::Range(0.0, 100.0));
         app.add_option("--frame", o->trial.frame_bytes, "largest frame of the radio in bytes")
             ->capture_default_str()
             ->check(CLI::Range(20, 250));
         app.add_option("--cuts", o->trial.cuts, "power cuts in each update, at random flash operations")
             ->capture_default_str()
             ->check(CLI::Range(0, 10000));
         app.add_option("--flips", o->trial.flips.count,
                        "bits of the flash that flip in each update and before the next one, at random times")
             ->capture_default_str()
             ->check(CLI::Range(0, 10000));
         app.add_option("--flip-in", o->flip_in,
                        "where: in the module that runs, in the slot that does not, in the journal")
             ->delimiter(',')
             ->capture_default_str()
             ->check(CLI::IsMember({"module", "slot", "journal"}));
         app.add_option("--seed", o->trial.seed, "decides what is lost, when power fails and which bits flip")
             ->capture_default_str();
         simulation::WorldOptions& world = o->trial.world;
         app.add_option("--clock", o->clock, "of the device: none, kept while power is off, or lost with it")
             ->capture_default_str()
             ->check(CLI::IsMember({"none", "kept", "lost"}));
         app.add_option("--drift", world.drift_ppm, "by how many millionths the clock is fast; negative: slow")
             ->capture_default_str()
             ->check(CLI::Range(-500000.0, 1000000.0));
         app.add_option("--clock-error", world.clock_error_s, "seconds by which it was wrong when it left the factory")
             ->capture_default_str();
         app.add_option("--pace", world.pace_s, "seconds between two frames or blocks")
             ->capture_default_str()
             ->check(CLI::Range(1, 86400));
         app.add_option("--valid", o->valid_hours, "hours after which a bundle is not installed any more; 0: for ever")
             ->capture_default_str()
             ->check(CLI::Range(0.0, 100000.0));
         app.add_option("--stale", o->stale_hours,
                        "hours without a new statement after which a report says so; 0: never")
             ->capture_default_str()
             ->check(CLI::Range(0.0, 100000.0));
         app.add_flag("--statements", world.statements, "a signed statement of the true time in front of each bundle");
         app.add_option("--battery-low", world.battery_low_percent, "percent to which the battery sinks every day")
             ->capture_default_str()
             ->check(CLI::Range(0, 100));
         app.add_option("--minimum-battery", world.minimum_battery_percent, "percent that a bundle wants")
             ->capture_default_str()
             ->check(CLI::Range(0, 100));
         app.add_flag("--whole", o->whole, "send whole modules, no deltas");
         app.add_flag("--encrypted", o->trial.encrypted, "encrypt what travels under the group's key");
         return [o](Progress& progress) { return run(*o, progress); };
       }}};
}

}  // namespace mote::app
