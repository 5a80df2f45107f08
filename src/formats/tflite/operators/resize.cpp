// RESIZE_BILINEAR.

#include <algorithm>
#include <array>
#include <cmath>

#include "model_reader.hpp"
#include "model_writer.hpp"

namespace mote::formats::tflite {
namespace {

using graph::ResizeBilinear;
using graph::ResizeMode;

Result<void> read_resize_bilinear(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::ResizeBilinearOptions>());
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const std::vector<std::int64_t> size, op.integers(1, 2));
  MOTE_TRY(const graph::TensorId output, op.output());
  MOTE_TRY_VOID(op.same_quantization(x, output));
  const graph::Shape& out = op.shape(output);
  if (out.rank() != 4 || size.size() != 2 || size[0] != out[1] || size[1] != out[2])
    return op.refuse(Code::malformed, "its output has the shape " + out.text());
  if (options->align_corners() && options->half_pixel_centers())
    return op.refuse(Code::malformed, "it aligns corners and centers at once");
  op.append(ResizeBilinear{options->align_corners()        ? ResizeMode::align_corners
                           : options->half_pixel_centers() ? ResizeMode::half_pixel
                                                           : ResizeMode::asymmetric},
            {x}, output);
  return {};
}

Result<void> write_resize_bilinear(OperatorWriter& op, const graph::Op& source) {
  const ResizeMode mode = source.as<ResizeBilinear>()->mode;
  const std::array<std::int32_t, 2> size{op.output().shape[1], op.output().shape[2]};
  const auto options =
      fb::CreateResizeBilinearOptions(op.builder(), mode == ResizeMode::align_corners, mode == ResizeMode::half_pixel);
  op.emit_to(fb::BuiltinOperator::RESIZE_BILINEAR,
             mode == ResizeMode::half_pixel ? 3
             : op.is_int8()                 ? 2
                                            : 1,
             options, {op.input_id(0), op.integers("/size", {2}, size)}, source.outputs[0]);
  return {};
}

constexpr std::array kRows{OperatorRow{fb::BuiltinOperator::RESIZE_BILINEAR, read_resize_bilinear,
                                       ResizeBilinear::kName, write_resize_bilinear}};

}  // namespace

std::span<const OperatorRow> resize_rows() { return kRows; }

}  // namespace mote::formats::tflite
