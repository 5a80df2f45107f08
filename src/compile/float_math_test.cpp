// The device's functions of floats beside the standard library's, where they are steep, flat, near zero and no numbers.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/float_layers.hpp"

namespace mote::device {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
const float kNaN = std::numeric_limits<float>::quiet_NaN();

/// Largest difference relative to the value itself, over `low` to `high`.
template <class Got, class Want>
double worst(double low, double high, Got got, Want want) {
  double largest = 0.0;
  constexpr int kSteps = 20'000;
  for (int i = 0; i <= kSteps; ++i) {
    const auto x = static_cast<float>(low + (high - low) * i / kSteps);
    const double w = want(static_cast<double>(x)), g = static_cast<double>(got(x));
    if (w == 0.0 && g == 0.0) continue;
    const double d = std::fabs(g - w) / std::fabs(w);
    largest = std::isnan(d) ? 1e9 : std::max(largest, d);
  }
  return largest;
}

TEST(FloatMath, is_the_standard_librarys_within_a_millionth) {
  EXPECT_LT(worst(-12.0, 12.0, tanh_float, [](double x) { return std::tanh(x); }), 1e-6);
  EXPECT_LT(worst(-1e-3, 1e-3, tanh_float, [](double x) { return std::tanh(x); }), 1e-6);
  EXPECT_LT(worst(-20.0, 0.0, exp_minus_one, [](double x) { return std::expm1(x); }), 1e-6);
  EXPECT_LT(worst(-1e-3, 0.0, exp_minus_one, [](double x) { return std::expm1(x); }), 1e-6);
  EXPECT_LT(worst(-80.0, 80.0, exp_float, [](double x) { return std::exp(x); }), 1e-6);
  EXPECT_LT(worst(
                -30.0, 30.0, [](float x) { return LogisticFloat::apply(x, 0.0f); },
                [](double x) { return 1.0 / (1.0 + std::exp(-x)); }),
            1e-6);
  EXPECT_LT(worst(1e-30, 1e-20, root, [](double x) { return std::sqrt(x); }), 1e-6);
  EXPECT_LT(worst(1e-3, 1e5, root, [](double x) { return std::sqrt(x); }), 1e-6);
  EXPECT_LT(worst(1e-3, 1e5, inverse_root, [](double x) { return 1.0 / std::sqrt(x); }), 1e-6);
  EXPECT_LT(worst(1e-30, 0.9, log_float, [](double x) { return std::log(x); }), 2e-6);
  EXPECT_LT(worst(1.1, 1e20, log_float, [](double x) { return std::log(x); }), 2e-6);
  // Zeros lie between floats: beside 1.
  for (const double reach : {1.0, 10.0, 1000.0, 1e6, 3e38}) {
    for (int i = 0; i < 20'000; ++i) {
      const auto x = static_cast<float>(reach * (i - 10'000) / 10'000);
      ASSERT_NEAR(sin_float(x), std::sin(static_cast<double>(x)), 3e-7) << x;
      ASSERT_NEAR(cos_float(x), std::cos(static_cast<double>(x)), 3e-7) << x;
    }
  }
  EXPECT_LT(worst(-1.5, 1.5, sin_float, [](double x) { return std::sin(x); }), 1e-6);
  EXPECT_LT(worst(1e-30, 1e-3, sin_float, [](double x) { return std::sin(x); }), 1e-6);
  // Of what is near 1, beside 1.
  for (float x = 0.9f; x < 1.1f; x += 1e-4f) EXPECT_NEAR(log_float(x), std::log(x), 1e-6);
  for (float x = -6.0f; x < 6.0f; x += 1e-3f) EXPECT_NEAR(erf_float(x), std::erf(x), 1e-6) << x;
}

TEST(FloatMath, knows_what_is_no_number_and_what_has_no_bound) {
  EXPECT_EQ(tanh_float(kInfinity), 1.0f);
  EXPECT_EQ(tanh_float(-kInfinity), -1.0f);
  EXPECT_TRUE(std::isnan(tanh_float(kNaN)));
  EXPECT_EQ(sin_float(0.0f), 0.0f);
  EXPECT_EQ(cos_float(0.0f), 1.0f);
  EXPECT_TRUE(std::isnan(sin_float(kNaN)));
  EXPECT_TRUE(std::isnan(cos_float(kInfinity)));
  EXPECT_EQ(log_float(0.0f), -kInfinity);
  EXPECT_TRUE(std::isnan(log_float(-1.0f)));
  EXPECT_EQ(log_float(kInfinity), kInfinity);
  EXPECT_NEAR(log_float(1e-40f), std::log(1e-40f), 1e-4);
  EXPECT_EQ(root(0.0f), 0.0f);
  EXPECT_TRUE(std::isnan(root(-1.0f)));
  EXPECT_EQ(root(kInfinity), kInfinity);
  EXPECT_NEAR(root(1e-40f) / std::sqrt(1e-40f), 1.0f, 1e-4);
  EXPECT_EQ(RsqrtFloat::apply(0.0f, 0.0f), kInfinity);
  EXPECT_TRUE(std::isnan(RsqrtFloat::apply(-1.0f, 0.0f)));
}

TEST(FloatMath, rounds_as_the_standard_library) {
  for (const float x : {0.0f, 0.4999999f, 0.49999997f, 0.5f, 0.5000001f, 1.5f, 2.5f, 3.4999998f, 8388607.5f, 8388609.0f,
                        1e20f, 127.49999f, 4194303.5f}) {
    for (const float v : {x, -x}) {
      EXPECT_EQ(floor_float(v), std::floor(v)) << v;
      EXPECT_EQ(CeilFloat::apply(v, 0.0f), std::ceil(v)) << v;
      EXPECT_EQ(round_float(v), std::nearbyint(v)) << v;
      EXPECT_EQ(round_away(v), std::round(v)) << v;
    }
  }
}

}  // namespace
}  // namespace mote::device
