#pragma once
// For tests: networks of random layers whose every kernel is worth holding against the host's executor.

#include <cmath>

#include "mote/base/rng.hpp"
#include "mote/graph/graph.hpp"
#include "mote/graph/logic.hpp"
#include "mote/graph/quantization.hpp"

namespace mote::graph {

/// Layers one behind the other, of every odd geometry, whose sums land inside int8.
class RandomNetwork {
 public:
  explicit RandomNetwork(std::uint64_t seed) : rng_(seed), g_("random") {}

  Graph build() {
    TensorId x = value({1, pick(3, 14), pick(1, 14), pick(1, 9)}, rng_.chance(0.5));
    g_.set_inputs({x});
    const int layers = pick(5, 9);
    for (int i = 0; i < layers; ++i) {
      if (rng_.chance(0.12))
        x = add(x, conv(x, false, true));
      else if (rng_.chance(0.3))
        x = other(x);
      else
        x = conv(x, rng_.chance(0.35), false);
    }
    if (rng_.chance(0.5)) x = dense(x, pick(1, 40), false);
    g_.set_outputs({x});
    return std::move(g_);
  }

  /// Pictures through convolutions, depthwise layers, tables and sums.
  Graph build_pictures() {
    TensorId x = value({1, pick(8, 16), 2 * pick(3, 8), 4 * pick(1, 4)}, rng_.chance(0.5));
    g_.set_inputs({x});
    for (int i = 0; i < 3; ++i) {
      x = conv_3x3(x);
      if (rng_.chance(0.5)) x = conv(x, true, false);
      if (rng_.chance(0.3)) x = op(Unary{UnaryKind::logistic, 0.0f}, {x}, logistic_of(x));
      if (rng_.chance(0.3)) x = add(x, conv(x, false, true));
    }
    g_.set_outputs({x});
    return std::move(g_);
  }

  /// Dense layers of all sizes, with sums and weights that fit packed weights and that do not.
  Graph build_dense() {
    const bool large = rng_.chance(0.4);
    TensorId x = value({1, large ? pick(900, 1400) : pick(1, 300)}, rng_.chance(0.5));
    g_.set_inputs({x});
    const int layers = pick(4, 7);
    for (int i = 0; i < layers; ++i) x = dense(x, rng_.chance(0.3) ? pick(1, 4) : pick(5, 70), true);
    g_.set_outputs({x});
    return std::move(g_);
  }

  /// Depthwise layers over channels that fill vectors, that do not, and that fill one several times.
  Graph build_depthwise() {
    constexpr std::int32_t kChannels[] = {2, 4, 8, 12, 16, 20, 33, 64};
    TensorId x = value({1, pick(5, 12), pick(5, 12), kChannels[pick(0, 7)]}, rng_.chance(0.5));
    g_.set_inputs({x});
    for (int i = 0; i < 4; ++i) {
      const Shape in = g_.tensor(x).shape;
      Window w;
      w.kernel_h = std::min(pick(1, 5), in[1]);
      w.kernel_w = std::min(pick(1, 5), in[2]);
      w.stride_h = in[1] < 4 ? 1 : pick(1, 3);
      w.stride_w = in[2] < 4 || rng_.chance(0.5) ? 1 : pick(1, 3);
      if (rng_.chance(0.25) && (w.kernel_h - 1) * 2 < in[1] && (w.kernel_w - 1) * 2 < in[2]) w.dilation = 2;
      x = window_layer(x, true, w, in[3], rng_.chance(0.6));
    }
    g_.set_outputs({x});
    return std::move(g_);
  }

  Graph build_3x3() {
    TensorId x = value({1, pick(4, 21), pick(4, 21), 4 * pick(1, 8)}, rng_.chance(0.5));
    g_.set_inputs({x});
    for (int i = 0; i < 3; ++i) x = conv_3x3(x);
    g_.set_outputs({x});
    return std::move(g_);
  }

 private:
  std::int32_t pick(std::int64_t low, std::int64_t high) { return static_cast<std::int32_t>(rng_.between(low, high)); }
  Quantization quantization(bool relu) {
    return Quantization::per_tensor(static_cast<float>(rng_.uniform(0.01, 0.05)), relu ? -128 : pick(-100, 100));
  }
  std::string fresh(const char* what) { return what + std::to_string(g_.tensors().size()); }
  TensorId value(Shape shape, bool relu) {
    return g_.add_tensor({fresh("t"), DType::i8, std::move(shape), quantization(relu), nullptr});
  }

