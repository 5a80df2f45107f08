#include "mote/simulation/field_trial.hpp"

#include <algorithm>
#include <optional>

#include "flash_damage.hpp"
#include "module_inputs.hpp"
#include "mote/base/hash.hpp"
#include "mote/base/rng.hpp"
#include "mote/fleet/radio_sender.hpp"
#include "mote/package/delta.hpp"
#include "mote/package/report.hpp"
#include "mote/simulation/field_device.hpp"
#include "mote/simulation/links.hpp"

namespace mote::simulation {
namespace {

using device::AgentState;
using update::Phase;
using update::Status;

constexpr std::size_t kNetworkBlockBytes = 1024;
constexpr unsigned kMostRounds = 200'000;
constexpr unsigned kMostRepairs = 20;
constexpr std::uint64_t kBegin = 1'800'000'000;  // when devices leave the factory

package::SigningKey key(std::uint64_t seed, std::uint8_t number) {
  std::array<std::uint8_t, 32> secret{};
  Rng rng(mix(seed, number));
  for (auto& byte : secret) byte = static_cast<std::uint8_t>(rng.below(256));
  return package::SigningKey::from_seed(secret);
}

std::uint32_t up(std::size_t bytes, std::size_t multiple) {
  return static_cast<std::uint32_t>((bytes + multiple - 1) / multiple * multiple);
}

/// What flipped bits of a slot or of a delta's base can make of a good bundle: nothing speaks against it the next time.
bool is_by_damage(Status status) {
  return status == Status::digest_mismatch || status == Status::wrong_base || status == Status::malformed ||
         status == Status::module_damaged;
}

class FieldTrial {
 public:
  FieldTrial(const board::BoardSpec& board, const FieldTrialOptions& options, unsigned number,
             const std::function<void(std::string)>& note)
      : board_(board), options_(options), rng_(mix(options.seed, number)), note_(note) {
    outcome_.device = number;
    std::size_t largest = 0;
    for (const Bytes& module : options.modules) largest = std::max(largest, module.size());
    const std::size_t block = options.carrier == Carrier::radio ? options.frame_bytes : kNetworkBlockBytes;
    const update::Layout flash = layout_on(board, {});
    const std::size_t trailer = std::max<std::size_t>(8, flash.write_unit_bytes);
    const std::size_t stride = up(block, flash.write_unit_bytes) + trailer;
    storage_.stale_after_s = options.world.stale_after_s;
    storage_.module_bytes = up(largest, flash.sector_bytes);
    // The whole module as it may come, coded rows beside it, and what cuts spoil.
    storage_.inbox_bytes = up(((largest + 2048) / (block - 8) + 160) * stride, flash.sector_bytes);
    vendor_ = package::vendor_id("mote.example");
    klass_ = package::class_id(vendor_, board.name);
    for (auto& byte : device_key_) byte = static_cast<std::uint8_t>(rng_.below(256));
    for (auto& byte : group_key_) byte = static_cast<std::uint8_t>(mix(options.seed, 77) >> (rng_.below(8)));
    damage_.emplace(options.flips, options.modules, layout_on(board, storage_), options.world.pace_s,
                    mix(options.seed, number + 0x666c6970));
  }

  Result<DeviceOutcome> run() {
    MOTE_TRY_VOID(leave_factory());
    for (std::size_t i = 1; i < options_.modules.size(); ++i) {
      UpdateOutcome update;
      damage_->begin(update.damage);
      MOTE_TRY_VOID(take_update(i, update));
      if (damage_->is_scheduled()) MOTE_TRY_VOID(live_on(update));
      outcome_.updates.push_back(std::move(update));
    }
    MOTE_TRY(const AgentState state, device_->state());
    outcome_.active_sequence = state.active_sequence;
    auto bytes = device_->report();
    if (!bytes && !device_->flash().powered()) {
      MOTE_TRY_VOID(restart());
      bytes = device_->report();
    }
    if (!bytes) return fail(std::move(bytes).error());
    MOTE_TRY(const package::Report report, package::read_report(*bytes, device_key_, 0));
    outcome_.is_stale = report.is_stale;
    outcome_.knows_time = report.time_s != 0;
    outcome_.true_time_s = now_s();
    if (outcome_.knows_time)
      outcome_.clock_error_s = static_cast<std::int64_t>(report.time_s) - static_cast<std::int64_t>(now_s());
    return std::move(outcome_);
  }

