#pragma once
// The device's CBOR writer, into as many bytes as it takes.

#include <utility>

#include "mote/base/bytes.hpp"
#include "update/cbor.hpp"

namespace mote::package {

[[nodiscard]] inline update::Bytes view(ByteSpan bytes) { return {bytes.data(), bytes.size()}; }

/// Calls `write` with a writer, twice: once for the size.
template <class F>
[[nodiscard]] Bytes cbor(F write) {
  update::CborWriter counter{update::MutableBytes{}};
  write(counter);
  Bytes bytes(counter.size());
  update::CborWriter writer({bytes.data(), bytes.size()});
  write(writer);
  return bytes;
}

}  // namespace mote::package
