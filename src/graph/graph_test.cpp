#include "mote/graph/graph.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "mote/graph/builder.hpp"
#include "mote/graph/executor.hpp"
#include "mote/graph/quantization.hpp"
#include "mote/graph/zoo.hpp"

namespace mote::graph {
namespace {

Graph zoo(std::string_view architecture, Shape input = {1, 28, 28, 1}) {
  ZooOptions options;
  options.architecture = std::string(architecture);
  options.input = std::move(input);
  if (architecture == "cnn1d") options.input = {1, 1, 64, 4};
  auto made = make_model(options);
  EXPECT_TRUE(made.has_value()) << made.error().message();
  return *made;
}

TEST(Graph, text_form_round_trips_every_zoo_model) {
  for (const std::string_view architecture : zoo_names()) {
    const Graph g = zoo(architecture);
    const auto back = parse(print(g));
    ASSERT_TRUE(back.has_value()) << architecture << ": " << back.error().message();
    EXPECT_EQ(*back, g) << architecture;
    EXPECT_EQ(content_hash(*back), content_hash(g));
  }
}

TEST(Graph, text_form_keeps_odd_names_and_quantization) {
  Graph g("a \"b\"\n\x01 µ");
  Tensor x{"x y\\z", DType::i8, {1, 2, 2, 3}, Quantization::per_tensor(0.1f, -3), nullptr};
  const TensorId in = g.add_tensor(x);
  x.name = "out";
  const TensorId out = g.add_tensor(x);
  const std::vector<std::int8_t> values{1, 2, 3};
  const TensorId w = g.add_tensor({"w",
                                   DType::i8,
                                   {1, 1, 1, 3},
                                   {{0.1f, 1e-30f, 3.0f}, {0, 0, 0}, 3},
                                   constant_data(std::span<const std::int8_t>(values))});
  g.add_op({"dw", DepthwiseConv2D{}, {in, w, kNoTensor}, {out}});
  g.set_inputs({in});
  g.set_outputs({out});
  ASSERT_TRUE(verify(g)) << verify(g).error().message();
  const auto back = parse(print(g));
  ASSERT_TRUE(back.has_value()) << back.error().message();
  EXPECT_EQ(*back, g);
}

TEST(Graph, parse_refuses_with_the_line_number) {
  const std::string good = print(zoo("mlp"));
  EXPECT_TRUE(parse(good));
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"op dense", "op dance"},
                                                        {"f32 [1,28", "f33 [1,28"},
                                                        {"[1,28,28,1]", "[1,28,-28,1]"},
                                                        {"{activation none}", "{activation norm}"},
                                                        {"{activation none}", "{colour none}"},
                                                        {"inputs \"input\"", "inputs \"ghost\""},
                                                        {"-> \"dense1\"", "-> \"dense9\""},
                                                        {" data ", " data !"}}) {
    std::string bad = good;
    bad.replace(bad.find(from), from.size(), to);
    const auto refused = parse(bad);
    ASSERT_FALSE(refused) << to;
    EXPECT_NE(refused.error().message().find("line "), std::string::npos) << refused.error().message();
  }
}

TEST(Graph, verify_names_what_is_wrong) {
  const auto broken = [](auto&& change) {
    Graph g = zoo("ds_cnn");
    change(g);
    const auto result = verify(g);
    return result ? std::string("accepted") : result.error().message();
  };
  using ::testing::Test;
  EXPECT_NE(broken([](Graph& g) { g.tensor(0).shape = {1, 28, 0, 1}; }).find("shape"), std::string::npos);
  EXPECT_NE(broken([](Graph& g) { g.ops()[0].inputs[0] = 9999; }).find("does not exist"), std::string::npos);
  EXPECT_NE(broken([](Graph& g) { std::swap(g.ops()[0], g.ops()[1]); }).find("before it is computed"),
            std::string::npos);
  EXPECT_NE(broken([](Graph& g) { g.ops()[1].outputs = g.ops()[0].outputs; }).find("written twice"), std::string::npos);
  EXPECT_NE(broken([](Graph& g) { g.tensor(1).name = g.tensor(0).name; }).find("two tensors"), std::string::npos);
  EXPECT_NE(broken([](Graph& g) { g.set_outputs({}); }).find("no output"), std::string::npos);
  EXPECT_NE(broken([](Graph& g) {
              g.tensor(g.ops()[0].outputs[0]).shape = {1, 3, 3, 16};
            }).find("output tensor says"),
            std::string::npos);
  EXPECT_NE(broken([](Graph& g) { g.tensor(0).quantization = Quantization::per_tensor(NAN, 0); }).find("scale"),
            std::string::npos);
  EXPECT_NE(broken([](Graph& g) { g.tensor(0).shape = {65536, 65536, 65536, 65536}; }).find("2^30"), std::string::npos);
  EXPECT_NE(broken([](Graph& g) { std::get<Conv2D>(g.ops()[0].attributes).dilation_h = INT32_MAX; }).find("dilation"),
            std::string::npos);
  EXPECT_NE(broken([](Graph& g) { std::get<Conv2D>(g.ops()[0].attributes).pads.left = 3; }).find("padding 3"),
            std::string::npos);
  EXPECT_NE(broken([](Graph& g) { g.tensor(g.ops()[0].inputs[1]).dtype = DType::i32; }).find("as f32"),
            std::string::npos);
  EXPECT_NE(broken([](Graph& g) { g.tensor(g.ops()[0].inputs[1]).data = nullptr; }).find("before it is computed"),
            std::string::npos);
}

