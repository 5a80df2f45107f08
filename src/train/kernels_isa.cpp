// Compiled once per instruction set with MOTE_TRAIN_ISA naming the namespace. No standard library here beyond
// <cstddef>: an inline function compiled for a newer machine must not become the linker's choice for the rest of the
// program.

#include <cstddef>

#include "kernels.hpp"

namespace mote::train::MOTE_TRAIN_ISA {
namespace {

using Size = std::ptrdiff_t;

// Vectors of W floats that may sit at any address; GCC and clang lower them to what the instruction set has.
template <int W>
struct Lane;
template <>
struct Lane<16> {
  typedef float Vec __attribute__((vector_size(64), aligned(4), may_alias));
};
template <>
struct Lane<8> {
  typedef float Vec __attribute__((vector_size(32), aligned(4), may_alias));
};
template <>
struct Lane<4> {
  typedef float Vec __attribute__((vector_size(16), aligned(4), may_alias));
};
template <>
struct Lane<1> {
  typedef float Vec;
};

#if defined(__AVX512F__)
constexpr int kWidth = 16;
constexpr int kMaxVectors = 4;  // columns of a tile; 6x4 accumulators + 4 operands of 32 registers
#elif defined(__AVX__)
constexpr int kWidth = 8;
constexpr int kMaxVectors = 2;  // 6x2 accumulators of 16 registers
#else
constexpr int kWidth = 4;
constexpr int kMaxVectors = 2;
#endif
using Vec = Lane<kWidth>::Vec;

template <int W>
inline __attribute__((always_inline)) const typename Lane<W>::Vec& at(const float* p) {
  return *reinterpret_cast<const typename Lane<W>::Vec*>(p);
}
template <int W>
inline __attribute__((always_inline)) typename Lane<W>::Vec& at(float* p) {
  return *reinterpret_cast<typename Lane<W>::Vec*>(p);
}

constexpr Size round_up(Size value, Size multiple) { return (value + multiple - 1) / multiple * multiple; }
constexpr Size least(Size a, Size b) { return a < b ? a : b; }
constexpr Size most(Size a, Size b) { return a > b ? a : b; }

void fill(float* p, Size count, float value) {
  for (Size i = 0; i < count; ++i) p[i] = value;
}
inline void copy(const float* from, Size count, float* to) {
  for (Size i = 0; i < count; ++i) to[i] = from[i];
}
inline void accumulate(const float* from, Size count, float* to) {
  for (Size i = 0; i < count; ++i) to[i] += from[i];
}

// ---- matrix products
// -----------------------------------------------------------------------------------------------------------------

/// Columns of a product are padded to whole vectors and cut into panels of at most kMaxVectors vectors, as even as
/// possible.
struct Panels {
  Size vectors, count;
  explicit Panels(Size n) : vectors((n + kWidth - 1) / kWidth), count((vectors + kMaxVectors - 1) / kMaxVectors) {}
  [[nodiscard]] Size begin(Size panel) const { return vectors * panel / count; }
};

/// Packs b, element (k,n) at b[k * step_k + n * step_n], into panels; each panel is [K][its vectors * kWidth], columns
/// past n are zero.
void pack(const float* b, Size k, Size n, Size step_k, Size step_n, float* packed) {
  const Panels panels(n);
  for (Size p = 0; p < panels.count; ++p) {
    const Size first = panels.begin(p) * kWidth;
    const Size last = panels.begin(p + 1) * kWidth;
    for (Size row = 0; row < k; ++row) {
      for (Size column = first; column < last; ++column)
        *packed++ = column < n ? b[row * step_k + column * step_n] : 0.0f;
    }
  }
}

/// c[MR][first columns] = a[MR][k] * panel + bias. Whole vectors are stored, so a row's overhang lands in the rows
/// below, which are written afterwards; `exact` stores nothing but the columns, for rows whose overhang would leave the
/// matrix.
template <int MR, int NV>
inline __attribute__((always_inline)) void tile(const float* a, Size lda, const float* panel, Size k, const float* bias,
                                                float* c, Size ldc, Size columns, bool exact) {
  Vec sum[MR][NV];
  for (int j = 0; j < NV; ++j) {
    const Vec start = bias ? at<kWidth>(bias + j * kWidth) : Vec{};
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) sum[i][j] = start;
  }
  for (Size step = 0; step < k; ++step) {
    Vec b[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) b[j] = at<kWidth>(panel + step * (NV * kWidth) + j * kWidth);
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
      const float scalar = a[i * lda + step];
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) sum[i][j] += scalar * b[j];
    }
  }
  const bool overhang = columns < NV * kWidth;
