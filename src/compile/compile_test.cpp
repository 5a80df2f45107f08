// The compiler proper: source, module and header. That modules compute what the host computes, on both emulators, is in
// bench/board_test.cpp.

#include "mote/compile/compile.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "abi/module.hpp"
#include "mote/base/hash.hpp"
#include "mote/base/process.hpp"
#include "random_layers.hpp"

namespace mote::compile {
namespace {

using testing::random_conv;

/// Compiles one random layer for the reference board, or skips where there is no cross compiler.
Result<CompiledModel> compiled(std::uint64_t seed) {
  Rng rng(seed);
  CompileOptions options;
  options.labels = {"a \"quoted\" label"};
  return compile(random_conv(rng, false), *board::find_board("nucleo-l4r5zi"), options);
}

TEST(Program, shares_bytes_of_views_and_in_place_operators) {
  using namespace graph;
  Graph g("chain");
  const auto q = Quantization::per_tensor(0.1f, 0);
  const auto x = g.add_tensor({"x", DType::i8, {1, 4, 4, 2}, q, nullptr});
  const auto flat = g.add_tensor({"flat", DType::i8, {1, 32}, q, nullptr});
  const auto y = g.add_tensor({"y", DType::i8, {1, 32}, Quantization::per_tensor(1.0f / 256.0f, -128), nullptr});
  g.add_op({"flatten", Reshape{}, {x}, {flat}});
  g.add_op({"softmax", Softmax{}, {flat}, {y}});
  g.set_inputs({x});
  g.set_outputs({y});
  const auto program = make_program(g, {});
  ASSERT_TRUE(program.has_value()) << program.error().message();
  EXPECT_EQ(program->arena_bytes, 32u);
  EXPECT_EQ(program->buffers.size(), 1u);
  EXPECT_EQ(program->steps.size(), 1u);
}

TEST(Program, keeps_an_input_that_is_read_again) {
  using namespace graph;
  Graph g("twice");
  const auto q = Quantization::per_tensor(0.1f, 0);
  const auto x = g.add_tensor({"x", DType::i8, {1, 32}, q, nullptr});
  const auto a = g.add_tensor({"a", DType::i8, {1, 32}, Quantization::per_tensor(0.2f, 3), nullptr});
  const auto y = g.add_tensor({"y", DType::i8, {1, 32}, q, nullptr});
  g.add_op({"requantize", Quantize{}, {x}, {a}});
  g.add_op({"add", Add{}, {a, x}, {y}});
  g.set_inputs({x});
  g.set_outputs({y});
  EXPECT_EQ(make_program(g, {})->arena_bytes, 64u);
}

TEST(Program, keeps_what_the_model_gives_out_from_operators_in_place) {
  using namespace graph;
  Graph g("dead end");
  const auto q = Quantization::per_tensor(0.1f, 0);
  const auto x = g.add_tensor({"x", DType::i8, {1, 32}, q, nullptr});
  const auto logits = g.add_tensor({"logits", DType::i8, {1, 32}, Quantization::per_tensor(0.2f, 3), nullptr});
  const auto unused =
      g.add_tensor({"unused", DType::i8, {1, 32}, Quantization::per_tensor(1.0f / 256.0f, -128), nullptr});
  g.add_op({"requantize", Quantize{}, {x}, {logits}});
  g.add_op({"softmax", Softmax{}, {logits}, {unused}});
  g.set_inputs({x});
  g.set_outputs({logits});
  const auto program = make_program(g, {});
  ASSERT_TRUE(program.has_value()) << program.error().message();
  EXPECT_NE(program->steps[1].output, program->output_offset);
}

TEST(Program, refuses_constants_where_values_are_expected) {
  using namespace graph;
  Graph g("constant");
  const auto q = Quantization::per_tensor(0.1f, 0);
  const std::vector<std::int8_t> values(32, 1);
  const auto k = g.add_tensor({"k", DType::i8, {1, 32}, q, constant_data(std::span<const std::int8_t>(values))});
  const auto x = g.add_tensor({"x", DType::i8, {1, 32}, q, nullptr});
  const auto z = g.add_tensor({"z", DType::i8, {1, 32}, q, nullptr});
  const auto y = g.add_tensor({"y", DType::i8, {1, 32}, q, nullptr});
  g.add_op({"table", Unary{}, {k}, {z}});
  g.add_op({"sum", Add{}, {x, z}, {y}});
  g.set_inputs({x});
  g.set_outputs({y});
  const auto program = make_program(g, {});
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().message(),
            "unary 'table' reads the constant 'k' as a value, which has no device kernel; fold it into the model");
}

TEST(Program, refuses_layers_of_floats_on_an_avr) {
  graph::Graph g("float");
  const auto x = g.add_tensor({"x", graph::DType::f32, {1, 4}, {}, nullptr});
  const auto y = g.add_tensor({"y", graph::DType::f32, {1, 4}, {}, nullptr});
  g.add_op({"clamp", graph::Activate{}, {x}, {y}});
  g.set_inputs({x});
  g.set_outputs({y});
  ProgramOptions options;
  options.lowering.target = Target::avr;
  const auto program = make_program(g, options);
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().message(),
            "activate 'clamp' computes with float32 values, which on an AVR only trees do (docs/cores.md)");
}

