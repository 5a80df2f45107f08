#pragma once
// Spectral: per channel, the level of the (optionally filtered) vibration, its spectral peaks and its power by band.
//
// The average is removed, a Butterworth low- or high-pass is applied, and the powers of half-overlapping Hann-windowed
// frames are averaged (Welch's method). All values are in Q8: levels in dB relative to one count (0 dB and below read
// as 0), frequencies in percent of the Nyquist frequency.

#include <cstdint>

#include "features/flatten.hpp"
#include "features/frames.hpp"

namespace mote::device {

struct SpectralParams {
  FrameParams frame;  ///< frame_length = transform length, stride = half of it, no pre-emphasis; `frames` is unused
  std::int32_t channels;
  std::int32_t max_length;      ///< samples per channel at most
  std::int32_t sections;        ///< biquads of the filter, 0 to 4
  const std::int32_t* biquads;  ///< [sections][5]: b0 b1 b2 a1 a2 in Q28; y = b0 x + b1 x1 + b2 x2 - a1 y1 - a2 y2
  std::int32_t peaks;           ///< number of (frequency, height) pairs given out
  std::int32_t peaks_threshold_db_q8;
  std::int32_t bands;
  const std::uint16_t* band_edges;  ///< bands + 1 bin numbers; band i is the bins [edge i, edge i + 1)
  std::int32_t peak_offset_db_q8;   ///< mean squared bin to height: a sine of amplitude A on a bin gives 20 log10 A
  std::int32_t band_offset_db_q8;   ///< sum of mean squared bins to power: all bins give the mean square
};

namespace dsp {

/// Direct form I with 12 extra fraction bits; an overshoot of the filter up to eight times full scale fits.
inline void biquad(const std::int32_t* c, std::int32_t* state, std::int32_t& x) {
  std::int64_t sum = static_cast<std::int64_t>(c[0]) * x + static_cast<std::int64_t>(c[1]) * state[0];
  sum += static_cast<std::int64_t>(c[2]) * state[1] - static_cast<std::int64_t>(c[3]) * state[2];
  sum -= static_cast<std::int64_t>(c[4]) * state[3];
  const std::int32_t y = static_cast<std::int32_t>(round_shift_i64(sum, 28));
  state[1] = state[0];
  state[0] = x;
  state[3] = state[2];
  state[2] = y;
  x = y;
}

/// Copies a channel without its average, filtered, to int16.
inline void condition(const SpectralParams& p, const Series& input, std::int32_t channel, std::int16_t* out) {
  std::int32_t state[16];
  fill_zero(state, 16);
  const std::int16_t* samples = input.samples + channel;
  const ChannelSums sums = channel_sums(samples, input.count, p.channels);
  const std::int32_t mean = mean_q8(sums.sum, input.count);
  for (std::int32_t t = 0; t < input.count; ++t) {
    std::int32_t x = (samples[t * p.channels] * 256 - mean) * 16;
    for (std::int32_t s = 0; s < p.sections; ++s) biquad(p.biquads + 5 * s, state + 4 * s, x);
    out[t] = saturate_i16(round_shift(x, 12));
  }
}

/// Sums the power of all frames into `sum` (bins 0..N/2, two words each), each scaled by 2^-8 against overflow. Returns
/// the number of frames.
template <std::int32_t kLog2Points>
inline std::int32_t sum_spectra(const SpectralParams& p, const Series& series, std::int32_t* z, std::int32_t* sum) {
  constexpr std::int32_t kBins = (1 << (kLog2Points - 1)) + 1;
  fill_zero(sum, 2 * kBins);
  const std::int32_t spare = series.count - p.frame.frame_length;
  const std::int32_t frames = spare <= 0 ? 1 : 1 + spare / p.frame.frame_stride;
  // A series shorter than one frame is centred in it.
  const Stretch stretch{spare < 0 ? spare >> 1 : 0, 0, series.count};
  for (std::int32_t frame = 0; frame < frames; ++frame) {
    std::uint64_t any = 0;
    static_cast<void>(power_spectrum<kLog2Points>(p.frame, series, stretch, frame, z, any));
    for (std::int32_t k = 0; k < kBins; ++k) store_u64(sum + 2 * k, load_u64(sum + 2 * k) + (load_u64(z + 2 * k) >> 8));
  }
  return frames;
}

/// dB of a positive power; 0 for anything at or below one count.
inline std::int32_t positive_db_q8(std::uint64_t power, std::int32_t offset_db_q8) {
  return power == 0 ? 0 : max_i32(power_db_q8(log2_q16(power)) + offset_db_q8, 0);
}

struct Peak {
  std::int32_t bin;
  std::int32_t height_db_q8;
};

/// The highest local maximum between the end bins that ranks after `before` (lower, or as high and at a higher bin).
inline Peak next_peak(const std::int16_t* db, std::int32_t bins, const Peak& before, std::int32_t threshold) {
  Peak best{0, threshold - 1};
  for (std::int32_t k = 1; k < bins - 1; ++k) {
    const std::int32_t height = db[k];
    const bool is_peak = height > db[k - 1] && height >= db[k + 1];
    const bool after = height < before.height_db_q8 || (height == before.height_db_q8 && k > before.bin);
    if (is_peak && after && height > best.height_db_q8) best = {k, height};
  }
  return best;
}

/// Frequency of a peak in percent of Nyquist, Q8, by the parabola through the levels of its bin and its neighbours.
inline std::int32_t peak_frequency_q8(const std::int16_t* db, std::int32_t bin, std::int32_t log2_points) {
  const std::int32_t curvature = 2 * db[bin] - db[bin - 1] - db[bin + 1];
  const std::int32_t offset_q8 = curvature > 0 ? ((db[bin + 1] - db[bin - 1]) * 128) / curvature : 0;
  return round_shift((bin * 256 + offset_q8) * 100, log2_points - 1);
}

template <std::int32_t kLog2Points>
inline std::int16_t* write_peaks(const SpectralParams& p, const std::int16_t* db, std::int16_t* out) {
  constexpr std::int32_t kBins = (1 << (kLog2Points - 1)) + 1;
  Peak peak{0, 32767};
  for (std::int32_t i = 0; i < p.peaks; ++i) {
    if (peak.height_db_q8 >= 0) peak = next_peak(db, kBins, peak, max_i32(p.peaks_threshold_db_q8, 1));
    if (peak.bin == 0) peak.height_db_q8 = -1;
    *out++ = peak.bin == 0 ? std::int16_t{0} : saturate_i16(peak_frequency_q8(db, peak.bin, kLog2Points));
    *out++ = saturate_i16(max_i32(peak.height_db_q8, 0));
  }
  return out;
}

/// 10 log10 of the mean square of the conditioned series.
inline std::int16_t series_level_db_q8(const Series& series) {
  const ChannelSums sums = channel_sums(series.samples, series.count, 1);
  if (sums.squares == 0) return 0;
  const std::int32_t mean = log2_q16(sums.squares) - log2_q16(static_cast<std::uint64_t>(series.count));
  return saturate_i16(max_i32(power_db_q8(mean), 0));
}

template <std::int32_t kLog2Points>
inline std::int16_t* channel_spectrum(const SpectralParams& p, const Series& series, std::int32_t* z, std::int32_t* sum,
                                      std::int16_t* out) {
  constexpr std::int32_t kBins = (1 << (kLog2Points - 1)) + 1;
  const std::int32_t frames = sum_spectra<kLog2Points>(p, series, z, sum);
  const std::int32_t frames_db = power_db_q8(log2_q16(static_cast<std::uint64_t>(frames)));
  std::int16_t* db = reinterpret_cast<std::int16_t*>(z);
  for (std::int32_t k = 0; k < kBins; ++k)
    db[k] = saturate_i16(positive_db_q8(load_u64(sum + 2 * k), p.peak_offset_db_q8 - frames_db));
  out = write_peaks<kLog2Points>(p, db, out);
  for (std::int32_t band = 0; band < p.bands; ++band) {
    std::uint64_t power = 0;
    for (std::int32_t k = p.band_edges[band]; k < p.band_edges[band + 1]; ++k) power += load_u64(sum + 2 * k);
    *out++ = saturate_i16(positive_db_q8(power, p.band_offset_db_q8 - frames_db));
  }
  return out;
}

}  // namespace dsp

/// Scratch: the spectrum's words, their sum, the conditioned channel.
constexpr std::int32_t spectral_scratch_words(const SpectralParams& p, std::int32_t log2_points) {
  return 2 * power_spectrum_words(log2_points) + (p.max_length + 1) / 2;
}

/// @param out  [channels][1 + 2 * peaks + bands]: rms, (frequency, height) by falling height, band powers; zeros for an
/// empty input.
/// @param scratch  spectral_scratch_words words, 4-byte aligned.
template <std::int32_t kLog2Points>
inline void spectral(const SpectralParams& p, const Series& input, std::int16_t* out, void* scratch) {
  std::int32_t* z = static_cast<std::int32_t*>(scratch);
  std::int32_t* sum = z + power_spectrum_words(kLog2Points);
  std::int16_t* conditioned = reinterpret_cast<std::int16_t*>(sum + power_spectrum_words(kLog2Points));
  for (std::int32_t c = 0; c < p.channels; ++c) {
    if (input.count == 0) {
      for (std::int32_t i = 0; i < 1 + 2 * p.peaks + p.bands; ++i) {
        *out++ = 0;
        __asm__ volatile("" ::: "memory");
      }
      continue;
    }
    dsp::condition(p, input, c, conditioned);
    const Series series{conditioned, input.count};
    *out++ = dsp::series_level_db_q8(series);
    out = dsp::channel_spectrum<kLog2Points>(p, series, z, sum, out);
  }
}

}  // namespace mote::device
