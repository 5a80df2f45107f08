// SLICE, STRIDED_SLICE, REVERSE_V2, GATHER, MIRROR_PAD and RESIZE_NEAREST_NEIGHBOR: elements taken from known places.

#include <algorithm>
#include <array>
#include <cmath>

#include "model_reader.hpp"
#include "model_writer.hpp"

namespace mote::formats::tflite {
namespace {

using graph::Gather;
using graph::Shape;
using graph::Slice;
using graph::TensorId;

constexpr std::size_t kMostIndices = std::size_t{1} << 20;

Result<void> append_slice(OperatorReader& op, const Slice& slice, TensorId x, TensorId output) {
  MOTE_TRY_VOID(op.same_quantization(x, output));
  op.append(slice, {x}, output);
  return {};
}

Result<void> read_slice(OperatorReader& op) {
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const std::vector<std::int64_t> begin, op.integers(1, kMostDims));
  MOTE_TRY(const TensorId output, op.output());
  Slice slice;
  for (const std::int64_t b : begin) {
    if (b < 0 || b > INT32_MAX) return op.refuse(Code::malformed, "it begins at " + std::to_string(b));
    slice.begin.push_back(static_cast<std::int32_t>(b));
    slice.stride.push_back(1);
  }
  return append_slice(op, slice, x, output);
}

/// One dimension of a strided slice, as Python counts: where it begins, and how many elements it takes.
struct Range {
  std::int64_t begin, count;
};
Range range_of(std::int64_t begin, std::int64_t end, std::int64_t stride, bool open_begin, bool open_end,
               std::int64_t size) {
  const std::int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? size : size - 1;
  const auto place = [&](std::int64_t v) { return std::clamp(v < 0 ? v + size : v, low, high); };
  const std::int64_t first = open_begin ? (stride > 0 ? low : high) : place(begin);
  const std::int64_t last = open_end ? (stride > 0 ? high : low) : place(end);
  const std::int64_t distance = stride > 0 ? last - first : first - last;
  return {first, std::max<std::int64_t>(0, (distance + std::abs(stride) - 1) / std::abs(stride))};
}

Result<void> read_strided_slice(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::StridedSliceOptions>());
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const std::vector<std::int64_t> begin, op.integers(1, kMostDims));
  MOTE_TRY(const std::vector<std::int64_t> end, op.integers(2, kMostDims));
  MOTE_TRY(const std::vector<std::int64_t> stride, op.integers(3, kMostDims));
  MOTE_TRY(const TensorId output, op.output());
  if (options->ellipsis_mask() != 0 || options->new_axis_mask() != 0 || options->offset()) {
    return op.refuse(Code::unsupported, "its ellipsis, new axes or offsets are not supported");
  }
  const Shape& shape = op.shape(x);
  if (begin.size() > shape.rank() || end.size() != begin.size() || stride.size() != begin.size()) {
    return op.refuse(Code::malformed, "its begin, end and strides do not fit its input " + shape.text());
  }
  Slice slice;
  std::vector<std::int32_t> dims;
  for (std::size_t d = 0; d < shape.rank(); ++d) {
    const bool given = d < begin.size();
    const auto bit = [&](std::int32_t mask) { return ((mask >> d) & 1) != 0; };
    const bool one = given && bit(options->shrink_axis_mask());
    const std::int64_t step = given && !one ? stride[d] : 1;
    if (step == 0 || std::abs(step) > INT32_MAX)
      return op.refuse(Code::malformed, "it has the stride " + std::to_string(step));
    Range range{0, shape[d]};
    if (one)
      range = {begin[d] < 0 ? begin[d] + shape[d] : begin[d], 1};
    else if (given)
      range = range_of(begin[d], end[d], step, bit(options->begin_mask()), bit(options->end_mask()), shape[d]);
    if (range.count < 1 || range.begin < 0 || range.begin >= shape[d])
      return op.refuse(Code::malformed, "it takes nothing of " + shape.text());
    slice.begin.push_back(static_cast<std::int32_t>(range.begin));
    slice.stride.push_back(static_cast<std::int32_t>(step));
    dims.push_back(static_cast<std::int32_t>(range.count));
  }
  if (op.shape(output) == Shape(dims)) return append_slice(op, slice, x, output);
  graph::Tensor like = op.tensor(output);
  like.shape = Shape(dims);
  if (like.shape.elements() != op.shape(output).elements())
    return op.refuse(Code::malformed, "its output has the shape " + op.shape(output).text());
  const TensorId middle = op.intermediate("/kept", std::move(like));
  MOTE_TRY_VOID(append_slice(op, slice, x, middle));
  op.append(graph::Reshape{}, {middle}, output);
  return {};
}

