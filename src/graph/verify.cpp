// The rules that every graph obeys, whoever made it.

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "kernels/softmax.hpp"
#include "mote/graph/graph.hpp"
#include "mote/graph/logic.hpp"
#include "mote/graph/recurrent_params.hpp"
#include "mote/graph/trees.hpp"

namespace mote::graph {
namespace {

std::string place(const Op& op) { return std::string(op_name(op.attributes)) + " '" + op.name + "'"; }

constexpr std::int32_t kLargestWindow = 32767;               // so that extents and sums of windows fit int32
constexpr std::int32_t kLargestResized = 1024;               // so that places with ten bits behind the point fit int32
constexpr std::size_t kMostElements = std::size_t{1} << 30;  // of a tensor

/// Shape rule of each operator.
class ShapeRule {
 public:
  ShapeRule(const Graph& graph, const Op& op) : graph_(graph), op_(op) {}

  Result<Shape> operator()(const Conv2D& a) const {
    const Shape& x = in(0);
    const Shape& w = in(1);
    if (x.rank() != 4 || w.rank() != 4) return refuse("needs a 4-D input and 4-D weights");
    if (w[3] != x[3])
      return refuse("has weights for " + std::to_string(w[3]) + " channels, its input has " + std::to_string(x[3]));
    MOTE_TRY_VOID(bias_fits(w[0]));
    return window(a, w[1], w[2], a.dilation_h, a.dilation_w, w[0]);
  }
  Result<Shape> operator()(const DepthwiseConv2D& a) const {
    const Shape& x = in(0);
    const Shape& w = in(1);
    if (x.rank() != 4 || w.rank() != 4 || w[0] != 1) return refuse("needs a 4-D input and weights [1,Kh,Kw,C]");
    if (a.multiplier < 1 || w[3] != x[3] * a.multiplier)
      return refuse("has weights " + w.text() + " for an input " + x.text());
    MOTE_TRY_VOID(bias_fits(w[3]));
    return window(a, w[1], w[2], a.dilation_h, a.dilation_w, w[3]);
  }
  Result<Shape> operator()(const Dense&) const {
    const Shape& w = in(1);
    if (w.rank() != 2) return refuse("needs 2-D weights");
    if (static_cast<std::size_t>(w[1]) != in(0).elements()) {
      return refuse("has weights for " + std::to_string(w[1]) + " inputs, its input has " +
                    std::to_string(in(0).elements()));
    }
    MOTE_TRY_VOID(bias_fits(w[0]));
    return Shape{1, w[0]};
  }
  Result<Shape> operator()(const Softmax&) const { return along_innermost(); }
  Result<Shape> operator()(const LogSoftmax&) const { return along_innermost(); }
  Result<Shape> operator()(const BatchNorm&) const {
    if (in(0).rank() == 0) return refuse("needs at least one dimension");
    for (std::size_t i = 1; i < 5; ++i) {
      if (in(i).elements() != static_cast<std::size_t>(in(0).back())) return refuse("has parameters of the wrong size");
    }
    return in(0);
  }
  Result<Shape> operator()(const Pool2D& a) const {
    if (in(0).rank() != 4) return refuse("needs a 4-D input");
    return window(a, a.kernel_h, a.kernel_w, 1, 1, in(0)[3]);
  }
  Result<Shape> operator()(const Add&) const { return broadcast(); }
  Result<Shape> operator()(const Binary&) const { return broadcast(); }
  Result<Shape> operator()(const Compare&) const { return broadcast(); }
  Result<Shape> operator()(const Select&) const { return broadcast(); }
  Result<Shape> operator()(const MatMul&) const {
    const Shape &a = in(0), &b = in(1);
    bool fits = a.rank() >= 2 && a.rank() == b.rank() && a.back(0) == b.back(1);
    for (std::size_t d = 0; fits && d + 2 < a.rank(); ++d) fits = a[d] == b[d];
    if (!fits) return refuse("multiplies " + a.text() + " and " + b.text());
    std::vector<std::int32_t> dims(a.dims().begin(), a.dims().end());
    dims.back() = b.back(0);
    return Shape(std::move(dims));
  }
  Result<Shape> operator()(const Concat& a) const {
    if (a.axis < 0 || static_cast<std::size_t>(a.axis) >= in(0).rank())
      return refuse("has an axis outside of its input " + in(0).text());
    const auto axis = static_cast<std::size_t>(a.axis);
    std::vector<std::int32_t> dims(in(0).dims().begin(), in(0).dims().end());
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < op_.inputs.size(); ++i) {
      bool fits = in(i).rank() == dims.size();
      for (std::size_t d = 0; fits && d < dims.size(); ++d) fits = d == axis || in(i)[d] == dims[d];
      if (!fits)
        return refuse("joins " + in(0).text() + " and " + in(i).text() + " along axis " + std::to_string(a.axis));
      sum += in(i)[axis];
    }
    if (sum > INT32_MAX) return refuse("gives more than 2^31 elements");
    dims[axis] = static_cast<std::int32_t>(sum);
    return Shape(std::move(dims));
  }
  Result<Shape> operator()(const Slice& a) const {
    const Shape& out = graph_.tensor(op_.outputs[0]).shape;
    const std::size_t rank = in(0).rank();
    if (a.begin.size() != rank || a.stride.size() != rank || out.rank() != rank)
      return refuse("has begins and strides that do not fit its input " + in(0).text());
    for (std::size_t d = 0; d < rank; ++d) {
      const std::int64_t last = a.begin[d] + static_cast<std::int64_t>(out[d] - 1) * a.stride[d];
      if (a.begin[d] < 0 || a.begin[d] >= in(0)[d] || last < 0 || last >= in(0)[d] || a.stride[d] == 0) {
        return refuse("takes elements outside of its input " + in(0).text());
      }
    }
    return out;
  }
  Result<Shape> operator()(const Transpose& a) const {
    const std::size_t rank = in(0).rank();
    std::vector<std::int32_t> dims;
    std::vector<bool> used(rank, false);
    for (const std::int32_t from : a.permutation) {
      if (from < 0 || static_cast<std::size_t>(from) >= rank || used[static_cast<std::size_t>(from)]) break;
      used[static_cast<std::size_t>(from)] = true;
      dims.push_back(in(0)[static_cast<std::size_t>(from)]);
    }
    if (dims.size() != rank || a.permutation.size() != rank)
      return refuse("has no permutation of the dimensions of " + in(0).text());
    return Shape(std::move(dims));
  }
  Result<Shape> operator()(const Pad& a) const {
    const std::size_t rank = in(0).rank();
    if (a.before.size() != rank || a.after.size() != rank || (!a.between.empty() && a.between.size() != rank))
      return refuse("has paddings that do not fit its input " + in(0).text());
    std::vector<std::int32_t> dims;
    for (std::size_t d = 0; d < rank; ++d) {
      const std::int64_t between = a.between.empty() ? 0 : a.between[d];
      const std::int64_t size = std::int64_t{in(0)[d]} + a.before[d] + a.after[d] + (in(0)[d] - 1) * between;
      if (a.before[d] < 0 || a.after[d] < 0 || between < 0 || size > INT32_MAX)
        return refuse("has a negative or too large padding");
      dims.push_back(static_cast<std::int32_t>(size));
    }
    return Shape(std::move(dims));
  }
  Result<Shape> operator()(const Broadcast&) const {
    const Shape& out = graph_.tensor(op_.outputs[0]).shape;
    bool fits = out.rank() == in(0).rank();
    for (std::size_t d = 0; fits && d < out.rank(); ++d) fits = in(0)[d] == 1 || in(0)[d] == out[d];
    if (!fits) return refuse("stretches " + in(0).text() + " to " + out.text());
    return out;
  }
  Result<Shape> operator()(const Gather& a) const {
    if (a.axis < 0 || static_cast<std::size_t>(a.axis) >= in(0).rank() || in(1).rank() != 1)
      return refuse("has an axis or indices that do not fit its input " + in(0).text());
    std::vector<std::int32_t> dims(in(0).dims().begin(), in(0).dims().end());
    dims[static_cast<std::size_t>(a.axis)] = in(1)[0];
    return Shape(std::move(dims));
  }
  Result<Shape> operator()(const Shift& a) const {
    bool fits = a.axis >= 0 && static_cast<std::size_t>(a.axis) < in(0).rank() && in(1).rank() == in(0).rank();
    for (std::size_t d = 0; fits && d < in(0).rank(); ++d)
      fits = d == static_cast<std::size_t>(a.axis) ? in(1)[d] <= in(0)[d] : in(1)[d] == in(0)[d];
    if (!fits)
      return refuse("moves a window " + in(0).text() + " on by " + in(1).text() + " along axis " +
                    std::to_string(a.axis));
    return in(0);
  }
  Result<Shape> operator()(const Reduce& a) const {
    std::vector<std::int32_t> dims(in(0).dims().begin(), in(0).dims().end());
    std::int32_t before = -1;
    for (const std::int32_t axis : a.axes) {
      if (axis <= before || static_cast<std::size_t>(axis) >= dims.size())
        return refuse("reduces axes that are out of order or outside of its input " + in(0).text());
      dims[static_cast<std::size_t>(axis)] = 1;
      before = axis;
    }
    return Shape(std::move(dims));
  }
  Result<Shape> operator()(const ArgReduce& a) const {
    std::vector<std::int32_t> dims(in(0).dims().begin(), in(0).dims().end());
    if (a.axis < 0 || static_cast<std::size_t>(a.axis) >= dims.size())
      return refuse("has an axis outside of its input " + in(0).text());
    dims[static_cast<std::size_t>(a.axis)] = 1;
    return Shape(std::move(dims));
  }
  Result<Shape> operator()(const TopK& a) const {
    const Shape& out = graph_.tensor(op_.outputs[0]).shape;
    const auto axis = static_cast<std::size_t>(a.axis);
    bool fits = a.axis >= 0 && axis < in(0).rank() && out.rank() == in(0).rank();
    for (std::size_t d = 0; fits && d < out.rank(); ++d) fits = d == axis ? out[d] <= in(0)[d] : out[d] == in(0)[d];
    if (!fits) return refuse("takes " + out.text() + " of " + in(0).text() + " along axis " + std::to_string(a.axis));
    return out;
  }
  Result<Shape> operator()(const CumSum& a) const {
    if (a.axis < 0 || static_cast<std::size_t>(a.axis) >= in(0).rank())
      return refuse("has an axis outside of its input " + in(0).text());
    return in(0);
  }
  Result<Shape> operator()(const ResizeBilinear&) const {
    const Shape& out = graph_.tensor(op_.outputs[0]).shape;
    const auto fits = [&](std::size_t d) { return in(0)[d] <= kLargestResized && out[d] <= kLargestResized; };
    if (in(0).rank() != 4 || out.rank() != 4 || in(0)[0] != 1 || !fits(1) || !fits(2))
      return refuse("turns " + in(0).text() + " into " + out.text());
    return Shape{1, out[1], out[2], in(0)[3]};
  }
  Result<Shape> operator()(const DenseWide&) const {
    if (in(1).rank() != 2 || static_cast<std::size_t>(in(1)[1]) != in(0).elements())
      return refuse("has weights " + in(1).text() + " for an input " + in(0).text());
    return Shape{1, in(1)[0]};
  }
  Result<Shape> operator()(const TimeFilter&) const {
    const Shape& out = graph_.tensor(op_.outputs[0]).shape;
    const bool fits = in(0).rank() == 3 && in(1).rank() == 2 && in(0)[0] == 1 && in(0)[1] == in(1)[0] &&
                      in(0)[2] == in(1)[1] && out.rank() == 2 && out[0] == 1 && in(1)[0] % out[1] == 0;
    if (!fits) return refuse("filters " + in(0).text() + " with " + in(1).text() + " to " + out.text());
    MOTE_TRY_VOID(bias_fits(out[1]));
    return out;
  }
  Result<Shape> operator()(const LstmGate&) const {
    const Shape &wx = in(2), &wh = in(3);
    const bool fits = wx.rank() == 2 && wh.rank() == 2 && wx[0] == wh[0] &&
                      static_cast<std::size_t>(wx[1]) == in(0).elements() &&
                      static_cast<std::size_t>(wh[1]) == in(1).elements() && in(4) == Shape{wx[0]};
    if (!fits) return refuse("has weights " + wx.text() + " and " + wh.text() + " that do not fit");
    return Shape{1, wx[0]};
  }
  Result<Shape> operator()(const LstmCell&) const {
    for (std::size_t i = 1; i < 4; ++i) {
      if (in(i) != in(0)) return refuse("joins " + in(0).text() + " and " + in(i).text());
    }
    return in(0);
  }
  Result<Shape> operator()(const LstmHidden&) const {
    if (in(1) != in(0)) return refuse("joins " + in(0).text() + " and " + in(1).text());
    return in(0);
  }
  Result<Shape> operator()(const TreeEnsemble& a) const {
    if (a.targets < 1) return refuse("has " + std::to_string(a.targets) + " targets");
    return Shape{1, a.targets};
  }
  Result<Shape> operator()(const Scores& a) const {
    const bool pair = a.kind == ScoreKind::complement || a.kind == ScoreKind::opposite;
    if (in(0).rank() != 2 || in(0)[0] != 1 || (pair && in(0)[1] != 1)) return refuse("has an input " + in(0).text());
    return pair ? Shape{1, 2} : in(0);
  }
  Result<Shape> operator()(const Reshape&) const {
    const Shape& out = graph_.tensor(op_.outputs[0]).shape;
    if (out.elements() != in(0).elements()) return refuse("turns " + in(0).text() + " into " + out.text());
    return out;
  }
  template <class SameShape>
  Result<Shape> operator()(const SameShape&) const {
    return in(0);
  }

