#include "weights.hpp"

#include <algorithm>
#include <cmath>

#include "model_writer.hpp"

namespace mote::formats::tflite {
namespace {

using graph::DType;
using graph::Quantization;
using graph::Tensor;
using graph::TensorId;

float scale_of(const Quantization& q, std::size_t channel) { return q.per_channel() ? q.scales[channel] : q.scale(); }

/// @param was_unsigned  uint8 weights have one zero point of any value
Result<void> check_weights(const OperatorReader& op, const Tensor& weights, std::int32_t channel_axis, std::size_t rank,
                           bool was_unsigned) {
  const std::string place = "its weights " + in_quotes(weights.name) + " ";
  if (weights.shape.rank() != rank) {
    return op.refuse(Code::malformed, place + "have the shape " + weights.shape.text() + ", " + std::to_string(rank) +
                                          " dimensions are needed");
  }
  if (weights.dtype == DType::f32) return {};
  const Quantization& q = weights.quantization;
  if (!q.present()) return op.refuse(Code::malformed, place + "are int8 without a scale");
  if (q.per_channel() && q.axis != channel_axis) {
    return op.refuse(Code::unsupported, place + "have scales along axis " + std::to_string(q.axis) + ", axis " +
                                            std::to_string(channel_axis) + " is needed");
  }
  if (std::ranges::any_of(q.zero_points, [&](std::int32_t z) { return z != (was_unsigned ? q.zero_point() : 0); })) {
    return op.refuse(Code::unsupported,
                     place + "have a zero point other than 0; convert the model again with symmetric int8 weights");
  }
  return {};
}

/// The arithmetic takes the bias in units of input scale times weight scale. The tolerance is TensorFlow Lite's: two
/// hundredths of an output step.
Result<void> check_bias(const OperatorReader& op, const Tensor& x, const Tensor& weights, const Tensor& bias,
                        const Tensor& y) {
  const Quantization& q = bias.quantization;
  if (bias.shape.rank() != 1)
    return op.refuse(Code::malformed, "its bias has the shape " + bias.shape.text() + ", one dimension is needed");
  const std::size_t channels = std::max(q.scales.size(), weights.quantization.scales.size());
  if (q.per_channel() && weights.quantization.per_channel() && q.scales.size() != weights.quantization.scales.size()) {
    return op.refuse(Code::malformed, "its bias has " + std::to_string(q.scales.size()) +
                                          " scales and its weights have " +
                                          std::to_string(weights.quantization.scales.size()));
  }
  for (std::size_t c = 0; q.present() && c < channels; ++c) {
    const double expected =
        static_cast<double>(x.quantization.scale()) * static_cast<double>(scale_of(weights.quantization, c));
    const double difference = std::fabs(static_cast<double>(scale_of(q, c)) - expected);
    if (difference > 0.02 * static_cast<double>(y.quantization.scale())) {
      return op.refuse(Code::unsupported, "its bias has the scale " + std::to_string(scale_of(q, c)) + " for channel " +
                                              std::to_string(c) + ", which is not input scale times weight scale");
    }
  }
  return {};
}

/// Weights of a float layer that the file stores in int8 (dynamic-range quantization): what they stand for. TensorFlow
/// Lite would quantize the layer's input on the fly; computing in float is what it comes near to.
Result<TensorId> as_floats(OperatorReader& op, TensorId id, std::int32_t channel_axis) {
  const Tensor& w = op.tensor(id);
  const std::size_t elements = w.shape.elements();
  MOTE_TRY_VOID(op.charge(4 * elements));
  const auto axis = static_cast<std::size_t>(channel_axis);
  std::size_t inner = 1;
  for (std::size_t d = axis + 1; d < w.shape.rank(); ++d) inner *= static_cast<std::size_t>(w.shape[d]);
  const auto channels = static_cast<std::size_t>(w.shape[axis]);
  std::vector<float> values;
  values.reserve(elements);
  for (const std::int8_t v : w.values<std::int8_t>())
    values.push_back(scale_of(w.quantization, values.size() / inner % channels) *
                     static_cast<float>(v - w.quantization.zero_point()));
  Tensor floats = w;
  floats.dtype = DType::f32;
  floats.quantization = {};
  return op.constant_like("/floats", floats, graph::constant_data(std::span<const float>(values)));
}

/// The zero point of weights that were uint8 becomes 0 where int8 reaches all of them: then every kernel takes them.
Result<TensorId> without_zero_point(OperatorReader& op, TensorId id) {
  const Tensor w = op.tensor(id);
  const std::int32_t zero = w.quantization.zero_point();
  if (zero == 0) return id;
  std::vector<std::int8_t> values;
  MOTE_TRY_VOID(op.charge(w.size_bytes()));
  for (const std::int8_t v : w.values<std::int8_t>()) {
    if (v - zero < -128 || v - zero > 127) return id;
    values.push_back(static_cast<std::int8_t>(v - zero));
  }
  Tensor symmetric = w;
  std::ranges::fill(symmetric.quantization.zero_points, 0);
  return op.constant_like("/symmetric", symmetric, graph::constant_data(std::span<const std::int8_t>(values)));
}

bool stands_for_none(const Tensor& bias) {
  return bias.name.ends_with(kNoBiasSuffix) &&
         std::ranges::all_of(*bias.data, [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

Result<std::vector<TensorId>> read_weights(OperatorReader& op, TensorId value, TensorId output,
                                           std::int32_t channel_axis, std::size_t rank, std::size_t bias_input) {
  const Tensor x = op.tensor(value), y = op.tensor(output);  // copies: tensors are added below
  if (y.dtype != x.dtype)
    return op.refuse(Code::unsupported, "its input is " + std::string(graph::name(x.dtype)) + " and its output " +
                                            std::string(graph::name(y.dtype)));
  MOTE_TRY(TensorId weights, op.constant(1, {DType::f32, DType::i8}));
  const bool wide = x.dtype == DType::i16;
  if (x.dtype == DType::f32 && op.tensor(weights).dtype == DType::i8) {
    MOTE_TRY_VOID(check_weights(op, op.tensor(weights), channel_axis, rank, op.was_unsigned(weights)));
    MOTE_TRY(weights, as_floats(op, weights, channel_axis));
  }
  const bool integer = wide || x.dtype == DType::i8;
  if (integer != (op.tensor(weights).dtype == DType::i8)) {
    return op.refuse(Code::unsupported, "its weights are " + std::string(graph::name(op.tensor(weights).dtype)) +
                                            " and its input is " + std::string(graph::name(x.dtype)));
  }
  MOTE_TRY_VOID(check_weights(op, op.tensor(weights), channel_axis, rank, !wide && op.was_unsigned(weights)));
  if (integer) {
    MOTE_TRY(weights, without_zero_point(op, weights));
  }
  for (const float weight_scale : op.tensor(weights).quantization.scales) {
    MOTE_TRY_VOID(op.rescales(op.scale(value) * static_cast<double>(weight_scale), output));
  }
  std::vector<TensorId> inputs{value, weights};
  if (op.has_input(bias_input)) {
    MOTE_TRY(const TensorId bias, op.constant(bias_input, {x.dtype == DType::f32   ? DType::f32
                                                           : x.dtype == DType::i16 ? DType::i64
                                                                                   : DType::i32}));
    MOTE_TRY_VOID(check_bias(op, x, op.tensor(weights), op.tensor(bias), y));
    if (!stands_for_none(op.tensor(bias))) inputs.push_back(bias);
  }
  return inputs;
}

Result<void> check_written_weights(const OperatorWriter& op) {
  if (op.input(1).quantization.zero_point() == 0) return {};
  return op.refuse("its weights have the zero point " + std::to_string(op.input(1).quantization.zero_point()) +
                   ", and TensorFlow Lite's int8 weights are symmetric");
}

}  // namespace mote::formats::tflite
