// Any bytes as a SUIT envelope of anybody. Its digest stops nearly everything, so most inputs are a manifest that gets
// an envelope here: first byte odd.

#include <cstdlib>

#include "cbor.hpp"
#include "mote/base/hash.hpp"
#include "mote/package/suit_envelope.hpp"
#include "update/suit.hpp"

using namespace mote;
using namespace mote::package;

namespace {

Bytes envelope_around(ByteSpan manifest) {
  const Bytes wrapped = cbor([&](update::CborWriter& w) { w.bytes(view(manifest)); });
  const Bytes digest = cbor([&](update::CborWriter& w) {
    w.array(2);
    w.integer(-16);
    w.bytes(view(sha256(wrapped).bytes));
  });
  const Bytes authentication = cbor([&](update::CborWriter& w) {
    w.array(1);
    w.bytes(view(digest));
  });
  return cbor([&](update::CborWriter& w) {
    w.tag(update::kTagSuitEnvelope);
    w.map(2);
    w.unsigned_int(2);
    w.bytes(view(authentication));
    w.unsigned_int(3);
    w.raw(view(wrapped));
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan rest(data + 1, size - 1);
  const Bytes bytes = data[0] % 2 == 1 ? envelope_around(rest) : Bytes(rest.begin(), rest.end());
  const auto envelope = read_suit(bytes);
  if (!envelope) return 0;
  if (envelope->encoded() != bytes) std::abort();
  static_cast<void>(diagnostic(envelope->value));
  CoseKey key;
  key.curve = 1;
  key.x.assign(32, 1);
  key.y.assign(32, 2);
  static_cast<void>(verify_suit(*envelope, key));
  return 0;
}
