// PAD in front of a convolution: no operator of the graph, but part of the convolution's pads. Both pad with real zero,
// which is the zero point in int8. The convolution's writer puts it back where SAME and VALID do not do.

#include <array>

#include "model_reader.hpp"
#include "window.hpp"

namespace mote::formats::tflite {
namespace {

Result<void> read_pad(OperatorReader& op) {
  MOTE_TRY(PaddedValue padded, op.padded_operand(0));
  MOTE_TRY(const std::vector<std::int64_t> amounts, op.integers(1, 8));
  MOTE_TRY(const graph::TensorId output, op.output());
  MOTE_TRY_VOID(op.same_quantization(padded.id, output));
  const graph::Shape& in = op.shape(padded.id);
  if (in.rank() != 4 || amounts.size() != 8)
    return op.refuse(Code::unsupported, "its input has the shape " + in.text() + ", [1,H,W,C] is needed");
  for (const std::int64_t amount : amounts) {
    if (amount < 0 || amount > kMaxPad)
      return op.refuse(Code::malformed, "it adds " + std::to_string(amount) + " rows or columns");
  }
  if (amounts[0] != 0 || amounts[1] != 0 || amounts[6] != 0 || amounts[7] != 0) {
    return op.refuse(Code::unsupported, "it pads the batch or the channels; only height and width can be padded");
  }
  padded.pads.top += static_cast<std::int32_t>(amounts[2]);
  padded.pads.bottom += static_cast<std::int32_t>(amounts[3]);
  padded.pads.left += static_cast<std::int32_t>(amounts[4]);
  padded.pads.right += static_cast<std::int32_t>(amounts[5]);
  for (const std::int32_t pad : {padded.pads.top, padded.pads.bottom, padded.pads.left, padded.pads.right}) {
    if (pad > kMaxPad)
      return op.refuse(Code::too_large,
                       "it and the PAD in front of it add " + std::to_string(pad) + " rows or columns");
  }
  const auto grown = [&](std::size_t axis, std::int32_t before, std::int32_t after) {
    return std::int64_t{in[axis]} + before + after == op.shape(output)[axis];
  };
  const bool fits = op.shape(output).rank() == 4 && op.shape(output)[3] == in[3] &&
                    grown(1, padded.pads.top, padded.pads.bottom) && grown(2, padded.pads.left, padded.pads.right);
  if (!fits) return op.refuse(Code::malformed, "its output has the shape " + op.shape(output).text());
  op.pad(output, padded);
  return {};
}

constexpr std::array kRows{OperatorRow{fb::BuiltinOperator::PAD, read_pad}};

}  // namespace

std::span<const OperatorRow> pad_rows() { return kRows; }

}  // namespace mote::formats::tflite
