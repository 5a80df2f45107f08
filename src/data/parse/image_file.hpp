#pragma once
// PNG and JPEG from memory to u8 [H,W,C]. Structure and size are checked here first: the decoder ignores PNG checksums
// and fills a truncated JPEG with gray.

#include <cstdint>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::data {

struct ImageSize {
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  unsigned channels = 0;  ///< as stored: 1 gray, 2 gray+alpha, 3 RGB (also palette and JPEG), 4 RGBA
};

struct Picture {
  std::uint32_t height = 0;
  std::uint32_t width = 0;
  unsigned channels = 0;
  Bytes values;  ///< [H,W,C]
};

/// Walks the chunks of a PNG (with their CRCs) or the segments of a JPEG to its end mark.
/// @error malformed, unsupported  with the byte.
[[nodiscard]] Result<ImageSize> check_image(ByteSpan file);

/// @param channels  1 or 3 (converted); 0 as stored, alpha dropped.
/// @error malformed, unsupported  @error too_large  a side is longer than `max_side` pixels; nothing was unpacked.
[[nodiscard]] Result<Picture> decode_image(ByteSpan file, unsigned channels, std::uint32_t max_side);

}  // namespace mote::data
