// Layers with weights and windows. Files have pictures as [N,C,H,W]; the graph works on [1,H,W,C], with a transpose in
// front and one behind.

#include <algorithm>
#include <cmath>

#include "../node_reader.hpp"

namespace mote::formats::onnx {
namespace {

using graph::Conv2D;
using graph::DType;
using graph::TensorId;

constexpr std::int32_t kMostWindow = 1 << 15;

Result<TensorId> channels_last(NodeReader& node, TensorId x) { return node.transposed(x, {0, 2, 3, 1}); }
Result<TensorId> channels_first(NodeReader& node, TensorId x) { return node.transposed(x, {0, 3, 1, 2}); }

/// A picture with a height: sequences [N,C,L] become [N,C,1,L].
Result<TensorId> as_picture(NodeReader& node, TensorId x) {
  const Dims d = node.dims(x);
  if (d.size() == 4) return x;
  if (d.size() != 3)
    return node.refuse(Code::unsupported,
                       "its input has the shape " + node.shape(x).text() + "; [N,C,H,W] and [N,C,L] are possible");
  return node.reshaped(x, {d[0], d[1], 1, d[2]});
}
/// Back to what the file expects.
Result<void> give_picture(NodeReader& node, TensorId y, std::size_t rank) {
  MOTE_TRY(const TensorId first, channels_first(node, y));
  if (rank == 4) return node.give(first);
  const Dims d = node.dims(first);
  return node.give(node.reshaped(first, {d[0], d[1], d[3]}));
}

/// A window's attributes, height and width; those of sequences have no height.
struct Window {
  Dims kernel, stride{1, 1}, dilation{1, 1}, begin{0, 0}, end{0, 0};
};

Result<void> two_numbers(NodeReader& node, std::string_view name, Dims& to, std::int32_t least) {
  const std::vector<std::int64_t> given = node.integers(name);
  if (given.empty()) return {};
  if (given.size() > 2)
    return node.refuse(Code::unsupported, "its windows have " + std::to_string(given.size()) + " dimensions");
  for (const std::int64_t v : given) {
    if (v < least || v > kMostWindow)
      return node.refuse(Code::malformed, "its " + std::string(name) + " has the value " + std::to_string(v));
  }
  to = given.size() == 2 ? Dims{static_cast<std::int32_t>(given[0]), static_cast<std::int32_t>(given[1])}
                         : Dims{1, static_cast<std::int32_t>(given[0])};
  if (given.size() == 1 && least == 0) to[0] = 0;
  return {};
}

/// @param kernel  height and width; empty: attribute kernel_shape
Result<Window> window_of(NodeReader& node, const graph::Shape& picture, Dims kernel) {
  Window w;
  w.kernel = std::move(kernel);
  if (w.kernel.empty()) {
    MOTE_TRY_VOID(two_numbers(node, "kernel_shape", w.kernel, 1));
    if (w.kernel.empty()) return node.refuse(Code::malformed, "it has no kernel_shape");
  }
  MOTE_TRY_VOID(two_numbers(node, "strides", w.stride, 1));
  MOTE_TRY_VOID(two_numbers(node, "dilations", w.dilation, 1));
  const std::vector<std::int64_t> pads = node.integers("pads");
  if (!pads.empty()) {
    if (pads.size() != 4 && pads.size() != 2)
      return node.refuse(Code::malformed, "it has " + std::to_string(pads.size()) + " pads");
    for (const std::int64_t v : pads) {
      if (v < 0 || v > kMostWindow) return node.refuse(Code::unsupported, "it has a pad of " + std::to_string(v));
    }
    const std::size_t half = pads.size() / 2;
    for (std::size_t d = 0; d < half; ++d) {
      w.begin[2 - half + d] = static_cast<std::int32_t>(pads[d]);
      w.end[2 - half + d] = static_cast<std::int32_t>(pads[half + d]);
    }
  }
  const std::string automatic = node.text("auto_pad", "NOTSET");
  if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
    for (std::size_t d = 0; d < 2; ++d) {
      const auto [before, after] = graph::same_padding(picture[2 + d], w.kernel[d], w.stride[d], w.dilation[d]);
      w.begin[d] = automatic == "SAME_UPPER" ? before : after;
      w.end[d] = automatic == "SAME_UPPER" ? after : before;
    }
  } else if (automatic == "VALID") {
    w.begin = w.end = {0, 0};
  } else if (automatic != "NOTSET") {
    return node.refuse(Code::unsupported, "its auto_pad is " + automatic);
  }
  return w;
}

/// Pads that a layer takes itself, or a Pad in front where they are larger than its window.
Result<graph::Pads> pads_or_pad(NodeReader& node, TensorId& x, const Window& w) {
  const graph::Pads pads{w.begin[0], w.end[0], w.begin[1], w.end[1]};
  if (pads.within((w.kernel[0] - 1) * w.dilation[0] + 1, (w.kernel[1] - 1) * w.dilation[1] + 1)) return pads;
  MOTE_TRY(x, node.emit(graph::Pad{{0, w.begin[0], w.begin[1], 0}, {0, w.end[0], w.end[1], 0}, 0.0f, {}}, {x}));
  return graph::Pads{};
}

/// Elements [first, first + count) along `axis`.
Result<TensorId> part(NodeReader& node, TensorId x, std::size_t axis, std::int32_t first, std::int32_t count) {
  Dims d = node.dims(x);
  if (first == 0 && d[axis] == count) return x;
  graph::Slice slice{Dims(d.size(), 0), Dims(d.size(), 1)};
  slice.begin[axis] = first;
  d[axis] = count;
  return node.emit(slice, {x}, d);
}

Result<TensorId> weights_as_picture(NodeReader& node, TensorId w) {
  if (node.tensor(w).dtype != DType::f32)
    return node.refuse(Code::unsupported, "its weights are " + std::string(graph::name(node.tensor(w).dtype)));
  return as_picture(node, w);
}

Result<void> conv(NodeReader& node) {
  MOTE_TRY(const TensorId given, node.in(0));
  MOTE_TRY(const TensorId given_weights, node.constant(1));
  MOTE_TRY(const TensorId picture, as_picture(node, given));
  MOTE_TRY(const TensorId w, weights_as_picture(node, given_weights));
  const Dims weights = node.dims(w);
  const std::int32_t channels = node.shape(picture)[1];
  const std::int64_t groups = node.integer("group", 1);
  if (groups < 1 || groups > channels || weights[0] % groups != 0 || std::int64_t{weights[1]} * groups != channels) {
    return node.refuse(Code::malformed, "its weights " + node.shape(w).text() + " in " + std::to_string(groups) +
                                            " groups do not fit its input " + node.shape(picture).text());
  }
  MOTE_TRY(const Window window, window_of(node, node.shape(picture), {weights[2], weights[3]}));
  MOTE_TRY(TensorId x, channels_last(node, picture));
  MOTE_TRY(const graph::Pads pads, pads_or_pad(node, x, window));
  TensorId bias = graph::kNoTensor;
  if (node.has(2)) {
    MOTE_TRY(bias, node.constant(2));
  }
  const auto inputs = [&](TensorId value, TensorId matrix, TensorId b) {
    std::vector<TensorId> ids{value, matrix};
    if (b != graph::kNoTensor) ids.push_back(b);
    return ids;
  };
  TensorId y = graph::kNoTensor;
  if (groups == channels && groups > 1) {
    MOTE_TRY(const TensorId matrix, node.transposed(w, {1, 2, 3, 0}));
    node.keep_scales(given_weights, 0, matrix, 3);
    const graph::DepthwiseConv2D a{window.stride[0],       window.stride[1],      window.dilation[0],
                                   window.dilation[1],     weights[0] / channels, pads,
                                   graph::Activation::none};
    MOTE_TRY(y, node.emit(a, inputs(x, matrix, bias)));
  } else {
    const Conv2D a{window.stride[0],       window.stride[1], window.dilation[0], window.dilation[1], pads,
                   graph::Activation::none};
    MOTE_TRY(const TensorId matrix, node.transposed(w, {0, 2, 3, 1}));
    std::vector<TensorId> parts;
    const auto outputs = static_cast<std::int32_t>(weights[0] / groups);
    for (std::int32_t g = 0; g < groups; ++g) {
      MOTE_TRY(const TensorId from, part(node, x, 3, g * weights[1], weights[1]));
      MOTE_TRY(const TensorId filters, part(node, matrix, 0, g * outputs, outputs));
      node.keep_scales(given_weights, 0, filters, 0, g * outputs);
      TensorId b = bias;
      if (b != graph::kNoTensor) {
        MOTE_TRY(b, part(node, bias, 0, g * outputs, outputs));
      }
      MOTE_TRY(const TensorId out, node.emit(a, inputs(from, filters, b)));
      parts.push_back(out);
    }
    y = parts[0];
    if (parts.size() > 1) {
      MOTE_TRY(y, node.emit(graph::Concat{3}, parts));
    }
  }
  return give_picture(node, y, node.shape(given).rank());
}

/// Zeros between and around the input, then a convolution with the kernel turned about.
Result<void> conv_transpose(NodeReader& node) {
  MOTE_TRY(const TensorId given, node.in(0));
  MOTE_TRY(TensorId w, node.constant(1));
  MOTE_TRY(const TensorId picture, as_picture(node, given));
  MOTE_TRY(w, weights_as_picture(node, w));
  const Dims weights = node.dims(w), in = node.dims(picture);
  if (node.integer("group", 1) != 1 || weights[0] != in[1])
    return node.refuse(Code::unsupported,
                       "it has groups, or weights " + node.shape(w).text() + " for " + node.shape(picture).text());
  const std::string automatic = node.text("auto_pad", "NOTSET");
  MOTE_TRY(Window window, window_of(node, node.shape(picture), {weights[2], weights[3]}));
  Dims extra{0, 0}, size;
  MOTE_TRY_VOID(two_numbers(node, "output_padding", extra, 0));
  MOTE_TRY_VOID(two_numbers(node, "output_shape", size, 1));
  graph::Pad pad{{0, 0, 0, 0}, {0, 0, 0, 0}, 0.0f, {0, window.stride[0] - 1, window.stride[1] - 1, 0}};
  for (std::size_t d = 0; d < 2; ++d) {
    const std::int32_t extent = (weights[2 + d] - 1) * window.dilation[d] + 1,
                       spread = (in[2 + d] - 1) * window.stride[d] + 1;
    const bool same = automatic == "SAME_UPPER" || automatic == "SAME_LOWER";
    if (!size.empty() || same) {
      const std::int32_t wanted = size.empty() ? in[2 + d] * window.stride[d] : size[d];
      const std::int32_t total = spread + extent - 1 + extra[d] - wanted;
      const std::int32_t half = (total - (total < 0 ? 1 : 0)) / 2;  // rounded down
      window.begin[d] = automatic == "SAME_UPPER" ? half : total - half;
      window.end[d] = total - window.begin[d];
    }
    pad.before[1 + d] = extent - 1 - window.begin[d];
    pad.after[1 + d] = extent - 1 - window.end[d] + extra[d];
    if (pad.before[1 + d] < 0 || pad.after[1 + d] < 0)
      return node.refuse(Code::unsupported, "its pads cut more than its window gives");
  }
  MOTE_TRY(const TensorId x, channels_last(node, picture));
  MOTE_TRY(const TensorId spread, node.emit(pad, {x}));
  MOTE_TRY(const TensorId ordered, node.transposed(w, {1, 2, 3, 0}));
  const Dims d = node.dims(ordered);
  MOTE_TRY(const TensorId turned, node.emit(graph::Slice{{0, d[1] - 1, d[2] - 1, 0}, {1, -1, -1, 1}}, {ordered}, d));
  std::vector<TensorId> inputs{spread, turned};
  if (node.has(2)) {
    MOTE_TRY(const TensorId bias, node.constant(2));
    inputs.push_back(bias);
  }
  MOTE_TRY(const TensorId y,
           node.emit(Conv2D{1, 1, window.dilation[0], window.dilation[1], {}, graph::Activation::none}, inputs));
  return give_picture(node, y, node.shape(given).rank());
}

template <graph::PoolKind kKind>
Result<void> pool(NodeReader& node) {
  MOTE_TRY(const TensorId given, node.in(0));
  MOTE_TRY(const TensorId picture, as_picture(node, given));
  MOTE_TRY(Window window, window_of(node, node.shape(picture), {}));
  if (window.dilation != Dims{1, 1}) return node.refuse(Code::unsupported, "its window is dilated");
  if (node.output_count() > 1) return node.refuse(Code::unsupported, "it also gives indices");
  const bool counts_pads = kKind == graph::PoolKind::average && node.integer("count_include_pad", 0) != 0;
  const bool ceil = node.integer("ceil_mode", 0) != 0;
  for (std::size_t d = 0; d < 2 && ceil; ++d) {
    const std::int32_t rest =
        (node.shape(picture)[2 + d] + window.begin[d] + window.end[d] - window.kernel[d]) % window.stride[d];
    if (rest > 0) window.end[d] += window.stride[d] - rest;
  }
  if (counts_pads && ceil) return node.refuse(Code::unsupported, "it rounds up and counts pads");
  MOTE_TRY(TensorId x, channels_last(node, picture));
  graph::Pads pads{window.begin[0], window.end[0], window.begin[1], window.end[1]};
  if (counts_pads) {
    MOTE_TRY(x, node.emit(graph::Pad{{0, pads.top, pads.left, 0}, {0, pads.bottom, pads.right, 0}, 0.0f, {}}, {x}));
    pads = {};
  }
  const graph::Pool2D a{kKind, window.kernel[0],       window.kernel[1], window.stride[0], window.stride[1],
                        pads,  graph::Activation::none};
  MOTE_TRY(const TensorId y, node.emit(a, {x}));
  return give_picture(node, y, node.shape(given).rank());
}

template <graph::ReduceKind kKind>
Result<void> global_pool(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  const Dims d = node.dims(x);
  if (d.size() < 3) return node.refuse(Code::malformed, "its input has the shape " + node.shape(x).text());
  if (d.size() == 4 && d[0] == 1) {
    MOTE_TRY(const TensorId last, channels_last(node, x));
    const graph::Pool2D a{kKind == graph::ReduceKind::mean ? graph::PoolKind::average : graph::PoolKind::max,
                          d[2],
                          d[3],
                          d[2],
                          d[3],
                          {},
                          graph::Activation::none};
    MOTE_TRY(const TensorId y, node.emit(a, {last}));
    return give_picture(node, y, 4);
  }
  graph::Reduce a{kKind, {}};
  for (std::size_t i = 2; i < d.size(); ++i) a.axes.push_back(static_cast<std::int32_t>(i));
  return node.give(node.emit(a, {x}));
}

Result<void> batch_norm(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  if (node.integer("training_mode", 0) != 0 || node.output_count() > 1)
    return node.refuse(Code::unsupported, "it is in training mode");
  std::vector<TensorId> inputs{x};
  for (std::size_t i = 1; i < 5; ++i) {
    MOTE_TRY(const TensorId p, node.constant(i));
    inputs.push_back(p);
  }
  const std::size_t rank = node.shape(x).rank();
  const graph::BatchNorm a{node.real("epsilon", 1e-5f)};
  if (rank <= 2) return node.give(node.emit(a, inputs));
  Dims last{0}, first{0, static_cast<std::int32_t>(rank) - 1};
  for (std::size_t d = 2; d < rank; ++d) last.push_back(static_cast<std::int32_t>(d));
  last.push_back(1);
  for (std::size_t d = 1; d + 1 < rank; ++d) first.push_back(static_cast<std::int32_t>(d));
  MOTE_TRY(inputs[0], node.transposed(x, last));
  MOTE_TRY(const TensorId y, node.emit(a, inputs));
  return node.give(node.transposed(y, first));
}

/// x [rows, depth] times weights [outputs, depth]^T.
Result<TensorId> product(NodeReader& node, TensorId x, TensorId weights, TensorId bias) {
  const std::int32_t rows = node.shape(x)[0], depth = node.shape(x)[1], outputs = node.shape(weights)[0];
  std::vector<TensorId> inputs{x, weights};
  if (bias != graph::kNoTensor) inputs.push_back(bias);
  if (rows == 1) return node.emit(graph::Dense{}, inputs);
  MOTE_TRY(inputs[0], node.reshaped(x, {1, rows, 1, depth}));
  MOTE_TRY(inputs[1], node.reshaped(weights, {outputs, 1, 1, depth}));
  node.keep_scales(weights, 0, inputs[1], 0);
  MOTE_TRY(const TensorId y, node.emit(Conv2D{}, inputs));
  return node.reshaped(y, {rows, outputs});
}

Result<void> gemm(NodeReader& node) {
  MOTE_TRY(TensorId a, node.in(0));
  MOTE_TRY(TensorId b, node.constant(1));
  if (node.shape(a).rank() != 2 || node.shape(b).rank() != 2)
    return node.refuse(Code::malformed, "its inputs are no matrices");
  if (node.integer("transA", 0) != 0) {
    MOTE_TRY(a, node.transposed(a, {1, 0}));
  }
  if (node.integer("transB", 0) == 0) {
    const TensorId given = b;
    MOTE_TRY(b, node.transposed(given, {1, 0}));
    node.keep_scales(given, 1, b, 0);
  } else {
    node.keep_scales(b, 0, b, 0);
  }
  if (node.shape(a)[1] != node.shape(b)[1])
    return node.refuse(Code::malformed,
                       "it multiplies " + node.shape(a).text() + " and " + node.shape(b).text() + " (transposed)");
  const float alpha = node.real("alpha", 1.0f), beta = node.real("beta", 1.0f);
  if (alpha != 1.0f) {
    MOTE_TRY(const TensorId k, node.floats({alpha}, {1}));
    MOTE_TRY(b, node.emit(graph::Binary{graph::BinaryKind::mul}, {b, k}));
  }
  TensorId c = graph::kNoTensor;
  if (node.has(2) && beta != 0.0f) {
    MOTE_TRY(c, node.in(2));
    if (beta != 1.0f) {
      MOTE_TRY(const TensorId k, node.floats({beta}, {1}));
      MOTE_TRY(c, node.emit(graph::Binary{graph::BinaryKind::mul}, {c, k}));
    }
  }
  const std::int32_t outputs = node.shape(b)[0];
  const bool is_bias = c != graph::kNoTensor && node.tensor(c).is_constant() &&
                       node.shape(c).elements() == static_cast<std::size_t>(outputs) && node.shape(c).back() == outputs;
  if (c == graph::kNoTensor || is_bias) {
    if (is_bias) {
      MOTE_TRY(c, node.reshaped(c, {outputs}));
    }
    return node.give(product(node, a, b, c));
  }
  MOTE_TRY(const TensorId y, product(node, a, b, graph::kNoTensor));
  return node.give(node.emit(graph::Add{}, {y, c}));
}

/// Products of computed matrices: those of the dimensions in front one by one.
Result<void> matmul_of_values(NodeReader& node, TensorId a, TensorId b) {
  if (node.shape(a).rank() < 2 || node.shape(b).rank() < 2)
    return node.refuse(Code::unsupported, "it multiplies " + node.shape(a).text() + " and " + node.shape(b).text());
  // To one rank, and the dimensions in front to one size.
  const std::size_t rank = std::max(node.shape(a).rank(), node.shape(b).rank());
  for (TensorId* x : {&a, &b}) {
    Dims d = node.dims(*x);
    d.insert(d.begin(), rank - d.size(), 1);
    MOTE_TRY(*x, node.reshaped(*x, d));
  }
  Dims da = node.dims(a), db = node.dims(b);
  for (std::size_t i = 0; i + 2 < rank; ++i) da[i] = db[i] = std::max(da[i], db[i]);
  if (da != node.dims(a)) {
    MOTE_TRY(a, node.emit(graph::Broadcast{}, {a}, da));
  }
  if (db != node.dims(b)) {
    MOTE_TRY(b, node.emit(graph::Broadcast{}, {b}, db));
  }
  return node.give(node.emit(graph::MatMul{}, {a, b}));
}

Result<void> matmul(NodeReader& node) {
  MOTE_TRY(const TensorId a, node.in(0));
  MOTE_TRY(const TensorId b, node.in(1));
  if (!node.tensor(b).is_constant() || node.shape(b).rank() != 2) return matmul_of_values(node, a, b);
  Dims d = node.dims(a);
  const Dims m = node.dims(b);
  if (d.size() < 2 || m.size() != 2)
    return node.refuse(Code::unsupported, "it multiplies " + node.shape(a).text() + " and " + node.shape(b).text() +
                                              "; the second must be one matrix");
  if (d.back() != m[0])
    return node.refuse(Code::malformed, "it multiplies " + node.shape(a).text() + " and " + node.shape(b).text());
  const auto rows = static_cast<std::int32_t>(node.shape(a).elements() / static_cast<std::size_t>(m[0]));
  MOTE_TRY(const TensorId flat, node.reshaped(a, {rows, m[0]}));
  MOTE_TRY(const TensorId weights, node.transposed(b, {1, 0}));
  node.keep_scales(b, 1, weights, 0);
  MOTE_TRY(const TensorId y, product(node, flat, weights, graph::kNoTensor));
  d.back() = m[1];
  return node.give(node.reshaped(y, d));
}

}  // namespace

std::vector<OperatorRow> layer_rows() {
  return {{"AveragePool", pool<graph::PoolKind::average>},
          {"BatchNormalization", batch_norm},
          {"Conv", conv},
          {"ConvTranspose", conv_transpose},
          {"Gemm", gemm},
          {"GlobalAveragePool", global_pool<graph::ReduceKind::mean>},
          {"GlobalMaxPool", global_pool<graph::ReduceKind::maximum>},
          {"MatMul", matmul},
          {"MaxPool", pool<graph::PoolKind::max>}};
}

}  // namespace mote::formats::onnx
