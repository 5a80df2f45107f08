#pragma once
// Layers on float32 values: plain loops, for every core. Constants are bits of floats.

#include <cstdint>

#include "kernels/binary.hpp"
#include "kernels/float_math.hpp"
#include "kernels/geometry.hpp"
#include "kernels/pool.hpp"

namespace mote::device {

/// Convolution (and dense), [out_c,kernel_h,kernel_w,in_c]; depthwise, [kernel_h,kernel_w,out_c].
/// @param bias  or null
template <bool kDepthwise, class Geometry>
void conv2d_float(const Geometry& g, const float* x, const std::uint32_t* weights, const std::uint32_t* bias, float low,
                  float high, float* y) {
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      for (std::int32_t oc = 0; oc < g.out_c; ++oc) {
        float sum = 0.0f;
        for (std::int32_t ky = 0; ky < g.kernel_h; ++ky) {
          const std::int32_t iy = oy * g.stride_h - g.pad_top + ky * g.dilation_h;
          if (iy < 0 || iy >= g.in_h) continue;
          for (std::int32_t kx = 0; kx < g.kernel_w; ++kx) {
            const std::int32_t ix = ox * g.stride_w - g.pad_left + kx * g.dilation_w;
            if (ix < 0 || ix >= g.in_w) continue;
            const float* pixel = x + (iy * g.in_w + ix) * g.in_c;
            if constexpr (kDepthwise) {
              sum += pixel[oc / g.multiplier] * number_at(weights + (ky * g.kernel_w + kx) * g.out_c + oc);
            } else {
              const std::uint32_t* tap = weights + ((oc * g.kernel_h + ky) * g.kernel_w + kx) * g.in_c;
              for (std::int32_t c = 0; c < g.in_c; ++c) sum += pixel[c] * number_at(tap + c);
            }
          }
        }
        *y++ = clamped(bias != nullptr ? sum + number_at(bias + oc) : sum, low, high);
      }
    }
  }
}

/// Only elements inside of the input count.
template <bool kMax, class Geometry>
void pool2d_float(const Geometry& g, const float* x, float low, float high, float* y) {
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      const detail::PoolWindow<Geometry> window(g, oy, ox);
      for (std::int32_t c = 0; c < g.channels; ++c) {
        float value = kMax ? float_of(0xff800000u) : 0.0f;
        for (std::int32_t iy = window.y0; iy < window.y1; ++iy) {
          for (std::int32_t ix = window.x0; ix < window.x1; ++ix) {
            const float v = x[(iy * g.in_w + ix) * g.channels + c];
            if constexpr (kMax)
              value = v > value ? v : value;
            else
              value += v;
          }
        }
        if constexpr (!kMax)
          value = divided(value, static_cast<float>((window.y1 - window.y0) * (window.x1 - window.x0)));
        *y++ = clamped(value, low, high);
      }
    }
  }
}

struct AddFloats {
  static float apply(float a, float b) { return a + b; }
};
struct SubFloats {
  static float apply(float a, float b) { return a - b; }
};
struct MulFloats {
  static float apply(float a, float b) { return a * b; }
};
struct DivFloats {
  static float apply(float a, float b) { return b < 0.0f ? divided(negated(a), negated(b)) : divided(a, b); }
};
struct MinimumFloats {
  static float apply(float a, float b) { return b < a ? b : a; }
};
struct MaximumFloats {
  static float apply(float a, float b) { return a < b ? b : a; }
};
struct SquaredDifferenceFloats {
  static float apply(float a, float b) { return (a - b) * (a - b); }
};
struct PreluFloats {
  static float apply(float a, float b) { return a < 0.0f ? a * b : a; }
};

/// Operands are values, or bits of constants.
template <class Function, class Loops, class A, class B>
void pairs_float(const Loops& g, const A* a, const B* b, float low, float high, float* y) {
  for (std::int32_t i = 0; i < g.count[0]; ++i) {
    for (std::int32_t j = 0; j < g.count[1]; ++j) {
      for (std::int32_t k = 0; k < g.count[2]; ++k) {
        const A* left = a + i * g.a[0] + j * g.a[1] + k * g.a[2];
        const B* right = b + i * g.b[0] + j * g.b[1] + k * g.b[2];
        for (std::int32_t l = 0; l < g.count[3]; ++l, left += g.a[3], right += g.b[3])
          *y++ = clamped(Function::apply(number_at(left), number_at(right)), low, high);
      }
    }
  }
}

/// y may be x.
inline void clamp_float(const float* x, float* y, std::int32_t count, float low, float high) {
  for (std::int32_t i = 0; i < count; ++i) y[i] = clamped(x[i], low, high);
}

/// y may be x.
inline void softmax_float(const float* x, float* y, std::int32_t rows, std::int32_t depth, float beta) {
  for (; rows > 0; --rows, x += depth, y += depth) {
    float largest = x[0], sum = 0.0f;
    for (std::int32_t c = 1; c < depth; ++c) largest = x[c] > largest ? x[c] : largest;
    for (std::int32_t c = 0; c < depth; ++c) {
      y[c] = exp_float((x[c] - largest) * beta);
      sum += y[c];
    }
    for (std::int32_t c = 0; c < depth; ++c) y[c] = divided(y[c], sum);
  }
}

