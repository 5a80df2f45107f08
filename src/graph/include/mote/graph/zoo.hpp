#pragma once
// Built-in architectures, as float graphs ready to train. Every one ends in logits or, for classifiers with `softmax`,
// in probabilities.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mote/graph/graph.hpp"

namespace mote::graph {

/// One depthwise-separable block: depthwise kxk (stride s), batch norm, ReLU, pointwise to `channels`, batch norm, (+
/// input when the shapes agree and `residual`), ReLU.
struct SeparableBlock {
  std::int32_t channels = 32;
  std::int32_t stride = 1;
  std::int32_t kernel = 3;
  bool residual = true;
};

struct Stem {
  std::int32_t channels = 16;
  std::int32_t kernel_h = 3, kernel_w = 3, stride_h = 1, stride_w = 1;
};

struct ZooOptions {
  std::string architecture = "ds_cnn";  ///< mlp, ds_cnn, mobilenet_v1, resnet8, cnn1d, autoencoder
  Shape input{1, 28, 28, 1};            ///< [1,H,W,C]; cnn1d: [1,1,T,C]; mlp, autoencoder: any
  std::int32_t classes = 10;            ///< outputs; ignored by autoencoder
  std::uint64_t seed = 1;
  Stem stem;                           ///< ds_cnn, cnn1d (kernel_h ignored there), resnet8
  std::vector<SeparableBlock> blocks;  ///< ds_cnn, cnn1d; empty: the architecture's default
  std::vector<std::int32_t> hidden;    ///< mlp, autoencoder; empty: default
  double alpha = 0.25;                 ///< mobilenet_v1's width
  double dropout = 0.0;                ///< before the classifier
  bool softmax = true;
};

[[nodiscard]] std::vector<std::string_view> zoo_names();
/// @error invalid_argument  unknown architecture (with the known ones) or options that do not fit the input.
[[nodiscard]] Result<Graph> make_model(const ZooOptions& options);

}  // namespace mote::graph
