// The public functions: each loads the engine and passes its arguments on.

#include "mote/train/train.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <string_view>

#include "engine/engine.hpp"

namespace mote::train {
namespace {

Result<const Engine*> load_engine() {
  // Found by the run path of the program. Never closed: torch keeps threads.
  void* const library = dlopen(MOTE_TRAIN_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return fail(Code::io, fmt::format("the training library could not be loaded: {}", dlerror()));
  const auto entry = reinterpret_cast<const Engine* (*)()>(dlsym(library, kEngineSymbol));
  if (entry == nullptr)
    return fail(Code::io, fmt::format("{} is not mote's training library: {}", MOTE_TRAIN_LIBRARY, dlerror()));
  const Engine* const engine = entry();
  if (std::string_view(engine->version) != MOTE_VERSION) {
    return fail(Code::io, fmt::format("{} is of version {}, mote of version {}: install both from one build",
                                      MOTE_TRAIN_LIBRARY, engine->version, MOTE_VERSION));
  }
  return engine;
}

const Result<const Engine*>& loaded_engine() {
  static const Result<const Engine*> loaded = load_engine();
  return loaded;
}

}  // namespace

Result<TrainResult> train(const graph::Graph& graph, const BatchSource& training, const BatchSource* validation,
                          const TrainOptions& options, const std::filesystem::path& checkpoint_folder,
                          Progress& progress) {
  MOTE_TRY(const Engine* e, loaded_engine());
  return e->train(graph, training, validation, options, checkpoint_folder, progress);
}

Result<std::vector<float>> predict(const graph::Graph& graph, const BatchSource& source, std::int32_t threads) {
  MOTE_TRY(const Engine* e, loaded_engine());
  return e->predict(graph, source, threads);
}

Result<Evaluation> evaluate(const graph::Graph& graph, const BatchSource& source, Loss loss, std::int32_t threads) {
  MOTE_TRY(const Engine* e, loaded_engine());
  return e->evaluate(graph, source, loss, threads);
}

Result<graph::Ranges> calibrate(const graph::Graph& graph, const BatchSource& source,
                                const CalibrationOptions& options) {
  MOTE_TRY(const Engine* e, loaded_engine());
  return e->calibrate(graph, source, options);
}

Result<QuantizedTrainResult> train_quantized(const graph::Graph& graph, const graph::Ranges& ranges,
                                             const BatchSource& training, const BatchSource* validation,
                                             const TrainOptions& options, double range_learning,
                                             const std::filesystem::path& checkpoint_folder, Progress& progress) {
  MOTE_TRY(const Engine* e, loaded_engine());
  return e->train_quantized(graph, ranges, training, validation, options, range_learning, checkpoint_folder, progress);
}

Result<std::vector<std::int8_t>> predict_quantized(const graph::Graph& graph, const graph::Ranges& ranges,
                                                   const BatchSource& source, std::int32_t threads) {
  MOTE_TRY(const Engine* e, loaded_engine());
  return e->predict_quantized(graph, ranges, source, threads);
}

}  // namespace mote::train
