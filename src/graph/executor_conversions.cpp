// Between floats, 8, 16 and 32 bits: as quantized values (Quantize, Dequantize) or as numbers (Cast).

#include <cmath>

#include "executor_kernels.hpp"
#include "kernels/add.hpp"
#include "kernels/cast.hpp"
#include "mote/graph/integer_params.hpp"

namespace mote::graph::executor {
namespace {

using Step = std::function<void()>;

/// Calls `f` with a pointer of the element type to the bytes.
template <class Pointer, class Function>
Result<Step> with_type(DType type, Pointer* bytes, Function f) {
  const auto as = [&](auto element) {
    using Element = decltype(element);
    return reinterpret_cast<std::conditional_t<std::is_const_v<Pointer>, const Element*, Element*>>(bytes);
  };
  switch (type) {
    case DType::f32:
      return f(as(float{}));
    case DType::i8:
      return f(as(std::int8_t{}));
    case DType::i16:
      return f(as(std::int16_t{}));
    case DType::i32:
      return f(as(std::int32_t{}));
    case DType::i64:
      return f(as(std::int64_t{}));
    case DType::u8:
      break;
  }
  return fail(Code::unsupported, "there is no conversion of " + std::string(name(type)));
}

template <class Out>
Step quantized(const Quantization& q, std::size_t count, const float* x, Out* y) {
  const ClampLimits limits = clamp_limits(Activation::none, q, sizeof(Out) == 2 ? DType::i16 : DType::i8);
  return [q, count, x, y, low = static_cast<float>(limits.low), high = static_cast<float>(limits.high)] {
    for (std::size_t i = 0; i < count; ++i) {
      const float scaled = std::round(x[i] / q.scale()) + static_cast<float>(q.zero_point());
      y[i] = static_cast<Out>(std::fmin(high, std::fmax(low, scaled)));
    }
  };
}

template <class In>
Step dequantized(const Quantization& q, std::size_t count, const In* x, float* y) {
  return [q, count, x, y] {
    for (std::size_t i = 0; i < count; ++i) y[i] = q.scale() * static_cast<float>(x[i] - q.zero_point());
  };
}

}  // namespace

Result<std::function<void()>> prepare_conversion(const Graph& graph, const Op& op,
                                                 const std::vector<const std::uint8_t*>& inputs, std::uint8_t* output) {
  const Tensor &from = graph.tensor(op.inputs[0]), &to = graph.tensor(op.outputs[0]);
  const std::size_t count = to.shape.elements();
  return with_type(from.dtype, inputs[0], [&](const auto* x) {
    return with_type(to.dtype, output, [&](auto* y) -> Result<Step> {
      using In = std::remove_const_t<std::remove_pointer_t<decltype(x)>>;
      using Out = std::remove_pointer_t<decltype(y)>;
      if (op.as<Cast>() != nullptr)
        return Step([x, y, n = static_cast<std::int32_t>(count)] { device::cast(x, y, n); });
      if constexpr (std::is_integral_v<In> && sizeof(In) <= 2 && std::is_integral_v<Out> && sizeof(Out) <= 4) {
        return Step([g = requantize_geometry(graph, op), x, y] { device::requantize_tensor(g, x, y); });
      } else if constexpr (std::is_same_v<In, float> && std::is_integral_v<Out> && sizeof(Out) <= 2) {
        return quantized(to.quantization, count, x, y);
      } else if constexpr (std::is_integral_v<In> && sizeof(In) <= 2 && std::is_same_v<Out, float>) {
        return dequantized(from.quantization, count, x, y);
      } else {
        return fail(Code::unsupported, "'" + op.name + "' turns " + std::string(name(from.dtype)) + " into " +
                                           std::string(name(to.dtype)));
      }
    });
  });
}

}  // namespace mote::graph::executor
