#pragma once
// Bars, legends and badges: the small marks every section is made of.

#include <string>
#include <vector>

#include "markup.hpp"

namespace mote::report {

/// One of six colours that stay apart under the common forms of colour blindness ("c1" .. "c6"), repeating.
[[nodiscard]] std::string colour_class(std::size_t index);

/// A horizontal bar filled to `fraction` of its cell, clamped to [0,1]; nothing for NaN.
[[nodiscard]] Markup bar(double fraction, const std::string& colour = "c1");

/// A bar that grows from the middle: to the right for positive, to the left for negative; `fraction` of half a cell,
/// [-1,1].
[[nodiscard]] Markup diverging_bar(double fraction);

struct Segment {
  std::string name;
  double value = 0;
  std::string shown;  ///< the value as text
  std::string colour;
};

/// Segments side by side, together `total` long; a pointer over one shows its name and value.
[[nodiscard]] Markup stacked_bar(const std::vector<Segment>& segments, double total);
/// Names and values of the same segments.
[[nodiscard]] Markup legend(const std::vector<Segment>& segments);

/// Marks a figure that is not measured.
[[nodiscard]] Markup estimated_badge();

}  // namespace mote::report
