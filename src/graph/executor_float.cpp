// Float reference loops: plain, in double where sums are long, so that they can serve as the truth for everything
// faster.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "executor_kernels.hpp"
#include "kernels/pool.hpp"
#include "mote/graph/integer_params.hpp"
#include "mote/graph/moves.hpp"
#include "mote/graph/reductions.hpp"
#include "mote/graph/unary.hpp"

namespace mote::graph::executor {
namespace {

using Step = std::function<void()>;

float activate(float v, Activation activation) {
  switch (activation) {
    case Activation::none:
      return v;
    case Activation::relu:
      return std::max(v, 0.0f);
    case Activation::relu6:
      return std::clamp(v, 0.0f, 6.0f);
    case Activation::relu_n1_to_1:
      return std::clamp(v, -1.0f, 1.0f);
  }
  return v;
}

/// Visits the taps of a window that lie inside the input.
template <class Visit>
void for_taps(const device::ConvGeometry& g, std::int32_t oy, std::int32_t ox, Visit&& visit) {
  for (std::int32_t ky = 0; ky < g.kernel_h; ++ky) {
    const std::int32_t iy = oy * g.stride_h - g.pad_top + ky * g.dilation_h;
    if (iy < 0 || iy >= g.in_h) continue;
    for (std::int32_t kx = 0; kx < g.kernel_w; ++kx) {
      const std::int32_t ix = ox * g.stride_w - g.pad_left + kx * g.dilation_w;
      if (ix >= 0 && ix < g.in_w) visit(ky, kx, iy, ix);
    }
  }
}

void conv(const device::ConvGeometry& g, const float* x, const float* w, const float* bias, Activation activation,
          float* y) {
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      for (std::int32_t oc = 0; oc < g.out_c; ++oc) {
        double sum = bias != nullptr ? static_cast<double>(bias[oc]) : 0.0;
        for_taps(g, oy, ox, [&](std::int32_t ky, std::int32_t kx, std::int32_t iy, std::int32_t ix) {
          const float* pixel = x + (iy * g.in_w + ix) * g.in_c;
          const float* tap = w + ((oc * g.kernel_h + ky) * g.kernel_w + kx) * g.in_c;
          for (std::int32_t c = 0; c < g.in_c; ++c) sum += static_cast<double>(pixel[c]) * static_cast<double>(tap[c]);
        });
        *y++ = activate(static_cast<float>(sum), activation);
      }
    }
  }
}

void depthwise(const device::ConvGeometry& g, const float* x, const float* w, const float* bias, Activation activation,
               float* y) {
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      for (std::int32_t oc = 0; oc < g.out_c; ++oc) {
        double sum = bias != nullptr ? static_cast<double>(bias[oc]) : 0.0;
        for_taps(g, oy, ox, [&](std::int32_t ky, std::int32_t kx, std::int32_t iy, std::int32_t ix) {
          sum += static_cast<double>(x[(iy * g.in_w + ix) * g.in_c + oc / g.multiplier]) *
                 static_cast<double>(w[(ky * g.kernel_w + kx) * g.out_c + oc]);
        });
        *y++ = activate(static_cast<float>(sum), activation);
      }
    }
  }
}

void pool(const device::PoolGeometry& g, const Pool2D& a, const float* x, float* y) {
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      const device::detail::PoolWindow<device::PoolGeometry> window(g, oy, ox);
      for (std::int32_t c = 0; c < g.channels; ++c) {
        double sum = 0.0;
        float best = -INFINITY;
        for (std::int32_t iy = window.y0; iy < window.y1; ++iy) {
          for (std::int32_t ix = window.x0; ix < window.x1; ++ix) {
            const float v = x[(iy * g.in_w + ix) * g.channels + c];
            sum += static_cast<double>(v);
            best = std::max(best, v);
          }
        }
        const auto count = static_cast<double>((window.y1 - window.y0) * (window.x1 - window.x0));
        *y++ = activate(a.kind == PoolKind::max ? best : static_cast<float>(sum / count), a.activation);
      }
    }
  }
}

void softmax(const float* x, float* y, std::size_t rows, std::size_t depth, float beta) {
  for (std::size_t r = 0; r < rows; ++r, x += depth, y += depth) {
    const float highest = *std::max_element(x, x + depth);
    double sum = 0.0;
    for (std::size_t c = 0; c < depth; ++c)
      sum += std::exp(static_cast<double>(beta) * static_cast<double>(x[c] - highest));
    for (std::size_t c = 0; c < depth; ++c) {
      y[c] = static_cast<float>(std::exp(static_cast<double>(beta) * static_cast<double>(x[c] - highest)) / sum);
    }
  }
}

