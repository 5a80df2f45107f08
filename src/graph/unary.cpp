#include "mote/graph/unary.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/requantize.hpp"
#include "mote/graph/quantization.hpp"

namespace mote::graph {
namespace {

using device::clamp;
using device::multiply_by_quantized_multiplier;
using device::rounding_divide_by_pot;
using device::saturating_rounding_doubling_high_mul;

// ---- gemmlowp's fixed-point functions, Q0.31 results
// --------------------------------------------------------------------------------

std::int32_t saturate(std::int64_t v) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(v, INT32_MIN, INT32_MAX));
}

/// exp(a) for a in [-1/4, 0).
std::int32_t exp_on_quarter(std::int32_t a) {
  constexpr std::int32_t kExpMinusEighth = 1895147668, kThird = 715827883;
  const std::int32_t x = a + (1 << 28);
  const std::int32_t x2 = saturating_rounding_doubling_high_mul(x, x);
  const std::int32_t x3 = saturating_rounding_doubling_high_mul(x2, x);
  const std::int32_t x4_over_4 = rounding_divide_by_pot(saturating_rounding_doubling_high_mul(x2, x2), 2);
  const std::int32_t series =
      rounding_divide_by_pot(saturating_rounding_doubling_high_mul(x4_over_4 + x3, kThird) + x2, 1);
  return saturate(std::int64_t{kExpMinusEighth} + saturating_rounding_doubling_high_mul(kExpMinusEighth, x + series));
}

/// exp(a), a <= 0 with `integer_bits` before the point (exp_on_negative_values).
std::int32_t exp_on_negative(std::int32_t a, int integer_bits) {
  const int fraction_bits = 31 - integer_bits;
  const std::int32_t quarter = 1 << (fraction_bits - 2);
  const std::int32_t a_mod_quarter = (a & (quarter - 1)) - quarter;
  std::int32_t result =
      exp_on_quarter(static_cast<std::int32_t>(static_cast<std::uint32_t>(a_mod_quarter) << integer_bits));
  const std::int32_t remainder = a_mod_quarter - a;
  constexpr std::array<std::int32_t, 7> kFactors{1672461947, 1302514674, 790015084, 290630308,
                                                 39332535,   720401,     242};  // exp(-1/4), exp(-1/2), ... exp(-16)
  for (int i = 0; i < 7 && integer_bits > i - 2; ++i) {
    if ((remainder >> (fraction_bits - 2 + i)) & 1)
      result = saturating_rounding_doubling_high_mul(result, kFactors[static_cast<std::size_t>(i)]);
  }
  return a == 0 ? INT32_MAX : result;
}

/// round((a + b) / 2), ties away from zero.
std::int32_t half_sum(std::int32_t a, std::int32_t b) {
  const std::int64_t sum = std::int64_t{a} + b;
  return static_cast<std::int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
}

/// x in Q2.29 after three Newton steps towards 1 / ((1 + a) / 2).
std::int32_t newton_reciprocal(std::int32_t half_denominator) {
  std::int32_t x =
      1515870810 + saturating_rounding_doubling_high_mul(half_denominator, -1010580540);  // 48/17 - 32/17 d
  for (int i = 0; i < 3; ++i) {
    const std::int32_t error = (1 << 29) - saturating_rounding_doubling_high_mul(half_denominator, x);
    x = saturate(std::int64_t{x} + saturate(std::int64_t{saturating_rounding_doubling_high_mul(x, error)} * 4));
  }
  return x;
}
/// 1 / (1 + a), a in [0, 1).
std::int32_t one_over_one_plus(std::int32_t a) {
  return saturate(std::int64_t{newton_reciprocal(half_sum(a, INT32_MAX))} * 2);
}
/// (1 - a) / (1 + a), a in [0, 1).
std::int32_t one_minus_over_one_plus(std::int32_t a) {
  return saturate((std::int64_t{newton_reciprocal(half_sum(a, INT32_MAX))} - (1 << 29)) * 4);
}

/// a in Q4.27.
std::int32_t fixed_logistic(std::int32_t a) {
  if (a == 0) return 1 << 30;
  const std::int32_t positive = one_over_one_plus(exp_on_negative(a < 0 ? a : -a, 4));
  return a > 0 ? positive : INT32_MAX - positive;
}
/// a in Q4.27.
std::int32_t fixed_tanh(std::int32_t a) {
  if (a == 0) return 0;
  const std::int32_t t = one_minus_over_one_plus(exp_on_negative(a < 0 ? a : -a, 5));  // twice a: one integer bit more
  return a < 0 ? -t : t;
}

// ---- int8 tables
// ---------------------------------------------------------------------------------------------------------------------

class Table {
 public:
  Table(const Unary& unary, const Quantization& x, const Quantization& y) : unary_(unary), x_(x), y_(y) {}