#pragma GCC unroll 16
  for (int i = 0; i < MR; ++i) {
    if (overhang && exact) {
      float row[NV * kWidth];
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) at<kWidth>(row + j * kWidth) = sum[i][j];
      copy(row, columns, c + i * ldc);
    } else {
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) at<kWidth>(c + i * ldc + j * kWidth) = sum[i][j];
    }
  }
}

template <int MR, int NV>
void panel_product(const float* a, Size lda, const float* panel, Size m, Size k, const float* bias, float* c, Size ldc,
                   Size columns, const float* end) {
  const auto leaves = [=](Size last_row) { return end - (c + last_row * ldc) < NV * kWidth; };
  Size row = 0;
  for (; row + MR <= m; row += MR) {
    tile<MR, NV>(a + row * lda, lda, panel, k, bias, c + row * ldc, ldc, columns, leaves(row + MR - 1));
  }
  for (; row < m; ++row) tile<1, NV>(a + row * lda, lda, panel, k, bias, c + row * ldc, ldc, columns, leaves(row));
}

/// c [m,n] = a [m,k] * packed b + bias (bias padded to whole vectors, or null). Rows of c are n floats apart.
void product(const float* a, Size lda, const float* packed, Size m, Size k, Size n, const float* bias, float* c) {
  const Panels panels(n);
  const float* const end = c + m * n;
  // Rows are cut so that a block of `a` stays in the first-level cache while all panels pass over it.
  const Size block = panels.count == 1 ? m : most(48, round_up(8192 / most(k, 1), 24));
  for (Size first = 0; first < m; first += block) {
    const Size rows = least(block, m - first);
    // Last panel first: only it has an overhang, into columns of the rows below that the first panel writes afterwards.
    for (Size p = panels.count - 1; p >= 0; --p) {
      const Size start = panels.begin(p) * kWidth;
      const float* panel = packed + k * start;
      const Size nv = panels.begin(p + 1) - panels.begin(p);
      const Size columns = least(n - start, nv * kWidth);
      const float* panel_bias = bias ? bias + start : nullptr;
      float* out = c + first * n + start;
      const float* in = a + first * lda;
      switch (nv) {
        case 1:
          panel_product<12, 1>(in, lda, panel, rows, k, panel_bias, out, n, columns, end);
          break;
#if defined(__AVX512F__)
        case 2:
          panel_product<12, 2>(in, lda, panel, rows, k, panel_bias, out, n, columns, end);
          break;
        case 3:
          panel_product<8, 3>(in, lda, panel, rows, k, panel_bias, out, n, columns, end);
          break;
        case 4:
          panel_product<6, 4>(in, lda, panel, rows, k, panel_bias, out, n, columns, end);
          break;
#else
        case 2:
          panel_product<6, 2>(in, lda, panel, rows, k, panel_bias, out, n, columns, end);
          break;
#endif
        default:
          break;
      }
    }
  }
}

/// c[KR][NV vectors] += a[m][KR]^T * b[m][NV vectors].
template <int KR, int NV>
inline __attribute__((always_inline)) void outer_tile(const float* a, Size lda, const float* b, Size ldb, Size m,
                                                      float* c, Size ldc) {
  Vec sum[KR][NV];
#pragma GCC unroll 16
  for (int i = 0; i < KR; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) sum[i][j] = at<kWidth>(c + i * ldc + j * kWidth);
  }
  for (Size row = 0; row < m; ++row) {
    Vec operand[NV];
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) operand[j] = at<kWidth>(b + row * ldb + j * kWidth);
#pragma GCC unroll 16
    for (int i = 0; i < KR; ++i) {
      const float scalar = a[row * lda + i];
#pragma GCC unroll 4
      for (int j = 0; j < NV; ++j) sum[i][j] += scalar * operand[j];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < KR; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < NV; ++j) at<kWidth>(c + i * ldc + j * kWidth) = sum[i][j];
  }
}

