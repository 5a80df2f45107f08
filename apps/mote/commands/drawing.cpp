#include "drawing.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace mote::app {
namespace {

constexpr std::array<const char*, 5> kShades{" ", "░", "▒", "▓", "█"};
constexpr std::array<const char*, 8> kEighths{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};

struct Extent {
  float low = 0;
  float high = 0;
  [[nodiscard]] double position(float value) const {
    return high > low ? static_cast<double>(value - low) / static_cast<double>(high - low) : 0.0;
  }
};

Extent extent_of(std::span<const float> values) {
  if (values.empty()) return {};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  return {*low, *high};
}

/// Mean of the block of the matrix that lies under cell (row, column) of a picture of the given size.
float block_mean(std::span<const float> values, std::size_t rows, std::size_t columns, std::size_t row,
                 std::size_t out_rows, std::size_t column, std::size_t out_columns) {
  const std::size_t top = row * rows / out_rows;
  const std::size_t bottom = std::max(top + 1, (row + 1) * rows / out_rows);
  const std::size_t left = column * columns / out_columns;
  const std::size_t right = std::max(left + 1, (column + 1) * columns / out_columns);
  double sum = 0;
  for (std::size_t y = top; y < bottom; ++y) {
    for (std::size_t x = left; x < right; ++x) sum += static_cast<double>(values[y * columns + x]);
  }
  return static_cast<float>(sum / static_cast<double>((bottom - top) * (right - left)));
}

void append_utf8(std::string& out, unsigned code_point) {
  out += static_cast<char>(0xe0u | (code_point >> 12));
  out += static_cast<char>(0x80u | ((code_point >> 6) & 0x3fu));
  out += static_cast<char>(0x80u | (code_point & 0x3fu));
}

}  // namespace

std::string draw_bar(double fraction, std::size_t cells) {
  const double clamped = std::clamp(fraction, 0.0, 1.0);
  auto eighths = static_cast<std::size_t>(std::lround(clamped * static_cast<double>(cells) * 8));
  if (clamped > 0) eighths = std::max<std::size_t>(eighths, 1);
  std::string out;
  for (std::size_t i = 0; i < eighths / 8; ++i) out += "█";
  return out + kEighths[eighths % 8];
}

PictureSize picture_size(std::size_t rows, std::size_t columns, std::size_t max_columns) {
  if (columns <= max_columns) return {rows, columns};
  return {std::max<std::size_t>(1, (rows * max_columns + columns / 2) / columns), max_columns};
}

std::string draw_shades(std::span<const float> values, std::size_t rows, std::size_t columns, PictureSize size,
                        std::size_t cells_wide) {
  const Extent extent = extent_of(values);
  std::string out;
  for (std::size_t row = 0; row < size.rows; ++row) {
    std::string line;
    for (std::size_t column = 0; column < size.columns; ++column) {
      const double level = extent.position(block_mean(values, rows, columns, row, size.rows, column, size.columns));
      const auto shade = static_cast<std::size_t>(level * (kShades.size() - 1) + 0.5);
      for (std::size_t i = 0; i < cells_wide; ++i) line += kShades[std::min(shade, kShades.size() - 1)];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

DotCanvas::DotCanvas(std::size_t cell_columns, std::size_t cell_rows)
    : cell_columns_(cell_columns), cell_rows_(cell_rows), cells_(cell_columns * cell_rows) {}

void DotCanvas::dot(std::ptrdiff_t x, std::ptrdiff_t y) {
  if (x < 0 || y < 0 || static_cast<std::size_t>(x) >= width() || static_cast<std::size_t>(y) >= height()) return;
  // Bits of U+2800 number the dots 1 2 3 7 down the left column and 4 5 6 8 down the right one.
  constexpr std::array<std::array<std::uint8_t, 2>, 4> kBits{{{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};
  const auto ux = static_cast<std::size_t>(x);
  const auto uy = static_cast<std::size_t>(y);
  std::uint8_t& cell = cells_[uy / 4 * cell_columns_ + ux / 2];
  cell = static_cast<std::uint8_t>(cell | kBits[uy % 4][ux % 2]);
}

void DotCanvas::line(double x0, double y0, double x1, double y1) {
  const auto steps = static_cast<std::size_t>(std::ceil(std::max({std::abs(x1 - x0), std::abs(y1 - y0), 1.0})));
  for (std::size_t i = 0; i <= steps; ++i) {
    const double t = static_cast<double>(i) / static_cast<double>(steps);
    dot(std::lround(x0 + t * (x1 - x0)), std::lround(y0 + t * (y1 - y0)));
  }
}

std::string DotCanvas::text() const {
  std::string out;
  for (std::size_t row = 0; row < cell_rows_; ++row) {
    std::string line;
    std::size_t ink_end = 0;
    for (std::size_t column = 0; column < cell_columns_; ++column) {
      const std::uint8_t cell = cells_[row * cell_columns_ + column];
      append_utf8(line, 0x2800u + cell);
      if (cell != 0) ink_end = line.size();
    }
    out += line.substr(0, ink_end) + "\n";
  }
  return out;
}

std::string draw_signal(std::span<const float> values, std::size_t cell_columns, std::size_t cell_rows) {
  DotCanvas canvas(cell_columns, cell_rows);
  if (values.empty()) return canvas.text();
  const Extent extent = extent_of(values);
  const double top = static_cast<double>(canvas.height() - 1);
  const auto y_of = [&](float v) { return extent.high > extent.low ? top * (1.0 - extent.position(v)) : top / 2; };
  double previous = y_of(values.front());
  for (std::size_t x = 0; x < canvas.width(); ++x) {
    const std::size_t first = x * values.size() / canvas.width();
    const std::size_t last = std::max(first + 1, (x + 1) * values.size() / canvas.width());
    const Extent band = extent_of(values.subspan(first, last - first));
    const auto column = static_cast<double>(x);
    canvas.line(column, y_of(band.low), column, y_of(band.high));
    // Joined with the column before, so that a steep signal stays one line.
    const double nearest = std::clamp(previous, y_of(band.high), y_of(band.low));
    canvas.line(column, previous, column, nearest);
    previous = y_of(values[last - 1]);
  }
  return canvas.text();
}

std::string draw_path(std::span<const float> xy, std::size_t cell_columns, std::size_t cell_rows) {
  DotCanvas canvas(cell_columns, cell_rows);
  const std::size_t points = xy.size() / 2;
  if (points == 0) return canvas.text();
  std::vector<float> xs, ys;
  for (std::size_t i = 0; i < points; ++i) {
    xs.push_back(xy[2 * i]);
    ys.push_back(xy[2 * i + 1]);
  }
  const Extent x = extent_of(xs);
  const Extent y = extent_of(ys);
  const double span = std::max({static_cast<double>(x.high - x.low), static_cast<double>(y.high - y.low), 1e-30});
  const double scale = static_cast<double>(std::min(canvas.width(), canvas.height()) - 1) / span;
  const auto px = [&](std::size_t i) { return static_cast<double>(xs[i] - x.low) * scale; };
  const auto py = [&](std::size_t i) { return static_cast<double>(y.high - ys[i]) * scale; };
  for (std::size_t i = 0; i + 1 < points; ++i) canvas.line(px(i), py(i), px(i + 1), py(i + 1));
  if (points == 1) canvas.dot(0, 0);
  return canvas.text();
}

}  // namespace mote::app