  /// Weights with a scale for each channel: outputs spread over the range of `out`. Now and then a dead channel, or one
  /// with tiny weights.
  TensorId weights(const Shape& shape, std::int32_t axis, const Quantization& in, const Quantization& out,
                   std::size_t fan_in) {
    std::vector<std::int8_t> w(shape.elements());
    const auto channels = static_cast<std::size_t>(shape[static_cast<std::size_t>(axis)]);
    const std::size_t inner = axis == 0 ? w.size() / channels : 1;
    Quantization q;
    q.axis = axis;
    std::vector<int> kind(channels);
    for (auto& k : kind) k = rng_.chance(0.06) ? 0 : rng_.chance(0.06) ? 1 : 2;
    // -128 in some layers, as other quantizers than TensorFlow's have it.
    const double lowest = rng_.chance(0.1) ? 0.01 : 0.0;
    for (std::size_t i = 0; i < w.size(); ++i) {
      const std::size_t c = i / inner % channels;
      w[i] = static_cast<std::int8_t>(kind[c] == 0 ? 0 : rng_.chance(lowest) ? -128 : pick(-127, 127));
    }
    for (std::size_t c = 0; c < channels; ++c) {
      const double spread = 74.0 * 74.0 * std::sqrt(static_cast<double>(fan_in)) * static_cast<double>(in.scale());
      double scale = 60.0 * static_cast<double>(out.scale()) * rng_.uniform(0.4, 1.6) / spread;
      if (kind[c] == 0) scale = rng_.chance(0.5) ? 1e-12 : 0.4;
      if (kind[c] == 1) scale *= std::pow(2.0, -pick(2, 8));
      q.scales.push_back(static_cast<float>(scale));
      q.zero_points.push_back(0);
    }
    if (channels == 1) q.axis = 0;
    // Weights that were uint8.
    if (rng_.chance(0.08)) q.zero_points.assign(channels, pick(-40, 40));
    return g_.add_tensor({fresh("w"), DType::i8, shape, q, constant_data(std::span<const std::int8_t>(w))});
  }
  TensorId bias(std::int32_t channels) {
    std::vector<std::int32_t> b(static_cast<std::size_t>(channels));
    for (auto& v : b) v = pick(-20000, 20000);
    return g_.add_tensor({fresh("b"), DType::i32, {channels}, {}, constant_data(std::span<const std::int32_t>(b))});
  }

