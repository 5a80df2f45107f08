#pragma once
// A random forest for tests, grown on data as anyone would: bootstrap, a random choice of features at each branch, Gini
// impurity. As a graph, with votes or shares as leaves.

#include <algorithm>
#include <cmath>
#include <vector>

#include "mote/base/rng.hpp"
#include "mote/graph/trees.hpp"

namespace mote::bench {

struct Rows {
  std::size_t features = 0;
  std::int32_t classes = 0;
  std::vector<float> x;         ///< row after row
  std::vector<std::int32_t> y;  ///< class of each row
  [[nodiscard]] const float* row(std::size_t i) const { return x.data() + i * features; }
};

/// Classes as Gaussian clouds that overlap.
inline Rows clouds(std::size_t rows, std::size_t features, std::int32_t classes, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<double> centers(static_cast<std::size_t>(classes) * features);
  for (double& c : centers) c = rng.normal();
  Rows data{features, classes, {}, {}};
  for (std::size_t i = 0; i < rows; ++i) {
    const auto c = static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(classes)));
    for (std::size_t f = 0; f < features; ++f)
      data.x.push_back(static_cast<float>(centers[static_cast<std::size_t>(c) * features + f] + 1.5 * rng.normal()));
    data.y.push_back(c);
  }
  return data;
}

class ForestGrower {
 public:
  ForestGrower(const Rows& data, std::uint64_t seed) : data_(data), rng_(seed) {}

  graph::Graph grow(std::size_t trees, int depth) {
    for (std::size_t t = 0; t < trees; ++t) {
      std::vector<std::size_t> sample(data_.y.size());
      for (auto& i : sample) i = static_cast<std::size_t>(rng_.below(data_.y.size()));
      roots_.push_back(branch(sample, depth, static_cast<float>(trees)));
    }
    return graph();
  }
  [[nodiscard]] std::size_t nodes() const { return thresholds_.size(); }

 private:
  using Counts = std::vector<std::int32_t>;

  [[nodiscard]] Counts counts(const std::vector<std::size_t>& rows) const {
    Counts c(static_cast<std::size_t>(data_.classes), 0);
    for (const std::size_t i : rows) ++c[static_cast<std::size_t>(data_.y[i])];
    return c;
  }
  static double impurity(const Counts& c, double n) {
    double squares = 0.0;
    for (const std::int32_t k : c) squares += static_cast<double>(k) * k;
    return n > 0.0 ? n - squares / n : 0.0;
  }

  std::int32_t branch(const std::vector<std::size_t>& rows, int depth, float trees) {
    const auto id = static_cast<std::int32_t>(thresholds_.size());
    thresholds_.push_back(0.0f);
    fields_.resize(fields_.size() + graph::kTreeNodeFields, 0);
    const Counts all = counts(rows);
    const auto [feature, threshold] =
        depth == 0 || std::ranges::count_if(all, [](auto k) { return k > 0; }) < 2 ? Split{} : best_split(rows, all);
    if (feature < 0) {
      set(id, {graph::kLeafMode, static_cast<std::int32_t>(weights_.size()), data_.classes, 0});
      for (std::int32_t c = 0; c < data_.classes; ++c) {
        targets_.push_back(c);
        weights_.push_back(static_cast<float>(all[static_cast<std::size_t>(c)]) / static_cast<float>(rows.size()) /
                           trees);
      }
      return id;
    }
    std::vector<std::size_t> low, high;
    for (const std::size_t i : rows) (data_.row(i)[feature] <= threshold ? low : high).push_back(i);
    thresholds_[static_cast<std::size_t>(id)] = threshold;
    const std::int32_t yes = branch(low, depth - 1, trees), no = branch(high, depth - 1, trees);
    set(id, {static_cast<std::int32_t>(graph::BranchMode::less_equal), feature, yes, no});
    return id;
  }

  struct Split {
    std::int32_t feature = -1;
    float threshold = 0.0f;
  };
  Split best_split(const std::vector<std::size_t>& rows, const Counts& all) {
    const auto tries = static_cast<std::size_t>(std::lround(std::sqrt(static_cast<double>(data_.features))));
    const auto n = static_cast<double>(rows.size());
    double best = impurity(all, n) - 1e-9;
    Split split;
    for (std::size_t k = 0; k < tries; ++k) {
      const auto f = static_cast<std::size_t>(rng_.below(data_.features));
      std::vector<std::size_t> sorted = rows;
      std::ranges::sort(sorted, {}, [&](std::size_t i) { return data_.row(i)[f]; });
      Counts low(all.size(), 0), high = all;
      for (std::size_t i = 0; i + 1 < sorted.size(); ++i) {
        ++low[static_cast<std::size_t>(data_.y[sorted[i]])];
        --high[static_cast<std::size_t>(data_.y[sorted[i]])];
        const float a = data_.row(sorted[i])[f], b = data_.row(sorted[i + 1])[f];
        if (a == b) continue;
        const auto m = static_cast<double>(i + 1);
        const double now = impurity(low, m) + impurity(high, n - m);
        if (now >= best) continue;
        best = now;
        split = {static_cast<std::int32_t>(f), (a + b) / 2.0f >= b ? a : (a + b) / 2.0f};
      }
    }
    return split;
  }

  void set(std::int32_t id, std::array<std::int32_t, graph::kTreeNodeFields> row) {
    std::ranges::copy(row, fields_.begin() + static_cast<std::ptrdiff_t>(id) * graph::kTreeNodeFields);
  }

  graph::Graph graph() {
    graph::Graph g("forest");
    const auto words = [&](const char* name, graph::Shape shape, const std::vector<std::int32_t>& v) {
      return g.add_tensor(
          {name, graph::DType::i32, std::move(shape), {}, graph::constant_data(std::span<const std::int32_t>(v))});
    };
    const auto reals = [&](const char* name, graph::Shape shape, const std::vector<float>& v) {
      return g.add_tensor(
          {name, graph::DType::f32, std::move(shape), {}, graph::constant_data(std::span<const float>(v))});
    };
    const auto size = [](const auto& v) { return static_cast<std::int32_t>(v.size()); };
    const auto x = g.add_tensor({"x", graph::DType::f32, {1, static_cast<std::int32_t>(data_.features)}, {}, nullptr});
    const std::vector<graph::TensorId> inputs{x,
                                              words("nodes", {size(thresholds_), graph::kTreeNodeFields}, fields_),
                                              reals("thresholds", {size(thresholds_)}, thresholds_),
                                              words("targets", {size(targets_)}, targets_),
                                              reals("weights", {size(weights_)}, weights_),
                                              words("roots", {size(roots_)}, roots_)};
    const auto y = g.add_tensor({"y", graph::DType::f32, {1, data_.classes}, {}, nullptr});
    g.add_op({"forest", graph::TreeEnsemble{graph::TreeAggregate::sum, data_.classes}, inputs, {y}});
    g.set_inputs({x});
    g.set_outputs({y});
    return g;
  }

  const Rows& data_;
  Rng rng_;
  std::vector<std::int32_t> fields_, targets_, roots_;
  std::vector<float> thresholds_, weights_;
};

}  // namespace mote::bench
