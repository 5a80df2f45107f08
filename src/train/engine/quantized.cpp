#include <fmt/format.h>

#include <algorithm>

#include "engine.hpp"
#include "inference.hpp"
#include "quantized_network.hpp"
#include "trainer.hpp"

namespace mote::train {
namespace {

Digest checkpoint_key(const QuantizedNetwork& network, double range_learning, const BatchSource& training,
                      const BatchSource* validation, const TrainOptions& options) {
  Hasher hasher;
  hasher.field("mote quantized training 1");
  hasher.field(graph::content_hash(network.graph()).bytes)
      .field(fingerprint(options).bytes)
      .field(training.fingerprint().bytes);
  const std::vector<float> ranges = network.initial_statistics();
  hasher.field(bytes_of(std::span<const float>(ranges))).field(fmt::format("{:a}", range_learning));
  if (validation != nullptr) hasher.field(validation->fingerprint().bytes);
  return hasher.finish();
}

}  // namespace

Result<QuantizedTrainResult> engine::train_quantized(const graph::Graph& graph, const graph::Ranges& ranges,
                                                     const BatchSource& training, const BatchSource* validation,
                                                     const TrainOptions& options, double range_learning,
                                                     const std::filesystem::path& checkpoint_folder,
                                                     Progress& progress) {
  if (!(range_learning >= 0.0 && range_learning <= 1.0)) {
    return fail(Code::invalid_argument,
                fmt::format("training option range_learning = {}: it must be from 0 to 1", range_learning));
  }
  MOTE_TRY(const QuantizedNetwork network, QuantizedNetwork::create(graph, ranges, range_learning));
  MOTE_TRY_VOID(check_run(graph, training, validation, options));
  Trainer trainer(network, training, validation, options, checkpoint_folder,
                  checkpoint_key(network, range_learning, training, validation, options), progress);
  MOTE_TRY(TrainingRun run, trainer.run());
  const Weights& chosen = run.state.best.parameters.empty() ? run.state.evaluated() : run.state.best;
  return QuantizedTrainResult{{network.with_parameters(chosen.parameters), std::move(run.state.curves), run.resumed,
                               run.state.stopped_early, std::move(run.warnings)},
                              network.ranges_of(chosen.statistics)};
}

Result<std::vector<std::int8_t>> engine::predict_quantized(const graph::Graph& graph, const graph::Ranges& ranges,
                                                           const BatchSource& source, std::int32_t threads) {
  MOTE_TRY(const QuantizedNetwork network, QuantizedNetwork::create(graph, ranges, 0.0));
  MOTE_TRY_VOID(check_shape(source, graph, "data"));
  const Weights weights{network.initial_parameters(), network.initial_statistics()};
  const graph::Tensor logits = network.annotated(weights.statistics).tensor(network.logits());
  const std::size_t outputs = logits.shape.elements();
  std::vector<std::int8_t> all(source.size() * outputs);
  Crew crew(threads);
  const std::vector<std::size_t> indices = all_indices(source.size());
  MOTE_TRY_VOID(infer(network, weights, source, indices, crew, true, true, [&](const Block& block) -> Result<void> {
    const auto integers =
        to_int8(block.values[static_cast<std::size_t>(network.logits())], logits.quantization.zero_point());
    std::copy(integers.begin(), integers.end(),
              all.begin() + static_cast<std::ptrdiff_t>(block.samples.front() * outputs));
    return {};
  }));
  return all;
}

}  // namespace mote::train
