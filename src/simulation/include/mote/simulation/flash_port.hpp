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
  /// Runs a module: [header and module as they lie in the slot], fresh, input, output.
  using Invoke = std::function<bool(ByteSpan module, bool fresh, ByteSpan input, std::span<std::uint8_t> output)>;

  /// `flash` is borrowed and may be shared by ports of consecutive starts.
  FlashPort(board::NorFlash& flash, const update::Layout& layout) : flash_(flash), layout_(layout) {}

  const update::Layout& layout() const override { return layout_; }
  void read(std::uint32_t offset, update::MutableBytes to) override;
  /// @throws PowerLost
  bool program(std::uint32_t offset, update::Bytes data) override;
  bool erase_sector(std::uint32_t offset) override;
  bool invoke(std::uint32_t offset, bool fresh, update::Bytes input, update::MutableBytes output) override;
  const Runtime& runtime() const override { return runtime_; }
  unsigned battery_percent() override { return battery; }
  std::uint64_t clock_s() override { return clock; }

  Invoke run;
  Runtime runtime_;
  unsigned battery = 100;
  std::uint64_t clock = 0;  ///< 0: no clock

 private:
  board::NorFlash& flash_;
  update::Layout layout_;
};

}  // namespace mote::simulation
