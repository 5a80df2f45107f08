#pragma once
// Geometry of a layer as a value. A kernel takes any type with these members: this struct (runtime), or one whose
// members are `static constexpr` (compile time). One source serves both.

#include <cstdint>

namespace mote::device {

/// Convolution (dense or depthwise) over [H,W,C]. A dense layer is a 1x1 convolution of a 1x1 plane.
struct ConvGeometry {
  std::int32_t in_h, in_w, in_c;
  std::int32_t out_h, out_w, out_c;
  std::int32_t kernel_h, kernel_w;
  std::int32_t stride_h, stride_w;
  std::int32_t dilation_h, dilation_w;
  std::int32_t pad_top, pad_left;
  std::int32_t multiplier;  // depthwise only: outputs a channel
  std::int32_t input_zero, output_zero;
  std::int32_t clamp_low, clamp_high;
  std::int32_t weight_zero;  // 0 but for models that were uint8; only the portable kernels know others
};

struct PoolGeometry {
  std::int32_t in_h, in_w, channels;
  std::int32_t out_h, out_w;
  std::int32_t kernel_h, kernel_w;
  std::int32_t stride_h, stride_w;
  std::int32_t pad_top, pad_left;
  std::int32_t clamp_low, clamp_high;
};

/// Elementwise addition after rescaling both inputs to a common scale (left shift 20, as TensorFlow Lite).
struct AddGeometry {
  std::int32_t count;
  std::int32_t a_zero, a_multiplier, a_shift;
  std::int32_t b_zero, b_multiplier, b_shift;
  std::int32_t output_zero, output_multiplier, output_shift;
  std::int32_t clamp_low, clamp_high;
};

struct SoftmaxGeometry {
  std::int32_t rows, depth;
  std::int32_t multiplier, shift;  // input difference * beta * scale, in Q5.26
  std::int32_t diff_min;           // differences below give probability 0
};

struct RequantizeGeometry {
  std::int32_t count;
  std::int32_t input_zero, multiplier, shift, output_zero;
  std::int32_t clamp_low, clamp_high;
};

}  // namespace mote::device
