#pragma once
// A device that takes updates, run natively: the agent's own code over a model of flash, real modules compiled for this
// machine. Its memory is lost with each power cut, its flash stays.

#include <functional>
#include <memory>
#include <optional>

#include "mote/board/nor_flash.hpp"
#include "mote/simulation/flash_port.hpp"
#include "mote/simulation/models.hpp"
#include "mote/simulation/native_modules.hpp"
#include "update/agent.hpp"

namespace mote::simulation {

/// What the device is, apart from what its flash holds.
struct DeviceHardware {
  update::Layout layout;
  update::Port::Runtime runtime;
  update::Policy policy;
  unsigned battery_percent = 100;
  std::uint64_t clock_s = 0;  ///< 0: no clock
};

/// That of a device with room for these models, firmware version 3.
[[nodiscard]] update::Port::Runtime native_runtime(const Models& models);

class NativeDevice {
 public:
  /// Flash and models are borrowed.
  NativeDevice(board::NorFlash& flash, const DeviceHardware& hardware, NativeModules& modules, const Models& models);

  /// Power comes on: everything in memory begins anew.
  /// @throws PowerLost, as everything below.
  update::Status start(update::ResetCause cause = update::ResetCause::power_on);

  [[nodiscard]] update::Agent& agent() { return *agent_; }
  [[nodiscard]] FlashPort& port() { return *port_; }
  /// One inference of the active module on the next input, with all that the agent wants of it.
  /// @return false  there is no module, or it failed.
  bool infer();

 private:
  board::NorFlash& flash_;
  DeviceHardware hardware_;
  NativeModules& modules_;
  const Models& models_;
  std::optional<FlashPort> port_;
  std::optional<update::Agent> agent_;
  std::size_t next_input_ = 0;
};

}  // namespace mote::simulation
