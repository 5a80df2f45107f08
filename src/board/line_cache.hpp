#pragma once
// A fully associative cache with least-recently-used replacement, as the cycle model assumes of small flash caches.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "mote/board/board_spec.hpp"

namespace mote::board {

class LineCache {
 public:
  explicit LineCache(const CacheGeometry& geometry)
      : shift_(static_cast<unsigned>(std::countr_zero(std::max(geometry.line_bytes, 1u)))),
        lines_(geometry.lines, kNone),
        used_(geometry.lines, 0) {}

  /// Whether there is a cache at all.
  [[nodiscard]] bool present() const { return !lines_.empty(); }
  [[nodiscard]] std::uint32_t line_of(std::uint32_t address) const { return address >> shift_; }

  /// Looks `line` up and brings it in. True when it was missing.
  bool miss(std::uint32_t line) {
    if (line == recent_) return false;
    recent_ = line;
    ++now_;
    std::size_t oldest = 0;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i] == line) {
        used_[i] = now_;
        return false;
      }
      if (used_[i] < used_[oldest]) oldest = i;
    }
    lines_[oldest] = line;
    used_[oldest] = now_;
    return true;
  }

  void clear() {
    std::fill(lines_.begin(), lines_.end(), kNone);
    std::fill(used_.begin(), used_.end(), 0);
    recent_ = kNone;
    now_ = 0;
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  unsigned shift_;
  std::uint32_t recent_ = kNone;
  std::uint64_t now_ = 0;
  std::vector<std::uint32_t> lines_;
  std::vector<std::uint64_t> used_;
};

}  // namespace mote::board
