#pragma once
// Distribution of the values of one tensor, and the ranges that calibration methods choose from it.

#include <cstdint>
#include <span>
#include <vector>

#include "mote/graph/quantization.hpp"

namespace mote::train {

class Histogram {
 public:
  static constexpr std::size_t kBins = 4096;

  /// @param range  contains every value that will be added, and 0
  explicit Histogram(graph::Range range) : range_(range), counts_(kBins, 0) {}

  void add(std::span<const float> values);
  void add(const Histogram& other);

  [[nodiscard]] const graph::Range& range() const { return range_; }
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t total() const;
  [[nodiscard]] double width() const {
    return (static_cast<double>(range_.high) - static_cast<double>(range_.low)) / kBins;
  }
  /// Lower edge of a bin; edge(kBins) is the upper end.
  [[nodiscard]] double edge(std::size_t bin) const {
    return static_cast<double>(range_.low) + width() * static_cast<double>(bin);
  }

 private:
  graph::Range range_;
  std::vector<std::uint64_t> counts_;
};

/// The smallest range, to a bin's width, that at most (100 - percent) % of the values exceed at each end; contains 0.
[[nodiscard]] graph::Range percentile_range(const Histogram& histogram, double percent);

/// The range whose int8 grid has the least mean squared error on the histogram, each end searched over hundredths of
/// its extreme; contains 0.
[[nodiscard]] graph::Range least_error_range(const Histogram& histogram);

}  // namespace mote::train
