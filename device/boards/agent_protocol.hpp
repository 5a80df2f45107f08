#pragma once
// What the update firmware (agent_main.cpp) and its host say to each other over the UART, and what both know of the
// flash. The host is the world around the device: its sensor, its radio, its serial line, its time. All numbers
// little-endian.
//
// Freestanding C++17; the host includes the same header.

#include <cstddef>
#include <cstdint>

namespace mote::device {

/// First byte of a request. Each is answered by one reply.
enum class AgentRequest : std::uint8_t {
  start = 'B',  // u8 ResetCause: the first request after a reset
  state = '?',
  step = 'W',      // u16 n: at most so many steps of the agent, fewer when it is idle or waits
  infer = 'I',     // u16 length, input bytes: one inference of the active module
  radio = 'R',     // u8 length, a frame
  announce = 'A',  // u8[8] id, u32 bytes, u16 block bytes: a network's parcel
  block = 'P',     // u32 number, u16 length, bytes of it
  source = 'C',    // u32 bytes: a card with a parcel of this size is in; the firmware asks for its bytes with `read`
  abandon = 'X',   // u8 update::Status: gives up the parcel that is being received or judged
  world = 'E',     // u8 battery in percent, u64 clock in seconds (0: none)
  report = 'T',    // the device's own report, authenticated
  serial = 'L',    // u16 length, bytes of one request at the device's serial port (update/serial.hpp)
};

/// First byte of a reply.
enum class AgentReply : std::uint8_t {
  state = 's',   // AgentState
  output = 'o',  // u8 1 when the module ran, u16 length, output bytes
  read = 'r',    // u32 offset, u16 count: the host answers with these bytes of the card, and nothing else
  report = 't',  // u16 length, the report
  serial = 'l',  // u16 length, what it answers
};

/// For a frame at a device's serial port, and for its answer.
constexpr std::size_t kAgentSerialBytes = 1040;

struct AgentState {
  std::uint64_t confirmed_sequence;
  std::uint64_t active_sequence;  // 0: no module runs
  std::uint64_t last_sequence;
  std::uint64_t time_s;
  std::uint32_t keys_version;
  std::uint32_t missing_blocks;  // of the parcel that is being received
  std::uint8_t phase;            // update::Phase
  std::uint8_t last_status;      // update::Status
  std::uint8_t answer;           // update::Status of what was asked
  std::uint8_t progress;         // update::Progress of the last step
  std::uint32_t commits;
  std::uint8_t active_digest[32];
  std::uint32_t longest_step_cycles;  // since the last state; means nothing where cycles are not modelled
  std::uint8_t active_slot;           // update::kNoSlot: none
  std::uint8_t reserved[3];
};
static_assert(sizeof(AgentState) == 88, "part of the protocol");

/// Written by the factory at the start of the update flash's board: how it is divided.
struct AgentBoard {
  std::uint32_t magic;          // kAgentBoardMagic
  std::uint32_t update_offset;  // of the update flash, from the start of flash; a sector's first byte
  std::uint32_t module_bytes;   // update::arrange
  std::uint32_t inbox_bytes;
  std::uint32_t stale_after_s;  // update::Policy
};
constexpr std::uint32_t kAgentBoardMagic = 0x3242414d;  // "MAB2"
/// Code of the firmware lies before, this structure here, the update flash behind.
constexpr std::uint32_t kAgentBoardOffset = 60 * 1024;
constexpr std::uint32_t kAgentUpdateOffset = 64 * 1024;

}  // namespace mote::device
