// Shapes, and operators that move elements.

#include <algorithm>
#include <cmath>

#include "../node_reader.hpp"

namespace mote::formats::onnx {
namespace {

using graph::DType;
using graph::Slice;
using graph::TensorId;

constexpr std::int64_t kMostElements = std::int64_t{1} << 30;

Result<void> constant(NodeReader& node) {
  const schema::Attribute* value = node.attribute("value");
  if (value != nullptr) {
    MOTE_TRY(const TensorId id, node.tensor_attribute(*value));
    return node.give(id);
  }
  if (const auto* a = node.attribute("value_float")) return node.give(node.floats({a->f()}, {}));
  if (const auto* a = node.attribute("value_floats"))
    return node.give(node.floats({a->floats().begin(), a->floats().end()}, {a->floats_size()}));
  if (const auto* a = node.attribute("value_int")) return node.give(node.whole_numbers({a->i()}, {}));
  if (const auto* a = node.attribute("value_ints"))
    return node.give(node.whole_numbers({a->ints().begin(), a->ints().end()}, {a->ints_size()}));
  return node.refuse(Code::unsupported, "its value is sparse or text");
}

Result<Dims> dims_from(NodeReader& node, const std::vector<std::int64_t>& values) {
  Dims d;
  std::int64_t elements = 1;
  for (const std::int64_t v : values) {
    if (v < 1 || v > kMostElements || (elements *= v) > kMostElements)
      return node.refuse(Code::malformed, "it makes a shape with the dimension " + std::to_string(v));
    d.push_back(static_cast<std::int32_t>(v));
  }
  return d;
}

Result<void> constant_of_shape(NodeReader& node) {
  MOTE_TRY(const std::vector<std::int64_t> shape, node.numbers(0));
  MOTE_TRY(const Dims d, dims_from(node, shape));
  TensorId one = graph::kNoTensor;
  if (const auto* value = node.attribute("value")) {
    MOTE_TRY(one, node.tensor_attribute(*value));
    if (node.shape(one).elements() != 1) return node.refuse(Code::malformed, "its value is not one number");
  } else {
    MOTE_TRY(one, node.floats({0.0f}, {1}));
  }
  MOTE_TRY(one, node.reshaped(one, Dims(d.size(), 1)));
  return node.give(node.emit(graph::Broadcast{}, {one}, d));
}

Result<void> shape(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  const auto dims = node.shape(x).dims();
  const auto rank = static_cast<std::int64_t>(dims.size());
  const auto place = [&](std::int64_t v) { return std::clamp<std::int64_t>(v < 0 ? v + rank : v, 0, rank); };
  const std::int64_t start = place(node.integer("start", 0)), end = std::max(start, place(node.integer("end", rank)));
  const std::vector<std::int64_t> values(dims.begin() + start, dims.begin() + end);
  if (values.empty()) return node.refuse(Code::unsupported, "it gives no dimension");
  return node.give(node.whole_numbers(values, {static_cast<std::int32_t>(values.size())}));
}
Result<void> size(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  return node.give(node.whole_numbers({static_cast<std::int64_t>(node.shape(x).elements())}, {}));
}

Result<void> reshape(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(std::vector<std::int64_t> wanted, node.numbers(1, "shape"));
  const Dims in = node.dims(x);
  const bool zero_is_zero = node.integer("allowzero", 0) != 0;
  std::int64_t known = 1, open = -1;
  for (std::size_t d = 0; d < wanted.size(); ++d) {
    if (wanted[d] == 0 && !zero_is_zero) {
      if (d >= in.size())
        return node.refuse(Code::malformed, "it keeps dimension " + std::to_string(d) + " of " + node.shape(x).text());
      wanted[d] = in[d];
    }
    if (wanted[d] == -1 && open < 0)
      open = static_cast<std::int64_t>(d);
    else if (wanted[d] < 1 || wanted[d] > kMostElements || (known *= wanted[d]) > kMostElements)
      return node.refuse(Code::malformed, "it makes a shape with the dimension " + std::to_string(wanted[d]));
  }
  if (open >= 0) wanted[static_cast<std::size_t>(open)] = static_cast<std::int64_t>(node.shape(x).elements()) / known;
  MOTE_TRY(const Dims d, dims_from(node, wanted));
  return node.give(node.reshaped(x, d));
}

Result<void> flatten(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  const Dims in = node.dims(x);
  std::int64_t axis = node.integer("axis", 1);
  const auto rank = static_cast<std::int64_t>(in.size());
  if (axis < -rank || axis > rank) return node.refuse(Code::malformed, "its axis is " + std::to_string(axis));
  axis += axis < 0 ? rank : 0;
  std::int32_t rows = 1, columns = 1;
  for (std::int64_t d = 0; d < rank; ++d) (d < axis ? rows : columns) *= in[static_cast<std::size_t>(d)];
  return node.give(node.reshaped(x, {rows, columns}));
}

Result<void> squeeze(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  const Dims in = node.dims(x);
  std::vector<bool> gone(in.size(), false);
  if (node.has(1) || node.attribute("axes") != nullptr) {
    MOTE_TRY(const std::vector<std::int64_t> axes, node.numbers(1, "axes"));
    for (const std::int64_t a : axes) {
      MOTE_TRY(const std::size_t axis, node.axis(a, in.size()));
      gone[axis] = true;
    }
  } else {
    for (std::size_t d = 0; d < in.size(); ++d) gone[d] = in[d] == 1;
  }
  Dims out;
  for (std::size_t d = 0; d < in.size(); ++d) {
    if (!gone[d]) out.push_back(in[d]);
  }
  return node.give(node.reshaped(x, out));
}

Result<void> unsqueeze(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const std::vector<std::int64_t> axes, node.numbers(1, "axes"));
  const Dims in = node.dims(x);
  const std::size_t rank = in.size() + axes.size();
  std::vector<bool> added(rank, false);
  for (const std::int64_t a : axes) {
    MOTE_TRY(const std::size_t axis, node.axis(a, rank));
    if (added[axis]) return node.refuse(Code::malformed, "it adds an axis twice");
    added[axis] = true;
  }
  Dims out;
  std::size_t next = 0;
  for (std::size_t d = 0; d < rank; ++d) out.push_back(added[d] ? 1 : in[next++]);
  return node.give(node.reshaped(x, out));
}

Result<void> expand(NodeReader& node) {
  MOTE_TRY(TensorId x, node.in(0));
  MOTE_TRY(const std::vector<std::int64_t> given, node.numbers(1));
  MOTE_TRY(Dims to, dims_from(node, given));
  Dims from = node.dims(x);
  while (from.size() < to.size()) from.insert(from.begin(), 1);
  while (to.size() < from.size()) to.insert(to.begin(), 1);
  for (std::size_t d = 0; d < to.size(); ++d) {
    if (to[d] == 1) to[d] = from[d];
  }
  MOTE_TRY(x, node.reshaped(x, from));
  return node.give(node.emit(graph::Broadcast{}, {x}, to));
}

Result<void> tile(NodeReader& node) {
  MOTE_TRY(TensorId x, node.in(0));
  MOTE_TRY(const std::vector<std::int64_t> repeats, node.numbers(1));
  const Dims in = node.dims(x);
  if (repeats.size() != in.size())
    return node.refuse(Code::malformed,
                       "it has " + std::to_string(repeats.size()) + " repeats for " + node.shape(x).text());
  MOTE_TRY(const Dims times, dims_from(node, repeats));
  Dims from, to, out;
  for (std::size_t d = 0; d < in.size(); ++d) {
    if (times[d] > 1) {
      from.push_back(1);
      to.push_back(times[d]);
    }
    from.push_back(in[d]);
    to.push_back(in[d]);
    if (std::int64_t{in[d]} * times[d] > kMostElements) return node.refuse(Code::too_large, "it repeats too often");
    out.push_back(in[d] * times[d]);
  }
  MOTE_TRY(x, node.reshaped(x, from));
  MOTE_TRY(x, node.emit(graph::Broadcast{}, {x}, to));
  return node.give(node.reshaped(x, out));
}

Result<void> concat(NodeReader& node) {
  std::vector<TensorId> parts;
  for (std::size_t i = 0; i < node.input_count(); ++i) {
    MOTE_TRY(const TensorId id, node.in(i));
    parts.push_back(id);
  }
  if (parts.empty()) return node.refuse(Code::malformed, "it joins nothing");
  MOTE_TRY(const std::size_t axis, node.axis(node.integer("axis", 0), node.shape(parts[0]).rank()));
  return node.give(node.emit(graph::Concat{static_cast<std::int32_t>(axis)}, parts));
}

Result<void> split(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  const Dims in = node.dims(x);
  MOTE_TRY(const std::size_t axis, node.axis(node.integer("axis", 0), in.size()));
  std::vector<std::int64_t> sizes;
  if (node.has(1) || node.attribute("split") != nullptr) {
    MOTE_TRY(sizes, node.numbers(1, "split"));
  } else {
    const auto parts = static_cast<std::int64_t>(node.output_count());
    const std::int64_t each = (in[axis] + parts - 1) / std::max<std::int64_t>(parts, 1);
    for (std::int64_t i = 0; i < parts; ++i) sizes.push_back(std::min<std::int64_t>(each, in[axis] - i * each));
  }
  std::int64_t place = 0;
  for (std::size_t i = 0; i < sizes.size() && i < node.output_count(); ++i) {
    if (sizes[i] < 1 || place + sizes[i] > in[axis])
      return node.refuse(Code::unsupported,
                         "it gives a part of " + std::to_string(sizes[i]) + " from " + node.shape(x).text());
    Slice slice{Dims(in.size(), 0), Dims(in.size(), 1)};
    slice.begin[axis] = static_cast<std::int32_t>(place);
    Dims out = in;
    out[axis] = static_cast<std::int32_t>(sizes[i]);
    place += sizes[i];
    MOTE_TRY_VOID(node.give(node.emit(slice, {x}, out), i));
  }
  return {};
}

Result<void> slice(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const std::vector<std::int64_t> starts, node.numbers(1, "starts"));
  MOTE_TRY(const std::vector<std::int64_t> ends, node.numbers(2, "ends"));
  std::vector<std::int64_t> axes, steps(starts.size(), 1);
  if (node.has(3) || node.attribute("axes") != nullptr) {
    MOTE_TRY(axes, node.numbers(3, "axes"));
  } else {
    for (std::size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  if (node.has(4)) {
    MOTE_TRY(steps, node.numbers(4));
  }
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    return node.refuse(Code::malformed, "its starts, ends, axes and steps differ in number");
  Dims out = node.dims(x);
  const std::size_t rank = out.size();
  Slice a{Dims(rank, 0), Dims(rank, 1)};
  for (std::size_t i = 0; i < starts.size(); ++i) {
    MOTE_TRY(const std::size_t axis, node.axis(axes[i], rank));
    const std::int64_t n = node.shape(x)[axis], step = steps[i];
    if (step == 0 || std::abs(step) > INT32_MAX)
      return node.refuse(Code::malformed, "it has the step " + std::to_string(step));
    const std::int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
    // Ends beyond both sides are usual: INT64_MAX, or its negative.
    const auto place = [&](std::int64_t v, std::int64_t lowest) {
      return std::clamp(v < 0 ? std::max(v, -2 * n) + n : v, lowest, high);
    };
    const std::int64_t first = place(starts[i], 0), last = place(ends[i], low);
    const std::int64_t distance = step > 0 ? last - first : first - last;
    const std::int64_t count = (distance + std::abs(step) - 1) / std::abs(step);
    if (count < 1 || first >= n) return node.refuse(Code::unsupported, "it takes nothing of " + node.shape(x).text());
    a.begin[axis] = static_cast<std::int32_t>(first);
    a.stride[axis] = static_cast<std::int32_t>(step);
    out[axis] = static_cast<std::int32_t>(count);
  }
  return node.give(node.emit(a, {x}, out));
}

Result<void> gather(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const std::vector<std::int64_t> given, node.numbers(1));
  MOTE_TRY(const TensorId index_tensor, node.in(1));
  const Dims in = node.dims(x), shape = node.dims(index_tensor);
  MOTE_TRY(const std::size_t axis, node.axis(node.integer("axis", 0), in.size()));
  std::vector<std::int32_t> indices;
  for (const std::int64_t i : given) {
    const std::int64_t at = i < 0 ? i + in[axis] : i;
    if (at < 0 || at >= in[axis])
      return node.refuse(Code::malformed, "it takes slice " + std::to_string(i) + " of " + node.shape(x).text());
    indices.push_back(static_cast<std::int32_t>(at));
  }
  MOTE_TRY(const TensorId y, node.emit(graph::Gather{static_cast<std::int32_t>(axis)}, {x, node.indices(indices)}));
  Dims out(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(axis));
  out.insert(out.end(), shape.begin(), shape.end());
  out.insert(out.end(), in.begin() + static_cast<std::ptrdiff_t>(axis) + 1, in.end());
  return node.give(node.reshaped(y, out));
}

Result<void> transpose(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  Dims permutation;
  for (const std::int64_t p : node.integers("perm")) {
    MOTE_TRY(const std::size_t axis, node.axis(p, node.shape(x).rank()));
    permutation.push_back(static_cast<std::int32_t>(axis));
  }
  for (std::size_t d = node.shape(x).rank(); permutation.size() < node.shape(x).rank();)
    permutation.push_back(static_cast<std::int32_t>(--d));
  return node.give(node.transposed(x, permutation));
}

/// Takes `indices` along each axis that has some.
Result<TensorId> gathered(NodeReader& node, TensorId x, const std::vector<std::vector<std::int32_t>>& indices) {
  for (std::size_t d = 0; d < indices.size(); ++d) {
    if (indices[d].empty()) continue;
    MOTE_TRY(x, node.emit(graph::Gather{static_cast<std::int32_t>(d)}, {x, node.indices(indices[d])}));
  }
  return x;
}

Result<void> pad(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const std::vector<std::int64_t> amounts, node.numbers(1, "pads"));
  const Dims in = node.dims(x);
  const std::size_t rank = in.size();
  if (amounts.size() != 2 * rank || node.has(3))
    return node.refuse(Code::unsupported, "its pads are not two numbers for each dimension");
  const std::string mode = node.text("mode", "constant");
  float value = node.real("value", 0.0f);
  if (node.has(2)) {
    MOTE_TRY(const TensorId id, node.constant(2));
    if (node.tensor(id).dtype != DType::f32 || node.shape(id).elements() != 1)
      return node.refuse(Code::unsupported, "it pads with something else than one float");
    value = node.tensor(id).values<float>()[0];
  }
  graph::Pad a{Dims(rank, 0), Dims(rank, 0), value, {}};
  std::vector<std::vector<std::int32_t>> indices(rank);
  for (std::size_t d = 0; d < rank; ++d) {
    const std::int64_t before = amounts[d], after = amounts[rank + d];
    if (before < 0 || after < 0 || before > kMostElements || after > kMostElements)
      return node.refuse(Code::unsupported, "it cuts or adds " + std::to_string(std::min(before, after)));
    a.before[d] = static_cast<std::int32_t>(before);
    a.after[d] = static_cast<std::int32_t>(after);
    if (mode == "constant" || (before == 0 && after == 0)) continue;
    if (before + after > 1 << 20 || (mode == "reflect" && std::max(before, after) >= in[d]))
      return node.refuse(Code::unsupported, "it mirrors more than there is");
    for (std::int64_t i = -before; i < in[d] + after; ++i) {
      const std::int64_t last = in[d] - 1;
      const std::int64_t at = mode == "reflect" ? (i < 0      ? -i
                                                   : i > last ? 2 * last - i
                                                              : i)
                                                : std::clamp<std::int64_t>(i, 0, last);
      indices[d].push_back(static_cast<std::int32_t>(at));
    }
  }
  if (mode == "constant") return node.give(node.emit(a, {x}));
  if (mode != "reflect" && mode != "edge") return node.refuse(Code::unsupported, "its mode is " + mode);
  return node.give(gathered(node, x, indices));
}

