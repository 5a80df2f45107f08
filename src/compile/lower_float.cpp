// Operators on float32 values: portable kernels, with the bits of their constants in flash.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <bit>
#include <limits>

#include "lower.hpp"
#include "mote/graph/logic.hpp"
#include "mote/graph/moves.hpp"
#include "mote/graph/reductions.hpp"

namespace mote::compile {
namespace {

using graph::DType;

/// A float as C++ text with exactly its bits.
std::string exact(float v) {
  if (v == std::numeric_limits<float>::infinity()) return "float_of(0x7f800000u)";
  if (v == -std::numeric_limits<float>::infinity()) return "float_of(0xff800000u)";
  return fmt::format("float_of(0x{:08x}u)", std::bit_cast<std::uint32_t>(v));
}

/// "low, high" of an activation.
std::string limits(graph::Activation activation) {
  constexpr float kAny = std::numeric_limits<float>::infinity();
  switch (activation) {
    case graph::Activation::none:
      return exact(-kAny) + ", " + exact(kAny);
    case graph::Activation::relu:
      return exact(0.0f) + ", " + exact(kAny);
    case graph::Activation::relu6:
      return exact(0.0f) + ", " + exact(6.0f);
    case graph::Activation::relu_n1_to_1:
      return exact(-1.0f) + ", " + exact(1.0f);
  }
  return {};
}

/// A constant's bits in flash; how the body names them.
std::string bits_of(LoweredOp& lowered, const graph::Tensor& t, std::string_view what) {
  const std::string name = fmt::format("{}_{}", lowered.symbol, what);
  std::vector<std::int64_t> bits;
  for (const float v : t.values<float>()) bits.push_back(std::bit_cast<std::uint32_t>(v));
  lowered.constants.push_back({name, "std::uint32_t", "bits of floats", 4, true, std::move(bits)});
  return name;
}

struct FloatLowerer {
  const graph::Graph& graph;
  const graph::Op& op;
  const std::string& symbol;

  [[nodiscard]] const graph::Tensor& in(std::size_t i) const { return graph.tensor(op.inputs[i]); }
  [[nodiscard]] const graph::Tensor& out() const { return graph.tensor(op.outputs[0]); }
  [[nodiscard]] std::size_t count() const { return out().shape.elements(); }
  [[nodiscard]] LoweredOp start(std::string kernel) const {
    return lowered_op(symbol, std::move(kernel), "kernels/float_layers.hpp");
  }
  /// Operand `i` of several, each a value or a constant.
  [[nodiscard]] std::string operand(LoweredOp& lowered, std::size_t i) const {
    if (in(i).is_constant()) return bits_of(lowered, in(i), fmt::format("k{}", i));
    const bool only = i == 1 && (in(0).is_constant() || op.inputs[0] == op.inputs[1]);
    return typed_pointer("const ", DType::f32, i == 0 || only ? "x0" : "x1");
  }

  [[nodiscard]] LoweredOp convolution(graph::Activation activation, bool depthwise) const {
    LoweredOp lowered = start("conv2d_float");
    lowered.geometry = geometry_text(symbol, graph::conv_geometry(graph, op));
    const bool biased = op.inputs.size() > 2 && op.inputs[2] != graph::kNoTensor;
    const std::string weights = bits_of(lowered, in(1), "weights"),
                      bias = biased ? bits_of(lowered, in(2), "bias") : "nullptr";
    lowered.body = fmt::format("conv2d_float<{}>({}_geometry, {}, {}, {}, {}, {});", depthwise, symbol,
                               typed_pointer("const ", DType::f32, "x0"), weights, bias, limits(activation),
                               typed_pointer("", DType::f32, "y"));
    return lowered;
  }
  Result<LoweredOp> operator()(const graph::Conv2D& a) const { return convolution(a.activation, false); }
  Result<LoweredOp> operator()(const graph::Dense& a) const { return convolution(a.activation, false); }
  Result<LoweredOp> operator()(const graph::DepthwiseConv2D& a) const { return convolution(a.activation, true); }

  Result<LoweredOp> operator()(const graph::Pool2D& a) const {
    LoweredOp lowered = start("pool2d_float");
    lowered.geometry = pool_geometry_text(symbol, graph::pool_geometry(graph, op));
    lowered.body = fmt::format("pool2d_float<{}>({}_geometry{{}}, {}, {}, {});", a.kind == graph::PoolKind::max, symbol,
                               typed_pointer("const ", DType::f32, "x0"), limits(a.activation),
                               typed_pointer("", DType::f32, "y"));
    return lowered;
  }