 private:
  void say(std::string text) {
    if (note_) note_("device " + std::to_string(outcome_.device) + ": " + std::move(text));
  }

  Result<void> leave_factory() {
    package::KeysOptions keys;
    const package::SigningKey root = key(options_.seed, 1), release = key(options_.seed, 2),
                              time = key(options_.seed, 3);
    keys.root = {1, {root.public_key()}};
    keys.release = {1, {release.public_key()}};
    keys.time = {1, {time.public_key()}};
    keys.not_after_s = 4'000'000'000;
    keys.highest_sequence = 1'000'000;
    keys.vendor = vendor_;
    package::FactoryOptions factory;
    factory.vendor = vendor_;
    factory.klass = klass_;
    factory.device[0] = static_cast<std::uint8_t>(outcome_.device);
    factory.device[1] = static_cast<std::uint8_t>(outcome_.device >> 8);
    factory.device_key = device_key_;
    factory.group_key = group_key_;
    MOTE_TRY(factory.keys, package::write_keys(keys, std::span(&root, 1)));
    factory.module = options_.modules.front();
    factory.sequence = 1;
    MOTE_TRY(const Bytes image, package::factory_image(layout_on(board_, storage_), factory));
    MOTE_TRY(device_, make_field_device(board_, storage_, image));
    MOTE_TRY(state_, device_->start(update::ResetCause::power_on));
    MOTE_TRY_VOID(tell_world());
    if (state_.active_sequence != 1)
      return fail(Code::internal, "the device does not run what the factory put in: " +
                                      std::string(update::name(static_cast<Status>(state_.answer))));
    inputs_ = module_inputs(options_.modules.front(), rng_);
    return {};
  }

  Result<Bytes> write_parcel(std::size_t index, UpdateOutcome& update) {
    package::BundleOptions options;
    options.sequence = update.sequence;
    options.vendor = vendor_;
    options.klass = klass_;
    options.shadow_inferences = options_.shadow_inferences;
    options.shadow_permille = options_.shadow_permille;
    options.trial_inferences = options_.trial_inferences;
    options.minimum_battery_percent = options_.world.minimum_battery_percent;
    if (options_.world.valid_s != 0) options.use_before_s = now_s() + options_.world.valid_s;
    const Bytes& module = options_.modules[index];
    if (options_.deltas && state_.active_sequence != 0) {
      const Bytes& base = options_.modules[state_.active_sequence - 1];
      MOTE_TRY(Bytes delta, package::encode_delta(base, module));
      update.is_delta = delta.size() < module.size();
      if (update.is_delta) options.delta = package::Delta{std::move(delta), base};
    }
    if (options_.encrypted) {
      package::EncryptionOptions encryption;
      encryption.groups = {group_key_};
      encryption.seed.emplace();
      for (auto& byte : *encryption.seed) byte = static_cast<std::uint8_t>(rng_.below(256));
      options.encryption = encryption;
    }
    const package::SigningKey release = key(options_.seed, 2);
    MOTE_TRY(Bytes bundle, package::write_bundle(module, options, std::span(&release, 1)));
    if (!options_.world.statements) return bundle;
    const Bytes messages[] = {package::write_time({now_s(), klass_, 0}, key(options_.seed, 3)), std::move(bundle)};
    return package::join(messages);
  }

  /// True time: each turn takes as long as the last.
  [[nodiscard]] std::uint64_t now_s() const { return kBegin + std::uint64_t{turns_} * options_.world.pace_s; }

  [[nodiscard]] std::uint64_t clock_s() const {
    const WorldOptions& world = options_.world;
    if (world.clock == Clock::none) return 0;
    const auto runs_for = [&](std::uint64_t seconds) {
      return static_cast<std::int64_t>(static_cast<double>(seconds) * (1 + world.drift_ppm / 1e6));
    };
    // A clock that has begun anew is some second of 1970, not absent.
    if (world.clock == Clock::lost && power_came_ != kBegin)
      return 1 + static_cast<std::uint64_t>(runs_for(now_s() - power_came_));
    const std::int64_t shown = static_cast<std::int64_t>(kBegin) + world.clock_error_s + runs_for(now_s() - kBegin);
    return static_cast<std::uint64_t>(std::max<std::int64_t>(shown, 1));
  }

