// `mote compile` with several models: modules that share one arena, budgets for all of them, and source.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "mote/graph/graph.hpp"
#include "sandbox.hpp"

namespace mote::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// The mean of a window that moves on by a row.
graph::Graph stream_model() {
  graph::Graph g("stream");
  const graph::Quantization q = graph::Quantization::per_tensor(0.05f, 3);
  const auto value = [&](const char* name, graph::Shape shape) {
    return g.add_tensor({name, graph::DType::i8, std::move(shape), q, nullptr});
  };
  const graph::TensorId x = value("x", {1, 1, 4, 2}), window = value("window", {1, 16, 4, 2}),
                        moved = value("window'", {1, 16, 4, 2}), y = value("y", {1, 1, 1, 2});
  g.add_op({"move", graph::Shift{1}, {window, x}, {moved}});
  g.add_op({"mean", graph::Reduce{graph::ReduceKind::mean, {1, 2}}, {moved}, {y}});
  g.add_state({window, moved, std::make_shared<const Bytes>(128, std::uint8_t{3})});
  g.set_inputs({x});
  g.set_outputs({y});
  return g;
}

/// small.mote, and a model whose window moves on by a row.
class CompileSet : public testing::Test {
 protected:
  void SetUp() override {
    if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
    box_.put("stream.mote", graph::print(stream_model()));
  }
  json answer(std::vector<std::string> arguments, int exit_code) {
    arguments.insert(arguments.end(), {"--json", "--quiet"});
    const ProcessResult result = box_.mote(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << result.diagnostics;
    return json::parse(result.output);
  }
  Sandbox box_;
};

TEST_F(CompileSet, of_one_model_judges_budgets_too) {
  const json a = answer({"compile", "small.mote", "--flash", "1", "--ram", "100000"}, 1);
  ASSERT_EQ(a["budgets"].size(), 2u);
  EXPECT_EQ(a["budgets"][0], (json{{"name", "flash"}, {"limit", 1}, {"value", a["flash"]["total"]}, {"ok", false}}));
  EXPECT_EQ(a["budgets"][1], (json{{"name", "ram"}, {"limit", 100000}, {"value", a["ram"]["arena"]}, {"ok", true}}));
  const json b = answer({"bench", "small.mote", "--ram", "1"}, 1);
  EXPECT_EQ(b["budgets"], (json{{{"name", "ram"}, {"limit", 1}, {"value", b["ram"]["arena"]}, {"ok", false}}}));
}

TEST_F(CompileSet, gives_a_module_each_and_says_who_needs_what) {
  const json a = answer({"compile", "stream.mote", "small.mote", "--out", "both"}, 0);
  EXPECT_EQ(a["models"].size(), 2u);
  EXPECT_GE(a["turns"], 64);
  const std::size_t kept = a["arena"]["kept"], shared = a["arena"]["shared"], bytes = a["arena"]["bytes"];
  EXPECT_GT(kept, 0u);
  EXPECT_EQ(a["models"][0]["arena"]["kept"], kept);
  EXPECT_GE(a["models"][0]["arena"]["kept_offset"], shared);
  EXPECT_LT(bytes, a["arena"]["alone"]);
  EXPECT_EQ(a["ram"]["arena"], bytes);
  EXPECT_EQ(a["flash"]["total"],
            a["models"][0]["flash"]["total"].get<std::size_t>() + a["models"][1]["flash"]["total"].get<std::size_t>());
  for (const char* file : {"both/firmware.elf", "both/stream/module.bin", "both/small/module.bin"})
    EXPECT_FALSE(box_.get(file).empty()) << file;
  EXPECT_THAT(box_.mote({"inspect", "both/stream/module.bin", "--json"}).output, HasSubstr("kept"));
}

TEST_F(CompileSet, judges_budgets_for_all_models_together) {
  const json a = answer({"compile", "stream.mote", "small.mote", "--out", "both", "--ram", "64", "--flash", "400"}, 1);
  ASSERT_EQ(a["budgets"].size(), 2u);
  for (const json& b : a["budgets"]) EXPECT_FALSE(b["ok"].get<bool>()) << b;
  EXPECT_EQ(a["budgets"][0]["value"], a["flash"]["total"]);
}

TEST_F(CompileSet, writes_source_with_one_arena) {
  const json a = answer({"compile", "stream.mote", "small.mote", "--export", "cmake", "--out", "source"}, 0);
  EXPECT_EQ(a["models"], json({"stream", "small"}));
  const Bytes header = box_.get("source/include/models.h");
  EXPECT_THAT(std::string(header.begin(), header.end()), HasSubstr("#define MODELS_ARENA_BYTES"));
}

TEST_F(CompileSet, says_what_is_wrong_in_one_sentence) {
  EXPECT_THAT(box_.mote({"compile", "small.mote", "./small.mote"}).diagnostics, HasSubstr("are called 'small'"));
  EXPECT_THAT(box_.mote({"compile", "small.mote", "stream.mote", "--features", "f.toml"}).diagnostics,
              HasSubstr("MODEL=FILE"));
  EXPECT_THAT(box_.mote({"compile", "small.mote", "stream.mote", "--tune"}).diagnostics, HasSubstr("one model"));
}

}  // namespace
}  // namespace mote::e2e
