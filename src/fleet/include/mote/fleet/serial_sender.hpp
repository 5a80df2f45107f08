#pragma once
// Sends a parcel over a serial line to a device that speaks device/update/serial.hpp. Asks again for what is not
// answered, sends only what the device lacks, and goes on where an earlier call, or another sender, stopped.

#include <chrono>
#include <functional>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "update/journal.hpp"
#include "update/status.hpp"

namespace mote::fleet {

/// A line of bytes, however they travel.
class ByteLine {
 public:
  virtual ~ByteLine() = default;
  /// @error io  the line is gone.
  [[nodiscard]] virtual Result<void> write(ByteSpan bytes) = 0;
  /// What has arrived; waits for the first byte at most so long. Empty: nothing came.   @error io  the line is gone.
  [[nodiscard]] virtual Result<Bytes> read(std::chrono::milliseconds timeout) = 0;
};

struct SerialSenderOptions {
  std::size_t block_bytes = 256;  ///< or what the device takes, when that is less
  std::chrono::milliseconds answer_timeout{300};
  unsigned attempts = 20;  ///< of one request, before the line counts as dead
  /// Steps of a device at work between two looks at it.
  std::chrono::milliseconds poll_interval{50};
  unsigned polls = 1200;  ///< before a device that says nothing new is left alone
  std::function<void(std::size_t stored, std::size_t blocks)> progress;
};

struct SerialOutcome {
  update::Phase phase = update::Phase::idle;   ///< where the device stands now
  update::Status status = update::Status::ok;  ///< of the parcel, when it has ended already
  std::uint64_t active_sequence = 0;
  std::size_t blocks_sent = 0;
  std::size_t requests_repeated = 0;
};

/// @return when the device has the whole parcel and has judged it, or refused it before.
/// @error io  no answer.   @error malformed  answers that make no sense.   @error too_large  it does not fit.
/// @error invalid_argument  the device is busy with another parcel.
[[nodiscard]] Result<SerialOutcome> send_over_serial(ByteLine& line, ByteSpan parcel,
                                                     const SerialSenderOptions& options = {});

}  // namespace mote::fleet
