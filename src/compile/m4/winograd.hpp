#pragma once
// Winograd's convolution F(4x2, 3x3) in assembly: a tile of 4 rows and 2 columns of outputs from 6 x 4 inputs takes 24
// products where the direct form takes 72 (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016;
// interpolation points 0, 1, -1, 2, -2 and infinity along the height, 0, 1, -1 and infinity along the width).
//
// All of it is exact in integers: filters are multiplied by 24 along the height and by 2 along the width, so that the
// result is 48 times the convolution, modulo 2^32; what the intermediate sums wrap does not matter. Inputs keep their
// zero point, as in the direct form: |t| <= 1280, |v| <= 2560, |u| <= 48 |w|.
//
// Four functions a strip of tiles, the driver is device/kernels/winograd.hpp:
//   columns   6 lines of int8 -> t, transformed along the height:  [column][quad of channels][6][4] int16
//   rows      t -> v, transformed along the width as well:         [24 positions][tile][channel] int16
//   products  v, filters -> m, sums over the channels:             [tile][24][4 channels] int32
//   output    m -> 8 results a tile and channel

#include <cstdint>
#include <string>

#include "mote/compile/lowering.hpp"

namespace mote::compile::m4 {

constexpr std::int32_t kWinogradRows = 4, kWinogradColumns = 2, kWinogradPositions = 24;
/// What the results are multiplied by.
constexpr std::int32_t kWinogradScale = 48;

/// Everything that the code depends on.
struct Winograd {
  std::int32_t in_c = 0, out_c = 0, out_w = 0;
  std::int32_t tiles = 0;  ///< of a strip: in all its rows, even
  bool exact = false;      ///< results may be negative: shift of each channel and correction by the sign
  std::int32_t shift = 0;  ///< not exact: of all channels
  std::int32_t clamp_low = -128, clamp_high = 127;  ///< exact: beyond int8's own range
};

/// Pairs of input channels that one turn of the products takes in; 0 where the channels cannot be cut well.
[[nodiscard]] std::int32_t winograd_chunk(std::int32_t in_c);

/// Words of parameters a channel has.
constexpr std::int32_t kWinogradLineWords = 3;   ///< bias, multiplier, offset
constexpr std::int32_t kWinogradExactWords = 4;  ///< bias, multiplier, rounding, shift

/// Whether the encodings reach.
[[nodiscard]] bool can_emit(const Winograd& w);
[[nodiscard]] AssemblyFunction emit_winograd_columns(const Winograd& w);
[[nodiscard]] AssemblyFunction emit_winograd_rows(const Winograd& w);
[[nodiscard]] AssemblyFunction emit_winograd_products(const Winograd& w);
[[nodiscard]] AssemblyFunction emit_winograd_output(const Winograd& w);

/// Cycles of a whole layer, by count: to choose a form, not to promise.
struct WinogradCount {
  std::int32_t strips = 0, columns = 0;  ///< columns: of lines, in all strips
  std::int32_t tiles = 0;                ///< in all strips
};
[[nodiscard]] std::int64_t winograd_cycles(const Winograd& w, const WinogradCount& count);

}  // namespace mote::compile::m4
