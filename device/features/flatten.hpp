#pragma once
// Flatten: statistics of each channel over time.

#include <cstdint>

#include "features/fixed_point.hpp"
#include "features/series.hpp"

namespace mote::device {

/// Which statistics, as bits, in the order they are given out.
enum FlattenStatistic : std::uint32_t {
  flatten_average = 1u << 0,
  flatten_minimum = 1u << 1,
  flatten_maximum = 1u << 2,
  flatten_rms = 1u << 3,
  flatten_stdev = 1u << 4,  ///< population: divided by the count
  flatten_skewness = 1u << 5,
  flatten_kurtosis = 1u << 6,  ///< excess: 0 for a normal distribution
};

struct FlattenParams {
  std::int32_t channels;
  std::uint32_t statistics;  ///< FlattenStatistic bits
};

/// Average, minimum, maximum, rms and stdev are in counts, skewness and kurtosis in Q11 (and saturate at 16).
constexpr std::int32_t kFlattenFractionBits = 11;
constexpr std::int32_t kFlattenMaxLength = 32768;  ///< the sums below fit up to here

namespace dsp {

struct ChannelSums {
  std::int32_t sum;
  std::uint64_t squares;
  std::int32_t minimum;
  std::int32_t maximum;
};

inline ChannelSums channel_sums(const std::int16_t* samples, std::int32_t count, std::int32_t channels) {
  ChannelSums s{0, 0, 32767, -32768};
  for (std::int32_t t = 0; t < count; ++t) {
    const std::int32_t x = samples[t * channels];
    s.sum += x;
    s.squares += square_i32(x);
    s.minimum = min_i32(s.minimum, x);
    s.maximum = max_i32(s.maximum, x);
  }
  return s;
}

/// sum / count to nearest, in Q8.
inline std::int32_t mean_q8(std::int32_t sum, std::int32_t count) {
  const std::uint32_t magnitude = sum < 0 ? 0u - static_cast<std::uint32_t>(sum) : static_cast<std::uint32_t>(sum);
  const std::uint64_t scaled = (static_cast<std::uint64_t>(magnitude) << 8) + static_cast<std::uint32_t>(count / 2);
  const std::int32_t mean = static_cast<std::int32_t>(divide_u64(scaled, static_cast<std::uint32_t>(count)));
  return sum < 0 ? -mean : mean;
}

/// root / 2^fraction_bits.
struct Root {
  std::uint32_t root;
  std::int32_t fraction_bits;
};

/// Square root of squares / count, where `squares` has 2 * fraction_bits fraction bits, to as many bits as fit.
inline Root root_mean(std::uint64_t squares, std::int32_t count, std::int32_t fraction_bits) {
  if (squares == 0) return {0, fraction_bits};
  const std::int32_t extra = min_i32((leading_zeros_u64(squares) - 1) / 2, 16);
  return {square_root_u64(divide_u64_wide(squares << (2 * extra), static_cast<std::uint32_t>(count))),
          fraction_bits + extra};
}

/// Standard deviation from deviations of the mean rounded to 1/256 count.
inline Root standard_deviation(const std::int16_t* samples, std::int32_t count, std::int32_t channels,
                               std::int32_t mean) {
  std::uint64_t squares_q16 = 0;
  for (std::int32_t t = 0; t < count; ++t) squares_q16 += square_i32(samples[t * channels] * 256 - mean);
  return root_mean(squares_q16, count, 8);
}

inline std::int32_t whole(const Root& r) {
  return r.fraction_bits == 0 ? static_cast<std::int32_t>(r.root)
                              : static_cast<std::int32_t>((r.root + (1u << (r.fraction_bits - 1))) >> r.fraction_bits);
}

struct HigherMoments {
  std::int32_t skewness_q11;
  std::int32_t kurtosis_q11;
};

/// Means of the third and fourth powers of z = (x - mean) / deviation, z in Q12.
inline HigherMoments higher_moments(const std::int16_t* samples, std::int32_t count, std::int32_t channels,
                                    std::int32_t mean, const Root& deviation) {
  if (deviation.root == 0) return {0, 0};
  // The reciprocal has 30 bits: z in Q12 = d_q8 * 2^(4 + fraction_bits) / root = d_q8 * reciprocal / 2^shift.
  const std::int32_t zeros = leading_zeros(deviation.root);
  const std::int32_t reciprocal =
      static_cast<std::int32_t>(divide_u64(std::uint64_t{1} << 61, deviation.root << zeros));
  const std::int32_t shift = 57 - deviation.fraction_bits - zeros;
  std::int64_t cubes_q24 = 0;
  std::uint64_t fourths_q24 = 0;
  for (std::int32_t t = 0; t < count; ++t) {
    const std::int32_t d_q8 = samples[t * channels] * 256 - mean;
    const std::int32_t z =
        static_cast<std::int32_t>(round_shift_i64(static_cast<std::int64_t>(d_q8) * reciprocal, shift));
    const std::int32_t z2 = static_cast<std::int32_t>(round_shift_i64(static_cast<std::int64_t>(z) * z, 12));
    cubes_q24 += static_cast<std::int64_t>(z2) * z;
    fourths_q24 += square_i32(z2);
  }
  const std::uint32_t n = static_cast<std::uint32_t>(count);
  const std::uint64_t magnitude = static_cast<std::uint64_t>(cubes_q24 < 0 ? -cubes_q24 : cubes_q24);
  const std::int32_t skewness = static_cast<std::int32_t>(divide_u64_wide(magnitude, n) >> 13);
  const std::int32_t kurtosis =
      static_cast<std::int32_t>(divide_u64_wide(fourths_q24, n) >> 13) - (3 << kFlattenFractionBits);
  return {cubes_q24 < 0 ? -skewness : skewness, kurtosis};
}

/// All statistics of a channel in the order of their bits.
inline void channel_statistics(const std::int16_t* samples, std::int32_t count, std::int32_t channels,
                               std::int32_t* values) {
  const ChannelSums s = channel_sums(samples, count, channels);
  const std::int32_t mean = mean_q8(s.sum, count);
  const Root deviation = standard_deviation(samples, count, channels, mean);
  const HigherMoments moments = higher_moments(samples, count, channels, mean, deviation);
  values[0] = round_shift(mean, 8);
  values[1] = s.minimum;
  values[2] = s.maximum;
  values[3] = whole(root_mean(s.squares, count, 0));
  values[4] = whole(deviation);
  values[5] = moments.skewness_q11;
  values[6] = moments.kurtosis_q11;
}

}  // namespace dsp

/// @param out  [channels][statistics]; zeros for an empty input.
inline void flatten(const FlattenParams& p, const Series& input, std::int16_t* out) {
  for (std::int32_t c = 0; c < p.channels; ++c) {
    std::int32_t values[7];
    dsp::fill_zero(values, 7);
    if (input.count > 0) dsp::channel_statistics(input.samples + c, input.count, p.channels, values);
    for (std::int32_t i = 0; i < 7; ++i) {
      if ((p.statistics >> i & 1u) != 0) *out++ = dsp::saturate_i16(values[i]);
    }
  }
}

}  // namespace mote::device
