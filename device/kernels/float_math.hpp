#pragma once
// Functions of one float32, to within 1e-6 of their values or of 1, without a standard library.

#include <cstdint>

#include "kernels/float_bits.hpp"
#include "kernels/scores.hpp"

namespace mote::device {

inline float magnitude(float v) { return float_of(bits_of(v) & 0x7fffffffu); }

/// The nearest whole number below.
inline float floor_float(float v) {
  if (!(magnitude(v) < 8388608.0f)) return v;  // whole already, or no number
  const auto whole = static_cast<float>(static_cast<std::int32_t>(v));
  return whole > v ? whole - 1.0f : whole;
}
/// The nearest whole number, ties to even.
inline float round_float(float v) {
  const float low = floor_float(v), rest = v - low;
  if (rest < 0.5f) return low;
  if (rest > 0.5f) return low + 1.0f;
  return (static_cast<std::int32_t>(low) & 1) != 0 ? low + 1.0f : low;
}
/// The nearest whole number, ties away from zero.
inline float round_away(float v) {
  const float m = magnitude(v), low = floor_float(m), near = m - low < 0.5f ? low : low + 1.0f;
  return v < 0.0f ? negated(near) : near;
}

/// 1 / sqrt(v), v positive and normal: Newton's steps from a guess by the exponent.
inline float inverse_root(float v) {
  float y = float_of(0x5f375a86u - (bits_of(v) >> 1));
  for (int i = 0; i < 4; ++i) y = y * (1.5f - 0.5f * v * y * y);
  return y;
}
inline float root(float v) {
  if (!(v > 0.0f)) return v == 0.0f ? 0.0f : float_of(0x7fc00000u);
  if (!(v < float_of(0x7f800000u))) return v;
  if (v < 1e-37f) return root(v * 16777216.0f) * (1.0f / 4096.0f);
  return v * inverse_root(v);
}

/// ln v: the exponent, and the series of the inverse hyperbolic tangent for what is left between 1/sqrt 2 and sqrt 2.
inline float log_float(float v) {
  if (!(v > 0.0f)) return v == 0.0f ? float_of(0xff800000u) : float_of(0x7fc00000u);
  if (!(v < float_of(0x7f800000u))) return v;
  std::int32_t exponent = 0;
  if (v < 1.17549435e-38f) {
    v *= 16777216.0f;
    exponent = -24;
  }
  const std::uint32_t bits = bits_of(v);
  exponent += static_cast<std::int32_t>(bits >> 23) - 127;
  float m = float_of((bits & 0x7fffffu) | 0x3f800000u);
  if (m > 1.41421356f) {
    m *= 0.5f;
    ++exponent;
  }
  const float t = divided(m - 1.0f, m + 1.0f), t2 = t * t;
  const float series = 2.0f * t * (1.0f + t2 * (0.33333333f + t2 * (0.2f + t2 * (0.14285714f + t2 * 0.11111111f))));
  return static_cast<float>(exponent) * 0.69314718f + series;
}

inline float tanh_float(float x) {
  const float m = magnitude(x);
  float y;
  if (m < 0.25f) {
    const float m2 = m * m;
    y = m * (1.0f - m2 * (0.33333333f - m2 * (0.13333333f - m2 * (0.053968254f - m2 * 0.021869489f))));
  } else if (m < 10.0f) {
    const float e = exp_float(-2.0f * m);
    y = divided(1.0f - e, 1.0f + e);
  } else {
    y = m >= 10.0f ? 1.0f : m;  // m is no number
  }
  return x < 0.0f ? negated(y) : y;
}

/// e^x - 1, x not positive.
inline float exp_minus_one(float x) {
  if (x > -0.125f) return x * (1.0f + x * (0.5f + x * (0.16666667f + x * (0.041666667f + x * 0.0083333333f))));
  return exp_float(x) - 1.0f;
}

/// Source: Abramowitz and Stegun, 7.1.26, with an error of at most 1.5e-7.
inline float erf_float(float x) {
  const float m = magnitude(x), t = divided(1.0f, 1.0f + 0.3275911f * m);
  const float p =
      t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
  const float y = 1.0f - p * exp_float(negated(m * m));
  return x < 0.0f ? negated(y) : y;
}

/// A positive angle as quarter turns, modulo four, and what is left of it, from -pi/4 to pi/4.
struct QuarterTurns {
  std::uint32_t turns;
  float rest;
};
/// The mantissa times those bits of 2/pi that do not make whole turns.  Source: Payne and Hanek, Radian reduction for
/// trigonometric functions (1983).
inline QuarterTurns quarter_turns(float m) {
  constexpr std::uint32_t kTwoOverPi[6] = {0xa2f9836e, 0x4e441529, 0xfc2757d1, 0xf534ddc0, 0xdb629599, 0x3c439041};
  const std::uint32_t bits = bits_of(m), mantissa = (bits & 0x7fffffu) | 0x800000u;
  const std::int32_t exponent = static_cast<std::int32_t>(bits >> 23) - 127 - 23;  // of the mantissa's last bit
  if (exponent < -27) return {0, m};
  const std::int32_t skipped = exponent > 2 ? exponent - 2 : 0, word = skipped >> 5, shift = skipped & 31;
  std::uint64_t window = (std::uint64_t{kTwoOverPi[word]} << 32) | kTwoOverPi[word + 1];
  if (shift != 0) window = (window << shift) | (kTwoOverPi[word + 2] >> (32 - shift));
  if (exponent < 2) window >>= 2 - exponent;
  const std::uint64_t angle = mantissa * window;  // in steps of 2^-62 quarter turns
  const auto turns = static_cast<std::uint32_t>((angle + (std::uint64_t{1} << 61)) >> 62);
  const auto rest = static_cast<std::int32_t>((angle - (std::uint64_t{turns} << 62)) >> 32);  // of 2^-30
  return {turns, static_cast<float>(rest) * (1.5707963f / 1073741824.0f)};
}
/// The sine of x and so many quarter turns more.
inline float sine_of_turned(float x, std::uint32_t more) {
  const float m = magnitude(x);
  if (!(m < float_of(0x7f800000u))) return float_of(0x7fc00000u);
  const QuarterTurns a = quarter_turns(m);
  const std::uint32_t turns = more + a.turns;
  const float r = a.rest, r2 = r * r;
  const float y =
      (turns & 1) != 0
          ? 1.0f - r2 * (0.5f - r2 * (0.041666667f - r2 * (0.0013888889f - r2 * 0.000024801587f)))
          : r * (1.0f - r2 * (0.16666667f - r2 * (0.0083333333f - r2 * (0.0001984127f - r2 * 0.0000027557f))));
  return (turns & 2) != 0 ? negated(y) : y;
}
inline float sin_float(float x) { return x < 0.0f ? negated(sine_of_turned(x, 0)) : sine_of_turned(x, 0); }
inline float cos_float(float x) { return sine_of_turned(x, 1); }

inline float clamped(float v, float low, float high) { return v < low ? low : v > high ? high : v; }

/// Functions by name: `apply(x, alpha)`.
struct AbsFloat {
  static float apply(float x, float) { return magnitude(x); }
};
struct NegFloat {
  static float apply(float x, float) { return negated(x); }
};
struct SignFloat {
  static float apply(float x, float) { return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f; }
};
struct FloorFloat {
  static float apply(float x, float) { return floor_float(x); }
};
struct CeilFloat {
  static float apply(float x, float) { return negated(floor_float(negated(x))); }
};
struct RoundFloat {
  static float apply(float x, float) { return round_float(x); }
};
struct ExpFloat {
  static float apply(float x, float) { return exp_float(x); }
};
struct LogFloat {
  static float apply(float x, float) { return log_float(x); }
};
struct SqrtFloat {
  static float apply(float x, float) { return root(x); }
};
struct RsqrtFloat {
  static float apply(float x, float) {
    return x > 0.0f ? inverse_root(x) : float_of(x == 0.0f ? 0x7f800000u : 0x7fc00000u);
  }
};
struct SquareFloat {
  static float apply(float x, float) { return x * x; }
};
struct ReciprocalFloat {
  static float apply(float x, float) { return x < 0.0f ? negated(divided(1.0f, negated(x))) : divided(1.0f, x); }
};
struct LogisticFloat {
  static float apply(float x, float) {
    const float e = exp_float(negated(magnitude(x)));
    return divided(x < 0.0f ? e : 1.0f, 1.0f + e);
  }
};
struct TanhFloat {
  static float apply(float x, float) { return tanh_float(x); }
};
struct EluFloat {
  static float apply(float x, float alpha) { return x < 0.0f ? alpha * exp_minus_one(x) : x; }
};
struct GeluFloat {
  static float apply(float x, float) { return 0.5f * x * (1.0f + erf_float(x * 0.70710678f)); }
};
struct GeluTanhFloat {
  static float apply(float x, float) {
    return 0.5f * x * (1.0f + tanh_float(0.79788456f * (x + 0.044715f * x * x * x)));
  }
};
struct LeakyReluFloat {
  static float apply(float x, float alpha) { return x < 0.0f ? alpha * x : x; }
};
struct HardSwishFloat {
  static float apply(float x, float) { return x * clamped(x + 3.0f, 0.0f, 6.0f) * 0.16666667f; }
};

struct SinFloat {
  static float apply(float x, float) { return sin_float(x); }
};
struct CosFloat {
  static float apply(float x, float) { return cos_float(x); }
};

template <class Function>
void unary_float(const float* x, float* y, std::int32_t count, float alpha) {
  for (std::int32_t i = 0; i < count; ++i) y[i] = Function::apply(x[i], alpha);
}

}  // namespace mote::device
