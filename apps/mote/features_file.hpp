#pragma once
// A features file: what stands in front of a model that was not trained here. `mote compile --features FILE`.
//
//   [sensor]
//   rate_hz = 16000
//   window = 1024        # samples that the block looks at
//   hop = 512            # new samples of an inference; the others are kept. Default: the window
//
//   [features]           # as in mote.toml
//   block = "mfe"
//   gain = 0.015625      # real value of the model's input for one unit of the feature. Default: 1

#include <filesystem>

#include "mote/compile/program.hpp"
#include "mote/features/extractor.hpp"
#include "mote/graph/graph.hpp"

namespace mote::app {

struct FeaturesFile {
  features::Extractor extractor;  ///< of the whole window
  std::size_t hop_bytes = 0;
  double gain = 1.0;
};

/// @error  one sentence with file, line and column; or of the block that cannot look at such a window.
[[nodiscard]] Result<FeaturesFile> read_features_file(const std::filesystem::path& path);

/// The step from the block's values to the model's input.
/// @error invalid_argument  the model's input is not int8, or of another size than the block gives.
[[nodiscard]] Result<features::Quantization> input_quantization(const FeaturesFile& file, const graph::Graph& model);

/// The stage that the compiler puts in front of the model.
[[nodiscard]] Result<compile::FeatureStage> feature_stage(const FeaturesFile& file,
                                                          const features::Quantization& quantization);

/// The host's side of the stage, one inference after the other.
class FeatureStream {
 public:
  FeatureStream(const FeaturesFile& file, const features::Quantization& quantization);
  /// @param input  hop_bytes of new samples.
  /// @return the model's input.
  [[nodiscard]] Result<Bytes> next(ByteSpan input);

 private:
  FeaturesFile file_;
  features::Quantization quantization_;
  Bytes window_;
};

}  // namespace mote::app