  std::array<std::int8_t, 256> make() const {
    std::array<std::int8_t, 256> table{};
    for (std::int32_t v = -128; v < 128; ++v)
      table[static_cast<std::uint8_t>(v)] = static_cast<std::int8_t>(clamp(result(v), -128, 127));
    return table;
  }

 private:
  [[nodiscard]] std::int32_t result(std::int32_t v) const {
    const std::int32_t input = v - x_.zero_point();
    switch (unary_.kind) {
      case UnaryKind::logistic:
        return gives(1.0f / 256.0f, -128) ? saturating(input, fixed_logistic, 8, -128) : through_float(v);
      case UnaryKind::tanh:
        return gives(1.0f / 128.0f, 0) ? saturating(input, fixed_tanh, 7, 0) : through_float(v);
      case UnaryKind::leaky_relu:
        return scaled(input,
                      static_cast<double>(input >= 0 ? x_.scale() / y_.scale()
                                                     : x_.scale() * unary_.alpha / y_.scale()));  // in float, as there
      case UnaryKind::abs:
        return scaled(std::abs(input), ratio());
      case UnaryKind::rsqrt:
        return reciprocal_root(input);
      case UnaryKind::hard_swish:
        return hard_swish(input);
      default:
        return through_float(v);
    }
  }

  /// Whether the output is the only one that TensorFlow Lite has for a function.
  [[nodiscard]] bool gives(float scale, std::int32_t zero) const {
    return y_.scale() == scale && y_.zero_point() == zero;
  }
  [[nodiscard]] double ratio() const { return static_cast<double>(x_.scale()) / static_cast<double>(y_.scale()); }
  [[nodiscard]] std::int32_t scaled(std::int32_t v, double factor) const {
    const FixedMultiplier m = fixed_multiplier(std::fabs(factor));
    return multiply_by_quantized_multiplier(v, factor < 0.0 ? -m.mantissa : m.mantissa, m.shift) + y_.zero_point();
  }

  /// Functions with limits on both sides, computed on Q4.27; the result has `bits` of Q0.31.
  [[nodiscard]] std::int32_t saturating(std::int32_t input, std::int32_t (*function)(std::int32_t), int bits,
                                        std::int32_t zero) const {
    const FixedMultiplier m = fixed_multiplier(static_cast<double>(x_.scale()) * static_cast<double>(1 << 27));
    const double radius = std::floor(15.0 * std::ldexp(1.0, 27) / std::ldexp(1.0, m.shift));
    if (input <= -radius) return -128;
    if (input >= radius) return 127;
    return rounding_divide_by_pot(function(multiply_by_quantized_multiplier(input, m.mantissa, m.shift)), 31 - bits) +
           zero;
  }

  /// 1 / sqrt(input * scale) as GetInvSqrtQuantizedMultiplierExp has it: Newton steps in Q3.28.
  [[nodiscard]] std::int32_t reciprocal_root(std::int32_t input) const {
    constexpr int kShift = 20;
    if (input <= 0) return 127;
    std::int32_t mantissa = INT32_MAX, shift = 0;
    if (input > 1) {
      shift = 11;
      std::int32_t x = input;
      while (x >= (1 << 29)) {
        x /= 4;
        ++shift;
      }
      const int headroom = std::countl_zero(static_cast<std::uint32_t>(x)) - 1;
      const int pairs = headroom / 2 - 1;
      shift -= pairs;
      x <<= 2 * pairs;
      const std::int32_t half = rounding_divide_by_pot(x >> 1, 1);  // of x / 2 in Q3.28
      const auto times = saturating_rounding_doubling_high_mul;
      std::int32_t r = 1 << 28;
      for (int i = 0; i < 5; ++i) {
        const std::int32_t cube = saturate(std::int64_t{times(times(r, r), r)} << 6);  // from Q9.22
        const std::int32_t three_halves = (1 << 28) + (1 << 27);
        r = saturate((std::int64_t{times(three_halves, r)} - times(half, cube)) << 3);  // from Q6.25
      }
      constexpr std::int32_t kHalfRootOfTwo = 1518500250;  // Q0.31
      mantissa = saturating_rounding_doubling_high_mul(r, kHalfRootOfTwo);
      if (shift < 0) {
        mantissa = static_cast<std::int32_t>(static_cast<std::uint32_t>(mantissa) << -shift);
        shift = 0;
      }
      shift = -shift;
    }
    const double factor = 1.0 / (std::sqrt(static_cast<double>(x_.scale())) * static_cast<double>(y_.scale()));
    const FixedMultiplier m = fixed_multiplier(factor);
    const std::int32_t data = multiply_by_quantized_multiplier(1, mantissa, shift + kShift);
    return multiply_by_quantized_multiplier(data, m.mantissa, m.shift - kShift) + y_.zero_point();
  }

