#pragma once
// A model computed row by row: a part of a layer's rows as a layer of its own, and buffers that hold just the rows that
// are still needed. The compiler plans which rows are computed in which turn (src/compile/row_group.hpp).

#include <cstdint>

#include "kernels/geometry.hpp"
#include "kernels/move.hpp"

namespace mote::device {

/// Rows begin to end - 1 of a convolution's output as a convolution of their own.
struct RowBand {
  ConvGeometry geometry;
  std::int32_t x, y;  // bytes from the whole layer's input and output to the band's
};
constexpr RowBand row_band(const ConvGeometry& whole, std::int32_t begin, std::int32_t end) {
  RowBand band{whole, 0, begin * whole.out_w * whole.out_c};
  band.geometry.out_h = end - begin;
  const std::int32_t top = begin * whole.stride_h - whole.pad_top;  // first input row; before row 0 there is padding
  band.geometry.pad_top = top < 0 ? -top : 0;
  if (top > 0) {
    band.geometry.in_h = whole.in_h - top;
    band.x = top * whole.in_w * whole.in_c;
  }
  return band;
}

constexpr std::int32_t least(std::int32_t a, std::int32_t b) { return a < b ? a : b; }

/// First row of its input that an operator still reads when it has computed `done` of its rows.
constexpr std::int32_t rows_from(std::int32_t done, std::int32_t stride, std::int32_t pad, std::int32_t in_rows,
                                 std::int32_t out_rows) {
  return done >= out_rows ? in_rows : done * stride - pad;
}

/// The rows of a value that are still needed, one behind the other from `bytes` on.
struct RowWindow {
  std::int8_t* bytes;
  std::int32_t line;       // bytes of a row
  std::int32_t first = 0;  // row at `bytes`
  std::int32_t end = 0;    // behind the last row that is there

  /// Rows before `row` leave.
  void drop_before(std::int32_t row) {
    if (row <= first) return;
    copy_run(bytes + (row - first) * line, bytes, (end - row) * line);
    first = row;
  }
  /// Where row 0 would be.
  [[nodiscard]] std::int8_t* row_zero() const { return bytes - first * line; }
};

}  // namespace mote::device