  /// Sinks over the day from full, is charged at its end.
  [[nodiscard]] std::uint8_t battery_percent() const {
    const WorldOptions& world = options_.world;
    const std::uint64_t of_day = (now_s() - kBegin) % world.battery_day_s;
    return static_cast<std::uint8_t>(100 - (100 - world.battery_low_percent) * of_day / world.battery_day_s);
  }

  Result<void> tell_world() {
    if (options_.world.clock == Clock::none && options_.world.battery_low_percent >= 100) return {};
    MOTE_TRY(state_, device_->world(battery_percent(), clock_s()));
    return {};
  }

  /// Power came back, or the module that ran brought the core down: what the device says then is what the trial is
  /// about.
  Result<void> restart(update::ResetCause cause = update::ResetCause::power_on) {
    MOTE_TRY_VOID(device_->power_on(rng_.next()));
    if (options_.world.clock == Clock::lost) power_came_ = now_s();
    MOTE_TRY(const AgentState now, device_->start(cause));
    // A flipped bit may well take a device its module, until it is sent again (live_on).
    const bool flips = damage_->is_scheduled();
    outcome_.bricked = outcome_.bricked || (now.active_sequence == 0 && !flips);
    outcome_.downgraded = outcome_.downgraded || now.confirmed_sequence < state_.confirmed_sequence ||
                          (now.active_sequence != 0 && now.active_sequence < now.confirmed_sequence && !flips);
    damage_->look(*device_, state_, now);
    state_ = now;
    return tell_world();
  }

  /// Passes a state on; false when power failed.
  Result<bool> went_on(Result<AgentState> said) {
    if (said) {
      state_ = *said;
      return true;
    }
    if (device_->flash().powered()) return fail(std::move(said).error());
    return false;
  }

  [[nodiscard]] Phase phase() const { return static_cast<Phase>(state_.phase); }

  Result<void> take_update(std::size_t index, UpdateOutcome& update) {
    update.sequence = index + 1;
    update.module_bytes = options_.modules[index].size();
    MOTE_TRY(Bytes parcel, write_parcel(index, update));
    update.parcel_bytes = parcel.size();
    say("update " + std::to_string(update.sequence) + ": " + std::to_string(parcel.size()) + " bytes by " +
        std::string(name(options_.carrier)) + (update.is_delta ? ", as a delta" : ""));
    MOTE_TRY_VOID(deliver(parcel, update));
    while (damage_->is_scheduled() && state_.active_sequence != update.sequence &&
           is_by_damage(static_cast<Status>(state_.last_status)) && update.damage.fetched < kMostRepairs) {
      ++update.damage.fetched;
      MOTE_TRY(parcel, write_parcel(index, update));
      MOTE_TRY_VOID(deliver(parcel, update));
    }
    update.is_active = state_.active_sequence == update.sequence;
    say("update " + std::to_string(update.sequence) + ": " + update.status + " after " + std::to_string(update.cuts) +
        " power cuts and " + std::to_string(update.inferences) + " inferences");
    return {};
  }

  /// Sends a parcel until the device has ended it.
  Result<void> deliver(const Bytes& parcel, UpdateOutcome& update) {
    announcement_ = fleet::announcement_of(parcel, kNetworkBlockBytes);
    Radio radio({options_.loss, options_.burst, 0, 0, 0, 255}, rng_.next());
    frames_.clear();
    next_frame_ = round_ = 0;
    begun_ = false;
    for (unsigned turn = 0;; ++turn) {
      if (turn > kMostRounds)
        return fail(Code::internal, "update " + std::to_string(update.sequence) + " came to no end; the device is " +
                                        update::name(phase()) + ", the last one ended with " +
                                        update::name(static_cast<Status>(state_.last_status)));
      if (update.cuts < options_.cuts && rng_.chance(0.02))
        device_->flash().cut_power_at({device_->flash().operations() + rng_.below(40),
                                       static_cast<std::uint8_t>(rng_.below(256)), rng_.next(),
                                       static_cast<std::uint8_t>(rng_.below(256))});
      MOTE_TRY_VOID(pass(&parcel, &radio, update, turn));
      if (done(update.sequence) && phase() == Phase::idle) break;
    }
    update.frames_sent += radio.sent();
    update.frames_lost += radio.lost();
    update.status = update::name(static_cast<Status>(state_.last_status));
    return {};
  }