 private:
  [[nodiscard]] const Shape& in(std::size_t i) const { return graph_.tensor(op_.inputs[i]).shape; }
  [[nodiscard]] tl::unexpected<Error> refuse(std::string why) const {
    return fail(Code::malformed, place(op_) + " " + std::move(why));
  }

  [[nodiscard]] Result<Shape> along_innermost() const {
    if (in(0).rank() == 0) return refuse("needs at least one dimension");
    return in(0);
  }
  [[nodiscard]] Result<void> bias_fits(std::int32_t channels) const {
    if (op_.inputs.size() < 3 || op_.inputs[2] == kNoTensor) return {};
    if (in(2).elements() == static_cast<std::size_t>(channels)) return {};
    return refuse("has a bias " + in(2).text() + " for " + std::to_string(channels) + " channels");
  }

  [[nodiscard]] Result<Shape> broadcast() const {
    std::vector<std::int32_t> dims;  // innermost first
    for (std::size_t i = 0; i < op_.inputs.size(); ++i) {
      dims.resize(std::max(dims.size(), in(i).rank()), 1);
      for (std::size_t d = 0; d < in(i).rank(); ++d) {
        const std::int32_t size = in(i).back(d);
        if (size != dims[d] && size != 1 && dims[d] != 1)
          return refuse("joins " + in(0).text() + " and " + in(i).text() + ", which do not broadcast");
        dims[d] = std::max(dims[d], size);
      }
    }
    std::ranges::reverse(dims);
    return Shape(std::move(dims));
  }

