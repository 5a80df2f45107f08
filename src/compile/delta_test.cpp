// What a new training of the same network changes in its module, and so what an update carries: names, places and most
// of the code stay, words are as short as they can be. Real trainings: docs/deltas.md.

#include <gtest/gtest.h>

#include <cmath>

#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/compile/compile.hpp"
#include "mote/graph/zoo.hpp"
#include "mote/optimize/passes.hpp"
#include "mote/package/delta.hpp"

namespace mote::compile {
namespace {

/// Moves weights as a training does: each by a part of the spread of its tensor.
void retrain(graph::Graph& model, const std::vector<graph::TensorId>& tensors, double part, Rng& rng) {
  for (const graph::TensorId id : tensors) {
    const auto before = model.tensor(id).values<float>();
    double squares = 0;
    for (const float v : before) squares += static_cast<double>(v) * static_cast<double>(v);
    const double spread = std::sqrt(squares / static_cast<double>(before.size()));
    std::vector<float> values(before.begin(), before.end());
    for (float& v : values) v += static_cast<float>(part * spread * (rng.uniform() + rng.uniform() - 1) * 2.4);
    model.tensor(id).data = graph::constant_data<float>(values);
  }
}

/// The network of MLPerf Tiny's keyword spotting with fewer channels, untrained.
graph::Graph keywords(std::uint64_t seed) {
  graph::ZooOptions options;
  options.architecture = "ds_cnn";
  options.input = {1, 49, 10, 1};
  options.stem = {32, 10, 4, 2, 2};
  options.blocks.assign(3, {32, 1, 3, false});
  options.classes = 12;
  options.seed = seed;
  graph::Graph model = optimize::simplify(graph::make_model(options).value())->graph;
  model.rename("keywords");
  return model;
}

std::vector<graph::TensorId> weights_of(const graph::Graph& model, bool of_head_only) {
  std::vector<graph::TensorId> tensors;
  for (const graph::Op& op : model.ops()) {
    const bool head = op.as<graph::Dense>() != nullptr;
    if ((op.as<graph::Conv2D>() == nullptr && op.as<graph::DepthwiseConv2D>() == nullptr && !head) ||
        (of_head_only && !head))
      continue;
    tensors.push_back(op.inputs[1]);
  }
  return tensors;
}

/// The module, with ranges of values as calibration finds them: about the same for about the same weights.
Bytes module_of(const graph::Graph& model, double range_change, Rng& rng) {
  graph::Ranges ranges;
  for (const graph::Tensor& tensor : model.tensors()) {
    if (tensor.is_constant()) continue;
    const double high = (3.0 + 0.1 * static_cast<double>(ranges.size())) * (1 + range_change * (rng.uniform() - 0.5));
    ranges[tensor.name] = {tensor.name == model.input().name ? -3.0f : 0.0f, static_cast<float>(high)};
  }
  CompileOptions options;
  options.labels = {"down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes", "silence", "unknown"};
  return compile(optimize::quantize(model, ranges).value(), *board::find_board("nucleo-l4r5zi"), options)->module;
}

TEST(ModuleDelta, is_small_for_a_new_head_and_for_a_fine_tuned_network) {
  if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "no cross compiler";
  Rng rng(1);
  const graph::Graph first = keywords(1);
  graph::Graph head = first, tuned = first;
  retrain(head, weights_of(head, true), 0.3, rng);
  retrain(tuned, weights_of(tuned, false), 0.01, rng);
  const Bytes base = module_of(first, 0, rng);
  const auto permille = [&](const Bytes& module) {
    const auto delta = package::encode_delta(base, module);
    EXPECT_TRUE(delta) << delta.error().message();
    return delta ? 1000 * delta->size() / module.size() : 1000;
  };
  const auto of_head = permille(module_of(head, 0, rng)), of_tuned = permille(module_of(tuned, 0.02, rng)),
             of_other = permille(module_of(keywords(2), 0.3, rng));
  EXPECT_LE(of_head, 40u);
  EXPECT_LE(of_tuned, 200u);
  EXPECT_LE(of_other, 500u);
  RecordProperty("permille", std::to_string(of_head) + " " + std::to_string(of_tuned) + " " + std::to_string(of_other));
}

}  // namespace
}  // namespace mote::compile
