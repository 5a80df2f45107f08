#pragma once
// How a flash operation is interrupted, in the torture.

#include <cstdint>

namespace mote::simulation {

struct CutKind {
  const char* name;
  std::uint8_t progress, unstable;  ///< board::PowerCut
};
inline constexpr CutKind kCutKinds[] = {
    {"before", 0, 0},
    {"half, with bits that read differently after each start", 128, 255},
    {"half, stable", 128, 0},
    {"just begun, unstable", 0, 60},
    {"nearly done, unstable", 255, 60},
    {"after", 255, 0},
};

}  // namespace mote::simulation
