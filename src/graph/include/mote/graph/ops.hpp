#pragma once
// The operators. Each is a struct of attributes with a name and a list of its fields; text form, hashing and comparison
// derive from these. Meaning and arithmetic are TensorFlow Lite's where it has the operator.

#include <array>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

namespace mote::graph {

/// Clamp that an operator applies to its result.
enum class Activation : std::uint8_t { none, relu, relu6, relu_n1_to_1 };
[[nodiscard]] std::string_view name(Activation activation);

/// Rows and columns of padding around a [H,W] plane. The padded value is real zero (the zero point).
struct Pads {
  std::int32_t top = 0, bottom = 0, left = 0, right = 0;
  /// Whether each side is smaller than a window of this extent: no window may lie in the padding alone.
  [[nodiscard]] constexpr bool within(std::int32_t extent_h, std::int32_t extent_w) const {
    return top < extent_h && bottom < extent_h && left < extent_w && right < extent_w;
  }
  bool operator==(const Pads&) const = default;
};

/// inputs: x [1,H,W,Ci], weights [Co,Kh,Kw,Ci], optional bias [Co]; output [1,Ho,Wo,Co]. A 1-D convolution has H = Kh
/// = 1.
struct Conv2D {
  static constexpr std::string_view kName = "conv2d";
  std::int32_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  Pads pads;
  Activation activation = Activation::none;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("stride_h", self.stride_h);
    visit("stride_w", self.stride_w);
    visit("dilation_h", self.dilation_h);
    visit("dilation_w", self.dilation_w);
    visit("pads", self.pads);
    visit("activation", self.activation);
  }
  bool operator==(const Conv2D&) const = default;
};

/// inputs: x [1,H,W,Ci], weights [1,Kh,Kw,Ci*multiplier], optional bias; output [1,Ho,Wo,Ci*multiplier].
struct DepthwiseConv2D {
  static constexpr std::string_view kName = "depthwise_conv2d";
  std::int32_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
  std::int32_t multiplier = 1;
  Pads pads;
  Activation activation = Activation::none;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("stride_h", self.stride_h);
    visit("stride_w", self.stride_w);
    visit("dilation_h", self.dilation_h);
    visit("dilation_w", self.dilation_w);
    visit("multiplier", self.multiplier);
    visit("pads", self.pads);
    visit("activation", self.activation);
  }
  bool operator==(const DepthwiseConv2D&) const = default;
};

/// inputs: x of any shape with K elements, weights [N,K], optional bias [N]; output [1,N].
struct Dense {
  static constexpr std::string_view kName = "dense";
  Activation activation = Activation::none;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("activation", self.activation);
  }
  bool operator==(const Dense&) const = default;
};

/// Training form, float only: inputs x [1,H,W,C] (or [1,C]), gamma, beta, mean, variance [C]. The pass fold_batch_norm
/// removes it.
struct BatchNorm {
  static constexpr std::string_view kName = "batch_norm";
  float epsilon = 1e-3f;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("epsilon", self.epsilon);
  }
  bool operator==(const BatchNorm&) const = default;
};

enum class PoolKind : std::uint8_t { average, max };
[[nodiscard]] std::string_view name(PoolKind kind);

/// inputs: x [1,H,W,C]; output [1,Ho,Wo,C]. Average counts only elements inside the input. Global pooling: kernel =
/// [H,W].
struct Pool2D {
  static constexpr std::string_view kName = "pool2d";
  PoolKind kind = PoolKind::average;
  std::int32_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1;
  Pads pads;
  Activation activation = Activation::none;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
    visit("kernel_h", self.kernel_h);
    visit("kernel_w", self.kernel_w);
    visit("stride_h", self.stride_h);
    visit("stride_w", self.stride_w);
    visit("pads", self.pads);
    visit("activation", self.activation);
  }
  bool operator==(const Pool2D&) const = default;
};

