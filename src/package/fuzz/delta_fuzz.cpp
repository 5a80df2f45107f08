// Any bytes as a delta: the decoder never reads outside of the base, never writes past the room it was given, and gives
// the same however the bytes are cut. First byte: the size of the pieces.

#include <cstdlib>
#include <vector>

#include "update/delta.hpp"

namespace {

using mote::update::DeltaDecoder;
using mote::update::MutableBytes;
using mote::update::Status;

constexpr std::uint32_t kBaseBytes = 256, kRoom = 4096;

struct Outcome {
  Status status = Status::waiting;
  std::vector<std::uint8_t> module;
  bool operator==(const Outcome& other) const { return status == other.status && module == other.module; }
};

Outcome decode(mote::update::Bytes delta, std::size_t piece) {
  std::vector<std::uint8_t> base(kBaseBytes);  // on the heap, so that reads outside are seen
  for (std::size_t i = 0; i < base.size(); ++i) base[i] = static_cast<std::uint8_t>(i * 37);
  DeltaDecoder decoder;
  decoder.begin(kRoom);
  Outcome outcome;
  std::vector<std::uint8_t> block(piece + 4);
  for (;;) {
    mote::update::Bytes in = delta.part(decoder.taken(), piece);
    MutableBytes out{block.data(), block.size()};
    const std::uint32_t taken = decoder.taken();
    outcome.status = decoder.decode({base.data(), base.size()}, in, out);
    outcome.module.insert(outcome.module.end(), block.data(), out.data);
    if (outcome.module.size() > kRoom) std::abort();
    if (outcome.status != Status::waiting) return outcome;
    if (taken == decoder.taken() && out.data == block.data()) {
      outcome.status = decoder.finish();
      return outcome;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const mote::update::Bytes delta{data + 1, size - 1};
  if (!(decode(delta, data[0] % 64u + 1) == decode(delta, size))) std::abort();
  return 0;
}
