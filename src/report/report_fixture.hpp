#pragma once
// A made-up but plausible report for tests: ten garments, twenty layers, a float and a quantization-aware phase.
// Nothing in it is a measurement.

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "mote/base/rng.hpp"
#include "mote/report/report_data.hpp"

namespace mote::report::fixture {

inline const std::vector<std::string> kGarments = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                                   "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

/// A silhouette on 28 x 28 pixels with a little noise.
inline GrayImage garment(std::uint32_t label, Rng& rng) {
  GrayImage image{28, 28, std::vector<std::uint8_t>(28 * 28, 0)};
  const double wide = rng.uniform(0.85, 1.15);
  for (int row = 0; row < 28; ++row) {
    for (int column = 0; column < 28; ++column) {
      const double x = std::abs(column - 13.5) / wide;
      const double y = row;
      const bool top = y > 3 && y < 25 && x < 6;
      const bool sleeve = y > 3 && y < 20 && x >= 6 && x < 11 && x < 6 + y * 0.6;
      const bool shoe = y > 14 && y < 22 && column > 2 && column < 25 && y > 22 - column * 0.5;
      const std::array<bool, 10> inside = {top || (sleeve && y < 11),
                                           y > 2 && y < 26 && x < 6 && (x > 1.5 || y < 9),
                                           top || sleeve,
                                           y > 2 && y < 26 && x < 2.5 + y * 0.16,
                                           (top || sleeve) && !(x < 0.8 && y > 5),
                                           shoe && (row + column) % 4 != 0,
                                           top || (sleeve && y < 16),
                                           shoe,
                                           (y > 11 && y < 24 && x < 11) || (y > 5 && y <= 11 && x > 4 && x < 6),
                                           shoe || (y > 4 && y < 22 && column > 13 && column < 24)};
      const double shade = 165 + 40 * std::sin(x * 0.7 + label) + 18 * rng.normal();
      if (inside[label % 10])
        image.pixels[static_cast<std::size_t>(row * 28 + column)] =
            static_cast<std::uint8_t>(std::clamp(shade, 0.0, 255.0));
    }
  }
  return image;
}

inline std::vector<std::uint64_t> confusion(double error, std::uint64_t seed) {
  Rng rng(seed);
  constexpr std::array<double, 10> kHard = {1.7, 0.2, 1.4, 0.9, 1.3, 0.25, 3.1, 0.5, 0.2, 0.45};
  std::vector<std::uint64_t> counts(100);
  for (std::size_t truth = 0; truth < 10; ++truth) {
    for (int i = 0; i < 1000; ++i) {
      std::size_t answer = truth;
      if (rng.chance(error * kHard[truth])) {
        constexpr std::array<std::size_t, 5> kTops = {0, 2, 3, 4, 6};
        constexpr std::array<std::size_t, 3> kShoes = {5, 7, 9};
        const bool shoe = truth == 5 || truth == 7 || truth == 9;
        answer = shoe              ? kShoes[rng.below(3)]
                 : rng.chance(0.9) ? kTops[rng.below(5)]
                                   : static_cast<std::size_t>(rng.below(10));
      }
      ++counts[truth * 10 + answer];
    }
  }
  return counts;
}

inline std::vector<TrainingPhase> training() {
  Rng rng(3);
  TrainingPhase first{"float", {}};
  for (int i = 0; i < 16; ++i) {
    const double t = (i + 1) / 16.0;
    Epoch e;
    e.train_loss = 0.42 + 0.62 * std::exp(-3.2 * t) + 0.006 * rng.normal();
    e.validation_loss = 0.47 + 0.52 * std::exp(-3.4 * t) + 0.014 * rng.normal();
    e.train_accuracy = 0.947 - 0.20 * std::exp(-3.4 * t) + 0.001 * rng.normal();
    e.validation_accuracy = 0.936 - 0.17 * std::exp(-3.6 * t) + 0.003 * rng.normal();
    e.learning_rate = t < 0.2 ? 0.3 * t / 0.2 : 0.15 * (1 + std::cos((t - 0.2) / 0.8 * 3.14159));
    first.epochs.push_back(e);
  }
  TrainingPhase second{"quantization-aware", {}};
  for (int i = 0; i < 4; ++i) {
    second.epochs.push_back(
        {0.449 - 0.004 * i, 0.486 - 0.002 * i, 0.9455 + 0.0008 * i, 0.9341 + 0.0006 * i, 0.003 * (4 - i) / 4.0});
  }
  return {first, second};
}

struct LayerPlan {
  const char* name;
  const char* op;
  std::int64_t side;
  std::int64_t channels;
  std::uint64_t macs;
  double cycles_per_mac;
};

inline const std::vector<LayerPlan> kLayers = {{"stem", "conv", 28, 16, 112896, 4.1},
                                               {"b1.dw", "depthwise", 14, 16, 28224, 8.2},
                                               {"b1.pw", "pointwise", 14, 40, 125440, 1.9},
                                               {"b2.dw", "depthwise", 14, 40, 70560, 7.9},
                                               {"b2.pw", "pointwise", 14, 40, 313600, 1.6},
                                               {"b2.add", "add", 14, 40, 0, 0},
                                               {"b3.dw", "depthwise", 14, 40, 70560, 7.9},
                                               {"b3.pw", "pointwise", 14, 40, 313600, 1.6},
                                               {"b3.add", "add", 14, 40, 0, 0},
                                               {"b4.dw", "depthwise", 7, 40, 17640, 8.3},
                                               {"b4.pw", "pointwise", 7, 80, 156800, 1.5},
                                               {"b5.dw", "depthwise", 7, 80, 35280, 7.8},
                                               {"b5.pw", "pointwise", 7, 80, 313600, 1.4},
                                               {"b5.add", "add", 7, 80, 0, 0},
                                               {"b6.dw", "depthwise", 7, 80, 35280, 7.8},
                                               {"b6.pw", "pointwise", 7, 80, 313600, 1.4},
                                               {"b6.add", "add", 7, 80, 0, 0},
                                               {"head.pw", "pointwise", 4, 104, 133120, 1.5},
                                               {"pool", "average pool", 1, 104, 0, 0},
                                               {"classifier", "dense", 1, 10, 1040, 3.4}};

inline LayerProfile profile() {
  LayerProfile out;
  for (const LayerPlan& plan : kLayers) {
    const double elements = static_cast<double>(plan.side * plan.side * plan.channels);
    const double cycles = plan.macs > 0 ? static_cast<double>(plan.macs) * plan.cycles_per_mac : elements * 11;
    out.layers.push_back({plan.name,
                          plan.op,
                          {1, plan.side, plan.side, plan.channels},
                          plan.macs,
                          std::floor(cycles),
                          std::floor(cycles * 0.83)});
  }
  out.features = LayerCost{"scale to int8", "features", {1, 28, 28, 1}, 0, 4704, 3920};
  out.total_cycles = 5'412'331;
  return out;
}

/// Every tensor lives from the op that makes it to the op that reads it last, at the lowest offset that is free all
/// that time.
inline ArenaMap arena() {
  ArenaMap out;
  for (const LayerPlan& plan : kLayers) out.ops.push_back(plan.name);
  const auto place = [&](ArenaTensor t) {
    for (bool moved = true; moved;) {
      moved = false;
      for (const ArenaTensor& other : out.tensors) {
        const bool together = t.first_op <= other.last_op && other.first_op <= t.last_op;
        const bool apart = t.offset_bytes >= other.offset_bytes + other.size_bytes ||
                           other.offset_bytes >= t.offset_bytes + t.size_bytes;
        if (together && !apart) {
          t.offset_bytes = other.offset_bytes + other.size_bytes;
          moved = true;
        }
      }
    }
    out.arena_bytes = std::max(out.arena_bytes, t.offset_bytes + t.size_bytes);
    out.tensors.push_back(t);
  };
  place({"image", "int8", {1, 28, 28, 1}, TensorRole::input, 0, 784, 0, 0});
  for (std::uint32_t i = 0; i < kLayers.size(); ++i) {
    const LayerPlan& plan = kLayers[i];
    const bool feeds_add = i + 3 < kLayers.size() && std::string(kLayers[i + 3].op) == "add";
    const std::uint32_t last =
        std::min<std::uint32_t>(i + (feeds_add ? 3 : 1), static_cast<std::uint32_t>(kLayers.size() - 1));
    const auto bytes = static_cast<std::uint64_t>(plan.side * plan.side * plan.channels);
    const TensorRole role = i + 1 == kLayers.size() ? TensorRole::output : TensorRole::activation;
    place({std::string(plan.name) + ".out", "int8", {1, plan.side, plan.side, plan.channels}, role, 0, bytes, i, last});
    if (std::string(plan.op) == "conv") place({"stem.columns", "int8", {2, 9}, TensorRole::scratch, 0, 1152, i, i});
  }
  return out;
}

inline DataSummary data_summary() {
  DataSummary data{"Fashion-MNIST", "28 × 28 gray images", "Zalando Research", "MIT", "", {}, {}, {}};
  data.splits = {{"train", std::vector<std::uint64_t>(10, 5500), {}},
                 {"validation", std::vector<std::uint64_t>(10, 500), {}},
                 {"test", std::vector<std::uint64_t>(10, 1000), {}}};
  Rng rng(11);
  for (std::uint32_t label = 0; label < 10; ++label) {
    for (int i = 0; i < 5; ++i)
      data.samples.push_back(
          {garment(label, rng), label, "train/" + std::to_string(label * 100 + static_cast<std::uint32_t>(i))});
  }
  data.refused = {{"extra/IMG_0031.png", "byte 8,112: the file ends inside of a chunk"},
                  {"extra/notes.txt", "not an image"}};
  return data;
}

inline Footprint footprint() {
  Footprint out;
  out.flash = {{"code", "pointwise_dsp", 3912}, {"code", "depthwise_3x3_dsp", 2744}, {"code", "conv_3x3_dsp", 1880},
               {"code", "add_int8", 388},       {"code", "average_pool", 244},       {"code", "dense_int8", 620},
               {"code", "mote_module_run", 912}};
  for (const LayerPlan& plan : kLayers) {
    if (plan.macs > 0)
      out.flash.push_back({"weights", std::string(plan.name) + ".weights",
                           9 + plan.macs / static_cast<std::uint64_t>(plan.side * plan.side)});
  }
  out.flash.insert(
      out.flash.end(),
      {{"tables", "requantize", 9666}, {"header", "module header", 512}, {"header", "self-test vectors", 1648}});
  out.ram = {{"arena", "arena", 23520}, {"stack", "stack, painted", 612}, {"static", "application state", 128}};
  out.flash_limit_bytes = 65536;
  out.ram_limit_bytes = 24 * 1024.0;
  return out;
}

inline Provenance provenance() {
  Provenance out;
  out.settings = {{"data", "format", "idx"},
                  {"data", "validation", "0.0833, stratified"},
                  {"features", "kind", "raw image"},
                  {"model", "zoo", "ds_cnn"},
                  {"model", "channels", "16, 40, 40, 40, 80, 80, 80, 104"},
                  {"train", "epochs", "16"},
                  {"train", "optimizer", "sgd, nesterov 0.9"},
                  {"train", "learning_rate", "0.3, one cycle"},
                  {"train", "label_smoothing", "0.05"},
                  {"train", "augment", "flip 0.5, shift 1"},
                  {"quantize", "epochs", "4"},
                  {"target", "board", "nucleo-l4r5zi"}};
  out.seeds = {{"split", "1"}, {"train", "7"}};
  out.tools = {{"mote", "0.1.0"}, {"libtorch", "1.13.0"}, {"arm-none-eabi-gcc", "12.2.1"}, {"unicorn", "2.0.1"}};
  out.commands = {"mote run examples/fashion", "mote bench build/fashion/model.mote --board nucleo-l4r5zi --per-op",
                  "mote report examples/fashion"};
  out.estimates = {{"energy_uj", "from the data sheet's typical current at 120 MHz, 3.0 V"}};
  return out;
}

inline ReportData realistic() {
  ReportData out;
  out.project = "fashion";
  out.description = "Ten kinds of garment, told apart on a microcontroller.";
  out.board = {"nucleo-l4r5zi", "STM32L4R5ZI, Cortex-M4F", 120e6};
  out.headline = {"accuracy", 0.9361, 0.9354, 0.9354, 10000, 45.1, 1236.4, 58512.0, 24260.0};
  out.budgets = {{"Accuracy", Unit::fraction, Bound::at_least, 0.933, 0.9354, false},
                 {"Latency", Unit::milliseconds, Bound::at_most, 50, 45.1, false},
                 {"Flash", Unit::bytes, Bound::at_most, 65536, 58512.0, false},
                 {"RAM", Unit::bytes, Bound::at_most, 24576, 24260.0, false},
                 {"Energy", Unit::microjoules, Bound::at_most, 1000, 1236.4, true}};
  out.lineage = {
      {"data", "3f9c1be07a55d2c6", "70,000 images"},      {"features", "b1180c4de92f77aa", "raw, int8"},
      {"train", "07e5d4c3b2a19088", "16 epochs, seed 7"}, {"int8", "c4417fe2a6b3905d", "4 epochs, per channel"},
      {"module", "9a02bb61f3cde874", "int8, signed"},     {"report", "e77d10a94b28f5c3", "this page"}};
  out.classes = kGarments;
  out.data = data_summary();
  out.training = training();
  out.evaluation = {"test", confusion(0.080, 5), confusion(0.081, 6), 0.9921, {}};
  const auto accuracy = [](const std::vector<std::uint64_t>& counts) {
    std::uint64_t correct = 0;
    for (std::size_t i = 0; i < 10; ++i) correct += counts[i * 11];
    return static_cast<double>(correct) / 10000;
  };
  out.headline.result_float = accuracy(out.evaluation.confusion_float);
  out.headline.result_int8 = out.headline.result_board = out.budgets[0].value = accuracy(out.evaluation.confusion_int8);
  Rng rng(23);
  constexpr std::array<std::array<std::uint32_t, 2>, 8> kMistakes = {
      {{6, 0}, {0, 6}, {4, 2}, {2, 4}, {6, 4}, {9, 7}, {3, 6}, {8, 0}}};
  for (const auto& [truth, predicted] : kMistakes) {
    out.evaluation.worst.push_back(
        {garment(truth, rng), truth, predicted, 0.999 - 0.01 * static_cast<double>(out.evaluation.worst.size()), ""});
  }
  out.arena = arena();
  out.profile = profile();
  out.footprint = footprint();
  double flash = 0;
  for (const MemoryPart& part : out.footprint.flash) flash += static_cast<double>(part.bytes);
  out.headline.flash_bytes = out.budgets[2].value = flash;
  out.provenance = provenance();
  return out;
}

}  // namespace mote::report::fixture