/// inputs: two tensors whose shapes broadcast (aligned at the innermost dimension, 1 stretches); output the broadcast
/// shape.
struct Add {
  static constexpr std::string_view kName = "add";
  Activation activation = Activation::none;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("activation", self.activation);
  }
  bool operator==(const Add&) const = default;
};

/// A clamp of its own; the pass fuse_activation moves it into its producer.
struct Activate {
  static constexpr std::string_view kName = "activate";
  Activation activation = Activation::relu;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("activation", self.activation);
  }
  bool operator==(const Activate&) const = default;
};

/// Over the innermost dimension. int8 output has scale 1/256 and zero point -128.
struct Softmax {
  static constexpr std::string_view kName = "softmax";
  float beta = 1.0f;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("beta", self.beta);
  }
  bool operator==(const Softmax&) const = default;
};

/// The logarithm of what Softmax gives. int8 output has scale 16/256 and zero point 127.
struct LogSoftmax {
  static constexpr std::string_view kName = "log_softmax";
  template <class Self, class Visitor>
  static void fields(Self&, Visitor&&) {}
  bool operator==(const LogSoftmax&) const = default;
};

/// Functions of one element.
enum class UnaryKind : std::uint8_t {
  abs,
  neg,
  sign,
  floor,
  ceil,
  round,
  exp,
  log,
  sqrt,
  rsqrt,
  square,
  reciprocal,
  sin,
  cos,
  logistic,
  tanh,
  elu,
  gelu,
  gelu_tanh,
  leaky_relu,
  hard_swish
};
constexpr std::size_t kUnaryKinds = 21;
[[nodiscard]] std::string_view name(UnaryKind kind);

/// Each element by itself. int8: a table of 256 results, TensorFlow Lite's where it has the operator (unary.hpp).
struct Unary {
  static constexpr std::string_view kName = "unary";
  UnaryKind kind = UnaryKind::abs;
  float alpha = 1.0f;  ///< slope below zero (leaky_relu), limit below zero (elu)
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
    visit("alpha", self.alpha);
  }
  bool operator==(const Unary&) const = default;
};

enum class BinaryKind : std::uint8_t { sub, mul, div, minimum, maximum, squared_difference, prelu };
constexpr std::size_t kBinaryKinds = 7;
[[nodiscard]] std::string_view name(BinaryKind kind);

/// Two elements at a time (prelu: the second is the slope where the first is below zero); shapes broadcast as for Add.
/// int8: div has no form; minimum and maximum keep one quantization.
struct Binary {
  static constexpr std::string_view kName = "binary";
  BinaryKind kind = BinaryKind::mul;
  Activation activation = Activation::none;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
    visit("activation", self.activation);
  }
  bool operator==(const Binary&) const = default;
};

enum class CompareKind : std::uint8_t { less, less_equal, greater, greater_equal, equal, not_equal };
constexpr std::size_t kCompareKinds = 6;
[[nodiscard]] std::string_view name(CompareKind kind);

/// Two elements of one type at a time; shapes broadcast as for Add. Gives truth values: int8, 1 where it holds and 0
/// where not, with scale 1 and zero point 0. Their conjunction is minimum, their disjunction maximum.
struct Compare {
  static constexpr std::string_view kName = "compare";
  CompareKind kind = CompareKind::less;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
  }
  bool operator==(const Compare&) const = default;
};

/// inputs: truth values, a, b; shapes broadcast. a where it is true, b where not: any type, one quantization.
struct Select {
  static constexpr std::string_view kName = "select";
  template <class Self, class Visitor>
  static void fields(Self&, Visitor&&) {}
  bool operator==(const Select&) const = default;
};

/// inputs: a [...,M,K], b [...,K,N], which have the same dimensions in front; output [...,M,N]. Where b is constant,
/// Dense and Conv2D are faster.
struct MatMul {
  static constexpr std::string_view kName = "matmul";
  template <class Self, class Visitor>
  static void fields(Self&, Visitor&&) {}
  bool operator==(const MatMul&) const = default;
};