  [[nodiscard]] Result<LoweredOp> pairs(std::string_view function, graph::Activation activation) const {
    const auto loops = graph::broadcast_geometry(in(0).shape, in(1).shape, out().shape);
    if (!loops)
      return fail(Code::unsupported,
                  fmt::format("{} '{}' broadcasts along too many dimensions", graph::op_name(op.attributes), op.name));
    LoweredOp lowered = start(fmt::format("pairs_float {}", function));
    lowered.geometry = loops_text(symbol, *loops);
    const std::string left = operand(lowered, 0), right = operand(lowered, 1);
    lowered.body = fmt::format("pairs_float<{}>({}_loops, {}, {}, {}, {});", function, symbol, left, right,
                               limits(activation), typed_pointer("", DType::f32, "y"));
    for (std::size_t i = 0; i < 2; ++i) {
      if (in(i).shape == out().shape) lowered.may_reuse_inputs.push_back(i);
    }
    return lowered;
  }
  Result<LoweredOp> operator()(const graph::Add& a) const { return pairs("AddFloats", a.activation); }
  Result<LoweredOp> operator()(const graph::Binary& a) const {
    switch (a.kind) {
      case graph::BinaryKind::sub:
        return pairs("SubFloats", a.activation);
      case graph::BinaryKind::mul:
        return pairs("MulFloats", a.activation);
      case graph::BinaryKind::div:
        return pairs("DivFloats", a.activation);
      case graph::BinaryKind::minimum:
        return pairs("MinimumFloats", a.activation);
      case graph::BinaryKind::maximum:
        return pairs("MaximumFloats", a.activation);
      case graph::BinaryKind::squared_difference:
        return pairs("SquaredDifferenceFloats", a.activation);
      case graph::BinaryKind::prelu:
        return pairs("PreluFloats", a.activation);
    }
    return none();
  }

  /// A call with the elements of one input, which may work in place.
  [[nodiscard]] LoweredOp elementwise(std::string kernel, const std::string& arguments) const {
    LoweredOp lowered = start(kernel);
    lowered.body = fmt::format("{}({}, {}, {}{});", kernel, typed_pointer("const ", in(0).dtype, "x0"),
                               typed_pointer("", out().dtype, "y"), count(), arguments);
    if (graph::size_bytes(in(0).dtype) == graph::size_bytes(out().dtype)) lowered.may_reuse_inputs = {0};
    return lowered;
  }
  Result<LoweredOp> operator()(const graph::Activate& a) const {
    return elementwise("clamp_float", ", " + limits(a.activation));
  }
  Result<LoweredOp> operator()(const graph::Unary& a) const {
    LoweredOp lowered = elementwise(fmt::format("unary_float<{}>", function_of(a.kind)), ", " + exact(a.alpha));
    lowered.includes = {"kernels/float_math.hpp"};
    return lowered;
  }
  static std::string_view function_of(graph::UnaryKind kind) {
    switch (kind) {
      case graph::UnaryKind::abs:
        return "AbsFloat";
      case graph::UnaryKind::neg:
        return "NegFloat";
      case graph::UnaryKind::sign:
        return "SignFloat";
      case graph::UnaryKind::floor:
        return "FloorFloat";
      case graph::UnaryKind::ceil:
        return "CeilFloat";
      case graph::UnaryKind::round:
        return "RoundFloat";
      case graph::UnaryKind::exp:
        return "ExpFloat";
      case graph::UnaryKind::log:
        return "LogFloat";
      case graph::UnaryKind::sqrt:
        return "SqrtFloat";
      case graph::UnaryKind::rsqrt:
        return "RsqrtFloat";
      case graph::UnaryKind::square:
        return "SquareFloat";
      case graph::UnaryKind::reciprocal:
        return "ReciprocalFloat";
      case graph::UnaryKind::logistic:
        return "LogisticFloat";
      case graph::UnaryKind::tanh:
        return "TanhFloat";
      case graph::UnaryKind::elu:
        return "EluFloat";
      case graph::UnaryKind::gelu:
        return "GeluFloat";
      case graph::UnaryKind::gelu_tanh:
        return "GeluTanhFloat";
      case graph::UnaryKind::leaky_relu:
        return "LeakyReluFloat";
      case graph::UnaryKind::hard_swish:
        return "HardSwishFloat";
      case graph::UnaryKind::sin:
        return "SinFloat";
      case graph::UnaryKind::cos:
        return "CosFloat";
    }
    return {};
  }