  /// After an update: bits go on flipping, the device looks at its module and is switched off and on, and what it lost
  /// is sent to it again.
  Result<void> live_on(UpdateOutcome& update) {
    const std::size_t look_at_all = storage_.module_bytes / update::kMacBlockBytes + 8;
    bool restarted = false;
    for (std::size_t turn = 0, quiet = 0; !restarted || quiet < look_at_all; ++turn) {
      const unsigned flips = update.damage.flips();
      MOTE_TRY_VOID(pass(nullptr, nullptr, update, static_cast<unsigned>(turn)));
      if (flips != update.damage.flips()) restarted = false;
      quiet = flips == update.damage.flips() && damage_->is_over() ? quiet + 1 : 0;
      if (state_.active_sequence < state_.confirmed_sequence) {
        if (update.damage.fetched == kMostRepairs) break;
        MOTE_TRY_VOID(repair(update));
        quiet = 0;
      } else if (quiet == look_at_all && !restarted) {
        MOTE_TRY_VOID(restart());
        restarted = true;
        quiet = 0;
      }
    }
    outcome_.bricked = outcome_.bricked || state_.active_sequence == 0;
    outcome_.downgraded = outcome_.downgraded || state_.active_sequence < state_.confirmed_sequence;
    outcome_.damaged = outcome_.damaged || damage_->is_damaged(*device_, state_);
    update.is_active = state_.active_sequence == update.sequence;
    return {};
  }

  /// The bundle of what was confirmed last travels once more.
  Result<void> repair(UpdateOutcome& update) {
    ++update.damage.fetched;
    UpdateOutcome again;
    again.sequence = state_.confirmed_sequence;
    MOTE_TRY(const Bytes parcel, write_parcel(again.sequence - 1, again));
    again.cuts = update.cuts;
    MOTE_TRY_VOID(deliver(parcel, again));
    update.frames_sent += again.frames_sent;
    update.frames_lost += again.frames_lost;
    update.cuts = again.cuts;
    update.inferences += again.inferences;
    update.missed += again.missed;
    say("module " + std::to_string(again.sequence) + " sent again: " + again.status);
    return {};
  }

  /// Time passes: a piece of arrival where something is sent, a few steps, an inference.
  Result<void> pass(const Bytes* parcel, Radio* radio, UpdateOutcome& update, unsigned turn) {
    ++turns_;
    MOTE_TRY_VOID(tell_world());
    MOTE_TRY_VOID(damage_->strike(*device_, state_));
    const AgentState before = state_;
    const auto powered = turn_of(parcel, radio, update, turn);
    if (!powered) {
      // On a core, a damaged module may do anything: its watchdog or its fault handler resets it.
      if (!damage_->is_scheduled()) return fail(powered.error());
      damage_->faulted();
      return restart(update::ResetCause::fault);
    }
    if (!*powered) {
      ++update.cuts;
      return restart();
    }
    damage_->look(*device_, before, state_);
    return {};
  }

  Result<bool> turn_of(const Bytes* parcel, Radio* radio, UpdateOutcome& update, unsigned turn) {
    MOTE_TRY(bool powered, parcel == nullptr ? Result<bool>(true) : arrive(*parcel, *radio, update.sequence));
    if (!powered) return false;
    MOTE_TRY(powered, went_on(device_->step(4)));
    if (!powered) return false;
    if (phase() != Phase::idle) begun_ = true;
    const bool receiving = phase() == Phase::receiving || phase() == Phase::preparing;
    if (receiving && turn % 16 != 0) return true;  // a sensor is slower than a radio
    damage_->infers(*device_, state_);
    const auto output = device_->infer(inputs_[turn % inputs_.size()]);
    if (!output && device_->flash().powered()) return fail(output.error());
    if (!output) return false;
    ++update.inferences;
    if (output->empty()) ++update.missed;
    return went_on(device_->state());
  }

