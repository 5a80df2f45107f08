#include <fmt/format.h>

#include "command.hpp"
#include "mote/board/board_spec.hpp"

namespace mote::app {
namespace {

Json board_json(const board::BoardSpec& b) {
  return {{"name", b.name},
          {"title", b.title},
          {"mcu", b.mcu},
          {"core", b.core},
          {"clock_hz", b.clock_hz},
          {"flash_bytes", b.flash_bytes},
          {"ram_bytes", b.ram_bytes},
          {"fpu", b.fpu},
          {"dsp", b.dsp},
          {"measured", b.emulated()},
          {"estimated", b.estimated},
          {"sources", b.sources}};
}

Result<Outcome> list_boards() {
  Outcome out;
  out.text = fmt::format("{:<22} {:<14} {:>8} {:>10} {:>9}  {}\n", "board", "core", "clock", "flash", "RAM", "runs here");
  out.json["boards"] = Json::array();
  for (const board::BoardSpec& b : board::catalogue()) {
    out.text += fmt::format("{:<22} {:<14} {:>4} MHz {:>6} KiB {:>5} KiB  {}\n", b.name, b.core, b.clock_hz / 1'000'000, b.flash_bytes / 1024,
                            b.ram_bytes / 1024, b.emulated() ? "yes" : "no");
    out.json["boards"].push_back(board_json(b));
  }
  return out;
}

}  // namespace

std::vector<Command> boards_commands() {
  return {{"boards", "list the boards that are known, and which of them run here", "mote boards", [](CLI::App&) -> Action {
             return [](Progress&) { return list_boards(); };
           }}};
}

}  // namespace mote::app
