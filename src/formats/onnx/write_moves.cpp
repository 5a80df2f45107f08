// Operators that move elements: on values as the graph holds them, so that integers stay integers.

#include <algorithm>
#include <limits>

#include "../names.hpp"
#include "model_writer.hpp"

namespace mote::formats::onnx {
namespace {

using graph::Op;
using graph::TensorId;

std::vector<std::int64_t> wide(std::span<const std::int32_t> values) { return {values.begin(), values.end()}; }

std::vector<std::int64_t> range(std::size_t count) {
  std::vector<std::int64_t> axes;
  for (std::size_t i = 0; i < count; ++i) axes.push_back(static_cast<std::int64_t>(i));
  return axes;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Reshape&) {
  const graph::Tensor &x = writer.tensor(op.inputs[0]), &y = writer.tensor(op.outputs[0]);
  if (x.dtype != y.dtype) {
    return writer.refuse(
        op, "tensor " + in_quotes(y.name) + " takes the bits of integers for numbers, for which ONNX has no operator");
  }
  writer.give_stored(op.outputs[0], "Reshape",
                     {writer.stored(op.inputs[0]), writer.whole_numbers(wide(y.shape.dims()))});
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Concat& concat) {
  const bool first = std::ranges::all_of(
      op.inputs, [&](TensorId id) { return writer.tensor(id).shape.rank() == 4 && writer.has_first(id); });
  const Layout layout = first ? Layout::first : Layout::last;
  const auto axis = first ? std::ranges::find(to_first(), concat.axis) - to_first().begin() : concat.axis;
  std::vector<std::string> inputs;
  for (const TensorId id : op.inputs) inputs.push_back(writer.stored(id, layout));
  writer.give_stored(op.outputs[0], "Concat", std::move(inputs), {integer("axis", axis)}, layout);
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Slice& slice) {
  const graph::Shape y = writer.tensor(op.outputs[0]).shape;
  std::vector<std::int64_t> ends;
  for (std::size_t d = 0; d < y.rank(); ++d) {
    const std::int64_t stride = slice.stride[d], last = slice.begin[d] + (y[d] - 1) * stride;
    // In front of the first element there is no index: -1 means the last one.
    const std::int64_t end = last + (stride > 0 ? 1 : -1);
    ends.push_back(end < 0 ? std::numeric_limits<std::int64_t>::min() / 2 : end);
  }
  writer.give_stored(op.outputs[0], "Slice",
                     {writer.stored(op.inputs[0]), writer.whole_numbers(wide(slice.begin)), writer.whole_numbers(ends),
                      writer.whole_numbers(range(y.rank())), writer.whole_numbers(wide(slice.stride))});
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Transpose& transpose) {
  writer.give_stored(op.outputs[0], "Transpose", {writer.stored(op.inputs[0])},
                     {integers("perm", wide(transpose.permutation))});
  return true;
}

/// `count` elements of `value` behind each element along a dimension but the last.
std::string spread(ModelWriter& writer, std::string x, std::vector<std::int64_t> dims, std::size_t axis,
                   std::int64_t count, const std::string& value) {
  const auto at = static_cast<std::ptrdiff_t>(axis);
  std::vector<std::int64_t> apart = dims;
  apart.insert(apart.begin() + at + 1, 1);
  x = writer.node("Reshape", {x, writer.whole_numbers(apart)});
  std::vector<std::int64_t> pads(2 * apart.size(), 0);
  pads[apart.size() + axis + 1] = count;
  x = writer.node("Pad", {x, writer.whole_numbers(pads), value});
  std::vector<std::int64_t> joined = dims;
  joined[axis] *= count + 1;
  x = writer.node("Reshape", {x, writer.whole_numbers(joined)});
  return writer.node("Slice", {x, writer.whole_numbers({0}), writer.whole_numbers({joined[axis] - count}),
                               writer.whole_numbers({static_cast<std::int64_t>(axis)})});
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Pad& pad) {
  std::vector<std::int64_t> pads = wide(pad.before);
  pads.insert(pads.end(), pad.after.begin(), pad.after.end());
  const graph::Tensor& t = writer.tensor(op.inputs[0]);
  if (t.dtype != graph::DType::f32 && !writer.is_quantized(op.inputs[0]))
    return writer.refuse(op, "tensor " + in_quotes(t.name) + " is of integers without a scale");
  const std::string value = writer.floats({pad.value}, {});
  std::string x = writer.real(op.inputs[0]);
  std::vector<std::int64_t> dims = wide(t.shape.dims());
  for (std::size_t d = 0; d < pad.between.size(); ++d) {
    if (pad.between[d] == 0) continue;
    x = spread(writer, std::move(x), dims, d, pad.between[d], value);
    dims[d] += (dims[d] - 1) * pad.between[d];
  }
  writer.give_real(op.outputs[0], "Pad", {std::move(x), writer.whole_numbers(pads), value});
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Broadcast&) {
  writer.give_stored(
      op.outputs[0], "Expand",
      {writer.stored(op.inputs[0]), writer.whole_numbers(wide(writer.tensor(op.outputs[0]).shape.dims()))});
  return true;
}

Result<bool> write(ModelWriter& writer, const Op& op, const graph::Gather& gather) {
  writer.give_stored(op.outputs[0], "Gather", {writer.stored(op.inputs[0]), writer.stored(op.inputs[1])},
                     {integer("axis", gather.axis)});
  return true;
}

/// The window's last rows, and the new ones behind them.
Result<bool> write(ModelWriter& writer, const Op& op, const graph::Shift& shift) {
  const auto axis = static_cast<std::size_t>(shift.axis);
  const std::int64_t all = writer.tensor(op.inputs[0]).shape[axis], fresh = writer.tensor(op.inputs[1]).shape[axis];
  if (all == fresh) {
    writer.give_stored(op.outputs[0], "Identity", {writer.stored(op.inputs[1])});
    return true;
  }
  const std::string kept = writer.node("Slice", {writer.stored(op.inputs[0]), writer.whole_numbers({fresh}),
                                                 writer.whole_numbers({all}), writer.whole_numbers({shift.axis})});
  writer.give_stored(op.outputs[0], "Concat", {kept, writer.stored(op.inputs[1])}, {integer("axis", shift.axis)});
  return true;
}

template <class Other>
Result<bool> write(ModelWriter&, const Op&, const Other&) {
  return false;
}

}  // namespace

Result<bool> write_move(ModelWriter& writer, const Op& op) {
  return std::visit([&](const auto& attributes) { return write(writer, op, attributes); }, op.attributes);
}

}  // namespace mote::formats::onnx
