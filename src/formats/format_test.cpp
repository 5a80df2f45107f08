#include "mote/formats/format.hpp"

#include <gtest/gtest.h>

#include "mote/formats/tflite.hpp"
#include "mote/graph/zoo.hpp"

namespace mote::formats {
namespace {

Bytes bytes(std::string_view text) { return {text.begin(), text.end()}; }

TEST(Detect, knows_formats_by_their_first_bytes) {
  using namespace std::string_view_literals;
  EXPECT_EQ(*detect(bytes("\x1c\0\0\0TFL3"sv)), Format::tflite);
  EXPECT_EQ(*detect(bytes("mote\x01\0"sv)), Format::module);
  EXPECT_EQ(*detect(bytes("\x08\x07\x12\x07pytorch")), Format::onnx);
}

TEST(Detect, knows_what_the_graph_prints) {
  const auto model = graph::make_model({});
  ASSERT_TRUE(model.has_value());
  const std::string text = graph::print(*model);
  EXPECT_EQ(*detect(as_bytes(text)), Format::graph_text);
}

TEST(Detect, refuses_what_is_no_model) {
  EXPECT_EQ(detect({}).error().message(), "the file is empty");
  for (const std::string_view text : {"TFL3", "RIFF....WAVE", "graph", "\x08", "# mote.toml"}) {
    const auto result = detect(as_bytes(text));
    ASSERT_FALSE(result.has_value()) << text;
    EXPECT_EQ(result.error().code(), Code::unsupported);
  }
}

}  // namespace
}  // namespace mote::formats
