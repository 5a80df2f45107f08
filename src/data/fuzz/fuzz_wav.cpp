#include <cstdlib>

#include "parse/audio_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto clip = mote::data::decode_audio({data, size}, 60);
  if (clip && (clip->channels == 0 || clip->samples.size() % clip->channels != 0)) std::abort();
  return 0;
}
