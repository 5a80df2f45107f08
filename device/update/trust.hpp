#pragma once
// Whom a device believes: its identity from the factory, the keys document in force, and the checks of signatures by
// role. docs/updates.md, "Trust".

#include "update/journal.hpp"
#include "update/plan.hpp"

namespace mote::update {

/// First bytes of the identity region, written in the factory. The first keys document follows.
struct Identity {
  std::uint32_t magic = 0;  // kIdentityMagic
  std::uint16_t version = 0;
  std::uint16_t keys_bytes = 0;
  std::uint8_t vendor[16] = {};
  std::uint8_t klass[16] = {};
  std::uint8_t device[16] = {};
  std::uint8_t device_key[32] = {};     ///< secret: block codes, reports
  std::uint8_t agreement_key[32] = {};  ///< secret: X25519, content keys for this device alone; zeros: none
  std::uint8_t group_key[16] = {};      ///< secret: AES-128 key-encryption key shared by a group; zeros: none
  std::uint32_t crc = 0;                ///< over everything before and the keys document
};
static_assert(sizeof(Identity) == 140, "layout of the flash");
constexpr std::uint32_t kIdentityMagic = 0x31444d4d;  // "MMD1"

enum class Role : std::uint8_t { root = 1, release = 2, time = 3 };
constexpr unsigned kMaxKeys = 10;

struct RoleRecord {
  std::uint8_t threshold = 0;
  std::uint16_t members = 0;  ///< bit i: keys[i]
};

/// What a keys document says. The keys themselves are borrowed from it.
struct Keys {
  std::uint32_t version = 0;
  unsigned count = 0;
  std::uint64_t not_after_s = 0;
  std::uint64_t highest_sequence = 0;
  RoleRecord roles[4];  // by Role
  Bytes items;          ///< `count` keys as they are encoded: an algorithm and 32 bytes each, checked

  /// Ed25519; its id is the first bytes of its SHA-256.
  [[nodiscard]] const std::uint8_t (&key(unsigned index) const)[32];
};

/// What a time statement says.
struct TimeStatement {
  std::uint64_t time_s = 0;
  std::uint64_t expected_sequence = 0;  ///< for this device's class; 0: says nothing of it
};

class Trust {
 public:
  /// Finds identity and the keys document in force, which are read where they lie in flash.
  /// @return malformed: no identity.
  [[nodiscard]] Status load(Port& port, std::uint8_t keys_area);

  [[nodiscard]] const Identity& identity() const { return *identity_; }
  [[nodiscard]] const Keys& keys() const { return keys_; }

  /// Whether enough distinct keys of the release role signed. @return unknown_key, wrong_role, bad_signature,
  /// threshold_not_met, unsupported_algorithm, malformed.
  [[nodiscard]] Status verify(const BundleHead& head) const;

  /// A whole time statement message. @return as verify; out_of_range: later than the keys document allows.
  [[nodiscard]] Status read_time(Bytes message, TimeStatement& statement) const;

  /// A whole keys message: form, the next version, signed by thresholds of the old and the new root role.
  /// @return replayed: a version that is in force already or older; as verify.
  [[nodiscard]] Status verify_keys(Bytes message) const;
  /// Writes it to the area that is not in use and reads it from there; `load` with that area makes it the one in force.
  [[nodiscard]] Status store_keys(Port& port, std::uint8_t area, Bytes message) const;

 private:
  const Identity* identity_ = nullptr;
  Keys keys_;
};

}  // namespace mote::update
