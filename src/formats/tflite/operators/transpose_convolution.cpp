// TRANSPOSE_CONV: zeros between the input's pixels and around them, then a convolution with the kernel turned about.
// The same products in the same sums.

#include <algorithm>
#include <array>

#include "model_reader.hpp"
#include "weights.hpp"
#include "window.hpp"

namespace mote::formats::tflite {
namespace {

using graph::Shape;
using graph::TensorId;

/// [Co,Kh,Kw,Ci] turned by 180 degrees in its plane.
Result<TensorId> turned(OperatorReader& op, TensorId id) {
  const graph::Tensor& w = op.tensor(id);
  const std::size_t outputs = static_cast<std::size_t>(w.shape[0]),
                    taps = static_cast<std::size_t>(w.shape[1]) * static_cast<std::size_t>(w.shape[2]);
  const std::size_t run = w.size_bytes() / outputs / taps;
  MOTE_TRY_VOID(op.charge(w.size_bytes()));
  Bytes bytes(w.size_bytes());
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t t = 0; t < taps; ++t)
      std::copy_n(w.data->data() + (o * taps + t) * run, run, bytes.data() + (o * taps + taps - 1 - t) * run);
  }
  return op.constant_like("/turned", w, std::make_shared<const Bytes>(std::move(bytes)));
}

Result<void> read_transpose_conv(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::TransposeConvOptions>());
  MOTE_TRY(const std::vector<std::int64_t> size, op.integers(0, 4));
  MOTE_TRY(const TensorId x, op.operand(2));
  MOTE_TRY(const TensorId output, op.output());
  MOTE_TRY(std::vector<TensorId> inputs, read_weights(op, x, output, 0, 4, 3));
  graph::Conv2D conv;
  MOTE_TRY(conv.activation, op.activation(options->activation()));
  const Shape weights = op.shape(inputs[1]), in = op.shape(x), out = op.shape(output);
  const bool fits = in.rank() == 4 && out.rank() == 4 && size.size() == 4 && std::ranges::equal(size, out.dims()) &&
                    weights[3] == in[3] && weights[0] == out[3];
  if (!fits)
    return op.refuse(Code::malformed,
                     "it turns " + in.text() + " into " + out.text() + " with weights " + weights.text());
  // The pads of the convolution that it undoes, and of the one that stands for it.
  MOTE_TRY(const graph::Pads undone,
           explicit_pads(op, options->padding(), out,
                         {weights[1], weights[2], options->stride_h(), options->stride_w()}, {}));
  graph::Pad pad{{0, weights[1] - 1 - undone.top, weights[2] - 1 - undone.left, 0},
                 {0, 0, 0, 0},
                 0.0f,
                 {0, options->stride_h() - 1, options->stride_w() - 1, 0}};
  std::vector<std::int32_t> dims{1, 0, 0, in[3]};
  for (std::size_t d = 1; d < 3; ++d) {
    const std::int64_t spread = (std::int64_t{in[d]} - 1) * (pad.between[d] + 1) + 1;
    const std::int64_t after = out[d] - spread - pad.before[d] + weights[d] - 1;
    if (after < 0 || after > INT32_MAX || pad.before[d] < 0)
      return op.refuse(Code::malformed, "it turns " + in.text() + " into " + out.text());
    pad.after[d] = static_cast<std::int32_t>(after);
    dims[d] = out[d] + weights[d] - 1;
  }
  graph::Tensor like = op.tensor(x);
  like.shape = Shape(dims);
  const TensorId spread = op.intermediate("/spread", std::move(like));
  op.append(pad, {x}, spread);
  inputs[0] = spread;
  MOTE_TRY(inputs[1], turned(op, inputs[1]));
  op.append(conv, inputs, output);
  return {};
}

constexpr std::array kRows{OperatorRow{fb::BuiltinOperator::TRANSPOSE_CONV, read_transpose_conv}};

}  // namespace

std::span<const OperatorRow> transpose_convolution_rows() { return kRows; }

}  // namespace mote::formats::tflite
