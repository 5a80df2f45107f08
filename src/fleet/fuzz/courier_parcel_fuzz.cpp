// Any bytes as a parcel that a server lists and a courier carries: the heads of its bundles are found, or it is none.
// Cryptography is assumed: nothing is verified here, devices do that.

#include "mote/fleet/parcel_folder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static_cast<void>(mote::fleet::is_parcel({data, size}));
  return 0;
}