// Operators that move elements without arithmetic: any type, one quantization on all sides (moves.hpp).

/// inputs: one or more tensors that differ along `axis` only; output their elements behind one another.
struct Concat {
  static constexpr std::string_view kName = "concat";
  std::int32_t axis = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("axis", self.axis);
  }
  bool operator==(const Concat&) const = default;
};

/// Element `begin + i * stride` along each dimension; the output's shape says how many. Strides may be negative.
struct Slice {
  static constexpr std::string_view kName = "slice";
  std::vector<std::int32_t> begin, stride;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("begin", self.begin);
    visit("stride", self.stride);
  }
  bool operator==(const Slice&) const = default;
};

/// Dimension i of the output is dimension permutation[i] of the input.
struct Transpose {
  static constexpr std::string_view kName = "transpose";
  std::vector<std::int32_t> permutation;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("permutation", self.permutation);
  }
  bool operator==(const Transpose&) const = default;
};

/// `before` elements of `value` (a real number) in front of each dimension, `after` behind, and `between` between
/// neighbours.
struct Pad {
  static constexpr std::string_view kName = "pad";
  std::vector<std::int32_t> before, after;
  float value = 0.0f;
  std::vector<std::int32_t> between = {};  ///< empty: none along any dimension
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("before", self.before);
    visit("after", self.after);
    visit("value", self.value);
    visit("between", self.between);
  }
  bool operator==(const Pad&) const = default;
};

/// To the output's shape, of the same rank: dimensions of 1 are repeated.
struct Broadcast {
  static constexpr std::string_view kName = "broadcast";
  template <class Self, class Visitor>
  static void fields(Self&, Visitor&&) {}
  bool operator==(const Broadcast&) const = default;
};

/// inputs: x, constant i32 indices [n]; slices of `axis` in the order of the indices.
struct Gather {
  static constexpr std::string_view kName = "gather";
  std::int32_t axis = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("axis", self.axis);
  }
  bool operator==(const Gather&) const = default;
};

/// inputs: window, rows of the same shape but along `axis`, where they are no more; output the window moved on by that
/// many: its first rows are gone, the new ones stand behind the rest. The usual update of a state; on a device it is
/// done in place.
struct Shift {
  static constexpr std::string_view kName = "shift";
  std::int32_t axis = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("axis", self.axis);
  }
  bool operator==(const Shift&) const = default;
};

enum class ReduceKind : std::uint8_t { sum, mean, maximum, minimum, product };
constexpr std::size_t kReduceKinds = 5;
[[nodiscard]] std::string_view name(ReduceKind kind);

/// Along `axes` (ascending) one element is left. int8: product has no form; maximum and minimum keep one quantization.
struct Reduce {
  static constexpr std::string_view kName = "reduce";
  ReduceKind kind = ReduceKind::sum;
  std::vector<std::int32_t> axes;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
    visit("axes", self.axes);
  }
  bool operator==(const Reduce&) const = default;
};

enum class ArgKind : std::uint8_t { maximum, minimum };
constexpr std::size_t kArgKinds = 2;
[[nodiscard]] std::string_view name(ArgKind kind);

/// Index (i32) of the first largest or smallest element along `axis`, where one element is left.
struct ArgReduce {
  static constexpr std::string_view kName = "arg_reduce";
  ArgKind kind = ArgKind::maximum;
  std::int32_t axis = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
    visit("axis", self.axis);
  }
  bool operator==(const ArgReduce&) const = default;
};

/// The largest or smallest elements along `axis`, in order, the first of equal ones first; the output's shape says how
/// many. Its type says what: the elements, or their indices (i32).
struct TopK {
  static constexpr std::string_view kName = "top_k";
  ArgKind kind = ArgKind::maximum;
  std::int32_t axis = 0;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
    visit("axis", self.axis);
  }
  bool operator==(const TopK&) const = default;
};