Result<void> depth_to_space(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  const Dims d = node.dims(x);
  const auto b = static_cast<std::int32_t>(std::clamp<std::int64_t>(node.integer("blocksize", 0), 0, 4096));
  if (d.size() != 4 || b < 1 || d[1] % (b * b) != 0)
    return node.refuse(Code::malformed, "its blocksize does not fit its input " + node.shape(x).text());
  const std::int32_t c = d[1] / (b * b);
  const bool crd = node.text("mode", "DCR") == "CRD";
  MOTE_TRY(const TensorId parts, node.reshaped(x, crd ? Dims{d[0] * c, b, b, d[2], d[3]} : Dims{b, b, c, d[2], d[3]}));
  if (!crd && d[0] != 1) return node.refuse(Code::unsupported, "it has a batch of " + std::to_string(d[0]));
  MOTE_TRY(const TensorId turned, node.transposed(parts, crd ? Dims{0, 3, 1, 4, 2} : Dims{2, 3, 0, 4, 1}));
  return node.give(node.reshaped(turned, {d[0], c, d[2] * b, d[3] * b}));
}
Result<void> space_to_depth(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  const Dims d = node.dims(x);
  const auto b = static_cast<std::int32_t>(std::clamp<std::int64_t>(node.integer("blocksize", 0), 0, 4096));
  if (d.size() != 4 || d[0] != 1 || b < 1 || d[2] % b != 0 || d[3] % b != 0)
    return node.refuse(Code::unsupported, "its blocksize does not fit its input " + node.shape(x).text());
  MOTE_TRY(const TensorId parts, node.reshaped(x, {d[1], d[2] / b, b, d[3] / b, b}));
  MOTE_TRY(const TensorId turned, node.transposed(parts, {2, 4, 0, 1, 3}));
  return node.give(node.reshaped(turned, {1, d[1] * b * b, d[2] / b, d[3] / b}));
}

