#pragma once
// The host's half of the bench firmware's UART protocol; byte strings only. device/boards/README.md describes it.

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/board/virtual_board.hpp"

namespace mote::board {

[[nodiscard]] Bytes run_request(ByteSpan input);
[[nodiscard]] Bytes sensor_request(std::uint32_t input_bytes);
[[nodiscard]] Bytes memory_request(std::uint32_t address, std::uint32_t input_bytes);
[[nodiscard]] Bytes identify_request();
[[nodiscard]] Bytes select_request(std::uint32_t index);

/// Length of the reply that begins with these bytes; 0 while too few are known, or when they begin no reply.
[[nodiscard]] std::size_t reply_bytes(ByteSpan begun);

/// @error invalid_argument  the firmware or the module refused, with its reason.
/// @error internal          the firmware reports a fault.   @error malformed  this is no such reply.
[[nodiscard]] Result<Bytes> parse_output(ByteSpan reply);
[[nodiscard]] Result<FirmwareIdentity> parse_identity(ByteSpan reply);

}  // namespace mote::board
