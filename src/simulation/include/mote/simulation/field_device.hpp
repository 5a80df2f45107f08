#pragma once
// A device as the world around it sees it, wherever it runs: on an emulated board (board_device.hpp) or natively, where
// thousands are needed. What runs inside is the same agent.

#include <memory>

#include "boards/agent_protocol.hpp"
#include "mote/board/board_spec.hpp"
#include "mote/board/nor_flash.hpp"
#include "update/agent.hpp"

namespace mote::simulation {

/// How the flash behind the firmware is divided, on a board with sectors and write units like these.
struct BoardStorage {
  std::uint32_t module_bytes = 0;  ///< largest module
  std::uint32_t inbox_bytes = 0;
  std::uint32_t stale_after_s = 0;  ///< update::Policy
};
[[nodiscard]] update::Layout layout_on(const board::BoardSpec& board, const BoardStorage& storage);

class FieldDevice {
 public:
  virtual ~FieldDevice() = default;

  /// First request after power came on.
  /// @error io  power failed: so do all requests below; then `power_on`, and start again.
  [[nodiscard]] virtual Result<device::AgentState> start(update::ResetCause cause) = 0;
  [[nodiscard]] virtual Result<device::AgentState> state() = 0;
  /// At most `count` steps of the agent.
  [[nodiscard]] virtual Result<device::AgentState> step(std::uint16_t count) = 0;
  [[nodiscard]] virtual Result<device::AgentState> announce(const update::Announcement& announcement) = 0;
  [[nodiscard]] virtual Result<device::AgentState> put(std::uint32_t number, ByteSpan block) = 0;
  /// A frame that the radio received.
  [[nodiscard]] virtual Result<device::AgentState> radio(ByteSpan frame) = 0;
  /// A card with a parcel is in; `parcel` is borrowed until the device is idle.
  [[nodiscard]] virtual Result<device::AgentState> offer(ByteSpan parcel) = 0;
  /// Gives up the parcel that is being received or judged.
  [[nodiscard]] virtual Result<device::AgentState> abandon(update::Status reason) = 0;
  [[nodiscard]] virtual Result<device::AgentState> world(std::uint8_t battery_percent, std::uint64_t clock_s) = 0;
  /// One inference of the active module. Empty: there is none, or it failed.
  [[nodiscard]] virtual Result<Bytes> infer(ByteSpan input) = 0;
  [[nodiscard]] virtual Result<Bytes> report() = 0;
  /// Bytes that arrive at its serial port (device/update/serial.hpp). @return what it answers.
  [[nodiscard]] virtual Result<Bytes> serial(ByteSpan bytes) = 0;

  /// Power is back after a cut; memory is noise, flash as the cut left it.
  [[nodiscard]] virtual Result<void> power_on(std::uint64_t seed) = 0;
  [[nodiscard]] virtual board::NorFlash& flash() = 0;
  /// Where the update flash begins in it.
  [[nodiscard]] virtual std::uint32_t update_offset() const = 0;
  /// A bit of it changes by itself.
  /// @param offset  in the update flash.
  [[nodiscard]] virtual Result<void> flip(std::uint32_t offset, unsigned bit) = 0;
};

/// A device of this board in the state it leaves the factory in: emulated, or native where `board` is the host.
/// @param factory  package::factory_image for layout_on(board, storage).
/// @error unsupported  there is no firmware for the board's core.   @error too_large  its flash or RAM does not
/// suffice.
/// @error internal  the firmware faulted.
[[nodiscard]] Result<std::unique_ptr<FieldDevice>> make_field_device(const board::BoardSpec& board,
                                                                     const BoardStorage& storage, ByteSpan factory);

}  // namespace mote::simulation
