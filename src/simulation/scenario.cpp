#include "mote/simulation/scenario.hpp"

#include <algorithm>

#include "abi/module.hpp"
#include "mote/base/hash.hpp"
#include "mote/package/delta.hpp"

namespace mote::simulation {
namespace {

using package::SigningKey;
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
    auto& runtime = scenario.hardware.runtime;
    runtime.core = 0;
    runtime.arena_bytes = static_cast<std::uint32_t>(models_.arena_bytes);
    runtime.arena_align = 64;
    runtime.stack_bytes = 4096;
    runtime.firmware_version = 3;
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

/// A card that stays in its slot.
class Card : public update::Source {
 public:
  explicit Card(ByteSpan content) : content_(content) {}
  std::uint32_t bytes() const override { return static_cast<std::uint32_t>(content_.size()); }
  Status read(std::uint32_t offset, update::MutableBytes to) override {
    if (offset > content_.size() || to.size > content_.size() - offset) return Status::truncated;
    std::copy_n(content_.begin() + offset, to.size, to.data);
    return Status::ok;
  }

 private:
  ByteSpan content_;
};

std::uint16_t block_bytes(Way way) { return way == Way::radio ? 40 : 256; }

/// Gives the device a block that it lacks, if the way does not lose it.
Status send_block(update::Inbox& inbox, const Arrival& arrival, Rng& rng) {
  const std::uint32_t count = inbox.block_count();
  const bool in_order = arrival.way == Way::blocks;
  if (arrival.way == Way::radio && rng.chance(0.3)) return Status::ok;
  std::uint32_t number = inbox.next_missing(in_order ? 0 : static_cast<std::uint32_t>(rng.below(count)));
  if (number == count) number = inbox.next_missing(0);
  if (number == count) return Status::ok;
  if (arrival.way == Way::shuffled && rng.chance(0.1))
    number = static_cast<std::uint32_t>(rng.below(count));  // a repetition
  const std::size_t offset = std::size_t{number} * block_bytes(arrival.way);
  return inbox.put(number, {arrival.parcel.data() + offset, inbox.block_size(number)});
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
  std::size_t largest = 0;
  for (const Model* model : {&models.first, &models.second, &models.third, &models.disagreeing, &models.untrue})
    largest = std::max(largest, model->module.size());
  const auto module_bytes = static_cast<std::uint32_t>(largest);
  const std::uint32_t trailer = std::max<std::uint32_t>(8, flash.geometry.write_unit_bytes);
  // Room for a parcel in frames of 40 bytes with their trailers, and spare ones.
  const std::uint32_t frame =
      (40 + flash.geometry.write_unit_bytes - 1) / flash.geometry.write_unit_bytes * flash.geometry.write_unit_bytes +
      trailer;
  const std::uint32_t inbox_bytes = ((module_bytes + 2048) / 40 + 16) * frame;
  ScenarioSet set;
  set.geometry = flash.geometry;
  const update::Layout layout =
      update::arrange(flash.geometry.sector_bytes, flash.geometry.write_unit_bytes, module_bytes, inbox_bytes);
  set.geometry.bytes = layout.end();
  set.scenarios = write_scenarios(models, layout);
  return set;
}

board::NorFlash factory_flash(const ScenarioSet& set, const Scenario& scenario) {
  board::NorFlash flash = board::NorFlash::create(set.geometry).value();
  Bytes image = scenario.factory;
  if (scenario.damages_active) image[scenario.hardware.layout.slot(0) + sizeof(device::ModuleHeader) + 40] ^= 4;
  MOTE_CHECK(flash.load(0, image).has_value());
  return flash;
}

bool has_ended(update::Agent& agent, const Arrival& arrival) {
  const update::Record& record = agent.record();
  if (arrival.keys_version != 0) return agent.keys_version() >= arrival.keys_version;
  if (arrival.sequence == 0) return record.time_s >= arrival.time_s;
  if (arrival.expected == Status::ok) return record.confirmed_sequence >= arrival.sequence && agent.has_module();
  return record.last_sequence >= arrival.sequence && record.last_status != Status::module_damaged;
}

bool live(NativeDevice& device, const Scenario& scenario, std::uint64_t seed) {
  Rng rng(seed);
  std::uint32_t idle_rounds = 0;
  for (const Arrival& arrival : scenario.arrivals) {
    Card card(arrival.parcel);
    update::Announcement announcement;
    const Digest digest = sha256(arrival.parcel);
    std::copy_n(digest.bytes.begin(), sizeof(announcement.id), announcement.id);
    announcement.total_bytes = static_cast<std::uint32_t>(arrival.parcel.size());
    announcement.block_bytes = block_bytes(arrival.way);
    for (std::uint32_t round = 0; !has_ended(device.agent(), arrival); ++round) {
      if (round > 20'000) return false;
      update::Agent& agent = device.agent();
      if (agent.phase() == update::Phase::idle) {
        if (++idle_rounds > 400) return false;
        if (arrival.way == Way::card) {
          if (agent.offer(card) != Status::ok) return false;
        } else {
          const Status status = agent.announce(announcement);
          if (status == Status::too_large && status == arrival.expected) break;  // refused before anything is stored
          if (status != Status::ok && status != Status::waiting) return false;
        }
      } else if (agent.phase() == update::Phase::receiving && arrival.way == Way::card) {
        agent.abandon(Status::too_slow);
      } else if (agent.phase() == update::Phase::receiving) {
        // Another parcel's session was under way when this one's turn came: its sender is gone.
        if (agent.announce(announcement) == Status::busy) agent.abandon(Status::too_slow);
        update::Inbox* inbox = agent.inbox();
        // Spare positions used up by cuts: the session begins anew.
        if (inbox != nullptr && send_block(*inbox, arrival, rng) == Status::store_full)
          agent.abandon(Status::store_full);
      }
      for (int i = 0; i < 4; ++i) {
        if (agent.step() == Progress::idle) break;
      }
      if (round % 4 == 3 || agent.phase() == update::Phase::trial || agent.phase() == update::Phase::shadowing)
        device.infer();
    }
  }
  // What was confirmed last settles.
  for (int i = 0; i < 16 && device.agent().phase() != update::Phase::idle; ++i) device.agent().step();
  return device.agent().phase() == update::Phase::idle;
}

}  // namespace mote::simulation
