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

// Matrix products.

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

/// Where the k values of a row of `a` lie: side by side, or as a table says.
struct SideBySide {
  inline Size operator()(Size step) const { return step; }
};
struct Scattered {
  const Size* offsets;
  inline Size operator()(Size step) const { return offsets[step]; }
};

/// c[MR][first columns] = a[MR][k] * panel + bias. Whole vectors are stored, so a row's overhang lands in the rows
/// below, which are written afterwards; `exact` stores nothing but the columns, for rows whose overhang would leave the
/// matrix.
template <int MR, int NV, class Offset>
inline __attribute__((always_inline)) void tile(const float* a, Size lda, Offset offset, const float* panel, Size k,
                                                const float* bias, float* c, Size ldc, Size columns, bool exact) {
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
    const float* column = a + offset(step);
#pragma GCC unroll 16
    for (int i = 0; i < MR; ++i) {
      const float scalar = column[i * lda];
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

/// The tile of `rows` rows, 1 to MR.
template <int MR, int NV, class Offset>
inline __attribute__((always_inline)) void tile_of(Size rows, const float* a, Size lda, Offset offset,
                                                   const float* panel, Size k, const float* bias, float* c, Size ldc,
                                                   Size columns, bool exact) {
  if constexpr (MR > 1) {
    if (rows < MR) return tile_of<MR - 1, NV>(rows, a, lda, offset, panel, k, bias, c, ldc, columns, exact);
  }
  tile<MR, NV>(a, lda, offset, panel, k, bias, c, ldc, columns, exact);
}

/// Rows of `a` times packed weights: what stays the same from call to call.
struct Product {
  const float* packed;
  Size k, n;
  const float* bias;  ///< padded to whole vectors, or null
  const float* end;   ///< of the matrix that results; rows of it are n floats apart
};

template <int MR, int NV, class Offset>
void panel_product(const Product& p, Size panel, const float* a, Size lda, Offset offset, Size m, float* c) {
  const Size start = Panels(p.n).begin(panel) * kWidth;
  const float* weights = p.packed + p.k * start;
  const float* bias = p.bias ? p.bias + start : nullptr;
  const Size columns = least(p.n - start, NV * kWidth);
  c += start;
  // Full tiles, then what is left in two even ones: a tile of one row would read all weights for it.
  for (Size row = 0; row < m;) {
    const Size left = m - row;
    const Size count = left >= 2 * MR || left <= MR ? least(left, MR) : (left + 1) / 2;
    float* to = c + row * p.n;
    const bool leaves = p.end - (to + (count - 1) * p.n) < NV * kWidth;
    tile_of<MR, NV>(count, a + row * lda, lda, offset, weights, p.k, bias, to, p.n, columns, leaves);
    row += count;
  }
}

/// c [m,n] = rows of a, lda floats apart, times the packed weights, plus bias. Rows below c must be written later or
/// belong to nobody.
template <class Offset>
void product(const Product& p, const float* a, Size lda, Offset offset, Size m, float* c) {
  const Panels panels(p.n);
  // Last panel first: only it has an overhang, into columns of the rows below that the first panel writes afterwards.
  for (Size panel = panels.count - 1; panel >= 0; --panel) {
    switch (panels.begin(panel + 1) - panels.begin(panel)) {
      case 1:
        panel_product<12, 1>(p, panel, a, lda, offset, m, c);
        break;
#if defined(__AVX512F__)
      case 2:
        panel_product<12, 2>(p, panel, a, lda, offset, m, c);
        break;
      case 3:
        panel_product<8, 3>(p, panel, a, lda, offset, m, c);
        break;
      case 4:
        panel_product<6, 4>(p, panel, a, lda, offset, m, c);
        break;
#else
      case 2:
        panel_product<6, 2>(p, panel, a, lda, offset, m, c);
        break;
#endif
      default:
        break;
    }
  }
}

/// The same for a whole matrix of k values side by side, in blocks of rows that stay in the first-level cache while all
/// panels pass over them.
void matrix_product(const Product& p, const float* a, Size m, float* c) {
  const Size block = Panels(p.n).count == 1 ? m : most(48, round_up(8192 / most(p.k, 1), 24));
  for (Size first = 0; first < m; first += block) {
    product(p, a + first * p.k, p.k, SideBySide{}, least(block, m - first), c + first * p.n);
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
  const auto columns_of = [&]<int R>() {
    for (; column + R <= k; column += R) outer_tile<R, NV>(a + column, lda, b, ldb, m, c + column * ldc, ldc);
  };
  columns_of.template operator()<KR>();
  columns_of.template operator()<4>();
  columns_of.template operator()<3>();
  columns_of.template operator()<1>();
}

/// c [k, padded n] += a [m,k]^T * b [m, padded n]; rows of a are lda floats apart.
void outer_product(const float* a, Size lda, const float* b, Size m, Size k, Size n, float* c) {
  const Panels panels(n);
  const Size padded = panels.vectors * kWidth;
  for (Size p = 0; p < panels.count; ++p) {
    const Size start = panels.begin(p) * kWidth;
    switch (panels.begin(p + 1) - panels.begin(p)) {
      case 1:
        outer_panel<12, 1>(a, lda, b + start, padded, m, k, c + start, padded);
        break;
#if defined(__AVX512F__)
      case 2:
        outer_panel<12, 2>(a, lda, b + start, padded, m, k, c + start, padded);
        break;
      case 3:
        outer_panel<8, 3>(a, lda, b + start, padded, m, k, c + start, padded);
        break;
      case 4:
        outer_panel<6, 4>(a, lda, b + start, padded, m, k, c + start, padded);
        break;
#else
      case 2:
        outer_panel<6, 2>(a, lda, b + start, padded, m, k, c + start, padded);
        break;
#endif
      default:
        break;
    }
  }
}

/// Copies rows of n floats to rows of whole vectors, zeros behind.
void pad_rows(const float* from, Size rows, Size n, float* to) {
  const Size padded = round_up(n, kWidth);
  for (Size row = 0; row < rows; ++row) {
    copy(from + row * n, n, to + row * padded);
    fill(to + row * padded + n, padded - n, 0.0f);
  }
}

// Convolutions. An image is copied into a frame of zeros, so that all windows are alike: the values under a window lie
// at fixed offsets from its corner, and the corners of a line of output pixels at a fixed distance. Nothing is
// gathered.

/// The frame around one image.
struct Frame {
  Size h, w;
  explicit Frame(const ConvGeometry& g)
      : h((g.ho - 1) * g.stride_h + (g.kh - 1) * g.dilation_h + 1),
        w((g.wo - 1) * g.stride_w + (g.kw - 1) * g.dilation_w + 1) {}
};

void put_in_frame(const ConvGeometry& g, const float* image, float* frame) {
  const Frame size(g);
  const Size left = most(0, -g.pad_left);  // columns of the image that no window reaches
  const Size before = most(0, g.pad_left) * g.ci;
  const Size columns = most(0, least(g.w - left, size.w - most(0, g.pad_left))) * g.ci;
  for (Size row = 0; row < size.h; ++row) {
    float* to = frame + row * size.w * g.ci;
    const Size source = row - g.pad_top;
    if (source < 0 || source >= g.h) {
      fill(to, size.w * g.ci, 0.0f);
      continue;
    }
    fill(to, before, 0.0f);
    copy(image + (source * g.w + left) * g.ci, columns, to + before);
    fill(to + before + columns, size.w * g.ci - before - columns, 0.0f);
  }
}

/// Offsets of a window's values from its corner in the frame.
void window_offsets(const ConvGeometry& g, Size* offsets) {
  const Frame frame(g);
  for (Size kh = 0; kh < g.kh; ++kh) {
    for (Size kw = 0; kw < g.kw; ++kw) {
      for (Size c = 0; c < g.ci; ++c) *offsets++ = (kh * g.dilation_h * frame.w + kw * g.dilation_w) * g.ci + c;
    }
  }
}

/// The convolution of y's gradient that gives x's, at stride 1: the window turned by 180 degrees.
ConvGeometry turned(const ConvGeometry& g) {
  ConvGeometry t = g;
  t.h = g.ho;
  t.w = g.wo;
  t.ci = g.co;
  t.ho = g.h;
  t.wo = g.w;
  t.co = g.ci;
  t.pad_top = (g.kh - 1) * g.dilation_h - g.pad_top;
  t.pad_left = (g.kw - 1) * g.dilation_w - g.pad_left;
  return t;
}

bool has_unit_stride(const ConvGeometry& g) { return g.stride_h == 1 && g.stride_w == 1; }

/// Scratch of the convolutions, in floats, cut into its parts.
struct Scratch {
  Size packed, bias, frame, offsets, sums, rows;
  explicit Scratch(const ConvGeometry& g) {
    const ConvGeometry t = turned(g);
    const auto frame_of = [](const ConvGeometry& any) { return Frame(any).h * Frame(any).w * any.ci; };
    const Size taps = g.kh * g.kw;
    packed = most(g.taps() * round_up(g.co, kWidth), taps * g.co * round_up(g.ci, kWidth));
    packed = most(packed, g.co * round_up(g.taps(), kWidth));
    bias = round_up(g.co, kWidth);
    frame = g.pointwise() ? 0 : most(frame_of(g), has_unit_stride(g) ? frame_of(t) : 0);
    offsets = taps * most(g.ci, g.co) * static_cast<Size>(sizeof(Size) / sizeof(float));
    sums = most(g.taps() * round_up(g.co, kWidth), taps * g.co * g.ci);
    rows = most(kOuterRows, g.wo) * round_up(most(g.co, g.taps()), kWidth);
  }
  /// Rows of a pointwise weight gradient that are summed at a time: both operands stay in the second-level cache.
  static constexpr Size kOuterRows = 128;
  [[nodiscard]] Size total() const { return packed + bias + frame + offsets + sums + rows + 8 * kWidth; }
};

Size conv_scratch(const ConvGeometry& g) { return Scratch(g).total(); }

/// Parts begin at multiples of a vector, so that tables of offsets are aligned.
struct Parts {
  float *packed, *bias, *frame, *sums, *rows;
  Size* offsets;
  Parts(const ConvGeometry& g, float* scratch) {
    const Scratch size(g);
    const auto take = [&](Size count) {
      float* part = scratch;
      scratch += round_up(count, kWidth);
      return part;
    };
    offsets = reinterpret_cast<Size*>(take(size.offsets));
    packed = take(size.packed);
    bias = take(size.bias);
    frame = take(size.frame);
    sums = take(size.sums);
    rows = take(size.rows);
  }
};

/// y = windows of x times weights already packed.
void convolve(const ConvGeometry& g, const float* x, const Product& p, const Parts& parts, float* y) {
  if (g.pointwise()) return matrix_product(p, x, g.pixels(), y);
  window_offsets(g, parts.offsets);
  const Frame frame(g);
  for (Size image = 0; image < g.n; ++image) {
    put_in_frame(g, x + image * g.h * g.w * g.ci, parts.frame);
    for (Size oy = 0; oy < g.ho; ++oy) {
      const float* corner = parts.frame + oy * g.stride_h * frame.w * g.ci;
      product(p, corner, g.stride_w * g.ci, Scattered{parts.offsets}, g.wo, y + (image * g.ho + oy) * g.wo * g.co);
    }
  }
}

void conv_forward(const ConvGeometry& g, const float* x, const float* weights, const float* bias, float* y,
                  float* scratch) {
  const Parts parts(g, scratch);
  pack(weights, g.taps(), g.co, 1, g.taps(), parts.packed);
  if (bias) {
    pad_rows(bias, 1, g.co, parts.bias);
    bias = parts.bias;
  }
  convolve(g, x, {parts.packed, g.taps(), g.co, bias, y + g.pixels() * g.co}, parts, y);
}

/// Weights [co][kh][kw][ci] as those of the turned convolution: [kh][kw][co][ci], window turned.
void turn_weights(const ConvGeometry& g, const float* weights, float* to) {
  const Size window = g.kh * g.kw;
  for (Size k = 0; k < window; ++k) {
    for (Size out = 0; out < g.co; ++out) {
      copy(weights + (out * window + window - 1 - k) * g.ci, g.ci, to + (k * g.co + out) * g.ci);
    }
  }
}

/// Any stride: each output pixel's gradient times the weights is added under its window.
void scatter_gradients(const ConvGeometry& g, const float* dy, const float* weights, float* dx, const Parts& parts) {
  pack(weights, g.co, g.taps(), g.taps(), 1, parts.packed);
  fill(dx, g.n * g.h * g.w * g.ci, 0.0f);
  const Product p{parts.packed, g.co, g.taps(), nullptr, parts.rows + g.wo * g.taps()};
  for (Size line = 0; line < g.n * g.ho; ++line) {
    matrix_product(p, dy + line * g.wo * g.co, g.wo, parts.rows);
    const Size image = line / g.ho;
    const Size top = line % g.ho * g.stride_h - g.pad_top;
    for (Size kh = 0; kh < g.kh; ++kh) {
      const Size y = top + kh * g.dilation_h;
      if (y < 0 || y >= g.h) continue;
      float* to = dx + (image * g.h + y) * g.w * g.ci;
      for (Size ox = 0; ox < g.wo; ++ox) {
        for (Size kw = 0; kw < g.kw; ++kw) {
          const Size x = ox * g.stride_w - g.pad_left + kw * g.dilation_w;
          if (x < 0 || x >= g.w) continue;
          accumulate(parts.rows + ox * g.taps() + (kh * g.kw + kw) * g.ci, g.ci, to + x * g.ci);
        }
      }
    }
  }
}

void conv_backward_data(const ConvGeometry& g, const float* dy, const float* weights, float* dx, float* scratch) {
  const Parts parts(g, scratch);
  if (!has_unit_stride(g)) return scatter_gradients(g, dy, weights, dx, parts);
  const ConvGeometry t = turned(g);
  turn_weights(g, weights, parts.sums);
  pack(parts.sums, t.taps(), t.co, t.co, 1, parts.packed);
  convolve(t, dy, {parts.packed, t.taps(), t.co, nullptr, dx + t.pixels() * t.co}, parts, dx);
}

void conv_backward_weights(const ConvGeometry& g, const float* x, const float* dy, float* dweights, float* scratch) {
  const Parts parts(g, scratch);
  const Size taps = g.taps();
  const Size padded = round_up(g.co, kWidth);
  fill(parts.sums, taps * padded, 0.0f);  // [taps, padded co]: transposed at the end
  if (g.pointwise()) {
    for (Size first = 0; first < g.pixels(); first += Scratch::kOuterRows) {
      const Size rows = least(Scratch::kOuterRows, g.pixels() - first);
      pad_rows(dy + first * g.co, rows, g.co, parts.rows);
      outer_product(x + first * g.ci, g.ci, parts.rows, rows, taps, g.co, parts.sums);
    }
  } else {
    const Frame frame(g);
    // Values under one row of a window are neighbours, unless dilation tears them apart.
    const Size runs = g.dilation_w == 1 ? 1 : g.kw;
    const Size run = g.kw / runs * g.ci;
    for (Size image = 0; image < g.n; ++image) {
      put_in_frame(g, x + image * g.h * g.w * g.ci, parts.frame);
      for (Size oy = 0; oy < g.ho; ++oy) {
        pad_rows(dy + (image * g.ho + oy) * g.wo * g.co, g.wo, g.co, parts.rows);
        for (Size k = 0; k < g.kh * runs; ++k) {
          const Size offset = ((oy * g.stride_h + k / runs * g.dilation_h) * frame.w + k % runs * g.dilation_w) * g.ci;
          outer_product(parts.frame + offset, g.stride_w * g.ci, parts.rows, g.wo, run, g.co,
                        parts.sums + k * run * padded);
        }
      }
    }
  }
  for (Size out = 0; out < g.co; ++out) {
    for (Size tap = 0; tap < taps; ++tap) dweights[out * taps + tap] = parts.sums[tap * padded + out];
  }
}

// Depthwise convolution.

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

/// Moves the inner part of a frame, where the image lies, to the image.
void take_from_frame(const ConvGeometry& g, const float* frame, float* image) {
  const Frame size(g);
  for (Size row = 0; row < g.h; ++row) {
    float* to = image + row * g.w * g.ci;
    const Size source = row + g.pad_top;
    const Size columns =
        source < size.h ? most(0, least(g.w, size.w - g.pad_left)) * g.ci : 0;  // the rest no window reaches
    copy(frame + (source * size.w + g.pad_left) * g.ci, columns, to);
    fill(to + columns, g.w * g.ci - columns, 0.0f);
  }
}

/// One image in its frame and one vector of channels. KH, KW > 0: the window is known and its weights stay in
/// registers.
template <class L, int KH, int KW>
inline __attribute__((always_inline)) void depthwise_plane(const ConvGeometry& g, const float* frame,
                                                           const float* weights, const float* bias, float* y) {
  using V = typename L::Vec;
  constexpr int W = sizeof(V) / sizeof(float);
  const Size c = g.ci;
  const Size line = Frame(g).w * c;
  V fixed[KH > 0 ? KH * KW : 1];
  if constexpr (KH > 0) {
#pragma GCC unroll 32
    for (int k = 0; k < KH * KW; ++k) fixed[k] = at<W>(weights + k * c);
  }
  const V start = bias ? at<W>(bias) : V{};
  for (Size oy = 0; oy < g.ho; ++oy) {
    const float* corner = frame + oy * g.stride_h * line;
    for (Size ox = 0; ox < g.wo; ++ox, corner += g.stride_w * c, y += c) {
      V sum = start;
      if constexpr (KH > 0) {
#pragma GCC unroll 8
        for (int kh = 0; kh < KH; ++kh) {
#pragma GCC unroll 8
          for (int kw = 0; kw < KW; ++kw) sum += at<W>(corner + kh * line + kw * c) * fixed[kh * KW + kw];
        }
      } else {
        const float* w = weights;
        for (Size kh = 0; kh < g.kh; ++kh) {
          const float* from = corner + kh * g.dilation_h * line;
          for (Size kw = 0; kw < g.kw; ++kw, from += g.dilation_w * c, w += c) sum += at<W>(from) * at<W>(w);
        }
      }
      at<W>(y) = sum;
    }
  }
}

bool is_three_by_three(const ConvGeometry& g) {
  return g.kh == 3 && g.kw == 3 && g.dilation_h == 1 && g.dilation_w == 1;
}

Size depthwise_scratch(const ConvGeometry& g) {
  const ConvGeometry t = turned(g);
  const Size forward = Frame(g).h * Frame(g).w * g.ci;
  const Size backward = has_unit_stride(g) ? Frame(t).h * Frame(t).w * t.ci : 0;
  return most(forward, backward) + g.kh * g.kw * g.ci;
}

void depthwise_forward(const ConvGeometry& g, const float* x, const float* weights, const float* bias, float* y,
                       float* frame) {
  for (Size image = 0; image < g.n; ++image) {
    put_in_frame(g, x + image * g.h * g.w * g.ci, frame);
    float* to = y + image * g.ho * g.wo * g.ci;
    for_channels(g.ci, [&](auto lane, Size channel) {
      using L = decltype(lane);
      const float* start = bias ? bias + channel : nullptr;
      if (is_three_by_three(g)) {
        depthwise_plane<L, 3, 3>(g, frame + channel, weights + channel, start, to + channel);
      } else {
        depthwise_plane<L, 0, 0>(g, frame + channel, weights + channel, start, to + channel);
      }
    });
  }
}

/// Adds each output gradient times the window's weights into the frame: any stride.
template <class L>
inline __attribute__((always_inline)) void depthwise_scatter(const ConvGeometry& g, const float* dy,
                                                             const float* weights, float* frame) {
  using V = typename L::Vec;
  constexpr int W = sizeof(V) / sizeof(float);
  const Size c = g.ci;
  const Size line = Frame(g).w * c;
  for (Size oy = 0; oy < g.ho; ++oy) {
    float* corner = frame + oy * g.stride_h * line;
    for (Size ox = 0; ox < g.wo; ++ox, corner += g.stride_w * c, dy += c) {
      const V gradient = at<W>(dy);
      const float* w = weights;
      for (Size kh = 0; kh < g.kh; ++kh) {
        float* to = corner + kh * g.dilation_h * line;
        for (Size kw = 0; kw < g.kw; ++kw, to += g.dilation_w * c, w += c) at<W>(to) += gradient * at<W>(w);
      }
    }
  }
}

void depthwise_backward_data(const ConvGeometry& g, const float* dy, const float* weights, float* dx, float* scratch) {
  if (has_unit_stride(g)) {
    // At stride 1 the gradient is a correlation of dy with the window turned by 180 degrees: nothing is read, changed
    // and written again.
    const Size window = g.kh * g.kw;
    for (Size k = 0; k < window; ++k) copy(weights + (window - 1 - k) * g.ci, g.ci, scratch + k * g.ci);
    return depthwise_forward(turned(g), dy, scratch, nullptr, dx, scratch + window * g.ci);
  }
  const Frame frame(g);
  for (Size image = 0; image < g.n; ++image) {
    fill(scratch, frame.h * frame.w * g.ci, 0.0f);
    const float* from = dy + image * g.ho * g.wo * g.ci;
    for_channels(g.ci, [&](auto lane, Size channel) {
      depthwise_scatter<decltype(lane)>(g, from + channel, weights + channel, scratch + channel);
    });
    take_from_frame(g, scratch, dx + image * g.h * g.w * g.ci);
  }
}

/// Window gradients of one image and one vector of channels, added into dweights.
template <class L, int KH, int KW>
inline __attribute__((always_inline)) void depthwise_window_sums(const ConvGeometry& g, const float* frame,
                                                                 const float* dy, float* dweights) {
  using V = typename L::Vec;
  constexpr int W = sizeof(V) / sizeof(float);
  const Size c = g.ci;
  const Size line = Frame(g).w * c;
  V fixed[KH > 0 ? KH * KW : 1] = {};
  for (Size oy = 0; oy < g.ho; ++oy) {
    const float* corner = frame + oy * g.stride_h * line;
    for (Size ox = 0; ox < g.wo; ++ox, corner += g.stride_w * c, dy += c) {
      const V gradient = at<W>(dy);
      if constexpr (KH > 0) {
#pragma GCC unroll 8
        for (int kh = 0; kh < KH; ++kh) {
#pragma GCC unroll 8
          for (int kw = 0; kw < KW; ++kw) fixed[kh * KW + kw] += at<W>(corner + kh * line + kw * c) * gradient;
        }
      } else {
        float* sum = dweights;
        for (Size kh = 0; kh < g.kh; ++kh) {
          const float* from = corner + kh * g.dilation_h * line;
          for (Size kw = 0; kw < g.kw; ++kw, from += g.dilation_w * c, sum += c) at<W>(sum) += at<W>(from) * gradient;
        }
      }
    }
  }
  if constexpr (KH > 0) {
#pragma GCC unroll 32
    for (int k = 0; k < KH * KW; ++k) at<W>(dweights + k * c) += fixed[k];
  }
}

void depthwise_backward_weights(const ConvGeometry& g, const float* x, const float* dy, float* dweights, float* frame) {
  fill(dweights, g.kh * g.kw * g.ci, 0.0f);
  for (Size image = 0; image < g.n; ++image) {
    put_in_frame(g, x + image * g.h * g.w * g.ci, frame);
    const float* gradient = dy + image * g.ho * g.wo * g.ci;
    for_channels(g.ci, [&](auto lane, Size channel) {
      using L = decltype(lane);
      if (is_three_by_three(g)) {
        depthwise_window_sums<L, 3, 3>(g, frame + channel, gradient + channel, dweights + channel);
      } else {
        depthwise_window_sums<L, 0, 0>(g, frame + channel, gradient + channel, dweights + channel);
      }
    });
  }
}

// Columns: batch norm, bias.

/// Rows summed in float before the sum goes to double: 256 additions lose at most 8 of 24 bits, in practice 4.
constexpr Size kSumRows = 256;
/// Most channels handled with sums on the stack; wider tensors go by slices.
constexpr Size kColumns = 256;
/// Floats of each array that are swept channel by channel before going on: four arrays of them fit the first-level
/// cache.
constexpr Size kSweepFloats = 2048;

/// Sums over rows of up to two values per element, term(vector lane, row, channel, sum 0, sum 1).
template <class Term>
inline __attribute__((always_inline)) void column_reduce(Size rows, Size c, double* total0, double* total1, Term term) {
  float part0[kColumns];
  float part1[kColumns];
  const Size sweep = least(kSumRows, most(8, kSweepFloats / c));
  for (Size i = 0; i < c; ++i) total0[i] = total1[i] = 0.0;
  for (Size first = 0; first < rows; first += kSumRows) {
    const Size last = least(rows, first + kSumRows);
    fill(part0, c, 0.0f);
    fill(part1, c, 0.0f);
    for (Size begin = first; begin < last; begin += sweep) {
      const Size end = least(last, begin + sweep);
      for_channels(c, [&](auto lane, Size channel) {
        using V = typename decltype(lane)::Vec;
        constexpr int W = sizeof(V) / sizeof(float);
        V s0 = at<W>(part0 + channel);
        V s1 = at<W>(part1 + channel);
        for (Size row = begin; row < end; ++row) term(lane, row, channel, s0, s1);
        at<W>(part0 + channel) = s0;
        at<W>(part1 + channel) = s1;
      });
    }
    for (Size i = 0; i < c; ++i) {
      total0[i] += static_cast<double>(part0[i]);
      total1[i] += static_cast<double>(part1[i]);
    }
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
        {conv_scratch, conv_forward, conv_backward_data, conv_backward_weights},
        {depthwise_scratch, depthwise_forward, depthwise_backward_data, depthwise_backward_weights}, column_sums,
        moments, scale_shift, masked_sums, combine
  };
  return kTable;
}

}  // namespace mote::train::MOTE_TRAIN_ISA
