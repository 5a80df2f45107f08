#pragma once
// Power spectrum of a real signal, 32 to 1024 points, int32 data and Q15 twiddles, no scaling between stages.
//
// N real samples are one complex transform of N/2 points (even samples real, odd imaginary): radix-4 decimation in time from
// bit-reversed order, preceded by one radix-2 stage where log2(N/2) is odd; then the usual split into the real signal's bins.
// No stage scales, so there is no loss of low bits; the caller leaves headroom instead: |sample| < 2^(29 - log2 N).
// Then every intermediate sum, at most N/2 * sqrt(2) * |sample|, and twice the bin, at most 2 * N * |sample| * (mean of the window),
// fits 31 bits. The error is that of the Q15 tables: about -90 dB of the strongest bin.

#include <cstdint>

#include "features/fixed_point.hpp"

namespace mote::device::dsp {

/// What a transform of 2^log2_points real samples needs. `sine_q15` is one period of the sine in 2^log2_points steps.
struct FftTables {
  std::int32_t log2_points;  ///< 5..10
  const std::int16_t* sine_q15;
};

/// e^(-2 pi i index / N) as Q31 cosine and sine.
struct Twiddle {
  std::int32_t cosine;
  std::int32_t sine;
};

inline Twiddle twiddle(const FftTables& tables, std::int32_t index) {
  const std::int32_t quarter = std::int32_t{1} << (tables.log2_points - 2);
  return {static_cast<std::int32_t>(static_cast<std::uint32_t>(tables.sine_q15[index + quarter]) << 16),
          static_cast<std::int32_t>(static_cast<std::uint32_t>(tables.sine_q15[index]) << 16)};
}

struct Complex {
  std::int32_t re;
  std::int32_t im;
};

/// Half of z * (cosine - i sine): the high word of Q31 products.
inline Complex rotate_half(const std::int32_t* z, Twiddle w) {
  return {multiply_add_high(z[0], w.cosine, z[1], w.sine), multiply_add_high(z[1], w.cosine, z[0], -w.sine)};
}

/// The four-point kernel; b, c, d are halved where `kScale` is 2. In bit-reversed order the second block holds the even odds.
template <std::int32_t kScale>
inline void radix4_butterfly(std::int32_t* z, std::int32_t quarter, Complex b, Complex c, Complex d) {
  std::int32_t* z1 = z + 2 * quarter;
  std::int32_t* z2 = z + 4 * quarter;
  std::int32_t* z3 = z + 6 * quarter;
  const Complex t0{z[0] + kScale * b.re, z[1] + kScale * b.im};
  const Complex t1{z[0] - kScale * b.re, z[1] - kScale * b.im};
  const Complex t2{c.re + d.re, c.im + d.im};
  const Complex t3{c.re - d.re, c.im - d.im};
  z[0] = t0.re + kScale * t2.re;
  z[1] = t0.im + kScale * t2.im;
  z1[0] = t1.re + kScale * t3.im;
  z1[1] = t1.im - kScale * t3.re;
  z2[0] = t0.re - kScale * t2.re;
  z2[1] = t0.im - kScale * t2.im;
  z3[0] = t1.re - kScale * t3.im;
  z3[1] = t1.im + kScale * t3.re;
}

inline void radix2_first_stage(std::int32_t* z, std::int32_t points) {
  for (std::int32_t i = 0; i < 2 * points; i += 4) {
    const Complex a{z[i], z[i + 1]};
    const Complex b{z[i + 2], z[i + 3]};
    z[i] = a.re + b.re;
    z[i + 1] = a.im + b.im;
    z[i + 2] = a.re - b.re;
    z[i + 3] = a.im - b.im;
  }
}

/// One radix-4 stage over `points` complex values whose butterflies span 4 * quarter.
inline void radix4_stage(std::int32_t* z, std::int32_t points, std::int32_t quarter, const FftTables& tables) {
  std::int32_t* const end = z + 2 * points;
  for (std::int32_t* p = z; p < end; p += 8 * quarter) {
    const std::int32_t* b = p + 2 * quarter;
    const std::int32_t* c = p + 4 * quarter;
    const std::int32_t* d = p + 6 * quarter;
    radix4_butterfly<1>(p, quarter, {b[0], b[1]}, {c[0], c[1]}, {d[0], d[1]});
  }
  std::int32_t step = std::int32_t{1} << tables.log2_points;
  for (std::int32_t span = 4 * quarter; span > 1; span >>= 1) step >>= 1;
  for (std::int32_t j = 1; j < quarter; ++j) {
    const Twiddle w1 = twiddle(tables, j * step);
    const Twiddle w2 = twiddle(tables, 2 * j * step);
    const Twiddle w3 = twiddle(tables, 3 * j * step);
    for (std::int32_t* p = z + 2 * j; p < end; p += 8 * quarter) {
      radix4_butterfly<2>(p, quarter, rotate_half(p + 2 * quarter, w2), rotate_half(p + 4 * quarter, w1),
                          rotate_half(p + 6 * quarter, w3));
    }
  }
}

/// Complex transform in place of 2^(log2_points - 1) interleaved (re, im) values in bit-reversed order.
inline void complex_fft(std::int32_t* z, const FftTables& tables) {
  const std::int32_t points = std::int32_t{1} << (tables.log2_points - 1);
  std::int32_t quarter = 1;
  if ((tables.log2_points & 1) == 0) {
    radix2_first_stage(z, points);
    quarter = 2;
  }
  for (; quarter < points; quarter *= 4) radix4_stage(z, points, quarter, tables);
}

inline void store_u64(std::int32_t* slot, std::uint64_t value) {
  slot[0] = static_cast<std::int32_t>(static_cast<std::uint32_t>(value));
  slot[1] = static_cast<std::int32_t>(static_cast<std::uint32_t>(value >> 32));
}

inline std::uint64_t load_u64(const std::int32_t* slot) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(slot[1])) << 32 | static_cast<std::uint32_t>(slot[0]);
}

