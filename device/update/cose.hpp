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

constexpr std::int64_t kAlgorithmEd25519 = -19;
constexpr std::int64_t kAlgorithmHmac256 = 5;
constexpr std::int64_t kAlgorithmSha256 = -16;
constexpr std::int64_t kAlgorithmChaCha20Poly1305 = 24;
constexpr std::int64_t kAlgorithmA128KW = -3;
constexpr std::int64_t kAlgorithmEcdhEsA128KW = -29;

/// A signature with what it says of itself. Borrowed.
struct CoseSignature {
  Bytes protected_header;  ///< the map, as signed
  std::int64_t algorithm = 0;
  Bytes key_id;
  Bytes signature;
};

/// The protected header of a signature: {1: algorithm, 4: key id}.
[[nodiscard]] inline Status read_protected(Bytes header, CoseSignature& out) {
  out.protected_header = header;
  CborReader reader(header);
  bool algorithm = false;
  for (CborKeys keys(reader); keys.next();) {
    if (keys.key() == 1) {
      out.algorithm = reader.integer();
      algorithm = true;
    } else if (keys.key() == 4) {
      out.key_id = reader.bytes();
    } else {
      reader.fail(Status::malformed);  // critical or not: what is not understood is not accepted
    }
  }
  if (!algorithm) reader.fail(Status::malformed);
  return reader.finish();
}

/// 18([protected, {}, payload or nil, signature]).
/// @param payload  null where the payload is detached.
[[nodiscard]] inline Status read_sign1(Bytes message, CoseSignature& out, Bytes& payload) {
  CborReader reader(message);
  if (reader.tag() != kTagSign1) reader.fail(Status::malformed);
  if (reader.array() != 4) reader.fail(Status::malformed);
  const Bytes header = reader.bytes();
  if (reader.map() != 0) reader.fail(Status::malformed);
  payload = {};
  if (reader.peek_null()) {
    reader.null();
  } else {
    payload = reader.bytes();
  }
  out.signature = reader.bytes(64);
  MOTE_UPDATE_TRY(reader.finish());
  return read_protected(header, out);
}

/// Sig_structure, section 4.4: what a signature is computed over.
/// @param body_protected  of a COSE_Sign; null for COSE_Sign1.
/// @param out             in: room; out: the structure.
/// @return too_large  it does not fit.
[[nodiscard]] inline Status to_be_signed(const Bytes* body_protected, const CoseSignature& signature,
                                         const char* external_aad, Bytes payload, MutableBytes& out) {
  CborWriter writer(out);
  writer.array(body_protected != nullptr ? 5 : 4);
  writer.text(body_protected != nullptr ? "Signature" : "Signature1");
  if (body_protected != nullptr) writer.bytes(*body_protected);
  writer.bytes(signature.protected_header);
  std::size_t size = 0;
  while (external_aad[size] != 0) ++size;
  writer.bytes({reinterpret_cast<const std::uint8_t*>(external_aad), size});
  writer.bytes(payload);
  if (!writer.fits()) return Status::too_large;
  out.size = writer.size();
  return Status::ok;
}

}  // namespace mote::update
