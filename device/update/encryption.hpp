#pragma once
// An encrypted payload (docs/formats/parcel.md, "Encryption"): the content key out of a COSE_Encrypt whose ciphertext
// is the payload, and the check of the authentication tag, which stands behind it.

#include "update/crypto.hpp"
#include "update/plan.hpp"
#include "update/trust.hpp"

namespace mote::update {

constexpr std::uint32_t kTagBytes = 16;
constexpr unsigned kMaxRecipients = 4;

/// Secret; to be wiped.
struct ContentKey {
  std::uint8_t key[32] = {};
  std::uint8_t nonce[12] = {};
};

/// Agrees with a sender on a key-encryption key, by the sender's ephemeral key: for content keys that are for this
/// device alone. False: it has no key for that, or there is none to agree on.
using Agreement = bool (*)(const Identity& identity, const std::uint8_t (&ephemeral_key)[32], std::uint8_t (&kek)[16]);
/// By X25519 and HKDF (ECDH-ES+A128KW), with the identity's agreement key. Whoever never names it does not link it.
[[nodiscard]] bool agree_by_x25519(const Identity& identity, const std::uint8_t (&ephemeral_key)[32],
                                   std::uint8_t (&kek)[16]);

/// Tries each recipient with the group's key and the device's own: which of them is meant is found by unwrapping.
/// @param agreement  null: those for this device alone are passed over.
/// @return decryption_failed  none of them is this device.
///         unsupported_algorithm, malformed, not_canonical, truncated, trailing_bytes; too_large: too many recipients.
[[nodiscard]] Status find_content_key(Bytes encryption_info, const Identity& identity, ContentKey& out,
                                      Agreement agreement = agree_by_x25519);

/// Checks the tag while ciphertext and tag pass by. Does nothing for a plain payload.
class TagCheck {
 public:
  /// @param key  out: the content key, for the Payload; as it was for a plain payload.
  /// @return as find_content_key; wrong_size: no room for a tag.
  [[nodiscard]] Status begin(const Plan& plan, const Identity& identity, ContentKey& key,
                             Agreement agreement = agree_by_x25519);
  void update(Bytes carried);
  /// After all carried bytes; may be asked again. @return decryption_failed.
  [[nodiscard]] Status finish() const;

 private:
  ChaChaPolyCheck check_;
  std::uint8_t tag_[kTagBytes];
  std::uint32_t text_left_;
  std::uint8_t tag_bytes_;
  bool is_encrypted_;
};

}  // namespace mote::update
