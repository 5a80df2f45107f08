#pragma once
// JSON strokes: {"strokes":[{"index":0,"label":"7","strokePoints":[{"x":0.1,"y":0.2}, ...]}, ...]}

#include <string>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::data {

inline constexpr std::size_t kMaxStrokePoints = 1'000'000;

struct Stroke {
  std::size_t position = 0;   ///< in the file's array
  std::string label;          ///< empty when the file has an empty label
  std::vector<float> points;  ///< x0 y0 x1 y1 ...
};

struct RefusedStroke {
  std::size_t position = 0;
  std::string reason;
};

struct StrokesFile {
  std::vector<Stroke> strokes;
  std::vector<RefusedStroke> refused;
};

/// A broken stroke is refused alone.
/// @error malformed  not JSON (with the byte), or not an object with an array "strokes".
[[nodiscard]] Result<StrokesFile> parse_strokes(ByteSpan json);

}  // namespace mote::data
