// The keys that programs rely on. They may grow, never shrink or change their type.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sandbox.hpp"

namespace mote::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;

json answer_of(const Sandbox& box, std::vector<std::string> arguments) {
  arguments.insert(arguments.end(), {"--json", "--quiet"});
  const ProcessResult result = box.mote(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.diagnostics;
  EXPECT_EQ(result.diagnostics, "");
  return json::parse(result.output, nullptr, false);
}

/// Each key and the type it must have: n number, s string, a array, o object, b boolean.
void expect_keys(const json& object, const std::vector<std::pair<std::string, char>>& keys) {
  ASSERT_TRUE(object.is_object()) << object.dump();
  for (const auto& [key, type] : keys) {
    ASSERT_TRUE(object.contains(key)) << key;
    const json& value = object.at(key);
    const bool fits = type == 'n'   ? value.is_number()
                      : type == 's' ? value.is_string()
                      : type == 'a' ? value.is_array()
                      : type == 'o' ? value.is_object()
                                    : value.is_boolean();
    EXPECT_TRUE(fits) << key << " is " << value.type_name();
  }
}

TEST(Json, inspect_draws_every_operator) {
  const Sandbox box;
  const json answer = answer_of(box, {"inspect", "small.mote", "--svg", "small.svg"});
  EXPECT_EQ(answer["svg"], "small.svg");
  const Bytes bytes = box.get("small.svg");
  const std::string svg(bytes.begin(), bytes.end());
  EXPECT_TRUE(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
  for (const json& op : answer["ops"])
    EXPECT_THAT(svg, HasSubstr(op["op"].get<std::string>() + "  " + op["name"].get<std::string>()));
  // Boxes: input, operators, output. Lines: one into each operator of this chain, one into the output.
  std::size_t boxes = 0, lines = 0;
  for (std::size_t at = svg.find("<g>"); at != std::string::npos; at = svg.find("<g>", at + 1)) ++boxes;
  for (std::size_t at = svg.find("<path"); at != std::string::npos; at = svg.find("<path", at + 1)) ++lines;
  EXPECT_EQ(boxes, answer["ops"].size() + 2);
  EXPECT_EQ(lines, answer["ops"].size() + 1);
}

TEST(Json, of_inspect_comes_in_seconds_for_thousands_of_operators) {
  std::string text = "graph \"chain\"\nvalue \"t0\" f32 [1,8]\n", operators;
  for (int i = 1; i <= 3000; ++i) {
    text += fmt::format("value \"t{}\" f32 [1,8]\n", i);
    operators += fmt::format("op unary \"o{}\" (\"t{}\") -> \"t{}\" {{kind abs, alpha 0x1p+0}}\n", i, i - 1, i);
  }
  const Sandbox box;
  box.put("chain.mote", text + operators + "inputs \"t0\"\noutputs \"t3000\"\n");
  // 5 s of the processor's time, however busy it is.
  const ProcessResult result =
      box.mote({"inspect", "chain.mote", "--json", "--quiet"}, {"/bin/sh", "-c", "ulimit -t 5; exec \"$@\"", "sh"});
  ASSERT_EQ(result.exit_code, 0) << result.diagnostics;
  const json answer = json::parse(result.output, nullptr, false);
  EXPECT_EQ(answer["ops"].size(), 3000u);
  EXPECT_EQ(answer["peak_live_bytes"], 64);
  EXPECT_EQ(answer["peak_op"], 0);
}

TEST(Json, of_inspect_has_the_documented_keys_and_right_figures) {
  const Sandbox box;
  const json answer = answer_of(box, {"inspect", "small.mote"});
  expect_keys(answer, {{"file", 's'},
                       {"format", 's'},
                       {"bytes", 'n'},
                       {"inputs", 'a'},
                       {"outputs", 'a'},
                       {"ops", 'a'},
                       {"macs", 'n'},
                       {"live_macs", 'n'},
                       {"live_macs_counts", 's'},
                       {"parameters", 'n'},
                       {"weight_bytes", 'n'},
                       {"peak_live_bytes", 'n'},
                       {"peak_op", 'n'},
                       {"unsupported", 'a'},
                       {"warnings", 'a'}});
  expect_keys(answer.at("ops").at(0), {{"index", 'n'},
                                       {"op", 's'},
                                       {"name", 's'},
                                       {"shape", 'a'},
                                       {"params", 'n'},
                                       {"macs", 'n'},
                                       {"live_macs", 'n'},
                                       {"activation", 's'},
                                       {"kernel", 's'}});
  expect_keys(answer.at("inputs").at(0),
              {{"name", 's'}, {"type", 's'}, {"shape", 'a'}, {"bytes", 'n'}, {"scale", 'n'}, {"zero_point", 'n'}});
  // conv: 8*8 pixels * 4 filters * 9 taps; one of the four has only zeros. dense: 3 * 4.
  EXPECT_EQ(answer.at("macs"), 8 * 8 * 4 * 9 + 12);
  EXPECT_EQ(answer.at("live_macs"), 8 * 8 * 3 * 9 + 12);
  // int8 weights and int32 biases.
  EXPECT_EQ(answer.at("weight_bytes"), 4 * 9 + 4 * 4 + 3 * 4 + 3 * 4);
  // The convolution's input and output.
  EXPECT_EQ(answer.at("peak_live_bytes"), 8 * 8 + 8 * 8 * 4);
  EXPECT_EQ(answer.at("peak_op"), 0);
  EXPECT_THAT(answer.at("warnings").dump(), HasSubstr("1 of 4 filters have only zero weights"));
  EXPECT_THAT(answer.at("warnings").dump(), HasSubstr("1 of 4 filters never exceed their clamp"));
}

TEST(Json, of_inspect_is_the_same_for_a_model_that_went_through_tflite) {
  const Sandbox box;
  const json converted = answer_of(box, {"convert", "small.mote", "small.tflite"});
  expect_keys(
      converted,
      {{"input", 's'}, {"from", 's'}, {"output", 's'}, {"to", 's'}, {"ops", 'n'}, {"bytes", 'n'}, {"sha256", 's'}});
  const json before = answer_of(box, {"inspect", "small.mote"});
  const json after = answer_of(box, {"inspect", "small.tflite"});
  for (const char* key :
       {"inputs", "outputs", "ops", "macs", "live_macs", "weight_bytes", "peak_live_bytes", "warnings"})
    EXPECT_EQ(before.at(key), after.at(key)) << key;
  EXPECT_EQ(after.at("format"), "tflite");
}

TEST(Json, of_data_commands_has_the_documented_keys) {
  const Sandbox box;
  expect_keys(
      answer_of(box, {"data", "import", "idx", "idx/images.idx", "--labels", "idx/labels.idx", "--out", "shapes"}),
      {{"dataset", 's'},
       {"samples", 'n'},
       {"files_used", 'n'},
       {"files_ignored", 'n'},
       {"windows_dropped", 'n'},
       {"rows_left_over", 'n'},
       {"refused", 'a'},
       {"notes", 'a'},
       {"content_hash", 's'}});
  const json shown = answer_of(box, {"data", "show", "shapes", "--sample", "3"});
  expect_keys(shown, {{"dataset", 's'},
                      {"name", 's'},
                      {"modality", 's'},
                      {"element", 's'},
                      {"shape", 'a'},
                      {"rate_hz", 'n'},
                      {"samples", 'n'},
                      {"bytes", 'n'},
                      {"labels", 'a'},
                      {"groups", 'a'},
                      {"partitions", 'o'},
                      {"content_hash", 's'},
                      {"provenance", 'o'},
                      {"sample", 'o'}});
  expect_keys(shown.at("sample"), {{"index", 'n'},
                                   {"label", 's'},
                                   {"group", 's'},
                                   {"partition", 's'},
                                   {"source", 's'},
                                   {"shape", 'a'},
                                   {"digest", 's'},
                                   {"values", 'a'}});
  EXPECT_EQ(shown.at("sample").at("values").size(), 64u);
  const json split = answer_of(box, {"data", "split", "shapes", "--rule", "fraction", "--out", "split.txt"});
  expect_keys(split, {{"dataset", 's'},
                      {"rule", 's'},
                      {"seed", 'n'},
                      {"group_wise", 'b'},
                      {"parts", 'o'},
                      {"check", 'o'},
                      {"digest", 's'},
                      {"out", 's'}});
  EXPECT_EQ(split.at("parts").at("train").at("samples").get<int>() +
                split.at("parts").at("validation").at("samples").get<int>() +
                split.at("parts").at("test").at("samples").get<int>(),
            24);
}

TEST(Json, of_features_has_the_documented_keys_and_every_parameter_a_meaning) {
  const Sandbox box;
  static_cast<void>(answer_of(
      box, {"data", "import", "audio", "wav", "--pattern", "{label}_{group}_{index}.wav", "--out", "speech"}));
  static_cast<void>(answer_of(box, {"data", "import", "images", "pictures", "--out", "parts"}));
  static_cast<void>(answer_of(box, {"data", "import", "strokes", "wand.json", "--out", "wand"}));
  const std::vector<std::pair<std::string, std::string>> blocks{
      {"raw", "speech"},         {"image", "parts"}, {"flatten", "speech"}, {"spectral", "speech"},
      {"spectrogram", "speech"}, {"mfe", "speech"},  {"mfcc", "speech"},    {"trajectory", "wand"}};
  for (const auto& [block, dataset] : blocks) {
    SCOPED_TRACE(block);
    std::vector<std::string> command{"features", "show", dataset, "--block", block};
    // Its defaults are for vibration: bands that narrow hold nothing of a clip of 0.1 s.
    if (block == "spectral") command.insert(command.end(), {"--set", "spectral_power_edges=[0, 1000, 4000]"});
    const json answer = answer_of(box, command);
    expect_keys(answer, {{"dataset", 's'},
                         {"block", 's'},
                         {"parameters", 'a'},
                         {"sensor", 'o'},
                         {"output_shape", 'a'},
                         {"output_count", 'n'},
                         {"output_scale", 'n'},
                         {"output_names", 'a'},
                         {"input_bytes", 'n'},
                         {"scratch_bytes", 'n'},
                         {"sample", 'o'}});
    EXPECT_EQ(answer.at("sample").at("counts").size(), answer.at("output_count").get<std::size_t>());
    for (const json& parameter : answer.at("parameters"))
      EXPECT_NE(parameter.at("meaning"), "") << parameter.at("name");
  }
}

TEST(Json, of_boards_lists_at_least_ten) { EXPECT_GE(answer_of(Sandbox(), {"boards"}).at("boards").size(), 10u); }

}  // namespace
}  // namespace mote::e2e
