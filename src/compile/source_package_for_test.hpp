#pragma once
// For tests: a small model as a source package, with what the host computes of its inputs.

#include <gtest/gtest.h>

#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"
#include "mote/compile/source_package.hpp"
#include "mote/graph/executor.hpp"
#include "random_layers.hpp"

namespace mote::compile::testing {

/// A convolution, a depthwise layer and a sum: kernels of several families.
inline graph::Graph small_model() {
  using namespace graph;
  Rng rng(3);
  Graph g("small model");
  const Quantization q = Quantization::per_tensor(0.05f, -3);
  const auto value = [&](const char* name, Shape shape) {
    return g.add_tensor({name, DType::i8, std::move(shape), q, nullptr});
  };
  const TensorId x = value("x", {1, 8, 8, 4}), a = value("a", {1, 8, 8, 8}), b = value("b", {1, 8, 8, 8}),
                 y = value("y", {1, 8, 8, 8});
  const TensorId w = random_weights(g, rng, {8, 3, 3, 4}, 0, 8, q, 2.0),
                 d = random_weights(g, rng, {1, 3, 3, 8}, 3, 8, q, 2.0);
  g.add_op({"conv", Conv2D{1, 1, 1, 1, {1, 1, 1, 1}, Activation::relu}, {x, w}, {a}});
  g.add_op({"depthwise", DepthwiseConv2D{1, 1, 1, 1, 1, {1, 1, 1, 1}, Activation::none}, {a, d}, {b}});
  g.add_op({"sum", Add{}, {a, b}, {y}});
  g.set_inputs({x});
  g.set_outputs({y});
  return g;
}

/// A model with what the host computes of its first inputs.
inline SourceModel source_model(const graph::Graph& g, const std::string& name, Target target, std::size_t steps) {
  SourceModel model{&g, name, {}, {}};
  model.program.lowering.target = target;
  auto executor = std::move(*graph::Executor::create(g));
  Rng rng(5);
  for (std::size_t i = 0; i < steps; ++i) {
    Bytes input = random_bytes(rng, g.input().size_bytes()), output(g.output().size_bytes());
    EXPECT_TRUE(executor.run(input, output));
    model.vectors.emplace_back(std::move(input), std::move(output));
  }
  return model;
}

inline SourcePackageOptions options_for(Framework framework) {
  SourcePackageOptions o;
  o.framework = framework;
  o.version = "2.1.0-rc.1";
  return o;
}

inline Result<std::vector<SourceFile>> small_package(const graph::Graph& g, Framework framework, Target target,
                                                     const std::string& name = "small") {
  const SourceModel models[] = {source_model(g, name, target, 1)};
  return source_package(models, options_for(framework));
}

inline void write_package(const std::filesystem::path& folder, const std::vector<SourceFile>& files) {
  for (const SourceFile& f : files) ASSERT_TRUE(write_file(folder / f.path, as_bytes(f.text)));
}

}  // namespace mote::compile::testing