/// Nearest neighbours along any axis; bilinear of pictures for the three usual ways to place pixels.
Result<void> resize(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  const Dims in = node.dims(x);
  const std::size_t rank = in.size();
  const bool old = node.type() == "Upsample" || node.opset() < 11;
  const std::size_t scales_input = old ? 1 : 2;
  std::vector<double> scales;
  Dims out = in;
  if (node.has(3)) {
    MOTE_TRY(const std::vector<std::int64_t> sizes, node.numbers(3));
    if (sizes.size() != rank) return node.refuse(Code::malformed, "it has " + std::to_string(sizes.size()) + " sizes");
    MOTE_TRY(out, dims_from(node, sizes));
    for (std::size_t d = 0; d < rank; ++d) scales.push_back(static_cast<double>(out[d]) / in[d]);
  } else if (node.attribute("scales") != nullptr) {
    for (const float s : node.attribute("scales")->floats()) scales.push_back(static_cast<double>(s));
  } else {
    MOTE_TRY(const TensorId id, node.constant(scales_input));
    if (node.tensor(id).dtype != DType::f32) return node.refuse(Code::malformed, "its scales are no floats");
    for (const float s : node.tensor(id).values<float>()) scales.push_back(static_cast<double>(s));
  }
  if (scales.size() != rank)
    return node.refuse(Code::malformed,
                       "it has " + std::to_string(scales.size()) + " scales for " + node.shape(x).text());
  const std::string mode = node.text("mode", "nearest"),
                    places = node.text("coordinate_transformation_mode", old ? "asymmetric" : "half_pixel");
  const std::string rounding = node.text("nearest_mode", old ? "floor" : "round_prefer_floor");
  for (std::size_t d = 0; d < rank; ++d) {
    if (!(scales[d] > 0.0) || scales[d] * in[d] > 1e6)
      return node.refuse(Code::malformed, "it has the scale " + std::to_string(scales[d]));
    if (!node.has(3)) out[d] = static_cast<std::int32_t>(std::floor(in[d] * scales[d]));
    if (out[d] < 1) return node.refuse(Code::malformed, "it gives nothing");
  }
  if (mode == "linear" && rank == 4 && out[0] == in[0] && out[1] == in[1]) {
    for (std::size_t d = 2; d < 4; ++d) {
      if (std::fabs(scales[d] - static_cast<double>(out[d]) / in[d]) > 1e-6)
        return node.refuse(Code::unsupported, "its size is not its scale times its input's");
    }
    const bool known = places == "half_pixel" || places == "align_corners" || places == "asymmetric" ||
                       (places == "pytorch_half_pixel" && out[2] > 1 && out[3] > 1);
    if (!known) return node.refuse(Code::unsupported, "it places pixels by " + places);
    const auto way = places == "align_corners" ? graph::ResizeMode::align_corners
                     : places == "asymmetric"  ? graph::ResizeMode::asymmetric
                                               : graph::ResizeMode::half_pixel;
    MOTE_TRY(const TensorId last, node.transposed(x, {0, 2, 3, 1}));
    MOTE_TRY(const TensorId y, node.emit(graph::ResizeBilinear{way}, {last}, Dims{out[0], out[2], out[3], out[1]}));
    return node.give(node.transposed(y, {0, 3, 1, 2}));
  }
  if (mode != "nearest") return node.refuse(Code::unsupported, "its mode is " + mode + " for " + node.shape(x).text());
  std::vector<std::vector<std::int32_t>> indices(rank);
  for (std::size_t d = 0; d < rank; ++d) {
    if (out[d] == in[d] && scales[d] == 1.0) continue;
    for (std::int32_t i = 0; i < out[d]; ++i) {
      double at = 0.0;
      if (places == "asymmetric")
        at = i / scales[d];
      else if (places == "half_pixel")
        at = (i + 0.5) / scales[d] - 0.5;
      else if (places == "pytorch_half_pixel")
        at = out[d] > 1 ? (i + 0.5) / scales[d] - 0.5 : 0.0;
      else if (places == "align_corners")
        at = out[d] > 1 ? static_cast<double>(i) * (in[d] - 1) / (out[d] - 1) : 0.0;
      else
        return node.refuse(Code::unsupported, "it places pixels by " + places);
      double nearest = 0.0;
      if (rounding == "floor")
        nearest = std::floor(at);
      else if (rounding == "ceil")
        nearest = std::ceil(at);
      else if (rounding == "round_prefer_floor")
        nearest = std::ceil(at - 0.5);
      else if (rounding == "round_prefer_ceil")
        nearest = std::floor(at + 0.5);
      else
        return node.refuse(Code::unsupported, "its nearest_mode is " + rounding);
      indices[d].push_back(static_cast<std::int32_t>(std::clamp(nearest, 0.0, static_cast<double>(in[d] - 1))));
    }
  }
  return node.give(gathered(node, x, indices));
}

}  // namespace

std::vector<OperatorRow> move_rows() {
  return {{"Concat", concat},
          {"Constant", constant},
          {"ConstantOfShape", constant_of_shape},
          {"DepthToSpace", depth_to_space},
          {"Expand", expand},
          {"Flatten", flatten},
          {"Gather", gather},
          {"Pad", pad},
          {"Reshape", reshape},
          {"Resize", resize},
          {"Shape", shape},
          {"Size", size},
          {"Slice", slice},
          {"SpaceToDepth", space_to_depth},
          {"Split", split},
          {"Squeeze", squeeze},
          {"Tile", tile},
          {"Transpose", transpose},
          {"Unsqueeze", unsqueeze},
          {"Upsample", resize}};
}

}  // namespace mote::formats::onnx