void log_softmax(const float* x, float* y, std::size_t rows, std::size_t depth) {
  for (std::size_t r = 0; r < rows; ++r, x += depth, y += depth) {
    const float highest = *std::max_element(x, x + depth);
    double sum = 0.0;
    for (std::size_t c = 0; c < depth; ++c) sum += std::exp(static_cast<double>(x[c] - highest));
    for (std::size_t c = 0; c < depth; ++c)
      y[c] = static_cast<float>(static_cast<double>(x[c] - highest) - std::log(sum));
  }
}

void reduce(const device::ReduceGeometry& g, ReduceKind kind, const float* x, float* y) {
  const auto count = static_cast<double>(g.reduced[0]) * g.reduced[1] * g.reduced[2];
  for (std::int32_t i = 0; i < g.kept[0]; ++i) {
    for (std::int32_t j = 0; j < g.kept[1]; ++j) {
      for (std::int32_t k = 0; k < g.kept[2]; ++k) {
        const float* base = x + i * g.kept_stride[0] + j * g.kept_stride[1] + k * g.kept_stride[2];
        double sum = 0.0, product = 1.0;
        float low = *base, high = *base;
        for (std::int32_t a = 0; a < g.reduced[0]; ++a) {
          for (std::int32_t b = 0; b < g.reduced[1]; ++b) {
            for (std::int32_t c = 0; c < g.reduced[2]; ++c) {
              const float v = base[a * g.reduced_stride[0] + b * g.reduced_stride[1] + c * g.reduced_stride[2]];
              sum += static_cast<double>(v);
              product *= static_cast<double>(v);
              low = std::min(low, v);
              high = std::max(high, v);
            }
          }
        }
        switch (kind) {
          case ReduceKind::sum:
            *y++ = static_cast<float>(sum);
            break;
          case ReduceKind::mean:
            *y++ = static_cast<float>(sum / count);
            break;
          case ReduceKind::maximum:
            *y++ = high;
            break;
          case ReduceKind::minimum:
            *y++ = low;
            break;
          case ReduceKind::product:
            *y++ = static_cast<float>(product);
            break;
        }
      }
    }
  }
}

/// Places in float, as TensorFlow Lite's reference has them.
void resize(const device::ResizeGeometry& g, ResizeMode mode, const float* x, float* y) {
  struct Place {
    std::int32_t low, high;
    float weight;
  };
  const auto place = [&](std::int32_t i, std::int32_t from, std::int32_t to) {
    const float scale = resize_scale(mode, from, to);
    const float at =
        mode == ResizeMode::half_pixel ? (static_cast<float>(i) + 0.5f) * scale - 0.5f : static_cast<float>(i) * scale;
    const std::int32_t low = std::max(static_cast<std::int32_t>(std::floor(at)), 0);
    return Place{low, std::min(static_cast<std::int32_t>(std::ceil(at)), from - 1), at - static_cast<float>(low)};
  };
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    const Place v = place(oy, g.in_h, g.out_h);
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      const Place h = place(ox, g.in_w, g.out_w);
      const auto at = [&](std::int32_t row, std::int32_t column, std::int32_t c) {
        return x[(row * g.in_w + column) * g.channels + c];
      };
      for (std::int32_t c = 0; c < g.channels; ++c) {
        *y++ = at(v.low, h.low, c) * (1 - v.weight) * (1 - h.weight) +
               at(v.high, h.low, c) * v.weight * (1 - h.weight) + at(v.low, h.high, c) * (1 - v.weight) * h.weight +
               at(v.high, h.high, c) * v.weight * h.weight;
      }
    }
  }
}

struct FloatStep {
  const Graph& graph;
  const Op& op;
  const std::vector<const std::uint8_t*>& inputs;
  float* y;

  [[nodiscard]] const float* in(std::size_t i) const {
    return i < inputs.size() ? reinterpret_cast<const float*>(inputs[i]) : nullptr;
  }
  [[nodiscard]] std::size_t count() const { return graph.tensor(op.outputs[0]).shape.elements(); }

  template <class Function>
  [[nodiscard]] Step elementwise(Function f) const {
    return [n = count(), x = in(0), out = y, f] {
      for (std::size_t i = 0; i < n; ++i) out[i] = f(x[i]);
    };
  }

  template <class Function>
  [[nodiscard]] Result<Step> pairs(Activation activation, Function f) const {
    const auto loops = broadcast_geometry(graph.tensor(op.inputs[0]).shape, graph.tensor(op.inputs[1]).shape,
                                          graph.tensor(op.outputs[0]).shape);
    if (!loops)
      return fail(Code::unsupported,
                  std::string(op_name(op.attributes)) + " '" + op.name + "' broadcasts along too many dimensions");
    return Step([g = *loops, p = in(0), q = in(1), activation, f, out = y] {
      for_broadcast(g, p, q, out, [&](float a, float b) { return activate(f(a, b), activation); });
    });
  }

