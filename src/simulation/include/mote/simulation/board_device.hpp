#pragma once
// A device that takes updates on an emulated board: the agent as firmware of its core, real modules that run from its
// flash. The host is the world around it (device/boards/agent_protocol.hpp).

#include <functional>
#include <memory>

#include "boards/agent_protocol.hpp"
#include "mote/board/virtual_board.hpp"
#include "mote/package/parcel.hpp"
#include "update/agent.hpp"

namespace mote::simulation {

/// How the flash behind the firmware is divided, on a board with sectors and write units like these.
struct BoardStorage {
  std::uint32_t module_bytes = 0;  ///< largest module
  std::uint32_t inbox_bytes = 0;
};
[[nodiscard]] update::Layout layout_on(const board::BoardSpec& board, const BoardStorage& storage);

/// Bytes that the firmware reserves for modules.
inline constexpr std::uint32_t kBoardArenaBytes = 64 * 1024;

class BoardDevice {
 public:
  /// Puts firmware and the factory's image into flash and switches the board on.
  /// @param factory  package::factory_image for layout_on(board, storage).
  /// @error unsupported  there is no firmware for the board's core.   @error too_large  the flash or RAM does not
  /// suffice.   @error internal  the firmware faulted.
  [[nodiscard]] static Result<BoardDevice> create(const board::BoardSpec& board, const BoardStorage& storage,
                                                  ByteSpan factory);

  /// First request after power came on.
  /// @error io  power failed: so do all requests below; then `power_on`, and start again.
  [[nodiscard]] Result<device::AgentState> start(update::ResetCause cause);
  [[nodiscard]] Result<device::AgentState> state();
  /// At most `count` steps of the agent.
  [[nodiscard]] Result<device::AgentState> step(std::uint16_t count);
  [[nodiscard]] Result<device::AgentState> announce(const update::Announcement& announcement);
  [[nodiscard]] Result<device::AgentState> put(std::uint32_t number, ByteSpan block);
  /// A frame that the radio received.
  [[nodiscard]] Result<device::AgentState> radio(ByteSpan frame);
  /// A card with a parcel is in; `parcel` is borrowed until the device is idle.
  [[nodiscard]] Result<device::AgentState> offer(ByteSpan parcel);
  [[nodiscard]] Result<device::AgentState> world(std::uint8_t battery_percent, std::uint64_t clock_s);
  /// One inference of the active module. Empty: there is none, or it failed.
  [[nodiscard]] Result<Bytes> infer(ByteSpan input);
  [[nodiscard]] Result<Bytes> report();

  /// Power is back after a cut; memory is noise, flash as the cut left it.
  [[nodiscard]] Result<void> power_on(std::uint64_t seed);
  /// From here on cycles are modelled: states tell the longest step. Slower by far.
  void measure() { measured_ = true; }
  [[nodiscard]] board::NorFlash& flash() { return board_.flash(); }
  [[nodiscard]] board::VirtualBoard& board() { return board_; }

 private:
  explicit BoardDevice(board::VirtualBoard board) : board_(std::move(board)) {}
  Result<Bytes> request(ByteSpan bytes);
  Result<device::AgentState> ask(ByteSpan bytes);

  board::VirtualBoard board_;
  ByteSpan card_;
  bool measured_ = false;
};

}  // namespace mote::simulation
