#pragma once
// Power spectrum of a real signal, 32 to 1024 points, int32 data and Q15 twiddles, no scaling between stages.
//
// N real samples are one complex transform of N/2 points (even samples real, odd imaginary): radix-4 decimation in time
// from bit-reversed order, preceded by one radix-2 stage where log2(N/2) is odd; then the usual split into the real
// signal's bins. No stage scales, so there is no loss of low bits; the caller leaves headroom instead: |sample| < 2^(29
// - log2 N). Then every intermediate sum, at most N/2 * sqrt(2) * |sample|, and twice the bin, at most 2 * N * |sample|
// * (mean of the window), fits 31 bits. The error is that of the Q15 tables: about -88 dB of the strongest bin.
//
// The length is a template parameter: with constant strides a butterfly needs one pointer, and its data fit the
// registers of a small core.

#include <cstdint>

#include "features/fixed_point.hpp"
#include "features/word_ops.hpp"

namespace mote::device::dsp {

/// Twiddle factor tables hold e^(-2 pi i k / N) for k in [0, 3/4 N): the cosine in the low half of a word, the sine in
/// the top half, both Q15.

struct Complex {
  std::int32_t re;
  std::int32_t im;
};

/// Half of (re + i im) * (cosine - i sine).
[[gnu::always_inline]] inline Complex rotate_half(std::int32_t re, std::int32_t im, std::uint32_t w) {
  return {multiply_top_add(multiply_low(re, w), im, w), multiply_low(im, w) - multiply_top(re, w)};
}

/// The four-point kernel over z, z + 2 q, z + 4 q, z + 6 q (q = quarter); b, c, d are halved where `kScale` is 2.
/// In bit-reversed order the second block holds the even ones of the odd indices.
template <std::int32_t kScale>
[[gnu::always_inline]] inline void radix4_butterfly(std::int32_t* z, std::int32_t quarter, Complex b, Complex c,
                                                    Complex d) {
  const Complex t2{c.re + d.re, c.im + d.im};
  const Complex t3{c.re - d.re, c.im - d.im};
  const Complex t0{z[0] + kScale * b.re, z[1] + kScale * b.im};
  const Complex t1{z[0] - kScale * b.re, z[1] - kScale * b.im};
  z[0] = t0.re + kScale * t2.re;
  z[1] = t0.im + kScale * t2.im;
  z[2 * quarter] = t1.re + kScale * t3.im;
  z[2 * quarter + 1] = t1.im - kScale * t3.re;
  z[4 * quarter] = t0.re - kScale * t2.re;
  z[4 * quarter + 1] = t0.im - kScale * t2.im;
  z[6 * quarter] = t1.re - kScale * t3.im;
  z[6 * quarter + 1] = t1.im + kScale * t3.re;
}

inline void radix2_first_stage(std::int32_t* z, std::int32_t points) {
  for (std::int32_t* const end = z + 2 * points; z < end; z += 4) {
    const Complex a{z[0], z[1]};
    const Complex b{z[2], z[3]};
    z[0] = a.re + b.re;
    z[1] = a.im + b.im;
    z[2] = a.re - b.re;
    z[3] = a.im - b.im;
  }
}

/// The butterflies of a radix-4 stage whose twiddle factors are 1: the first of each span of 4 * quarter.
[[gnu::noinline]] inline void radix4_plain(std::int32_t* z, const std::int32_t* end, std::int32_t quarter) {
  for (; z < end; z += 8 * quarter) {
    radix4_butterfly<1>(z, quarter, {z[2 * quarter], z[2 * quarter + 1]}, {z[4 * quarter], z[4 * quarter + 1]},
                        {z[6 * quarter], z[6 * quarter + 1]});
  }
}

/// One radix-4 stage over 2^(kLog2Points - 1) complex values.
template <std::int32_t kLog2Points, std::int32_t kQuarter>
inline void radix4_stage(std::int32_t* z, const std::uint32_t* twiddles) {
  constexpr std::int32_t kPoints = 1 << (kLog2Points - 1);
  constexpr std::int32_t kStep = kPoints / (2 * kQuarter);
  const std::int32_t* const end = z + 2 * kPoints;
  radix4_plain(z, end, kQuarter);
  for (std::int32_t j = 1; j < kQuarter; ++j) {
    const std::uint32_t w1 = twiddles[j * kStep];
    const std::uint32_t w2 = twiddles[2 * j * kStep];
    const std::uint32_t w3 = twiddles[3 * j * kStep];
    for (std::int32_t* p = z + 2 * j; p < end; p += 8 * kQuarter) {
      radix4_butterfly<2>(p, kQuarter, rotate_half(p[2 * kQuarter], p[2 * kQuarter + 1], w2),
                          rotate_half(p[4 * kQuarter], p[4 * kQuarter + 1], w1),
                          rotate_half(p[6 * kQuarter], p[6 * kQuarter + 1], w3));
    }
  }
}

template <std::int32_t kLog2Points, std::int32_t kQuarter>
[[gnu::always_inline]] inline void radix4_stages(std::int32_t* z, const std::uint32_t* twiddles) {
  radix4_stage<kLog2Points, kQuarter>(z, twiddles);
  if constexpr (8 * kQuarter < (1 << kLog2Points)) radix4_stages<kLog2Points, 4 * kQuarter>(z, twiddles);
}

/// Complex transform in place of 2^(kLog2Points - 1) interleaved (re, im) values in bit-reversed order.
template <std::int32_t kLog2Points>
inline void complex_fft(std::int32_t* z, const std::uint32_t* twiddles) {
  constexpr bool kOddLog2 = (kLog2Points - 1) % 2 != 0;
  if constexpr (kOddLog2) radix2_first_stage(z, 1 << (kLog2Points - 1));
  radix4_stages<kLog2Points, kOddLog2 ? 2 : 1>(z, twiddles);
}

[[gnu::always_inline]] inline void store_u64(std::int32_t* slot, std::uint64_t value) {
  slot[0] = static_cast<std::int32_t>(static_cast<std::uint32_t>(value));
  slot[1] = static_cast<std::int32_t>(static_cast<std::uint32_t>(value >> 32));
}

[[gnu::always_inline]] inline std::uint64_t load_u64(const std::int32_t* slot) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(slot[1])) << 32 | static_cast<std::uint32_t>(slot[0]);
}

