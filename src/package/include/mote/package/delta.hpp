#pragma once
// A module as its difference to another (docs/formats/delta.md). Devices decode it with device/update/delta.hpp.

#include <cstdint>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::package {

/// The delta that makes `module` of `base`. Any bytes will do; modules of one network compiled twice are what it is
/// good at. It has been decoded and compared when it is returned. Deterministic.
/// @error invalid_argument  `module` is empty.
/// @error too_large         either has more than kMostDeltaBytes.
/// O(module bytes) time and memory, about 250 bytes for each of the module's.
[[nodiscard]] Result<Bytes> encode_delta(ByteSpan base, ByteSpan module);
constexpr std::size_t kMostDeltaBytes = std::size_t{1} << 26;

/// Decodes with the device's decoder.
/// @param room  most bytes that the module may have.
/// @error malformed  naming the decoder's status.
[[nodiscard]] Result<Bytes> apply_delta(ByteSpan base, ByteSpan delta, std::uint32_t room = kMostDeltaBytes);

}  // namespace mote::package
