#pragma once
// COSE messages of anybody (RFC 9052, 9053, 9864): the six kinds, taken apart and opened. What mote itself writes is a
// small part of it (parcel.hpp); this reads what others wrote, and is held against the vectors of the COSE working
// group. Absent: countersignatures (passed over), writing.

#include <filesystem>
#include <optional>
#include <vector>

#include "mote/package/cbor_value.hpp"

namespace mote::package {

/// Their numbers are the CBOR tags.
enum class CoseKind : std::uint64_t { encrypt0 = 16, mac0 = 17, sign1 = 18, encrypt = 96, mac = 97, sign = 98 };

struct CoseHeader {
  Bytes protected_bytes;  ///< as signed
  CborValue protected_map, unprotected;

  /// A parameter of either map, or null pointer.
  [[nodiscard]] const CborValue* find(std::int64_t label) const;
  /// 0: none, or a name instead of a number.
  [[nodiscard]] std::int64_t algorithm() const;
};

/// A signer or a recipient.
struct CosePart {
  CoseHeader header;
  Bytes content;  ///< signature, or encrypted key
  std::vector<CosePart> recipients;
};

struct CoseMessage {
  CoseKind kind = CoseKind::sign1;
  CoseHeader header;
  std::optional<Bytes> content;  ///< payload or ciphertext; none: detached
  Bytes code;                    ///< signature of sign1, tag of mac and mac0
  std::vector<CosePart> parts;   ///< signers or recipients
};

/// @param untagged  what a message without a tag is; none: it has to have one.
/// @param understood  labels beyond those of RFC 9052 that may be marked critical, because the caller heeds them.
/// @error malformed   no COSE message, or another kind than `untagged`.
/// @error unsupported a header parameter that is critical and not known.
[[nodiscard]] Result<CoseMessage> read_cose(const CborValue& value, std::optional<CoseKind> untagged = std::nullopt,
                                            const std::vector<CborValue>& understood = {});

/// Unwraps the protected headers of a message and names the parameters, for diagnostic(). The encoding stays the same;
/// what is no COSE message stays as it is.
void name_headers(CborValue& message);

/// A key of COSE_Key's kinds 1 (OKP), 2 (EC2), 3 (RSA), 4 (symmetric) and 5 (HSS-LMS).
struct CoseKey {
  Bytes symmetric;
  std::int64_t curve = 0;   ///< of the registry: 1 P-256, 2 P-384, 3 P-521, 4 X25519, 5 X448, 6 Ed25519, 7 Ed448
  Bytes x, y, secret;       ///< `secret` also RSA's private exponent
  Bytes modulus, exponent;  ///< of RSA
  Bytes hash_tree;          ///< public key of HSS-LMS
};

/// A public key that verifies, in PEM (SubjectPublicKeyInfo).
/// @error io, malformed  no file, or no Ed25519 or P-256 key in it.
[[nodiscard]] Result<CoseKey> read_cose_key(const std::filesystem::path& file);

/// What both sides know without being told.
struct CoseContext {
  Bytes external_aad;
  std::optional<Bytes> detached;       ///< content
  std::optional<CoseKey> sender;       ///< static key of key agreement, where the message only names it
  Bytes base_iv;                       ///< of a partial IV
  Bytes party_u, party_v;              ///< identities, where the message does not say them
  std::optional<Bytes> public_other;   ///< SuppPubInfo.other
  std::optional<Bytes> private_other;  ///< SuppPrivInfo
};

/// Verifies or decrypts.
/// @param key   of the signer or recipient number `part`; of the message where it has none.
/// @return the payload, or the text that was encrypted.
/// @error malformed    a signature, code or tag is wrong; or a size.
/// @error unsupported  an algorithm or curve is not known.
[[nodiscard]] Result<Bytes> open_cose(const CoseMessage& message, const CoseKey& key, const CoseContext& context = {},
                                      std::size_t part = 0);

}  // namespace mote::package
