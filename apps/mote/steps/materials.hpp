#pragma once
// What several steps need of a dataset: its split, its features, its samples as tensors.

#include <memory>

#include "mote/graph/executor.hpp"
#include "mote/samples/dataset_source.hpp"
#include "project.hpp"

namespace mote::app {

struct Materials {
  data::Dataset dataset;
  data::Split split;
  features::Extractor extractor;
  double gain;  ///< see samples::DatasetSource

  /// The samples of one part; `augmentation` is used only when they are loaded for training.
  [[nodiscard]] Result<std::unique_ptr<samples::DatasetSource>> source(
      data::Part part, const samples::Augmentation& augmentation = {}) const;
};

/// What is trained on, of an earlier run whose model keeps all but its last layer.
struct TrainedModel {
  graph::Graph int8;
  double gain;  ///< of its features
};
/// @param folder  the artifacts of that run.   @error malformed, io
[[nodiscard]] Result<TrainedModel> read_trained_model(const std::filesystem::path& folder);
/// What read_trained_model needs besides the model, as a file's text.
[[nodiscard]] std::string trained_input_text(const Materials& materials);

[[nodiscard]] Result<Materials> open_materials(const Project& project, const std::filesystem::path& dataset_folder);

/// Canonical text of everything that open_materials depends on besides the dataset.
[[nodiscard]] std::string materials_text(const Project& project);

/// How the features of `materials` become the int8 input of `int8_model`.
[[nodiscard]] Result<features::Quantization> input_quantization(const Materials& materials,
                                                                const graph::Graph& int8_model);

/// int8 input of a sample, by the device's own arithmetic.
[[nodiscard]] Result<Bytes> quantized_input(const samples::DatasetSource& source, std::size_t index,
                                            const features::Quantization& quantization);

/// int8 outputs for all samples on the host, on all cores.
[[nodiscard]] Result<std::vector<Bytes>> run_on_host(const graph::Graph& int8_model,
                                                     const samples::DatasetSource& source,
                                                     const features::Quantization& quantization, Progress& progress);

/// Reads a graph in text form.
[[nodiscard]] Result<graph::Graph> read_graph(const std::filesystem::path& path);

}  // namespace mote::app
