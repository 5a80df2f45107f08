#pragma once
// An AVR under simavr, which runs as a program of its own (mote-simavr) beside mote's.

#include <memory>
#include <span>
#include <string>

#include "mote/base/file.hpp"
#include "mote/board/board_spec.hpp"
#include "mote/board/elf.hpp"
#include "mote/board/virtual_board.hpp"

namespace mote::board {

class AvrBoard {
 public:
  /// @param firmware  device/avr/bench_main.c around a module.
  /// @error malformed  it is not.   @error not_found  there is no mote-simavr beside mote or in PATH.
  [[nodiscard]] static Result<AvrBoard> create(const BoardSpec& board, ByteSpan firmware);

  /// Runs the module on `input`.
  /// @error invalid_argument  it has another size, or the module returned a status.
  /// @error internal          the program crashed or did not come to its end.
  [[nodiscard]] Result<Bytes> infer(ByteSpan input);

  /// The same, measured: instructions, cycles as simavr counts them, stack, and the calls of functions of `symbols`.
  /// @error not_found  a watched function has no symbol.   Else as `infer`.
  [[nodiscard]] Result<Measurement> measure(ByteSpan input, std::span<const std::string> watch, const ElfFile& symbols);

 private:
  AvrBoard(BoardSpec board, ElfFile elf, TemporaryFolder folder)
      : board_(std::move(board)), elf_(std::move(elf)), folder_(std::move(folder)) {}

  BoardSpec board_;
  ElfFile elf_;
  TemporaryFolder folder_;
  std::string program_;  // mote-simavr
  std::uint32_t arena_ = 0, input_offset_ = 0, input_bytes_ = 0, output_offset_ = 0, output_bytes_ = 0;
};

}  // namespace mote::board
