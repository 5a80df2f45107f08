#pragma once
// MFCC: orthonormal cosine transform (DCT-II) of the mel levels of each frame, with optional mean normalisation over
// time.

#include "features/mfe.hpp"

namespace mote::device {

struct MfccParams {
  MfeParams mel;
  std::int32_t num_cepstral;
  std::int32_t win_size;   ///< frames of the sliding mean that is subtracted from each coefficient, odd; 0: none
  std::int32_t dct_shift;  ///< table entries are cosine * 2^dct_shift
  const std::int16_t*
      dct;  ///< [num_cepstral][(num_filters + 1) / 2]: the first half of each row; the second follows by symmetry
};

/// Cepstra are in Q5: their real unit is 1/32 dB.
constexpr std::int32_t kCepstrumFractionBits = 5;

namespace dsp {

/// Rows of the transform are even (k even) or odd (k odd) about their middle: half the table, half the products.
inline void cepstrum(const MfccParams& p, const std::int16_t* levels, std::int16_t* out) {
  const std::int32_t filters = p.mel.num_filters;
  const std::int32_t half = (filters + 1) / 2;
  const std::int16_t* row = p.dct;
  for (std::int32_t k = 0; k < p.num_cepstral; ++k, row += half) {
    const std::int32_t sign = (k & 1) != 0 ? -1 : 1;
    std::int64_t sum = 0;
    for (std::int32_t m = 0; m < filters / 2; ++m) {
      sum += static_cast<std::int64_t>(levels[m] + sign * levels[filters - 1 - m]) * row[m];
    }
    if ((filters & 1) != 0) sum += static_cast<std::int64_t>(levels[half - 1]) * row[half - 1];
    out[k] = saturate_i16(static_cast<std::int32_t>(round_shift_i64(sum, p.dct_shift + 8 - kCepstrumFractionBits)));
  }
}

/// Subtracts from each value of a column the mean of the frames at most win_size / 2 away that exist.
/// The values passed are kept in `ring` (win_size / 2 + 1 of them), since the column is overwritten.
inline void subtract_sliding_mean(const MfccParams& p, std::int16_t* column, std::int16_t* ring) {
  const std::int32_t frames = p.mel.frame.frames;
  const std::int32_t reach = p.win_size / 2;
  std::int32_t sum = 0;
  std::int32_t count = 0;
  for (; count < min_i32(reach, frames); ++count) sum += column[count * p.num_cepstral];
  std::int32_t slot = 0;
  for (std::int32_t t = 0; t < frames; ++t) {
    if (t + reach < frames) {
      sum += column[(t + reach) * p.num_cepstral];
      ++count;
    }
    if (t > reach) {
      sum -= ring[slot];
      --count;
    }
    const std::int32_t value = column[t * p.num_cepstral];
    ring[slot] = static_cast<std::int16_t>(value);
    slot = slot == reach ? 0 : slot + 1;
    const std::int32_t doubled = 2 * sum + (sum >= 0 ? count : -count);
    column[t * p.num_cepstral] = saturate_i16(value - doubled / (2 * count));
  }
}

}  // namespace dsp

/// Scratch: the spectrum's words, then the mel levels of all frames, then the ring of the sliding mean.
constexpr std::int32_t mfcc_scratch_words(const MfccParams& p, std::int32_t log2_points) {
  return power_spectrum_words(log2_points) + (p.mel.frame.frames * p.mel.num_filters + 1) / 2 +
         (p.win_size / 2 + 2) / 2;
}

/// @param out      [frames][num_cepstral], Q5.
/// @param scratch  mfcc_scratch_words words, 4-byte aligned.
template <std::int32_t kLog2Points>
inline void mfcc(const MfccParams& p, const Series& input, std::int16_t* out, void* scratch) {
  std::int32_t* words = static_cast<std::int32_t*>(scratch);
  std::int16_t* levels = reinterpret_cast<std::int16_t*>(words + power_spectrum_words(kLog2Points));
  mfe<kLog2Points>(p.mel, input, levels, words);
  const std::int32_t frames = p.mel.frame.frames;
  for (std::int32_t t = 0; t < frames; ++t) dsp::cepstrum(p, levels + t * p.mel.num_filters, out + t * p.num_cepstral);
  if (p.win_size == 0) return;
  std::int16_t* ring = levels + frames * p.mel.num_filters;
  for (std::int32_t k = 0; k < p.num_cepstral; ++k) dsp::subtract_sliding_mean(p, out + k, ring);
}

}  // namespace mote::device
