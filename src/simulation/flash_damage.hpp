#pragma once
// Bits that flip in a device's flash by a schedule, and what becomes of them: the trial knows what the flash should
// hold, the device has to find out.

#include "mote/base/rng.hpp"
#include "mote/simulation/field_device.hpp"
#include "mote/simulation/field_trial.hpp"

namespace mote::simulation {

class FlashDamage {
 public:
  /// @param modules  number i has sequence i + 1. Everything is borrowed.
  FlashDamage(const FlipOptions& options, const std::vector<Bytes>& modules, const update::Layout& layout,
              unsigned pace_s, std::uint64_t seed);

  /// The next update begins: so many bits are to flip again. `outcome` counts until the next call.
  void begin(DamageOutcome& outcome);
  [[nodiscard]] bool is_over() const { return outcome_ == nullptr || flipped() >= options_.count; }
  [[nodiscard]] bool is_scheduled() const { return options_.count != 0; }

  /// Perhaps flips a bit now. @return whether it did.
  [[nodiscard]] Result<bool> strike(FieldDevice& device, const device::AgentState& state);

  /// The module that the device wants to run is not what it was.
  [[nodiscard]] bool is_damaged(FieldDevice& device, const device::AgentState& state) const;
  /// A turn is over: `before` and `after` it.
  void look(FieldDevice& device, const device::AgentState& before, const device::AgentState& after);
  /// An inference is about to be made.
  void infers(FieldDevice& device, const device::AgentState& state);
  void faulted() { ++outcome_->faults; }

 private:
  [[nodiscard]] unsigned flipped() const {
    return outcome_->module_flips + outcome_->slot_flips + outcome_->journal_flips;
  }

  const FlipOptions& options_;
  const std::vector<Bytes>& modules_;
  update::Layout layout_;
  unsigned pace_s_;
  Rng rng_;
  DamageOutcome* outcome_ = nullptr;
  bool damaged_ = false;             // the running module is, as the trial knows
  std::uint64_t damaged_turns_ = 0;  // since then
};

}  // namespace mote::simulation
