#pragma once
// The front end that spectrogram, mfe, mfcc and spectral share: which part of the input is analysed, and the power spectrum of one frame.
//
// A window of frames lies over the clip. Where trimming is on, the clip is first cut to the stretch between its first and last loud
// block; the (rest of the) clip is then centred in the window, and what lies outside it is zero.

#include <cstdint>

#include "features/fixed_point.hpp"
#include "features/rfft.hpp"
#include "features/series.hpp"

namespace mote::device {

struct FrameParams {
  std::int32_t frames;              ///< number of frames of the window
  std::int32_t frame_length;        ///< samples; at most the transform's length
  std::int32_t frame_stride;        ///< samples
  std::int32_t pre_emphasis_q15;    ///< y[n] = x[n] - c x[n-1]; in [0, 32768]
  std::uint32_t trim_ratio_q32;     ///< a block is loud above this share of the loudest block's energy; 0: no trimming
  const std::int16_t* window_q15;   ///< first half of the symmetric window: (frame_length + 1) / 2 values
  dsp::FftTables fft;
};

/// The analysed stretch [begin, end) of the input, and where the window's first sample lies (it may be negative).
struct Stretch {
  std::int32_t origin;
  std::int32_t begin;
  std::int32_t end;
};

namespace dsp {

/// count^2 times the variance of a block: energy that a sensor's constant offset does not enter.
inline std::uint64_t block_energy(const std::int16_t* samples, std::int32_t count) {
  std::int32_t sum = 0;
  std::int64_t squares = 0;
  for (std::int32_t i = 0; i < count; ++i) {
    const std::int32_t x = samples[i];
    sum += x;
    squares += static_cast<std::int64_t>(x) * x;
  }
  return static_cast<std::uint64_t>(squares) * static_cast<std::uint32_t>(count) - square_i32(sum);
}

inline std::uint64_t share_of(std::uint64_t energy, std::uint32_t ratio_q32) {
  return (energy >> 32) * ratio_q32 + (((energy & 0xffffffffu) * ratio_q32) >> 32);
}

/// Cuts the clip before its first and after its last block (of one stride) louder than the given share of the loudest.
inline void trim(const FrameParams& p, const Series& input, Stretch& stretch) {
  const std::int32_t block = p.frame_stride;
  const std::int32_t blocks = input.count / block;
  std::uint64_t loudest = 0;
  for (std::int32_t b = 0; b < blocks; ++b) {
    const std::uint64_t energy = block_energy(input.samples + b * block, block);
    loudest = energy > loudest ? energy : loudest;
  }
  if (loudest == 0) return;
  const std::uint64_t threshold = share_of(loudest, p.trim_ratio_q32);
  std::int32_t first = 0;
  while (block_energy(input.samples + first * block, block) < threshold) ++first;
  std::int32_t last = blocks - 1;
  while (block_energy(input.samples + last * block, block) < threshold) --last;
  stretch.begin = first * block;
  if (last != blocks - 1) stretch.end = (last + 1) * block;
}

}  // namespace dsp

inline Stretch analysed_stretch(const FrameParams& p, const Series& input) {
  Stretch stretch{0, 0, input.count};
  if (p.trim_ratio_q32 != 0) dsp::trim(p, input, stretch);
  const std::int32_t window = (p.frames - 1) * p.frame_stride + p.frame_length;
  stretch.origin = stretch.begin + ((stretch.end - stretch.begin - window) >> 1);
  return stretch;
}

namespace dsp {

/// One windowed sample: pre-emphasis is exact in Q15; the product with the window leaves 13 - log2 N fraction bits.
inline std::int32_t windowed_sample(const FrameParams& p, std::int32_t x, std::int32_t previous, std::int32_t window_q15) {
  const std::int32_t y_q15 = (x * 32768) - p.pre_emphasis_q15 * previous;
  const std::int32_t y_q14 = multiply_high(y_q15, static_cast<std::int32_t>(static_cast<std::uint32_t>(window_q15) << 16));
  return round_shift(y_q14, p.fft.log2_points + 1);
}

/// Writes the windowed frame into z in the transform's bit-reversed order; false when the frame holds no sample of the stretch.
/// `channels` is the distance between samples.
inline bool load_frame(const FrameParams& p, const Series& input, std::int32_t channels, const Stretch& stretch, std::int32_t frame,
                       std::int32_t* z) {
  const std::int32_t start = stretch.origin + frame * p.frame_stride;
  const std::int32_t first = max_i32(stretch.begin - start, 0);
  const std::int32_t end = min_i32(stretch.end - start, p.frame_length);
  if (first >= end) return false;
  fill_zero(z, std::int32_t{1} << p.fft.log2_points);
  const std::int32_t top_bit = std::int32_t{1} << (p.fft.log2_points - 2);
  std::int32_t slot = 0;
  for (std::int32_t bit = top_bit, i = first >> 1; i != 0; bit >>= 1, i >>= 1) slot |= (i & 1) != 0 ? bit : 0;
  const std::int16_t* sample = input.samples + (start + first) * channels;
  std::int32_t previous = start + first > 0 ? sample[-channels] : 0;
  for (std::int32_t i = first; i < end; ++i, sample += channels) {
    const std::int32_t x = *sample;
    const std::int32_t mirrored = p.frame_length - 1 - i;
    z[2 * slot + (i & 1)] = windowed_sample(p, x, previous, p.window_q15[min_i32(i, mirrored)]);
    previous = x;
    if ((i & 1) != 0) slot = next_bit_reversed(slot, top_bit);
  }
  return true;
}

}  // namespace dsp

/// Words of int32 scratch that power_spectrum needs.
constexpr std::int32_t power_spectrum_words(std::int32_t log2_points) { return (std::int32_t{1} << log2_points) + 2; }

/// Squared magnitudes of one frame, bins 0..N/2, as 64-bit numbers (see dsp::load_u64) in `z`; a full-scale sine on a bin gives
/// (2^(28 - log2 N) * sum of the window)^2. False, and nothing written, when no sample of the clip lies in the frame.
/// `any` receives the OR of all bins.
inline bool power_spectrum(const FrameParams& p, const Series& input, std::int32_t channels, const Stretch& stretch, std::int32_t frame,
                           std::int32_t* z, std::uint64_t& any) {
  if (!dsp::load_frame(p, input, channels, stretch, frame, z)) return false;
  dsp::complex_fft(z, p.fft);
  any = dsp::bins_to_power(z, p.fft);
  return true;
}

}  // namespace mote::device