Result<void> write_slice(OperatorWriter& op, const graph::Op& source) {
  if (op.output().shape.rank() == 0) return op.refuse("TensorFlow Lite takes no scalar here");
  const Slice& a = *source.as<Slice>();
  const Shape& out = op.output().shape;
  std::vector<std::int32_t> end;
  std::int32_t open_end = 0;
  for (std::size_t d = 0; d < out.rank(); ++d) {
    end.push_back(a.begin[d] + (a.stride[d] > 0 ? (out[d] - 1) * a.stride[d] + 1 : out[d] * a.stride[d]));
    // Below 0 would count from the end.
    if (end[d] < 0) open_end |= 1 << d;
  }
  const auto rank = static_cast<std::int32_t>(out.rank());
  const FileTensor begins = op.integers("/begin", {rank}, a.begin), ends = op.integers("/end", {rank}, end),
                   strides = op.integers("/strides", {rank}, a.stride);
  op.emit_to(fb::BuiltinOperator::STRIDED_SLICE, op.is_int8() ? 2 : 1,
             fb::CreateStridedSliceOptions(op.builder(), 0, open_end), {op.input_id(0), begins, ends, strides},
             source.outputs[0]);
  return {};
}

Result<void> read_reverse(OperatorReader& op) {
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const std::vector<std::int64_t> axes, op.integers(1, kMostDims));
  MOTE_TRY(const TensorId output, op.output());
  const Shape& shape = op.shape(x);
  Slice slice{std::vector<std::int32_t>(shape.rank(), 0), std::vector<std::int32_t>(shape.rank(), 1)};
  for (const std::int64_t a : axes) {
    MOTE_TRY(const std::size_t axis, op.axis(a, shape.rank()));
    slice.begin[axis] = shape[axis] - 1;
    slice.stride[axis] = -1;
  }
  return append_slice(op, slice, x, output);
}

Result<void> read_gather(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::GatherOptions>());
  if (options->batch_dims() != 0) return op.refuse(Code::unsupported, "it gathers within batches");
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const std::vector<std::int64_t> found, op.integers(1, kMostIndices));
  MOTE_TRY(const TensorId output, op.output());
  MOTE_TRY_VOID(op.same_quantization(x, output));
  MOTE_TRY(const std::size_t axis, op.axis(options->axis(), op.shape(x).rank()));
  std::vector<std::int32_t> indices;
  for (const std::int64_t i : found) {
    if (i < 0 || i >= op.shape(x)[axis])
      return op.refuse(Code::malformed, "it takes slice " + std::to_string(i) + " of " + op.shape(x).text());
    indices.push_back(static_cast<std::int32_t>(i));
  }
  std::vector<std::int32_t> dims(op.shape(x).dims().begin(), op.shape(x).dims().end());
  dims[axis] = static_cast<std::int32_t>(indices.size());
  const TensorId table = op.integers_constant("/indices", indices);
  if (op.shape(output) == Shape(dims)) {
    op.append(Gather{static_cast<std::int32_t>(axis)}, {x, table}, output);
    return {};
  }
  // Indices of another rank than one.
  graph::Tensor like = op.tensor(output);
  like.shape = Shape(dims);
  const TensorId middle = op.intermediate("/gathered", std::move(like));
  op.append(Gather{static_cast<std::int32_t>(axis)}, {x, table}, middle);
  op.append(graph::Reshape{}, {middle}, output);
  return {};
}

Result<void> write_gather(OperatorWriter& op, const graph::Op& source) {
  op.emit(fb::BuiltinOperator::GATHER, op.is_int8() ? 2 : 1,
          fb::CreateGatherOptions(op.builder(), source.as<Gather>()->axis));
  return {};
}

