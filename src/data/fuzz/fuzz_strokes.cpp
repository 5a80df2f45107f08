#include <cmath>
#include <cstdlib>

#include "parse/strokes.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = mote::data::parse_strokes({data, size});
  if (!file) return 0;
  for (const auto& stroke : file->strokes) {
    if (stroke.points.empty() || stroke.points.size() % 2 != 0) std::abort();
    for (const float value : stroke.points) {
      if (!std::isfinite(value)) std::abort();
    }
  }
  return 0;
}
