// Any bytes as a COSE_Sign1 and as a protected header, as devices read them.

#include <cstdlib>
#include <initializer_list>

#include "update/cose.hpp"

using namespace mote::update;

namespace {

bool lies_in(Bytes part, Bytes all) {
  return part.size == 0 || (part.data >= all.data && part.data + part.size <= all.data + all.size);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes all{data, size};
  CoseSignature alone;
  if (read_protected(all, alone) == Status::ok && !lies_in(alone.key_id, all)) std::abort();

  CoseSignature signature;
  Bytes payload;
  if (read_sign1(all, signature, payload) != Status::ok) return 0;
  if (signature.signature.size != 64) std::abort();
  for (const Bytes part : {payload, signature.signature, signature.key_id, signature.protected_header})
    if (!lies_in(part, all)) std::abort();
  for (const bool of_document : {false, true}) {
    std::uint8_t structure[96];
    MutableBytes before(structure);
    const Status status = to_be_signed(of_document, signature, "mote keys 1", payload.size, before);
    if (status == Status::ok && before.size > sizeof(structure)) std::abort();
  }
  return 0;
}