  Result<bool> arrive(const Bytes& parcel, Radio& radio, std::uint64_t sequence) {
    switch (options_.carrier) {
      case Carrier::card: {
        if (phase() != Phase::idle || done(sequence)) return true;
        MOTE_TRY(const bool powered, went_on(device_->offer(parcel)));
        // It may be judged, and refused, within a turn.
        begun_ = begun_ || (powered && static_cast<Status>(state_.answer) == Status::ok);
        return powered;
      }
      case Carrier::network: {
        if (phase() == Phase::idle && !done(sequence)) return went_on(device_->announce(announcement_));
        if (phase() != Phase::receiving || state_.missing_blocks == 0) return true;
        const std::uint64_t blocks = (parcel.size() + kNetworkBlockBytes - 1) / kNetworkBlockBytes;
        const std::uint64_t number = rng_.below(blocks);
        const std::size_t offset = static_cast<std::size_t>(number) * kNetworkBlockBytes;
        return went_on(
            device_->put(static_cast<std::uint32_t>(number),
                         ByteSpan(parcel).subspan(offset, std::min(kNetworkBlockBytes, parcel.size() - offset))));
      }
      case Carrier::radio:
        break;
    }
    if (phase() != Phase::idle && phase() != Phase::receiving) return true;
    if (phase() == Phase::idle && done(sequence)) return true;
    if (next_frame_ == frames_.size()) {
      fleet::RadioSenderOptions sender;
      sender.frame_bytes = options_.frame_bytes;
      sender.expected_loss = options_.loss;
      sender.expected_burst = options_.burst;
      MOTE_TRY(frames_, fleet::radio_round(parcel, sender, round_++));
      next_frame_ = 0;
    }
    for (const Bytes& frame : radio.send(frames_[next_frame_++])) {
      MOTE_TRY(const bool powered, went_on(device_->radio(frame)));
      if (!powered) return false;
    }
    return true;
  }

  [[nodiscard]] bool done(std::uint64_t sequence) const { return begun_ && state_.last_sequence == sequence; }

  const board::BoardSpec& board_;
  const FieldTrialOptions& options_;
  Rng rng_;
  const std::function<void(std::string)>& note_;
  DeviceOutcome outcome_;
  BoardStorage storage_;
  package::Uuid vendor_{}, klass_{};
  std::array<std::uint8_t, 32> device_key_{};
  std::array<std::uint8_t, 16> group_key_{};
  std::optional<FlashDamage> damage_;
  std::unique_ptr<FieldDevice> device_;
  AgentState state_{};
  std::vector<Bytes> inputs_;
  update::Announcement announcement_;
  std::vector<Bytes> frames_;
  std::size_t next_frame_ = 0, round_ = 0;
  bool begun_ = false;
  std::uint32_t turns_ = 0;
  std::uint64_t power_came_ = kBegin;
};

}  // namespace

std::string_view name(Carrier carrier) {
  switch (carrier) {
    case Carrier::network:
      return "network";
    case Carrier::radio:
      return "radio";
    case Carrier::card:
      return "card";
  }
  return "";
}

std::string_view name(Clock clock) {
  switch (clock) {
    case Clock::none:
      return "none";
    case Clock::kept:
      return "kept";
    case Clock::lost:
      return "lost";
  }
  return "";
}

Result<Clock> clock_named(std::string_view text) {
  for (const Clock clock : {Clock::none, Clock::kept, Clock::lost}) {
    if (name(clock) == text) return clock;
  }
  return fail(Code::invalid_argument, "there is no clock called '" + std::string(text) + "': none, kept, lost");
}

Result<Carrier> carrier_named(std::string_view text) {
  for (const Carrier carrier : {Carrier::network, Carrier::radio, Carrier::card}) {
    if (name(carrier) == text) return carrier;
  }
  return fail(Code::invalid_argument,
              "there is no way of arriving called '" + std::string(text) + "': network, radio, card");
}

Result<DeviceOutcome> run_in_field(const board::BoardSpec& board, const FieldTrialOptions& options, unsigned device,
                                   const std::function<void(std::string)>& note) {
  if (options.modules.size() < 2) return fail(Code::invalid_argument, "a device and one update take two modules");
  for (const Bytes& module : options.modules) MOTE_TRY_VOID(package::requirements_of(module, {}));
  return FieldTrial(board, options, device, note).run();
}

}  // namespace mote::simulation
