#pragma once
// Internal: the constant tables of the signal blocks, computed in double precision once and rounded.

#include <cstdint>
#include <vector>

#include "mote/base/error.hpp"
#include "mote/features/config.hpp"

namespace mote::features {

/// Twiddle factors of a transform of `points`, see device/features/rfft.hpp.
[[nodiscard]] std::vector<std::uint32_t> twiddle_table(std::uint32_t points);

/// First (length + 1) / 2 values of the symmetric window, Q15.
[[nodiscard]] std::vector<std::int16_t> window_table_q15(Window window, std::uint32_t length);
/// Sum of all `length` values of the window that such a half table describes, and of their squares, as reals.
struct WindowSums {
  double sum;
  double squares;
};
[[nodiscard]] WindowSums window_sums(const std::vector<std::int16_t>& half, std::uint32_t length);

/// Mel filters over the bins of a transform; see device::MfeParams for the layout.
struct MelBank {
  std::vector<std::uint16_t> first_bins;
  std::vector<std::uint16_t> rise_q16;
  std::vector<double> centres_hz;
};
/// `warp` is applied to each edge of a filter (1: none).
/// @error invalid_argument  a filter without a bin; the message begins with "num_filters".
[[nodiscard]] Result<MelBank> mel_bank(const MelConfig& mel, double high_frequency, std::uint32_t fft_length,
                                       double rate_hz, double warp);

/// Rows of the orthonormal DCT-II, first halves, as integers * 2^shift with the largest shift that fits int16.
struct DctTable {
  std::vector<std::int16_t> values;
  std::int32_t shift;
};
[[nodiscard]] DctTable dct_table(std::uint32_t inputs, std::uint32_t outputs);

/// Butterworth filter as order / 2 sections {b0, b1, b2, a1, a2} in Q28 (bilinear transform with pre-warping).
[[nodiscard]] std::vector<std::int32_t> butterworth_q28(FilterType type, std::uint32_t order, double cutoff_hz,
                                                        double rate_hz);

/// Nearest integer, saturated to int32.
[[nodiscard]] std::int32_t rounded(double value);

}  // namespace mote::features
