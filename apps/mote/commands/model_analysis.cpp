#include "model_analysis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "mote/compile/lowering.hpp"
#include "mote/graph/quantization.hpp"

namespace mote::app {
namespace {

using graph::DType;
using graph::Graph;
using graph::Op;
using graph::Tensor;

bool has_weights(const Op& op) {
  return op.as<graph::Conv2D>() != nullptr || op.as<graph::DepthwiseConv2D>() != nullptr ||
         op.as<graph::Dense>() != nullptr;
}

std::string activation_of(const Op& op) {
  std::string found;
  const auto visit = [&]<class T>(std::string_view, const T& value) {
    if constexpr (std::is_same_v<T, graph::Activation>) found = graph::name(value);
  };
  std::visit([&](const auto& attributes) { std::remove_cvref_t<decltype(attributes)>::fields(attributes, visit); },
             op.attributes);
  return found;
}

/// The weights of one output channel after the other, whatever the operator's layout.
class Filters {
 public:
  Filters(const Graph& graph, const Op& op)
      : weights_(graph.tensor(op.inputs[1])), innermost_(op.as<graph::DepthwiseConv2D>() != nullptr) {
    count_ = static_cast<std::size_t>(innermost_ ? weights_.shape.back() : weights_.shape[0]);
    size_ = count_ == 0 ? 0 : weights_.shape.elements() / count_;
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Element `i` of filter `c`: an index into the weights.
  [[nodiscard]] std::size_t index(std::size_t c, std::size_t i) const {
    return innermost_ ? i * count_ + c : c * size_ + i;
  }

  [[nodiscard]] bool all_zero(std::size_t c) const {
    const auto zero = [&](auto values) {
      for (std::size_t i = 0; i < size_; ++i) {
        if (values[index(c, i)] != 0) return false;
      }
      return true;
    };
    if (weights_.dtype == DType::i8) return zero(weights_.values<std::int8_t>());
    return weights_.dtype == DType::f32 && zero(weights_.values<float>());
  }

 private:
  const Tensor& weights_;
  bool innermost_;
  std::size_t count_ = 0;
  std::size_t size_ = 0;
};

/// Bounds of a filter's accumulator over every input that the input tensor's type can hold.
struct AccumulatorBounds {
  std::int64_t low = 0;
  std::int64_t high = 0;
};

AccumulatorBounds accumulator_bounds(const Graph& graph, const Op& op, const Filters& filters, std::size_t c) {
  const std::int64_t zero_point = graph.tensor(op.inputs[0]).quantization.zero_point();
  const std::int64_t least = -128 - zero_point, most = 127 - zero_point;
  const auto weights = graph.tensor(op.inputs[1]).values<std::int8_t>();
  AccumulatorBounds bounds;
  if (op.inputs.size() > 2 && op.inputs[2] != graph::kNoTensor)
    bounds.low = bounds.high = graph.tensor(op.inputs[2]).values<std::int32_t>()[c];
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const std::int64_t w = weights[filters.index(c, i)];
    bounds.low += std::min(w * least, w * most);
    bounds.high += std::max(w * least, w * most);
  }
  return bounds;
}

/// Whether the largest accumulator still lands on the clamp's lower end.
bool is_dead(const Graph& graph, const Op& op, const AccumulatorBounds& bounds, std::size_t c,
             graph::Activation activation) {
  const graph::Quantization& in = graph.tensor(op.inputs[0]).quantization;
  const graph::Quantization& weights = graph.tensor(op.inputs[1]).quantization;
  const graph::Quantization& out = graph.tensor(op.outputs[0]).quantization;
  if (!in.present() || !weights.present() || !out.present()) return false;
  const double scale = static_cast<double>(in.scale()) *
                       static_cast<double>(weights.scales[weights.per_channel() ? c : 0]) /
                       static_cast<double>(out.scale());
  const double highest = static_cast<double>(bounds.high) * scale + out.zero_point();
  // Half a step of margin: rounding goes to the nearest.
  return highest < graph::clamp_limits(activation, out).low + 0.5;
}

graph::Activation activation_value(const Op& op) {
  if (const auto* conv = op.as<graph::Conv2D>()) return conv->activation;
  if (const auto* depthwise = op.as<graph::DepthwiseConv2D>()) return depthwise->activation;
  if (const auto* dense = op.as<graph::Dense>()) return dense->activation;
  return graph::Activation::none;
}

bool on_int8(const Graph& graph, const Op& op) {
  return std::all_of(
             op.inputs.begin(), op.inputs.end(),
             [&](graph::TensorId id) { return id == graph::kNoTensor || graph.tensor(id).dtype != DType::f32; }) &&
         std::all_of(op.outputs.begin(), op.outputs.end(),
                     [&](graph::TensorId id) { return graph.tensor(id).dtype != DType::f32; });
}

std::string place(std::size_t index, const Op& op) {
  return fmt::format("op {} {}", index, graph::op_name(op.attributes));
}

/// Operators that share an oddity become one line: there may be dozens.
struct SharedOddities {
  std::vector<std::size_t> one_scale, odd_channels, portable;

