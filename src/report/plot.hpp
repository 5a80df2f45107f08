#pragma once
// A frame for charts: axes, grid, and shapes in a square of 1000 x 1000 units that stretches with the page. Labels are
// page text beside the drawing, so they keep their size at every width.

#include <string>
#include <vector>

#include "markup.hpp"
#include "mote/report/report_data.hpp"

namespace mote::report {

struct Tick {
  double at = 0;  ///< in [0,1] along the axis
  std::string label;
  std::string detail = {};  ///< shown with the label where there is room
  bool fine = false;        ///< left out where there is little room
};

struct Axis {
  double low = 0;
  double high = 1;
  bool logarithmic = false;
  std::vector<Tick> ticks;

  /// Position of a value in [0,1], clamped.
  [[nodiscard]] double at(double value) const;
};

/// Ticks at 1, 2 or 5 times a power of ten; the ends are moved outwards to ticks. @pre low and high finite.
[[nodiscard]] Axis linear_axis(double low, double high, int ticks_wanted = 4);
/// Ticks at powers of ten. @pre 0 < low <= high.
[[nodiscard]] Axis logarithmic_axis(double low, double high);
/// Ticks at multiples of a power of two, labelled in KiB or bytes; from 0 to `high` exactly.
[[nodiscard]] Axis byte_axis(std::uint64_t high);

/// Y of the drawing for a value: 0 is at the top.
[[nodiscard]] inline double height_of(const Axis& y, double value) { return 1000 * (1 - y.at(value)); }

struct Plot {
  std::string title;
  std::string description;  ///< for those who do not see it
  Axis x;
  Axis y;
  std::string x_title;
  Markup key;                  ///< legend beside the title
  std::vector<Markup> shapes;  ///< SVG, in 1000 x 1000 units
  std::vector<Markup> labels;  ///< page text over the drawing
  Attributes attributes;       ///< of the drawing's box, for the script
  std::string style_class;
};

[[nodiscard]] Markup build(const Plot& plot);

/// Text over a drawing at x, y in [0,1] from its top left.
[[nodiscard]] Markup label_at(double x, double y, const std::string& style_class, const std::string& label);

}  // namespace mote::report
