#include <cstdlib>

#include "parse/image_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto picture = mote::data::decode_image({data, size}, size % 2 == 0 ? 3 : 0, 512);
  if (picture && picture->values.size() != std::size_t{picture->height} * picture->width * picture->channels)
    std::abort();
  return 0;
}
