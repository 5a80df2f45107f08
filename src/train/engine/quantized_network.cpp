#include "quantized_network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/add.hpp"
#include "kernels/pool.hpp"
#include "mote/graph/integer_params.hpp"

namespace mote::train {
namespace {

using graph::Op;
using graph::Quantization;
using graph::TensorId;

std::size_t index(TensorId id) { return static_cast<std::size_t>(id); }

bool is_weighted(const Op& op) {
  return op.as<graph::Conv2D>() != nullptr || op.as<graph::DepthwiseConv2D>() != nullptr ||
         op.as<graph::Dense>() != nullptr;
}
bool passes_on(const Op& op) { return op.as<graph::Pool2D>() != nullptr || op.as<graph::Reshape>() != nullptr; }

graph::Activation activation_of(const Op& op) {
  return std::visit(
      [](const auto& a) {
        if constexpr (requires { a.activation; }) return a.activation;
        return graph::Activation::none;
      },
      op.attributes);
}

Tensor apply_weights(const Op& op, const Tensor& x, const Tensor& weights) {
  if (const auto* conv = op.as<graph::Conv2D>()) return conv2d(x, weights, Tensor(), *conv);
  if (const auto* depthwise = op.as<graph::DepthwiseConv2D>())
    return depthwise_conv2d(x, weights, Tensor(), *depthwise);
  return dense(x, weights, Tensor());
}

constexpr double kExactInFloat = 16777216.0;  // 2^24: sums below are exact in any order

/// Largest sum over an output channel's weights of |w|.
double largest_channel_sum(const Tensor& weights, bool outer) {
  const torch::NoGradGuard no_gradients;
  const std::int64_t channels = outer ? weights.size(0) : weights.size(-1);
  const Tensor rows = weights.abs().to(torch::kDouble);
  return (outer ? rows.reshape({channels, -1}).sum(1) : rows.reshape({-1, channels}).sum(0)).max().item<double>();
}

/// Sums of integer products, exact: in float where 24 bits hold them, else in double over slices of the weights that
/// each fit float.
Tensor accumulate(const Op& op, const Tensor& x, const Tensor& weights, const Quantization& input) {
  const bool outer = op.as<graph::DepthwiseConv2D>() == nullptr;
  const double largest_input = std::max(127 - input.zero_point(), input.zero_point() + 128);
  const auto parts = static_cast<std::int64_t>(largest_channel_sum(weights, outer) * largest_input / kExactInFloat) + 1;
  if (parts == 1) return apply_weights(op, x, weights);
  // Slices of equal length need not have equal sums: cut finely enough that even the largest weights fit.
  const std::int64_t taps = outer ? weights.numel() / weights.size(0) : weights.numel() / weights.size(-1);
  const auto fitting = static_cast<std::int64_t>(kExactInFloat / (127.0 * largest_input));
  Tensor sum;
  for (std::int64_t first = 0; first < taps; first += fitting) {
    Tensor mask = torch::zeros({taps});
    mask.slice(0, first, std::min(taps, first + fitting)).fill_(1.0f);
    const Tensor shaped = outer ? mask.view({1, -1}).expand({weights.size(0), taps}).reshape(weights.sizes())
                                : mask.view({-1, 1}).expand({taps, weights.size(-1)}).reshape(weights.sizes());
    const Tensor part = apply_weights(op, x, weights * shaped).to(torch::kDouble);
    sum = sum.defined() ? sum + part : part;
  }
  return sum;
}

}  // namespace

Result<QuantizedNetwork> QuantizedNetwork::create(const graph::Graph& graph, const graph::Ranges& ranges,
                                                  double range_learning) {
  MOTE_TRY(Network network, Network::create(graph, false));
  QuantizedNetwork quantized(std::move(network));
  quantized.range_learning_ = range_learning;
  MOTE_TRY_VOID(quantized.take_ranges(ranges));
  return quantized;
}

Result<void> QuantizedNetwork::take_ranges(const graph::Ranges& ranges) {
  const graph::Graph& g = graph();
  range_of_.assign(g.tensors().size(), -1);
  const auto take = [&](TensorId id) -> Result<void> {
    const std::string& name = g.tensor(id).name;
    const auto range = ranges.find(name);
    if (range == ranges.end() || !std::isfinite(range->second.low) || !std::isfinite(range->second.high)) {
      return fail(Code::invalid_argument,
                  fmt::format("value '{}' has no finite range: calibrate this very model first", name));
    }
    range_of_[index(id)] = static_cast<std::int32_t>(ranges_.size());
    ranges_.push_back({id, initial_ranges_.size(), 2, false});
    initial_ranges_.push_back(std::min(0.0f, range->second.low));
    initial_ranges_.push_back(std::max(0.0f, range->second.high));
    return {};
  };
  MOTE_TRY_VOID(take(g.inputs().front()));
  logits_ = g.outputs().front();
  for (const Op& op : g.ops()) {
    const TensorId out = op.outputs.front();
    if (op.as<graph::Softmax>() != nullptr && out == g.outputs().front()) {
      logits_ = op.inputs.front();
    } else if (is_weighted(op) || op.as<graph::Add>() != nullptr || op.as<graph::Activate>() != nullptr) {
      MOTE_TRY_VOID(take(out));
    } else if (!passes_on(op)) {
      return fail(Code::unsupported,
                  fmt::format("operator '{}' ({}) has no integer form in training: simplify the model first", op.name,
                              graph::op_name(op.attributes)));
    }
    for (const TensorId id : op.inputs) {
      if (is_weighted(op) || id == graph::kNoTensor || !g.tensor(id).is_constant()) continue;
      return fail(Code::unsupported,
                  fmt::format("operator '{}' reads the constant '{}': it has no integer form in training", op.name,
                              g.tensor(id).name));
    }
  }
  return {};
}

Bound QuantizedNetwork::bind(std::span<float> parameters, std::span<float> statistics, float* gradients) const {
  Bound bound = network_.bind(parameters, {}, gradients);
  bound.raw_statistics = statistics;
  return bound;
}

graph::Graph QuantizedNetwork::annotated(std::span<const float> statistics) const {
  graph::Graph g = graph();
  const auto set = [&](TensorId id) {
    const float* range = statistics.data() + ranges_[static_cast<std::size_t>(range_of_[index(id)])].offset;
    g.tensor(id).quantization = graph::activation_quantization({range[0], range[1]});
  };
  set(g.inputs().front());
  for (const Op& op : g.ops()) {
    const TensorId out = op.outputs.front();
    if (range_of_[index(out)] >= 0) set(out);
    if (passes_on(op)) g.tensor(out).quantization = g.tensor(op.inputs.front()).quantization;
  }
  return g;
}

Tensor QuantizedNetwork::forward(const Tensor& x, const Bound& bound, const Pass& pass) const {
  Run r{annotated(bound.raw_statistics), bound, {}, pass.training ? pass.shard_statistics : nullptr};
  r.values.resize(r.graph.tensors().size());
  const graph::Tensor& input = r.graph.input();
  std::vector<std::int64_t> sizes{x.size(0)};
  for (std::size_t i = 1; i < input.shape.rank(); ++i) sizes.push_back(input.shape[i]);
  const TensorId input_id = r.graph.inputs().front();
  r.values[index(input_id)] = quantize_values(x, input.quantization).view(sizes);
  if (graph::Range* range = observed_range(input_id, r)) {
    *range = {x.min().item<float>(), x.max().item<float>()};
  }
  for (const Op& op : r.graph.ops()) {
    if (op.outputs.front() == graph().outputs().front() && op.as<graph::Softmax>() != nullptr) break;
    r.values[index(op.outputs.front())] = run(op, r);
  }
  const Tensor logits =
      r.values[index(logits_)].reshape({x.size(0), -1}) * r.graph.tensor(logits_).quantization.scale();
  if (pass.values != nullptr) *pass.values = std::move(r.values);
  if (pass.logits || logits_ == graph().outputs().front()) return logits;
  return torch::softmax(logits, -1);
}

Tensor QuantizedNetwork::run(const Op& op, Run& r) const {
  if (is_weighted(op)) return weighted(op, r);
  if (op.as<graph::Pool2D>() != nullptr) return pooled(op, r);
  if (op.as<graph::Add>() != nullptr) return added(op, r);
  if (op.as<graph::Activate>() != nullptr) return activated(op, r);
  MOTE_CHECK(op.as<graph::Reshape>() != nullptr);
  std::vector<std::int64_t> sizes{r.values[index(op.inputs[0])].size(0)};
  const graph::Shape& shape = r.graph.tensor(op.outputs[0]).shape;
  for (std::size_t i = 1; i < shape.rank(); ++i) sizes.push_back(shape[i]);
  return r.values[index(op.inputs[0])].reshape(sizes);
}

/// The range a shard observes for a value starts at nothing in each pass.
graph::Range* QuantizedNetwork::observed_range(TensorId id, Run& r) const {
  if (r.observed == nullptr || range_of_[index(id)] < 0) return nullptr;
  static_assert(sizeof(graph::Range) == 2 * sizeof(float));
  float* range = r.observed + ranges_[static_cast<std::size_t>(range_of_[index(id)])].offset;
  range[0] = range[1] = 0.0f;
  return reinterpret_cast<graph::Range*>(range);
}

Tensor QuantizedNetwork::weighted(const Op& op, Run& r) const {
  const bool outer = op.as<graph::DepthwiseConv2D>() == nullptr;
  const Tensor& weights = r.bound.parameters[network_.parameter_index(op.inputs[1])];
  const Tensor bias = op.inputs.size() > 2 && op.inputs[2] != graph::kNoTensor
                          ? r.bound.parameters[network_.parameter_index(op.inputs[2])]
                          : Tensor();
  graph::Tensor current = r.graph.tensor(op.inputs[1]);
  current.data = graph::constant_data(
      std::span<const float>(weights.data_ptr<float>(), static_cast<std::size_t>(weights.numel())));
  const Quantization& input = r.graph.tensor(op.inputs[0]).quantization;
  Requantization how;
  how.output = r.graph.tensor(op.outputs[0]).quantization;
  const Quantization scales =
      graph::weight_quantization(current, outer ? 0 : 3, graph::largest_weight_scale(input, how.output));
  for (const float s : scales.scales) how.accumulator_scales.push_back(input.scale() * s);
  how.params = graph::requant_params(input, scales, how.output, scales.scales.size());
  how.limits = graph::clamp_limits(activation_of(op), how.output);
  const Tensor sums =
      accumulate(op, r.values[index(op.inputs[0])], quantize_weights(weights, scales.scales, outer), input);
  return requantize(sums, bias, how, limits_of(activation_of(op)), observed_range(op.outputs[0], r));
}

Tensor QuantizedNetwork::pooled(const Op& op, Run& r) const {
  const auto& pool = *op.as<graph::Pool2D>();
  const Tensor& x = r.values[index(op.inputs[0])];
  const Quantization& q = r.graph.tensor(op.inputs[0]).quantization;
  const auto geometry = graph::pool_geometry(r.graph, op);
  const auto low = static_cast<float>(geometry.clamp_low - q.zero_point());
  const auto high = static_cast<float>(geometry.clamp_high - q.zero_point());
  const Tensor smooth = clamp(pool2d(x, pool), {low, high});
  const std::vector<std::int8_t> in = to_int8(x.detach(), q.zero_point());
  std::vector<std::int8_t> out(static_cast<std::size_t>(smooth.numel()));
  const std::size_t in_count = in.size() / static_cast<std::size_t>(x.size(0));
  const std::size_t out_count = out.size() / static_cast<std::size_t>(x.size(0));
  for (std::size_t n = 0; n < static_cast<std::size_t>(x.size(0)); ++n) {
    if (pool.kind == graph::PoolKind::average) {
      device::average_pool2d(geometry, in.data() + n * in_count, out.data() + n * out_count);
    } else {
      device::max_pool2d(geometry, in.data() + n * in_count, out.data() + n * out_count);
    }
  }
  return straight_through(smooth, from_int8(out, q.zero_point(), smooth.sizes()));
}

Tensor QuantizedNetwork::added(const Op& op, Run& r) const {
  const Quantization& qa = r.graph.tensor(op.inputs[0]).quantization;
  const Quantization& qb = r.graph.tensor(op.inputs[1]).quantization;
  const Quantization& qy = r.graph.tensor(op.outputs[0]).quantization;
  const Tensor& a = r.values[index(op.inputs[0])];
  const Tensor& b = r.values[index(op.inputs[1])];
  auto geometry = graph::add_geometry(r.graph, op);
  geometry.count = static_cast<std::int32_t>(a.numel());
  const Tensor real = clamp(a * qa.scale() + b * qb.scale(), limits_of(activation_of(op)));
  if (graph::Range* range = observed_range(op.outputs[0], r)) {
    *range = {std::min(0.0f, real.min().item<float>()), std::max(0.0f, real.max().item<float>())};
  }
  const auto low = static_cast<float>(geometry.clamp_low - qy.zero_point());
  const auto high = static_cast<float>(geometry.clamp_high - qy.zero_point());
  const Tensor smooth = clamp(real / qy.scale(), {low, high});
  const std::vector<std::int8_t> left = to_int8(a.detach(), qa.zero_point());
  std::vector<std::int8_t> sum = to_int8(b.detach(), qb.zero_point());
  device::add(geometry, left.data(), sum.data(), sum.data());
  return straight_through(smooth, from_int8(sum, qy.zero_point(), smooth.sizes()));
}

Tensor QuantizedNetwork::activated(const Op& op, Run& r) const {
  const Quantization& qx = r.graph.tensor(op.inputs[0]).quantization;
  const Quantization& qy = r.graph.tensor(op.outputs[0]).quantization;
  const Tensor& x = r.values[index(op.inputs[0])];
  auto geometry = graph::requantize_geometry(r.graph, op);
  geometry.count = static_cast<std::int32_t>(x.numel());
  const Tensor real = clamp(x * qx.scale(), limits_of(activation_of(op)));
  if (graph::Range* range = observed_range(op.outputs[0], r)) {
    *range = {std::min(0.0f, real.min().item<float>()), std::max(0.0f, real.max().item<float>())};
  }
  const auto low = static_cast<float>(geometry.clamp_low - qy.zero_point());
  const auto high = static_cast<float>(geometry.clamp_high - qy.zero_point());
  std::vector<std::int8_t> integers = to_int8(x.detach(), qx.zero_point());
  device::requantize_tensor(geometry, integers.data(), integers.data());
  const Tensor smooth = clamp(real / qy.scale(), {low, high});
  return straight_through(smooth, from_int8(integers, qy.zero_point(), smooth.sizes()));
}

void QuantizedNetwork::merge_statistics(std::vector<float>& running, std::span<const std::vector<float>> shards,
                                        std::span<const std::size_t>, double momentum, double progress) const {
  if (progress >= range_learning_) return;
  for (std::size_t i = 0; i < running.size(); ++i) {
    float extreme = 0.0f;
    for (const std::vector<float>& shard : shards)
      extreme = i % 2 == 0 ? std::min(extreme, shard[i]) : std::max(extreme, shard[i]);
    running[i] += static_cast<float>(momentum) * (extreme - running[i]);
  }
}

graph::Ranges QuantizedNetwork::ranges_of(std::span<const float> statistics) const {
  graph::Ranges ranges;
  for (const Slot& slot : ranges_)
    ranges[graph().tensor(slot.tensor).name] = {statistics[slot.offset], statistics[slot.offset + 1]};
  // Values that share another's quantization are listed with its range, so that every value of the graph has one.
  for (const Op& op : graph().ops()) {
    const auto source = ranges.find(graph().tensor(op.inputs.front()).name);
    if (passes_on(op) && source != ranges.end()) ranges[graph().tensor(op.outputs.front()).name] = source->second;
  }
  return ranges;
}

}  // namespace mote::train
