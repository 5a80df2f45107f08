#include "mote/optimize/stream.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>

namespace mote::optimize {
namespace {

using graph::Graph;
using graph::Op;
using graph::Shape;
using graph::Tensor;
using graph::TensorId;

constexpr std::size_t kNoAxis = static_cast<std::size_t>(-1);

/// What stands for a value of the batch model: all of it, or its newest rows.
struct Flow {
  TensorId id = graph::kNoTensor;
  std::size_t axis = kNoAxis;  ///< of time; kNoAxis: all of it is there
  std::int32_t hop = 0;
  [[nodiscard]] bool streams() const { return axis != kNoAxis; }
};

/// A window along the time axis.
struct Window {
  std::int32_t extent = 1, stride = 1, pads = 0;
  std::int32_t unused = 0;  ///< rows at the window's end that no output reads, beyond what the stride leaves
};

std::int32_t extent_of(std::int32_t kernel, std::int32_t dilation) { return (kernel - 1) * dilation + 1; }

template <class Attributes>
Window window_along(const Attributes& a, bool height, std::int32_t extent) {
  return height ? Window{extent, a.stride_h, a.pads.top + a.pads.bottom, 0}
                : Window{extent, a.stride_w, a.pads.left + a.pads.right, 0};
}

Shape with_rows(const Shape& shape, std::size_t axis, std::int32_t rows) {
  std::vector<std::int32_t> dims(shape.dims().begin(), shape.dims().end());
  dims[axis] = rows;
  return Shape(std::move(dims));
}

std::int64_t elements_before(const Shape& shape, std::size_t axis) {
  std::int64_t product = 1;
  for (std::size_t d = 0; d < axis; ++d) product *= shape[d];
  return product;
}

class Streamer {
 public:
  Streamer(const Graph& batch, std::int32_t hop) : batch_(batch), out_(batch.name()), hop_(hop) {}

  Result<Streamed> run() {
    MOTE_TRY_VOID(take_input());
    for (const Op& op : batch_.ops()) MOTE_TRY_VOID(add(op));
    std::vector<TensorId> outputs;
    for (const TensorId id : batch_.outputs()) outputs.push_back(flows_.at(id).id);
    out_.set_outputs(std::move(outputs));
    if (graph::macs(out_) >= graph::macs(batch_)) {
      return fail(Code::unsupported,
                  "streaming saves nothing: " + (whole_from_.empty() ? "the model has no weights" : whole_from_));
    }
    Streamed result{std::move(out_), window_rows_, (window_rows_ + hop_ - 1) / hop_, whole_from_};
    if (const auto verified = graph::verify(result.graph); !verified)
      return fail(Code::internal, "streaming broke the model: " + verified.error().message());
    return result;
  }

 private:
  Result<void> take_input() {
    if (batch_.inputs().size() != 1 || !batch_.states().empty())
      return fail(Code::unsupported, "only a model with one input and without state can be made to stream");
    const TensorId id = batch_.inputs()[0];
    const Shape& shape = batch_.tensor(id).shape;
    std::size_t axis = 1;
    while (axis < shape.rank() && shape[axis] == 1) ++axis;
    if (axis >= shape.rank()) return fail(Code::unsupported, "the input " + shape.text() + " has no time axis");
    window_rows_ = shape[axis];
    if (hop_ < 1 || hop_ >= window_rows_) {
      return fail(Code::invalid_argument, "the window has " + std::to_string(window_rows_) +
                                              " rows, so it moves on by 1 to " + std::to_string(window_rows_ - 1) +
                                              ", not by " + std::to_string(hop_));
    }
    flows_[id] = streamed_tensor(id, axis, hop_);
    out_.set_inputs({flows_[id].id});
    return {};
  }

  // Tensors of the new graph.

