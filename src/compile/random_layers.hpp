#pragma once
// Private to the tests: random int8 layers of every odd geometry.

#include <algorithm>
#include <vector>

#include "mote/base/rng.hpp"
#include "mote/graph/graph.hpp"

namespace mote::compile::testing {

inline graph::Quantization random_quantization(Rng& rng, bool relu_like = false) {
  return graph::Quantization::per_tensor(static_cast<float>(rng.uniform(0.005, 0.1)),
                                         relu_like ? -128 : static_cast<std::int32_t>(rng.between(-128, 127)));
}

inline graph::TensorId random_weights(graph::Graph& g, Rng& rng, const graph::Shape& shape, std::int32_t axis,
                                      std::size_t channels, const graph::Quantization& input, double gain) {
  std::vector<std::int8_t> w(shape.elements());
  for (auto& v : w) v = static_cast<std::int8_t>(rng.between(-127, 127));
  graph::Quantization q;
  q.axis = axis;
  const double fan_in = static_cast<double>(shape.elements()) / static_cast<double>(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    // So that sums land inside the output's range: typical |sum| is 74 * 74 * sqrt(fan_in).
    q.scales.push_back(static_cast<float>(gain * rng.uniform(0.5, 1.5) /
                                          (static_cast<double>(input.scale()) * 5500.0 * std::sqrt(fan_in))));
    q.zero_points.push_back(0);
  }
  // A dead channel now and then, with a scale that means nothing.
  const std::size_t inner = w.size() / channels;
  for (std::size_t c = 0; channels > 1 && c < channels; ++c) {
    if (!rng.chance(0.1)) continue;
    q.scales[c] = rng.chance(0.5) ? 1e-12f : 0.5f;
    for (std::size_t i = 0; i < inner; ++i) w[axis == 0 ? c * inner + i : i * channels + c] = 0;
  }
  if (channels == 1) q.axis = 0;
  return g.add_tensor({"w" + std::to_string(g.tensors().size()), graph::DType::i8, shape, q,
                       graph::constant_data(std::span<const std::int8_t>(w))});
}

inline graph::TensorId random_bias(graph::Graph& g, Rng& rng, std::size_t channels) {
  std::vector<std::int32_t> b(channels);
  for (auto& v : b) v = static_cast<std::int32_t>(rng.between(-20000, 20000));
  return g.add_tensor({"b" + std::to_string(g.tensors().size()),
                       graph::DType::i32,
                       {static_cast<std::int32_t>(channels)},
                       {},
                       graph::constant_data(std::span<const std::int32_t>(b))});
}

/// One convolution or depthwise layer as a graph.
inline graph::Graph random_conv(Rng& rng, bool depthwise) {
  using namespace graph;
  Graph g("random");
  const auto pick = [&](std::int64_t low, std::int64_t high) {
    return static_cast<std::int32_t>(rng.between(low, high));
  };
  const Shape x{1, pick(1, 9), pick(1, 9), pick(1, 13)};
  const std::int32_t kh = pick(1, std::min(4, x[1])), kw = pick(1, std::min(4, x[2])),
                     co = depthwise ? x[3] : pick(1, 11);
  const std::int32_t sh = pick(1, 2), sw = pick(1, 2);
  Pads pads;
  if (rng.chance(0.6)) {
    const auto [t, b] = same_padding(x[1], kh, sh);
    const auto [l, r] = same_padding(x[2], kw, sw);
    pads = {t, b, l, r};
  }
  const Shape y{1, window_output(x[1], kh, sh, 1, pads.top, pads.bottom),
                window_output(x[2], kw, sw, 1, pads.left, pads.right), co};
  const Quantization qx = random_quantization(rng, rng.chance(0.5));
  const Quantization qy = random_quantization(rng, rng.chance(0.5));
  const TensorId in = g.add_tensor({"x", DType::i8, x, qx, nullptr});
  const TensorId out = g.add_tensor({"y", DType::i8, y, qy, nullptr});
  const Shape ws = depthwise ? Shape{1, kh, kw, co} : Shape{co, kh, kw, x[3]};
  const TensorId w = random_weights(g, rng, ws, depthwise ? 3 : 0, static_cast<std::size_t>(co), qx,
                                    static_cast<double>(qy.scale()) * 60.0);
  const TensorId b = random_bias(g, rng, static_cast<std::size_t>(co));
  const Activation act = rng.chance(0.5) ? Activation::relu : Activation::none;
  if (depthwise) {
    DepthwiseConv2D a;
    a.stride_h = sh;
    a.stride_w = sw;
    a.pads = pads;
    a.activation = act;
    g.add_op({"op", a, {in, w, b}, {out}});
  } else {
    Conv2D a;
    a.stride_h = sh;
    a.stride_w = sw;
    a.pads = pads;
    a.activation = act;
    g.add_op({"op", a, {in, w, b}, {out}});
  }
  g.set_inputs({in});
  g.set_outputs({out});
  return g;
}

inline Bytes random_bytes(Rng& rng, std::size_t n) {
  Bytes bytes(n);
  for (auto& b : bytes) b = static_cast<std::uint8_t>(rng.next());
  return bytes;
}

}  // namespace mote::compile::testing
