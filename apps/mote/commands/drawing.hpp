#pragma once
// Pictures made of characters: what a sample or its features look like, without leaving the terminal.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mote::app {

/// `fraction` of `cells` characters, in eighths: "█████▍". Nothing for zero; at least a sliver for anything above.
[[nodiscard]] std::string draw_bar(double fraction, std::size_t cells);

/// Size of a picture in cells.
struct PictureSize {
  std::size_t rows = 0;
  std::size_t columns = 0;
};

/// Scales [rows, columns] down to at most `max_columns`, keeping its proportions; never up.
[[nodiscard]] PictureSize picture_size(std::size_t rows, std::size_t columns, std::size_t max_columns);

/// A matrix [rows, columns] as shades from ' ' (the smallest value) to '█' (the largest), averaged down to `size`.
/// @param size        at most [rows, columns].
/// @param cells_wide  characters per value: 2 makes square pixels.
[[nodiscard]] std::string draw_shades(std::span<const float> values, std::size_t rows, std::size_t columns,
                                      PictureSize size, std::size_t cells_wide);

/// Dots of 2 x 4 to a character (braille patterns, Unicode U+2800).
class DotCanvas {
 public:
  DotCanvas(std::size_t cell_columns, std::size_t cell_rows);
  [[nodiscard]] std::size_t width() const { return cell_columns_ * 2; }
  [[nodiscard]] std::size_t height() const { return cell_rows_ * 4; }
  /// Outside of the canvas nothing is drawn. (0, 0) is top left.
  void dot(std::ptrdiff_t x, std::ptrdiff_t y);
  void line(double x0, double y0, double x1, double y1);
  [[nodiscard]] std::string text() const;

 private:
  std::size_t cell_columns_;
  std::size_t cell_rows_;
  std::vector<std::uint8_t> cells_;
};

/// A signal over time as the band between the smallest and the largest value of each dot column; scaled to its own
/// range.
[[nodiscard]] std::string draw_signal(std::span<const float> values, std::size_t cell_columns, std::size_t cell_rows);

/// A path of (x, y) points, y upwards, both axes at one scale.
[[nodiscard]] std::string draw_path(std::span<const float> xy, std::size_t cell_columns, std::size_t cell_rows);

}  // namespace mote::app
