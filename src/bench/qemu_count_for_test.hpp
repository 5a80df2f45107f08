#pragma once
// Private to the tests: instructions counted by QEMU.

#include <cstddef>
#include <sstream>
#include <string>
#include <vector>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/board/elf.hpp"
#include "mote/board/qemu_board.hpp"
#include "mote/compile/compile.hpp"

namespace mote::bench {

/// Instructions that QEMU executes between the markers of a firmware that runs once.
inline std::size_t count_with_qemu(ByteSpan firmware, const board::BoardSpec& board, const Bytes& input) {
  const auto folder = TemporaryFolder::create("mote-cores").value();
  const auto log = folder.path() / "log";
  const Bytes there = compile::qemu_firmware(firmware, board).value();
  const board::ElfFile elf = board::ElfFile::parse(there).value();
  std::string text;
  // QEMU 8.1 renamed the option, and ends at one that it does not know.
  for (const std::vector<std::string>& single :
       {std::vector<std::string>{"-singlestep"}, std::vector<std::string>{"-accel", "tcg,one-insn-per-tb=on"}}) {
    board::QemuOptions options;
    options.arguments = {"-d", "exec,nochain", "-D", log.string()};
    options.arguments.insert(options.arguments.end(), single.begin(), single.end());
    auto qemu = board::QemuBoard::create(board, there, options);
    if (!qemu || !qemu->infer(input)) continue;
    text = read_text(log, std::uint64_t{1} << 30).value_or("");
    break;
  }
  const board::ElfSymbol& begin = *elf.find_symbol("mote_infer_begin");
  const std::uint32_t end = elf.find_symbol("mote_infer_end")->address;
  std::istringstream lines(text);
  std::size_t counted = 0;
  bool begun = false;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t slash = line.find('/');
    if (line.rfind("Trace", 0) != 0 || slash == std::string::npos) continue;
    const auto pc = static_cast<std::uint32_t>(std::stoull(line.substr(slash + 1), nullptr, 16));
    if (pc == end) break;
    begun = begun || pc == begin.address;
    const bool in_marker = pc >= begin.address && pc < begin.address + begin.bytes;
    counted += begun && !in_marker ? 1 : 0;
  }
  return counted;
}

}  // namespace mote::bench
