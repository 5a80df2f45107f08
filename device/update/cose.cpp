#include "update/cose.hpp"

namespace mote::update {

Status read_protected(Bytes header, CoseSignature& out) {
  out.protected_header = header;
  CborReader reader(header);
  bool has_algorithm = false;
  for (CborKeys keys(reader); keys.next();) {
    if (keys.key() == 1) {
      out.algorithm = reader.integer32();
      has_algorithm = true;
    } else if (keys.key() == 4) {
      out.key_id = reader.bytes();
    } else {
      reader.fail(Status::malformed);  // critical or not: what is not understood is not accepted
    }
  }
  if (!has_algorithm) reader.fail(Status::malformed);
  return reader.finish();
}

Status read_sign1(Bytes message, CoseSignature& out, Bytes& payload) {
  CborReader reader(message);
  if (reader.tag() != kTagSign1) reader.fail(Status::malformed);
  reader.array(4);
  const Bytes header = reader.bytes();
  reader.map(0);
  if (reader.peek_null()) {
    reader.null();
    payload = {};
  } else {
    payload = reader.bytes();
  }
  out.signature = reader.bytes(64);
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
