#pragma once
// Private to the module: a process that speaks the bench protocol over its standard streams: QEMU, or the firmware
// itself where it was built for this machine.

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::board {

/// Ends with the object. Not thread-safe.
class FirmwareProcess {
 public:
  /// @param command     program and arguments
  /// @param name        what errors call it: "QEMU"
  /// @param time_limit  of one answer
  /// @error io  it could not be started.
  [[nodiscard]] static Result<FirmwareProcess> start(const std::vector<std::string>& command, std::string name,
                                                     std::chrono::milliseconds time_limit);
  ~FirmwareProcess();
  FirmwareProcess(FirmwareProcess&& other) noexcept;
  FirmwareProcess& operator=(FirmwareProcess&& other) noexcept;

  /// Sends a request of the bench protocol and takes its answer.
  /// @error io  the process died or did not answer in time; it is of no use any more.
  [[nodiscard]] Result<Bytes> ask(ByteSpan request);

 private:
  FirmwareProcess() = default;
  [[nodiscard]] Result<void> send(ByteSpan bytes);
  [[nodiscard]] Result<Bytes> receive();

  std::string name_;
  std::chrono::milliseconds time_limit_{};
  int uart_ = -1;
  pid_t child_ = -1;
};

}  // namespace mote::board
