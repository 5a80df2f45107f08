#pragma once
// For tests: models of the zoo, quantized.

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "mote/base/rng.hpp"
#include "mote/graph/executor.hpp"
#include "mote/graph/zoo.hpp"
#include "mote/optimize/passes.hpp"

namespace mote::bench {

/// An int8 zoo model with ranges observed on random inputs.
inline graph::Graph quantized(const graph::ZooOptions& options) {
  const graph::Graph simple = optimize::simplify(*graph::make_model(options))->graph;
  auto executor = std::move(*graph::Executor::create(simple));
  graph::Ranges ranges;
  Rng rng(9);
  std::vector<float> x(simple.input().shape.elements()), y(simple.output().shape.elements());
  for (int sample = 0; sample < 4; ++sample) {
    for (float& v : x) v = static_cast<float>(rng.uniform(-0.2, 1.0));
    EXPECT_TRUE(
        executor.run(bytes_of(std::span<const float>(x)), {reinterpret_cast<std::uint8_t*>(y.data()), y.size() * 4}));
    for (graph::TensorId id = 0; id < static_cast<graph::TensorId>(simple.tensors().size()); ++id) {
      const graph::Tensor& t = simple.tensor(id);
      if (t.is_constant()) continue;
      const auto* v = reinterpret_cast<const float*>(executor.value(id).data());
      const auto [low, high] = std::minmax_element(v, v + t.shape.elements());
      graph::Range& r = ranges[t.name];
      r = {std::min(r.low, *low), std::max(r.high, *high)};
    }
  }
  return *optimize::quantize(simple, ranges);
}

}  // namespace mote::bench
