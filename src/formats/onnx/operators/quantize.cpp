// QuantizeLinear and DequantizeLinear. uint8 is held as int8: values and zero points are 128 less. Constants become
// floats that remember their scales; optimize::quantize_as_marked makes integer operators of what stands between.

#include <algorithm>
#include <cmath>

#include "../node_reader.hpp"

namespace mote::formats::onnx {
namespace {

using graph::DType;
using graph::TensorId;

struct Scales {
  std::vector<float> scale;
  std::vector<std::int32_t> zero;
  DType type = DType::u8;  ///< of the zero point
};

/// Inputs 1 and 2.
Result<Scales> scales_of(NodeReader& node) {
  if (node.integer("block_size", 0) != 0) return node.refuse(Code::unsupported, "it has scales for blocks");
  Scales s;
  MOTE_TRY(const TensorId scale, node.constant(1));
  if (node.tensor(scale).dtype != DType::f32) return node.refuse(Code::unsupported, "its scale is not float32");
  for (const float v : node.tensor(scale).values<float>()) {
    if (!std::isfinite(v) || v <= 0.0f)
      return node.refuse(Code::malformed, "it has the scale " + std::to_string(v) + "; scales are positive");
    s.scale.push_back(v);
  }
  s.zero.assign(s.scale.size(), 0);
  if (!node.has(2)) {
    const std::int64_t type = node.integer("output_dtype", 2);
    if (type != 2 && type != 3) return node.refuse(Code::unsupported, "it gives neither int8 nor uint8");
    s.type = type == 3 ? DType::i8 : DType::u8;
    return s;
  }
  MOTE_TRY(const TensorId zero, node.constant(2));
  const graph::Tensor& z = node.tensor(zero);
  s.type = z.dtype;
  if (z.shape.elements() != s.scale.size())
    return node.refuse(Code::malformed, "it has " + std::to_string(s.scale.size()) + " scales and " +
                                            std::to_string(z.shape.elements()) + " zero points");
  for (std::size_t i = 0; i < s.zero.size(); ++i) {
    if (z.dtype == DType::i8)
      s.zero[i] = z.values<std::int8_t>()[i];
    else if (z.dtype == DType::u8)
      s.zero[i] = z.values<std::uint8_t>()[i];
    else if (z.dtype == DType::i32)
      s.zero[i] = z.values<std::int32_t>()[i];
    else
      return node.refuse(Code::unsupported, "its zero point is " + std::string(graph::name(z.dtype)) +
                                                "; int8 and uint8 are possible (int32 for biases)");
  }
  return s;
}

Result<graph::Quantization> of_values(NodeReader& node, const Scales& s) {
  if (s.scale.size() != 1)
    return node.refuse(Code::unsupported, "it quantizes computed values with a scale for each channel");
  if (s.type != DType::i8 && s.type != DType::u8)
    return node.refuse(Code::unsupported, "it gives neither int8 nor uint8");
  return graph::Quantization::per_tensor(s.scale[0], s.type == DType::u8 ? s.zero[0] - 128 : s.zero[0]);
}

/// Which scale each element of a constant has.
struct Slices {
  std::size_t axis = 0, inner = 1, count = 1;
  [[nodiscard]] std::size_t of(std::size_t element) const { return count > 1 ? element / inner % count : 0; }
};
Result<Slices> slices_of(NodeReader& node, const graph::Shape& shape, std::size_t scales) {
  Slices s;
  s.count = scales;
  if (scales == 1) return s;
  MOTE_TRY(s.axis, node.axis(node.integer("axis", 1), shape.rank()));
  if (static_cast<std::size_t>(shape[s.axis]) != scales)
    return node.refuse(Code::malformed,
                       "it has " + std::to_string(scales) + " scales for " + std::to_string(shape[s.axis]) + " slices");
  for (std::size_t d = s.axis + 1; d < shape.rank(); ++d) s.inner *= static_cast<std::size_t>(shape[d]);
  return s;
}

/// Weights that the file has in float, with the rounding that it wants: ties to even.
Result<TensorId> quantized_constant(NodeReader& node, TensorId x, const Scales& s) {
  if (s.type != DType::i8 && s.type != DType::u8)
    return node.refuse(Code::unsupported, "it gives neither int8 nor uint8");
  MOTE_TRY(const Slices slices, slices_of(node, node.shape(x), s.scale.size()));
  const std::int32_t low = s.type == DType::u8 ? 0 : -128, offset = s.type == DType::u8 ? 128 : 0;
  std::vector<std::int8_t> values;
  for (const float v : node.tensor(x).values<float>()) {
    const std::size_t c = slices.of(values.size());
    const double q = std::nearbyint(static_cast<double>(v / s.scale[c])) + s.zero[c];
    values.push_back(static_cast<std::int8_t>(
        std::isnan(q) ? 0 : static_cast<std::int32_t>(std::clamp<double>(q, low, low + 255)) - offset));
  }
  graph::Quantization q{s.scale, s.zero, static_cast<std::int32_t>(slices.axis)};
  for (std::int32_t& z : q.zero_points) z -= offset;
  return node.integers(values, node.dims(x), std::move(q));
}

Result<void> quantize(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const Scales s, scales_of(node));
  if (node.tensor(x).dtype != DType::f32) return node.refuse(Code::unsupported, "its input is not float32");
  if (node.tensor(x).is_constant()) return node.give(quantized_constant(node, x, s));
  MOTE_TRY(graph::Quantization q, of_values(node, s));
  return node.give(node.emit(graph::Quantize{}, {x}, std::nullopt, DType::i8, std::move(q)));
}

Result<TensorId> dequantized_constant(NodeReader& node, TensorId x, const Scales& s) {
  const graph::Tensor t = node.tensor(x);
  std::vector<std::int32_t> values;
  if (t.dtype == DType::i8)
    for (const std::int8_t v : t.values<std::int8_t>()) values.push_back(v);
  else if (t.dtype == DType::u8)
    for (const std::uint8_t v : t.values<std::uint8_t>()) values.push_back(v);
  else if (t.dtype == DType::i32)
    for (const std::int32_t v : t.values<std::int32_t>()) values.push_back(v);
  else
    return node.refuse(Code::unsupported, "its input is " + std::string(graph::name(t.dtype)));
  if (node.has(2) && !t.quantization.present() && s.type != t.dtype)
    return node.refuse(Code::malformed, "its zero point is " + std::string(graph::name(s.type)) + ", its input " +
                                            std::string(graph::name(t.dtype)));
  MOTE_TRY(const Slices slices, slices_of(node, t.shape, s.scale.size()));
  // One quantized by a node of the model lies as int8 already.
  const std::int32_t moved = t.quantization.present() && s.type == DType::u8 ? 128 : 0;
  std::vector<float> reals;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t c = slices.of(i);
    reals.push_back(static_cast<float>(std::int64_t{values[i]} + moved - s.zero[c]) * s.scale[c]);
  }
  std::vector<std::int32_t> zero = s.zero;
  for (std::int32_t& z : zero) z -= t.dtype == DType::u8 || moved != 0 ? 128 : 0;
  return node.scaled(reals, node.dims(x), {s.scale, std::move(zero), static_cast<std::int32_t>(slices.axis)});
}

Result<void> dequantize(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(Scales s, scales_of(node));
  if (!node.has(2) && node.tensor(x).dtype == DType::i8) s.type = node.is_unsigned(x) ? DType::u8 : DType::i8;
  if (node.tensor(x).is_constant()) return node.give(dequantized_constant(node, x, s));
  MOTE_TRY(const graph::Quantization q, of_values(node, s));
  if (node.tensor(x).dtype != DType::i8)
    return node.refuse(Code::unsupported, "its input is " + std::string(graph::name(node.tensor(x).dtype)) +
                                              "; int8 and uint8 are possible");
  if (!node.knows_scale(x)) node.set_quantization(x, q);
  if (node.tensor(x).quantization != q)
    return node.refuse(Code::unsupported, "its scale or zero point is not the one its input was quantized with");
  return node.give(node.emit(graph::Dequantize{}, {x}, std::nullopt, DType::f32));
}

}  // namespace

std::vector<OperatorRow> quantize_rows() { return {{"DequantizeLinear", dequantize}, {"QuantizeLinear", quantize}}; }

}  // namespace mote::formats::onnx