template <int KR, int NV>
void outer_panel(const float* a, Size lda, const float* b, Size ldb, Size m, Size k, float* c, Size ldc) {
  Size column = 0;
  for (; column + KR <= k; column += KR) outer_tile<KR, NV>(a + column, lda, b, ldb, m, c + column * ldc, ldc);
  for (; column < k; ++column) outer_tile<1, NV>(a + column, lda, b, ldb, m, c + column * ldc, ldc);
}

/// Rows of one step of the sum over m: both operands' blocks stay in the first-level cache.
Size outer_block(Size k, Size n) { return most(32, least(256, 8192 / most(1, k + n))); }

/// c [k, padded n] += a [m,k]^T * b [m,n]. `block` is scratch of outer_block rows of padded n floats.
void outer_product(const float* a, Size lda, const float* b, Size m, Size k, Size n, float* c, float* block) {
  const Panels panels(n);
  const Size padded = panels.vectors * kWidth;
  const Size step = outer_block(k, n);
  for (Size first = 0; first < m; first += step) {
    const Size rows = least(step, m - first);
    for (Size row = 0; row < rows; ++row) {
      copy(b + (first + row) * n, n, block + row * padded);
      fill(block + row * padded + n, padded - n, 0.0f);
    }
    for (Size p = 0; p < panels.count; ++p) {
      const Size start = panels.begin(p) * kWidth;
      const float* in = a + first * lda;
      switch (panels.begin(p + 1) - panels.begin(p)) {
        case 1:
          outer_panel<12, 1>(in, lda, block + start, padded, rows, k, c + start, padded);
          break;
#if defined(__AVX512F__)
        case 2:
          outer_panel<12, 2>(in, lda, block + start, padded, rows, k, c + start, padded);
          break;
        case 3:
          outer_panel<8, 3>(in, lda, block + start, padded, rows, k, c + start, padded);
          break;
        case 4:
          outer_panel<6, 4>(in, lda, block + start, padded, rows, k, c + start, padded);
          break;
#else
        case 2:
          outer_panel<6, 2>(in, lda, block + start, padded, rows, k, c + start, padded);
          break;
#endif
        default:
          break;
      }
    }
  }
}

// ---- convolution by gathering windows into rows
// ----------------------------------------------------------------------------------------

/// Pixels gathered at a time: 64 KiB of rows, a quarter of the smallest second-level caches.
Size gather_block(const ConvGeometry& g) { return most(24, least(g.pixels(), round_up(16384 / g.taps(), 24))); }

/// Calls run(row, tap, x_offset, length) for each contiguous stretch of window values inside the input, and gap(row,
/// tap, length) outside.
template <class Run, class Gap>
inline __attribute__((always_inline)) void windows(const ConvGeometry& g, Size first, Size count, Run run, Gap gap) {
  for (Size row = 0; row < count; ++row) {
    const Size pixel = first + row;
    const Size image = pixel / (g.ho * g.wo);
    const Size top = pixel / g.wo % g.ho * g.stride_h - g.pad_top;
    const Size left = pixel % g.wo * g.stride_w - g.pad_left;
    for (Size kh = 0; kh < g.kh; ++kh) {
      const Size y = top + kh * g.dilation_h;
      const Size tap = kh * g.kw * g.ci;
      if (y < 0 || y >= g.h) {
        gap(row, tap, g.kw * g.ci);
        continue;
      }
      const Size line = (image * g.h + y) * g.w;
      if (g.dilation_w == 1 && left >= 0 && left + g.kw <= g.w) {
        run(row, tap, (line + left) * g.ci, g.kw * g.ci);
        continue;
      }
      for (Size kw = 0; kw < g.kw; ++kw) {
        const Size x = left + kw * g.dilation_w;
        if (x < 0 || x >= g.w) {
          gap(row, tap + kw * g.ci, g.ci);
        } else {
          run(row, tap + kw * g.ci, (line + x) * g.ci, g.ci);
        }
      }
    }
  }
}

