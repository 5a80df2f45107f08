#pragma once
// The smallest PNG writer that does: 8-bit gray, stored blocks. Thumbnails are too small for compression to matter, and
// stored bytes do not depend on the version of a compression library.

#include <string>

#include "mote/base/bytes.hpp"
#include "mote/report/report_data.hpp"

namespace mote::report {

/// A PNG file (ISO/IEC 15948). @pre width, height >= 1 and pixels.size() == width * height.
[[nodiscard]] Bytes encode_png(const GrayImage& image);

/// `image` with neither side above `limit`, by averaging blocks of whole pixels.
[[nodiscard]] GrayImage shrink(const GrayImage& image, std::uint32_t limit);

}  // namespace mote::report
