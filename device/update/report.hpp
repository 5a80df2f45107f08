#pragma once
// What a device says of itself: a COSE_Mac0 (HMAC-SHA256 under the device's key) that a courier can carry, days later.
// Its number goes up with each, so that an old one is known as old. docs/formats/parcel.md has the bytes.

#include "update/cose.hpp"
#include "update/crypto.hpp"
#include "update/journal.hpp"

namespace mote::update {

constexpr std::size_t kMaxReportBytes = 224;
constexpr const char* kReportAad = "mote report 1";

struct ReportContent {
  std::uint32_t number = 0;
  Bytes device;  ///< 16 bytes
  Phase phase = Phase::idle;
  std::uint64_t active_sequence = 0;  ///< 0: no module runs
  Bytes active_digest;                ///< 32 bytes; empty: no module runs
  std::uint64_t confirmed_sequence = 0;
  Status last_status = Status::ok;  ///< of the last parcel that ended
  std::uint64_t last_sequence = 0;
  std::uint64_t time_s = 0;  ///< what the device takes for now
  std::uint32_t keys_version = 0;
  bool is_stale = false;  ///< no time statement for longer than the policy allows
};

/// {1: algorithm}, of every report.
inline constexpr std::uint8_t kReportHeader[] = {0xa1, 0x01, 0x05};

inline void write_report_payload(CborWriter& w, const ReportContent& content) {
  const auto number = [&](std::uint64_t key, std::uint64_t value) {
    w.unsigned_int(key);
    w.unsigned_int(value);
  };
  w.map(11);
  number(1, content.number);
  w.unsigned_int(2);
  w.bytes(content.device);
  number(3, static_cast<std::uint64_t>(content.phase));
  number(4, content.active_sequence);
  w.unsigned_int(5);
  w.bytes(content.active_digest);
  number(6, content.confirmed_sequence);
  number(7, static_cast<std::uint64_t>(content.last_status));
  number(8, content.last_sequence);
  number(9, content.time_s);
  number(10, content.keys_version);
  number(11, content.is_stale ? 1 : 0);
}

/// The tag over MAC_structure (RFC 9052, 6.3).
inline void report_tag(Bytes key, Bytes payload, std::uint8_t (&tag)[32]) {
  std::uint8_t prefix[48];
  CborWriter writer{MutableBytes(prefix)};
  writer.array(4);
  writer.text("MAC0");
  writer.bytes(kReportHeader);
  writer.bytes({reinterpret_cast<const std::uint8_t*>(kReportAad), 13});
  writer.bytes_head(payload.size);
  HmacSha256 mac(key);
  mac.update(writer.written());
  mac.update(payload);
  mac.finish(tag);
}

/// @return bytes written; 0: `to` is too small.
inline std::size_t write_report(const ReportContent& content, Bytes key, MutableBytes to) {
  std::uint8_t payload[kMaxReportBytes - 48];
  CborWriter inner{MutableBytes(payload)};
  write_report_payload(inner, content);
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