  template <class A>
  [[nodiscard]] Result<Shape> window(const A& a, std::int32_t kernel_h, std::int32_t kernel_w, std::int32_t dilation_h,
                                     std::int32_t dilation_w, std::int32_t channels) const {
    const Shape& x = in(0);
    if (x[0] != 1) return refuse("has an input " + x.text() + "; models hold one sample, [1,H,W,C]");
    for (const std::int32_t v : {a.stride_h, a.stride_w, dilation_h, dilation_w, kernel_h, kernel_w}) {
      if (v < 1 || v > kLargestWindow)
        return refuse("has a stride, dilation or kernel outside 1 to " + std::to_string(kLargestWindow));
    }
    const std::int32_t extent_h = (kernel_h - 1) * dilation_h + 1;
    const std::int32_t extent_w = (kernel_w - 1) * dilation_w + 1;
    for (const auto& [pad, extent] : {std::pair{a.pads.top, extent_h},
                                      {a.pads.bottom, extent_h},
                                      {a.pads.left, extent_w},
                                      {a.pads.right, extent_w}}) {
      if (pad < 0 || pad >= extent)
        return refuse("has padding " + std::to_string(pad) + " for a window of " + std::to_string(extent) +
                      "; it must be smaller");
    }
    const std::int32_t h = window_output(x[1], kernel_h, a.stride_h, dilation_h, a.pads.top, a.pads.bottom);
    const std::int32_t w = window_output(x[2], kernel_w, a.stride_w, dilation_w, a.pads.left, a.pads.right);
    if (h < 1 || w < 1) return refuse("has a window larger than its input " + x.text());
    return Shape{1, h, w, channels};
  }