  void append_to(std::vector<std::string>& warnings) const {
    const auto line = [&](const std::vector<std::size_t>& ops, const char* text) {
      if (!ops.empty())
        warnings.push_back(fmt::format("{} {}: {}", ops.size() == 1 ? "op" : "ops", fmt::join(ops, ", "), text));
    };
    line(one_scale, "one scale for all weights; a scale a channel is usually more exact");
    line(odd_channels, "channels are no multiple of 4; the kernels work on groups of 4 and pad the last");
    line(portable, "only the portable kernel is exact here; it is slower than the DSP one");
  }
};

void look_at_filters(const Graph& graph, std::size_t index, OpFigures& figures, std::vector<std::string>& warnings) {
  const Op& op = graph.ops()[index];
  const Filters filters(graph, op);
  const bool integer = graph.tensor(op.inputs[1]).dtype == DType::i8 && graph.tensor(op.inputs[0]).dtype == DType::i8;
  std::int64_t largest = 0;
  figures.filters = filters.count();
  for (std::size_t c = 0; c < filters.count(); ++c) {
    const bool is_zero = filters.all_zero(c);
    if (is_zero) ++figures.zero_filters;
    if (!integer) continue;
    const AccumulatorBounds bounds = accumulator_bounds(graph, op, filters, c);
    largest = std::max({largest, bounds.high, -bounds.low});
    if (!is_zero && is_dead(graph, op, bounds, c, activation_value(op))) ++figures.dead_filters;
  }
  if (figures.filters > 0)
    figures.live_macs = figures.macs / figures.filters * (figures.filters - figures.zero_filters);
  const std::string where = place(index, op);
  if (figures.zero_filters > 0)
    warnings.push_back(
        fmt::format("{}: {} of {} filters have only zero weights", where, figures.zero_filters, figures.filters));
  if (figures.dead_filters > 0) {
    warnings.push_back(
        fmt::format("{}: {} of {} filters never exceed their clamp, so they give one value for every input", where,
                    figures.dead_filters, figures.filters));
  }
  if (largest > std::numeric_limits<std::int32_t>::max()) {
    warnings.push_back(fmt::format("{}: weights and bias can add up to {}, beyond int32", where, largest));
  }
}

void look_at_layout(const Graph& graph, std::size_t index, SharedOddities& oddities) {
  const Op& op = graph.ops()[index];
  const Tensor& weights = graph.tensor(op.inputs[1]);
  const std::int32_t outputs = graph.tensor(op.outputs[0]).shape.back();
  const bool is_last =
      op.as<graph::Dense>() != nullptr || std::ranges::find(graph.outputs(), op.outputs[0]) != graph.outputs().end();
  if (weights.dtype == DType::i8 && !weights.quantization.per_channel() && outputs > 1)
    oddities.one_scale.push_back(index);
  if (outputs % 4 != 0 && !is_last) oddities.odd_channels.push_back(index);
}

void look_at_kernel(const Graph& graph, std::size_t index, OpFigures& figures, SharedOddities& oddities) {
  const auto lowered = compile::lower(graph, index, {});
  if (!lowered) {
    figures.refusal = lowered.error().message();
    return;
  }
  figures.kernel = lowered->is_view ? "none needed" : lowered->kernel;
  if (has_weights(graph.ops()[index]) && figures.kernel.find("portable") != std::string::npos)
    oddities.portable.push_back(index);
}

/// The operators during which a tensor holds what is needed: from the one that gives it to the last that reads it.
struct Lifetime {
  std::size_t first = 0, end = 0;  ///< [first, end); empty where nothing needs it