void gather(const ConvGeometry& g, const float* x, Size first, Size count, float* rows) {
  const Size taps = g.taps();
  windows(
      g, first, count,
      [=](Size row, Size tap, Size offset, Size length) { copy(x + offset, length, rows + row * taps + tap); },
      [=](Size row, Size tap, Size length) { fill(rows + row * taps + tap, length, 0.0f); });
}

void scatter(const ConvGeometry& g, const float* rows, Size first, Size count, float* dx) {
  const Size taps = g.taps();
  windows(
      g, first, count,
      [=](Size row, Size tap, Size offset, Size length) { accumulate(rows + row * taps + tap, length, dx + offset); },
      [](Size, Size, Size) {});
}

Size conv_scratch(const ConvGeometry& g) {
  const Size padded_out = round_up(g.co, kWidth);
  const Size padded_taps = round_up(g.taps(), kWidth);
  const Size packed = most(g.taps() * padded_out, g.co * padded_taps);
  const Size rows = g.pointwise() ? 0 : gather_block(g) * g.taps() + kWidth;
  return packed + padded_out + rows + outer_block(g.taps(), g.co) * padded_out + kWidth;
}

void conv_forward(const ConvGeometry& g, const float* x, const float* weights, const float* bias, float* y,
                  float* scratch) {
  const Size taps = g.taps();
  const Size padded = round_up(g.co, kWidth);
  float* packed = scratch;
  float* padded_bias = packed + taps * padded;
  float* rows = padded_bias + padded;
  pack(weights, taps, g.co, 1, taps, packed);
  if (bias) {
    copy(bias, g.co, padded_bias);
    fill(padded_bias + g.co, padded - g.co, 0.0f);
    bias = padded_bias;
  }
  if (g.pointwise()) return product(x, g.ci, packed, g.pixels(), taps, g.co, bias, y);
  const Size block = gather_block(g);
  for (Size first = 0; first < g.pixels(); first += block) {
    const Size count = least(block, g.pixels() - first);
    gather(g, x, first, count, rows);
    product(rows, taps, packed, count, taps, g.co, bias, y + first * g.co);
  }
}

void conv_backward_data(const ConvGeometry& g, const float* dy, const float* weights, float* dx, float* scratch) {
  const Size taps = g.taps();
  float* packed = scratch;
  float* rows = packed + g.co * round_up(taps, kWidth);
  pack(weights, g.co, taps, taps, 1, packed);
  if (g.pointwise()) return product(dy, g.co, packed, g.pixels(), g.co, taps, nullptr, dx);
  fill(dx, g.n * g.h * g.w * g.ci, 0.0f);
  const Size block = gather_block(g);
  for (Size first = 0; first < g.pixels(); first += block) {
    const Size count = least(block, g.pixels() - first);
    product(dy + first * g.co, g.co, packed, count, g.co, taps, nullptr, rows);
    scatter(g, rows, first, count, dx);
  }
}

void conv_backward_weights(const ConvGeometry& g, const float* x, const float* dy, float* dweights, float* scratch) {
  const Size taps = g.taps();
  const Size padded = round_up(g.co, kWidth);
  float* sums = scratch;  // [taps, padded co]: transposed at the end
  float* operand = sums + taps * padded;
  float* rows = operand + outer_block(taps, g.co) * padded;
  fill(sums, taps * padded, 0.0f);
  if (g.pointwise()) {
    outer_product(x, g.ci, dy, g.pixels(), taps, g.co, sums, operand);
  } else {
    const Size block = gather_block(g);
    for (Size first = 0; first < g.pixels(); first += block) {
      const Size count = least(block, g.pixels() - first);
      gather(g, x, first, count, rows);
      outer_product(rows, taps, dy + first * g.co, count, taps, g.co, sums, operand);
    }
  }
  for (Size out = 0; out < g.co; ++out) {
    for (Size tap = 0; tap < taps; ++tap) dweights[out * taps + tap] = sums[tap * padded + out];
  }
}

