#pragma once
// The front end that spectrogram, mfe, mfcc and spectral share: which part of the input is analysed, and the power
// spectrum of one frame.
//
// A window of frames lies over the clip. Where trimming is on, the clip is first cut to the stretch between its first
// and last loud block; the (rest of the) clip is then centred in the window, and what lies outside it is zero.

#include <cstdint>

#include "features/fixed_point.hpp"
#include "features/rfft.hpp"
#include "features/series.hpp"

namespace mote::device {

struct FrameParams {
  std::int32_t frames;             ///< number of frames of the window
  std::int32_t frame_length;       ///< samples; at most the transform's length
  std::int32_t frame_stride;       ///< samples
  std::int32_t pre_emphasis_q15;   ///< y[n] = x[n] - c x[n-1]; in [0, 32768]
  std::uint32_t trim_ratio_q32;    ///< a block is loud above this share of the loudest block's energy; 0: no trimming
  const std::int16_t* window_q15;  ///< first half of the symmetric window: (frame_length + 1) / 2 values
  const std::uint32_t* twiddles;   ///< of the transform, see rfft.hpp
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
  const std::int16_t* const end = samples + count;
  for (; samples < end - 1; samples += 2) {
    const std::uint32_t packed = pack_halves(samples[0], samples[1]);
    sum = add_halves(sum, packed);
    squares = add_squares(squares, packed);
  }
  if (samples < end) {
    sum += *samples;
    squares += static_cast<std::int64_t>(*samples) * *samples;
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
template <std::int32_t kLog2Points>
[[gnu::always_inline]] inline std::int32_t windowed_sample(std::int32_t x, std::int32_t previous,
                                                           std::int32_t pre_emphasis_q15, std::int32_t window_q15) {
  const std::int32_t y_q15 = x * 32768 - pre_emphasis_q15 * previous;
  return round_shift(multiply_low(y_q15, static_cast<std::uint32_t>(window_q15)), kLog2Points + 1);
}

/// One frame over the input: samples `first` to `end` of it exist, sample i at samples[start + i].
struct FrameView {
  const std::int16_t* samples;
  std::int32_t start;
  std::int32_t first;
  std::int32_t end;
  bool has_previous;  ///< there is a sample before the first one
};

/// Any sample of a frame, windowed; zero where there is none.
template <std::int32_t kLog2Points>
inline std::int32_t any_sample(const FrameParams& p, const FrameView& view, std::int32_t i) {
  if (i < view.first || i >= view.end) return 0;
  const std::int32_t previous = i > view.first || view.has_previous ? view.samples[view.start + i - 1] : 0;
  return windowed_sample<kLog2Points>(view.samples[view.start + i], previous, p.pre_emphasis_q15,
                                      p.window_q15[min_i32(i, p.frame_length - 1 - i)]);
}

/// Pairs of samples that take part in general.
template <std::int32_t kLog2Points>
[[gnu::noinline]] inline void load_edge(const FrameParams& p, const FrameView& view, std::int32_t pair,
                                        std::int32_t end, std::int32_t* z) {
  for (; pair < end; ++pair) {
    std::int32_t* const slot = z + 2 * bit_reversed<kLog2Points>(pair);
    if (2 * pair + 1 < view.first || 2 * pair >= view.end) {
      slot[0] = slot[1] = 0;
      continue;
    }
    slot[0] = any_sample<kLog2Points>(p, view, 2 * pair);
    slot[1] = any_sample<kLog2Points>(p, view, 2 * pair + 1);
  }
}

/// Pairs whose three samples all exist and whose window values follow each other in direction kStep.
template <std::int32_t kLog2Points, std::int32_t kStep>
[[gnu::always_inline]] inline void load_pairs(const FrameParams& p, const FrameView& view, std::int32_t pair,
                                              std::int32_t end, std::int32_t* z) {
  if (pair >= end) return;
  const std::int16_t* sample = view.samples + (view.start + 2 * pair);
  const std::int16_t* window = p.window_q15 + (kStep > 0 ? 2 * pair : p.frame_length - 1 - 2 * pair);
  const std::int32_t pre_emphasis_q15 = p.pre_emphasis_q15;
  std::int32_t previous = sample[-1];
  for (; pair < end; ++pair, sample += 2, window += 2 * kStep) {
    std::int32_t* const slot = z + 2 * bit_reversed<kLog2Points>(pair);
    const std::int32_t even = sample[0];
    slot[0] = windowed_sample<kLog2Points>(even, previous, pre_emphasis_q15, window[0]);
    previous = sample[1];
    slot[1] = windowed_sample<kLog2Points>(previous, even, pre_emphasis_q15, window[kStep]);
  }
}

/// Writes the windowed frame into z in the transform's bit-reversed order; false when the frame holds no sample of the
/// stretch.
template <std::int32_t kLog2Points>
inline bool load_frame(const FrameParams& p, const Series& input, const Stretch& stretch, std::int32_t frame,
                       std::int32_t* z) {
  const std::int32_t start = stretch.origin + frame * p.frame_stride;
  const std::int32_t first = max_i32(stretch.begin - start, 0);
  const std::int32_t end = min_i32(stretch.end - start, p.frame_length);
  if (first >= end) return false;
  const FrameView view{input.samples, start, first, end, start + first > 0};
  // Pairs with all samples there: the rising half of the window up to `middle`, the falling half from `falling`.
  const std::int32_t inner = (first + (view.has_previous ? 1 : 2)) >> 1;
  const std::int32_t inner_end = max_i32(end >> 1, inner);
  const std::int32_t middle = min_i32(max_i32((p.frame_length + 1) / 2 / 2, inner), inner_end);
  const std::int32_t falling = min_i32(max_i32((p.frame_length / 2 + 1) / 2, middle), inner_end);
  load_edge<kLog2Points>(p, view, 0, inner, z);
  load_pairs<kLog2Points, 1>(p, view, inner, middle, z);
  load_edge<kLog2Points>(p, view, middle, falling, z);
  load_pairs<kLog2Points, -1>(p, view, falling, inner_end, z);
  load_edge<kLog2Points>(p, view, inner_end, 1 << (kLog2Points - 1), z);
  return true;
}

}  // namespace dsp

/// Words of int32 scratch that power_spectrum needs.
constexpr std::int32_t power_spectrum_words(std::int32_t log2_points) { return (std::int32_t{1} << log2_points) + 2; }

/// Squared magnitudes of one frame, bins 0..N/2, as 64-bit numbers (see dsp::load_u64) in `z`; a full-scale sine on a
/// bin gives (2^(28 - log2 N) * sum of the window)^2. False, and nothing written, when no sample of the clip lies in
/// the frame. `any` receives the OR of all bins.
template <std::int32_t kLog2Points>
inline bool power_spectrum(const FrameParams& p, const Series& input, const Stretch& stretch, std::int32_t frame,
                           std::int32_t* z, std::uint64_t& any) {
  if (!dsp::load_frame<kLog2Points>(p, input, stretch, frame, z)) return false;
  dsp::complex_fft<kLog2Points>(z, p.twiddles);
  any = dsp::bins_to_power<kLog2Points>(z, p.twiddles);
  return true;
}

}  // namespace mote::device
