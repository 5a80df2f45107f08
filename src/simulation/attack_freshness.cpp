// What was true once: older bundles, bundles that are no longer wanted, statements and numbers from the past or from
// too far ahead; and what brings a device back when a stolen key went ahead of it.

#include "attack_stage.hpp"
#include "mote/package/report.hpp"

namespace mote::simulation {
namespace {

using Signers = std::vector<SigningKey>;
using Parcels = std::vector<Bytes>;

void add_rollback(Attacks& all) {
  all.push_back(
      refused("rollback: an older sequence number", Status::rollback, [](const Stage& s) { return s.bundle(9); }));
  all.push_back(refused("rollback: another module under the same sequence number", Status::rollback,
                        [](const Stage& s) { return s.bundle(kFactorySequence); }));
  all.push_back(refused("rollback: the first sequence number there is", Status::rollback,
                        [](const Stage& s) { return s.bundle(1); }));
  all.push_back(refused("rollback: the running module again", Status::replayed,
                        [](const Stage& s) { return s.bundle(s.models.first.module, s.options(kFactorySequence)); }));
  all.push_back(refused("rollback: the running module under an older number", Status::rollback,
                        [](const Stage& s) { return s.bundle(s.models.first.module, s.options(8)); }));
  all.push_back(refused("rollback: what the factory installed, after an update", Status::rollback, [](const Stage& s) {
                  return s.bundle(s.models.first.module, s.options(kFactorySequence));
                }).after([](const Stage& s) { return Parcels{s.bundle(11)}; }));
  all.push_back(refused("rollback: as a delta back to the factory's module", Status::rollback, [](const Stage& s) {
                  package::BundleOptions options = s.options(kFactorySequence);
                  options.encryption.reset();
                  return s.bundle(s.models.first.module, options);
                }).after([](const Stage& s) {
    return Parcels{s.bundle(11), s.bundle(s.models.third.module, s.options(12))};
  }));
  all.push_back(refused("rollback: an update replayed after its successor", Status::rollback, [](const Stage& s) {
                  return s.bundle(11);
                }).after([](const Stage& s) {
    return Parcels{s.bundle(11), s.bundle(s.models.third.module, s.options(12))};
  }));
  all.push_back(refused("rollback: with keys that are long in force", Status::rollback, [](const Stage& s) {
                  return Stage::join({s.cast.keys_message(s.cast.keys(2), {s.cast.root1, s.cast.root2}), s.bundle(9)});
                }).after([](const Stage& s) {
    return Parcels{s.cast.keys_message(s.cast.keys(2), {s.cast.root1, s.cast.root2})};
  }));
  all.push_back(scripted("rollback: to a number that was tried and failed", false, [](Stage& s) -> std::string {
    if (const Status tried = s.give(s.bundle(s.models.untrue.module, s.options(20)), Delivery::card);
        tried != Status::self_test_failed)
      return name(tried);
    for (const std::uint64_t sequence : {11, 19, 20}) {
      const Status status = s.give(s.bundle(sequence), Delivery::inbox);
      if (status != Status::rollback) return std::to_string(sequence) + ": " + name(status);
    }
    return s.running() == kFactorySequence ? "" : "another module runs";
  }));
  all.push_back(scripted("rollback: another module as repair of a damaged one", false, [](Stage& s) -> std::string {
    s.tamper(
        s.hardware.layout.slot(0) + 300, [](Bytes& b) { b[0] ^= 1; }, 1);
    if (s.restart() != Status::waiting) return "the damage was not noticed";
    // Signed under the same number once: a release that was withdrawn.
    const Status status = s.give(s.bundle(kFactorySequence), Delivery::inbox);
    if (status != Status::rollback) return name(status);
    const Status repaired = s.give(s.bundle(s.models.first.module, s.options(kFactorySequence)), Delivery::inbox);
    return repaired == Status::ok && s.running() == kFactorySequence ? "" : name(repaired);
  }));
}

void add_freeze(Attacks& all) {
  const auto after_time = [](std::uint64_t expected) {
    return [expected](const Stage& s) { return Parcels{s.cast.time_message(kNow, expected)}; };
  };
  all.push_back(refused("freeze: a bundle older than the class should have", Status::stale, [](const Stage& s) {
                  return s.bundle(11);
                }).after(after_time(12)));
  {
    Attack attack =
        refused("freeze: an old bundle in one parcel with the newest time", Status::stale, [](const Stage& s) {
          return Stage::join({s.cast.time_message(kNow, 12), s.bundle(11)});
        });
    attack.takes_time = true;
    all.push_back(attack);
  }
  const auto expiring = [](std::uint64_t use_before_s) {
    return [use_before_s](const Stage& s) {
      package::BundleOptions options = s.options(11);
      options.use_before_s = use_before_s;
      return s.bundle(s.models.second.module, options);
    };
  };
  all.push_back(refused("freeze: a bundle that has expired", Status::expired, expiring(kNow - 1)).after(after_time(0)));
  all.push_back(refused("freeze: a bundle that expires now", Status::expired, expiring(kNow)).after(after_time(0)));
  {
    Attack by_clock =
        refused("freeze: a bundle that has expired by the device's clock", Status::expired, expiring(kNow));
    by_clock.prepare = [](Stage& s) { s.hardware.clock_s = kNow + 5; };
    all.push_back(by_clock);
    Attack behind = refused("freeze: a clock that was set back", Status::expired, expiring(kNow)).after(after_time(0));
    behind.prepare = [](Stage& s) { s.hardware.clock_s = 5; };
    all.push_back(behind);
  }
  all.push_back(refused("replay: the same time statement", Status::replayed, [](const Stage& s) {
                  return s.cast.time_message(kNow, 11);
                }).after(after_time(11)));
  all.push_back(refused("replay: an older time statement", Status::replayed, [](const Stage& s) {
                  return s.cast.time_message(kNow - 100'000, 11);
                }).after(after_time(11)));
  all.push_back(refused("stolen online key: sets the time back", Status::replayed, [](const Stage& s) {
                  return s.cast.time_message(1, 11);
                }).after(after_time(11)));
  all.push_back(refused("stolen online key: withdraws what the class should have", Status::stale, [](const Stage& s) {
                  return Stage::join({s.cast.time_message(kNow, 0), s.bundle(11)});
                }).after(after_time(12)));
  {
    Attack later = refused("stolen online key: says that less is expected, later", Status::stale, [](const Stage& s) {
                     return Stage::join({s.cast.time_message(kNow + 60, 1), s.bundle(11)});
                   }).after(after_time(12));
    later.takes_time = true;
    all.push_back(later);
  }
  all.push_back(refused("replay: a hundred old statements", Status::replayed, [](const Stage& s) {
                  return Stage::join(Parcels(60, s.cast.time_message(kNow, 11)));
                }).after(after_time(11)));
}

void add_fast_forward(Attacks& all) {
  const auto ahead = [&](const char* what, std::function<Bytes(const Stage&)> parcel) {
    all.push_back(refused(std::string("fast-forward: ") + what, Status::out_of_range, std::move(parcel)));
  };
  ahead("a sequence number above what keys allow", [](const Stage& s) { return s.bundle(kHighestSequence + 1); });
  ahead("the highest sequence number there is", [](const Stage& s) { return s.bundle(~std::uint64_t{0}); });
  ahead("a time behind what keys allow", [](const Stage& s) { return s.cast.time_message(kNotAfter + 1, 11); });
  ahead("the end of time", [](const Stage& s) { return s.cast.time_message(~std::uint64_t{0}, 11); });
  ahead("a sequence expected that keys do not allow",
        [](const Stage& s) { return s.cast.time_message(kNow, kHighestSequence + 1); });

  Attack online = scripted(
      "stolen online key: went ahead as far as it may, and new keys bring the device back", false,
      [](Stage& s) -> std::string {
        if (const Status status = s.give(s.cast.time_message(kNotAfter, kHighestSequence), Delivery::card);
            status != Status::ok)
          return name(status);
        if (const Status frozen = s.give(s.bundle(11), Delivery::inbox); frozen != Status::stale) return name(frozen);
        package::KeysOptions keys = s.cast.keys(2);
        keys.time = {1, {s.cast.later_release.public_key()}};
        keys.not_after_s = kNotAfter - 1;
        keys.highest_sequence = kHighestSequence - 1;
        if (const Status status = s.give(s.cast.keys_message(keys, {s.cast.root1, s.cast.root2}), Delivery::inbox);
            status != Status::ok)
          return name(status);
        if (s.facts().time_s != 0) return "the time stayed";
        if (const Status old = s.give(s.cast.time_message(kNow, 1), Delivery::inbox);
            old != Status::unknown_key && old != Status::wrong_role)
          return std::string("the stolen key: ") + name(old);
        const Status status = s.give(s.bundle(11), Delivery::inbox);
        return status == Status::ok && s.running() == 11 ? "" : name(status);
      });
  all.push_back(online);

  Attack release = scripted(
      "stolen release key: went ahead as far as it may, and new keys bring the device back", false,
      [](Stage& s) -> std::string {
        if (const Status status = s.give(s.bundle(kHighestSequence), Delivery::inbox); status != Status::ok)
          return name(status);
        package::KeysOptions keys = s.cast.rotated(2);
        keys.highest_sequence = 2 * kHighestSequence;
        const Bytes parcel =
            Stage::join({s.cast.keys_message(keys, {s.cast.root1, s.cast.root2}),
                         s.bundle(s.models.third.module, s.options(kHighestSequence + 1), {s.cast.later_release})});
        if (const Status status = s.give(parcel, Delivery::inbox); status != Status::ok) return name(status);
        const Status again = s.give(s.bundle(kHighestSequence + 2), Delivery::inbox);
        return again == Status::unknown_key && s.running() == kHighestSequence + 1 ? "" : name(again);
      });
  release.good_sequence = kHighestSequence + 3;
  release.good_signers = [](const Cast& cast) { return Signers{cast.later_release}; };
  // The third model runs already.
  release.prepare = [](Stage& s) { s.good_module = s.models.first.module; };
  all.push_back(release);
}

void add_parcels(Attacks& all) {
  const auto others = [](const Stage& s) {
    package::BundleOptions options = s.options(11);
    options.klass = s.cast.other_class;
    return s.bundle(s.models.second.module, options);
  };
  all.push_back(
      refused("several bundles: an old one and one for others", Status::wrong_class, [others](const Stage& s) {
        return Stage::join({s.bundle(9), others(s)});
      }));
  all.push_back(
      refused("several bundles: one for others, then a forged one", Status::bad_signature, [others](const Stage& s) {
        const package::UnsignedBundle bundle = s.manifest(s.options(11)).unsigned_bundle();
        Sign1 signature(s.cast.release);
        signature.signed_payload = digest_item(bundle.manifest);
        return Stage::join({others(s), envelope(bundle, {signature.write(s.cast.outsider)})});
      }));
  all.push_back(refused("several bundles: a forged one hides a good one", Status::unknown_key, [](const Stage& s) {
    return Stage::join({s.bundle(s.models.second.module, s.options(11), {s.cast.outsider}), s.bundle(12)});
  }));
  all.push_back(scripted("several bundles: one that claims to be for others hides a good one", false,
                         [others](Stage& s) -> std::string {
                           // Not even signed: its head alone says that it is for another class.
                           Bytes unsigned_other = others(s);
                           const Status status = s.give(Stage::join({unsigned_other, s.bundle(11)}), Delivery::inbox);
                           return status == Status::ok && s.running() == 11 ? "" : name(status);
                         }));
}

void add_drop(Attacks& all) {
  all.push_back(
      scripted("drop: nothing is heard, reports say stale within the bound", true, [](Stage& s) -> std::string {
        s.hardware.policy.stale_after_s = 7 * 86'400;
        s.hardware.clock_s = kNow;
        static_cast<void>(s.restart());
        if (const Status status = s.give(s.cast.time_message(kNow, 0), Delivery::card); status != Status::ok)
          return name(status);
        const auto is_stale = [&] {
          Bytes bytes(update::kMaxReportBytes);
          bytes.resize(s.agent().report({bytes.data(), bytes.size()}));
          return package::read_report(bytes, s.cast.device_key, 0).value().is_stale;
        };
        s.device().port().clock = kNow + 7 * 86'400;
        if (is_stale()) return "stale too early";
        s.device().port().clock += 1;
        if (!is_stale()) return "not stale after a week";
        if (const Status status = s.give(s.cast.time_message(kNow + 7 * 86'400, 0), Delivery::card);
            status != Status::ok)
          return name(status);
        return is_stale() ? "still stale after news" : "";
      }));
  all.push_back(scripted("drop: replays do not count as news", true, [](Stage& s) -> std::string {
    s.hardware.policy.stale_after_s = 100;
    s.hardware.clock_s = kNow;
    static_cast<void>(s.restart());
    const Bytes news = s.cast.time_message(kNow, 0);
    if (const Status status = s.give(news, Delivery::card); status != Status::ok) return name(status);
    s.device().port().clock = kNow + 101;
    if (const Status status = s.give(news, Delivery::inbox); status != Status::replayed) return name(status);
    Bytes bytes(update::kMaxReportBytes);
    bytes.resize(s.agent().report({bytes.data(), bytes.size()}));
    return package::read_report(bytes, s.cast.device_key, 0).value().is_stale ? "" : "not stale";
  }));
}

}  // namespace

void add_freshness(Attacks& all) {
  add_rollback(all);
  add_freeze(all);
  add_fast_forward(all);
  add_parcels(all);
  add_drop(all);
}

}  // namespace mote::simulation