  Flow streamed_tensor(TensorId id, std::size_t axis, std::int32_t hop) {
    Tensor t = batch_.tensor(id);
    t.shape = with_rows(t.shape, axis, hop);
    return {out_.add_tensor(std::move(t)), axis, hop};
  }
  TensorId constant(TensorId id) {
    const auto [entry, first] = constants_.try_emplace(id, graph::kNoTensor);
    if (first) entry->second = out_.add_tensor(batch_.tensor(id));
    return entry->second;
  }
  [[nodiscard]] bool is_constant(TensorId id) const { return batch_.tensor(id).is_constant(); }

  /// The newest `rows` rows of a streamed value, of which some may have come with earlier inferences.
  TensorId newest(TensorId id, std::int32_t rows) {
    const Flow flow = flows_.at(id);
    if (rows == flow.hop) return flow.id;
    const auto [entry, first] = windows_.try_emplace({id, rows}, graph::kNoTensor);
    if (first) entry->second = rows < flow.hop ? slice(flow, flow.hop - rows, rows) : keep(id, flow, rows);
    return entry->second;
  }

  TensorId slice(const Flow& flow, std::int32_t begin, std::int32_t rows) {
    Tensor t = out_.tensor(flow.id);
    t.name += "/newest" + std::to_string(out_.tensors().size());
    t.shape = with_rows(t.shape, flow.axis, rows);
    graph::Slice attributes{std::vector<std::int32_t>(t.shape.rank(), 0), std::vector<std::int32_t>(t.shape.rank(), 1)};
    attributes.begin[flow.axis] = begin;
    const std::string name = t.name;
    const TensorId to = out_.add_tensor(std::move(t));
    out_.add_op({name, std::move(attributes), {flow.id}, {to}});
    return to;
  }

  TensorId keep(TensorId id, const Flow& flow, std::int32_t rows) {
    Tensor window = batch_.tensor(id);
    window.shape = with_rows(window.shape, flow.axis, rows);
    const std::string name = window.name + "/window" + std::to_string(rows);
    window.name = name + "/before";
    graph::State state{out_.add_tensor(window), graph::kNoTensor, zeros(window)};
    window.name = name;
    state.written = out_.add_tensor(window);
    out_.add_op({name, graph::Shift{static_cast<std::int32_t>(flow.axis)}, {state.read, flow.id}, {state.written}});
    const TensorId written = state.written;
    out_.add_state(std::move(state));
    return written;
  }

  /// Real zeros, as padding has them.
  static std::shared_ptr<const Bytes> zeros(const Tensor& t) {
    const std::int32_t zero = t.dtype == graph::DType::f32 ? 0 : t.quantization.zero_point();
    const std::size_t size = graph::size_bytes(t.dtype);
    Bytes bytes(t.size_bytes());
    for (std::size_t i = 0; i < bytes.size(); i += size)
      std::memcpy(bytes.data() + i, &zero, std::min(size, sizeof zero));
    return std::make_shared<const Bytes>(std::move(bytes));
  }

  /// All rows of a value's window.
  TensorId whole(TensorId id) {
    if (is_constant(id)) return constant(id);
    const Flow& flow = flows_.at(id);
    return flow.streams() ? newest(id, batch_.tensor(id).shape[flow.axis]) : flow.id;
  }

  // Operators.

  Result<void> add(const Op& op) {
    const bool any_stream = std::ranges::any_of(op.inputs, [&](TensorId id) { return streams(id); });
    if (!any_stream) return add_whole(op, "");
    if (const std::optional<Window> window = window_of(op)) return add_windowed(op, *window);
    if (const std::size_t axis = row_axis(op); axis != kNoAxis) {
      add_rows(op, axis);
      return {};
    }
    return add_whole(op, "reads its whole window at once");
  }

  [[nodiscard]] bool streams(TensorId id) const {
    return id != graph::kNoTensor && !is_constant(id) && flows_.at(id).streams();
  }

