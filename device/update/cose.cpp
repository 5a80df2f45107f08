#include "update/cose.hpp"

#include <cstddef>

namespace mote::update {

static_assert(offsetof(CoseSignature, key_id) > offsetof(CoseSignature, algorithm), "in the order of the form");

Status read_protected(Bytes header, CoseSignature& out) {
  // Critical or not: what is not understood is not accepted.
  static constexpr std::uint8_t kForm[] = {0xa2, 1, form::kInteger, 4, form::kBytes, form::kEnd};
  out.protected_header = header;
  CborReader reader(header);
  reader.match(kForm, &out.algorithm);
  return reader.finish();
}

Status read_sign1(Bytes message, CoseSignature& out, Bytes& payload) {
  static constexpr std::uint8_t kBefore[] = {0xc0 | kTagSign1, 0x84, form::kBytes, 0xa0, form::kEnd};
  static constexpr std::uint8_t kNull[] = {0xf6, form::kEnd}, kSome[] = {form::kBytes, form::kEnd};
  static constexpr std::uint8_t kAfter[] = {form::kBytesOf, 64, form::kEnd};
  Bytes header;
  CborReader reader(message);
  reader.match(kBefore, &header);
  payload = {};
  reader.match(reader.peek_null() ? kNull : kSome, &payload);
  reader.match(kAfter, &out.signature);
  MOTE_UPDATE_TRY(reader.finish());
  return read_protected(header, out);
}

Status to_be_signed(bool of_document, const CoseSignature& signature, const char* external_aad,
                    std::size_t payload_bytes, MutableBytes& out) {
  CborWriter writer(out);
  writer.array(of_document ? 5 : 4);
  writer.text(of_document ? "Signature" : "Signature1");
  if (of_document) writer.bytes({});
  writer.bytes(signature.protected_header);
  writer.bytes(bytes_of_text(external_aad));
  writer.bytes_head(payload_bytes);
  out.size = writer.size();
  return writer.fits() ? Status::ok : Status::too_large;
}

}  // namespace mote::update