/// Sums of all elements so far along `axis`, f32.
struct CumSum {
  static constexpr std::string_view kName = "cumsum";
  std::int32_t axis = 0;
  std::int32_t exclusive = 0;  ///< 1: without the element itself
  std::int32_t reverse = 0;    ///< 1: from the end
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("axis", self.axis);
    visit("exclusive", self.exclusive);
    visit("reverse", self.reverse);
  }
  bool operator==(const CumSum&) const = default;
};

/// Numbers from one of f32, i8, i16, i32 and i64 to another: of floats, fractions are cut off and what is too large
/// becomes the largest; whole numbers wrap. i8 and i16 have scale 1 and zero point 0.
struct Cast {
  static constexpr std::string_view kName = "cast";
  template <class Self, class Visitor>
  static void fields(Self&, Visitor&&) {}
  bool operator==(const Cast&) const = default;
};

/// Which places of the input an output pixel stands for.
enum class ResizeMode : std::uint8_t { asymmetric, align_corners, half_pixel };
constexpr std::size_t kResizeModes = 3;
[[nodiscard]] std::string_view name(ResizeMode mode);

/// [1,H,W,C] to the output's height and width by bilinear interpolation. One quantization on both sides.
struct ResizeBilinear {
  static constexpr std::string_view kName = "resize_bilinear";
  ResizeMode mode = ResizeMode::asymmetric;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("mode", self.mode);
  }
  bool operator==(const ResizeBilinear&) const = default;
};

// What recurrent layers of 8-bit values and 16-bit gates, cells and memories are made of, with TensorFlow Lite's
// arithmetic (recurrent_params.hpp). Float ones are made of the operators above.

/// inputs: x int8 with N elements, constant weights int8 [F,N]; output int16 [1,F].
struct DenseWide {
  static constexpr std::string_view kName = "dense_wide";
  template <class Self, class Visitor>
  static void fields(Self&, Visitor&&) {}
  bool operator==(const DenseWide&) const = default;
};

/// inputs: window int16 [1,F,M], constant weights int16 [F,M], optional bias int32 [U]; output int8 [1,U]: each of U
/// sums over F / U neighbouring filters and their M places.
struct TimeFilter {
  static constexpr std::string_view kName = "time_filter";
  template <class Self, class Visitor>
  static void fields(Self&, Visitor&&) {}
  bool operator==(const TimeFilter&) const = default;
};

/// inputs: x int8 with N elements, hidden int8 with H, constant weights int8 [C,N] and [C,H], bias int32 [C]; output
/// int16 [1,C] in steps of 2^-15: logistic or tanh of the sum.
struct LstmGate {
  static constexpr std::string_view kName = "lstm_gate";
  UnaryKind kind = UnaryKind::logistic;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
  }
  bool operator==(const LstmGate&) const = default;
};

/// inputs: forget, cell, input, candidate, all int16 [1,C]; output forget * cell + input * candidate, with the cell's
/// scale, a power of two.
struct LstmCell {
  static constexpr std::string_view kName = "lstm_cell";
  float clip = 0.0f;  ///< of the magnitude; 0: none
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("clip", self.clip);
  }
  bool operator==(const LstmCell&) const = default;
};

/// inputs: gate and cell int16 [1,C]; output int8: gate * tanh(cell).
struct LstmHidden {
  static constexpr std::string_view kName = "lstm_hidden";
  template <class Self, class Visitor>
  static void fields(Self&, Visitor&&) {}
  bool operator==(const LstmHidden&) const = default;
};

enum class TreeAggregate : std::uint8_t { sum, average, minimum, maximum };
constexpr std::size_t kTreeAggregates = 4;
[[nodiscard]] std::string_view name(TreeAggregate aggregate);

