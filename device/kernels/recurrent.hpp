#pragma once
// What recurrent layers are made of, with TensorFlow Lite's integer arithmetic: 8-bit values and weights, 16-bit gates,
// cells and memories. References: kernels/internal/reference/svdf.h, kernels/lstm_eval.cc (int8x8_16).

#include <cstdint>

#include "kernels/fixed_point16.hpp"
#include "kernels/requantize.hpp"

namespace mote::device {

/// Sums of products for `kRows` rows of weights at once: sums[r] of (x[i] - zero) w[r][i]. Faster ones:
/// recurrent_dsp.hpp.
struct PlainSums {
  static constexpr std::int32_t kRows = 1;
  static void add(const std::int8_t* x, const std::int8_t* weights, std::int32_t count, std::int32_t zero,
                  std::int32_t* sums) {
    for (std::int32_t i = 0; i < count; ++i) sums[0] += (x[i] - zero) * weights[i];
  }
  /// sum + the products of 16 bits, modulo 2^32.
  static std::uint32_t wide(const std::int16_t* x, const std::int16_t* weights, std::int32_t count, std::uint32_t sum) {
    for (std::int32_t i = 0; i < count; ++i) sum += static_cast<std::uint32_t>(x[i] * weights[i]);
    return sum;
  }
};

struct DenseWideGeometry {
  std::int32_t inputs, outputs, input_zero;
  std::int32_t multiplier, shift;
};
/// y[o] = rescaled sum of (x[i] - zero) w[o][i]. There are at least Sums::kRows outputs.
template <class Sums, class Geometry>
void dense_wide(const Geometry& g, const std::int8_t* x, const std::int8_t* weights, std::int16_t* y) {
  for (std::int32_t begin = 0; begin < g.outputs; begin += Sums::kRows) {
    const std::int32_t first = begin + Sums::kRows > g.outputs ? g.outputs - Sums::kRows : begin;
    std::int32_t sums[Sums::kRows] = {};
    Sums::add(x, weights + first * g.inputs, g.inputs, g.input_zero, sums);
    for (std::int32_t r = 0; r < Sums::kRows; ++r)
      y[first + r] = fixed16::saturated(multiply_by_quantized_multiplier(sums[r], g.multiplier, g.shift));
  }
}

struct TimeFilterGeometry {
  std::int32_t units, rank, memory;
  std::int32_t multiplier, shift, output_zero, clamp_low, clamp_high;
};
/// y[u] = rescaled sum over its `rank` filters of window[f][t] * weights[f][t], and bias[u].
template <class Sums, class Geometry>
void time_filter(const Geometry& g, const std::int16_t* window, const std::int16_t* weights, const std::int32_t* bias,
                 std::int8_t* y) {
  for (std::int32_t u = 0; u < g.units; ++u) {
    // Wraps, as TensorFlow Lite's does where weights are far too large.
    const std::int32_t count = g.rank * g.memory;
    const auto sum = static_cast<std::int32_t>(Sums::wide(window, weights, count, static_cast<std::uint32_t>(bias[u])));
    window += count;
    weights += count;
    const std::int32_t v = multiply_by_quantized_multiplier(sum, g.multiplier, g.shift) + g.output_zero;
    y[u] = static_cast<std::int8_t>(v < g.clamp_low ? g.clamp_low : v > g.clamp_high ? g.clamp_high : v);
  }
}

struct GateGeometry {
  std::int32_t inputs, hidden, cells;
  std::int32_t input_zero, hidden_zero;
  std::int32_t input_multiplier, input_shift, hidden_multiplier, hidden_shift;
  std::int32_t is_tanh;
};
/// gate[c] = f(wx[c] . (x - zero) + bias[c], rescaled, + wh[c] . (h - zero), rescaled), three integer bits in, none
/// out. There are at least Sums::kRows cells.
template <class Sums, class Geometry>
void lstm_gate(const Geometry& g, const std::int8_t* x, const std::int8_t* h, const std::int8_t* wx,
               const std::int8_t* wh, const std::int32_t* bias, std::int16_t* gate) {
  for (std::int32_t begin = 0; begin < g.cells; begin += Sums::kRows) {
    const std::int32_t first = begin + Sums::kRows > g.cells ? g.cells - Sums::kRows : begin;
    std::int32_t given[Sums::kRows], before[Sums::kRows] = {};
    for (std::int32_t r = 0; r < Sums::kRows; ++r) given[r] = bias[first + r];
    Sums::add(x, wx + first * g.inputs, g.inputs, g.input_zero, given);
    Sums::add(h, wh + first * g.hidden, g.hidden, g.hidden_zero, before);
    for (std::int32_t r = 0; r < Sums::kRows; ++r) {
      const std::int32_t of_input =
          fixed16::saturated(multiply_by_quantized_multiplier(given[r], g.input_multiplier, g.input_shift));
      const std::int16_t sum = fixed16::saturated(
          multiply_by_quantized_multiplier(before[r], g.hidden_multiplier, g.hidden_shift) + of_input);
      gate[first + r] = g.is_tanh != 0 ? fixed16::tanh(sum, 3) : fixed16::logistic(sum);
    }
  }
}

struct CellGeometry {
  std::int32_t cells;
  std::int32_t scale_exponent;  // a cell counts in 2^scale_exponent
  std::int32_t clip;            // of the magnitude; 0: none
};
/// next = forget * cell + input * candidate; `cell` and `next` may be the same.
template <class Geometry>
void lstm_cell(const Geometry& g, const std::int16_t* forget, const std::int16_t* cell, const std::int16_t* input,
               const std::int16_t* candidate, std::int16_t* next) {
  for (std::int32_t c = 0; c < g.cells; ++c) {
    const std::int16_t kept = fixed16::wrapped(rounding_divide_by_pot(std::int32_t{forget[c]} * cell[c], 15));
    const std::int16_t added =
        fixed16::wrapped(rounding_divide_by_pot(std::int32_t{input[c]} * candidate[c], 30 + g.scale_exponent));
    std::int32_t sum = fixed16::saturated(std::int32_t{kept} + added);
    if (g.clip > 0) sum = sum > g.clip ? g.clip : sum < -g.clip ? -g.clip : sum;
    next[c] = static_cast<std::int16_t>(sum);
  }
}

struct HiddenGeometry {
  std::int32_t cells, scale_exponent;
  std::int32_t multiplier, shift, output_zero;
};
/// y = output * tanh(cell). TensorFlow Lite takes the zero point off where it belongs on (CwiseMul of tensor_utils);
/// its bytes are what counts here.
template <class Geometry>
void lstm_hidden(const Geometry& g, const std::int16_t* output, const std::int16_t* cell, std::int8_t* y) {
  for (std::int32_t c = 0; c < g.cells; ++c) {
    const std::int32_t value = std::int32_t{output[c]} * fixed16::tanh(cell[c], 15 + g.scale_exponent);
    const std::int32_t v = multiply_by_quantized_multiplier(value, g.multiplier, g.shift) - g.output_zero;
    y[c] = static_cast<std::int8_t>(v < -128 ? -128 : v > 127 ? 127 : v);
  }
}

}  // namespace mote::device
