#pragma once
// COSE (RFC 9052) as devices use it: the structures that carry signatures, and the bytes that a signature covers. Only
// what mote writes is read: algorithm and key id in the protected header, nothing unprotected. The host's reader
// (mote/package) takes everything else.

#include "update/cbor.hpp"

namespace mote::update {

constexpr std::uint64_t kTagSign1 = 18;
constexpr std::uint64_t kTagMac0 = 17;
constexpr std::uint64_t kTagEncrypt = 96;
constexpr std::uint64_t kTagSign = 98;

constexpr std::int32_t kAlgorithmEd25519 = -19;
constexpr std::int32_t kAlgorithmHmac256 = 5;
constexpr std::int32_t kAlgorithmSha256 = -16;
constexpr std::int32_t kAlgorithmChaCha20Poly1305 = 24;
constexpr std::int32_t kAlgorithmA128KW = -3;
constexpr std::int32_t kAlgorithmEcdhEsA128KW = -29;

/// A signature with what it says of itself. Borrowed.
struct CoseSignature {
  Bytes protected_header;  ///< the map, as signed
  std::int32_t algorithm = 0;
  Bytes key_id;
  Bytes signature;
};

/// The protected header of a signature: {1: algorithm, 4: key id}.
[[nodiscard]] Status read_protected(Bytes header, CoseSignature& out);

/// 18([protected, {}, payload or nil, signature]).
/// @param payload  null where the payload is detached.
[[nodiscard]] Status read_sign1(Bytes message, CoseSignature& out, Bytes& payload);

/// Of a Sig_structure, section 4.4, what stands before the payload: a signature is computed over this and the payload.
/// @param of_document  a COSE_Sign, whose own protected header is empty; else COSE_Sign1.
/// @param out          in: room; out: the bytes.
/// @return too_large  it does not fit.
[[nodiscard]] Status to_be_signed(bool of_document, const CoseSignature& signature, const char* external_aad,
                                  std::size_t payload_bytes, MutableBytes& out);

}  // namespace mote::update
