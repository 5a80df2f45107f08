#pragma once
// Quantization-aware training: the forward pass computes the very integers that the int8 model will, operator by
// operator, with TensorFlow Lite's arithmetic; gradients pass straight through the roundings (Jacob et al. 2018,
// "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference").
//
// The agreement with optimize::quantize, which makes the int8 model from the result:
//  - values:   graph::activation_quantization(range); pooling and reshape pass their input's on; a final softmax is
//  left out of the training
//  - weights:  graph::weight_quantization, per output channel; integer = round(w / scale)
//  - biases:   int32 of scale input scale * weight scale (a float product), rounded; operators by graph's integer
//  parameters (channel_tables, ...)

#include "mote/graph/quantization.hpp"
#include "mote/train/train.hpp"

namespace mote::train {

struct QuantizedTrainResult {
  TrainResult training;  ///< float weights; optimize::quantize(training.graph, ranges) computes what was evaluated here
  graph::Ranges ranges;  ///< as frozen
};

/// @param graph   float, batch norm folded, activations fused or separate; no dropout.
/// @param ranges  from calibrate(): of the input and of every operator's output that has its own quantization.
/// @param range_learning  part of the training, in [0, 1], in which ranges follow the values seen (batch_norm_momentum
/// is their step); then they are
///                        frozen. 0: they stay as calibrated.
/// Everything else as train(). Validation figures are those of the integer arithmetic.
/// @error invalid_argument  a value has no range.   @error unsupported  naming the operator that has no integer form.
[[nodiscard]] Result<QuantizedTrainResult> train_quantized(const graph::Graph& graph, const graph::Ranges& ranges,
                                                           const BatchSource& training, const BatchSource* validation,
                                                           const TrainOptions& options, double range_learning,
                                                           const std::filesystem::path& checkpoint_folder,
                                                           Progress& progress);

/// What the simulation computes: the integers of the last value before a final softmax, [size, outputs].
[[nodiscard]] Result<std::vector<std::int8_t>> predict_quantized(const graph::Graph& graph, const graph::Ranges& ranges,
                                                                 const BatchSource& source, std::int32_t threads = 0);

}  // namespace mote::train
