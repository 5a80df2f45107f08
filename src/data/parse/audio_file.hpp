#pragma once
// WAV and FLAC from memory to interleaved i16. The WAV header is checked here first, because libsndfile believes or
// silently repairs a header that lies about its sizes.

#include <cstdint>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::data {

inline constexpr unsigned kMaxAudioChannels = 64;
inline constexpr unsigned kMaxAudioRateHz = 768'000;

struct AudioClip {
  unsigned rate_hz = 0;
  unsigned channels = 0;
  std::vector<std::int16_t> samples;  ///< [frames, channels]
  [[nodiscard]] std::size_t frames() const { return channels == 0 ? 0 : samples.size() / channels; }
};

/// What a WAV header says.
struct WavHeader {
  unsigned rate_hz = 0;
  unsigned channels = 0;
  std::uint64_t frames = 0;
};

/// Walks the chunks of a RIFF WAVE file.
/// @error malformed, unsupported  with the byte.
[[nodiscard]] Result<WavHeader> check_wav(ByteSpan file);

/// Integer samples of more than 16 bits lose their low bits; float samples are scaled by 32767 and clipped.
/// @error malformed, unsupported  not a sound WAV or FLAC; NaN samples.   @error too_large  longer than `max_seconds`.
[[nodiscard]] Result<AudioClip> decode_audio(ByteSpan file, double max_seconds);

}  // namespace mote::data