/// Turns the complex transform into the squared magnitudes of twice the bins 0..N/2, as 64-bit numbers (low word first)
/// in slots of two words: z has N + 2 words. Returns the OR of all of their high words, and of all low words: the
/// leading bit of the largest follows.
template <std::int32_t kLog2Points>
inline std::uint64_t bins_to_power(std::int32_t* z, const std::uint32_t* twiddles) {
  constexpr std::int32_t kHalf = 1 << (kLog2Points - 1);
  const std::uint64_t first = square_i32(2 * (z[0] + z[1]));
  const std::uint64_t last = square_i32(2 * (z[0] - z[1]));
  store_u64(z, first);
  store_u64(z + 2 * kHalf, last);
  std::uint64_t any = first | last;
  std::int32_t* low = z + 2;
  std::int32_t* high = z + 2 * kHalf - 2;
  for (; low <= high; low += 2, high -= 2) {
    const std::uint32_t w = *++twiddles;
    const Complex even{low[0] + high[0], low[1] - high[1]};
    const Complex t = rotate_half(low[1] + high[1], high[0] - low[0], w);
    const std::uint64_t below = square_i32(even.re + 2 * t.re) + square_i32(even.im + 2 * t.im);
    const std::uint64_t above = square_i32(even.re - 2 * t.re) + square_i32(even.im - 2 * t.im);
    store_u64(low, below);
    store_u64(high, above);
    any |= below | above;
  }
  return any;
}

/// Where complex value `index` goes before the transform.
template <std::int32_t kLog2Points>
[[gnu::always_inline]] inline std::uint32_t bit_reversed(std::int32_t index) {
  return reverse_bits(static_cast<std::uint32_t>(index)) >> (33 - kLog2Points);
}

}  // namespace mote::device::dsp