  /// reference_ops::HardSwish, in 16 bits.
  [[nodiscard]] std::int32_t hard_swish(std::int32_t input) const {
    const auto narrow = [](std::int32_t v) { return static_cast<std::int16_t>(std::clamp(v, -32768, 32767)); };
    const auto rounding_high = [&](std::int16_t a, std::int16_t b) {
      return narrow(a == INT16_MIN && b == INT16_MIN ? INT16_MAX
                                                     : (a * b + (a * b >= 0 ? 1 << 14 : 1 - (1 << 14))) / (1 << 15));
    };
    const auto multiplier16 = [](double factor, std::int32_t& exponent) {
      const FixedMultiplier m = fixed_multiplier(factor);
      exponent = m.shift;
      return static_cast<std::int16_t>(m.mantissa >= INT32_MAX - (1 << 15) ? INT16_MAX
                                                                           : (m.mantissa + (1 << 15)) >> 16);
    };
    const float hires_scale = (1.0f / 128.0f) * x_.scale();
    std::int32_t reluish_exponent = 0, output_exponent = 0;
    const std::int16_t reluish_multiplier =
        multiplier16(static_cast<double>(hires_scale / (3.0f / 32768.0f)), reluish_exponent);
    const std::int16_t output_multiplier = multiplier16(static_cast<double>(hires_scale / y_.scale()), output_exponent);
    const auto hires = static_cast<std::int16_t>(input * 128);
    const std::int16_t preshift = rounding_high(hires, output_multiplier);
    std::int16_t reluish = hires;
    if (reluish_exponent > 0) reluish = narrow(reluish * (1 << std::min(reluish_exponent - 1, 15)));
    reluish = rounding_high(reluish, reluish_multiplier);
    if (reluish_exponent > 0) reluish = narrow(reluish * 2);
    if (reluish_exponent < 0)
      reluish = static_cast<std::int16_t>(rounding_divide_by_pot(reluish, std::min(-reluish_exponent, 31)));
    reluish = static_cast<std::int16_t>((reluish + (1 << 15)) >> 1);
    const std::int16_t product = narrow(reluish * preshift / (1 << 15));  // not rounded
    const std::int32_t value = output_exponent <= 0 ? rounding_divide_by_pot(product, std::min(-output_exponent, 31))
                                                    : narrow(product * (1 << std::min(output_exponent, 15)));
    return value + y_.zero_point();
  }

  [[nodiscard]] std::int32_t through_float(std::int32_t v) const {
    const float inverse = 1.0f / y_.scale();
    const float rescaled = std::round(evaluate(unary_, x_.scale() * static_cast<float>(v - x_.zero_point())) * inverse);
    if (std::isnan(rescaled)) return y_.zero_point();
    return static_cast<std::int32_t>(std::clamp(rescaled + static_cast<float>(y_.zero_point()), -128.0f, 127.0f));
  }

  const Unary& unary_;
  const Quantization& x_;
  const Quantization& y_;
};

}  // namespace

float evaluate(const Unary& unary, float x) {
  switch (unary.kind) {
    case UnaryKind::abs:
      return std::fabs(x);
    case UnaryKind::neg:
      return -x;
    case UnaryKind::sign:
      return x > 0.0f ? 1.0f : x < 0.0f ? -1.0f : 0.0f;
    case UnaryKind::floor:
      return std::floor(x);
    case UnaryKind::ceil:
      return std::ceil(x);
    case UnaryKind::round:
      return std::nearbyint(x);  // ties to even
    case UnaryKind::exp:
      return std::exp(x);
    case UnaryKind::log:
      return std::log(x);
    case UnaryKind::sqrt:
      return std::sqrt(x);
    case UnaryKind::rsqrt:
      return 1.0f / std::sqrt(x);
    case UnaryKind::square:
      return x * x;
    case UnaryKind::reciprocal:
      return 1.0f / x;
    case UnaryKind::sin:
      return std::sin(x);
    case UnaryKind::cos:
      return std::cos(x);
    case UnaryKind::logistic:
      return 1.0f / (1.0f + std::exp(-x));
    case UnaryKind::tanh:
      return std::tanh(x);
    case UnaryKind::elu:
      return x < 0.0f ? unary.alpha * std::expm1(x) : x;
    case UnaryKind::gelu:
      return 0.5f * x * (1.0f + std::erf(x * 0.70710678118654752440f));
    case UnaryKind::gelu_tanh:
      return 0.5f * x * (1.0f + std::tanh(0.79788456080286535588f * (x + 0.044715f * x * x * x)));
    case UnaryKind::leaky_relu:
      return x < 0.0f ? unary.alpha * x : x;
    case UnaryKind::hard_swish:
      return x * std::min(std::max(x + 3.0f, 0.0f), 6.0f) / 6.0f;
  }
  return x;
}

std::array<std::int8_t, 256> unary_table(const Graph& graph, const Op& op) {
  return Table(*op.as<Unary>(), graph.tensor(op.inputs[0]).quantization, graph.tensor(op.outputs[0]).quantization)
      .make();
}

}  // namespace mote::graph