  TensorId conv(TensorId x, bool depthwise, bool same_shape) {
    const Shape in = g_.tensor(x).shape;
    const bool wide = depthwise && rng_.chance(0.3);  // lines of up to 11 taps
    const std::int32_t kh = same_shape ? 1 : std::min(pick(1, wide ? 3 : 5), in[1]),
                       kw = same_shape ? 1
                                       : std::min(wide               ? pick(6, 11)
                                                  : rng_.chance(0.5) ? kh
                                                                     : pick(1, 5),
                                                  in[2]);
    const std::int32_t sh = same_shape || in[1] < 5 ? 1 : pick(1, 2), sw = same_shape || in[2] < 5 ? 1
                                                                           : rng_.chance(0.7)      ? sh
                                                                                                   : pick(1, 2);
    const std::int32_t dilation = !same_shape && !depthwise && sh == 1 && sw == 1 && rng_.chance(0.1) &&
                                          (kh - 1) * 2 < in[1] && (kw - 1) * 2 < in[2]
                                      ? 2
                                      : 1;
    const bool same = rng_.chance(0.6);
    const std::int32_t co = depthwise || same_shape ? in[3] : rng_.chance(0.5) ? 4 * pick(1, 6) : pick(1, 23);
    return window_layer(x, depthwise, {kh, kw, sh, sw, dilation}, co, same);
  }
  struct Window {
    std::int32_t kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation = 1;
  };
  TensorId window_layer(TensorId x, bool depthwise, const Window& window, std::int32_t co, bool same) {
    const Shape in = g_.tensor(x).shape;
    const auto [kh, kw, sh, sw, dilation] = window;
    Pads pads;
    if (same) {
      const auto [t, b] = same_padding(in[1], kh, sh, dilation);
      const auto [l, r] = same_padding(in[2], kw, sw, dilation);
      pads = {t, b, l, r};
    }
    const bool relu = rng_.chance(0.6);
    const Shape shape{1, window_output(in[1], kh, sh, dilation, pads.top, pads.bottom),
                      window_output(in[2], kw, sw, dilation, pads.left, pads.right), co};
    const TensorId y = value(shape, relu && rng_.chance(0.8));
    const Shape ws = depthwise ? Shape{1, kh, kw, co} : Shape{co, kh, kw, in[3]};
    const TensorId w = weights(ws, depthwise ? 3 : 0, g_.tensor(x).quantization, g_.tensor(y).quantization,
                               ws.elements() / static_cast<std::size_t>(co));
    const TensorId b = bias(co);
    const Activation activation = relu ? (rng_.chance(0.2) ? Activation::relu6 : Activation::relu) : Activation::none;
    if (depthwise) {
      g_.add_op({fresh("op"), DepthwiseConv2D{sh, sw, dilation, dilation, 1, pads, activation}, {x, w, b}, {y}});
    } else {
      g_.add_op({fresh("op"), Conv2D{sh, sw, dilation, dilation, pads, activation}, {x, w, b}, {y}});
    }
    return y;
  }
  TensorId logistic_of(TensorId x) {
    const TensorId y = value(g_.tensor(x).shape, false);
    g_.tensor(y).quantization = Quantization::per_tensor(1.0f / 256.0f, -128);
    return y;
  }
  TensorId conv_3x3(TensorId x) {
    const Shape in = g_.tensor(x).shape;
    const bool padded = in[1] < 6 || in[2] < 6 || rng_.chance(0.7);
    const Pads pads = padded ? Pads{1, 1, 1, 1} : Pads{};
    const std::int32_t less = padded ? 0 : 2, co = rng_.chance(0.6) ? 4 * pick(1, 9) : pick(4, 37);
    const bool relu = rng_.chance(0.6);
    const TensorId y = value({1, in[1] - less, in[2] - less, co}, relu && rng_.chance(0.8));
    const TensorId w = weights({co, 3, 3, in[3]}, 0, g_.tensor(x).quantization, g_.tensor(y).quantization,
                               static_cast<std::size_t>(9 * in[3]));
    const TensorId b = bias(co);
    const Activation activation = relu ? (rng_.chance(0.2) ? Activation::relu6 : Activation::relu) : Activation::none;
    g_.add_op({fresh("op"), Conv2D{1, 1, 1, 1, pads, activation}, {x, w, b}, {y}});
    return y;
  }
  TensorId add(TensorId a, TensorId b) {
    const TensorId y = value(g_.tensor(a).shape, false);
    g_.add_op({fresh("op"), Add{rng_.chance(0.5) ? Activation::relu : Activation::none}, {a, b}, {y}});
    return y;
  }
  TensorId op(Attributes attributes, std::vector<TensorId> inputs, TensorId y) {
    g_.add_op({fresh("op"), std::move(attributes), std::move(inputs), {y}});
    return y;
  }
  TensorId moved(TensorId x, Shape shape) {
    return g_.add_tensor({fresh("t"), DType::i8, std::move(shape), g_.tensor(x).quantization, nullptr});
  }
  TensorId constant(Shape shape, const Quantization& q) {
    std::vector<std::int8_t> values(shape.elements());
    for (auto& v : values) v = static_cast<std::int8_t>(pick(-128, 127));
    return g_.add_tensor(
        {fresh("k"), DType::i8, std::move(shape), q, constant_data(std::span<const std::int8_t>(values))});
  }
  /// One of the operators without weights.
  TensorId other(TensorId x) {
    const Shape in = g_.tensor(x).shape;
    std::vector<std::int32_t> dims(in.dims().begin(), in.dims().end());
    const auto axis = static_cast<std::size_t>(pick(1, 3));
    switch (pick(0, 15)) {
      case 0: {
        const auto kind = static_cast<UnaryKind>(pick(0, static_cast<std::int64_t>(kUnaryKinds) - 1));
        const TensorId y = value(in, false);
        if (kind == UnaryKind::logistic) g_.tensor(y).quantization = Quantization::per_tensor(1.0f / 256.0f, -128);
        if (kind == UnaryKind::tanh) g_.tensor(y).quantization = Quantization::per_tensor(1.0f / 128.0f, 0);
        return op(Unary{kind, 0.2f}, {x}, y);
      }
      case 1: {
        // With a number, a channel's constant, or the value itself.
        const BinaryKind kinds[] = {BinaryKind::sub, BinaryKind::mul, BinaryKind::squared_difference};
        const TensorId other =
            rng_.chance(0.3) ? x : constant(rng_.chance(0.5) ? Shape{1} : Shape{1, 1, 1, in[3]}, quantization(false));
        std::vector<TensorId> sides{x, other};
        if (rng_.chance(0.5)) std::swap(sides[0], sides[1]);
        return op(Binary{kinds[pick(0, 2)], rng_.chance(0.3) ? Activation::relu : Activation::none}, sides,
                  value(in, false));
      }
      case 2:
        return op(Binary{rng_.chance(0.5) ? BinaryKind::minimum : BinaryKind::maximum},
                  {x, constant({1, 1, in[2], 1}, g_.tensor(x).quantization)}, moved(x, in));
      case 3:
        return op(Add{}, {constant({in[1], 1, 1}, quantization(false)), x}, value(in, false));
      case 4: {
        const std::int32_t more = pick(1, 3);
        std::vector<std::int32_t> extra = dims;
        extra[axis] = more;
        dims[axis] += more + (rng_.chance(0.5) ? in[static_cast<std::size_t>(axis)] : 0);
        std::vector<TensorId> parts{x, constant(Shape(extra), g_.tensor(x).quantization)};
        if (dims[axis] > in[axis] + more) parts.insert(parts.begin() + pick(0, 2), x);
        return op(Concat{static_cast<std::int32_t>(axis)}, parts, moved(x, Shape(dims)));
      }
      case 5: {
        Slice slice{{0, 0, 0, 0}, {1, 1, 1, 1}};
        const bool back = rng_.chance(0.3);
        if (back) {
          slice.begin[axis] = in[axis] - 1;
          slice.stride[axis] = -1;
        } else {
          slice.begin[axis] = pick(0, in[axis] - 1);
          slice.stride[axis] = pick(1, 2);
          dims[axis] = pick(1, (in[axis] - 1 - slice.begin[axis]) / slice.stride[axis] + 1);
        }
        return op(slice, {x}, moved(x, Shape(dims)));
      }
      case 6: {
        std::vector<std::int32_t> p{0, 1, 2, 3};
        for (std::size_t i = 3; i > 1; --i)
          std::swap(p[i], p[static_cast<std::size_t>(pick(1, static_cast<std::int64_t>(i)))]);
        for (std::size_t i = 0; i < 4; ++i) dims[i] = in[static_cast<std::size_t>(p[i])];
        return op(Transpose{p}, {x}, moved(x, Shape(dims)));
      }
      case 7: {
        Pad pad{{0, 0, 0, 0}, {0, 0, 0, 0}, rng_.chance(0.5) ? 0.0f : 0.1f, {}};
        if (rng_.chance(0.4)) {
          pad.between = {0, pick(0, 1), pick(0, 2), 0};
          for (std::size_t d = 1; d < 3; ++d) dims[d] += (in[d] - 1) * pad.between[d];
        }
        for (std::size_t d = 1; d < 4; ++d) {
          pad.before[d] = pick(0, 2);
          pad.after[d] = pick(0, 1);
          dims[d] += pad.before[d] + pad.after[d];
        }
        return op(pad, {x}, moved(x, Shape(dims)));
      }
      case 8: {
        std::vector<std::int32_t> indices(static_cast<std::size_t>(pick(1, 6)));
        for (auto& i : indices) i = pick(0, in[axis] - 1);
        dims[axis] = static_cast<std::int32_t>(indices.size());
        const TensorId table = g_.add_tensor(
            {fresh("i"), DType::i32, {dims[axis]}, {}, constant_data(std::span<const std::int32_t>(indices))});
        return op(Gather{static_cast<std::int32_t>(axis)}, {x, table}, moved(x, Shape(dims)));
      }
      case 9: {
        Reduce reduce{static_cast<ReduceKind>(pick(0, 3)), {static_cast<std::int32_t>(axis)}};
        if (axis == 1 && rng_.chance(0.5)) reduce.axes.push_back(2);
        for (const std::int32_t a : reduce.axes) dims[static_cast<std::size_t>(a)] = 1;
        const bool extremum = reduce.kind == ReduceKind::maximum || reduce.kind == ReduceKind::minimum;
        return op(reduce, {x}, extremum ? moved(x, Shape(dims)) : value(Shape(dims), false));
      }
      case 10: {
        dims[1] = pick(1, 9);
        dims[2] = pick(1, 9);
        return op(ResizeBilinear{static_cast<ResizeMode>(pick(0, 2))}, {x}, moved(x, Shape(dims)));
      }
      case 12: {
        const std::int32_t kh = std::min(pick(1, 3), in[1]), kw = std::min(pick(1, 3), in[2]), sh = pick(1, 2),
                           sw = pick(1, 2);
        const auto [t, b] = same_padding(in[1], kh, sh);
        const auto [l, r] = same_padding(in[2], kw, sw);
        const Pads pads = rng_.chance(0.5) ? Pads{t, b, l, r} : Pads{};
        const Pool2D pool{rng_.chance(0.6) ? PoolKind::max : PoolKind::average,   kh, kw, sh, sw, pads,
                          rng_.chance(0.3) ? Activation::relu6 : Activation::none};
        return op(pool, {x},
                  moved(x, {1, window_output(in[1], kh, sh, 1, pads.top, pads.bottom),
                            window_output(in[2], kw, sw, 1, pads.left, pads.right), in[3]}));
      }
      case 13: {
        // Elements that compare with a row, or that do not with another, stay.
        TensorId truth = compare(x, Shape{1, 1, 1, in[3]});
        if (rng_.chance(0.5)) {
          const TensorId second = compare(x, Shape{1});
          truth = op(Binary{rng_.chance(0.5) ? BinaryKind::minimum : BinaryKind::maximum}, {truth, second},
                     moved(truth, in));
        }
        std::vector<TensorId> sides{
            x, constant(rng_.chance(0.5) ? Shape{1, in[1], 1, 1} : Shape{1}, g_.tensor(x).quantization)};
        if (rng_.chance(0.5)) std::swap(sides[0], sides[1]);
        return op(Select{}, {truth, sides[0], sides[1]}, moved(x, in));
      }
      case 14: {
        const TensorId turned = op(Transpose{{0, 1, 3, 2}}, {x}, moved(x, {1, in[1], in[3], in[2]}));
        const TensorId y = value({1, in[1], in[2], in[2]}, false);
        g_.tensor(y).quantization.scales[0] *= 20.0f;
        return op(MatMul{}, {x, turned}, y);
      }
      case 11:
        return op(Binary{BinaryKind::prelu}, {x, constant({1, 1, 1, in[3]}, quantization(false))}, value(in, false));
      default: {
        std::vector<std::int32_t> one = dims;
        one[axis] = 1;
        const TensorId narrow = op(Slice{{0, 0, 0, 0}, {1, 1, 1, 1}}, {x}, moved(x, Shape(one)));
        dims[axis] = pick(1, 4);
        return op(Broadcast{}, {narrow}, moved(x, Shape(dims)));
      }
    }
  }
  TensorId compare(TensorId x, Shape with) {
    const TensorId y = value(g_.tensor(x).shape, false);
    g_.tensor(y).quantization = truth_quantization();
    return op(Compare{static_cast<CompareKind>(pick(0, static_cast<std::int64_t>(kCompareKinds) - 1))},
              {x, constant(std::move(with), quantization(false))}, y);
  }
  /// @param varied  weights of one scale, or all of one size, or with -128 among them.
  TensorId dense(TensorId x, std::int32_t outputs, bool varied) {
    const auto inputs = static_cast<std::int32_t>(g_.tensor(x).shape.elements());
    const bool relu = rng_.chance(0.5);
    const TensorId y = value({1, outputs}, relu);
    const TensorId w = weights({outputs, inputs}, 0, g_.tensor(x).quantization, g_.tensor(y).quantization,
                               static_cast<std::size_t>(inputs));
    if (varied) vary(g_.tensor(w));
    const TensorId b = bias(outputs);
    g_.add_op({fresh("op"), Dense{relu ? Activation::relu : Activation::none}, {x, w, b}, {y}});
    return y;
  }

  void vary(Tensor& w) {
    auto& q = w.quantization;
    if (rng_.chance(0.5)) q = Quantization::per_tensor(q.scales[0] > 0.1f ? 0.001f : q.scales[0], 0);
    const auto old = w.values<std::int8_t>();
    std::vector<std::int8_t> values(old.begin(), old.end());
    const bool extreme = rng_.chance(0.3);
    const std::int32_t least = rng_.chance(0.5) ? -128 : -127;
    for (auto& v : values) {
      if (extreme) v = static_cast<std::int8_t>(v < 0 ? least : 127);
    }
    w.data = constant_data(std::span<const std::int8_t>(values));
  }

  Rng rng_;
  Graph g_;
};

}  // namespace mote::graph
