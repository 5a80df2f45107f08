// `mote serve`: a folder of parcels over HTTP and CoAP. `mote device send`: a parcel over a serial line.

#include <fmt/format.h>

#include "command.hpp"
#include "mote/base/file.hpp"
#include "mote/fleet/coap_server.hpp"
#include "mote/fleet/http_server.hpp"
#include "mote/fleet/serial_port.hpp"
#include "stop_signals.hpp"

namespace mote::app {
namespace {

struct ServeOptions {
  std::string folder;
  std::string address = "0.0.0.0";
  int http = -1, coap = -1;
  std::string certificate, key;
  std::string reports, report_keys;
};

Result<Outcome> serve(ServeOptions o, Progress& progress) {
  constexpr int kUsualHttpPort = 8080;
  if (o.certificate.empty() != o.key.empty())
    return fail(Code::invalid_argument, "--tls-cert and --tls-key go together");
  if (o.http < 0 && o.coap < 0) o.http = kUsualHttpPort;
  if (o.http < 0 && !o.certificate.empty())
    return fail(Code::invalid_argument, "--tls-cert means nothing without --http");
  if (o.reports.empty() != o.report_keys.empty())
    return fail(Code::invalid_argument, "--reports and --report-keys go together: no report is kept unverified");
  const StopSignals stop;
  std::unique_ptr<fleet::ReportFolder> reports;
  if (!o.reports.empty()) {
    MOTE_TRY(reports, fleet::ReportFolder::open(o.reports, o.report_keys));
  }
  MOTE_TRY(const auto folder, fleet::ParcelFolder::open(o.folder));
  std::unique_ptr<fleet::HttpServer> http;
  std::unique_ptr<fleet::CoapServer> coap;
  Outcome out;
  if (o.http >= 0) {
    fleet::HttpServerOptions options;
    options.address = o.address;
    options.port = static_cast<std::uint16_t>(o.http);
    options.reports = reports.get();
    if (!o.certificate.empty()) options.tls = fleet::TlsFiles{o.certificate, o.key};
    MOTE_TRY(http, fleet::HttpServer::start(*folder, options));
    progress.note(fmt::format("{}://{}:{}/parcels", options.tls ? "https" : "http", o.address, http->port()));
    out.json["http"] = http->port();
  }
  if (o.coap >= 0) {
    fleet::CoapServerOptions options{o.address, static_cast<std::uint16_t>(o.coap)};
    options.reports = reports.get();
    MOTE_TRY(coap, fleet::CoapServer::start(*folder, options));
    progress.note(fmt::format("coap://{}:{}/parcels", o.address, coap->port()));
    out.json["coap"] = coap->port();
  }
  stop.wait();
  out.text = "stopped\n";
  return out;
}

Command serve_command() {
  return {
      "serve", "parcels of a folder for devices, over HTTP with ranges and CoAP with blocks",
      "mote serve --bundles parcels --http 8080 --coap 5683", [](CLI::App& app) -> Action {
        auto o = std::make_shared<ServeOptions>();
        app.add_option("--bundles", o->folder, "folder of parcels, as mote pack writes them; may change meanwhile")
            ->required();
        app.add_option("--http", o->http, "port; 0: any free one; 8080 when neither this nor --coap is given")
            ->check(CLI::Range(0, 65535));
        app.add_option("--coap", o->coap, "port; 0: any free one; 5683 is the usual one")->check(CLI::Range(0, 65535));
        app.add_option("--address", o->address, "of this machine, to listen at")->capture_default_str();
        app.add_option("--tls-cert", o->certificate, "certificate chain (PEM): HTTPS instead of HTTP");
        app.add_option("--tls-key", o->key, "its key (PEM)");
        app.add_option("--reports", o->reports,
                       "folder for reports that devices and couriers send; only authentic ones are kept");
        app.add_option("--report-keys", o->report_keys, "folder with DEVICE.key for each device");
        return [o](Progress& progress) { return serve(*o, progress); };
      }};
}

struct SendOptions {
  std::string file, port;
  unsigned baud = 115200;
  std::size_t block_bytes = 256;
};

Result<Outcome> send(const SendOptions& o, Progress& progress) {
  MOTE_TRY(const Bytes parcel, read_file(o.file, fleet::ParcelFolder::kMaxParcelBytes));
  MOTE_TRY(const auto line, fleet::open_serial_port(o.port, o.baud));
  fleet::SerialSenderOptions options;
  options.block_bytes = o.block_bytes;
  std::size_t reported = 0;
  options.progress = [&](std::size_t stored, std::size_t blocks) {
    if (stored * 10 / blocks == reported) return;
    reported = stored * 10 / blocks;
    progress.note(fmt::format("{} of {} blocks", stored, blocks));
  };
  auto sent = fleet::send_over_serial(*line, parcel, options);
  if (!sent) return fail(std::move(sent).error(), o.port);
  const bool ended = sent->phase == update::Phase::idle;
  Outcome out;
  out.holds = !ended || sent->status == update::Status::ok;
  out.text = ended ? fmt::format("the device has ended the update: {}; it runs sequence {}\n", name(sent->status),
                                 sent->active_sequence)
                   : fmt::format("the device has the parcel and is {}\n", name(sent->phase));
  out.json = {{"phase", name(sent->phase)},
              {"status", ended ? Json(name(sent->status)) : Json()},
              {"active_sequence", sent->active_sequence},
              {"blocks_sent", sent->blocks_sent},
              {"requests_repeated", sent->requests_repeated}};
  return out;
}

Command send_command() {
  return {"device send", "sends a parcel to a device over a serial line",
          "mote device send v2.parcel --port /dev/ttyACM0", [](CLI::App& app) -> Action {
            auto o = std::make_shared<SendOptions>();
            app.add_option("PARCEL", o->file, "what mote pack wrote")->required();
            app.add_option("--port", o->port, "the serial port")->required();
            app.add_option("--baud", o->baud, "its rate")->capture_default_str();
            app.add_option("--block", o->block_bytes, "bytes sent at once; less where the device has less room")
                ->capture_default_str()
                ->check(CLI::Range(16, 1024));
            return [o](Progress& progress) { return send(*o, progress); };
          }};
}

}  // namespace

std::vector<Command> serve_commands() { return {serve_command(), send_command()}; }

}  // namespace mote::app
