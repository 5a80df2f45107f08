#pragma once
// What can happen to a device that takes updates, as data: how it left the factory, what arrives by which way, and how
// it has to end. The same scenarios are run whole, with power cuts at every operation, and on emulated boards.

#include <string>
#include <vector>

#include "mote/package/parcel.hpp"
#include "mote/simulation/field_device.hpp"
#include "mote/simulation/native_device.hpp"

namespace mote::simulation {

enum class Way {
  blocks,    ///< into the inbox, in order
  shuffled,  ///< into the inbox, in any order, some twice
  radio,     ///< into the inbox in frames of 40 bytes, many of which are lost
  card,      ///< read in place, from a card that stays in
};

struct Arrival {
  Bytes parcel;
  Way way = Way::blocks;
  std::uint64_t sequence = 0;                    ///< of its bundle; 0: statements only
  std::uint32_t keys_version = 0;                ///< that the device has afterwards at least
  std::uint64_t time_s = 0;                      ///< that the device has afterwards at least
  update::Status expected = update::Status::ok;  ///< how the device ends it
};

struct Scenario {
  std::string name;
  Bytes factory;                     ///< image of the update flash, journal left to the device
  std::vector<Arrival> arrivals;     ///< one after the other
  std::uint64_t first_sequence = 0;  ///< active when it leaves the factory; 0: none
  std::uint64_t last_sequence = 0;   ///< active at the end
  bool damages_active = false;       ///< between factory and arrivals a bit of the active module flips
  DeviceHardware hardware;
};

struct Flash {
  std::string name;
  board::NorGeometry geometry;  ///< bytes: set by scenarios
};

/// Twelve kinds of flash that microcontrollers have: sectors of 512 bytes to 16 KiB, write units of 1 to 32 bytes, with
/// and without a limit of programs between erases.
[[nodiscard]] const std::vector<Flash>& flashes();

struct ScenarioSet {
  std::vector<Scenario> scenarios;
  board::NorGeometry geometry;
  BoardStorage storage;
};
[[nodiscard]] Result<ScenarioSet> make_scenarios(const Flash& flash, const Models& models);

/// What the update flash holds when the first arrival comes.
[[nodiscard]] Bytes factory_content(const Scenario& scenario);
[[nodiscard]] board::NorFlash factory_flash(const ScenarioSet& set, const Scenario& scenario);

/// The world around a device: offers what has not arrived yet and lets it infer, until all arrivals have ended.
/// @param seed  which blocks come first, which are lost.
/// @return false  it did not come to an end in any reasonable time.
/// @throws PowerLost
bool live(NativeDevice& device, const Scenario& scenario, std::uint64_t seed);

/// The same around any device, seen from outside.
/// @error io  power failed.   Else as FieldDevice.
[[nodiscard]] Result<bool> live(FieldDevice& device, const Scenario& scenario, const Models& models,
                                std::uint64_t seed);

/// Whether an arrival has ended, by what the device has in flash.
[[nodiscard]] bool has_ended(const device::AgentState& state, const Arrival& arrival);

}  // namespace mote::simulation
