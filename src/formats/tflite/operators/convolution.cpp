// CONV_2D and DEPTHWISE_CONV_2D.

#include <algorithm>
#include <array>
#include <limits>

#include "model_reader.hpp"
#include "model_writer.hpp"
#include "weights.hpp"
#include "window.hpp"

namespace mote::formats::tflite {
namespace {

using graph::Conv2D;
using graph::DepthwiseConv2D;

/// Reads what both operators share; `finish` completes the attributes from the weights' shape.
template <class Attributes, class Options, class Finish>
Result<void> read_convolution(OperatorReader& op, std::int32_t channel_axis, Finish finish) {
  MOTE_TRY(const Options* options, op.options<Options>());
  MOTE_TRY(const PaddedValue x, op.padded_operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  MOTE_TRY(std::vector<graph::TensorId> inputs, read_weights(op, x.id, output, channel_axis, 4));
  const graph::Shape& weights = op.shape(inputs[1]);
  Attributes a;
  MOTE_TRY(a.activation, op.activation(options->activation()));
  a.stride_h = options->stride_h();
  a.stride_w = options->stride_w();
  a.dilation_h = options->dilation_h();
  a.dilation_w = options->dilation_w();
  const Window window{weights[1], weights[2], a.stride_h, a.stride_w, a.dilation_h, a.dilation_w};
  MOTE_TRY(a.pads, explicit_pads(op, options->padding(), op.shape(x.id), window, x.pads));
  MOTE_TRY_VOID(finish(a, op.shape(x.id)[3], weights));
  if (!a.pads.within((window.kernel_h - 1) * window.dilation_h + 1, (window.kernel_w - 1) * window.dilation_w + 1)) {
    // More zeros than the window is large: a pad of its own.
    MOTE_TRY(inputs[0], op.operand(0));
    MOTE_TRY(a.pads, explicit_pads(op, options->padding(), op.shape(inputs[0]), window, {}));
  }
  op.append(a, inputs, output);
  return {};
}

Result<void> read_conv(OperatorReader& op) {
  return read_convolution<Conv2D, fb::Conv2DOptions>(
      op, 0, [&](const Conv2D&, std::int32_t channels, const graph::Shape& weights) -> Result<void> {
        if (weights[3] == channels) return {};
        return op.refuse(Code::unsupported, "its weights are for " + std::to_string(weights[3]) +
                                                " channels and its input has " + std::to_string(channels) +
                                                "; grouped convolution is not supported");
      });
}

Result<void> read_depthwise(OperatorReader& op) {
  return read_convolution<DepthwiseConv2D, fb::DepthwiseConv2DOptions>(
      op, 3, [&](DepthwiseConv2D& a, std::int32_t channels, const graph::Shape& weights) -> Result<void> {
        // The multiplier follows from the shapes; TensorFlow Lite ignores the option of that name, too.
        if (weights[0] != 1 || weights[3] % channels != 0) {
          return op.refuse(Code::malformed, "its weights have the shape " + weights.text() + " for " +
                                                std::to_string(channels) + " channels");
        }
        a.multiplier = weights[3] / channels;
        return {};
      });
}

/// A PAD in front of the operator for pads that the format has no word for. Returns its output.
FileTensor write_pad(OperatorWriter& op, const graph::Pads& pads) {
  graph::Tensor padded = op.input(0);
  padded.shape = {1, padded.shape[1] + pads.top + pads.bottom, padded.shape[2] + pads.left + pads.right,
                  padded.shape[3]};
  const std::array<std::int32_t, 8> amounts{0, 0, pads.top, pads.bottom, pads.left, pads.right, 0, 0};
  const FileTensor paddings = op.integers("/paddings", {4, 2}, amounts);
  const FileTensor output = op.value("/padded", padded);
  op.emit_to(fb::BuiltinOperator::PAD, op.is_int8() ? 2 : 1, fb::CreatePadOptions(op.builder()),
             {op.input_id(0), paddings}, output);
  return output;
}

/// A bias of zeros for a convolution that has none.
FileTensor write_no_bias(OperatorWriter& op) {
  const graph::Tensor& weights = op.input(1);
  graph::Tensor bias{"", graph::DType::f32, {weights.shape[0]}, {}, nullptr};
  if (op.is_int8()) {
    bias.dtype = op.input(0).dtype == graph::DType::i16 ? graph::DType::i64 : graph::DType::i32;
    for (const float scale : weights.quantization.scales) {
      bias.quantization.scales.push_back(
          std::max(scale * op.input(0).quantization.scale(), std::numeric_limits<float>::min()));
      bias.quantization.zero_points.push_back(0);
    }
  }
  return op.zeros(kNoBiasSuffix, bias);
}

/// SAME, or VALID with a PAD in front where needed.
template <class Attributes>
fb::Padding write_padding(OperatorWriter& op, const Attributes& a, FileTensor& first_input) {
  const graph::Shape& weights = op.input(1).shape;
  const auto word = padding_word(op.input(0).shape,
                                 {weights[1], weights[2], a.stride_h, a.stride_w, a.dilation_h, a.dilation_w}, a.pads);
  if (word) return *word;
  first_input = write_pad(op, a.pads);
  return fb::Padding::VALID;
}

Result<void> write_conv(OperatorWriter& op, const graph::Op& source) {
  const Conv2D& a = *source.as<Conv2D>();
  MOTE_TRY_VOID(check_written_weights(op));
  std::vector<FileTensor> inputs = op.inputs();
  const fb::Padding padding = write_padding(op, a, inputs[0]);
  inputs.resize(3, graph::kNoTensor);
  if (inputs[2] == graph::kNoTensor) inputs[2] = write_no_bias(op);
  const auto options = fb::CreateConv2DOptions(op.builder(), padding, a.stride_w, a.stride_h,
                                               activation_function(a.activation), a.dilation_w, a.dilation_h);
  op.emit_to(fb::BuiltinOperator::CONV_2D, op.is_int8() ? 3 : 1, options, inputs, source.outputs[0]);
  return {};
}

Result<void> write_depthwise(OperatorWriter& op, const graph::Op& source) {
  const DepthwiseConv2D& a = *source.as<DepthwiseConv2D>();
  MOTE_TRY_VOID(check_written_weights(op));
  std::vector<FileTensor> inputs = op.inputs();
  const fb::Padding padding = write_padding(op, a, inputs[0]);
  const auto options = fb::CreateDepthwiseConv2DOptions(op.builder(), padding, a.stride_w, a.stride_h, a.multiplier,
                                                        activation_function(a.activation), a.dilation_w, a.dilation_h);
  const std::int32_t float_version = a.dilation_h == 1 && a.dilation_w == 1 ? 1 : 2;
  op.emit_to(fb::BuiltinOperator::DEPTHWISE_CONV_2D, op.is_int8() ? 3 : float_version, options, inputs,
             source.outputs[0]);
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::CONV_2D, read_conv, Conv2D::kName, write_conv},
    OperatorRow{fb::BuiltinOperator::DEPTHWISE_CONV_2D, read_depthwise, DepthwiseConv2D::kName, write_depthwise},
};

}  // namespace

std::span<const OperatorRow> convolution_rows() { return kRows; }

}  // namespace mote::formats::tflite
