#include "mote/simulation/scenario.hpp"

#include <algorithm>

#include "abi/module.hpp"
#include "boards/agent_state.hpp"
#include "mote/base/hash.hpp"
#include "mote/package/bytes_source.hpp"
#include "mote/package/delta.hpp"

namespace mote::simulation {
namespace {

using package::SigningKey;
using update::Phase;
using update::Progress;
using update::Status;

SigningKey key(std::uint8_t number) { return SigningKey::from_seed({0x6d, 0x6f, 0x74, 0x65, number}); }

/// Keys and names that all scenarios share.
struct Cast {
  package::Uuid vendor = package::vendor_id("mote.example");
  package::Uuid klass = package::class_id(vendor, "simulated");
  package::Uuid device{1, 2, 3, 4};
  SigningKey root1 = key(1), root2 = key(2), release = key(3), time = key(4), later_release = key(5),
             later_root = key(6);

  package::KeysOptions keys_options(std::uint32_t version) const {
    package::KeysOptions options;
    options.version = version;
    options.root = {2, {root1.public_key(), version > 1 ? later_root.public_key() : root2.public_key()}};
    options.release = {1, {version > 1 ? later_release.public_key() : release.public_key()}};
    options.time = {1, {time.public_key()}};
    options.not_after_s = 2'000'000'000;
    options.highest_sequence = 1000;
    options.vendor = vendor;
    return options;
  }
};

class Author {
 public:
  Author(const Models& models, const update::Layout& layout) : models_(models), layout_(layout) {}

  Scenario begin(std::string name, bool with_module = true) {
    Scenario scenario;
    scenario.name = std::move(name);
    package::FactoryOptions factory;
    factory.vendor = cast_.vendor;
    factory.klass = cast_.klass;
    factory.device = cast_.device;
    factory.device_key.fill(0x17);
    factory.group_key = group_key();
    factory.agreement_key = agreement_secret();
    const SigningKey roots[] = {cast_.root1, cast_.root2};
    factory.keys = package::write_keys(cast_.keys_options(1), roots).value();
    if (with_module) {
      factory.module = models_.first.module;
      factory.sequence = scenario.first_sequence = scenario.last_sequence = 10;
    }
    scenario.factory = package::factory_image(layout_, factory).value();
    scenario.hardware.layout = layout_;
    scenario.hardware.runtime = native_runtime(models_);
    return scenario;
  }

  static package::GroupKey group_key() {
    package::GroupKey key{};
    key.fill(0x33);
    return key;
  }
  static std::array<std::uint8_t, 32> agreement_secret() {
    std::array<std::uint8_t, 32> secret{};
    secret.fill(0x44);
    return secret;
  }

  package::BundleOptions options(std::uint64_t sequence) const {
    package::BundleOptions options;
    options.sequence = sequence;
    options.vendor = cast_.vendor;
    options.klass = cast_.klass;
    options.shadow_inferences = 16;
    options.shadow_permille = 800;
    options.trial_inferences = 16;
    return options;
  }

  Bytes bundle(const Model& model, const package::BundleOptions& options, const SigningKey& signer) const {
    return package::write_bundle(model.module, options, std::span(&signer, 1)).value();
  }

  static void arrives(Scenario& scenario, Bytes parcel, Way way, std::uint64_t sequence, Status expected = Status::ok) {
    Arrival arrival;
    arrival.parcel = std::move(parcel);
    arrival.way = way;
    arrival.sequence = sequence;
    arrival.expected = expected;
    scenario.arrivals.push_back(std::move(arrival));
    if (expected == Status::ok) scenario.last_sequence = sequence;
  }

  const Cast& cast() const { return cast_; }

