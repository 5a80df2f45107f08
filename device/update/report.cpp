#include "update/report.hpp"

namespace mote::update {
namespace {

void write_payload(CborWriter& w, const ReportContent& content) {
  unsigned last = 0;
  const auto key = [&] { w.unsigned_int(++last); };
  w.map(11);
  key();
  w.unsigned_int(content.number);
  key();
  w.bytes(content.device);
  key();
  w.unsigned_int(static_cast<unsigned>(content.phase));
  key();
  w.unsigned_int(content.active_sequence);
  key();
  w.bytes(content.active_digest);
  key();
  w.unsigned_int(content.confirmed_sequence);
  key();
  w.unsigned_int(static_cast<unsigned>(content.last_status));
  key();
  w.unsigned_int(content.last_sequence);
  key();
  w.unsigned_int(content.time_s);
  key();
  w.unsigned_int(content.keys_version);
  key();
  w.unsigned_int(content.is_stale ? 1 : 0);
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
