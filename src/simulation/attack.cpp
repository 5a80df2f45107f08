#include "mote/simulation/attack.hpp"

#include "attack_stage.hpp"

namespace mote::simulation {
namespace {

/// What changed that must not have, or "".
std::string difference(const Facts& before, const Facts& after, const Attack& attack) {
  if (after.sequence != before.sequence || after.digest != before.digest) return "another module runs";
  if (after.confirmed_sequence != before.confirmed_sequence) return "another sequence is confirmed";
  if (!attack.takes_keys && after.keys_version != before.keys_version) return "other keys are in force";
  if (!attack.takes_time && after.time_s != before.time_s) return "the time changed";
  if (!attack.takes_time && after.expected_sequence != before.expected_sequence) return "another sequence is expected";
  if (attack.notes_failure == (after.failed == before.failed))
    return attack.notes_failure ? "the failure was not noted" : "a failure was noted";
  return "";
}

std::string by(Delivery delivery) { return delivery == Delivery::card ? " (from a card)" : " (by the inbox)"; }

/// A hostile parcel by one way. @return "" or what happened instead of what is expected.
std::string deliver(Stage& stage, const Attack& attack, Delivery delivery) {
  if (attack.before) {
    for (const Bytes& parcel : attack.before(stage)) {
      if (const Status status = stage.give(parcel, delivery); status != Status::ok)
        return std::string("what comes before ends with ") + name(status);
    }
  }
  const Facts before = stage.facts();
  const Status status = stage.give(attack.parcel(stage), delivery);
  if (status != attack.expected) return name(status);
  if (std::string changed = difference(before, stage.facts(), attack); !changed.empty()) return changed;
  if (stage.running() != before.sequence) return "the module does not run any more";
  if (stage.restart() != Status::ok) return "it does not start any more";
  return difference(before, stage.facts(), attack);
}

std::string carry_out(const Models& models, NativeModules& modules, const Attack& attack) {
  const auto device = [&](auto act) -> std::string {
    Stage stage(models, modules);
    if (attack.prepare) attack.prepare(stage);
    if (const Status status = stage.power_on(); status != Status::ok) return std::string("start says ") + name(status);
    if (std::string got = act(stage); !got.empty()) return got;
    return stage.takes_good_update(attack.good_sequence, attack.good_signers
                                                             ? attack.good_signers(stage.cast)
                                                             : std::vector<SigningKey>{stage.cast.release});
  };
  if (attack.script) return device(attack.script);
  for (const Delivery delivery : {Delivery::card, Delivery::inbox}) {
    const std::string got = device([&](Stage& stage) { return deliver(stage, attack, delivery); });
    if (!got.empty()) return got + by(delivery);
  }
  return "";
}

}  // namespace

Result<AttackReport> attack(const Models& models, std::string_view only) {
  Attacks all;
  for (const auto add :
       {add_forgeries, add_encodings, add_manifests, add_payloads, add_freshness, add_senders, add_couriers, add_flash})
    add(all);
  AttackReport report;
  NativeModules modules(models.arena_bytes);
  for (const Attack& attack : all) {
    if (attack.name.find(only) == std::string::npos) continue;
    ++report.cases;
    report.names.push_back(attack.name);
    const std::string got = carry_out(models, modules, attack);
    if (got.empty()) {
      ++(attack.detected ? report.detected : report.refused);
    } else {
      report.failed.push_back({attack.name, attack.script ? "as the name says" : name(attack.expected), got});
    }
  }
  if (report.cases == 0) return fail(Code::not_found, "no attack has \"" + std::string(only) + "\" in its name");
  return report;
}

}  // namespace mote::simulation