 private:
  Cast cast_;
  const Models& models_;
  update::Layout layout_;
};

std::vector<Scenario> write_scenarios(const Models& models, const update::Layout& layout) {
  Author author(models, layout);
  const Cast& cast = author.cast();
  std::vector<Scenario> all;
  const auto plain = [&](const Model& model, std::uint64_t sequence) {
    return author.bundle(model, author.options(sequence), cast.release);
  };

  all.push_back(author.begin("first install", false));
  Author::arrives(all.back(), plain(models.first, 11), Way::blocks, 11);

  all.push_back(author.begin("update"));
  Author::arrives(all.back(), plain(models.second, 11), Way::blocks, 11);

  all.push_back(author.begin("update in any order"));
  Author::arrives(all.back(), plain(models.second, 11), Way::shuffled, 11);

  all.push_back(author.begin("update by radio"));
  Author::arrives(all.back(), plain(models.second, 11), Way::radio, 11);

  all.push_back(author.begin("update from a card"));
  Author::arrives(all.back(), plain(models.second, 11), Way::card, 11);

  all.push_back(author.begin("update as a delta by radio, then one against a module that is gone"));
  {
    package::BundleOptions options = author.options(11);
    options.delta = package::Delta{models.second_delta, models.first.module};
    Author::arrives(all.back(), author.bundle(models.second, options, cast.release), Way::radio, 11);
    options = author.options(12);
    options.delta = package::Delta{models.third_delta, models.first.module};
    Author::arrives(all.back(), author.bundle(models.third, options, cast.release), Way::card, 12, Status::wrong_base);
  }

  all.push_back(author.begin("two updates"));
  Author::arrives(all.back(), plain(models.second, 11), Way::card, 11);
  Author::arrives(all.back(), plain(models.third, 12), Way::blocks, 12);

  all.push_back(author.begin("self-test fails, then a mended one"));
  Author::arrives(all.back(), plain(models.untrue, 11), Way::card, 11, Status::self_test_failed);
  Author::arrives(all.back(), plain(models.second, 12), Way::card, 12);

  all.push_back(author.begin("shadow run disagrees"));
  Author::arrives(all.back(), plain(models.disagreeing, 11), Way::blocks, 11, Status::shadow_disagrees);

  all.push_back(author.begin("new keys, then an update signed by them"));
  {
    const SigningKey roots[] = {cast.root1, cast.root2, cast.later_root};
    Arrival keys;
    keys.parcel = package::write_keys(cast.keys_options(2), roots).value();
    keys.keys_version = 2;
    all.back().arrivals.push_back(keys);
    Author::arrives(all.back(), author.bundle(models.second, author.options(11), cast.later_release), Way::blocks, 11);
  }

  all.push_back(author.begin("time, then an update that expires"));
  {
    Arrival time;
    time.parcel = package::write_time({1'700'000'000, cast.klass, 11}, cast.time);
    time.time_s = 1'700'000'000;
    all.back().arrivals.push_back(time);
    package::BundleOptions early = author.options(11);
    early.use_before_s = 1'600'000'000;
    Author::arrives(all.back(), author.bundle(models.third, early, cast.release), Way::card, 11, Status::expired);
    package::BundleOptions in_time = author.options(12);
    in_time.use_before_s = 1'800'000'000;
    Author::arrives(all.back(), author.bundle(models.second, in_time, cast.release), Way::blocks, 12);
  }

  all.push_back(author.begin("statements and update in one parcel"));
  {
    const SigningKey roots[] = {cast.root1, cast.root2, cast.later_root};
    const Bytes messages[] = {package::write_keys(cast.keys_options(2), roots).value(),
                              package::write_time({1'700'000'000, cast.klass, 11}, cast.time),
                              author.bundle(models.second, author.options(11), cast.later_release)};
    Author::arrives(all.back(), package::join(messages), Way::shuffled, 11);
  }

  all.push_back(author.begin("encrypted for its group"));
  {
    package::BundleOptions options = author.options(11);
    options.encryption.emplace();
    options.encryption->groups = {Author::group_key()};
    options.encryption->seed.emplace().fill(1);
    Author::arrives(all.back(), author.bundle(models.second, options, cast.release), Way::blocks, 11);
  }

  all.push_back(author.begin("encrypted delta for this device alone"));
  {
    package::BundleOptions options = author.options(11);
    options.encryption.emplace();
    options.encryption->devices = {package::agreement_public_key(Author::agreement_secret())};
    options.encryption->seed.emplace().fill(2);
    options.delta =
        package::Delta{package::encode_delta(models.first.module, models.second.module).value(), models.first.module};
    Author::arrives(all.back(), author.bundle(models.second, options, cast.release), Way::card, 11);
  }

  all.push_back(author.begin("larger than the store, then one that fits"));
  {
    Bytes large = plain(models.second, 11);
    large.resize(layout.inbox_bytes + 1);
    Author::arrives(all.back(), std::move(large), Way::blocks, 11, Status::too_large);
    Author::arrives(all.back(), plain(models.second, 11), Way::blocks, 11);
  }

  all.push_back(author.begin("forged, then a true one"));
  Author::arrives(all.back(), author.bundle(models.second, author.options(11), cast.time), Way::blocks, 11,
                  Status::wrong_role);
  Author::arrives(all.back(), plain(models.second, 12), Way::blocks, 12);

  all.push_back(author.begin("damaged module, then a repair"));
  all.back().damages_active = true;
  Author::arrives(all.back(), plain(models.first, 10), Way::blocks, 10);

  return all;
}

std::uint16_t block_bytes(Way way) { return way == Way::radio ? 40 : 256; }

/// A native device, from inside.
class NativeView {
 public:
  explicit NativeView(NativeDevice& device) : device_(device) {}
  device::AgentState state() { return device::agent_state(device_.agent(), Status::ok, progress_); }
  Phase phase() { return device_.agent().phase(); }
  Status announce(const update::Announcement& announcement) { return device_.agent().announce(announcement); }
  Status offer(ByteSpan parcel) {
    card_ = package::BytesSource(parcel);
    return device_.agent().offer(card_);
  }
  void abandon(Status reason) { device_.agent().abandon(reason); }
  /// The first from `number` on that it may lack.
  std::uint32_t next_missing(std::uint32_t number) { return device_.agent().inbox()->next_missing(number); }
  Status put(std::uint32_t number, ByteSpan block) {
    return device_.agent().inbox()->put(number, {block.data(), block.size()});
  }
  void step(unsigned count) {
    for (progress_ = Progress::worked; count > 0 && progress_ != Progress::idle; --count)
      progress_ = device_.agent().step();
  }
  void infer() { device_.infer(); }

 private:
  NativeDevice& device_;
  package::BytesSource card_;
  Progress progress_ = Progress::idle;
};

/// Any device, from outside.
class FieldView {
 public:
  struct Failed {
    Error error;
  };

  FieldView(FieldDevice& device, const Models& models) : device_(device), models_(models) { state(); }
  const device::AgentState& state() { return take(device_.state()); }
  [[nodiscard]] Phase phase() const { return static_cast<Phase>(state_.phase); }
  Status announce(const update::Announcement& announcement) { return answer(device_.announce(announcement)); }
  Status offer(ByteSpan parcel) { return answer(device_.offer(parcel)); }
  void abandon(Status reason) { take(device_.abandon(reason)); }
  static std::uint32_t next_missing(std::uint32_t number) { return number; }
  Status put(std::uint32_t number, ByteSpan block) { return answer(device_.put(number, block)); }
  void step(std::uint16_t count) { take(device_.step(count)); }
  void infer() {
    const std::size_t count = models_.inputs.size() / models_.input_bytes;
    auto output = device_.infer(
        ByteSpan(models_.inputs).subspan(next_input_++ % count * models_.input_bytes, models_.input_bytes));
    if (!output) throw Failed{std::move(output).error()};
    state();
  }

 private:
  const device::AgentState& take(Result<device::AgentState> said) {
    if (!said) throw Failed{std::move(said).error()};
    return state_ = *said;
  }
  Status answer(Result<device::AgentState> said) { return static_cast<Status>(take(std::move(said)).answer); }

  FieldDevice& device_;
  const Models& models_;
  device::AgentState state_{};
  std::size_t next_input_ = 0;
};

/// A sender of one arrival's blocks.
class Sender {
 public:
  Sender(const Arrival& arrival, Rng& rng) : arrival_(arrival), rng_(rng) {
    const Digest digest = sha256(arrival.parcel);
    std::copy_n(digest.bytes.begin(), sizeof(announcement_.id), announcement_.id);
    announcement_.total_bytes = static_cast<std::uint32_t>(arrival.parcel.size());
    announcement_.block_bytes = block_bytes(arrival.way);
    count_ = (announcement_.total_bytes + announcement_.block_bytes - 1u) / announcement_.block_bytes;
  }
  [[nodiscard]] const update::Announcement& announcement() const { return announcement_; }

  /// Gives the device a block that it lacks, as far as can be seen, if the way does not lose it.
  template <class View>
  Status send_block(View& device) {
    if (arrival_.way == Way::radio && rng_.chance(0.3)) return Status::ok;
    const bool in_order = arrival_.way == Way::blocks;
    std::uint32_t number = device.next_missing(in_order ? next_ : static_cast<std::uint32_t>(rng_.below(count_)));
    if (number >= count_) number = device.next_missing(0);
    if (number >= count_) return Status::ok;
    if (arrival_.way == Way::shuffled && rng_.chance(0.1))
      number = static_cast<std::uint32_t>(rng_.below(count_));  // a repetition
    next_ = (number + 1) % count_;
    const std::size_t offset = std::size_t{number} * announcement_.block_bytes;
    return device.put(number, ByteSpan(arrival_.parcel)
                                  .subspan(offset, std::min<std::size_t>(announcement_.block_bytes,
                                                                         arrival_.parcel.size() - offset)));
  }

 private:
  const Arrival& arrival_;
  Rng& rng_;
  update::Announcement announcement_;
  std::uint32_t count_ = 0, next_ = 0;
};

/// @return false  it did not come to an end in any reasonable time.
template <class View>
bool live_with(View& device, const Scenario& scenario, std::uint64_t seed) {
  Rng rng(seed);
  std::uint32_t idle_rounds = 0;
  for (const Arrival& arrival : scenario.arrivals) {
    Sender sender(arrival, rng);
    for (std::uint32_t round = 0; !has_ended(device.state(), arrival); ++round) {
      if (round > 20'000) return false;
      if (device.phase() == Phase::idle) {
        if (++idle_rounds > 400) return false;
        if (arrival.way == Way::card) {
          if (device.offer(arrival.parcel) != Status::ok) return false;
        } else {
          const Status status = device.announce(sender.announcement());
          if (status == Status::too_large && status == arrival.expected) break;  // refused before anything is stored
          if (status != Status::ok && status != Status::waiting) return false;
        }
      } else if (device.phase() == Phase::receiving && arrival.way == Way::card) {
        device.abandon(Status::too_slow);
      } else if (device.phase() == Phase::receiving) {
        // Another parcel's session was under way when this one's turn came: its sender is gone.
        if (device.announce(sender.announcement()) == Status::busy) device.abandon(Status::too_slow);
        // Spare positions used up by cuts: the session begins anew.
        if (device.phase() == Phase::receiving && sender.send_block(device) == Status::store_full)
          device.abandon(Status::store_full);
      }
      device.step(4);
      if (round % 4 == 3 || device.phase() == Phase::trial || device.phase() == Phase::shadowing) device.infer();
    }
  }
  // What was confirmed last settles.
  for (int i = 0; i < 16 && device.phase() != Phase::idle; ++i) device.step(1);
  return device.phase() == Phase::idle;
}

}  // namespace

const std::vector<Flash>& flashes() {
  static const std::vector<Flash> kFlashes{
      {"nRF52: 4 KiB, unit 4, twice", {0, 4096, 4, 2}},
      {"STM32L4: 4 KiB, unit 8, once", {0, 4096, 8, 1}},
      {"STM32L4, small bank: 2 KiB, unit 8, once", {0, 2048, 8, 1}},
      {"STM32G0: 2 KiB, unit 8", {0, 2048, 8, 0}},
      {"STM32H7: 8 KiB, unit 32, once", {0, 8192, 32, 1}},
      {"STM32F4: 16 KiB, unit 4", {0, 16384, 4, 0}},
      {"STM32F1: 1 KiB, unit 2", {0, 1024, 2, 0}},
      {"SAMD21: 256 B rows, unit 4", {0, 256, 4, 0}},
      {"SAMD51: 8 KiB, unit 16, once", {0, 8192, 16, 1}},
      {"RP2040, serial flash: 4 KiB, unit 1", {0, 4096, 1, 0}},
      {"EFM32: 2 KiB, unit 4, twice", {0, 2048, 4, 2}},
      {"LPC55: 512 B, unit 16, once", {0, 512, 16, 1}},
  };
  return kFlashes;
}

Result<ScenarioSet> make_scenarios(const Flash& flash, const Models& models) {
  const std::uint32_t trailer = std::max<std::uint32_t>(8, flash.geometry.write_unit_bytes);
  // Room for a parcel in frames of 40 bytes with their trailers, and spare ones.
  const std::uint32_t frame =
      (40 + flash.geometry.write_unit_bytes - 1) / flash.geometry.write_unit_bytes * flash.geometry.write_unit_bytes +
      trailer;
  ScenarioSet set;
  set.storage = {models.module_bytes, ((models.module_bytes + 2048) / 40 + 16) * frame};
  set.geometry = flash.geometry;
  const update::Layout layout = update::arrange(flash.geometry.sector_bytes, flash.geometry.write_unit_bytes,
                                                set.storage.module_bytes, set.storage.inbox_bytes);
  set.geometry.bytes = layout.end();
  set.scenarios = write_scenarios(models, layout);
  return set;
}

Bytes factory_content(const Scenario& scenario) {
  Bytes image = scenario.factory;
  if (scenario.damages_active) image[scenario.hardware.layout.slot(0) + sizeof(device::ModuleHeader) + 40] ^= 4;
  return image;
}

board::NorFlash factory_flash(const ScenarioSet& set, const Scenario& scenario) {
  board::NorFlash flash = board::NorFlash::create(set.geometry).value();
  MOTE_CHECK(flash.load(0, factory_content(scenario)).has_value());
  return flash;
}

bool has_ended(const device::AgentState& state, const Arrival& arrival) {
  if (arrival.keys_version != 0) return state.keys_version >= arrival.keys_version;
  if (arrival.sequence == 0) return state.time_s >= arrival.time_s;
  if (arrival.expected == Status::ok) return state.confirmed_sequence >= arrival.sequence && state.active_sequence != 0;
  return state.last_sequence >= arrival.sequence && static_cast<Status>(state.last_status) != Status::module_damaged;
}

bool live(NativeDevice& device, const Scenario& scenario, std::uint64_t seed) {
  NativeView view(device);
  return live_with(view, scenario, seed);
}

Result<bool> live(FieldDevice& device, const Scenario& scenario, const Models& models, std::uint64_t seed) {
  FieldView view(device, models);
  try {
    return live_with(view, scenario, seed);
  } catch (FieldView::Failed& failed) {
    return tl::unexpected(std::move(failed.error));
  }
}

}  // namespace mote::simulation
