// What becomes of a device whose flash loses bits: the running module is mended from the other slot, or the other one
// runs until a bundle repairs it; and what is known after the journal is lost. On every kind of flash. Modules are
// never called here: what they compute does not matter.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <tuple>

#include "module_for_test.hpp"
#include "mote/base/hash.hpp"
#include "mote/base/rng.hpp"
#include "mote/package/bytes_source.hpp"
#include "mote/package/delta.hpp"
#include "mote/simulation/flash_port.hpp"
#include "mote/simulation/scenario.hpp"

namespace mote::simulation {
namespace {

using package::SigningKey;
using update::Phase;
using update::Progress;
using update::Status;

SigningKey key(std::uint8_t number) { return SigningKey::from_seed({0x72, number}); }

constexpr std::uint32_t kModuleBytes = 37'000;  // more than two of the largest sectors, and no whole blocks

/// Versions differ in a few bytes near the end.
Bytes module_of(std::uint8_t version, bool is_true = true) {
  Rng rng(7);
  Bytes module(kModuleBytes);
  for (auto& byte : module) byte = static_cast<std::uint8_t>(rng.below(256));
  std::fill_n(module.end() - 300, 40, version);
  return module_of_content(std::move(module), is_true ? 0 : 1);  // a vector that nothing answers
}

/// A device that left the factory with version 1, sequence 1.
class Rig {
 public:
  explicit Rig(const Flash& kind)
      : layout(update::arrange(kind.geometry.sector_bytes, kind.geometry.write_unit_bytes, kModuleBytes, 0)),
        flash(make_flash(kind)) {
    package::KeysOptions keys;
    keys.root = {1, {key(1).public_key()}};
    keys.release = {1, {key(2).public_key()}};
    keys.time = {1, {key(3).public_key()}};
    keys.not_after_s = 2'000'000'000;
    keys.highest_sequence = 100;
    keys.vendor = vendor();
    package::FactoryOptions factory;
    factory.vendor = vendor();
    factory.klass = klass();
    factory.device_key.fill(3);
    const SigningKey root = key(1);
    factory.keys = package::write_keys(keys, std::span(&root, 1)).value();
    factory.module = module_of(1);
    factory.sequence = 1;
    MOTE_CHECK(flash.load(0, package::factory_image(layout, factory).value()).has_value());
    MOTE_CHECK(start() == Status::ok);
  }

  Status start() {
    agent_.reset();
    port_.emplace(flash, layout);
    port_->runtime_.arena_bytes = 1024;
    port_->runtime_.arena_align = 8;
    port_->runtime_.stack_bytes = 1024;
    port_->run = [](ByteSpan, bool, ByteSpan) { return nullptr; };
    agent_.emplace(*port_);
    return agent_->start(update::ResetCause::power_on);
  }
  update::Agent& agent() { return *agent_; }

  /// Made once for all kinds of flash: deltas take their time.
  [[nodiscard]] static Bytes bundle(std::uint64_t sequence, const Bytes& module, const Bytes& base = {},
                                    std::uint16_t shadow_inferences = 0) {
    static std::map<std::tuple<std::uint64_t, Digest, Digest, std::uint16_t>, Bytes> made;
    Bytes& parcel = made[{sequence, sha256(module), sha256(base), shadow_inferences}];
    if (!parcel.empty()) return parcel;
    package::BundleOptions options;
    options.sequence = sequence;
    options.vendor = vendor();
    options.klass = klass();
    options.shadow_inferences = shadow_inferences;
    options.trial_inferences = 8;
    if (!base.empty()) options.delta = package::Delta{package::encode_delta(base, module).value(), base};
    const SigningKey release = key(2);
    return parcel = package::write_bundle(module, options, std::span(&release, 1)).value();
  }
  /// @param until  stops in this phase. @return how it ended.
  Status give(const Bytes& parcel, Phase until = Phase::idle) {
    package::BytesSource card(parcel);
    if (agent_->offer(card) != Status::ok) return Status::busy;
    for (unsigned i = 0; i < 20'000 && agent_->phase() != until; ++i) {
      if (agent_->step() == Progress::waiting) agent_->inferred({}, {});
    }
    return agent_->phase() == until ? agent_->last_status() : Status::internal;
  }
  /// Looks at every block once.
  void watch() {
    for (std::uint32_t i = 0; i < kModuleBytes / update::kMacBlockBytes + 2; ++i) agent_->step();
  }
  /// As radiation or wear does; power is off meanwhile.
  void flip(std::uint32_t offset) {
    Bytes content(flash.bytes().begin(), flash.bytes().end());
    content[offset] ^= 0x10;
    MOTE_CHECK(flash.load(0, content).has_value());
  }
  void lose_journal() {
    Bytes content(flash.bytes().begin(), flash.bytes().end());
    std::fill_n(content.begin() + layout.journal, 2 * layout.journal_area_bytes, std::uint8_t{0xff});
    MOTE_CHECK(flash.load(0, content).has_value());
  }
  /// Version that runs; 0: none. What runs is whole.
  std::uint64_t runs() {
    if (!agent_->has_module()) return 0;
    const update::SlotRecord& module = agent_->record().slot[agent_->record().active];
    const Digest digest = sha256(flash.bytes().subspan(agent_->module_offset(), module.module_bytes));
    EXPECT_TRUE(std::equal(digest.bytes.begin(), digest.bytes.end(), module.digest)) << "a damaged module is run";
    return module.sequence;
  }