// ---- depthwise convolution
// -------------------------------------------------------------------------------------------------------------

/// Calls body(lane, first channel) for the widest vectors that fit what is left of c channels.
template <class Body>
inline __attribute__((always_inline)) void for_channels(Size c, Body body) {
  Size first = 0;
  for (; first + kWidth <= c; first += kWidth) body(Lane<kWidth>{}, first);
  if constexpr (kWidth > 8) {
    for (; first + 8 <= c; first += 8) body(Lane<8>{}, first);
  }
  if constexpr (kWidth > 4) {
    for (; first + 4 <= c; first += 4) body(Lane<4>{}, first);
  }
  for (; first < c; ++first) body(Lane<1>{}, first);
}

struct Span {
  Size begin, end;
};

/// Window positions k with 0 <= start + k * dilation < size.
inline Span inside(Size start, Size size, Size kernel, Size dilation) {
  Size begin = 0;
  Size end = kernel;
  while (begin < kernel && start + begin * dilation < 0) ++begin;
  while (end > begin && start + (end - 1) * dilation >= size) --end;
  return {begin, end};
}

/// Visits the output pixels of one image: pixel(oy, ox, taps, is_whole) where is_whole means that no tap is outside.
template <class Pixel>
inline __attribute__((always_inline)) void for_pixels(const ConvGeometry& g, Pixel pixel) {
  for (Size oy = 0; oy < g.ho; ++oy) {
    const Size top = oy * g.stride_h - g.pad_top;
    const Span rows = inside(top, g.h, g.kh, g.dilation_h);
    const bool whole_rows = rows.begin == 0 && rows.end == g.kh;
    for (Size ox = 0; ox < g.wo; ++ox) {
      const Size left = ox * g.stride_w - g.pad_left;
      const bool whole = whole_rows && left >= 0 && left + (g.kw - 1) * g.dilation_w < g.w;
      const Span columns = whole ? Span{0, g.kw} : inside(left, g.w, g.kw, g.dilation_w);
      pixel(oy, ox, top, left, rows, columns, whole);
    }
  }
}

/// One image, one vector of channels. KH, KW > 0: the window is known at compile time and its weights stay in
/// registers.
template <class L, int KH, int KW>
inline __attribute__((always_inline)) void depthwise_plane(const ConvGeometry& g, const float* x, const float* weights,
                                                           const float* bias, float* y) {
  using V = typename L::Vec;
  constexpr int W = sizeof(V) / sizeof(float);
  const Size c = g.ci;
  const Size line = g.w * c;
  V fixed[KH > 0 ? KH * KW : 1];
  if constexpr (KH > 0) {
#pragma GCC unroll 32
    for (int k = 0; k < KH * KW; ++k) fixed[k] = at<W>(weights + k * c);
  }
  const V start = bias ? at<W>(bias) : V{};
  for_pixels(g, [&](Size oy, Size ox, Size top, Size left, Span rows, Span columns, bool whole) {
    V sum = start;
    if (KH > 0 && whole) {
      const float* corner = x + top * line + left * c;
#pragma GCC unroll 8
      for (int kh = 0; kh < KH; ++kh) {
#pragma GCC unroll 8
        for (int kw = 0; kw < KW; ++kw) sum += at<W>(corner + kh * line + kw * c) * fixed[kh * KW + kw];
      }
    } else {
      for (Size kh = rows.begin; kh < rows.end; ++kh) {
        const float* from = x + (top + kh * g.dilation_h) * line;
        for (Size kw = columns.begin; kw < columns.end; ++kw) {
          sum += at<W>(from + (left + kw * g.dilation_w) * c) * at<W>(weights + (kh * g.kw + kw) * c);
        }
      }
    }
    at<W>(y + (oy * g.wo + ox) * c) = sum;
  });
}

