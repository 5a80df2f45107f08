#pragma once
// What convolution, depthwise convolution and fully connected layers share: weights and bias that go with their input.

#include <string_view>
#include <vector>

#include "model_reader.hpp"

namespace mote::formats::tflite {

/// The inputs of a layer with weights: the value, constant weights of its type, and a bias if the file has one.
/// @param value         the layer's first input
/// @param output        its output
/// @param channel_axis  axis of the weights that may have a scale for each channel
/// @param rank          of the weights, which are input 1
/// @param bias_input    where the bias stands
/// @error malformed, unsupported  types or quantization that do not go together.
[[nodiscard]] Result<std::vector<graph::TensorId>> read_weights(OperatorReader& op, graph::TensorId value,
                                                                graph::TensorId output, std::int32_t channel_axis,
                                                                std::size_t rank, std::size_t bias_input = 2);

/// TensorFlow Lite refuses a CONV_2D without bias. The writer gives it one of zeros whose name ends so; the reader
/// takes it away again.
constexpr std::string_view kNoBiasSuffix = "/no_bias";

/// @error unsupported  weights with a zero point: the format's int8 has no word for them.
[[nodiscard]] Result<void> check_written_weights(const OperatorWriter& op);

}  // namespace mote::formats::tflite
