#pragma once
// What the head of a bundle asks for, as plain values: read and checked for form by suit.hpp, judged and carried out by
// the agent. docs/updates.md, "Bundle".

#include "update/bytes.hpp"

namespace mote::update {

/// Parameter -300: what the module needs, and how it wants to be tried.
struct Requirements {
  std::uint32_t core = 0;  // mote::device::Core
  std::uint32_t isa_features = 0;
  std::uint32_t abi = 0;
  std::uint32_t op_set = 0;
  std::uint32_t arena_bytes = 0;
  std::uint32_t stack_bytes = 0;
  std::uint8_t sensor_schema[8] = {};
  std::uint8_t feature_schema[8] = {};
  std::uint32_t firmware_version = 0;   ///< at least
  std::uint16_t shadow_inferences = 0;  ///< 0: no shadow run
  std::uint16_t shadow_permille = 0;    ///< of them that agree with the module before
  std::uint16_t trial_inferences = 0;
};

constexpr unsigned kMaxSigners = 4;

struct Plan {
  std::uint64_t sequence = 0;
  Bytes vendor;  ///< 16 bytes
  Bytes klass;   ///< 16 bytes
  Bytes device;  ///< 16 bytes, or empty: any device of the class

  Bytes carried_digest;  ///< SHA-256 of what travels
  std::uint32_t carried_bytes = 0;
  Bytes module_digest;  ///< SHA-256 of the module
  std::uint32_t module_bytes = 0;

  Bytes encryption_info;  ///< COSE_Encrypt; empty: the payload is plain
  bool is_delta = false;
  std::uint32_t delta_format = 0;
  Bytes base_digest;
  std::uint32_t base_bytes = 0;

  std::uint64_t use_before_s = 0;  ///< 0: does not expire
  std::uint32_t minimum_battery_percent = 0;
  Requirements requirements;
};

/// The head of a SUIT envelope. Everything borrowed from the bytes it was read from.
struct BundleHead {
  BundleHead() { clear(); }
  void clear() { set_zero(*this); }

  Plan plan;
  Bytes digest_message;           ///< the encoded SUIT_Digest: what the signatures cover
  Bytes digest;                   ///< SHA-256 of the manifest with its bstr header: compared with the manifest already
  Bytes signatures[kMaxSigners];  ///< each a COSE_Sign1 with detached payload, not verified yet
  unsigned signature_count = 0;
  std::uint32_t payload_offset = 0;  ///< of the payload's first byte, from the first byte of the envelope
  std::uint32_t payload_bytes = 0;   ///< of the integrated payload; equals carried_bytes
};

}  // namespace mote::update