  const Graph& graph_;
  const Op& op_;
};

constexpr std::size_t kMostJoined = 1024;

/// How many inputs an operator takes: {least, most}.
struct Arity {
  std::size_t least, most;
};
struct ArityOf {
  Arity operator()(const Conv2D&) const { return {2, 3}; }
  Arity operator()(const DepthwiseConv2D&) const { return {2, 3}; }
  Arity operator()(const Dense&) const { return {2, 3}; }
  Arity operator()(const BatchNorm&) const { return {5, 5}; }
  Arity operator()(const Add&) const { return {2, 2}; }
  Arity operator()(const Binary&) const { return {2, 2}; }
  Arity operator()(const Compare&) const { return {2, 2}; }
  Arity operator()(const Select&) const { return {3, 3}; }
  Arity operator()(const MatMul&) const { return {2, 2}; }
  Arity operator()(const Concat&) const { return {1, kMostJoined}; }
  Arity operator()(const Gather&) const { return {2, 2}; }
  Arity operator()(const Shift&) const { return {2, 2}; }
  Arity operator()(const DenseWide&) const { return {2, 2}; }
  Arity operator()(const TimeFilter&) const { return {2, 3}; }
  Arity operator()(const LstmGate&) const { return {5, 5}; }
  Arity operator()(const LstmCell&) const { return {4, 4}; }
  Arity operator()(const LstmHidden&) const { return {2, 2}; }
  Arity operator()(const TreeEnsemble&) const { return {6, 7}; }
  template <class Other>
  Arity operator()(const Other&) const {
    return {1, 1};
  }
};

Result<void> verify_arity(const Op& op) {
  const Arity arity = std::visit(ArityOf{}, op.attributes);
  if (op.inputs.size() < arity.least || op.inputs.size() > arity.most) {
    return fail(Code::malformed, place(op) + " has " + std::to_string(op.inputs.size()) + " inputs");
  }
  if (op.outputs.size() != 1)
    return fail(Code::malformed, place(op) + " has " + std::to_string(op.outputs.size()) + " outputs, 1 is expected");
  return {};
}

Result<void> verify_tensor(const Tensor& tensor) {
  const std::string where = "tensor '" + tensor.name + "'";
  for (const std::int32_t d : tensor.shape.dims()) {
    if (d < 1) return fail(Code::malformed, where + " has the shape " + tensor.shape.text());
  }
  std::size_t elements = 1;
  for (const std::int32_t d : tensor.shape.dims()) {
    elements *= static_cast<std::size_t>(d);
    if (elements > kMostElements)
      return fail(Code::malformed, where + " has the shape " + tensor.shape.text() + ": more than 2^30 elements");
  }
  if (tensor.is_constant() && tensor.data->size() != tensor.size_bytes()) {
    return fail(Code::malformed, where + " has " + std::to_string(tensor.data->size()) +
                                     " bytes of data for the shape " + tensor.shape.text());
  }
  const Quantization& q = tensor.quantization;
  if (q.scales.size() != q.zero_points.size())
    return fail(Code::malformed, where + " has unequal numbers of scales and zero points");
  for (const float scale : q.scales) {
    if (!(scale > 0.0f) || !std::isfinite(scale))
      return fail(Code::malformed, where + " has a scale that is not a positive number");
  }
  for (const std::int32_t zero : q.zero_points) {
    if (tensor.dtype == DType::i16 && zero != 0)
      return fail(Code::malformed, where + " is int16 with the zero point " + std::to_string(zero) + ", it must be 0");
    if (tensor.dtype == DType::i8 && (zero < -128 || zero > 127)) {
      return fail(Code::malformed, where + " is int8 with the zero point " + std::to_string(zero));
    }
  }
  if (q.per_channel()) {
    const bool fits = q.axis >= 0 && static_cast<std::size_t>(q.axis) < tensor.shape.rank() &&
                      static_cast<std::size_t>(tensor.shape[static_cast<std::size_t>(q.axis)]) == q.scales.size();
    if (!fits)
      return fail(Code::malformed,
                  where + " has " + std::to_string(q.scales.size()) + " scales that fit none of its axes");
  }
  return {};
}

/// Type rules of each operator: executor and compiler read tensors as what these say.
class TypeRule {
 public:
  TypeRule(const Graph& graph, const Op& op) : graph_(graph), op_(op), x_(in(0)), y_(graph.tensor(op.outputs[0])) {}

