// AVERAGE_POOL_2D and MAX_POOL_2D.

#include <array>

#include "model_reader.hpp"
#include "model_writer.hpp"
#include "window.hpp"

namespace mote::formats::tflite {
namespace {

using graph::Pool2D;
using graph::PoolKind;

template <PoolKind kKind>
Result<void> read_pool(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::Pool2DOptions>());
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  MOTE_TRY_VOID(op.same_quantization(x, output));
  Pool2D a;
  a.kind = kKind;
  a.kernel_h = options->filter_h();
  a.kernel_w = options->filter_w();
  a.stride_h = options->stride_h();
  a.stride_w = options->stride_w();
  MOTE_TRY(a.activation, op.activation(options->activation()));
  MOTE_TRY(a.pads,
           explicit_pads(op, options->padding(), op.shape(x), {a.kernel_h, a.kernel_w, a.stride_h, a.stride_w}, {}));
  op.append(a, {x}, output);
  return {};
}

Result<void> write_pool(OperatorWriter& op, const graph::Op& source) {
  const Pool2D& a = *source.as<Pool2D>();
  const auto word = padding_word(op.input(0).shape, {a.kernel_h, a.kernel_w, a.stride_h, a.stride_w}, a.pads);
  // A PAD in front would add zeros to the average, and hide negative maxima.
  if (!word) return op.refuse("TensorFlow Lite has only SAME and VALID padding for pools");
  const auto options = fb::CreatePool2DOptions(op.builder(), *word, a.stride_w, a.stride_h, a.kernel_w, a.kernel_h,
                                               activation_function(a.activation));
  const auto code = a.kind == PoolKind::max ? fb::BuiltinOperator::MAX_POOL_2D : fb::BuiltinOperator::AVERAGE_POOL_2D;
  op.emit(code, op.is_int8() ? 2 : 1, options);
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::AVERAGE_POOL_2D, read_pool<PoolKind::average>, Pool2D::kName, write_pool},
    OperatorRow{fb::BuiltinOperator::MAX_POOL_2D, read_pool<PoolKind::max>},
};

}  // namespace

std::span<const OperatorRow> pool_rows() { return kRows; }

}  // namespace mote::formats::tflite
