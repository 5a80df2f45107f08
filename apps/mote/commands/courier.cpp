// `mote courier`: parcels to devices that have no network, and their reports back. `mote fleet reports`: what came.

#include "mote/fleet/courier.hpp"

#include <fmt/format.h>

#include "command.hpp"
#include "mote/base/file.hpp"
#include "mote/fleet/serial_port.hpp"
#include "mote/package/report.hpp"
#include "package_options.hpp"
#include "text_table.hpp"

namespace mote::app {
namespace {

std::string plural(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

struct ServerOptions {
  std::string pouch, url, trusted, vendor, klass, device;
  [[nodiscard]] fleet::HttpClientOptions client() const {
    fleet::HttpClientOptions options;
    options.trusted = trusted;
    return options;
  }
};

bool is_coap(const std::string& url) { return url.starts_with("coap:"); }

void add_server(CLI::App& app, ServerOptions& o) {
  app.add_option("POUCH", o.pouch, "folder of what is carried; made when it is not there")->required();
  app.add_option("--server", o.url, "http://host:port, https://host:port or coap://host:port of a mote serve")
      ->required();
  app.add_option("--trust", o.trusted, "certificates to trust for https (PEM), instead of the system's");
}

Result<Outcome> fetch(const ServerOptions& o) {
  MOTE_TRY(fleet::Pouch pouch, fleet::Pouch::open(o.pouch));
  std::vector<fleet::ParcelQuery> more;
  if (o.vendor.empty() != o.klass.empty()) return fail(Code::invalid_argument, "--vendor and --class go together");
  if (!o.device.empty() && o.klass.empty())
    return fail(Code::invalid_argument, "--device needs its --vendor and --class");
  if (!o.klass.empty()) {
    fleet::ParcelQuery query;
    query.vendor = vendor_of(o.vendor);
    query.klass = class_of(*query.vendor, o.klass);
    if (!o.device.empty()) {
      MOTE_TRY(query.device, uuid_of(o.device, "--device"));
    }
    more.push_back(query);
  }
  if (more.empty() && pouch.devices().empty())
    return fail(Code::invalid_argument, o.pouch + " knows no device yet: say --vendor and --class, or visit one first");
  MOTE_TRY(const auto server, is_coap(o.url) ? fleet::coap_parcels(o.url) : fleet::http_parcels(o.url, o.client()));
  MOTE_TRY(const fleet::PickUp picked, fleet::pick_up(pouch, *server, more));
  return Outcome{
      fmt::format("{}: {} new ({} bytes read), {} there already\n", o.pouch, plural(picked.parcels, "parcel"),
                  picked.bytes, picked.known),
      Json{{"pouch", o.pouch}, {"parcels", picked.parcels}, {"bytes", picked.bytes}, {"known", picked.known}}};
}

Action set_up_fetch(CLI::App& app) {
  auto o = std::make_shared<ServerOptions>();
  add_server(app, *o);
  app.add_option("--vendor", o->vendor, "of devices that were not visited yet: domain or UUID");
  app.add_option("--class", o->klass, "their class: name or UUID");
  app.add_option("--device", o->device, "one of them, for parcels that are for it alone: UUID");
  return [o](Progress&) { return fetch(*o); };
}

struct VisitWords {
  std::string pouch, port, card;
  unsigned baud = 115200;
  bool take = false;
};

Result<Outcome> exchange_card(const VisitWords& o, fleet::Pouch& pouch) {
  MOTE_TRY(const fleet::CardExchange done, fleet::exchange_card(pouch, o.card));
  return Outcome{fmt::format("{}: {} put onto it; {} and {} taken from it, {} passed over\n", o.card,
                             plural(done.parcels, "parcel"), plural(done.reports, "report"),
                             plural(done.taken, "parcel"), plural(done.passed_over, "file")),
                 Json{{"card", o.card},
                      {"parcels", done.parcels},
                      {"reports", done.reports},
                      {"taken", done.taken},
                      {"passed_over", done.passed_over}}};
}

Result<Outcome> visit(const VisitWords& o, Progress& progress) {
  if (o.port.empty() == o.card.empty()) return fail(Code::invalid_argument, "say --port or --card");
  MOTE_TRY(fleet::Pouch pouch, fleet::Pouch::open(o.pouch));
  if (!o.card.empty()) return exchange_card(o, pouch);
  MOTE_TRY(const auto line, fleet::open_serial_port(o.port, o.baud));
  fleet::VisitOptions options;
  options.take_held = o.take;
  options.serial.progress = [&](std::size_t stored, std::size_t blocks) {
    if (stored == blocks) progress.note(fmt::format("{} blocks are with the device", blocks));
  };
  auto visited = fleet::visit(pouch, *line, options);
  if (!visited) return fail(std::move(visited).error(), o.port);
  const fleet::Visit& visit = *visited;
  Outcome out;
  out.text = fmt::format("device {}: ran sequence {}, {} taken\n", to_hex(visit.device.device),
                         visit.device.active_sequence, plural(visit.reports, "new report"));
  Json handovers = Json::array();
  for (const fleet::Handover& handover : visit.handovers) {
    const std::string what =
        handover.sequence == 0 ? "statements" : fmt::format("the module of sequence {}", handover.sequence);
    const bool is_under_way = handover.status == update::Status::waiting;
    out.text +=
        fmt::format("  given {}: {}\n", what, is_under_way ? "it is at work on it" : update::name(handover.status));
    handovers.push_back({{"parcel", handover.parcel.hex()},
                         {"sequence", handover.sequence},
                         {"status", update::name(handover.status)}});
  }
  if (visit.is_busy) out.text += "  it was busy with another parcel, and was given nothing\n";
  if (visit.took_parcel) out.text += "  the parcel that it holds was taken along\n";
  out.json = {{"device", to_hex(visit.device.device)},
              {"active_sequence", visit.device.active_sequence},
              {"reports", visit.reports},
              {"busy", visit.is_busy},
              {"took_parcel", visit.took_parcel},
              {"handovers", std::move(handovers)}};
  return out;
}

Action set_up_visit(CLI::App& app) {
  auto o = std::make_shared<VisitWords>();
  app.add_option("POUCH", o->pouch, "folder of what is carried; made when it is not there")->required();
  app.add_option("--port", o->port, "serial port of a device");
  app.add_option("--baud", o->baud, "its rate")->capture_default_str();
  app.add_flag("--take", o->take, "take along the parcel that the device holds, for others of its kind");
  app.add_option("--card", o->card, "folder of a card or stick that goes to devices")->excludes("--port");
  return [o](Progress& progress) { return visit(*o, progress); };
}

Result<Outcome> deliver(const ServerOptions& o) {
  MOTE_TRY(fleet::Pouch pouch, fleet::Pouch::open(o.pouch));
  MOTE_TRY(const auto server, is_coap(o.url) ? fleet::coap_reports(o.url) : fleet::http_reports(o.url, o.client()));
  MOTE_TRY(const fleet::Delivery delivery, fleet::deliver(pouch, *server));
  Outcome out;
  out.text = fmt::format("{} brought, {} known there already\n", plural(delivery.brought, "report"), delivery.known);
  Json refused = Json::array();
  for (const fleet::Delivery::Refusal& refusal : delivery.refused) {
    out.text += fmt::format("  {}: refused ({})\n", refusal.file, update::name(refusal.status));
    refused.push_back({{"file", refusal.file}, {"status", update::name(refusal.status)}});
  }
  out.holds = delivery.refused.empty();
  out.json = {{"brought", delivery.brought},
              {"known", delivery.known},
              {"kept", delivery.kept},
              {"refused", std::move(refused)}};
  return out;
}

Action set_up_deliver(CLI::App& app) {
  auto o = std::make_shared<ServerOptions>();
  add_server(app, *o);
  return [o](Progress&) { return deliver(*o); };
}

Result<Outcome> show(const std::string& folder) {
  MOTE_TRY(fleet::Pouch pouch, fleet::Pouch::open(folder));
  Outcome out;
  Json devices = Json::array(), parcels = Json::array();
  for (const auto& parcel : pouch.parcels()) {
    std::uint64_t sequence = 0;
    for (const auto& bundle : parcel->bundles) sequence = std::max(sequence, bundle.sequence);
    const bool is_delta = !parcel->bundles.empty() && parcel->bundles.front().base;
    out.text +=
        fmt::format("parcel {}: {}, {} bytes\n", parcel->digest.short_hex(),
                    sequence == 0 ? "statements" : fmt::format("sequence {}{}", sequence, is_delta ? ", a delta" : ""),
                    parcel->bytes.size());
    parcels.push_back({{"digest", parcel->digest.hex()},
                       {"sequence", sequence},
                       {"delta", is_delta},
                       {"bytes", parcel->bytes.size()}});
  }
  for (const fleet::PouchDevice& device : pouch.devices()) {
    out.text += fmt::format("device {}: ran sequence {} when it was visited\n", to_hex(device.who.device),
                            device.who.active_sequence);
    devices.push_back({{"device", to_hex(device.who.device)}, {"active_sequence", device.who.active_sequence}});
  }
  const std::size_t on_their_way = pouch.reports().size();
  const std::size_t delivered = pouch.count(fleet::Pouch::Fate::delivered);
  const std::size_t refused = pouch.count(fleet::Pouch::Fate::refused);
  out.text +=
      fmt::format("{} on their way, {} delivered, {} refused\n", plural(on_their_way, "report"), delivered, refused);
  out.json = {{"parcels", std::move(parcels)},
              {"devices", std::move(devices)},
              {"reports", {{"on_their_way", on_their_way}, {"delivered", delivered}, {"refused", refused}}}};
  return out;
}

Action set_up_show(CLI::App& app) {
  auto pouch = std::make_shared<std::string>();
  app.add_option("POUCH", *pouch, "folder of what is carried")->required()->check(CLI::ExistingDirectory);
  return [pouch](Progress&) { return show(*pouch); };
}

struct ReportsWords {
  std::string folder, keys;
};

Result<Outcome> fleet_reports(const ReportsWords& o) {
  MOTE_TRY(const auto reports, fleet::ReportFolder::open(o.folder, o.keys));
  Outcome out;
  Json devices = Json::array();
  TextTable table({{"device"},
                   {"reports", Align::right},
                   {"missing", Align::right},
                   {"runs", Align::right},
                   {"confirmed", Align::right},
                   {"state"},
                   {"last update"},
                   {"time", Align::right}});
  for (const fleet::ReportedDevice& device : reports->devices()) {
    const package::Report& latest = device.latest;
    table.add({to_hex(latest.device), std::to_string(device.reports), std::to_string(device.missing),
               std::to_string(latest.active_sequence), std::to_string(latest.confirmed_sequence),
               std::string(update::name(latest.phase)) + (latest.is_stale ? ", stale" : ""),
               update::name(latest.last_status), std::to_string(latest.time_s)});
    devices.push_back({{"device", to_hex(latest.device)},
                       {"reports", device.reports},
                       {"missing", device.missing},
                       {"counted_anew", device.duplicates},
                       {"number", latest.number},
                       {"active_sequence", latest.active_sequence},
                       {"confirmed_sequence", latest.confirmed_sequence},
                       {"phase", update::name(latest.phase)},
                       {"last_status", update::name(latest.last_status)},
                       {"last_sequence", latest.last_sequence},
                       {"time", latest.time_s},
                       {"keys_version", latest.keys_version},
                       {"stale", latest.is_stale}});
  }
  out.text = devices.empty() ? "no device has reported\n" : table.text();
  out.json = {{"devices", std::move(devices)}};
  return out;
}

Action set_up_fleet_reports(CLI::App& app) {
  auto o = std::make_shared<ReportsWords>();
  app.add_option("REPORTS", o->folder, "folder that mote serve --reports keeps")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--report-keys", o->keys, "folder with DEVICE.key for each device")->required();
  return [o](Progress&) { return fleet_reports(*o); };
}

}  // namespace

std::vector<Command> courier_commands() {
  return {{"courier fetch", "picks up from a server what devices without a network can use",
           "mote courier fetch pouch --server http://192.0.2.1:8080 --vendor example.com --class thermometer",
           set_up_fetch},
          {"courier visit", "gives a device what it can use and takes its report along, by serial port or card",
           "mote courier visit pouch --port /dev/ttyACM0", set_up_visit},
          {"courier deliver", "brings reports to a server", "mote courier deliver pouch --server http://192.0.2.1:8080",
           set_up_deliver},
          {"courier show", "what a courier carries", "mote courier show pouch", set_up_show},
          {"fleet reports", "what devices said last, of the reports that couriers brought",
           "mote fleet reports reports --report-keys keys", set_up_fleet_reports}};
}

}  // namespace mote::app
