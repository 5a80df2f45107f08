// Any bytes as a delta, in pieces: the decoder never reads outside of the base nor writes past the room it was given,
// and ends. First byte: sizes of the pieces. delta_fuzz.cpp also compares ways to cut.

#include <cstdlib>

#include "update/delta.hpp"

using namespace mote::update;

namespace {

constexpr std::uint32_t kBaseBytes = 64, kRoom = 128;

struct Base {
  std::uint8_t bytes[kBaseBytes];  // a global: what lies around it is poisoned
  Base() {
    for (unsigned i = 0; i < kBaseBytes; ++i) bytes[i] = static_cast<std::uint8_t>(i * 37);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Base base;
  static std::uint8_t module[kRoom];
  if (size == 0) return 0;
  const Bytes delta{data + 1, size - 1};
  const std::size_t in_bytes = 1u << (data[0] & 7u), out_bytes = 4 + (data[0] >> 3);
  DeltaDecoder decoder;
  decoder.begin(kRoom);
  for (;;) {
    const std::uint32_t taken = decoder.taken(), written = decoder.written();
    Bytes in = delta.part(taken, in_bytes);
    MutableBytes out{module + written, kRoom - written < out_bytes ? kRoom - written : out_bytes};
    const Status status = decoder.decode({base.bytes, kBaseBytes}, in, out);
    if (decoder.written() > kRoom || decoder.taken() > delta.size) std::abort();
    if (status == Status::ok && decoder.written() != decoder.module_bytes()) std::abort();
    if (status != Status::waiting) return 0;
    if (taken == decoder.taken() && written == decoder.written()) break;
  }
  static_cast<void>(decoder.finish());
  return 0;
}