/// y may be x.
inline void log_softmax_float(const float* x, float* y, std::int32_t rows, std::int32_t depth) {
  for (; rows > 0; --rows, x += depth, y += depth) {
    float largest = x[0], sum = 0.0f;
    for (std::int32_t c = 1; c < depth; ++c) largest = x[c] > largest ? x[c] : largest;
    for (std::int32_t c = 0; c < depth; ++c) sum += exp_float(x[c] - largest);
    const float log_sum = log_float(sum);
    for (std::int32_t c = 0; c < depth; ++c) y[c] = x[c] - largest - log_sum;
  }
}

struct SumFloats {
  static float join(float a, float b) { return a + b; }
};
struct ProductFloats {
  static float join(float a, float b) { return a * b; }
};
struct LargestFloats {
  static float join(float a, float b) { return b > a ? b : a; }
};
struct SmallestFloats {
  static float join(float a, float b) { return b < a ? b : a; }
};

/// @param factor  of the result: 1, or 1 over the number of elements for a mean
template <class Kind, class Geometry>
void reduce_float(const Geometry& g, const float* x, float factor, float* y) {
  for (std::int32_t i = 0; i < g.kept[0]; ++i) {
    for (std::int32_t j = 0; j < g.kept[1]; ++j) {
      for (std::int32_t k = 0; k < g.kept[2]; ++k) {
        const float* base = x + i * g.kept_stride[0] + j * g.kept_stride[1] + k * g.kept_stride[2];
        float value = *base;
        bool first = true;
        for (std::int32_t a = 0; a < g.reduced[0]; ++a) {
          for (std::int32_t b = 0; b < g.reduced[1]; ++b) {
            const float* from = base + a * g.reduced_stride[0] + b * g.reduced_stride[1];
            for (std::int32_t c = 0; c < g.reduced[2]; ++c, from += g.reduced_stride[2], first = false)
              value = first ? *from : Kind::join(value, *from);
          }
        }
        *y++ = value * factor;
      }
    }
  }
}

/// [batches,rows,depth] times [batches,depth,columns].
template <class Geometry, class A, class B>
void matmul_float(const Geometry& g, const A* a, const B* b, float* y) {
  for (std::int32_t batch = 0; batch < g.batches; ++batch, b += g.depth * g.columns) {
    for (std::int32_t row = 0; row < g.rows; ++row, a += g.depth) {
      for (std::int32_t c = 0; c < g.columns; ++c) {
        float sum = 0.0f;
        for (std::int32_t k = 0; k < g.depth; ++k) sum += number_at(a + k) * number_at(b + k * g.columns + c);
        *y++ = sum;
      }
    }
  }
}

/// Between which rows (columns) a place lies, and how near it is to the upper one.
struct FloatPlace {
  std::int32_t low, high;
  float weight;
};
inline FloatPlace float_place(std::int32_t i, float scale, bool half_pixel, std::int32_t size) {
  const float at = half_pixel ? (static_cast<float>(i) + 0.5f) * scale - 0.5f : static_cast<float>(i) * scale;
  const float below = floor_float(at);
  const auto whole = static_cast<std::int32_t>(below);
  const std::int32_t low = whole > 0 ? whole : 0, above = below < at ? whole + 1 : whole;
  return {low, above < size - 1 ? above : size - 1, at - static_cast<float>(low)};
}

/// @param scale_h, scale_w  input steps for an output step.  Source: TensorFlow Lite reference_ops::ResizeBilinear.
template <class Geometry>
void resize_bilinear_float(const Geometry& g, const float* x, float scale_h, float scale_w, float* y) {
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    const FloatPlace v = float_place(oy, scale_h, g.half_pixel != 0, g.in_h);
    for (std::int32_t ox = 0; ox < g.out_w; ++ox) {
      const FloatPlace h = float_place(ox, scale_w, g.half_pixel != 0, g.in_w);
      const float* top = x + v.low * g.in_w * g.channels;
      const float* bottom = x + v.high * g.in_w * g.channels;
      for (std::int32_t c = 0; c < g.channels; ++c) {
        const float upper = top[h.low * g.channels + c] * (1.0f - h.weight) + top[h.high * g.channels + c] * h.weight;
        const float lower =
            bottom[h.low * g.channels + c] * (1.0f - h.weight) + bottom[h.high * g.channels + c] * h.weight;
        *y++ = upper * (1.0f - v.weight) + lower * v.weight;
      }
    }
  }
}

/// To 8 or 16 bits.  Source: TensorFlow Lite reference_ops::AffineQuantize.
template <class Out>
void quantize_float(const float* x, Out* y, std::int32_t count, float scale, std::int32_t zero, float low, float high) {
  for (std::int32_t i = 0; i < count; ++i) {
    const float v = divided(x[i], scale);
    y[i] = static_cast<Out>(clamped(round_away(clamped(v, -1e6f, 1e6f)) + static_cast<float>(zero), low, high));
  }
}
template <class In>
void dequantize_float(const In* x, float* y, std::int32_t count, float scale, std::int32_t zero) {
  for (std::int32_t i = 0; i < count; ++i) y[i] = scale * static_cast<float>(x[i] - zero);
}

}  // namespace mote::device