  Result<void> operator()(const Conv2D&) const { return weighted(0); }
  Result<void> operator()(const DepthwiseConv2D&) const { return weighted(3); }
  Result<void> operator()(const Dense&) const { return weighted(0); }
  Result<void> operator()(const BatchNorm&) const {
    for (std::size_t i = 1; i < 5; ++i) MOTE_TRY_VOID(constant(i, DType::f32));
    if (x_.dtype != DType::f32) return refuse("works on floats, its input is " + std::string(name(x_.dtype)));
    return same_type(x_);
  }
  Result<void> operator()(const Add&) const {
    MOTE_TRY_VOID(same_type(x_));
    return same_type(in(1));
  }
  Result<void> operator()(const Binary& a) const {
    MOTE_TRY_VOID(same_type(x_));
    MOTE_TRY_VOID(same_type(in(1)));
    if (y_.dtype == DType::f32) return {};
    if (a.kind == BinaryKind::div) return refuse("divides integers, which has no form here");
    if (a.kind == BinaryKind::minimum || a.kind == BinaryKind::maximum) {
      MOTE_TRY_VOID(same_quantization(x_));
      return same_quantization(in(1));
    }
    return {};
  }
  Result<void> operator()(const Compare&) const {
    if (!may_be_truth(y_)) return refuse("gives truth values, its output '" + y_.name + "' is of another kind");
    if (x_.dtype != in(1).dtype || x_.dtype == DType::u8 || x_.dtype == DType::i16)
      return refuse("compares " + std::string(name(x_.dtype)) + " with " + std::string(name(in(1).dtype)));
    MOTE_TRY_VOID(quantized(x_));
    return quantized(in(1));
  }
  Result<void> operator()(const Select&) const {
    if (!may_be_truth(x_)) return refuse("selects by '" + x_.name + "', which are no truth values");
    MOTE_TRY_VOID(moved(in(1)));
    return moved(in(2));
  }
  Result<void> operator()(const MatMul&) const {
    if (x_.dtype != DType::f32 && x_.dtype != DType::i8)
      return refuse("works on f32 or i8, its input is " + std::string(name(x_.dtype)));
    for (const Tensor* t : {&x_, &in(1), &y_}) {
      if (t->quantization.per_channel() && t->dtype == DType::i8)
        return refuse("has an operand '" + t->name + "' with more than one scale");
    }
    MOTE_TRY_VOID(same_type(x_));
    return same_type(in(1));
  }
  Result<void> operator()(const Concat&) const {
    for (std::size_t i = 0; i < op_.inputs.size(); ++i) MOTE_TRY_VOID(moved(in(i)));
    return {};
  }
  Result<void> operator()(const Slice&) const { return moved(x_); }
  Result<void> operator()(const Transpose&) const { return moved(x_); }
  Result<void> operator()(const Pad& a) const {
    MOTE_TRY_VOID(moved(x_));
    if (!std::isfinite(a.value)) return refuse("pads with a value that is not a number");
    return {};
  }
  Result<void> operator()(const Broadcast&) const { return moved(x_); }
  Result<void> operator()(const Gather& a) const {
    MOTE_TRY_VOID(constant(1, DType::i32));
    for (const std::int32_t i : in(1).values<std::int32_t>()) {
      if (i < 0 || i >= x_.shape[static_cast<std::size_t>(a.axis)])
        return refuse("takes slice " + std::to_string(i) + " of " + x_.shape.text());
    }
    return moved(x_);
  }
  Result<void> operator()(const Shift&) const {
    MOTE_TRY_VOID(moved(x_));
    return moved(in(1));
  }
  Result<void> operator()(const Reduce& a) const {
    MOTE_TRY_VOID(same_type(x_));
    if (x_.dtype == DType::f32) return {};
    if (a.kind == ReduceKind::product) return refuse("multiplies integers, which has no form here");
    return a.kind == ReduceKind::maximum || a.kind == ReduceKind::minimum ? same_quantization(x_) : Result<void>{};
  }
  Result<void> operator()(const ArgReduce&) const {
    if (y_.dtype != DType::i32) return refuse("gives indices, its output is " + std::string(name(y_.dtype)));
    if (x_.dtype != DType::f32 && x_.dtype != DType::i8)
      return refuse("works on f32 or i8, its input is " + std::string(name(x_.dtype)));
    return {};
  }
  Result<void> operator()(const TopK&) const {
    if (x_.dtype != DType::f32 && x_.dtype != DType::i8)
      return refuse("works on f32 or i8, its input is " + std::string(name(x_.dtype)));
    return y_.dtype == DType::i32 ? quantized(x_) : moved(x_);
  }
  Result<void> operator()(const CumSum& a) const {
    if (x_.dtype != DType::f32) return refuse("works on floats, its input is " + std::string(name(x_.dtype)));
    if ((a.exclusive | a.reverse | 1) != 1) return refuse("is neither exclusive nor not, or reversed nor not");
    return same_type(x_);
  }
  Result<void> operator()(const Cast&) const {
    for (const Tensor* t : {&x_, &y_}) {
      const bool narrow = t->dtype == DType::i8 || t->dtype == DType::i16;
      if (!narrow && t->dtype != DType::f32 && t->dtype != DType::i32 && t->dtype != DType::i64)
        return refuse("turns " + std::string(name(x_.dtype)) + " into " + std::string(name(y_.dtype)));
      if (narrow && t->quantization != Quantization::per_tensor(1.0f, 0))
        return refuse("takes whole numbers, '" + t->name + "' has another scale than 1");
    }
    return {};
  }
  Result<void> operator()(const ResizeBilinear&) const { return moved(x_); }
  Result<void> operator()(const DenseWide&) const {
    MOTE_TRY_VOID(typed(x_, DType::i8));
    MOTE_TRY_VOID(symmetric(1, DType::i8));
    return typed(y_, DType::i16);
  }
  Result<void> operator()(const TimeFilter&) const {
    MOTE_TRY_VOID(typed(x_, DType::i16));
    MOTE_TRY_VOID(symmetric(1, DType::i16));
    if (op_.inputs.size() > 2 && op_.inputs[2] != kNoTensor) MOTE_TRY_VOID(constant(2, DType::i32));
    return typed(y_, DType::i8);
  }
  Result<void> operator()(const LstmGate& a) const {
    if (a.kind != UnaryKind::logistic && a.kind != UnaryKind::tanh) return refuse("is neither logistic nor tanh");
    MOTE_TRY_VOID(typed(x_, DType::i8));
    MOTE_TRY_VOID(typed(in(1), DType::i8));
    MOTE_TRY_VOID(symmetric(2, DType::i8));
    MOTE_TRY_VOID(symmetric(3, DType::i8));
    MOTE_TRY_VOID(constant(4, DType::i32));
    return gate(y_);
  }
  Result<void> operator()(const LstmCell& a) const {
    if (!(a.clip >= 0.0f)) return refuse("has a clip that is no magnitude");
    for (const std::size_t i : {0u, 2u, 3u}) MOTE_TRY_VOID(gate(in(i)));
    MOTE_TRY_VOID(cell(in(1)));
    MOTE_TRY_VOID(typed(y_, DType::i16));
    return same_quantization(in(1));
  }
  Result<void> operator()(const LstmHidden&) const {
    MOTE_TRY_VOID(gate(x_));
    MOTE_TRY_VOID(cell(in(1)));
    return typed(y_, DType::i8);
  }
  Result<void> operator()(const TreeEnsemble&) const {
    constexpr DType kTypes[] = {DType::i32, DType::f32, DType::i32, DType::f32, DType::i32, DType::f32};
    for (std::size_t i = 1; i < op_.inputs.size(); ++i) MOTE_TRY_VOID(constant(i, kTypes[i - 1]));
    if (x_.dtype != DType::f32) return refuse("works on floats, its input is " + std::string(name(x_.dtype)));
    MOTE_TRY_VOID(same_type(x_));
    return verify_trees(graph_, op_);
  }
  Result<void> operator()(const Scores&) const {
    if (x_.dtype != DType::f32) return refuse("works on floats, its input is " + std::string(name(x_.dtype)));
    return same_type(x_);
  }
  Result<void> operator()(const Reshape&) const {
    // The bits of one as the other: how indices and floats lie behind one another in one output.
    if (x_.dtype == DType::i32 && y_.dtype == DType::f32) return {};
    return same_type(x_);
  }
  Result<void> operator()(const Quantize&) const {
    const bool narrow = y_.dtype == DType::i8 || y_.dtype == DType::i16;
    const bool integers = x_.dtype == DType::i8 || x_.dtype == DType::i16;
    if ((!narrow || (x_.dtype != DType::f32 && !integers)) && (y_.dtype != DType::i32 || !integers)) {
      return refuse("turns " + std::string(name(x_.dtype)) + " into " + std::string(name(y_.dtype)) +
                    "; f32, i8 or i16 into i8 or i16, and i8 or i16 into i32 are possible");
    }
    if (x_.quantization.per_channel() || y_.quantization.per_channel())
      return refuse("has a side with more than one scale");
    if (y_.dtype == DType::i32 && (!y_.quantization.present() || y_.quantization.zero_point() != 0))
      return refuse("gives i32 without a scale or with a zero point");
    return quantized_sides();
  }
  Result<void> operator()(const Dequantize&) const {
    if (y_.dtype == DType::f32 && (x_.dtype == DType::i8 || x_.dtype == DType::i16)) return quantized_sides();
    return refuse("turns " + std::string(name(x_.dtype)) + " into " + std::string(name(y_.dtype)) +
                  "; i8 or i16 into f32 is possible");
  }
  Result<void> operator()(const Softmax&) const { return distribution(); }
  Result<void> operator()(const LogSoftmax&) const {
    MOTE_TRY_VOID(distribution());
    if (x_.dtype != DType::f32 && x_.dtype != DType::i8)
      return refuse("works on f32 or i8, its input is " + std::string(name(x_.dtype)));
    if (x_.dtype == DType::i8 && y_.quantization != Quantization::per_tensor(16.0f / 256.0f, 127))
      return refuse("gives i8 of another scale than 16/256 or another zero point than 127");
    // A step of the input is one of Q5.26, or more.
    if (x_.dtype == DType::i8 && !(x_.quantization.scale() > 1.0f / (1 << 26)))
      return refuse("has an input whose scale is too small");
    return {};
  }
  template <class SameType>
  Result<void> operator()(const SameType&) const {
    return same_type(x_);
  }

