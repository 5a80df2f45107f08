#pragma once
// Raw: the input itself, as int16 counts.

#include <cstdint>

#include "features/quantize.hpp"
#include "features/series.hpp"

namespace mote::device {

/// Bytes as they are. @param out  [count], 0..255.
inline void raw_bytes(const unsigned char* input, std::int32_t count, std::int16_t* out) {
  for (std::int32_t i = 0; i < count; ++i) out[i] = input[i];
}

/// Bytes straight to int8 where the model's input has the scale of the bytes and zero point -128: the same as raw_bytes
/// followed by quantize_features, without the detour.
inline void raw_bytes_to_int8(const unsigned char* input, std::int32_t count, std::int8_t* out) {
  for (std::int32_t i = 0; i < count; ++i) out[i] = static_cast<std::int8_t>(input[i] - 128);
}

struct RawSeriesParams {
  std::int32_t length;  ///< samples per channel given out
  std::int32_t channels;
};

/// A shorter series is centred between zeros, of a longer one the middle is taken. @param out  [length][channels]
inline void raw_series(const RawSeriesParams& p, const Series& input, std::int16_t* out) {
  const std::int32_t origin = (input.count - p.length) >> 1;
  for (std::int32_t t = 0; t < p.length; ++t) {
    const std::int32_t source = origin + t;
    const bool exists = source >= 0 && source < input.count;
    for (std::int32_t c = 0; c < p.channels; ++c) {
      out[t * p.channels + c] = exists ? input.samples[source * p.channels + c] : std::int16_t{0};
    }
  }
}

}  // namespace mote::device
