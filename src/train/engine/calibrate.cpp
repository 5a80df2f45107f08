#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "engine.hpp"
#include "histogram.hpp"
#include "inference.hpp"
#include "network.hpp"

namespace mote::train {
namespace {

Result<void> check_options(const CalibrationOptions& options) {
  if (!(options.percentile > 50.0 && options.percentile <= 100.0)) {
    return fail(Code::invalid_argument,
                fmt::format("calibration percentile = {}: it must be above 50 and at most 100", options.percentile));
  }
  if (options.max_samples == 0)
    return fail(Code::invalid_argument, "calibration max_samples = 0: give at least one sample");
  return {};
}

std::vector<std::size_t> spread(std::size_t available, std::size_t wanted) {
  const std::size_t count = std::min(available, wanted);
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < count; ++i) indices.push_back(i * available / count);
  return indices;
}

/// Values of the graph that flow, in order of tensor id.
std::vector<graph::TensorId> flowing(const graph::Graph& g) {
  std::vector<graph::TensorId> ids;
  for (std::size_t i = 0; i < g.tensors().size(); ++i) {
    if (!g.tensors()[i].is_constant()) ids.push_back(static_cast<graph::TensorId>(i));
  }
  return ids;
}

std::span<const float> values_of(const Tensor& t) { return {t.data_ptr<float>(), static_cast<std::size_t>(t.numel())}; }

/// Both passes over the samples: extremes first, since a histogram's width must be known.
class Calibrator {
 public:
  Calibrator(const Network& network, const BatchSource& source, const CalibrationOptions& options)
      : network_(network),
        source_(source),
        options_(options),
        crew_(options.threads),
        ids_(flowing(network.graph())),
        indices_(spread(source.size(), options.max_samples)),
        blocks_((indices_.size() + kBlockSamples - 1) / kBlockSamples) {}

  Result<graph::Ranges> run() {
    MOTE_TRY_VOID(find_extremes());
    if (options_.method == CalibrationMethod::min_max) return named(extremes_);
    MOTE_TRY(const std::vector<Histogram> histograms, count());
    std::vector<graph::Range> ranges;
    for (const Histogram& h : histograms) {
      ranges.push_back(options_.method == CalibrationMethod::percentile ? percentile_range(h, options_.percentile)
                                                                        : least_error_range(h));
    }
    return named(ranges);
  }

 private:
  Result<void> each_value(
      const std::function<Result<void>(std::size_t block, std::size_t value, std::span<const float>)>& visit) {
    const Weights weights{network_.initial_parameters(), network_.initial_statistics()};
    return infer(network_, weights, source_, indices_, crew_, false, true, [&](const Block& block) -> Result<void> {
      for (std::size_t k = 0; k < ids_.size(); ++k) {
        const Tensor& t = block.values[static_cast<std::size_t>(ids_[k])];
        if (!t.defined()) continue;
        MOTE_TRY_VOID(visit(block.index, k, values_of(t.contiguous())));
      }
      return {};
    });
  }

  Result<void> find_extremes() {
    std::vector<std::vector<graph::Range>> parts(blocks_, std::vector<graph::Range>(ids_.size()));
    MOTE_TRY_VOID(each_value([&](std::size_t block, std::size_t value, std::span<const float> numbers) -> Result<void> {
      graph::Range& range = parts[block][value];
      for (const float v : numbers) {
        if (!std::isfinite(v)) {
          return fail(Code::invalid_argument,
                      fmt::format("calibration met a value that is not finite in '{}': check the data and the weights",
                                  network_.graph().tensor(ids_[value]).name));
        }
        range.low = std::min(range.low, v);
        range.high = std::max(range.high, v);
      }
      return {};
    }));
    extremes_.resize(ids_.size());
    for (const auto& part : parts) {
      for (std::size_t k = 0; k < ids_.size(); ++k) {
        extremes_[k] = {std::min(extremes_[k].low, part[k].low), std::max(extremes_[k].high, part[k].high)};
      }
    }
    return {};
  }

  // One set of histograms a block would take much memory; counts are integers, so a locked common one is as
  // deterministic.
  Result<std::vector<Histogram>> count() {
    std::vector<Histogram> totals;
    for (const graph::Range& range : extremes_) totals.emplace_back(range);
    std::vector<std::mutex> locks(ids_.size());
    MOTE_TRY_VOID(each_value([&](std::size_t, std::size_t value, std::span<const float> numbers) -> Result<void> {
      Histogram part(extremes_[value]);
      part.add(numbers);
      const std::lock_guard lock(locks[value]);
      totals[value].add(part);
      return {};
    }));
    return totals;
  }

  graph::Ranges named(const std::vector<graph::Range>& ranges) const {
    graph::Ranges result;
    for (std::size_t k = 0; k < ids_.size(); ++k) result[network_.graph().tensor(ids_[k]).name] = ranges[k];
    return result;
  }

  const Network& network_;
  const BatchSource& source_;
  const CalibrationOptions& options_;
  Crew crew_;
  std::vector<graph::TensorId> ids_;
  std::vector<std::size_t> indices_;
  std::size_t blocks_;
  std::vector<graph::Range> extremes_;
};

}  // namespace

Result<graph::Ranges> engine::calibrate(const graph::Graph& graph, const BatchSource& source,
                                        const CalibrationOptions& options) {
  MOTE_TRY_VOID(check_options(options));
  MOTE_TRY(const Network network, Network::create(graph, false));
  MOTE_TRY_VOID(check_shape(source, graph, "calibration data"));
  return Calibrator(network, source, options).run();
}

}  // namespace mote::train