  /// As in the batch model, on whole windows.
  Result<void> add_whole(const Op& op, const std::string& why) {
    if (!why.empty() && whole_from_.empty())
      whole_from_ = std::string(graph::op_name(op.attributes)) + " '" + op.name + "' " + why;
    Op made = op;
    for (TensorId& id : made.inputs) {
      if (id != graph::kNoTensor) id = whole(id);
    }
    const TensorId y = op.outputs[0];
    flows_[y] = {out_.add_tensor(batch_.tensor(y)), kNoAxis, 0};
    made.outputs = {flows_[y].id};
    out_.add_op(std::move(made));
    return {};
  }

  /// How the operator's windows lie along the time axis of its streamed first input; nothing for others.
  [[nodiscard]] std::optional<Window> window_of(const Op& op) const {
    if (!streams(op.inputs[0])) return std::nullopt;
    const Flow& flow = flows_.at(op.inputs[0]);
    if (const auto* slice = op.as<graph::Slice>()) {
      if (slice->stride[flow.axis] != 1) return std::nullopt;
      const std::int32_t rows = batch_.tensor(op.inputs[0]).shape[flow.axis],
                         taken = batch_.tensor(op.outputs[0]).shape[flow.axis];
      return Window{1, 1, 0, rows - slice->begin[flow.axis] - taken};
    }
    if (batch_.tensor(op.inputs[0]).shape.rank() != 4 || (flow.axis != 1 && flow.axis != 2)) return std::nullopt;
    const bool height = flow.axis == 1;
    const auto weights = [&](const auto& a) {
      return extent_of(batch_.tensor(op.inputs[1]).shape[flow.axis], height ? a.dilation_h : a.dilation_w);
    };
    if (const auto* a = op.as<graph::Conv2D>()) return window_along(*a, height, weights(*a));
    if (const auto* a = op.as<graph::DepthwiseConv2D>()) return window_along(*a, height, weights(*a));
    if (const auto* a = op.as<graph::Pool2D>()) return window_along(*a, height, height ? a->kernel_h : a->kernel_w);
    return std::nullopt;
  }

  Result<void> add_windowed(const Op& op, const Window& w) {
    const TensorId x = op.inputs[0], y = op.outputs[0];
    const Flow flow = flows_.at(x);
    const std::int32_t rows = batch_.tensor(x).shape[flow.axis], given = batch_.tensor(y).shape[flow.axis];
    if (w.pads != 0) return add_whole(op, "pads the time axis, so that its rows change as the window moves");
    if (given == 1 || flow.hop >= given * w.stride) return add_whole(op, "reads its whole window at once");
    if (flow.hop % w.stride != 0) {
      return fail(Code::invalid_argument,
                  std::string(graph::op_name(op.attributes)) + " '" + op.name + "' moves by " +
                      std::to_string(w.stride) + " rows and would get " + std::to_string(flow.hop) +
                      " at a time; take a hop that is a multiple of all strides in front of it and its own");
    }
    const std::int32_t hop = flow.hop / w.stride;
    const std::int32_t unused = w.unused + (rows - w.unused - w.extent) % w.stride;
    Op made = op;
    made.inputs[0] = newest(x, (hop - 1) * w.stride + w.extent + unused);
    for (std::size_t i = 1; i < made.inputs.size(); ++i) {
      if (made.inputs[i] != graph::kNoTensor) made.inputs[i] = constant(made.inputs[i]);
    }
    if (auto* slice = std::get_if<graph::Slice>(&made.attributes)) slice->begin[flow.axis] = 0;
    flows_[y] = streamed_tensor(y, flow.axis, hop);
    made.outputs = {flows_[y].id};
    out_.add_op(std::move(made));
    return {};
  }