/// Turns the complex transform into the squared magnitudes of twice the bins 0..N/2, as 64-bit numbers (low word first) in slots of
/// two words: z has N + 2 words. Returns the OR of all of them, from which the leading bit of the largest follows.
inline std::uint64_t bins_to_power(std::int32_t* z, const FftTables& tables) {
  const std::int32_t half = std::int32_t{1} << (tables.log2_points - 1);
  const std::uint64_t first = square_i32(2 * (z[0] + z[1]));
  const std::uint64_t last = square_i32(2 * (z[0] - z[1]));
  store_u64(z, first);
  store_u64(z + 2 * half, last);
  std::uint64_t any = first | last;
  for (std::int32_t k = 1; k <= half / 2; ++k) {
    std::int32_t* low = z + 2 * k;
    std::int32_t* high = z + 2 * (half - k);
    const Complex even{low[0] + high[0], low[1] - high[1]};
    const std::int32_t odd[2] = {low[1] + high[1], high[0] - low[0]};
    const Complex t = rotate_half(odd, twiddle(tables, k));
    const std::uint64_t below = square_i32(even.re + 2 * t.re) + square_i32(even.im + 2 * t.im);
    const std::uint64_t above = square_i32(even.re - 2 * t.re) + square_i32(even.im - 2 * t.im);
    store_u64(low, below);
    store_u64(high, above);
    any |= below | above;
  }
  return any;
}

/// Steps an index in bit-reversed order: adds 1 at the top bit and carries downward.
inline std::int32_t next_bit_reversed(std::int32_t index, std::int32_t top_bit) {
  std::int32_t bit = top_bit;
  while ((index & bit) != 0) {
    index ^= bit;
    bit >>= 1;
  }
  return index | bit;
}

}  // namespace mote::device::dsp
