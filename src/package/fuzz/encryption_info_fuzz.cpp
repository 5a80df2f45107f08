// Any bytes as encryption-info: the device looks for its content key.

#include <cstring>

#include "mote/package/encryption.hpp"
#include "update/encryption.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mote::update::Identity identity;
  identity.group_key[0] = 1;
  identity.agreement_key[0] = 5;
  mote::update::ContentKey key;
  static_cast<void>(mote::update::find_content_key({data, size}, identity, key));
  return 0;
}
