// Any bytes as encryption-info: a device that has every kind of key looks for its content key. Which recipients are
// its own is decided by the input: unwrapping is assumed (assumed_crypto.hpp).

#include <cstdlib>

#include "update/encryption.hpp"

using namespace mote::update;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Identity identity = [] {
    Identity made;
    made.group_key[0] = 1;
    made.agreement_key[0] = 5;
    return made;
  }();
  ContentKey key;
  static_cast<void>(find_content_key({data, size}, identity, key));
  return 0;
}