TEST(Program, names_cannot_break_out_of_comments) {
  using namespace graph;
  Graph g("a\\\n#error injected");
  const auto q = Quantization::per_tensor(0.1f, 0);
  const auto x = g.add_tensor({"x\n#error injected", DType::i8, {1, 32}, q, nullptr});
  const auto y = g.add_tensor({"y", DType::i8, {1, 32}, Quantization::per_tensor(0.2f, 3), nullptr});
  g.add_op({"op\\\n#error injected", Quantize{}, {x}, {y}});
  g.set_inputs({x});
  g.set_outputs({y});
  EXPECT_EQ(emit_cpp(*make_program(g, {})).find("\n#error"), std::string::npos);
}

TEST(Program, refuses_floats_without_a_kernel_in_one_sentence) {
  graph::Graph g("float");
  const auto x = g.add_tensor({"x", graph::DType::f32, {1, 4}, {}, nullptr});
  const auto y = g.add_tensor({"y", graph::DType::f32, {1, 4}, {}, nullptr});
  g.add_op({"drop", graph::Dropout{}, {x}, {y}});
  g.set_inputs({x});
  g.set_outputs({y});
  const auto program = make_program(g, {});
  ASSERT_FALSE(program);
  EXPECT_EQ(program.error().code(), Code::unsupported);
  EXPECT_EQ(
      program.error().message(),
      "dropout 'drop' has no device kernel for float32; optimize the model first ('mote convert --int8', or 'mote "
      "optimize' in a project)");
}

class Compile : public ::testing::Test {
 protected:
  void SetUp() override {
    if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  }
};

TEST_F(Compile, gives_a_module_whose_header_reads_back) {
  const auto model = compiled(1);
  ASSERT_TRUE(model.has_value()) << model.error().message();
  const auto info = read_module(model->module);
  ASSERT_TRUE(info.has_value()) << info.error().message();
  EXPECT_EQ(info->module_bytes, model->module.size());
  EXPECT_EQ(info->arena_bytes, model->program.arena_bytes);
  EXPECT_NE(info->schema.find("quoted"), std::string::npos);
  EXPECT_EQ(model->step_symbols.size(), model->program.steps.size());
  std::size_t parts = 0;
  for (const FlashPart& p : model->flash_parts) parts += p.code_bytes + p.constant_bytes;
  EXPECT_EQ(parts, model->module.size());
}

TEST_F(Compile, is_reproducible) { EXPECT_EQ(compiled(2)->module, compiled(2)->module); }

TEST_F(Compile, stack_bytes_can_be_set_and_the_digest_follows) {
  const auto model = compiled(3);
  const auto changed = with_stack_bytes(model->module, 432);
  ASSERT_TRUE(changed);
  EXPECT_EQ(read_module(*changed)->stack_bytes, 432u);
  EXPECT_NE(read_module(*changed)->digest, read_module(model->module)->digest);
}

