#pragma once
// The float arithmetic that dominates training, on plain arrays in the graph's own layout (NHWC activations, OHWI
// weights).
//
// Why not torch's: Debian's torch has reference BLAS only, reorders layouts around oneDNN's depthwise convolution, and
// runs batch norm, addition and ReLU as separate sweeps over memory. bench/train_throughput holds the measurement.
// kernels_isa.cpp is compiled once per instruction set; kernels() picks the widest one this machine runs.
// Single-threaded and deterministic: the same input gives the same bits on one machine.

#include <cstddef>

namespace mote::train {

/// Geometry of a convolution over a batch. x [n,h,w,ci], y [n,ho,wo,co], weights [co,kh,kw,ci] or, depthwise,
/// [kh,kw,ci] with co == ci.
struct ConvGeometry {
  std::ptrdiff_t n = 1, h = 1, w = 1, ci = 1, ho = 1, wo = 1, co = 1;
  std::ptrdiff_t kh = 1, kw = 1, stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1, pad_top = 0, pad_left = 0;

  [[nodiscard]] std::ptrdiff_t pixels() const { return n * ho * wo; }
  [[nodiscard]] std::ptrdiff_t taps() const { return kh * kw * ci; }
  /// The input rows are the matrix already: no gathering.
  [[nodiscard]] bool pointwise() const {
    return kh == 1 && kw == 1 && stride_h == 1 && stride_w == 1 && pad_top == 0 && pad_left == 0 && ho == h && wo == w;
  }
};

/// A kind of convolution: dense or depthwise.
struct ConvKernels {
  /// Floats of scratch that the three functions need.
  std::ptrdiff_t (*scratch)(const ConvGeometry&);
  /// `bias` may be null.
  void (*forward)(const ConvGeometry&, const float* x, const float* weights, const float* bias, float* y,
                  float* scratch);
  /// Overwrites dx.
  void (*backward_data)(const ConvGeometry&, const float* dy, const float* weights, float* dx, float* scratch);
  /// Overwrites dweights, which has the weights' layout.
  void (*backward_weights)(const ConvGeometry&, const float* x, const float* dy, float* dweights, float* scratch);
};

/// One instruction set's functions.
struct Kernels {
  const char* isa;
  ConvKernels conv, depthwise;

  /// Sums of the columns of x [rows,c].
  void (*column_sums)(const float* x, std::ptrdiff_t rows, std::ptrdiff_t c, float* sums);
  /// Mean and population variance of the columns of x [rows,c].
  void (*moments)(const float* x, std::ptrdiff_t rows, std::ptrdiff_t c, float* mean, float* variance);
  /// y = clamp(x * scale + shift + residual, low, high); `residual` may be null; infinite limits do not clamp.
  void (*scale_shift)(const float* x, const float* residual, std::ptrdiff_t rows, std::ptrdiff_t c, const float* scale,
                      const float* shift, float low, float high, float* y);
  /// Writes g = dy where low < y < high, else 0, and its column sums: sum g, and sum g * (x - mean).
  void (*masked_sums)(const float* dy, const float* y, const float* x, std::ptrdiff_t rows, std::ptrdiff_t c,
                      const float* mean, float low, float high, float* g, float* sum_g, float* sum_gx);
  /// dx = g * a + x * b + d, columnwise coefficients. dx may be g.
  void (*combine)(const float* g, const float* x, std::ptrdiff_t rows, std::ptrdiff_t c, const float* a, const float* b,
                  const float* d, float* dx);
};

/// The functions for this machine.
[[nodiscard]] const Kernels& kernels();

}  // namespace mote::train