  Result<LoweredOp> operator()(const graph::Softmax& a) const {
    LoweredOp lowered = start("softmax_float");
    const auto depth = static_cast<std::size_t>(in(0).shape.back());
    lowered.body = fmt::format("softmax_float({}, {}, {}, {}, {});", typed_pointer("const ", DType::f32, "x0"),
                               typed_pointer("", DType::f32, "y"), count() / depth, depth, exact(a.beta));
    lowered.may_reuse_inputs = {0};
    return lowered;
  }
  Result<LoweredOp> operator()(const graph::LogSoftmax&) const {
    LoweredOp lowered = start("log_softmax_float");
    const auto depth = static_cast<std::size_t>(in(0).shape.back());
    lowered.body = fmt::format("log_softmax_float({}, {}, {}, {});", typed_pointer("const ", DType::f32, "x0"),
                               typed_pointer("", DType::f32, "y"), count() / depth, depth);
    lowered.may_reuse_inputs = {0};
    return lowered;
  }
  Result<LoweredOp> operator()(const graph::ResizeBilinear& a) const {
    const device::ResizeGeometry g = graph::resize_geometry(graph, op);
    LoweredOp lowered = start("resize_bilinear_float");
    lowered.geometry = resize_geometry_text(symbol, g);
    lowered.body =
        fmt::format("resize_bilinear_float({}_geometry{{}}, {}, {}, {}, {});", symbol,
                    typed_pointer("const ", DType::f32, "x0"), exact(graph::resize_scale(a.mode, g.in_h, g.out_h)),
                    exact(graph::resize_scale(a.mode, g.in_w, g.out_w)), typed_pointer("", DType::f32, "y"));
    return lowered;
  }
  Result<LoweredOp> operator()(const graph::Reduce& a) const {
    const auto g = graph::reduce_geometry(graph, op);
    if (!g) return fail(Code::unsupported, fmt::format("reduce '{}' has too many separate axes", op.name));
    const char* kind = a.kind == graph::ReduceKind::maximum   ? "LargestFloats"
                       : a.kind == graph::ReduceKind::minimum ? "SmallestFloats"
                       : a.kind == graph::ReduceKind::product ? "ProductFloats"
                                                              : "SumFloats";
    const float factor =
        a.kind == graph::ReduceKind::mean
            ? static_cast<float>(static_cast<double>(count()) / static_cast<double>(in(0).shape.elements()))
            : 1.0f;
    LoweredOp lowered = start(fmt::format("reduce_float, {}", graph::name(a.kind)));
    lowered.includes.push_back("kernels/reduce.hpp");
    lowered.geometry =
        fmt::format("constexpr ReduceGeometry {}_geometry{{{{{}}}, {{{}}}, {{{}}}, {{{}}}, 0, 0, 0, 0}};\n", symbol,
                    fmt::join(g->kept, ", "), fmt::join(g->kept_stride, ", "), fmt::join(g->reduced, ", "),
                    fmt::join(g->reduced_stride, ", "));
    lowered.body =
        fmt::format("reduce_float<{}>({}_geometry, {}, {}, {});", kind, symbol,
                    typed_pointer("const ", DType::f32, "x0"), exact(factor), typed_pointer("", DType::f32, "y"));
    return lowered;
  }
  Result<LoweredOp> operator()(const graph::MatMul&) const {
    const device::MatMulGeometry g = graph::matmul_geometry(graph, op);
    LoweredOp lowered = start("matmul_float");
    lowered.geometry =
        static_geometry(symbol, {{"batches", g.batches}, {"rows", g.rows}, {"depth", g.depth}, {"columns", g.columns}});
    const std::string left = operand(lowered, 0), right = operand(lowered, 1);
    lowered.body = fmt::format("matmul_float({}_geometry{{}}, {}, {}, {});", symbol, left, right,
                               typed_pointer("", DType::f32, "y"));
    return lowered;
  }
  Result<LoweredOp> operator()(const graph::Quantize&) const {
    const graph::Quantization& q = out().quantization;
    const graph::ClampLimits range = graph::clamp_limits(graph::Activation::none, q, out().dtype);
    return elementwise("quantize_float",
                       fmt::format(", {}, {}, {}, {}", exact(q.scale()), q.zero_point(),
                                   exact(static_cast<float>(range.low)), exact(static_cast<float>(range.high))));
  }
  Result<LoweredOp> operator()(const graph::Dequantize&) const {
    const graph::Quantization& q = in(0).quantization;
    return elementwise("dequantize_float", fmt::format(", {}, {}", exact(q.scale()), q.zero_point()));
  }
  Result<LoweredOp> operator()(const graph::CumSum&) const { return lower_cumsum(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Cast&) const { return lower_cast(graph, op, symbol); }
  template <class Other>
  Result<LoweredOp> operator()(const Other&) const {
    return none();
  }

 private:
  [[nodiscard]] Result<LoweredOp> none() const {
    return fail(Code::unsupported,
                fmt::format("{} '{}' has no device kernel for float32; optimize the model first ('mote convert "
                            "--int8', or 'mote optimize' in a project)",
                            graph::op_name(op.attributes), op.name));
  }
};

}  // namespace

Result<LoweredOp> lower_float(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  return std::visit(FloatLowerer{graph, op, symbol}, op.attributes);
}

}  // namespace mote::compile
