#pragma once
// Requests over a serial line and their answers (device/update/serial.hpp), asked again until one comes.

#include "mote/fleet/serial_sender.hpp"
#include "update/serial.hpp"

namespace mote::fleet::serial {

struct Answer {
  update::Status status = update::Status::ok;
  Bytes body;
};

/// What a device says of itself first.
struct Hello {
  update::Phase phase = update::Phase::idle;
  update::Status last_status = update::Status::ok;
  std::size_t most_block_bytes = 0;
  Bytes id;
  std::uint32_t total_bytes = 0;
  std::size_t block_bytes = 0;
  std::uint64_t active_sequence = 0, tried_sequence = 0;
};

inline update::Bytes view(ByteSpan bytes) { return {bytes.data(), bytes.size()}; }

class Conversation {
 public:
  Conversation(ByteLine& line, const SerialSenderOptions& options);

  /// Asks until there is an answer to just this request.
  /// @error io  the line is gone, or nobody answers.
  [[nodiscard]] Result<Answer> ask(update::SerialRequest kind, ByteSpan body);

  std::size_t repeated = 0;

 private:
  bool find_answer(ByteSpan bytes, update::SerialRequest kind, Answer& answer);

  ByteLine& line_;
  const SerialSenderOptions& options_;
  Bytes buffer_ = Bytes(4096);
  update::SlipReader reader_;
  std::uint8_t tag_;
};

/// @error malformed  the answer makes no sense.
[[nodiscard]] Result<Hello> say_hello(Conversation& talk);

/// A little-endian number of `count` bytes, at most 8.
[[nodiscard]] std::uint64_t number_at(ByteSpan bytes, std::size_t offset, unsigned count);

}  // namespace mote::fleet::serial
