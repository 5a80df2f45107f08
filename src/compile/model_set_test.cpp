// Models that share an arena: where what they need lies.

#include "mote/compile/model_set.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mote/base/rng.hpp"
#include "random_layers.hpp"

namespace mote::compile {
namespace {

using graph::DType;
using graph::Graph;
using graph::Quantization;
using graph::TensorId;
using ::testing::HasSubstr;

/// A window of `rows` rows that moves on by one, and a convolution over it.
Graph stream_model(std::int32_t rows, std::int32_t channels) {
  Graph g("stream");
  Rng rng(4);
  const Quantization q = Quantization::per_tensor(0.05f, 3);
  const auto value = [&](const char* name, graph::Shape shape) {
    return g.add_tensor({name, DType::i8, std::move(shape), q, nullptr});
  };
  const TensorId x = value("x", {1, 1, 4, channels}), window = value("window", {1, rows, 4, channels}),
                 moved = value("window'", {1, rows, 4, channels}), y = value("y", {1, rows, 4, channels});
  const TensorId w = testing::random_weights(g, rng, {channels, 3, 3, channels}, 0, channels, q, 2.0);
  g.add_op({"move", graph::Shift{1}, {window, x}, {moved}});
  g.add_op({"conv", graph::Conv2D{1, 1, 1, 1, {1, 1, 1, 1}, graph::Activation::relu}, {moved, w}, {y}});
  g.add_state(
      {window, moved, std::make_shared<const Bytes>(static_cast<std::size_t>(rows * 4 * channels), std::uint8_t{3})});
  g.set_inputs({x});
  g.set_outputs({y});
  return g;
}

/// Values between the layers are larger than what goes in and comes out.
Graph convolutions() {
  Graph g("convolutions");
  Rng rng(3);
  const Quantization q = Quantization::per_tensor(0.05f, -3);
  const auto value = [&](const char* name, graph::Shape shape) {
    return g.add_tensor({name, DType::i8, std::move(shape), q, nullptr});
  };
  const TensorId x = value("x", {1, 16, 16, 4}), a = value("a", {1, 16, 16, 16}), b = value("b", {1, 16, 16, 16}),
                 c = value("c", {1, 8, 8, 4});
  const TensorId wa = testing::random_weights(g, rng, {16, 3, 3, 4}, 0, 16, q, 2.0),
                 wb = testing::random_weights(g, rng, {16, 3, 3, 16}, 0, 16, q, 2.0),
                 wc = testing::random_weights(g, rng, {4, 3, 3, 16}, 0, 4, q, 2.0);
  const graph::Activation relu = graph::Activation::relu;
  g.add_op({"a", graph::Conv2D{1, 1, 1, 1, {1, 1, 1, 1}, relu}, {x, wa}, {a}});
  g.add_op({"b", graph::Conv2D{1, 1, 1, 1, {1, 1, 1, 1}, relu}, {a, wb}, {b}});
  g.add_op({"c", graph::Conv2D{2, 2, 1, 1, {0, 1, 0, 1}, relu}, {b, wc}, {c}});
  g.set_inputs({x});
  g.set_outputs({c});
  return g;
}

struct Three {
  Graph wake = stream_model(10, 8), large = convolutions(), small = stream_model(6, 4);
  std::vector<SetMember> members{{"wake", &wake, {}}, {"large", &large, {}}, {"small", &small, {}}};
  Three() {
    for (SetMember& m : members) m.options.program.lowering.target = Target::armv7em;
  }
};

/// Three models without a budget, planned once.
const SetPlan& whole_plan() {
  static const Three three;
  static const SetPlan plan = plan_set(three.members, 0).value();
  return plan;
}

TEST(ModelSet, keeps_each_models_states_where_no_other_model_writes) {
  const SetPlan& plan = whole_plan();
  const SharedArena& arena = plan.arena;
  EXPECT_EQ(arena.neediest, 1u);
  EXPECT_EQ(arena.kept_bytes, 10u * 4 * 8 + 6 * 4 * 4);
  std::size_t end = arena.shared_bytes;
  for (const Program& p : plan.programs) {
    EXPECT_LE(p.shared_bytes, arena.shared_bytes);
    EXPECT_LE(p.arena_bytes, arena.arena_bytes);
    for (const PlacedBuffer& b : p.buffers) {
      const bool kept = b.offset >= arena.shared_bytes;
      EXPECT_EQ(b.name == "window", kept) << b.name;
      EXPECT_TRUE(kept || b.offset + b.bytes <= arena.shared_bytes) << b.name;
    }
    if (p.states.empty()) continue;
    EXPECT_GE(p.kept_offset, end) << "behind what the models before it keep";
    for (const PlacedState& s : p.states) {
      EXPECT_GE(s.offset, p.kept_offset);
      EXPECT_LE(s.offset + s.initial->size(), p.kept_offset + p.kept_bytes);
    }
    end = p.kept_offset + p.kept_bytes;
  }
  EXPECT_EQ(arena.arena_bytes, end);
  EXPECT_LT(arena.arena_bytes, arena.alone_bytes);
}

TEST(ModelSet, needs_no_more_than_its_neediest_model_and_what_is_kept) {
  const Three three;
  const SharedArena& arena = whole_plan().arena;
  ProgramOptions alone;
  alone.lowering.target = Target::armv7em;
  const Program large = *make_program(three.large, alone);
  EXPECT_EQ(arena.shared_bytes, large.arena_bytes);
  EXPECT_LE(arena.arena_bytes, large.arena_bytes + arena.kept_bytes + 16);
}

TEST(ModelSet, computes_rows_where_the_budget_asks_for_it_and_says_beforehand_what_that_brings) {
  const Three three;
  const SetPlan* whole = &whole_plan();
  ASSERT_GT(whole->arena.least_bytes, 0u);
  ASSERT_LT(whole->arena.least_bytes, whole->arena.arena_bytes);
  const auto rows = plan_set(three.members, whole->arena.least_bytes);
  ASSERT_TRUE(rows.has_value());
  EXPECT_LE(rows->arena.arena_bytes, whole->arena.least_bytes);
  EXPECT_FALSE(rows->programs[1].row_groups.empty());
  EXPECT_EQ(rows->programs[0].kept_bytes, whole->programs[0].kept_bytes);
}

TEST(ModelSet, names_the_model_that_cannot_be_compiled) {
  Graph two = stream_model(6, 4);
  two.set_outputs({two.outputs()[0], two.inputs()[0]});
  const SetMember members[] = {{"two", &two, {}}};
  const auto plan = plan_set(members, 0);
  ASSERT_FALSE(plan.has_value());
  EXPECT_THAT(plan.error().message(), HasSubstr("two: the model has 1 inputs and 2 outputs"));
  EXPECT_FALSE(plan_set({}, 0).has_value());
}

}  // namespace
}  // namespace mote::compile