  Result<Step> operator()(const Conv2D& a) const {
    return Step([g = conv_geometry(graph, op), x = in(0), w = in(1), b = in(2), act = a.activation, out = y] {
      conv(g, x, w, b, act, out);
    });
  }
  Result<Step> operator()(const Dense& a) const {
    return Step([g = conv_geometry(graph, op), x = in(0), w = in(1), b = in(2), act = a.activation, out = y] {
      conv(g, x, w, b, act, out);
    });
  }
  Result<Step> operator()(const DepthwiseConv2D& a) const {
    return Step([g = conv_geometry(graph, op), x = in(0), w = in(1), b = in(2), act = a.activation, out = y] {
      depthwise(g, x, w, b, act, out);
    });
  }
  Result<Step> operator()(const BatchNorm& a) const {
    return Step([n = count(), channels = static_cast<std::size_t>(graph.tensor(op.inputs[0]).shape.back()), x = in(0),
                 gamma = in(1), beta = in(2), mean = in(3), variance = in(4), epsilon = a.epsilon, out = y] {
      for (std::size_t i = 0; i < n; ++i) {
        const std::size_t c = i % channels;
        out[i] = (x[i] - mean[c]) / std::sqrt(variance[c] + epsilon) * gamma[c] + beta[c];
      }
    });
  }
  Result<Step> operator()(const Pool2D& a) const {
    return Step([g = pool_geometry(graph, op), a, x = in(0), out = y] { pool(g, a, x, out); });
  }
  Result<Step> operator()(const Add& a) const {
    return pairs(a.activation, [](float p, float q) { return p + q; });
  }
  Result<Step> operator()(const Binary& a) const {
    switch (a.kind) {
      case BinaryKind::sub:
        return pairs(a.activation, [](float p, float q) { return p - q; });
      case BinaryKind::mul:
        return pairs(a.activation, [](float p, float q) { return p * q; });
      case BinaryKind::div:
        return pairs(a.activation, [](float p, float q) { return p / q; });
      case BinaryKind::minimum:
        return pairs(a.activation, [](float p, float q) { return std::min(p, q); });
      case BinaryKind::maximum:
        return pairs(a.activation, [](float p, float q) { return std::max(p, q); });
      case BinaryKind::squared_difference:
        return pairs(a.activation, [](float p, float q) { return (p - q) * (p - q); });
      case BinaryKind::prelu:
        return pairs(a.activation, [](float p, float q) { return p < 0.0f ? p * q : p; });
    }
    return fail(Code::internal, "an unknown kind of binary operator");
  }
  Result<Step> operator()(const Unary& a) const {
    return elementwise([a](float v) { return evaluate(a, v); });
  }
  Result<Step> operator()(const Activate& a) const {
    return elementwise([act = a.activation](float v) { return activate(v, act); });
  }
  Result<Step> operator()(const Softmax& a) const {
    const auto depth = static_cast<std::size_t>(graph.tensor(op.inputs[0]).shape.back());
    return Step([n = count(), depth, x = in(0), out = y, beta = a.beta] { softmax(x, out, n / depth, depth, beta); });
  }
  Result<Step> operator()(const LogSoftmax&) const {
    const auto depth = static_cast<std::size_t>(graph.tensor(op.inputs[0]).shape.back());
    return Step([n = count(), depth, x = in(0), out = y] { log_softmax(x, out, n / depth, depth); });
  }
  Result<Step> operator()(const Reduce& a) const {
    const auto g = reduce_geometry(graph, op);
    if (!g) return fail(Code::unsupported, "reduce '" + op.name + "' has too many separate axes");
    return Step([g = *g, kind = a.kind, x = in(0), out = y] { reduce(g, kind, x, out); });
  }
  Result<Step> operator()(const ArgReduce&) const {
    return Step([g = arg_geometry(graph, op), x = in(0), out = reinterpret_cast<std::int32_t*>(y)] {
      device::arg_reduce(g, x, out);
    });
  }
  Result<Step> operator()(const ResizeBilinear& a) const {
    return Step([g = resize_geometry(graph, op), mode = a.mode, x = in(0), out = y] { resize(g, mode, x, out); });
  }
  Result<Step> operator()(const CumSum&) const {
    return Step([g = cumsum_geometry(graph, op), x = in(0), out = y] { device::cumsum(g, x, out); });
  }
  Result<Step> operator()(const TreeEnsemble&) const { return prepare_trees(graph, op, inputs, y); }
  Result<Step> operator()(const Scores& a) const { return prepare_scores(count(), a.kind, in(0), y); }
  Result<Step> operator()(const Dropout&) const {
    return elementwise([](float v) { return v; });
  }
  template <class Integer>
  Result<Step> operator()(const Integer&) const {
    return fail(Code::unsupported, std::string(Integer::kName) + " '" + op.name + "' has no float form");
  }
};

}  // namespace

Result<std::function<void()>> prepare_float(const Graph& graph, const Op& op,
                                            const std::vector<const std::uint8_t*>& inputs, std::uint8_t* output) {
  return std::visit(FloatStep{graph, op, inputs, reinterpret_cast<float*>(output)}, op.attributes);
}

}  // namespace mote::graph::executor
