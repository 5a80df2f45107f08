// `mote device plug`: a virtual device on a serial port of its own, for couriers and `mote device send`.

#include <fmt/format.h>

#include "command.hpp"
#include "mote/base/file.hpp"
#include "mote/package/encryption.hpp"
#include "mote/package/report.hpp"
#include "mote/simulation/plugged_device.hpp"
#include "package_options.hpp"
#include "stop_signals.hpp"

namespace mote::app {
namespace {

struct Options {
  std::string module, board = "nucleo-l4r5zi", vendor, klass, device, keys, report_key, group_key, device_key, flash;
  std::uint64_t sequence = 1;
  double seconds = 0;
};

Result<simulation::PluggedOptions> plugged_options(const Options& o) {
  simulation::PluggedOptions options;
  package::FactoryOptions& factory = options.factory;
  factory.vendor = vendor_of(o.vendor);
  factory.klass = class_of(factory.vendor, o.klass);
  MOTE_TRY(factory.device, uuid_of(o.device, "--device"));
  MOTE_TRY(factory.keys, read_file(o.keys));
  MOTE_TRY(factory.device_key, package::read_report_key(o.report_key));
  if (!o.group_key.empty()) {
    MOTE_TRY(factory.group_key, package::read_group_key(o.group_key));
  }
  if (!o.device_key.empty()) {
    MOTE_TRY(factory.agreement_key, package::read_agreement_secret(o.device_key));
  }
  MOTE_TRY(factory.module, read_file(o.module));
  if (auto needs = package::requirements_of(factory.module, {}); !needs)
    return fail(std::move(needs).error(), o.module);
  factory.sequence = o.sequence;
  options.flash = o.flash;
  return options;
}

Result<Outcome> plug(const Options& o, Progress& progress) {
  const StopSignals stop;
  MOTE_TRY(const board::BoardSpec board, board::load_board(o.board));
  MOTE_TRY(const simulation::PluggedOptions options, plugged_options(o));
  MOTE_TRY(const auto device, simulation::PluggedDevice::plug(board, options));
  progress.note(device->port());
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::milliseconds(static_cast<std::int64_t>(1000 * std::max(o.seconds, 0.0)));
  device::AgentState state{};
  while (!stop.came() && (o.seconds <= 0 || std::chrono::steady_clock::now() < end)) {
    MOTE_TRY(state, device->live(std::chrono::milliseconds(100)));
  }
  MOTE_TRY_VOID(device->save());
  const char* phase = update::name(static_cast<update::Phase>(state.phase));
  return Outcome{fmt::format("runs sequence {}, {} is confirmed, its state is {}\n", state.active_sequence,
                             state.confirmed_sequence, phase),
                 Json{{"port", device->port()},
                      {"active_sequence", state.active_sequence},
                      {"confirmed_sequence", state.confirmed_sequence},
                      {"phase", phase},
                      {"last_status", update::name(static_cast<update::Status>(state.last_status))}}};
}

}  // namespace

std::vector<Command> device_plug_commands() {
  return {{"device plug", "a virtual device on a serial port of its own, which it prints, until it is stopped",
           "mote device plug v1.bin --board nucleo-l4r5zi --vendor example.com --class thermometer "
           "--device 00000000000000000000000000000001 --keys keys.cose --report-key device1.key --flash device1.flash",
           [](CLI::App& app) -> Action {
             auto o = std::make_shared<Options>();
             app.add_option("MODULE", o->module, "what it has from the factory")->required();
             app.add_option("--sequence", o->sequence, "of that module")->capture_default_str();
             app.add_option("--board", o->board, "board of the catalogue, host, or a .toml file of your own")
                 ->capture_default_str();
             app.add_option("--vendor", o->vendor, "the vendor's domain, or UUID")->required();
             app.add_option("--class", o->klass, "the class of devices: its name, or UUID")->required();
             app.add_option("--device", o->device, "its own UUID")->required();
             app.add_option("--keys", o->keys, "the keys document that it has from the factory")->required();
             app.add_option("--report-key", o->report_key, "the key with which it signs its reports")->required();
             app.add_option("--group-key", o->group_key, "the key of its group, for what is encrypted");
             app.add_option("--device-key", o->device_key, "its private key, for what is encrypted for it alone");
             app.add_option("--flash", o->flash, "file that keeps its flash from one call to the next");
             app.add_option("--for", o->seconds, "seconds after which it is unplugged; 0: when it is stopped")
                 ->capture_default_str();
             return [o](Progress& progress) { return plug(*o, progress); };
           }}};
}

}  // namespace mote::app
