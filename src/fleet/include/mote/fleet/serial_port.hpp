#pragma once
// A serial port of this machine as a line of bytes.

#include <filesystem>
#include <memory>

#include "mote/fleet/serial_sender.hpp"

namespace mote::fleet {

/// Raw, eight bits, no parity, one stop bit, no flow control; alone with it.
/// @error not_found, io  it cannot be opened, or is no serial port.   @error invalid_argument  a rate that there is
/// not.
[[nodiscard]] Result<std::unique_ptr<ByteLine>> open_serial_port(const std::filesystem::path& port, unsigned baud);

}  // namespace mote::fleet
