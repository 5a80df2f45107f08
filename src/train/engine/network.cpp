#include "network.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "mote/base/rng.hpp"
#include "update.hpp"

namespace mote::train {
namespace {

using graph::kNoTensor;
using graph::Op;
using graph::TensorId;

template <class... T>
bool is_any(const Op& op) {
  return (... || (op.as<T>() != nullptr));
}

/// The clamp that an operator applies to its own result.
Limits own_limits(const Op& op) {
  if (const auto* conv = op.as<graph::Conv2D>()) return limits_of(conv->activation);
  if (const auto* depthwise = op.as<graph::DepthwiseConv2D>()) return limits_of(depthwise->activation);
  if (const auto* dense = op.as<graph::Dense>()) return limits_of(dense->activation);
  if (const auto* pool = op.as<graph::Pool2D>()) return limits_of(pool->activation);
  if (const auto* add = op.as<graph::Add>()) return limits_of(add->activation);
  if (const auto* activate = op.as<graph::Activate>()) return limits_of(activate->activation);
  return {};
}

Result<void> check_trainable(const graph::Graph& g) {
  if (g.inputs().size() != 1 || g.outputs().size() != 1) {
    return fail(Code::unsupported, fmt::format("model '{}' has {} inputs and {} outputs: training needs one of each",
                                               g.name(), g.inputs().size(), g.outputs().size()));
  }
  for (const graph::Tensor& t : g.tensors()) {
    if (t.dtype == graph::DType::f32) continue;
    return fail(Code::unsupported,
                fmt::format("tensor '{}' has type {}: training needs a float model", t.name, graph::name(t.dtype)));
  }
  for (const Op& op : g.ops()) {
    const bool has_form = is_any<graph::Conv2D, graph::DepthwiseConv2D, graph::Dense, graph::BatchNorm, graph::Pool2D,
                                 graph::Activate, graph::Softmax, graph::Reshape, graph::Dropout>(op) ||
                          (is_any<graph::Add>(op) && g.tensor(op.inputs[0]).shape == g.tensor(op.inputs[1]).shape);
    if (has_form) continue;
    return fail(Code::unsupported, fmt::format("operator '{}' ({}) cannot be trained: give the float model", op.name,
                                               graph::op_name(op.attributes)));
  }
  return {};
}

/// [n, shape without its leading 1].
std::vector<std::int64_t> batched(std::int64_t n, const graph::Shape& shape) {
  std::vector<std::int64_t> dims{n};
  for (std::size_t i = 1; i < shape.rank(); ++i) dims.push_back(shape[i]);
  return dims;
}

Tensor dropout(const Tensor& x, float rate, std::uint64_t seed) {
  Tensor mask = torch::empty_like(x, x.options().requires_grad(false));
  Rng rng(seed);
  const float keep = 1.0f / (1.0f - rate);
  float* p = mask.data_ptr<float>();
  for (std::int64_t i = 0; i < mask.numel(); ++i) p[i] = rng.chance(static_cast<double>(rate)) ? 0.0f : keep;
  return x * mask;
}

}  // namespace

Result<Network> Network::create(const graph::Graph& source, bool fuse) {
  MOTE_TRY_VOID(graph::verify(source));
  MOTE_TRY_VOID(check_trainable(source));
  Network network(source);
  MOTE_TRY_VOID(network.register_constants());
  network.plan(fuse);
  return network;
}

Result<void> Network::register_constant(TensorId id, bool is_statistic, bool decays) {
  if (id == kNoTensor) return {};
  const graph::Tensor& tensor = graph_.tensor(id);
  if (!tensor.is_constant()) {
    return fail(
        Code::unsupported,
        fmt::format("tensor '{}' is computed but used as weights: training needs constant weights", tensor.name));
  }
  auto& index = (is_statistic ? statistic_of_ : parameter_of_)[static_cast<std::size_t>(id)];
  if (index >= 0) return {};
  auto& slots = is_statistic ? statistics_ : parameters_;
  const std::size_t offset = slots.empty() ? 0 : slots.back().offset + slots.back().count;
  index = static_cast<std::int32_t>(slots.size());
  slots.push_back({id, offset, tensor.shape.elements(), decays});
  return {};
}

Result<void> Network::register_constants() {
  parameter_of_.assign(graph_.tensors().size(), -1);
  statistic_of_.assign(graph_.tensors().size(), -1);
  constants_.resize(graph_.tensors().size());
  for (const Op& op : graph_.ops()) {
    if (is_any<graph::Conv2D, graph::DepthwiseConv2D, graph::Dense>(op)) {
      MOTE_TRY_VOID(register_constant(op.inputs[1], false, op.as<graph::DepthwiseConv2D>() == nullptr));
      if (op.inputs.size() > 2) MOTE_TRY_VOID(register_constant(op.inputs[2], false, false));
    } else if (op.as<graph::BatchNorm>()) {
      for (std::size_t i = 1; i < 5; ++i) MOTE_TRY_VOID(register_constant(op.inputs[i], i >= 3, false));
    } else {
      for (const TensorId id : op.inputs) {
        const graph::Tensor& tensor = graph_.tensor(id);
        if (!tensor.is_constant()) continue;
        Tensor copy = torch::empty(batched(1, tensor.shape));
        std::ranges::copy(tensor.values<float>(), copy.data_ptr<float>());
        constants_[static_cast<std::size_t>(id)] = copy;
      }
    }
  }
  return {};
}

// Batch norms whose result is read once, by an addition or an activation, wait for that reader and run inside its step.
void Network::plan(bool fuse) {
  std::map<TensorId, Step> waiting;
  const auto is_private = [&](TensorId id) {
    const auto readers = graph_.consumers(id);
    if (readers.size() != 1 || id == graph_.outputs().front()) return false;
    return std::ranges::count(graph_.ops()[static_cast<std::size_t>(readers.front())].inputs, id) == 1;
  };
  const auto reader_is = [&]<class T>(TensorId id, T*) {
    return graph_.ops()[static_cast<std::size_t>(graph_.consumers(id).front())].template as<T>() != nullptr;
  };
  const auto defer_or_emit = [&](const Step& step, bool may_wait) {
    if (fuse && may_wait && is_private(step.output)) {
      waiting.emplace(step.output, step);
    } else {
      steps_.push_back(step);
    }
  };
  const auto take = [&](TensorId id) {
    const Step step = waiting.at(id);
    waiting.erase(id);
    return step;
  };
  for (std::size_t i = 0; i < graph_.ops().size(); ++i) {
    const Op& op = graph_.ops()[i];
    const TensorId out = op.outputs.front();
    if (op.as<graph::BatchNorm>()) {
      const bool addable = is_private(out) && (reader_is(out, static_cast<graph::Add*>(nullptr)) ||
                                               reader_is(out, static_cast<graph::Activate*>(nullptr)));
      defer_or_emit({i, kNoTensor, out, {}}, addable);
      continue;
    }
    if (op.as<graph::Add>() && (waiting.contains(op.inputs[0]) || waiting.contains(op.inputs[1]))) {
      const std::size_t fused = waiting.contains(op.inputs[0]) ? 0 : 1;
      const TensorId other = op.inputs[1 - fused];
      Step step = take(op.inputs[fused]);
      if (waiting.contains(other)) steps_.push_back(take(other));
      step.residual = other;
      step.output = out;
      step.limits = own_limits(op);
      const bool clampable =
          !step.limits.clamps() && is_private(out) && reader_is(out, static_cast<graph::Activate*>(nullptr));
      defer_or_emit(step, clampable);
      continue;
    }
    if (op.as<graph::Activate>() && waiting.contains(op.inputs[0])) {
      Step step = take(op.inputs[0]);
      step.output = out;
      step.limits = own_limits(op);
      steps_.push_back(step);
      continue;
    }
    steps_.push_back({i, kNoTensor, out, own_limits(op)});
  }
}

std::vector<float> Network::values_of(const std::vector<Slot>& slots) const {
  std::vector<float> all;
  for (const Slot& slot : slots) {
    const auto values = graph_.tensor(slot.tensor).values<float>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

Bound Network::bind(std::span<float> parameters, std::span<float> statistics, float* gradients) const {
  const auto view = [&](float* base, const Slot& slot) {
    std::vector<std::int64_t> dims;
    for (const std::int32_t d : graph_.tensor(slot.tensor).shape.dims()) dims.push_back(d);
    return torch::from_blob(base + slot.offset, dims);
  };
  Bound bound;
  bound.raw_statistics = statistics;
  for (const Slot& slot : parameters_) {
    Tensor leaf = view(parameters.data(), slot);
    if (gradients != nullptr) {
      leaf.set_requires_grad(true);
      leaf.mutable_grad() = view(gradients, slot);
    }
    bound.parameters.push_back(leaf);
  }
  for (const Slot& slot : statistics_) bound.statistics.push_back(view(statistics.data(), slot));
  return bound;
}

Tensor Network::normalize(const Step& step, const std::vector<Tensor>& values, const Bound& bound,
                          const Pass& pass) const {
  const Op& op = graph_.ops()[step.op];
  const auto parameter = [&](std::size_t i) {
    return bound.parameters[static_cast<std::size_t>(parameter_of_[static_cast<std::size_t>(op.inputs[i])])];
  };
  const auto statistic = [&](std::size_t i) {
    return static_cast<std::size_t>(statistic_of_[static_cast<std::size_t>(op.inputs[i])]);
  };
  Normalization norm;
  norm.gamma = parameter(1);
  norm.beta = parameter(2);
  norm.mean = bound.statistics[statistic(3)];
  norm.variance = bound.statistics[statistic(4)];
  norm.epsilon = op.as<graph::BatchNorm>()->epsilon;
  norm.limits = step.limits;
  const Tensor& x = values[static_cast<std::size_t>(op.inputs[0])];
  Tensor residual = step.residual == kNoTensor ? Tensor() : values[static_cast<std::size_t>(step.residual)];
  if (residual.defined()) residual = residual.expand_as(x).contiguous();
  // Mean and variance of one batch norm are neighbours in the flat array, as registered.
  float* moments = pass.training ? pass.shard_statistics + statistics_[statistic(3)].offset : nullptr;
  return batch_norm(x.contiguous(), residual, norm, moments);
}

Tensor Network::run(const Step& step, const std::vector<Tensor>& values, const Bound& bound, const Pass& pass) const {
  const Op& op = graph_.ops()[step.op];
  const Tensor& x = values[static_cast<std::size_t>(op.inputs[0])];
  const auto weights = [&](std::size_t i) {
    if (op.inputs.size() <= i || op.inputs[i] == kNoTensor) return Tensor();
    return bound.parameters[static_cast<std::size_t>(parameter_of_[static_cast<std::size_t>(op.inputs[i])])];
  };
  if (const auto* conv = op.as<graph::Conv2D>()) return clamp(conv2d(x, weights(1), weights(2), *conv), step.limits);
  if (const auto* depthwise = op.as<graph::DepthwiseConv2D>()) {
    return clamp(depthwise_conv2d(x, weights(1), weights(2), *depthwise), step.limits);
  }
  if (op.as<graph::Dense>()) return clamp(dense(x, weights(1), weights(2)), step.limits);
  if (op.as<graph::BatchNorm>()) return normalize(step, values, bound, pass);
  if (const auto* pool = op.as<graph::Pool2D>()) return clamp(pool2d(x, *pool), step.limits);
  if (op.as<graph::Add>()) return clamp(x + values[static_cast<std::size_t>(op.inputs[1])], step.limits);
  if (op.as<graph::Activate>()) return clamp(x, step.limits);
  if (const auto* softmax = op.as<graph::Softmax>()) {
    const bool skip = pass.logits && step.output == graph_.outputs().front();
    const Tensor scaled = softmax->beta == 1.0f ? x : x * softmax->beta;
    return skip ? scaled : torch::softmax(scaled, -1);
  }
  if (op.as<graph::Reshape>()) return x.reshape(batched(x.size(0), graph_.tensor(step.output).shape));
  if (const auto* drop = op.as<graph::Dropout>()) {
    return pass.training ? dropout(x, drop->rate, mix(pass.seed, step.op)) : x;
  }
  MOTE_CHECK(!"an operator that check_trainable let through");
  return {};
}

Tensor Network::forward(const Tensor& x, const Bound& bound, const Pass& pass) const {
  std::vector<Tensor> values = constants_;
  values[static_cast<std::size_t>(graph_.inputs().front())] = x.reshape(batched(x.size(0), graph_.input().shape));
  for (const Step& step : steps_) values[static_cast<std::size_t>(step.output)] = run(step, values, bound, pass);
  Tensor out = values[static_cast<std::size_t>(graph_.outputs().front())];
  if (pass.values != nullptr) *pass.values = std::move(values);
  return out.reshape({x.size(0), -1});
}

void Network::merge_statistics(std::vector<float>& running, std::span<const std::vector<float>> shards,
                               std::span<const std::size_t> samples, double momentum, double) const {
  merge_moments(running, shards, samples, statistics_, momentum);
}

graph::Graph Network::with_values(std::span<const float> parameters, std::span<const float> statistics) const {
  graph::Graph result = graph_;
  const auto put = [&](const std::vector<Slot>& slots, std::span<const float> all) {
    for (const Slot& slot : slots)
      result.tensor(slot.tensor).data = graph::constant_data(all.subspan(slot.offset, slot.count));
  };
  put(parameters_, parameters);
  put(statistics_, statistics);
  return result;
}

}  // namespace mote::train
