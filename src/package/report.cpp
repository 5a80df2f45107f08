#include "mote/package/report.hpp"

#include <algorithm>

#include "cbor.hpp"
#include "key_file.hpp"
#include "mote/base/file.hpp"
#include "primitives.hpp"
#include "update/cose.hpp"
#include "update/report.hpp"

namespace mote::package {
namespace {

using update::Status;

constexpr std::size_t kDigestBytes = 32;

/// A COSE_Mac0 taken apart; nothing is verified.
struct Mac0 {
  update::Bytes payload, tag;
};

Status read_mac0(ByteSpan report, Mac0& out) {
  if (report.size() > update::kMaxReportBytes) return Status::too_large;
  update::CborReader reader(view(report));
  if (reader.tag() != update::kTagMac0 || reader.array() != 4) reader.fail(Status::malformed);
  const update::Bytes header = reader.bytes();
  if (reader.status() == Status::ok && !equal(header, update::kReportHeader))
    reader.fail(Status::unsupported_algorithm);
  if (reader.map() != 0) reader.fail(Status::malformed);
  out.payload = reader.bytes();
  out.tag = reader.bytes(32);
  return reader.finish();
}

Status read_payload(update::Bytes payload, Report& out) {
  update::CborReader reader(payload);
  unsigned key = 0;
  const auto number = [&] {
    reader.number(++key);
    return reader.unsigned_int();
  };
  const auto limited = [&](std::uint32_t limit) {
    reader.number(++key);
    return reader.unsigned_int(limit);
  };
  const auto bytes = [&] {
    reader.number(++key);
    return reader.bytes();
  };
  if (reader.map() != 11) reader.fail(Status::malformed);
  out.number = limited(0xffffffff);
  const update::Bytes device = bytes();
  out.phase = static_cast<update::Phase>(limited(7));
  out.active_sequence = number();
  const update::Bytes digest = bytes();
  out.confirmed_sequence = number();
  out.last_status = static_cast<Status>(limited(127));
  out.last_sequence = number();
  out.time_s = number();
  out.keys_version = limited(0xffffffff);
  out.is_stale = limited(1) != 0;
  if (device.size != out.device.size()) reader.fail(Status::malformed);
  if (digest.size != 0 && digest.size != kDigestBytes) reader.fail(Status::malformed);
  if (reader.finish() != Status::ok) return reader.status();
  std::copy_n(device.data, device.size, out.device.begin());
  out.active_digest.assign(digest.data, digest.data + digest.size);
  return Status::ok;
}

}  // namespace

ReportKey new_report_key() {
  ReportKey key{};
  random_bytes(key);
  return key;
}

Result<ReportKey> read_report_key(const std::filesystem::path& file) {
  MOTE_TRY(std::string text, read_text(file, 256));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  const auto bytes = from_hex(text);
  ReportKey key{};
  if (!bytes || bytes->size() != key.size())
    return fail(Code::malformed,
                file.string() + ": no key of reports: 64 hexadecimal digits (`mote keys new --for report` makes one)");
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return key;
}

Result<void> write_report_key(const std::filesystem::path& file, const ReportKey& key) {
  return create_secret_file(file, as_bytes(to_hex(key) + "\n"));
}

Status parse_report(ByteSpan report, Report& out) {
  Mac0 message;
  MOTE_UPDATE_TRY(read_mac0(report, message));
  return read_payload(message.payload, out);
}

Status open_report(ByteSpan report, const ReportKey& device_key, Report& out) {
  Mac0 message;
  MOTE_UPDATE_TRY(read_mac0(report, message));
  std::uint8_t expected[32];
  update::report_tag(view(device_key), message.payload, expected);
  if (!update::equal_constant_time(expected, message.tag)) return Status::bad_signature;
  return read_payload(message.payload, out);
}

Result<Report> read_report(ByteSpan report, const ReportKey& device_key, std::uint32_t last_number) {
  Report out;
  Status status = open_report(report, device_key, out);
  if (status == Status::ok && out.number <= last_number) status = Status::replayed;
  if (status != Status::ok)
    return fail(Code::malformed, std::string(update::name(status)) + ": the report is not accepted");
  return out;
}

std::string describe(const Report& report) {
  std::string text = "number " + std::to_string(report.number) + " of device " + to_hex(report.device) + ": ";
  text += report.active_digest.empty() ? std::string("runs no module")
                                       : "runs sequence " + std::to_string(report.active_sequence) + " (module " +
                                             to_hex(ByteSpan(report.active_digest).first(8)) + "...)";
  text +=
      ", " + std::to_string(report.confirmed_sequence) + " is confirmed, its state is " + update::name(report.phase);
  text += report.last_sequence == 0 && report.last_status == Status::ok
              ? ""
              : ", the last update (sequence " + std::to_string(report.last_sequence) + ") ended " +
                    update::name(report.last_status);
  text += report.time_s == 0 ? ", it knows no time" : ", its time is " + std::to_string(report.time_s);
  text += ", keys document " + std::to_string(report.keys_version);
  if (report.is_stale) text += ", and it has heard nothing new for longer than it should (stale)";
  return text;
}

}  // namespace mote::package