/// Takes `indices` along each axis that has some, one axis after the other.
Result<void> append_gathers(OperatorReader& op, TensorId x, const std::vector<std::vector<std::int32_t>>& indices,
                            TensorId output) {
  MOTE_TRY_VOID(op.same_quantization(x, output));
  std::vector<std::int32_t> dims(op.shape(x).dims().begin(), op.shape(x).dims().end());
  std::size_t last = indices.size();
  for (std::size_t d = 0; d < indices.size(); ++d) last = indices[d].empty() ? last : d;
  if (last == indices.size()) {
    op.append(graph::Reshape{}, {x}, output);
    return {};
  }
  for (std::size_t d = 0; d <= last; ++d) {
    if (indices[d].empty()) continue;
    dims[d] = static_cast<std::int32_t>(indices[d].size());
    graph::Tensor like = op.tensor(output);
    like.shape = Shape(dims);
    const TensorId to = d == last ? output : op.intermediate("/gathered", std::move(like));
    op.append(Gather{static_cast<std::int32_t>(d)}, {x, op.integers_constant("/indices", indices[d])}, to);
    x = to;
  }
  return {};
}

Result<void> read_mirror_pad(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::MirrorPadOptions>());
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const std::vector<std::int64_t> amounts, op.integers(1, 2 * kMostDims));
  MOTE_TRY(const TensorId output, op.output());
  const Shape& shape = op.shape(x);
  if (amounts.size() != 2 * shape.rank())
    return op.refuse(Code::malformed, "its paddings do not fit its input " + shape.text());
  const std::int32_t offset = options->mode() == fb::MirrorPadMode::SYMMETRIC ? 1 : 0;
  std::vector<std::vector<std::int32_t>> indices(shape.rank());
  for (std::size_t d = 0; d < shape.rank(); ++d) {
    const std::int64_t before = amounts[2 * d], after = amounts[2 * d + 1], most = shape[d] - 1 + offset;
    if (before < 0 || after < 0 || before > most || after > most)
      return op.refuse(Code::malformed, "it mirrors more than there is");
    if (before == 0 && after == 0) continue;
    for (std::int64_t i = -before; i < shape[d] + after; ++i) {
      const std::int64_t from = i < 0 ? -i - offset : i >= shape[d] ? 2 * (shape[d] - 1) - i + offset : i;
      indices[d].push_back(static_cast<std::int32_t>(from));
    }
  }
  return append_gathers(op, x, indices, output);
}

/// TensorFlow Lite's choice of the nearest source element, in float arithmetic as there.
std::vector<std::int32_t> nearest(std::int32_t from, std::int32_t to, bool align_corners, bool half_pixel_centers) {
  const float scale = align_corners && to > 1 ? static_cast<float>(from - 1) / static_cast<float>(to - 1)
                                              : static_cast<float>(from) / static_cast<float>(to);
  const float offset = half_pixel_centers ? 0.5f : 0.0f;
  std::vector<std::int32_t> indices;
  for (std::int32_t i = 0; i < to; ++i) {
    const float place = (static_cast<float>(i) + offset) * scale;
    const auto index = static_cast<std::int32_t>(align_corners ? std::round(place) : std::floor(place));
    indices.push_back(half_pixel_centers ? std::clamp(index, 0, from - 1) : std::min(index, from - 1));
  }
  return indices;
}

Result<void> read_resize_nearest(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::ResizeNearestNeighborOptions>());
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const std::vector<std::int64_t> size, op.integers(1, 2));
  MOTE_TRY(const TensorId output, op.output());
  const Shape& in = op.shape(x);
  const Shape& out = op.shape(output);
  if (in.rank() != 4 || out.rank() != 4 || size.size() != 2 || size[0] != out[1] || size[1] != out[2]) {
    return op.refuse(Code::malformed, "it turns " + in.text() + " into " + out.text());
  }
  std::vector<std::vector<std::int32_t>> indices(4);
  for (std::size_t d = 1; d < 3; ++d) {
    if (static_cast<std::size_t>(out[d]) > kMostIndices) return op.refuse(Code::too_large, "it gives " + out.text());
    if (in[d] != out[d]) indices[d] = nearest(in[d], out[d], options->align_corners(), options->half_pixel_centers());
  }
  return append_gathers(op, x, indices, output);
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::SLICE, read_slice, Slice::kName, write_slice},
    OperatorRow{fb::BuiltinOperator::STRIDED_SLICE, read_strided_slice},
    OperatorRow{fb::BuiltinOperator::REVERSE_V2, read_reverse},
    OperatorRow{fb::BuiltinOperator::GATHER, read_gather, Gather::kName, write_gather},
    OperatorRow{fb::BuiltinOperator::MIRROR_PAD, read_mirror_pad},
    OperatorRow{fb::BuiltinOperator::RESIZE_NEAREST_NEIGHBOR, read_resize_nearest},
};

}  // namespace

std::span<const OperatorRow> slice_rows() { return kRows; }

}  // namespace mote::formats::tflite
