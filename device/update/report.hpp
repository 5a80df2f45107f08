#pragma once
// What a device says of itself: a COSE_Mac0 (HMAC-SHA256 under the device's key) that a courier can carry, days later.
// Its number goes up with each, so that an old one is known as old. docs/formats/parcel.md has the bytes.

#include "update/cose.hpp"
#include "update/crypto.hpp"
#include "update/journal.hpp"

namespace mote::update {

constexpr std::size_t kMaxReportBytes = 224;

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

/// The tag over MAC_structure (RFC 9052, 6.3).
void report_tag(Bytes key, Bytes payload, std::uint8_t (&tag)[32]);

/// @return bytes written; 0: `to` is too small.
std::size_t write_report(const ReportContent& content, Bytes key, MutableBytes to);

}  // namespace mote::update