TEST_F(Compile, every_flipped_bit_of_a_module_is_noticed) {
  const Bytes module = compiled(4)->module;
  for (std::size_t i = 0; i < module.size(); i += i < 128 ? 1 : 37) {
    Bytes bad = module;
    bad[i] ^= static_cast<std::uint8_t>(1u << (i % 8));
    EXPECT_FALSE(read_module(bad)) << "byte " << i;
  }
  for (const std::size_t n : {std::size_t{0}, std::size_t{5}, std::size_t{127}, module.size() - 1}) {
    EXPECT_FALSE(read_module(ByteSpan(module).first(n)));
  }
}

TEST_F(Compile, refuses_headers_that_say_what_cannot_be) {
  const Bytes module = compiled(3)->module;
  const auto with = [&](std::size_t offset, std::uint32_t value) {
    Bytes changed = module;
    for (std::size_t i = 0; i < 4; ++i) changed[offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
    const auto info = read_module(changed);
    return info ? std::string("accepted") : info.error().message();
  };
  using ::testing::HasSubstr;
  EXPECT_THAT(with(12, 4'000'000'000u), HasSubstr("byte 12"));  // code_bytes
  EXPECT_THAT(with(16, 77), HasSubstr("core 77"));
  EXPECT_THAT(with(24, 999), HasSubstr("op-set 999"));
  EXPECT_THAT(with(36, 3), HasSubstr("byte 36"));  // arena_align
  EXPECT_THAT(with(36, 0), HasSubstr("byte 36"));
  EXPECT_THAT(with(92, 1), HasSubstr("byte 92"));    // reset_offset, odd
  EXPECT_THAT(with(92, 256), HasSubstr("byte 92"));  // in a module of an op set without state
}

TEST_F(Compile, says_what_does_not_fit_the_board) {
  Rng rng(5);
  board::BoardSpec small = *board::find_board("nucleo-l4r5zi");
  const graph::Graph g = random_conv(rng, false);
  small.ram_bytes = 16;
  EXPECT_THAT(compile(g, small, {}).error().message(), ::testing::HasSubstr("bytes of RAM; most at 'op'"));
  small.ram_bytes = 65536;
  small.flash_bytes = 512;
  const auto compiled_small = compile(g, small, {});
  ASSERT_FALSE(compiled_small);
  EXPECT_EQ(compiled_small.error().code(), Code::too_large);
  EXPECT_THAT(compiled_small.error().message(), ::testing::HasSubstr("of flash; largest: "));
}

TEST_F(Compile, refuses_vectors_whose_total_size_wraps) {
  Bytes module = compiled(6)->module;
  module.resize(100'000);
  device::ModuleHeader header{};
  std::memcpy(&header, module.data(), sizeof header);
  header.module_bytes = static_cast<std::uint32_t>(module.size());
  header.arena_bytes = 0xffffffff;
  header.input_offset = header.output_offset = 0;
  header.input_bytes = 0x80000000;
  header.output_bytes = 0x80010000;  // (2^32 + 2^16) * (2^32 - 2^16 + 1) = 2^16 modulo 2^64
  header.vectors_offset = sizeof header;
  header.vectors_count = 0xffff0001;
  std::ranges::fill(header.digest, std::uint8_t{0});
  std::memcpy(module.data(), &header, sizeof header);
  std::ranges::copy(sha256(module).bytes, header.digest);
  std::memcpy(module.data(), &header, sizeof header);
  EXPECT_EQ(read_module(module).error().code(), Code::malformed);
}

TEST_F(Compile, refuses_a_board_whose_core_it_has_no_compiler_for) {
  Rng rng(5);
  board::BoardSpec board = *board::find_board("nucleo-l4r5zi");
  board.core = "cortex-m0plus";
  EXPECT_EQ(compile(random_conv(rng, false), board, {}).error().code(), Code::unsupported);
}

}  // namespace
}  // namespace mote::compile
