#include "signatures.hpp"

#include "cbor.hpp"
#include "update/cose.hpp"

namespace mote::package {
namespace {

using update::CborWriter;

Bytes protected_header(const SigningKey& key) {
  return cbor([&](CborWriter& w) {
    w.map(2);
    w.unsigned_int(1);
    w.integer(update::kAlgorithmEd25519);
    w.unsigned_int(4);
    w.bytes(view(key.id()));
  });
}

/// The bytes a signature covers, by the device's own function.
Bytes structure(bool of_document, ByteSpan header, const char* external_aad, ByteSpan payload) {
  update::CoseSignature signature;
  signature.protected_header = view(header);
  Bytes bytes(header.size() + 128);
  update::MutableBytes out(bytes.data(), bytes.size());
  const update::Status status = update::to_be_signed(of_document, signature, external_aad, payload.size(), out);
  MOTE_CHECK(status == update::Status::ok);
  bytes.resize(out.size);
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

}  // namespace

Bytes sign1(ByteSpan payload, bool detached, const char* external_aad, const SigningKey& key) {
  const Bytes header = protected_header(key);
  const auto signature = key.sign(structure(false, header, external_aad, payload));
  return cbor([&](CborWriter& w) {
    w.tag(update::kTagSign1);
    w.array(4);
    w.bytes(view(header));
    w.map(0);
    if (detached) {
      w.null();
    } else {
      w.bytes(view(payload));
    }
    w.bytes(view(signature));
  });
}

Bytes sign_document(ByteSpan payload, const char* external_aad, const SigningKey& key) {
  const Bytes header = protected_header(key);
  const auto signature = key.sign(structure(true, header, external_aad, payload));
  return cbor([&](CborWriter& w) {
    w.array(3);
    w.bytes(view(header));
    w.map(0);
    w.bytes(view(signature));
  });
}

}  // namespace mote::package
