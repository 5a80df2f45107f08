#include "update/report.hpp"

namespace mote::update {
namespace {

void write_payload(CborWriter& w, const ReportContent& content) {
  const std::uint64_t numbers[] = {content.number,
                                   static_cast<unsigned>(content.phase),
                                   content.active_sequence,
                                   content.confirmed_sequence,
                                   static_cast<unsigned>(content.last_status),
                                   content.last_sequence,
                                   content.time_s,
                                   content.keys_version,
                                   content.is_stale};
  const std::uint64_t* number = numbers;
  w.map(11);
  for (unsigned key = 1; key <= 11; ++key) {
    w.unsigned_int(key);
    if (key == 2) {
      w.bytes(content.device);
    } else if (key == 5) {
      w.bytes(content.active_digest);
    } else {
      w.unsigned_int(*number++);
    }
  }
}

}  // namespace

void report_tag(Bytes key, Bytes payload, std::uint8_t (&tag)[32]) {
  std::uint8_t prefix[48];
  CborWriter writer{MutableBytes(prefix)};
  writer.array(4);
  writer.text("MAC0");
  writer.bytes(kReportHeader);
  writer.bytes(bytes_of_text(kReportAad));
  writer.bytes_head(payload.size);
  HmacSha256 mac(key);
  mac.update(writer.written());
  mac.update(payload);
  mac.finish(tag);
}

std::size_t write_report(const ReportContent& content, Bytes key, MutableBytes to) {
  std::uint8_t payload[kMaxReportBytes - 48];
  CborWriter inner{MutableBytes(payload)};
  write_payload(inner, content);
  std::uint8_t tag[32];
  report_tag(key, inner.written(), tag);
  CborWriter w(to);
  w.tag(kTagMac0);
  w.array(4);
  w.bytes(kReportHeader);
  w.map(0);
  w.bytes(inner.written());
  w.bytes(tag);
  return inner.fits() && w.fits() ? w.size() : 0;
}

}  // namespace mote::update
