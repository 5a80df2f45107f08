#pragma once
// A device that takes updates on an emulated board: the agent as firmware of its core, real modules that run from its
// flash. The host is the world around it (device/boards/agent_protocol.hpp).

#include "mote/board/virtual_board.hpp"
#include "mote/simulation/field_device.hpp"

namespace mote::simulation {

/// Bytes that the firmware reserves for modules.
inline constexpr std::uint32_t kBoardArenaBytes = 64 * 1024;

class BoardDevice : public FieldDevice {
 public:
  /// Puts firmware and the factory's image into flash and switches the board on.
  /// @param factory  package::factory_image for layout_on(board, storage).
  /// @error unsupported  there is no firmware for the board's core.   @error too_large  the flash or RAM does not
  /// suffice.   @error internal  the firmware faulted.
  [[nodiscard]] static Result<BoardDevice> create(const board::BoardSpec& board, const BoardStorage& storage,
                                                  ByteSpan factory);

  Result<device::AgentState> start(update::ResetCause cause) override;
  Result<device::AgentState> state() override;
  Result<device::AgentState> step(std::uint16_t count) override;
  Result<device::AgentState> announce(const update::Announcement& announcement) override;
  Result<device::AgentState> put(std::uint32_t number, ByteSpan block) override;
  Result<device::AgentState> radio(ByteSpan frame) override;
  Result<device::AgentState> offer(ByteSpan parcel) override;
  Result<device::AgentState> abandon(update::Status reason) override;
  Result<device::AgentState> world(std::uint8_t battery_percent, std::uint64_t clock_s) override;
  Result<Bytes> infer(ByteSpan input) override;
  Result<Bytes> report() override;
  Result<Bytes> serial(ByteSpan bytes) override;
  Result<void> power_on(std::uint64_t seed) override;
  board::NorFlash& flash() override { return board_.flash(); }
  std::uint32_t update_offset() const override { return device::kAgentUpdateOffset; }
  Result<void> flip(std::uint32_t offset, unsigned bit) override;

  /// From here on cycles are modelled: states tell the longest step. Slower by far.
  void measure() { measured_ = true; }
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
