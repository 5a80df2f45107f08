// ONNX files: layout, refusals, and broken bytes.

#include "mote/formats/onnx.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "mote/base/file.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"
#include "onnx_builder.hpp"
#include "test_models.hpp"

namespace mote::formats {
namespace {

using ::testing::HasSubstr;

using Builder = test::OnnxBuilder;

/// A small residual network as exporters write it: channels first.
Builder residual() {
  Builder b;
  b.value(true, "picture", {0, 3, 12, 12});
  b.weights("w0", {8, 3, 3, 3});
  b.weights("b0", {8});
  auto& first = b.node("Conv", {"picture", "w0", "b0"}, "c0");
  Builder::set(first, "pads", {1, 1, 1, 1});
  Builder::set(first, "strides", {2, 2});
  b.node("Relu", {"c0"}, "r0");
  b.weights("w1", {8, 1, 3, 3});
  auto& depthwise = b.node("Conv", {"r0", "w1"}, "c1");
  Builder::set(depthwise, "pads", {1, 1, 1, 1});
  Builder::set_one(depthwise, "group", 8);
  b.weights("scale", {8, 1, 1});
  b.node("Mul", {"c1", "scale"}, "m1");
  b.node("Add", {"m1", "r0"}, "sum");
  b.node("Relu", {"sum"}, "r1");
  Builder::set_one(b.node("Concat", {"r1", "m1"}, "both"), "axis", 1);
  b.node("GlobalAveragePool", {"both"}, "pooled");
  b.node("Flatten", {"pooled"}, "flat");
  b.weights("w2", {5, 16});
  b.weights("b2", {5});
  Builder::set_one(b.node("Gemm", {"flat", "w2", "b2"}, "logits"), "transB", 1);
  b.node("Softmax", {"logits"}, "probabilities");
  b.value(false, "probabilities", {0, 5});
  return b;
}

TEST(Onnx, channels_go_last_and_transposes_meet) {
  const auto model = read_onnx(residual().bytes(), "residual.onnx");
  ASSERT_TRUE(model.has_value()) << model.error().message();
  EXPECT_EQ(model->input().shape, (graph::Shape{1, 3, 12, 12}));
  EXPECT_EQ(model->output().name, "probabilities");
  const auto simple = optimize::simplify(*model);
  ASSERT_TRUE(simple.has_value()) << simple.error().message();
  std::size_t transposes = 0;
  for (const graph::Op& op : simple->graph.ops()) transposes += op.as<graph::Transpose>() != nullptr ? 1 : 0;
  EXPECT_EQ(transposes, 1u) << "only the picture itself\n" << graph::print_summary(simple->graph);
  EXPECT_EQ(simple->graph.ops().size(), 9u) << graph::print_summary(simple->graph);
  const Bytes inputs = test::random_inputs(*model, 3, 5);
  const Bytes a = *test::run(*model, inputs), b = *test::run(simple->graph, inputs);
  for (std::size_t i = 0; i < a.size(); i += 4) {
    float x, y;
    std::memcpy(&x, a.data() + i, 4);
    std::memcpy(&y, b.data() + i, 4);
    EXPECT_NEAR(x, y, 1e-6);
  }
}

TEST(Onnx, refuses_in_one_sentence_with_the_place) {
  const auto refusal = [](const std::function<void(Builder&)>& change) {
    Builder b = residual();
    change(b);
    const auto model = read_onnx(b.bytes(), "bad.onnx");
    EXPECT_FALSE(model.has_value());
    return model ? std::string() : model.error().message();
  };
  EXPECT_THAT(refusal([](Builder& b) { b.graph().mutable_node(1)->set_op_type("Hardmax"); }),
              HasSubstr("bad.onnx: node 1 (Hardmax giving \"r0\"): mote does not have this operator; those it has are "
                        "listed in docs/operators-onnx.md"));
  EXPECT_THAT(refusal([](Builder& b) { b.graph().mutable_node(1)->set_domain("my.ops"); }),
              HasSubstr("domain \"my.ops\""));
  EXPECT_THAT(refusal([](Builder& b) { b.graph().mutable_node(1)->set_input(0, "nothing"); }),
              HasSubstr("\"nothing\", is not computed by a node before"));
  EXPECT_THAT(refusal([](Builder& b) { b.graph().mutable_node(0)->set_input(1, "picture"); }),
              HasSubstr("must be a constant"));
  EXPECT_THAT(refusal([](Builder& b) { b.graph().mutable_node(1)->set_output(0, "c0"); }), HasSubstr("exists already"));
  EXPECT_THAT(refusal([](Builder& b) { b.file().mutable_opset_import(0)->set_version(5); }),
              HasSubstr("operator set 5"));
  EXPECT_THAT(refusal([](Builder& b) { b.graph().mutable_initializer(0)->set_dims(0, 9); }),
              HasSubstr("bytes of data"));
  EXPECT_THAT(refusal([](Builder& b) { b.graph().mutable_initializer(0)->set_dims(0, std::int64_t{1} << 40); }),
              HasSubstr("dimension"));
  EXPECT_THAT(refusal([](Builder& b) { b.graph().mutable_initializer(0)->set_data_location(1); }),
              HasSubstr("another file"));
  EXPECT_THAT(refusal([](Builder& b) { b.graph().mutable_output(0)->set_name("never"); }),
              HasSubstr("not computed by any node"));
  EXPECT_THAT(refusal([](Builder& b) {
                b.graph()
                    .mutable_input(0)
                    ->mutable_type()
                    ->mutable_tensor_type()
                    ->mutable_shape()
                    ->mutable_dim(2)
                    ->clear_dim_value();
              }),
              HasSubstr("dimension 2 (\"\") is not fixed"));
  EXPECT_THAT(
      refusal([](Builder& b) { b.graph().mutable_input(0)->mutable_type()->mutable_tensor_type()->set_elem_type(11); }),
      HasSubstr("type 11"));
  EXPECT_THAT(refusal([](Builder& b) { b.graph().clear_input(); }), HasSubstr("no input"));
  EXPECT_THAT(read_onnx(as_bytes("\x08\x07 not at all"), "x.onnx").error().message(),
              HasSubstr("this is no ONNX model"));
}

TEST(Onnx, survives_every_changed_byte) {
  const Bytes sound = residual().bytes();
  std::size_t readable = 0;
  for (std::size_t at = 0; at < sound.size(); ++at) {
    for (const std::uint8_t byte : {std::uint8_t{0}, std::uint8_t{0xff}, static_cast<std::uint8_t>(sound[at] ^ 1),
                                    static_cast<std::uint8_t>(sound[at] + 8)}) {
      Bytes damaged = sound;
      damaged[at] = byte;
      const auto model = read_onnx(damaged, "bad.onnx");
      if (!model) {
        EXPECT_EQ(model.error().message().find('\n'), std::string::npos);
        continue;
      }
      ++readable;
      EXPECT_TRUE(optimize::simplify(*model).has_value());
    }
  }
  for (std::size_t length = 0; length < sound.size(); length += 7) {
    EXPECT_FALSE(read_onnx(ByteSpan(sound).first(length), "cut.onnx").has_value() && length < 100);
  }
  std::printf("    %zu damaged files, %zu readable\n", 4 * sound.size(), readable);
}

TEST(Onnx, operators_are_those_that_the_documentation_lists) {
  const auto text = read_text(std::string(MOTE_SOURCE_DIR) + "/docs/operators-onnx.md");
  ASSERT_TRUE(text.has_value()) << text.error().message();
  std::size_t rows = 0;
  for (std::size_t at = text->find("\n| `"); at != std::string::npos; at = text->find("\n| `", at + 1)) ++rows;
  EXPECT_EQ(rows, onnx_operators().size());
  for (const std::string_view name : onnx_operators()) EXPECT_THAT(*text, HasSubstr("| `" + std::string(name) + "` |"));
}

}  // namespace
}  // namespace mote::formats
