// Floats by whole numbers, and ensembles of trees against a plain walk through the graph's own tables.

#include "mote/graph/trees.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "kernels/scores.hpp"
#include "mote/base/rng.hpp"
#include "mote/graph/executor.hpp"

namespace mote::graph {
namespace {

using ::testing::HasSubstr;

/// A float of any kind, NaN but rarely.
float any_float(Rng& rng) { return device::float_of(static_cast<std::uint32_t>(rng.next())); }

TEST(FloatBits, order_is_that_of_the_floats) {
  Rng rng(1);
  for (int i = 0; i < 200'000; ++i) {
    const float a = any_float(rng), b = rng.chance(0.1) ? a : any_float(rng);
    if (std::isnan(a) || std::isnan(b)) continue;
    const std::int32_t p = device::float_order(device::bits_of(a)), q = device::float_order(device::bits_of(b));
    ASSERT_EQ(a < b, p < q) << a << " " << b;
    ASSERT_EQ(a == b, p == q) << a << " " << b;
  }
  EXPECT_EQ(device::float_order(device::bits_of(-0.0f)), device::float_order(device::bits_of(0.0f)));
}

TEST(FloatBits, long_division_is_the_machines) {
  Rng rng(2);
  for (int i = 0; i < 500'000; ++i) {
    const float a = any_float(rng);
    float b = std::fabs(rng.chance(0.5) ? any_float(rng) : static_cast<float>(rng.between(1, 1000)));
    if (!std::isnormal(b)) b = 3.0f;
    if (std::isnan(a)) continue;
    const float expected = a / b, got = device::divided_by_parts(a, b);
    ASSERT_EQ(device::bits_of(got), device::bits_of(expected)) << a << " / " << b;
  }
}

TEST(FloatBits, powers_of_e_are_within_the_last_bit) {
  Rng rng(3);
  double worst = 0.0;
  for (int i = 0; i < 300'000; ++i) {
    const auto x = static_cast<float>(rng.uniform(-87.0, 88.7));
    const double expected = std::exp(static_cast<double>(x));
    worst = std::max(worst, std::fabs(static_cast<double>(device::exp_float(x)) - expected) / expected);
  }
  EXPECT_LT(worst, 0x1p-23);
  EXPECT_EQ(device::exp_float(0.0f), 1.0f);
  EXPECT_EQ(device::exp_float(100.0f), std::numeric_limits<float>::infinity());
  EXPECT_EQ(device::exp_float(-200.0f), 0.0f);
  EXPECT_EQ(device::exp_float(-std::numeric_limits<float>::infinity()), 0.0f);
  EXPECT_TRUE(std::isnan(device::exp_float(std::numeric_limits<float>::quiet_NaN())));
  EXPECT_NEAR(device::exp_float(-100.0f), std::exp(-100.0f), 1e-44f) << "below the normal floats";
}

/// A tree of `branches` random branches whose leaves are numbered by weights.
struct RandomTree {
  std::vector<std::int32_t> fields, targets;
  std::vector<float> thresholds, weights;

