#pragma once
// The functions of this module that need torch, as one table. They live in a shared library of their own,
// libmote-train.so, that the public functions load when first called: torch's static initialisers cost half a second,
// which a command that trains nothing should not pay.

#include "mote/train/calibrate.hpp"
#include "mote/train/quantized.hpp"
#include "mote/train/train.hpp"

namespace mote::train {

struct Engine {
  const char* version;  ///< of mote; a library of another version is refused
  decltype(&mote::train::train) train;
  decltype(&mote::train::predict) predict;
  decltype(&mote::train::evaluate) evaluate;
  decltype(&mote::train::calibrate) calibrate;
  decltype(&mote::train::train_quantized) train_quantized;
  decltype(&mote::train::predict_quantized) predict_quantized;
};

/// The only symbol of the library: `const Engine* mote_train_engine()`.
constexpr const char* kEngineSymbol = "mote_train_engine";

/// Each is what the public function of the same name calls, and takes the same arguments.
namespace engine {

[[nodiscard]] Result<TrainResult> train(const graph::Graph& graph, const BatchSource& training,
                                        const BatchSource* validation, const TrainOptions& options,
                                        const std::filesystem::path& checkpoint_folder, Progress& progress);
[[nodiscard]] Result<std::vector<float>> predict(const graph::Graph& graph, const BatchSource& source,
                                                 std::int32_t threads);
[[nodiscard]] Result<Evaluation> evaluate(const graph::Graph& graph, const BatchSource& source, Loss loss,
                                          std::int32_t threads);
[[nodiscard]] Result<graph::Ranges> calibrate(const graph::Graph& graph, const BatchSource& source,
                                              const CalibrationOptions& options);
[[nodiscard]] Result<QuantizedTrainResult> train_quantized(const graph::Graph& graph, const graph::Ranges& ranges,
                                                           const BatchSource& training, const BatchSource* validation,
                                                           const TrainOptions& options, double range_learning,
                                                           const std::filesystem::path& checkpoint_folder,
                                                           Progress& progress);
[[nodiscard]] Result<std::vector<std::int8_t>> predict_quantized(const graph::Graph& graph, const graph::Ranges& ranges,
                                                                 const BatchSource& source, std::int32_t threads);

}  // namespace engine
}  // namespace mote::train