  void read_at(std::size_t op) { end = std::max(end, op + 1); }
};

/// In one walk over the operators: a hostile file has thousands of them.
std::vector<Lifetime> lifetimes_of(const Graph& graph) {
  const std::size_t count = graph.ops().size();
  std::vector<Lifetime> lifetimes(graph.tensors().size(), {count, 0});
  const auto of = [&](graph::TensorId id) -> Lifetime& { return lifetimes[static_cast<std::size_t>(id)]; };
  for (const graph::TensorId id : graph.inputs()) of(id).first = 0;
  for (std::size_t op = 0; op < count; ++op) {
    for (const graph::TensorId id : graph.ops()[op].inputs) {
      if (id != graph::kNoTensor) of(id).read_at(op);
    }
    for (const graph::TensorId id : graph.ops()[op].outputs) {
      of(id).first = op;
      of(id).read_at(op);
    }
  }
  for (const graph::TensorId id : graph.outputs()) of(id).end = count;
  return lifetimes;
}

PeakLive peak_live(const Graph& graph) {
  const std::vector<Lifetime> lifetimes = lifetimes_of(graph);
  const auto holds = [&](std::size_t t) {
    return !graph.tensor(static_cast<graph::TensorId>(t)).is_constant() && lifetimes[t].first < lifetimes[t].end;
  };
  const std::size_t count = graph.ops().size();
  std::vector<std::size_t> born(count), gone(count + 1);
  for (std::size_t t = 0; t < lifetimes.size(); ++t) {
    if (!holds(t)) continue;
    const std::size_t bytes = graph.tensor(static_cast<graph::TensorId>(t)).size_bytes();
    born[lifetimes[t].first] += bytes;
    gone[lifetimes[t].end] += bytes;
  }
  PeakLive peak;
  std::size_t now = 0;
  for (std::size_t op = 0; op < count; ++op) {
    now = now + born[op] - gone[op];
    if (now > peak.bytes) peak = {now, op, {}};
  }
  for (std::size_t t = 0; t < lifetimes.size(); ++t) {
    if (holds(t) && lifetimes[t].first <= peak.op && peak.op < lifetimes[t].end)
      peak.tensors.push_back(static_cast<graph::TensorId>(t));
  }
  return peak;
}

}  // namespace

ModelFigures analyse(const Graph& graph) {
  ModelFigures figures;
  figures.is_int8 =
      std::all_of(graph.ops().begin(), graph.ops().end(), [&](const Op& op) { return on_int8(graph, op); });
  const bool has_trees = std::any_of(graph.ops().begin(), graph.ops().end(),
                                     [](const Op& op) { return op.as<graph::TreeEnsemble>() != nullptr; });
  if (!figures.is_int8 && !has_trees)
    figures.warnings.emplace_back("has float32 operators: as int8 (mote convert --int8) it is smaller and faster");
  SharedOddities oddities;
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    const Op& op = graph.ops()[i];
    OpFigures op_figures;
    op_figures.activation = activation_of(op);
    op_figures.macs = op_figures.live_macs = graph::macs(graph, op);
    for (const graph::TensorId id : op.inputs) {
      if (id != graph::kNoTensor && graph.tensor(id).is_constant())
        op_figures.parameters += graph.tensor(id).shape.elements();
    }
    if (has_weights(op)) {
      look_at_filters(graph, i, op_figures, figures.warnings);
      look_at_layout(graph, i, oddities);
    }
    if (figures.is_int8) look_at_kernel(graph, i, op_figures, oddities);
    figures.macs += op_figures.macs;
    figures.live_macs += op_figures.live_macs;
    figures.ops.push_back(std::move(op_figures));
  }
  oddities.append_to(figures.warnings);
  figures.parameters = graph::parameter_count(graph);
  figures.weight_bytes = graph::weight_bytes(graph);
  figures.peak = peak_live(graph);
  return figures;
}

}  // namespace mote::app