/// An int8 dense layer after a change; what verify says of it.
std::string broken_dense(const std::function<void(Graph&)>& change) {
  Graph g("dense");
  const auto q = Quantization::per_tensor(0.1f, 0);
  const auto x = g.add_tensor({"x", DType::i8, {1, 2}, q, nullptr});
  const auto y = g.add_tensor({"y", DType::i8, {1, 2}, q, nullptr});
  const std::vector<std::int8_t> w{1, 2, 3, 4};
  const std::vector<std::int32_t> b{5, 6};
  const auto weights =
      g.add_tensor({"w", DType::i8, {2, 2}, {{0.1f, 0.2f}, {0, 0}, 0}, constant_data(std::span<const std::int8_t>(w))});
  const auto bias = g.add_tensor({"b", DType::i32, {2}, {}, constant_data(std::span<const std::int32_t>(b))});
  g.add_op({"dense", Dense{}, {x, weights, bias}, {y}});
  g.set_inputs({x});
  g.set_outputs({y});
  EXPECT_TRUE(verify(g));
  change(g);
  const auto result = verify(g);
  return result ? std::string("accepted") : result.error().message();
}

TEST(Graph, verify_holds_what_executor_and_compiler_rely_on) {
  using ::testing::HasSubstr;
  EXPECT_THAT(broken_dense([](Graph& g) { g.tensor(2).quantization.axis = 1; }),
              HasSubstr("axis 1, its channels are axis 0"));
  EXPECT_THAT(broken_dense([](Graph& g) {
                g.tensor(2).quantization.zero_points = {0, 1};
              }),
              HasSubstr("the zero point 1, which must be 0"));
  EXPECT_THAT(broken_dense([](Graph& g) { g.tensor(0).quantization.zero_points = {200}; }),
              HasSubstr("zero point 200"));
  EXPECT_THAT(broken_dense([](Graph& g) { g.tensor(3).dtype = DType::f32; }), HasSubstr("'b' as i32, it is f32"));
  EXPECT_THAT(broken_dense([](Graph& g) { g.ops()[0].attributes = Dequantize{}, g.ops()[0].inputs = {0}; }),
              HasSubstr("i8 or i16 into f32 is possible"));
  EXPECT_THAT(broken_dense([](Graph& g) {
                g.ops()[0].attributes = Softmax{}, g.ops()[0].inputs = {0};
                g.tensor(0).shape = g.tensor(1).shape = Shape{};
              }),
              HasSubstr("at least one dimension"));
  EXPECT_THAT(broken_dense([](Graph& g) {
                g.ops()[0].attributes = Softmax{}, g.ops()[0].inputs = {0};
                g.tensor(0).shape = g.tensor(1).shape = Shape{1, 5000};
              }),
              HasSubstr("at most 4095"));
  EXPECT_THAT(broken_dense([](Graph& g) {
                g.ops()[0].attributes = Add{}, g.ops()[0].inputs = {0, 3};
                g.tensor(3).shape = Shape{1, 2};
              }),
              HasSubstr("turns i32 into i8"));
}

TEST(Graph, counts_macs_of_the_published_kws_network) {
  // MLPerf Tiny's DS-CNN: 10x4 stem stride 2, four separable blocks of 64: 2,656,768 with its 12-way classifier.
  ZooOptions o;
  o.input = {1, 49, 10, 1};
  o.classes = 12;
  o.stem = {64, 10, 4, 2, 2};
  o.blocks = {{64, 1, 3, false}, {64, 1, 3, false}, {64, 1, 3, false}, {64, 1, 3, false}};
  EXPECT_EQ(macs(*make_model(o)), 2'656'768u);
}

TEST(Zoo, refuses_options_that_do_not_fit) {
  ZooOptions o;
  o.architecture = "transformer";
  EXPECT_NE(make_model(o).error().message().find("known are"), std::string::npos);
  o.architecture = "cnn1d";
  EXPECT_FALSE(make_model(o));
  o.architecture = "ds_cnn";
  o.classes = 1;
  EXPECT_FALSE(make_model(o));
  o.classes = 10;
  o.blocks = {{0, 1}};
  EXPECT_FALSE(make_model(o));
  o.blocks = {};
  o.input = Shape{1, 28, 28};
  EXPECT_FALSE(make_model(o));
}

