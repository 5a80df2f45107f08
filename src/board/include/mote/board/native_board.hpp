#pragma once
// A module that was compiled for the machine that mote runs on: its firmware is a program, which runs in a process of
// its own. It counts nothing.

#include <memory>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::board {

/// Ends with the object. Not thread-safe; several may run side by side.
class NativeBoard {
 public:
  /// @error io  the program could not be started.
  [[nodiscard]] static Result<NativeBoard> create(ByteSpan program);
  ~NativeBoard();
  NativeBoard(NativeBoard&&) noexcept;
  NativeBoard& operator=(NativeBoard&&) noexcept;

  /// Runs the module on `input`.
  /// @error invalid_argument  the firmware refused or the module returned a status.
  /// @error io                the program crashed or did not answer in time; the board is of no use any more.
  [[nodiscard]] Result<Bytes> infer(ByteSpan input);

  /// As VirtualBoard::select.
  [[nodiscard]] Result<void> select(std::uint32_t module);

 private:
  struct Impl;
  explicit NativeBoard(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mote::board
