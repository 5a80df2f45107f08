#include "inference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "allocator.hpp"
#include "engine.hpp"
#include "network.hpp"

namespace mote::train {

Result<void> check_shape(const BatchSource& source, const graph::Graph& graph, std::string_view what) {
  if (source.size() == 0)
    return fail(Code::invalid_argument, fmt::format("the {} is empty: give at least one sample", what));
  const graph::Shape& in = graph.input().shape;
  if (source.sample_shape().elements() != in.elements()) {
    return fail(Code::invalid_argument,
                fmt::format("samples of the {} have shape {}, but model '{}' reads {}: change the model's input", what,
                            source.sample_shape().text(), graph.name(), in.text()));
  }
  return {};
}

Result<void> check_source(const BatchSource& source, const graph::Graph& graph, Loss loss, std::string_view what) {
  MOTE_TRY_VOID(check_shape(source, graph, what));
  const graph::Shape& in = graph.input().shape;
  const std::size_t outputs = graph.output().shape.elements();
  if (loss == Loss::reconstruction) {
    if (outputs == in.elements()) return {};
    return fail(Code::invalid_argument,
                fmt::format("model '{}' gives {} values for {}: a reconstruction needs as many outputs as inputs",
                            graph.name(), outputs, in.elements()));
  }
  for (std::size_t i = 0; i < source.size(); ++i) {
    const std::int32_t label = source.label(i);
    if (label >= 0 && static_cast<std::size_t>(label) < outputs) continue;
    return fail(Code::invalid_argument,
                fmt::format("sample {} of the {} has label {}, but model '{}' tells {} classes apart (0 to {})", i,
                            what, label, graph.name(), outputs, outputs - 1));
  }
  return {};
}

std::vector<std::size_t> all_indices(std::size_t count) {
  std::vector<std::size_t> indices(count);
  std::iota(indices.begin(), indices.end(), std::size_t{0});
  return indices;
}

Result<void> infer(const Learner& learner, const Weights& weights, const BatchSource& source,
                   std::span<const std::size_t> indices, Crew& crew, bool logits, bool keep_values,
                   const std::function<Result<void>(const Block&)>& visit) {
  install_tensor_cache();
  Weights copy = weights;
  const Bound bound = learner.bind(copy.parameters, copy.statistics, nullptr);
  const std::size_t elements = learner.input_elements();
  const std::size_t blocks = (indices.size() + kBlockSamples - 1) / kBlockSamples;
  return crew.for_each(blocks, [&](std::size_t block) -> Result<void> {
    const torch::NoGradGuard no_gradients;
    const auto samples =
        indices.subspan(block * kBlockSamples, std::min(kBlockSamples, indices.size() - block * kBlockSamples));
    const Tensor inputs =
        torch::empty({static_cast<std::int64_t>(samples.size()), static_cast<std::int64_t>(elements)});
    for (std::size_t i = 0; i < samples.size(); ++i) {
      Result<void> loaded =
          source.load(samples[i], samples[i], false, {inputs.data_ptr<float>() + i * elements, elements});
      if (!loaded) return fail(std::move(loaded).error(), fmt::format("sample {}", samples[i]));
    }
    Pass pass;
    pass.logits = logits;
    std::vector<Tensor> values;
    if (keep_values) pass.values = &values;
    const Tensor outputs = learner.forward(inputs, bound, pass).contiguous();
    return visit({block, samples, inputs, outputs, values});
  });
}

namespace {

struct BlockScore {
  double loss = 0.0;
  std::vector<std::uint32_t> confusion;
};

BlockScore score_classes(const Block& block, const BatchSource& source, std::size_t classes) {
  BlockScore score;
  score.confusion.assign(classes * classes, 0);
  const Tensor log_probabilities = torch::log_softmax(block.outputs, -1);
  for (std::size_t i = 0; i < block.samples.size(); ++i) {
    const float* row = log_probabilities.data_ptr<float>() + i * classes;
    const auto label = static_cast<std::size_t>(source.label(block.samples[i]));
    const auto predicted = static_cast<std::size_t>(std::max_element(row, row + classes) - row);
    score.loss -= static_cast<double>(row[label]);
    ++score.confusion[label * classes + predicted];
  }
  return score;
}

}  // namespace

Result<Evaluation> evaluate_learner(const Learner& learner, const Weights& weights, const BatchSource& source,
                                    Loss loss, Crew& crew) {
  const std::size_t classes = loss == Loss::cross_entropy ? learner.outputs() : 0;
  const std::vector<std::size_t> indices = all_indices(source.size());
  // One entry a block, added up in order afterwards: floating-point sums must not depend on which thread was first.
  std::vector<BlockScore> scores((indices.size() + kBlockSamples - 1) / kBlockSamples);
  MOTE_TRY_VOID(infer(learner, weights, source, indices, crew, true, false, [&](const Block& block) -> Result<void> {
    if (loss == Loss::cross_entropy) {
      scores[block.index] = score_classes(block, source, classes);
    } else {
      scores[block.index].loss = (block.outputs - block.inputs).square().mean(-1).sum().item<double>();
    }
    return {};
  }));
  Evaluation result;
  result.classes = classes;
  result.confusion.assign(classes * classes, 0);
  for (const BlockScore& score : scores) {
    result.loss += score.loss;
    for (std::size_t i = 0; i < score.confusion.size(); ++i) result.confusion[i] += score.confusion[i];
  }
  const auto count = static_cast<double>(source.size());
  result.loss /= count;
  for (std::size_t c = 0; c < classes; ++c) result.accuracy += result.confusion[c * classes + c] / count;
  return result;
}

Result<std::vector<float>> engine::predict(const graph::Graph& graph, const BatchSource& source, std::int32_t threads) {
  MOTE_TRY(const Network network, Network::create(graph));
  MOTE_TRY_VOID(check_shape(source, graph, "data"));
  Crew crew(threads);
  const std::size_t outputs = network.outputs();
  std::vector<float> all(source.size() * outputs);
  const Weights weights{network.initial_parameters(), network.initial_statistics()};
  const std::vector<std::size_t> indices = all_indices(source.size());
  MOTE_TRY_VOID(infer(network, weights, source, indices, crew, false, false, [&](const Block& block) -> Result<void> {
    std::copy_n(block.outputs.data_ptr<float>(), block.outputs.numel(), all.data() + block.samples.front() * outputs);
    return {};
  }));
  return all;
}

Result<Evaluation> engine::evaluate(const graph::Graph& graph, const BatchSource& source, Loss loss,
                                    std::int32_t threads) {
  MOTE_TRY(const Network network, Network::create(graph));
  MOTE_TRY_VOID(check_source(source, graph, loss, "evaluation data"));
  Crew crew(threads);
  return evaluate_learner(network, {network.initial_parameters(), network.initial_statistics()}, source, loss, crew);
}

}  // namespace mote::train