/// Decision trees (trees.hpp). inputs: x f32 with F elements, constant nodes i32 [N,4], thresholds f32 [N], leaf
/// targets i32 [M], leaf weights f32 [M], roots i32 [T], optional base values f32 [C]; output f32 [1,C].
struct TreeEnsemble {
  static constexpr std::string_view kName = "tree_ensemble";
  TreeAggregate aggregate = TreeAggregate::sum;
  std::int32_t targets = 1;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("aggregate", self.aggregate);
    visit("targets", self.targets);
  }
  bool operator==(const TreeEnsemble&) const = default;
};

/// complement and opposite: one score s becomes two, 1 - s or -s, and s.
enum class ScoreKind : std::uint8_t { logistic, softmax, softmax_zero, complement, opposite };
constexpr std::size_t kScoreKinds = 5;
[[nodiscard]] std::string_view name(ScoreKind kind);

/// What a classifier of trees does with its scores [1,C], f32, with the same bits on every machine.
struct Scores {
  static constexpr std::string_view kName = "scores";
  ScoreKind kind = ScoreKind::softmax;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("kind", self.kind);
  }
  bool operator==(const Scores&) const = default;
};

/// Same elements, the output tensor's shape. i32 may become f32, which has the same bits then, not the same number.
struct Reshape {
  static constexpr std::string_view kName = "reshape";
  template <class Self, class Visitor>
  static void fields(Self&, Visitor&&) {}
  bool operator==(const Reshape&) const = default;
};

/// float to the output tensor's quantized type, or between quantizations.
struct Quantize {
  static constexpr std::string_view kName = "quantize";
  template <class Self, class Visitor>
  static void fields(Self&, Visitor&&) {}
  bool operator==(const Quantize&) const = default;
};

struct Dequantize {
  static constexpr std::string_view kName = "dequantize";
  template <class Self, class Visitor>
  static void fields(Self&, Visitor&&) {}
  bool operator==(const Dequantize&) const = default;
};

/// Training form: zeroes elements at random; identity otherwise. The pass remove_training_ops removes it.
struct Dropout {
  static constexpr std::string_view kName = "dropout";
  float rate = 0.5f;
  template <class Self, class Visitor>
  static void fields(Self& self, Visitor&& visit) {
    visit("rate", self.rate);
  }
  bool operator==(const Dropout&) const = default;
};

using Attributes =
    std::variant<Conv2D, DepthwiseConv2D, Dense, BatchNorm, Pool2D, Add, Activate, Softmax, Reshape, Quantize,
                 Dequantize, Dropout, Unary, Binary, Concat, Slice, Transpose, Pad, Broadcast, Gather, Shift, Reduce,
                 ArgReduce, ResizeBilinear, Compare, Select, MatMul, DenseWide, TimeFilter, LstmGate, LstmCell,
                 LstmHidden, TreeEnsemble, Scores, TopK, CumSum, Cast, LogSoftmax>;

/// The operator's name in text form, error messages and reports.
[[nodiscard]] inline std::string_view op_name(const Attributes& attributes) {
  return std::visit([](const auto& op) { return std::remove_cvref_t<decltype(op)>::kName; }, attributes);
}

/// Output size of a windowed operator along one axis; 0 or less when the window does not fit.
[[nodiscard]] constexpr std::int32_t window_output(std::int32_t input, std::int32_t kernel, std::int32_t stride,
                                                   std::int32_t dilation, std::int32_t pad_before,
                                                   std::int32_t pad_after) {
  const std::int32_t extent = (kernel - 1) * dilation + 1;
  return (input + pad_before + pad_after - extent) / stride + 1;
}

/// TensorFlow's SAME padding along one axis: {before, after}.
[[nodiscard]] constexpr std::array<std::int32_t, 2> same_padding(std::int32_t input, std::int32_t kernel,
                                                                 std::int32_t stride, std::int32_t dilation = 1) {
  const std::int32_t output = (input + stride - 1) / stride;
  const std::int32_t needed = (output - 1) * stride + (kernel - 1) * dilation + 1 - input;
  const std::int32_t total = needed > 0 ? needed : 0;
  return {total / 2, total - total / 2};
}

}  // namespace mote::graph
