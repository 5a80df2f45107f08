#pragma once
// Draws one sample as a thumbnail: an image, a waveform or a stroke.

#include <string>

#include "markup.hpp"
#include "mote/report/report_data.hpp"

namespace mote::report {

/// @param description  what a screen reader says.
[[nodiscard]] Markup thumbnail(const Picture& picture, const std::string& description);

}  // namespace mote::report