 private:
  [[nodiscard]] const Tensor& in(std::size_t i) const { return graph_.tensor(op_.inputs[i]); }
  [[nodiscard]] tl::unexpected<Error> refuse(std::string why) const {
    return fail(Code::malformed, place(op_) + " " + std::move(why));
  }

  [[nodiscard]] Result<void> distribution() const {
    if (x_.dtype == DType::i8 && x_.shape.back() > device::kSoftmaxMostDepth) {
      return refuse("is over " + std::to_string(x_.shape.back()) + " entries; in int8 at most " +
                    std::to_string(device::kSoftmaxMostDepth) + " are possible");
    }
    return same_type(x_);
  }
  [[nodiscard]] Result<void> quantized(const Tensor& t) const {
    if ((t.dtype != DType::i8 && t.dtype != DType::i16) || t.quantization.present()) return {};
    return fail(Code::malformed,
                place(op_) + ": tensor '" + t.name + "' is " + std::string(name(t.dtype)) + " without a scale");
  }
  [[nodiscard]] Result<void> quantized_sides() const {
    MOTE_TRY_VOID(quantized(x_));
    return quantized(y_);
  }
  [[nodiscard]] Result<void> same_type(const Tensor& input) const {
    if (input.dtype != y_.dtype)
      return refuse("turns " + std::string(name(input.dtype)) + " into " + std::string(name(y_.dtype)));
    MOTE_TRY_VOID(quantized(input));
    return quantized(y_);
  }
  [[nodiscard]] Result<void> same_quantization(const Tensor& input) const {
    // On floats it only says where they come from.
    if (y_.dtype == DType::f32 || input.quantization == y_.quantization) return {};
    return refuse("has different scales or zero points on its sides, '" + input.name + "' and '" + y_.name + "'");
  }
  [[nodiscard]] Result<void> moved(const Tensor& input) const {
    MOTE_TRY_VOID(same_type(input));
    return same_quantization(input);
  }
  /// A quantized value of this type with one scale.
  [[nodiscard]] Result<void> typed(const Tensor& t, DType type) const {
    if (t.dtype != type)
      return refuse("takes '" + t.name + "' as " + std::string(name(type)) + ", it is " + std::string(name(t.dtype)));
    if (t.quantization.per_channel()) return refuse("takes '" + t.name + "' with one scale, it has several");
    return quantized(t);
  }
  /// Constant weights with one scale and no zero point.
  [[nodiscard]] Result<void> symmetric(std::size_t i, DType type) const {
    MOTE_TRY_VOID(constant(i, type));
    MOTE_TRY_VOID(typed(in(i), type));
    if (in(i).quantization.zero_point() != 0) return refuse("has weights '" + in(i).name + "' with a zero point");
    return {};
  }
  /// 16 bits between -1 and 1.
  [[nodiscard]] Result<void> gate(const Tensor& t) const {
    MOTE_TRY_VOID(typed(t, DType::i16));
    if (power_of_two(t.quantization.scale()) == -15) return {};
    return refuse("takes '" + t.name + "' in steps of 2^-15");
  }
  /// 16 bits whose step is a power of two, with up to six bits before the point.
  [[nodiscard]] Result<void> cell(const Tensor& t) const {
    MOTE_TRY_VOID(typed(t, DType::i16));
    const auto exponent = power_of_two(t.quantization.scale());
    if (exponent && *exponent >= -15 && *exponent <= -9) return {};
    return refuse("takes '" + t.name + "' with a scale that is a power of two from 2^-15 to 2^-9");
  }
  [[nodiscard]] Result<void> constant(std::size_t i, DType type) const {
    if (op_.inputs[i] == kNoTensor) return refuse("has no input " + std::to_string(i));
    const Tensor& t = in(i);
    if (!t.is_constant()) return refuse("needs constant parameters, '" + t.name + "' is computed");
    if (t.dtype != type)
      return refuse("needs '" + t.name + "' as " + std::string(name(type)) + ", it is " + std::string(name(t.dtype)));
    return {};
  }
  /// int8 weights have one scale or one for each output channel, and one zero point: 0 beside int16 values.
  [[nodiscard]] Result<void> weighted(std::int32_t channel_axis) const {
    MOTE_TRY_VOID(same_type(x_));
    const bool wide = x_.dtype == DType::i16, integer = wide || x_.dtype == DType::i8;
    if (!integer && x_.dtype != DType::f32)
      return refuse("works on f32, i8 or i16, its input is " + std::string(name(x_.dtype)));
    MOTE_TRY_VOID(constant(1, integer ? DType::i8 : DType::f32));
    if (op_.inputs.size() > 2 && op_.inputs[2] != kNoTensor)
      MOTE_TRY_VOID(constant(2, wide ? DType::i64 : integer ? DType::i32 : DType::f32));
    if (!integer) return {};
    const Tensor& w = in(1);
    MOTE_TRY_VOID(quantized(w));
    for (const std::int32_t zero : w.quantization.zero_points) {
      if (zero != w.quantization.zero_point() || (wide && zero != 0))
        return refuse("has weights '" + w.name + "' with the zero point " + std::to_string(zero) + ", which must be " +
                      std::to_string(wide ? 0 : w.quantization.zero_point()));
    }
    if (w.quantization.per_channel() && w.quantization.axis != channel_axis) {
      return refuse("has weights '" + w.name + "' with scales along axis " + std::to_string(w.quantization.axis) +
                    ", its channels are axis " + std::to_string(channel_axis));
    }
    return {};
  }

