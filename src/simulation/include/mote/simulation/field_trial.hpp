#pragma once
// A device on an emulated board that takes one update after the other while the world does what it does: frames are
// lost, power fails, inferences go on. What `mote device run` runs.

#include <functional>
#include <string>
#include <vector>

#include "mote/board/board_spec.hpp"
#include "mote/package/parcel.hpp"

namespace mote::simulation {

enum class Carrier {
  network,  ///< blocks of 1,024 bytes in any order: what HTTP ranges and CoAP blocks come to
  radio,    ///< frames of at most `frame_bytes`, lost ones made up for by coded ones (TS004)
  card,     ///< read in place
};
[[nodiscard]] std::string_view name(Carrier carrier);
/// @error invalid_argument  with the names there are.
[[nodiscard]] Result<Carrier> carrier_named(std::string_view name);

/// What a device has for a clock.
enum class Clock {
  none,
  kept,  ///< runs on while power is off
  lost,  ///< begins at 1970 again whenever power comes back
};
[[nodiscard]] std::string_view name(Clock clock);
/// @error invalid_argument  with the names there are.
[[nodiscard]] Result<Clock> clock_named(std::string_view name);

/// What happens around a device besides what it is sent: time passes and its battery is used up and charged.
struct WorldOptions {
  Clock clock = Clock::none;
  double drift_ppm = 0;                ///< by how much its clock is fast; negative: slow
  std::int64_t clock_error_s = 0;      ///< by how much it was wrong when it left the factory
  unsigned pace_s = 60;                ///< true time between two turns: a frame or block, a few steps
  unsigned valid_s = 0;                ///< how long after it was signed a bundle may be installed; 0: for ever
  unsigned stale_after_s = 0;          ///< after which a device that heard no new statement says so; 0: never
  bool statements = false;             ///< a statement of the true time travels in front of each bundle
  unsigned battery_low_percent = 100;  ///< to which it sinks before it is charged, once in `battery_day_s`
  unsigned battery_day_s = 86'400;
  unsigned minimum_battery_percent = 0;  ///< that a bundle wants
};

/// Bits of the flash that change by themselves.
struct FlipOptions {
  unsigned count = 0;  ///< in each update and before the next one
  /// Where: in the module that runs, anywhere in the slot that does not, in the journal; each as likely.
  bool module = true, slot = true, journal = true;
};

struct FieldTrialOptions {
  std::vector<Bytes> modules;  ///< the first is in the device when it leaves the factory; the others follow
  Carrier carrier = Carrier::radio;
  double loss = 0.3;  ///< of frames
  double burst = 0;   ///< mean length of a run of lost frames; 0: independent
  std::size_t frame_bytes = 64;
  bool deltas = true;      ///< send deltas against the module before, where they are smaller
  bool encrypted = false;  ///< under the group's key
  unsigned cuts = 0;       ///< of power, at random flash operations of each update
  std::uint64_t seed = 1;
  std::uint16_t shadow_inferences = 32;
  std::uint16_t shadow_permille = 800;
  std::uint16_t trial_inferences = 32;
  WorldOptions world;
  FlipOptions flips;
};

/// What became of bits that flipped: during one update, and until the device was whole again after it.
struct DamageOutcome {
  unsigned module_flips = 0, slot_flips = 0, journal_flips = 0;
  unsigned mended = 0;    ///< times the device found its module damaged and wrote it anew from the other slot
  unsigned replaced = 0;  ///< times it found that and ran the other slot's module
  unsigned lost = 0;      ///< times it found that and had no other
  unsigned fetched = 0;   ///< bundles that were sent once more because of damage
  unsigned faults = 0;    ///< resets because a damaged module faulted or did not return
  std::size_t damaged_inferences = 0;   ///< made with a damaged module before it was found
  std::uint64_t longest_damaged_s = 0;  ///< until damage of the running module was found
  std::uint64_t older_s = 0;            ///< in which an older module ran than was confirmed
  std::uint64_t without_s = 0;          ///< in which none ran

  [[nodiscard]] unsigned flips() const { return module_flips + slot_flips + journal_flips; }
  [[nodiscard]] unsigned found() const { return mended + replaced + lost; }
};

/// What became of one update.
struct UpdateOutcome {
  std::uint64_t sequence = 0;
  bool is_delta = false;
  std::size_t module_bytes = 0;
  std::size_t parcel_bytes = 0;
  std::size_t frames_sent = 0, frames_lost = 0;
  unsigned cuts = 0;
  std::size_t inferences = 0;  ///< while it arrived, was installed and proved itself
  std::size_t missed = 0;      ///< of them without an answer
  std::string status;          ///< how the device ended it
  bool is_active = false;      ///< the module runs in the end
  DamageOutcome damage;
};

struct DeviceOutcome {
  unsigned device = 0;
  std::vector<UpdateOutcome> updates;
  std::uint64_t active_sequence = 0;
  bool bricked = false;            ///< at some start there was no module to run; with flips: no bundle brought one back
  bool downgraded = false;         ///< at some start an older one ran than was confirmed; with flips: to the end, or
                                   ///< the device forgot what was confirmed
  bool damaged = false;            ///< a module with flipped bits was left running
  std::uint64_t true_time_s = 0;   ///< at the end
  std::int64_t clock_error_s = 0;  ///< of what the device takes for now, at the end; 0 where it knows none
  bool knows_time = false;
  bool is_stale = false;  ///< its report says so
};

/// Runs one device. Deterministic by options and `device`.
/// @param note  told what happens, a line at a time.
/// @error unsupported, too_large  the board, or modules that do not fit.   @error internal  the firmware faulted, or
/// an update came to no end.
[[nodiscard]] Result<DeviceOutcome> run_in_field(const board::BoardSpec& board, const FieldTrialOptions& options,
                                                 unsigned device, const std::function<void(std::string)>& note = {});

}  // namespace mote::simulation