  const update::Layout layout;
  board::NorFlash flash;

 private:
  board::NorFlash make_flash(const Flash& kind) const {
    board::NorGeometry geometry = kind.geometry;
    geometry.bytes = layout.end();
    return board::NorFlash::create(geometry).value();
  }

  static package::Uuid vendor() { return package::vendor_id("mote.example"); }
  static package::Uuid klass() { return package::class_id(vendor(), "rig"); }

  std::optional<FlashPort> port_;
  std::optional<update::Agent> agent_;
};

/// Cuts are spread over all operations: the torture takes each of them.
std::uint64_t stride(std::uint64_t operations) { return operations / 10 + 1; }

/// Version 2 runs from slot 1, version 1 is in slot 0.
void update(Rig& rig) { ASSERT_EQ(rig.give(Rig::bundle(2, module_of(2), module_of(1))), Status::ok); }

void on_every_flash(const std::function<void(const Flash&)>& test) {
  for (const Flash& kind : flashes()) {
    SCOPED_TRACE(kind.name);
    test(kind);
  }
}

TEST(Repair, what_both_slots_have_is_mended_and_the_module_stays) {
  on_every_flash([](const Flash& kind) {
    Rig rig(kind);
    update(rig);
    Rng rng(kind.geometry.sector_bytes);
    // All of it but what the last sectors have: there the versions differ.
    const std::uint32_t same = (kModuleBytes - 400) / rig.layout.sector_bytes * rig.layout.sector_bytes - 1024;
    for (unsigned round = 0; round < 2; ++round) {
      for (unsigned flips = 0; flips <= round; ++flips)
        rig.flip(rig.layout.slot(1) + static_cast<std::uint32_t>(rng.below(same)));
      if (round % 2 == 0) {
        rig.watch();
      } else {
        EXPECT_EQ(rig.start(), Status::ok);  // or it is found when power comes on
      }
      EXPECT_EQ(rig.runs(), 2u);
      EXPECT_EQ(rig.agent().last_status(), Status::module_damaged) << "it is told";
    }
    EXPECT_EQ(rig.start(), Status::ok);
    EXPECT_EQ(rig.runs(), 2u);
    EXPECT_EQ(rig.give(Rig::bundle(3, module_of(3), module_of(2))), Status::ok) << "a delta against what was mended";
    EXPECT_EQ(rig.runs(), 3u);
  });
}

TEST(Repair, what_only_the_new_module_has_lets_the_old_one_run_until_a_bundle_repairs_it) {
  on_every_flash([](const Flash& kind) {
    for (const bool is_delta : {false, true}) {
      Rig rig(kind);
      update(rig);
      rig.flip(rig.layout.slot(1) + kModuleBytes - 290);
      rig.watch();
      EXPECT_EQ(rig.runs(), 1u);
      EXPECT_EQ(rig.agent().last_status(), Status::module_damaged);
      EXPECT_EQ(rig.agent().record().confirmed_sequence, 2u) << "it does not go back";
      EXPECT_EQ(rig.give(Rig::bundle(1, module_of(1))), Status::replayed);
      EXPECT_EQ(rig.give(Rig::bundle(2, module_of(9))), Status::rollback) << "another module under its number";
      EXPECT_EQ(rig.start(), Status::ok);
      EXPECT_EQ(rig.give(Rig::bundle(2, module_of(2), is_delta ? module_of(1) : Bytes{})), Status::ok);
      EXPECT_EQ(rig.runs(), 2u);
      EXPECT_EQ(rig.give(Rig::bundle(2, module_of(2))), Status::replayed) << "it runs again";
    }
  });
}

TEST(Repair, a_module_without_another_is_repaired_by_its_bundle_and_not_run_before) {
  on_every_flash([](const Flash& kind) {
    Rig rig(kind);
    rig.flip(rig.layout.slot(0) + 5000);
    rig.watch();
    EXPECT_EQ(rig.runs(), 0u);
    EXPECT_EQ(rig.start(), Status::waiting);
    EXPECT_EQ(rig.give(Rig::bundle(1, module_of(1))), Status::ok);
    EXPECT_EQ(rig.runs(), 1u);
  });
}

TEST(Repair, codes_that_are_damaged_cost_nothing) {
  on_every_flash([](const Flash& kind) {
    Rig rig(kind);
    update(rig);
    for (const std::uint32_t code : {0u, 17u, 36u}) rig.flip(rig.layout.table(1) + 64 + 8 * code);
    rig.watch();
    rig.watch();
    EXPECT_EQ(rig.runs(), 2u);
    const std::uint32_t commits = rig.agent().record().number;
    rig.watch();
    EXPECT_EQ(rig.agent().record().number, commits) << "and wear nothing out";
    EXPECT_EQ(rig.start(), Status::ok);
    EXPECT_EQ(rig.runs(), 2u);
  });
}

TEST(Repair, a_cut_while_mending_leaves_one_or_the_other) {
  on_every_flash([](const Flash& kind) {
    Rig rig(kind);
    update(rig);
    rig.flip(rig.layout.slot(1) + 2500);
    const board::NorFlash damaged = rig.flash;
    rig.watch();
    const std::uint64_t operations = rig.flash.operations() - damaged.operations();
    ASSERT_GT(operations, 1u);
    for (std::uint64_t cut = 0; cut <= operations; cut += stride(operations)) {
      rig.flash = damaged;
      rig.flash.cut_power_at({damaged.operations() + cut, 128, cut, 200});
      try {
        static_cast<void>(rig.start());
      } catch (PowerLost) {
      }
      rig.flash.restore_power(cut);
      ASSERT_EQ(rig.start(), Status::ok) << cut;
      const std::uint64_t runs = rig.runs();
      EXPECT_TRUE(runs == 1 || runs == 2) << cut;
      if (runs == 1) {
        EXPECT_EQ(rig.give(Rig::bundle(2, module_of(2))), Status::ok) << cut;
      }
      EXPECT_EQ(rig.runs(), 2u) << cut;
    }
  });
}

TEST(Repair, damage_during_a_trial_is_found_before_the_module_is_confirmed_and_does_not_bar_it) {
  on_every_flash([](const Flash& kind) {
    for (const bool fails : {false, true}) {
      Rig rig(kind);
      rig.give(Rig::bundle(2, module_of(2)), Phase::trial);
      ASSERT_EQ(rig.agent().phase(), Phase::trial);
      rig.flip(rig.layout.slot(1) + 5000);
      for (unsigned i = 0; i < 8 && !fails; ++i) rig.agent().inferred({}, {});
      if (fails) rig.agent().inference_failed();
      for (unsigned i = 0; i < 100 && rig.agent().phase() == Phase::trial; ++i) rig.agent().step();
      EXPECT_EQ(rig.agent().last_status(), Status::module_damaged);
      EXPECT_EQ(rig.runs(), 1u);
      EXPECT_EQ(rig.agent().record().confirmed_sequence, 1u);
      EXPECT_EQ(rig.start(), Status::ok);
      EXPECT_EQ(rig.give(Rig::bundle(2, module_of(2))), Status::ok) << "it was not the module that failed";
      EXPECT_EQ(rig.runs(), 2u);
      EXPECT_EQ(rig.agent().record().confirmed_sequence, 2u);
    }
  });
}

TEST(Repair, a_module_that_is_lost_while_another_runs_in_its_shadow_does_not_keep_that_one_waiting) {
  on_every_flash([](const Flash& kind) {
    for (const bool restarted : {false, true}) {
      Rig rig(kind);
      rig.give(Rig::bundle(2, module_of(2), {}, 8), Phase::shadowing);
      ASSERT_EQ(rig.agent().phase(), Phase::shadowing);
      rig.flip(rig.layout.slot(0) + 2000);
      rig.watch();
      EXPECT_EQ(rig.runs(), 1u) << "mended from the new one";
      EXPECT_EQ(rig.agent().phase(), Phase::shadowing);
      rig.flip(rig.layout.slot(0) + kModuleBytes - 290);
      if (restarted) static_cast<void>(rig.start());
      rig.watch();
      EXPECT_EQ(rig.agent().phase(), Phase::trial);
      EXPECT_EQ(rig.runs(), 2u);
      for (unsigned i = 0; i < 8; ++i) rig.agent().inferred({}, {});
      for (unsigned i = 0; i < 100 && rig.agent().phase() == Phase::trial; ++i) rig.agent().step();
      EXPECT_EQ(rig.agent().record().confirmed_sequence, 2u);
    }
  });
}

TEST(Repair, a_repair_that_is_damaged_is_repaired_again) {
  on_every_flash([](const Flash& kind) {
    Rig rig(kind);
    rig.flip(rig.layout.slot(0) + 5000);
    EXPECT_EQ(rig.start(), Status::waiting);
    rig.give(Rig::bundle(1, module_of(1)), Phase::trial);
    rig.flip(rig.layout.slot(rig.agent().record().active) + 9000);
    rig.agent().inference_failed();
    EXPECT_EQ(rig.agent().last_status(), Status::module_damaged);
    EXPECT_EQ(rig.runs(), 0u);
    EXPECT_EQ(rig.give(Rig::bundle(1, module_of(1))), Status::ok);
    EXPECT_EQ(rig.runs(), 1u);
  });
}

TEST(Repair, a_lost_journal_makes_no_module_confirmed_that_was_not) {
  on_every_flash([](const Flash& kind) {
    for (const Phase phase : {Phase::testing, Phase::trial}) {
      Rig rig(kind);
      rig.give(Rig::bundle(2, module_of(2)), phase);
      ASSERT_EQ(rig.agent().phase(), phase);
      rig.lose_journal();
      EXPECT_EQ(rig.start(), Status::ok);
      EXPECT_EQ(rig.runs(), 1u) << name(phase);
      EXPECT_EQ(rig.agent().record().confirmed_sequence, 1u);
      EXPECT_EQ(rig.give(Rig::bundle(2, module_of(2))), Status::ok) << "it may still prove itself";
      EXPECT_EQ(rig.runs(), 2u);
    }
    Rig rig(kind);
    EXPECT_EQ(rig.give(Rig::bundle(2, module_of(2, false))), Status::self_test_failed);
    rig.lose_journal();
    EXPECT_EQ(rig.start(), Status::ok);
    EXPECT_EQ(rig.runs(), 1u) << "one that failed lies in the other slot";
  });
}

TEST(Repair, a_lost_journal_leaves_what_was_confirmed) {
  on_every_flash([](const Flash& kind) {
    Rig rig(kind);
    update(rig);
    rig.lose_journal();
    EXPECT_EQ(rig.start(), Status::ok);
    EXPECT_EQ(rig.runs(), 2u);
    EXPECT_EQ(rig.give(Rig::bundle(1, module_of(1))), Status::rollback);
  });
}

TEST(Repair, a_trial_that_is_cut_while_its_table_is_written_is_confirmed_all_the_same) {
  on_every_flash([](const Flash& kind) {
    Rig rig(kind);
    rig.give(Rig::bundle(2, module_of(2)), Phase::trial);
    for (unsigned i = 0; i < 8; ++i) rig.agent().inferred({}, {});
    const board::NorFlash before = rig.flash;
    while (rig.agent().phase() == Phase::trial) rig.agent().step();
    const std::uint64_t operations = rig.flash.operations() - before.operations();
    for (std::uint64_t cut = 0; cut < operations; cut += stride(operations)) {
      rig.flash = before;
      ASSERT_EQ(rig.start(), Status::ok);
      rig.flash.cut_power_at({rig.flash.operations() + cut, 128, cut, 200});
      const auto live = [&] {
        for (unsigned i = 0; i < 200 && rig.agent().phase() == Phase::trial; ++i) {
          if (rig.agent().step() == Progress::waiting) rig.agent().inferred({}, {});
        }
      };
      try {
        live();
      } catch (PowerLost) {
      }
      rig.flash.restore_power(cut);
      ASSERT_EQ(rig.start(), Status::ok) << cut;
      live();
      EXPECT_EQ(rig.agent().record().confirmed_sequence, 2u) << cut;
      rig.lose_journal();
      EXPECT_EQ(rig.start(), Status::ok);
      EXPECT_EQ(rig.runs(), 2u) << cut;
    }
  });
}

}  // namespace
}  // namespace mote::simulation