template <int KH, int KW>
void depthwise_images(const ConvGeometry& g, const float* x, const float* weights, const float* bias, float* y) {
  for (Size image = 0; image < g.n; ++image) {
    const float* from = x + image * g.h * g.w * g.ci;
    float* to = y + image * g.ho * g.wo * g.ci;
    for_channels(g.ci, [&](auto lane, Size channel) {
      depthwise_plane<decltype(lane), KH, KW>(g, from + channel, weights + channel, bias ? bias + channel : nullptr,
                                              to + channel);
    });
  }
}

bool is_three_by_three(const ConvGeometry& g) {
  return g.kh == 3 && g.kw == 3 && g.dilation_h == 1 && g.dilation_w == 1;
}

void depthwise_forward(const ConvGeometry& g, const float* x, const float* weights, const float* bias, float* y) {
  if (is_three_by_three(g)) return depthwise_images<3, 3>(g, x, weights, bias, y);
  depthwise_images<0, 0>(g, x, weights, bias, y);
}

/// Adds each output gradient times the window's weights into dx: any stride.
template <class L>
inline __attribute__((always_inline)) void depthwise_scatter(const ConvGeometry& g, const float* dy,
                                                             const float* weights, float* dx) {
  using V = typename L::Vec;
  constexpr int W = sizeof(V) / sizeof(float);
  const Size c = g.ci;
  for_pixels(g, [&](Size oy, Size ox, Size top, Size left, Span rows, Span columns, bool) {
    const V gradient = at<W>(dy + (oy * g.wo + ox) * c);
    for (Size kh = rows.begin; kh < rows.end; ++kh) {
      float* to = dx + (top + kh * g.dilation_h) * g.w * c;
      for (Size kw = columns.begin; kw < columns.end; ++kw) {
        at<W>(to + (left + kw * g.dilation_w) * c) += gradient * at<W>(weights + (kh * g.kw + kw) * c);
      }
    }
  });
}

constexpr Size kMaxFlippedFloats = 16384;

void depthwise_backward_data(const ConvGeometry& g, const float* dy, const float* weights, float* dx) {
  const Size window = g.kh * g.kw;
  if (g.stride_h == 1 && g.stride_w == 1 && window * g.ci <= kMaxFlippedFloats) {
    // With stride 1 the gradient is a correlation of dy with the window turned by 180 degrees: the forward kernel does
    // it without read-modify-write.
    float flipped[kMaxFlippedFloats];
    for (Size k = 0; k < window; ++k) copy(weights + (window - 1 - k) * g.ci, g.ci, flipped + k * g.ci);
    ConvGeometry turned = g;
    turned.h = g.ho;
    turned.w = g.wo;
    turned.ho = g.h;
    turned.wo = g.w;
    turned.pad_top = (g.kh - 1) * g.dilation_h - g.pad_top;
    turned.pad_left = (g.kw - 1) * g.dilation_w - g.pad_left;
    return depthwise_forward(turned, dy, flipped, nullptr, dx);
  }
  fill(dx, g.n * g.h * g.w * g.ci, 0.0f);
  for (Size image = 0; image < g.n; ++image) {
    const float* from = dy + image * g.ho * g.wo * g.ci;
    float* to = dx + image * g.h * g.w * g.ci;
    for_channels(g.ci, [&](auto lane, Size channel) {
      depthwise_scatter<decltype(lane)>(g, from + channel, weights + channel, to + channel);
    });
  }
}

