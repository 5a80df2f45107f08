#include "mote/pipeline/graph.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mote::pipeline {
namespace {

using testing::HasSubstr;

std::unique_ptr<Step> step(std::string name, std::vector<std::string> inputs = {}) {
  return make_step({std::move(name), "1", "", std::move(inputs), {"out"}}, [](Context&) { return Outputs{}; });
}

/// Adds steps "a <- b c" in the given order.
Graph graph_of(const std::vector<std::pair<std::string, std::vector<std::string>>>& shape) {
  Graph graph;
  for (const auto& [name, needs] : shape) {
    std::map<std::string, Binding> bindings;
    for (const std::string& needed : needs) bindings[needed] = FromStep{needed, "out"};
    EXPECT_TRUE(graph.add(step(name, needs), bindings));
  }
  return graph;
}

std::string order_of(const Graph& graph, const std::string& until = {}) {
  const auto order = graph.order(until);
  if (!order) return order.error().message();
  std::string text;
  for (const std::size_t i : *order) text += graph.nodes()[i].step->name();
  return text;
}

TEST(Graph, puts_every_step_behind_what_it_needs_and_keeps_the_given_order_otherwise) {
  EXPECT_EQ(order_of(graph_of({{"d", {"b", "c"}}, {"b", {"a"}}, {"x", {}}, {"c", {"a"}}, {"a", {}}})), "xabcd");
}

TEST(Graph, until_takes_only_what_a_step_needs) {
  const Graph graph = graph_of({{"a", {}}, {"b", {"a"}}, {"c", {"a"}}, {"d", {"c"}}});
  EXPECT_EQ(order_of(graph, "c"), "ac");
  EXPECT_THAT(order_of(graph, "z"), HasSubstr("no step 'z'"));
}

TEST(Graph, an_empty_graph_is_in_order) { EXPECT_EQ(order_of(Graph()), ""); }

TEST(Graph, names_the_circle_and_not_what_hangs_on_it) {
  const Graph graph = graph_of({{"x", {"a"}}, {"a", {"c"}}, {"b", {"a"}}, {"c", {"b"}}, {"free", {}}});
  EXPECT_THAT(order_of(graph), HasSubstr("a needs c needs b needs a"));
  EXPECT_THAT(order_of(graph), testing::Not(HasSubstr("x")));
}

TEST(Graph, a_step_that_needs_itself_is_a_circle) {
  EXPECT_THAT(order_of(graph_of({{"a", {"a"}}})), HasSubstr("a needs a"));
}

TEST(Graph, refuses_inputs_from_nowhere_with_the_nearest_name) {
  Graph graph;
  ASSERT_TRUE(graph.add(step("train"), {}));
  ASSERT_TRUE(graph.add(step("test", {"w"}), {{"w", FromStep{"trian", "out"}}}));
  EXPECT_THAT(order_of(graph), HasSubstr("did you mean 'train'?"));
  Graph other;
  ASSERT_TRUE(other.add(step("train"), {}));
  ASSERT_TRUE(other.add(step("test", {"w"}), {{"w", FromStep{"train", "oot"}}}));
  EXPECT_THAT(order_of(other), HasSubstr("did you mean 'out'?"));
}

TEST(Graph, refuses_odd_steps_when_they_are_added) {
  Graph graph;
  ASSERT_TRUE(graph.add(step("a"), {}));
  EXPECT_THAT(graph.add(step("a"), {}).error().message(), HasSubstr("another step of this name"));
  EXPECT_FALSE(graph.add(step("two words"), {}));
  EXPECT_FALSE(graph.add(step(""), {}));
  EXPECT_THAT(graph.add(step("b", {"w"}), {}).error().message(), HasSubstr("'w' is not bound"));
  EXPECT_THAT(graph.add(step("b", {"weights"}), {{"weights", Source{"f"}}, {"weigths", Source{"f"}}}).error().message(),
              HasSubstr("did you mean 'weights'?"));
}

}  // namespace
}  // namespace mote::pipeline
