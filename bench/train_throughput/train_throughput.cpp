// Samples a second of mote's trainer for one zoo model: mote_train_throughput MODEL THREADS SAMPLES EPOCHS -> one JSON
// line.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "mote/base/rng.hpp"
#include "mote/graph/zoo.hpp"
#include "mote/train/train.hpp"

namespace {

using namespace mote;

graph::ZooOptions model_options(const std::string& name) {
  graph::ZooOptions o;
  o.architecture = name;
  if (name == "ds_cnn") {  // d3 of the accuracy experiments
    o.input = {1, 28, 28, 1};
    o.blocks = {{40, 2}, {40}, {40}, {80, 2}, {80}, {80}, {104, 2}, {104}};
  } else {
    o.input = name == "resnet8" ? graph::Shape{1, 32, 32, 3} : graph::Shape{1, 64, 64, 3};
  }
  return o;
}

train::MemorySource random_images(const graph::Shape& input, std::size_t count) {
  std::vector<float> values(count * input.elements());
  std::vector<std::int32_t> labels(count);
  Rng rng(1);
  for (float& v : values) v = static_cast<float>(rng.uniform(-1.0, 1.0));
  for (auto& l : labels) l = static_cast<std::int32_t>(rng.below(10));
  return *train::MemorySource::create({input[1], input[2], input[3]}, std::move(values), std::move(labels));
}

int fail_with(const std::string& message) {
  std::fprintf(stderr, "%s\n", message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return fail_with("usage: mote_train_throughput MODEL THREADS SAMPLES EPOCHS");
  const auto g = graph::make_model(model_options(argv[1]));
  if (!g) return fail_with(g.error().message());
  train::TrainOptions options;
  options.threads = std::atoi(argv[2]);
  options.epochs = std::atoi(argv[4]);
  options.schedule = train::Schedule::constant;
  options.learning_rate = 0.01;
  options.label_smoothing = 0.0;
  const train::MemorySource data = random_images(g->input().shape, static_cast<std::size_t>(std::atoll(argv[3])));
  SilentProgress progress;
  const auto result = train::train(*g, data, nullptr, options, {}, progress);
  if (!result) return fail_with(result.error().message());
  std::uint64_t parameters = 0;
  for (const graph::Tensor& t : g->tensors()) {
    const bool statistic = t.name.ends_with("/mean") || t.name.ends_with("/variance");
    if (t.is_constant() && !statistic) parameters += t.shape.elements();
  }
  std::printf("{\"parameters\": %llu, \"seconds\": [", static_cast<unsigned long long>(parameters));
  for (std::size_t i = 1; i < result->curves.size(); ++i)
    std::printf("%s%.6f", i > 1 ? ", " : "", result->curves[i].seconds);
  std::printf("]}\n");
  return 0;
}