/// Window gradients of one image and one vector of channels, added into dweights.
template <class L, int KH, int KW>
inline __attribute__((always_inline)) void depthwise_window_sums(const ConvGeometry& g, const float* x, const float* dy,
                                                                 float* dweights) {
  using V = typename L::Vec;
  constexpr int W = sizeof(V) / sizeof(float);
  const Size c = g.ci;
  const Size line = g.w * c;
  V fixed[KH > 0 ? KH * KW : 1] = {};
  for_pixels(g, [&](Size oy, Size ox, Size top, Size left, Span rows, Span columns, bool whole) {
    const V gradient = at<W>(dy + (oy * g.wo + ox) * c);
    if (KH > 0 && whole) {
      const float* corner = x + top * line + left * c;
#pragma GCC unroll 8
      for (int kh = 0; kh < KH; ++kh) {
#pragma GCC unroll 8
        for (int kw = 0; kw < KW; ++kw) fixed[kh * KW + kw] += at<W>(corner + kh * line + kw * c) * gradient;
      }
      return;
    }
    for (Size kh = rows.begin; kh < rows.end; ++kh) {
      const float* from = x + (top + kh * g.dilation_h) * line;
      for (Size kw = columns.begin; kw < columns.end; ++kw) {
        at<W>(dweights + (kh * g.kw + kw) * c) += at<W>(from + (left + kw * g.dilation_w) * c) * gradient;
      }
    }
  });
  if constexpr (KH > 0) {
#pragma GCC unroll 32
    for (int k = 0; k < KH * KW; ++k) at<W>(dweights + k * c) += fixed[k];
  }
}

template <int KH, int KW>
void depthwise_weight_images(const ConvGeometry& g, const float* x, const float* dy, float* dweights) {
  for (Size image = 0; image < g.n; ++image) {
    const float* from = x + image * g.h * g.w * g.ci;
    const float* gradient = dy + image * g.ho * g.wo * g.ci;
    for_channels(g.ci, [&](auto lane, Size channel) {
      depthwise_window_sums<decltype(lane), KH, KW>(g, from + channel, gradient + channel, dweights + channel);
    });
  }
}

void depthwise_backward_weights(const ConvGeometry& g, const float* x, const float* dy, float* dweights) {
  fill(dweights, g.kh * g.kw * g.ci, 0.0f);
  if (is_three_by_three(g)) return depthwise_weight_images<3, 3>(g, x, dy, dweights);
  depthwise_weight_images<0, 0>(g, x, dy, dweights);
}

// ---- columns: batch norm, bias
// -----------------------------------------------------------------------------------------------------------

/// Rows summed in float before the sum goes to double: 256 additions lose at most 8 of 24 bits, in practice 4.
constexpr Size kSumRows = 256;
/// Most channels handled with sums on the stack; wider tensors go by slices.
constexpr Size kColumns = 256;

/// Sums over rows of up to two values per element, value(vector lane, row offset) -> adds into s0, s1.
template <class Term>
inline __attribute__((always_inline)) void column_reduce(Size rows, Size c, double* total0, double* total1, Term term) {
  for (Size i = 0; i < c; ++i) total0[i] = total1[i] = 0.0;
  for (Size first = 0; first < rows; first += kSumRows) {
    const Size last = least(rows, first + kSumRows);
    for_channels(c, [&](auto lane, Size channel) {
      using V = typename decltype(lane)::Vec;
      constexpr int W = sizeof(V) / sizeof(float);
      V s0 = {};
      V s1 = {};
      for (Size row = first; row < last; ++row) term(lane, row, channel, s0, s1);
      float out0[W];
      float out1[W];
      at<W>(out0) = s0;
      at<W>(out1) = s1;
      for (int i = 0; i < W; ++i) {
        total0[channel + i] += static_cast<double>(out0[i]);
        total1[channel + i] += static_cast<double>(out1[i]);
      }
    });
  }
}

/// Calls slice(first, count) for at most kColumns channels at a time.
template <class Slice>
void for_slices(Size c, Slice slice) {
  for (Size first = 0; first < c; first += kColumns) slice(first, least(kColumns, c - first));
}

void column_sums(const float* x, Size rows, Size c, float* sums) {
  for_slices(c, [&](Size start, Size count) {
    double s0[kColumns];
    double s1[kColumns];
    column_reduce(rows, count, s0, s1, [&](auto lane, Size row, Size channel, auto& a, auto&) {
      constexpr int W = sizeof(typename decltype(lane)::Vec) / sizeof(float);
      a += at<W>(x + row * c + start + channel);
    });
    for (Size i = 0; i < count; ++i) sums[start + i] = static_cast<float>(s0[i]);
  });
}