TEST(Quantization, fixed_multiplier_reproduces_the_factor) {
  for (const double factor : {1.0, 0.5, 0.999999, 1e-4, 0.0007638, 3.7, 1e-9}) {
    const FixedMultiplier m = fixed_multiplier(factor);
    EXPECT_NEAR(std::ldexp(m.mantissa, m.shift - 31) / factor, 1.0, 1e-9);
    EXPECT_GE(m.mantissa, 1 << 30);
  }
  EXPECT_EQ(fixed_multiplier(1e-12).mantissa, 0);
}

TEST(Quantization, activation_range_contains_zero_exactly) {
  for (const Range range :
       {Range{0.0f, 6.0f}, Range{-1.0f, 1.0f}, Range{0.3f, 2.0f}, Range{-5.0f, -1.0f}, Range{0.0f, 0.0f}}) {
    const Quantization q = activation_quantization(range);
    EXPECT_GE(q.zero_point(), -128);
    EXPECT_LE(q.zero_point(), 127);
    EXPECT_GT(q.scale(), 0.0f);
  }
  EXPECT_EQ(activation_quantization({0.0f, 6.0f}).zero_point(), -128);
}

/// y = state + x, kept; the window of the last four y is given out.
Graph with_states() {
  Graph g("states");
  const Quantization q = Quantization::per_tensor(1.0f, 0);
  const auto tensor = [&](const char* name, Shape shape) {
    return g.add_tensor({name, DType::i8, std::move(shape), q, nullptr});
  };
  const TensorId x = tensor("x", {1, 1, 2}), sum = tensor("sum", {1, 1, 2}), y = tensor("y", {1, 1, 2});
  const TensorId window = tensor("window", {1, 4, 2}), moved = tensor("window/next", {1, 4, 2});
  g.add_op({"add", Add{}, {sum, x}, {y}});
  g.add_op({"shift", Shift{1}, {window, y}, {moved}});
  g.add_state({sum, y, std::make_shared<const Bytes>(Bytes{10, 20})});
  g.add_state({window, moved, std::make_shared<const Bytes>(8, std::uint8_t{7})});
  g.set_inputs({x});
  g.set_outputs({moved});
  return g;
}

TEST(State, text_form_round_trips) {
  const Graph g = with_states();
  ASSERT_TRUE(verify(g)) << verify(g).error().message();
  const auto back = parse(print(g));
  ASSERT_TRUE(back.has_value()) << back.error().message();
  EXPECT_EQ(*back, g);
  Graph other = g;
  other.states()[0].initial = std::make_shared<const Bytes>(Bytes{10, 21});
  EXPECT_NE(other, g);
  EXPECT_EQ(state_bytes(g), 10u);
}

TEST(State, lives_from_one_inference_to_the_next_and_can_be_reset) {
  auto executor = std::move(*Executor::create(with_states()));
  const auto run = [&](std::uint8_t a, std::uint8_t b) {
    Bytes out(8);
    EXPECT_TRUE(executor.run(Bytes{a, b}, out));
    return out;
  };
  EXPECT_EQ(run(1, 2), (Bytes{7, 7, 7, 7, 7, 7, 11, 22}));
  EXPECT_EQ(run(1, 2), (Bytes{7, 7, 7, 7, 11, 22, 12, 24}));
  executor.reset();
  EXPECT_EQ(run(3, 3), (Bytes{7, 7, 7, 7, 7, 7, 13, 23}));
}

TEST(State, verify_names_what_is_wrong) {
  const auto broken = [](auto&& change) {
    Graph g = with_states();
    change(g);
    const auto checked = verify(g);
    return checked ? std::string("accepted") : checked.error().message();
  };
  using ::testing::HasSubstr;
  EXPECT_THAT(broken([](Graph& g) { g.states()[0].written = 99; }), HasSubstr("does not exist"));
  EXPECT_THAT(broken([](Graph& g) { g.states()[0].read = g.inputs()[0]; }), HasSubstr("an input of the model"));
  EXPECT_THAT(broken([](Graph& g) { g.add_state(g.states()[0]); }), HasSubstr("two states"));
  EXPECT_THAT(broken([](Graph& g) { g.states()[0].written = g.states()[1].written; }), HasSubstr("of another type"));
  EXPECT_THAT(broken([](Graph& g) { g.states()[0].written = g.inputs()[0]; }), HasSubstr("which no operator computes"));
  EXPECT_THAT(broken([](Graph& g) { g.states()[0].initial = nullptr; }), HasSubstr("initial value"));
  EXPECT_THAT(broken([](Graph& g) { g.set_outputs({g.states()[1].read}); }), HasSubstr("is an output"));
  EXPECT_THAT(broken([](Graph& g) { g.states().erase(g.states().begin()); }), HasSubstr("before it is computed"));
  EXPECT_THAT(broken([](Graph& g) { g.ops()[1].attributes = Shift{2}; }), HasSubstr("moves a window"));
}

}  // namespace
}  // namespace mote::graph
