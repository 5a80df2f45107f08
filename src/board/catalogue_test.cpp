#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mote/base/file.hpp"
#include "mote/board/board_spec.hpp"
#include "mote/board/core.hpp"

namespace mote::board {
namespace {

using testing::HasSubstr;

const char* const kSmallBoard = R"(
name = "my-board"
title = "My board"
mcu = "STM32"
core = "cortex-m4f"
fpu = true
dsp = true
clock_hz = 16_000_000
ram_bytes = 65_536
flash_bytes = 262_144
)";

TEST(Catalogue, every_board_has_a_core_that_mote_compiles_for) {
  EXPECT_GE(catalogue().size(), 16u);
  for (const BoardSpec& board : catalogue()) {
    const auto core = core_of(board);
    EXPECT_TRUE(core.has_value()) << core.error().message();
    EXPECT_TRUE(board.runs_here());
  }
}

TEST(Cores, of_boards_that_no_row_describes_are_refused_with_what_is_missing) {
  BoardSpec board = *find_board("nucleo-l4r5zi");
  board.core = "cortex-m33";
  board.fpu = false;
  EXPECT_THAT(core_of(board).error().message(),
              testing::AllOf(HasSubstr("cortex-m33"), HasSubstr("with DSP instructions and without an FPU")));
  board.core = "cortex-a53";
  EXPECT_THAT(core_of(board).error().message(), testing::AllOf(HasSubstr("cortex-a53"), HasSubstr("cortex-m0plus")));
  EXPECT_FALSE(board.runs_here());
}

TEST(Cores, have_ids_that_lead_back_to_the_same_kernels) {
  for (const CoreSpec& core : cores()) {
    const CoreSpec* found = find_core(static_cast<std::uint32_t>(core.id));
    ASSERT_NE(found, nullptr) << core.name;
    EXPECT_EQ(found->isa_features(), core.isa_features()) << core.name;
  }
  EXPECT_EQ(find_core(9999), nullptr);
}

TEST(Catalogue, every_board_names_the_source_of_its_clock_and_every_estimate_is_a_field) {
  for (const BoardSpec& board : catalogue()) {
    EXPECT_TRUE(board.sources.contains("clock_hz")) << board.name;
    EXPECT_TRUE(board.run_current_ma == 0 || board.sources.contains("run_current_ma")) << board.name;
    EXPECT_EQ(board.flash_erase_ms != 0, board.sources.contains("flash_erase_ms")) << board.name;
    EXPECT_EQ(board.flash_erase_ms != 0, board.flash_program_us != 0) << board.name;
    EXPECT_TRUE(board.calibration.fitted || board.sources.contains("cycles") || !board.emulated()) << board.name;
    for (const std::string& field : board.estimated) {
      EXPECT_THAT(field, testing::AnyOf("run_current_ma", "cycles", "flash_wait_states", "flash_sector_bytes",
                                        "flash_write_bytes"));
    }
  }
}

TEST(Catalogue, only_fitted_boards_claim_cycles_that_are_not_estimated) {
  for (const BoardSpec& board : catalogue())
    EXPECT_NE(board.is_estimated("cycles"), board.calibration.fitted) << board.name;
  EXPECT_TRUE(find_board("nucleo-l4r5zi")->calibration.fitted);
}

TEST(Catalogue, unknown_names_are_refused_with_near_ones) {
  const auto wrong = find_board("nucleo-l4r5");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code(), Code::not_found);
  EXPECT_THAT(wrong.error().message(), HasSubstr("nucleo-l4r5zi"));
  EXPECT_THAT(find_board("arduino").error().message(), HasSubstr("arduino-nano-33-ble"));
  EXPECT_FALSE(find_board(""));
}

TEST(BoardFile, reads_a_users_own_board) {
  const auto folder = TemporaryFolder::create().value();
  const auto path = folder.path() / "mine.toml";
  ASSERT_TRUE(write_file(path, kSmallBoard));
  const auto board = load_board(path.string());
  ASSERT_TRUE(board) << board.error().message();
  EXPECT_EQ(board->name, "my-board");
  EXPECT_EQ(board->ram_bytes, 65'536u);
  EXPECT_EQ(board->calibration, Calibration{});
  EXPECT_FALSE(load_board((folder.path() / "absent.toml").string()));
}

TEST(BoardFile, refuses_each_broken_key_by_name_and_line) {
  struct Case {
    const char* addition;
    const char* expected;
  };
  const Case cases[] = {
      {"flash_wait_states = -1\n", "flash_wait_states"},
      {"flash_wait_states = \"five\"\n", "flash_wait_states"},
      {"supply_volts = nan\n", "supply_volts"},
      {"run_current_ma = true\n", "run_current_ma"},
      {"colour = \"red\"\n", "colour is not a key"},
      {"flash_write_bytes = 3\n", "power of two"},
      {"flash_erase_ms = -1\n", "flash_erase_ms"},
      {"flash_program_us = \"fast\"\n", "flash_program_us"},
      {"flash_sector_bytes = 3000\n", "multiple"},
      {"estimated = 3\n", "list of texts"},
      {"flash_data_cache = { lines = 0, line_bytes = 8 }\n", "lines"},
      {"flash_data_cache = { lines = 1, line_bytes = 12 }\n", "power of two"},
      {"[cycles]\nfitted = 1\n", "fitted"},
      {"[sources]\nclock_hz = 3\n", "sources"},
      {"name = \"twice\"\n", "line"},
      {"x = [\n", "not TOML"},
  };
  for (const Case& c : cases) {
    const auto board = parse_board(std::string(kSmallBoard) + c.addition, "mine.toml");
    ASSERT_FALSE(board) << c.addition;
    EXPECT_EQ(board.error().code(), Code::malformed);
    EXPECT_THAT(board.error().message(), testing::AllOf(HasSubstr("mine.toml"), HasSubstr(c.expected)));
  }
}

TEST(BoardFile, refuses_a_missing_key_by_name) {
  std::string text = kSmallBoard;
  text.erase(text.find("ram_bytes"), std::string("ram_bytes = 65_536\n").size());
  EXPECT_THAT(parse_board(text, "mine.toml").error().message(), HasSubstr("ram_bytes is missing"));
  EXPECT_FALSE(parse_board("", "empty.toml"));
}

}  // namespace
}  // namespace mote::board