  const Graph& graph_;
  const Op& op_;
  const Tensor& x_;
  const Tensor& y_;
};

/// Operators that int16 values can go through.
bool has_int16_form(const Op& op) {
  const auto* unary = op.as<Unary>();
  if (unary != nullptr) return unary->kind == UnaryKind::leaky_relu;
  return op.as<Conv2D>() != nullptr || op.as<DepthwiseConv2D>() != nullptr || op.as<Dense>() != nullptr ||
         op.as<Add>() != nullptr || op.as<Reshape>() != nullptr || op.as<Concat>() != nullptr ||
         op.as<Slice>() != nullptr || op.as<Transpose>() != nullptr || op.as<Pad>() != nullptr ||
         op.as<Broadcast>() != nullptr || op.as<Gather>() != nullptr || op.as<Shift>() != nullptr ||
         op.as<Quantize>() != nullptr || op.as<Dequantize>() != nullptr || op.as<Cast>() != nullptr || is_recurrent(op);
}

Result<void> verify_types(const Graph& graph, const Op& op) {
  MOTE_TRY_VOID(std::visit(TypeRule(graph, op), op.attributes));
  if (graph.tensor(op.inputs[0]).dtype == DType::i16 && !has_int16_form(op))
    return fail(Code::unsupported, place(op) + " has no int16 form");
  return {};
}

}  // namespace

