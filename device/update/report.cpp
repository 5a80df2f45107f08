#include "update/report.hpp"

namespace mote::update {
namespace {

/// What a report has before its payload: 17([{1: 5}, {}, ...
constexpr std::uint8_t kStart[] = {0xd1, 0x84, 0x43, 0xa1, 0x01, 0x05, 0xa0};
/// The same of MAC_structure (RFC 9052, 6.3): ["MAC0", {1: 5}, external_aad, ...
constexpr std::uint8_t kMacStart[] = {0x84, 0x64, 'M', 'A', 'C', '0', 0x43, 0xa1, 0x01, 0x05, 0x4d, 'm',
                                      'o',  't',  'e', ' ', 'r', 'e', 'p',  'o',  'r',  't',  ' ',  '1'};

[[gnu::noinline]] void write_payload(CborWriter& w, const ReportContent& content) {
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
  HmacSha256 mac(key);
  mac.update(kMacStart);
  std::uint8_t head[9];
  CborWriter writer{MutableBytes(head)};
  writer.bytes_head(payload.size);
  mac.update(writer.written());
  mac.update(payload);
  mac.finish(tag);
}

std::size_t write_report(const ReportContent& content, Bytes key, MutableBytes to) {
  CborWriter counted{MutableBytes()};
  write_payload(counted, content);
  CborWriter w(to);
  w.raw(kStart);
  w.bytes_head(counted.size());
  const std::size_t begin = w.size();
  write_payload(w, content);
  if (!w.fits()) return 0;
  std::uint8_t tag[32];
  report_tag(key, w.written().part(begin, counted.size()), tag);
  w.bytes(tag);
  return w.fits() ? w.size() : 0;
}

}  // namespace mote::update
