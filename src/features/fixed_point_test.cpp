// The arithmetic beneath the blocks: logarithm, division, roots, quantization and the transform, against double
// precision.

#include "features/fixed_point.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "features/quantize.hpp"
#include "features/rfft.hpp"
#include "frame_front_end.hpp"
#include "mote/base/rng.hpp"
#include "tables.hpp"

namespace mote::features {
namespace {

namespace dsp = device::dsp;

TEST(FixedPoint, log2_is_within_4e_5_over_all_magnitudes) {
  Rng rng(1);
  double worst = 0;
  for (int i = 0; i < 200'000; ++i) {
    const std::uint64_t x = (rng.next() >> rng.below(64)) | 1;
    worst = std::max(
        worst, std::abs(dsp::log2_q16(x) / 65536.0 - static_cast<double>(std::log2(static_cast<long double>(x)))));
  }
  EXPECT_LT(worst, 4e-5);
  for (int bit = 0; bit < 64; ++bit) EXPECT_EQ(dsp::log2_q16(std::uint64_t{1} << bit), bit << 16);
}

TEST(FixedPoint, division_and_root_are_exact) {
  Rng rng(2);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t x = rng.next() >> rng.below(64);
    const std::uint32_t d = static_cast<std::uint32_t>(rng.next() >> (32 + rng.below(32))) | 1u;
    ASSERT_EQ(dsp::divide_u64_wide(x, d), x / d);
    ASSERT_EQ(dsp::divide_u64(x, d), std::min<std::uint64_t>(x / d, 0xffffffffu));
    const std::uint64_t root = dsp::square_root_u64(x);
    ASSERT_LE(root * root, x);
    ASSERT_TRUE(root == 0xffffffffu || (root + 1) * (root + 1) > x);
  }
}

TEST(FixedPoint, quantization_rounds_as_tensorflow_lite_documents_it) {
  // The definition: a doubling high multiplication rounded to nearest, then a division rounded to nearest with ties
  // away from zero.
  Rng rng(3);
  for (int i = 0; i < 50'000; ++i) {
    const auto x = static_cast<std::int16_t>(rng.next());
    const device::FeatureQuantization q{static_cast<std::int32_t>(rng.between(1 << 30, 2147483647)),
                                        static_cast<std::int32_t>(rng.between(-20, 6)),
                                        static_cast<std::int32_t>(rng.between(-128, 127))};
    const std::int64_t left = static_cast<std::int64_t>(x) << std::max(q.shift, 0);
    const auto high =
        static_cast<std::int64_t>(std::floor(static_cast<double>(left) * q.multiplier / 2147483648.0 + 0.5));
    const double exact = std::ldexp(static_cast<double>(high), std::min(q.shift, 0));
    const auto expected = static_cast<std::int64_t>(std::round(exact)) + q.zero_point;
    std::int8_t got = 0;
    device::quantize_features(&x, 1, q, &got);
    ASSERT_EQ(got, std::clamp<std::int64_t>(expected, -128, 127)) << x << " " << q.multiplier << " " << q.shift;
  }
}

/// Runs the integer transform on real samples in natural order; returns the power of the bins, in the samples' unit.
std::vector<double> integer_power(const std::vector<std::int32_t>& x) {
  const auto n = static_cast<std::uint32_t>(x.size());
  const auto twiddles = twiddle_table(n);
  std::vector<std::int32_t> z(n + 2);
  with_log2_points(std::countr_zero(n), [&](auto log2) {
    for (std::uint32_t i = 0; i < n; ++i)
      z[2 * dsp::bit_reversed<log2>(static_cast<std::int32_t>(i / 2)) + i % 2] = x[i];
    dsp::complex_fft<log2>(z.data(), twiddles.data());
    static_cast<void>(dsp::bins_to_power<log2>(z.data(), twiddles.data()));
  });
  std::vector<double> power;
  for (std::uint32_t k = 0; k <= n / 2; ++k) power.push_back(static_cast<double>(dsp::load_u64(z.data() + 2 * k)) / 4);
  return power;
}

std::vector<double> exact_power(const std::vector<std::int32_t>& x) {
  const std::size_t n = x.size();
  std::vector<double> power;
  for (std::size_t k = 0; k <= n / 2; ++k) {
    std::complex<double> sum = 0;
    for (std::size_t i = 0; i < n; ++i)
      sum += static_cast<double>(x[i]) *
             std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(i * k % n) / static_cast<double>(n));
    power.push_back(std::norm(sum));
  }
  return power;
}

class Transform : public testing::TestWithParam<std::uint32_t> {};

TEST_P(Transform, error_stays_88_db_below_the_strongest_bin) {
  const std::uint32_t n = GetParam();
  Rng rng(4);
  const double limit = std::ldexp(1, 29) / n - 1;
  for (int trial = 0; trial < 12; ++trial) {
    std::vector<std::int32_t> x(n);
    const double frequency = rng.uniform(0, 0.5);
    for (std::uint32_t i = 0; i < n; ++i) {
      const double tone = std::sin(2 * std::numbers::pi * frequency * i);
      const double value =
          trial % 3 == 0 ? tone : (trial % 3 == 1 ? rng.uniform(-1, 1) : (rng.chance(0.5) ? 1.0 : -1.0));
      x[i] = static_cast<std::int32_t>(limit * value);
    }
    const auto got = integer_power(x);
    const auto expected = exact_power(x);
    const double strongest = std::sqrt(*std::max_element(expected.begin(), expected.end()));
    for (std::size_t k = 0; k < got.size(); ++k) {
      EXPECT_LT(std::abs(std::sqrt(got[k]) - std::sqrt(expected[k])) / strongest, std::pow(10, -88.0 / 20))
          << n << " bin " << k;
    }
  }
}

TEST_P(Transform, survives_the_largest_samples_there_can_be) {
  const std::uint32_t n = GetParam();
  const auto limit = static_cast<std::int32_t>((1 << 29) / n);
  for (std::uint32_t period = 1; period <= 4; ++period) {
    std::vector<std::int32_t> x(n);
    for (std::uint32_t i = 0; i < n; ++i) x[i] = i / period % 2 == 0 ? limit : -limit;
    const auto got = integer_power(x);
    const auto expected = exact_power(x);
    const auto strongest = std::max_element(expected.begin(), expected.end());
    EXPECT_NEAR(got[static_cast<std::size_t>(strongest - expected.begin())] / *strongest, 1, 1e-3)
        << n << " period " << period;
  }
}

INSTANTIATE_TEST_SUITE_P(AllLengths, Transform, testing::Values(32u, 64u, 128u, 256u, 512u, 1024u));

TEST(Tables, a_warp_of_one_changes_nothing_and_the_dct_is_orthonormal) {
  const MelConfig mel{32, 60, 3900};
  EXPECT_EQ(mel_bank(mel, 3900, 256, 8000, 1).value().rise_q16,
            mel_bank(mel, 3900, 256, 8000, 1 + 1e-15).value().rise_q16);
  const auto dct = dct_table(20, 20);
  for (std::size_t a = 0; a < 20; ++a) {
    for (std::size_t b = 0; b < 20; ++b) {
      double dot = 0;
      for (std::size_t m = 0; m < 20; ++m) {
        const auto entry = [&](std::size_t k) {
          return dct.values[k * 10 + std::min(m, 19 - m)] * (m >= 10 && k % 2 == 1 ? -1.0 : 1.0) / std::exp2(dct.shift);
        };
        dot += entry(a) * entry(b);
      }
      EXPECT_NEAR(dot, a == b ? 1 : 0, 1e-4);
    }
  }
}

}  // namespace
}  // namespace mote::features
