#include "picture.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "bars.hpp"
#include "mote/base/bytes.hpp"
#include "png.hpp"

namespace mote::report {
namespace {

constexpr std::uint32_t kImageLimit = 64;  // pixels a side; thumbnails are shown at 64 to 72 CSS pixels
constexpr std::size_t kColumns = 72;       // points across a waveform
constexpr double kBox = 100;               // side of the drawing, in its own units
constexpr double kMargin = 6;

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void include(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  [[nodiscard]] bool empty() const { return low > high; }
  [[nodiscard]] double size() const { return high - low; }
};

Markup drawing(const std::string& description, const std::vector<Markup>& shapes) {
  return el("svg", {{"class", "thumb"}, {"viewBox", "0 0 100 100"}, {"role", "img"}, {"aria-label", description}},
            shapes);
}

std::string place(double x, double y) {
  return coordinate(std::round(x * 10) / 10) + " " + coordinate(std::round(y * 10) / 10);
}

Markup image(const GrayImage& full, const std::string& description) {
  const GrayImage small = shrink(full, kImageLimit);
  return el("img", {{"class", "thumb"},
                    {"alt", description},
                    {"width", small.width},
                    {"height", small.height},
                    {"src", "data:image/png;base64," + to_base64(encode_png(small))}});
}

// One path through the smallest and largest value of each column, so that no peak is lost.
std::string envelope(const std::vector<double>& channel, const Range& range) {
  const double scale = range.size() > 0 ? (kBox - 2 * kMargin) / range.size() : 0;
  const auto y = [&](double v) { return range.size() > 0 ? kBox - kMargin - (v - range.low) * scale : kBox / 2; };
  const std::size_t columns = std::min(kColumns, channel.size());
  std::string path;
  for (std::size_t i = 0; i < columns; ++i) {
    Range column;
    for (std::size_t at = i * channel.size() / columns; at < (i + 1) * channel.size() / columns; ++at)
      column.include(channel[at]);
    if (column.empty()) continue;
    const double x = kMargin + (kBox - 2 * kMargin) * static_cast<double>(i) /
                                   static_cast<double>(std::max<std::size_t>(columns, 2) - 1);
    path += (path.empty() ? "M" : "L") + place(x, y(column.high));
    if (column.size() > 0) path += "V" + coordinate(std::round(y(column.low) * 10) / 10);
  }
  return path;
}

Markup waveform(const Waveform& wave, const std::string& description) {
  Range range;
  for (const auto& channel : wave.channels) {
    for (const double value : channel) range.include(value);
  }
  std::vector<Markup> shapes;
  for (std::size_t i = 0; i < wave.channels.size() && !range.empty(); ++i) {
    shapes.push_back(el("path", {{"class", colour_class(i)}, {"d", envelope(wave.channels[i], range)}}));
  }
  return drawing(description, shapes);
}

Markup strokes(const Strokes& picture, const std::string& description) {
  Range xs;
  Range ys;
  for (const auto& line : picture.lines) {
    for (const Point& point : line) {
      xs.include(point.x);
      ys.include(point.y);
    }
  }
  std::vector<Markup> shapes;
  if (xs.empty() || ys.empty()) return drawing(description, shapes);
  const double extent = std::max(xs.size(), ys.size());
  const double scale = extent > 0 ? (kBox - 4 * kMargin) / extent : 0;
  std::string begin;
  for (const auto& line : picture.lines) {
    std::string path;
    for (const Point& point : line) {
      if (!std::isfinite(point.x) || !std::isfinite(point.y)) continue;
      const std::string at = place(kBox / 2 + (point.x - (xs.low + xs.high) / 2) * scale,
                                   kBox / 2 + (point.y - (ys.low + ys.high) / 2) * scale);
      if (begin.empty()) begin = at;
      path += (path.empty() ? "M" : "L") + at;
    }
    shapes.push_back(el("path", {{"class", "c1 stroke"}, {"d", path}}));
  }
  shapes.push_back(el("path", {{"class", "c2 start"}, {"d", "M" + begin + "h0"}}));  // where the pen came down
  return drawing(description, shapes);
}

}  // namespace

Markup thumbnail(const Picture& picture, const std::string& description) {
  if (const auto* gray = std::get_if<GrayImage>(&picture)) return image(*gray, description);
  if (const auto* wave = std::get_if<Waveform>(&picture)) return waveform(*wave, description);
  return strokes(std::get<Strokes>(picture), description);
}

}  // namespace mote::report
