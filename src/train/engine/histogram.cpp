#include "histogram.hpp"

#include <algorithm>
#include <numeric>

namespace mote::train {

void Histogram::add(std::span<const float> values) {
  const double w = width();
  if (w <= 0.0) {
    counts_[0] += values.size();
    return;
  }
  const auto per_unit = static_cast<float>(1.0 / w);
  for (const float v : values) {
    const auto bin = static_cast<std::int64_t>((v - range_.low) * per_unit);
    ++counts_[static_cast<std::size_t>(std::clamp<std::int64_t>(bin, 0, kBins - 1))];
  }
}

void Histogram::add(const Histogram& other) {
  for (std::size_t i = 0; i < kBins; ++i) counts_[i] += other.counts_[i];
}

std::uint64_t Histogram::total() const { return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0}); }

graph::Range percentile_range(const Histogram& h, double percent) {
  const double allowed = static_cast<double>(h.total()) * (100.0 - percent) / 100.0;
  std::size_t first = 0;
  for (double outside = 0.0; first < Histogram::kBins; ++first) {
    outside += static_cast<double>(h.counts()[first]);
    if (outside > allowed) break;
  }
  std::size_t last = Histogram::kBins;
  for (double outside = 0.0; last > first; --last) {
    outside += static_cast<double>(h.counts()[last - 1]);
    if (outside > allowed) break;
  }
  return {std::min(0.0f, static_cast<float>(h.edge(first))), std::max(0.0f, static_cast<float>(h.edge(last)))};
}

namespace {

/// Rounding errors are uniform within a step (step^2 / 12); values outside lose their distance to the end.
double squared_error(const Histogram& h, double low, double high) {
  const double step = (high - low) / 255.0;
  double sum = 0.0;
  for (std::size_t i = 0; i < Histogram::kBins; ++i) {
    if (h.counts()[i] == 0) continue;
    const double value = h.edge(i) + 0.5 * h.width();
    const double beyond = std::max({0.0, low - value, value - high});
    sum += static_cast<double>(h.counts()[i]) * (beyond > 0.0 ? beyond * beyond : step * step / 12.0);
  }
  return sum;
}

}  // namespace

graph::Range least_error_range(const Histogram& h) {
  constexpr int kCandidates = 100;
  constexpr int kRounds = 3;  // the ends depend on each other through the step only: they settle after two
  double low = static_cast<double>(h.range().low);
  double high = static_cast<double>(h.range().high);
  const auto improve = [&](double& end, double extreme) {
    double least = squared_error(h, low, high);
    double best = end;
    for (int k = 1; k <= kCandidates; ++k) {
      end = extreme * k / kCandidates;
      const double error = squared_error(h, low, high);
      if (error >= least) continue;
      least = error;
      best = end;
    }
    end = best;
  };
  for (int round = 0; round < kRounds; ++round) {
    improve(high, static_cast<double>(h.range().high));
    improve(low, static_cast<double>(h.range().low));
  }
  return {static_cast<float>(low), static_cast<float>(high)};
}

}  // namespace mote::train
