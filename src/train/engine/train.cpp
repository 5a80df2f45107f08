#include <fmt/format.h>

#include "engine.hpp"
#include "inference.hpp"
#include "network.hpp"
#include "trainer.hpp"

namespace mote::train {
namespace {

Digest checkpoint_key(const graph::Graph& graph, const BatchSource& training, const BatchSource* validation,
                      const TrainOptions& options) {
  Hasher hasher;
  hasher.field("mote float training 1");
  hasher.field(graph::content_hash(graph).bytes).field(fingerprint(options).bytes).field(training.fingerprint().bytes);
  if (validation != nullptr) hasher.field(validation->fingerprint().bytes);
  return hasher.finish();
}

/// Vectors of the host (and pairs of the device's SIMD) are filled by multiples of 8 channels.
void warn_of_odd_channels(const graph::Graph& graph, std::vector<std::string>& warnings) {
  std::string names;
  for (const graph::Op& op : graph.ops()) {
    const std::int32_t channels = graph.tensor(op.outputs.front()).shape.back();
    if (op.as<graph::Conv2D>() == nullptr || channels % 8 == 0) continue;
    names += fmt::format("{}'{}' ({})", names.empty() ? "" : ", ", op.name, channels);
  }
  if (!names.empty())
    warnings.push_back(
        fmt::format("channels that are no multiple of 8 train more slowly than the next multiple: {}", names));
}

Result<void> check_teacher(const TrainOptions& options, const graph::Graph& graph) {
  const auto& teacher = options.distillation.teacher;
  if (!teacher) return {};
  if (teacher->inputs().size() == 1 && teacher->outputs().size() == 1 &&
      teacher->input().shape.elements() == graph.input().shape.elements() &&
      teacher->output().shape.elements() == graph.output().shape.elements()) {
    return {};
  }
  return fail(Code::invalid_argument,
              fmt::format("teacher '{}' does not have the input and outputs of model '{}': train a teacher of {} -> {}",
                          teacher->name(), graph.name(), graph.input().shape.text(), graph.output().shape.text()));
}

}  // namespace

Result<void> check_run(const graph::Graph& graph, const BatchSource& training, const BatchSource* validation,
                       const TrainOptions& options) {
  MOTE_TRY_VOID(validate(options));
  MOTE_TRY_VOID(check_source(training, graph, options.loss, "training data"));
  if (validation != nullptr) MOTE_TRY_VOID(check_source(*validation, graph, options.loss, "validation data"));
  if (options.early_stopping > 0 && validation == nullptr) {
    return fail(Code::invalid_argument,
                fmt::format("training option early_stopping = {}: it needs validation data, give some or set it to 0",
                            options.early_stopping));
  }
  return check_teacher(options, graph);
}

Result<TrainResult> engine::train(const graph::Graph& graph, const BatchSource& training, const BatchSource* validation,
                                  const TrainOptions& options, const std::filesystem::path& checkpoint_folder,
                                  Progress& progress) {
  MOTE_TRY(const Network network, Network::create(graph));
  MOTE_TRY_VOID(check_run(graph, training, validation, options));
  Trainer trainer(network, training, validation, options, checkpoint_folder,
                  checkpoint_key(graph, training, validation, options), progress);
  MOTE_TRY(TrainingRun run, trainer.run());
  const Weights& chosen = run.state.best.parameters.empty() ? run.state.evaluated() : run.state.best;
  TrainResult result{network.with_values(chosen.parameters, chosen.statistics), std::move(run.state.curves),
                     run.resumed, run.state.stopped_early, std::move(run.warnings)};
  warn_of_odd_channels(graph, result.warnings);
  return result;
}

}  // namespace mote::train
