#pragma once
// The agent's port over a model of NOR flash, for devices that run natively.

#include <functional>

#include "mote/board/nor_flash.hpp"
#include "update/port.hpp"

namespace mote::simulation {

/// Power went: thrown out of the agent by its flash, caught by whoever runs the device. The agent's memory is lost with
/// it, as on a device; nothing of it is used again.
struct PowerLost {};

class FlashPort : public update::Port {
 public:
  /// Runs a module as it lies in its slot: module, whether to make its state initial, input. Returns the output, or
  /// null.
  using Invoke = std::function<const std::uint8_t*(ByteSpan module, bool fresh, ByteSpan input)>;

  /// `flash` is borrowed and may be shared by ports of consecutive starts.
  FlashPort(board::NorFlash& flash, const update::Layout& layout) : flash_(flash) { layout_ = layout; }

  void read(std::uint32_t offset, update::MutableBytes to) override;
  /// @throws PowerLost
  bool program(std::uint32_t offset, update::Bytes data) override;
  bool erase_sector(std::uint32_t offset) override;
  const std::uint8_t* map(std::uint32_t offset) override { return flash_.bytes().data() + offset; }
  const std::uint8_t* invoke(std::uint32_t offset, bool fresh, update::Bytes input) override;
  unsigned battery_percent() override { return battery; }
  std::uint64_t clock_s() override { return clock; }

  Invoke run;
  using Port::runtime_;
  unsigned battery = 100;
  std::uint64_t clock = 0;  ///< 0: no clock

 private:
  board::NorFlash& flash_;
};

}  // namespace mote::simulation