Result<Shape> infer_shape(const Graph& graph, const Op& op) {
  MOTE_TRY_VOID(verify_arity(op));
  return std::visit(ShapeRule(graph, op), op.attributes);
}

Result<void> verify_op(const Graph& graph, const Op& op) {
  const auto count = static_cast<TensorId>(graph.tensors().size());
  MOTE_TRY_VOID(verify_arity(op));
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    const bool weighted = op.as<Conv2D>() != nullptr || op.as<DepthwiseConv2D>() != nullptr ||
                          op.as<Dense>() != nullptr || op.as<TimeFilter>() != nullptr;
    if (op.inputs[i] == kNoTensor && i == 2 && weighted) continue;  // no bias
    if (op.inputs[i] < 0 || op.inputs[i] >= count)
      return fail(Code::malformed, place(op) + " reads a tensor that does not exist");
  }
  const TensorId out = op.outputs[0];
  if (out < 0 || out >= count) return fail(Code::malformed, place(op) + " writes a tensor that does not exist");
  MOTE_TRY(const Shape shape, infer_shape(graph, op));
  if (shape != graph.tensor(out).shape) {
    return fail(Code::malformed,
                place(op) + " gives " + shape.text() + ", its output tensor says " + graph.tensor(out).shape.text());
  }
  return verify_types(graph, op);
}

namespace {

/// What states read is there from the start.
Result<void> prepare_states(const Graph& graph, std::vector<bool>& ready) {
  const auto count = static_cast<TensorId>(graph.tensors().size());
  for (const State& state : graph.states()) {
    if (state.read < 0 || state.read >= count || state.written < 0 || state.written >= count)
      return fail(Code::malformed, "a state mentions a tensor that does not exist");
    const Tensor &read = graph.tensor(state.read), &written = graph.tensor(state.written);
    const std::string where = "the state '" + read.name + "'";
    if (ready[static_cast<std::size_t>(state.read)])
      return fail(Code::malformed, where + " is a constant, an input of the model, or two states");
    ready[static_cast<std::size_t>(state.read)] = true;
    if (read.dtype != written.dtype || read.shape != written.shape || read.quantization != written.quantization)
      return fail(Code::malformed, where + " becomes '" + written.name + "' of another type, shape or quantization");
    if (state.initial == nullptr || state.initial->size() != read.size_bytes())
      return fail(Code::malformed, where + " has no initial value of its size");
  }
  return {};
}

Result<void> verify_states(const Graph& graph) {
  for (const State& state : graph.states()) {
    const std::string where = "the state '" + graph.tensor(state.read).name + "'";
    if (graph.producer(state.written) < 0)
      return fail(Code::malformed,
                  where + " becomes '" + graph.tensor(state.written).name + "', which no operator computes");
    if (std::ranges::find(graph.outputs(), state.read) != graph.outputs().end())
      return fail(Code::malformed, where + " is an output of the model; only what it becomes can be one");
  }
  return {};
}

}  // namespace

Result<void> verify(const Graph& graph) {
  const auto count = static_cast<TensorId>(graph.tensors().size());
  std::set<std::string_view> names;
  for (const Tensor& tensor : graph.tensors()) {
    MOTE_TRY_VOID(verify_tensor(tensor));
    if (!names.insert(tensor.name).second) return fail(Code::malformed, "two tensors are named '" + tensor.name + "'");
  }
  if (graph.inputs().empty() || graph.outputs().empty())
    return fail(Code::malformed, "the model has no input or no output");
  std::vector<bool> ready(static_cast<std::size_t>(count), false);
  for (TensorId id = 0; id < count; ++id) ready[static_cast<std::size_t>(id)] = graph.tensor(id).is_constant();
  const auto in_range = [&](TensorId id) { return id >= 0 && id < count; };
  for (const TensorId id : graph.inputs()) {
    if (!in_range(id) || graph.tensor(id).is_constant())
      return fail(Code::malformed, "an input of the model is not a value");
    ready[static_cast<std::size_t>(id)] = true;
  }
  MOTE_TRY_VOID(prepare_states(graph, ready));
  for (const Op& op : graph.ops()) {
    for (const TensorId id : op.inputs) {
      if (in_range(id) && !ready[static_cast<std::size_t>(id)]) {
        return fail(Code::malformed, place(op) + " reads '" + graph.tensor(id).name + "' before it is computed");
      }
    }
    MOTE_TRY_VOID(verify_op(graph, op));
    const TensorId out = op.outputs[0];
    if (ready[static_cast<std::size_t>(out)])
      return fail(Code::malformed, "'" + graph.tensor(out).name + "' is written twice");
    ready[static_cast<std::size_t>(out)] = true;
  }
  for (const TensorId id : graph.outputs()) {
    if (!in_range(id) || !ready[static_cast<std::size_t>(id)])
      return fail(Code::malformed, "an output of the model is never computed");
  }
  return verify_states(graph);
}

}  // namespace mote::graph