  /// The time axis of the output of an operator that works on one row at a time; kNoAxis for others.
  [[nodiscard]] std::size_t row_axis(const Op& op) const {
    const Shape& y = batch_.tensor(op.outputs[0]).shape;
    const auto first = std::ranges::find_if(op.inputs, [&](TensorId id) { return streams(id); });
    const Flow& flow = flows_.at(*first);
    const Shape& x = batch_.tensor(*first).shape;
    const auto axis = static_cast<std::int32_t>(flow.axis);
    if (const auto* a = op.as<graph::Transpose>())
      return static_cast<std::size_t>(std::ranges::find(a->permutation, axis) - a->permutation.begin());
    if (op.as<graph::Reshape>() != nullptr) {
      for (std::size_t d = 0; d < y.rank(); ++d) {
        if (y[d] == x[flow.axis] && elements_before(y, d) == elements_before(x, flow.axis)) return d;
      }
      return kNoAxis;
    }
    return y.rank() == x.rank() && y[flow.axis] == x[flow.axis] && works_on_rows(op, flow, x) ? flow.axis : kNoAxis;
  }

  [[nodiscard]] bool works_on_rows(const Op& op, const Flow& flow, const Shape& x) const {
    const auto axis = static_cast<std::int32_t>(flow.axis);
    if (op.as<graph::Add>() != nullptr || op.as<graph::Binary>() != nullptr || op.as<graph::Concat>() != nullptr) {
      const auto* concat = op.as<graph::Concat>();
      return (concat == nullptr || concat->axis != axis) &&
             std::ranges::all_of(op.inputs, [&](TensorId id) { return goes_along(id, flow, x, concat == nullptr); });
    }
    if (const auto* a = op.as<graph::Reduce>()) return std::ranges::find(a->axes, axis) == a->axes.end();
    if (const auto* a = op.as<graph::ArgReduce>()) return a->axis != axis;
    if (const auto* a = op.as<graph::Gather>()) return a->axis != axis;
    if (const auto* a = op.as<graph::Pad>())
      return a->before[flow.axis] == 0 && a->after[flow.axis] == 0 &&
             (a->between.empty() || a->between[flow.axis] == 0);
    if (op.as<graph::Softmax>() != nullptr || op.as<graph::LogSoftmax>() != nullptr) return flow.axis + 1 < x.rank();
    return op.as<graph::Unary>() != nullptr || op.as<graph::Activate>() != nullptr ||
           op.as<graph::Quantize>() != nullptr || op.as<graph::Dequantize>() != nullptr ||
           op.as<graph::Broadcast>() != nullptr;
  }

  /// Whether an operand moves on with `flow`, or is a constant that is the same for all rows.
  [[nodiscard]] bool goes_along(TensorId id, const Flow& flow, const Shape& x, bool constants) const {
    const Shape& other = batch_.tensor(id).shape;
    if (is_constant(id)) {
      const std::size_t from_end = x.rank() - 1 - flow.axis;
      return constants && (from_end >= other.rank() || other.back(from_end) == 1);
    }
    const Flow& its = flows_.at(id);
    return its.axis == flow.axis && its.hop == flow.hop && other.rank() == x.rank() && other[flow.axis] == x[flow.axis];
  }

  void add_rows(const Op& op, std::size_t axis) {
    std::int32_t hop = 0;
    Op made = op;
    for (TensorId& id : made.inputs) {
      if (id == graph::kNoTensor) continue;
      if (streams(id)) hop = flows_.at(id).hop;
      id = is_constant(id) ? constant(id) : flows_.at(id).id;
    }
    const TensorId y = op.outputs[0];
    flows_[y] = streamed_tensor(y, axis, hop);
    made.outputs = {flows_[y].id};
    out_.add_op(std::move(made));
  }

  const Graph& batch_;
  Graph out_;
  std::int32_t hop_;
  std::int32_t window_rows_ = 0;
  std::string whole_from_;
  std::map<TensorId, Flow> flows_;
  std::map<TensorId, TensorId> constants_;
  std::map<std::pair<TensorId, std::int32_t>, TensorId> windows_;
};

}  // namespace

Result<Streamed> stream(const Graph& graph, std::int32_t hop) {
  MOTE_TRY_VOID(graph::verify(graph));
  return Streamer(graph, hop).run();
}

}  // namespace mote::optimize