void moments(const float* x, Size rows, Size c, float* mean, float* variance) {
  for_slices(c, [&](Size start, Size count) {
    double s0[kColumns];
    double s1[kColumns];
    // Differences to the first row keep the squares small when the mean is far from zero.
    const float* pivot = x + start;
    column_reduce(rows, count, s0, s1, [&](auto lane, Size row, Size channel, auto& a, auto& b) {
      constexpr int W = sizeof(typename decltype(lane)::Vec) / sizeof(float);
      const auto d = at<W>(x + row * c + start + channel) - at<W>(pivot + channel);
      a += d;
      b += d * d;
    });
    for (Size i = 0; i < count; ++i) {
      const double shift = s0[i] / static_cast<double>(rows);
      const double square = s1[i] / static_cast<double>(rows) - shift * shift;
      mean[start + i] = static_cast<float>(static_cast<double>(pivot[i]) + shift);
      variance[start + i] = square > 0.0 ? static_cast<float>(square) : 0.0f;
    }
  });
}

void scale_shift(const float* x, const float* residual, Size rows, Size c, const float* scale, const float* shift,
                 float low, float high, float* y) {
  for (Size row = 0; row < rows; ++row) {
    const float* from = x + row * c;
    const float* add = residual ? residual + row * c : nullptr;
    float* to = y + row * c;
    for_channels(c, [&](auto lane, Size i) {
      using V = typename decltype(lane)::Vec;
      constexpr int W = sizeof(V) / sizeof(float);
      V value = at<W>(from + i) * at<W>(scale + i) + at<W>(shift + i);
      if (add) value += at<W>(add + i);
      value = value < low ? V{} + low : value;
      at<W>(to + i) = value > high ? V{} + high : value;
    });
  }
}

void masked_sums(const float* dy, const float* y, const float* x, Size rows, Size c, const float* mean, float low,
                 float high, float* g, float* sum_g, float* sum_gx) {
  for_slices(c, [&](Size start, Size count) {
    double s0[kColumns];
    double s1[kColumns];
    column_reduce(rows, count, s0, s1, [&](auto lane, Size row, Size channel, auto& a, auto& b) {
      using V = typename decltype(lane)::Vec;
      constexpr int W = sizeof(V) / sizeof(float);
      const Size i = row * c + start + channel;
      const V out = at<W>(y + i);
      V gradient = at<W>(dy + i);
      gradient = out > low ? gradient : V{};
      gradient = out < high ? gradient : V{};
      at<W>(g + i) = gradient;
      a += gradient;
      b += gradient * (at<W>(x + i) - at<W>(mean + start + channel));
    });
    for (Size i = 0; i < count; ++i) {
      sum_g[start + i] = static_cast<float>(s0[i]);
      sum_gx[start + i] = static_cast<float>(s1[i]);
    }
  });
}

void combine(const float* g, const float* x, Size rows, Size c, const float* a, const float* b, const float* d,
             float* dx) {
  for (Size row = 0; row < rows; ++row) {
    const Size offset = row * c;
    for_channels(c, [&](auto lane, Size i) {
      constexpr int W = sizeof(typename decltype(lane)::Vec) / sizeof(float);
      at<W>(dx + offset + i) =
          at<W>(g + offset + i) * at<W>(a + i) + at<W>(x + offset + i) * at<W>(b + i) + at<W>(d + i);
    });
  }
}

}  // namespace

const Kernels& table();
const Kernels& table() {
  static constexpr Kernels kTable {
#if defined(__AVX512F__)
    "x86-64-v4",
#elif defined(__AVX2__)
    "x86-64-v3",
#else
    "baseline",
#endif
        conv_scratch, conv_forward, conv_backward_data, conv_backward_weights, depthwise_forward,
        depthwise_backward_data, depthwise_backward_weights, column_sums, moments, scale_shift, masked_sums, combine
  };
  return kTable;
}

}  // namespace mote::train::MOTE_TRAIN_ISA
