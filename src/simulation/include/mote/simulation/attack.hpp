#pragma once
// Attacks on a device that takes updates: hostile parcels, senders and flash against the shipping agent, each with the
// name under which it has to be refused or detected. docs/threat-model.md says what they stand for.

#include <string>
#include <string_view>
#include <vector>

#include "mote/simulation/models.hpp"

namespace mote::simulation {

struct AttackFailure {
  std::string name, expected, got;
};

struct AttackReport {
  std::size_t cases = 0;
  std::size_t refused = 0;   ///< the device took nothing of it, under the expected name
  std::size_t detected = 0;  ///< what cannot be refused (nothing arrives, a bit flips) was noticed within its bound
  std::vector<std::string> names;
  std::vector<AttackFailure> failed;
};

/// Each case runs on devices of its own, and afterwards every device has to take a good update.
/// @param only  those whose name contains it.
/// @error not_found  none has such a name.   @error as make_scenarios.
[[nodiscard]] Result<AttackReport> attack(const Models& models, std::string_view only = {});

}  // namespace mote::simulation
