// Any bytes as a parcel, judged as `mote check` does, with keys to verify and to decrypt.

#include <cstdlib>

#include "mote/package/check.hpp"

using namespace mote;
using namespace mote::package;

namespace {

CheckOptions options() {
  const SigningKey key = SigningKey::from_seed({1});
  KeysOptions keys;
  keys.vendor = vendor_id("example.com");
  keys.root = keys.release = keys.time = {1, {key.public_key()}};
  keys.not_after_s = 2'000'000'000;
  keys.highest_sequence = 1000;
  const SigningKey signers[] = {key};
  CheckOptions options;
  options.keys = write_keys(keys, signers).value();
  options.group_key = GroupKey{1};
  options.base = Bytes(512, 3);
  return options;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const CheckOptions kOptions = options();
  const ByteSpan parcel(data, size);
  for (const CheckedMessage& message : check_parcel(parcel, kOptions)) {
    if (message.offset > size || message.bytes > size - message.offset) std::abort();
    if (message.sentence.empty()) std::abort();
  }
  static_cast<void>(describe_parcel(parcel));
  return 0;
}