  RandomTree(Rng& rng, std::int32_t features, std::int32_t branches) {
    std::vector<std::int32_t> open{add()};
    for (std::int32_t i = 0; i < branches; ++i) {
      const auto pick = static_cast<std::size_t>(rng.below(open.size()));
      const std::int32_t at = open[pick], yes = add(), no = add();
      open[pick] = yes;
      open.push_back(no);
      const auto mode = static_cast<std::int32_t>(rng.below(6)) + (rng.chance(0.5) ? kNanIsTrue : 0);
      set(at, {mode, static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(features))), yes, no});
      thresholds[static_cast<std::size_t>(at)] =
          rng.chance(0.1) ? any_threshold(rng) : static_cast<float>(rng.between(-3, 3));
    }
    for (const std::int32_t at : open) {
      set(at, {kLeafMode, static_cast<std::int32_t>(weights.size()), 1, 0});
      targets.push_back(0);
      weights.push_back(static_cast<float>(weights.size()));
    }
  }
  static float any_threshold(Rng& rng) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    constexpr std::array kAll{-0.0f, kInfinity, -kInfinity, std::numeric_limits<float>::denorm_min()};
    return kAll[rng.below(kAll.size())];
  }
  std::int32_t add() {
    fields.resize(fields.size() + kTreeNodeFields, 0);
    thresholds.push_back(0.0f);
    return static_cast<std::int32_t>(thresholds.size()) - 1;
  }
  void set(std::int32_t at, std::array<std::int32_t, kTreeNodeFields> row) {
    std::ranges::copy(row, fields.begin() + at * kTreeNodeFields);
  }
  [[nodiscard]] Graph graph(std::int32_t features) const {
    Graph g("tree");
    const auto constant = [&](const char* name, DType type, Shape shape, std::shared_ptr<const Bytes> data) {
      return g.add_tensor({name, type, std::move(shape), {}, std::move(data)});
    };
    const auto words = [](const std::vector<std::int32_t>& v) {
      return constant_data(std::span<const std::int32_t>(v));
    };
    const auto reals = [](const std::vector<float>& v) { return constant_data(std::span<const float>(v)); };
    const auto nodes = static_cast<std::int32_t>(thresholds.size()), leaves = static_cast<std::int32_t>(weights.size());
    const TensorId x = g.add_tensor({"x", DType::f32, {1, features}, {}, nullptr});
    const std::vector<TensorId> inputs{x,
                                       constant("nodes", DType::i32, {nodes, kTreeNodeFields}, words(fields)),
                                       constant("thresholds", DType::f32, {nodes}, reals(thresholds)),
                                       constant("targets", DType::i32, {leaves}, words(targets)),
                                       constant("weights", DType::f32, {leaves}, reals(weights)),
                                       constant("roots", DType::i32, {1}, words({0}))};
    const TensorId y = g.add_tensor({"y", DType::f32, {1, 1}, {}, nullptr});
    g.add_op({"tree", TreeEnsemble{}, inputs, {y}});
    g.set_inputs({x});
    g.set_outputs({y});
    return g;
  }
  [[nodiscard]] float walk(const std::vector<float>& x) const {
    std::size_t at = 0;
    for (;;) {
      const std::int32_t* row = fields.data() + at * kTreeNodeFields;
      if (row[0] == kLeafMode) return weights[static_cast<std::size_t>(row[1])];
      const float v = x[static_cast<std::size_t>(row[1])], t = thresholds[at];
      bool yes = false;
      switch (static_cast<BranchMode>(row[0] & ~kNanIsTrue)) {
        case BranchMode::less_equal:
          yes = v <= t;
          break;
        case BranchMode::less:
          yes = v < t;
          break;
        case BranchMode::greater:
          yes = v > t;
          break;
        case BranchMode::greater_equal:
          yes = v >= t;
          break;
        case BranchMode::equal:
          yes = v == t;
          break;
        case BranchMode::not_equal:
          yes = v != t;
          break;
      }
      if (std::isnan(v) && (row[0] & kNanIsTrue) != 0) yes = true;
      at = static_cast<std::size_t>(row[yes ? 2 : 3]);
    }
  }
};

TEST(Trees, compact_tables_lead_to_the_leaf_of_a_plain_walk) {
  Rng rng(5);
  for (const std::int32_t features : {1, 3, 400}) {
    for (const std::int32_t branches : {0, 1, 20, 700, 40'000}) {
      const RandomTree tree(rng, features, branches);
      const Graph g = tree.graph(features);
      auto executor = Executor::create(g);
      ASSERT_TRUE(executor.has_value()) << executor.error().message();
      for (int i = 0; i < 300; ++i) {
        std::vector<float> x;
        for (std::int32_t f = 0; f < features; ++f)
          x.push_back(rng.chance(0.1)   ? std::numeric_limits<float>::quiet_NaN()
                      : rng.chance(0.1) ? any_float(rng)
                      : rng.chance(0.1) ? -0.0f
                                        : static_cast<float>(rng.between(-4, 4)));
        float y = 0.0f;
        ASSERT_TRUE(
            executor->run(bytes_of(std::span<const float>(x)), {reinterpret_cast<std::uint8_t*>(&y), sizeof y}));
        ASSERT_EQ(y, tree.walk(x)) << features << " features, " << branches << " branches";
      }
    }
  }
}

TEST(Trees, unsound_ones_are_refused) {
  Rng rng(6);
  const RandomTree sound(rng, 3, 20);
  ASSERT_TRUE(verify(sound.graph(3)));
  const auto refusal = [&](const auto& change) {
    RandomTree tree = sound;
    change(tree);
    const auto verified = verify(tree.graph(3));
    EXPECT_FALSE(verified.has_value());
    return verified ? std::string() : verified.error().message();
  };
  EXPECT_THAT(refusal([](RandomTree& t) { t.fields[2] = 0; }), HasSubstr("child 0 does not stand behind it"));
  EXPECT_THAT(refusal([](RandomTree& t) { t.fields[2] = 1000; }), HasSubstr("child 1000"));
  EXPECT_THAT(refusal([](RandomTree& t) { t.fields[2] = t.fields[3]; }), HasSubstr("no tree reaches"));
  EXPECT_THAT(refusal([](RandomTree& t) { t.fields[1] = 3; }), HasSubstr("feature 3 of 3"));
  EXPECT_THAT(refusal([](RandomTree& t) { t.fields[0] = 7; }), HasSubstr("mode 7"));
  EXPECT_THAT(refusal([](RandomTree& t) { t.targets[0] = 1; }), HasSubstr("target 1 of 1"));
  EXPECT_THAT(refusal([](RandomTree& t) { t.thresholds[0] = NAN; }), HasSubstr("not a number"));
}

}  // namespace
}  // namespace mote::graph
