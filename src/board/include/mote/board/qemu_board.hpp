#pragma once
// The same module under QEMU, on the machine that the core's row of core.hpp names: an independent second opinion on
// what it computes. It counts nothing.

#include <chrono>
#include <filesystem>
#include <memory>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/board/board_spec.hpp"
#include "mote/board/virtual_board.hpp"

namespace mote::board {

struct QemuOptions {
  std::string program;                           ///< empty: as the core's row says
  std::vector<std::string> arguments;            ///< further ones
  std::chrono::milliseconds time_limit{60'000};  ///< of one answer
};

/// One QEMU process; it ends with the object. Not thread-safe; several may run side by side.
class QemuBoard {
 public:
  /// Starts QEMU on the ELF of a firmware that was linked for the machine's memory (CoreSpec::qemu).
  /// @error not_found  QEMU is not installed.   @error io  it could not be started, or does not answer.
  /// @error unsupported  mote does not know the board's core.
  [[nodiscard]] static Result<QemuBoard> create(const BoardSpec& board, ByteSpan elf, const QemuOptions& options = {});
  ~QemuBoard();
  QemuBoard(QemuBoard&&) noexcept;
  QemuBoard& operator=(QemuBoard&&) noexcept;

  /// Runs the module on `input`. Where the machine has memory to share, the bytes go through it (a UART takes 60 us a
  /// byte), the request and the answer through the UART.
  /// @error invalid_argument  the firmware refused or the module returned a status.
  /// @error internal          the program faulted.   @error io  QEMU died or did not answer in time; the board is of no
  /// use any more.
  [[nodiscard]] Result<Bytes> infer(ByteSpan input);

  /// The same with the input through the UART, byte by byte, as a real board takes it.
  [[nodiscard]] Result<Bytes> infer_over_uart(ByteSpan input);

  [[nodiscard]] Result<FirmwareIdentity> identify();

  /// Of a firmware with several modules, which share an arena: this one is run from now on; the first after power-on.
  /// @error invalid_argument  there are not so many, or this one cannot be run.   Else as `infer`.
  [[nodiscard]] Result<FirmwareIdentity> select(std::uint32_t module);

 private:
  struct Impl;
  explicit QemuBoard(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mote::board
