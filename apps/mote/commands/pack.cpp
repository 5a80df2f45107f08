// `mote pack` and `mote check`: a module becomes a signed parcel; whether a parcel is what devices take, and what a
// report says.

#include <fmt/format.h>

#include "command.hpp"
#include "mote/base/file.hpp"
#include "mote/package/check.hpp"
#include "mote/package/delta.hpp"
#include "mote/package/parcel.hpp"
#include "package_options.hpp"

namespace mote::app {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 28;  // of a module or parcel; devices hold far less

struct PackOptions {
  std::string module, out, vendor, klass, device, use_before;
  package::BundleOptions bundle;
  std::string base;
  std::vector<std::string> sign, groups, devices, before;
};

Result<package::BundleOptions> bundle_options(const PackOptions& options) {
  package::BundleOptions bundle = options.bundle;
  bundle.vendor = vendor_of(options.vendor);
  bundle.klass = class_of(bundle.vendor, options.klass);
  if (!options.device.empty()) {
    MOTE_TRY(bundle.device, uuid_of(options.device, "--device"));
  }
  if (!options.use_before.empty()) {
    MOTE_TRY(bundle.use_before_s, moment_of(options.use_before, "--use-before"));
  }
  if (options.groups.empty() && options.devices.empty()) return bundle;
  bundle.encryption = package::EncryptionOptions{};
  for (const std::string& file : options.groups) {
    MOTE_TRY(const package::GroupKey key, package::read_group_key(file));
    bundle.encryption->groups.push_back(key);
  }
  for (const std::string& file : options.devices) {
    MOTE_TRY(const package::AgreementKey key, package::read_agreement_key(file));
    bundle.encryption->devices.push_back(key);
  }
  return bundle;
}

Result<Outcome> pack(const PackOptions& options) {
  MOTE_TRY(const Bytes module, read_file(options.module, kMostBytes));
  MOTE_TRY(package::BundleOptions bundle_says, bundle_options(options));
  package::CheckOptions known;
  if (!options.base.empty()) {
    MOTE_TRY(Bytes base, read_file(options.base, kMostBytes));
    MOTE_TRY(Bytes delta, package::encode_delta(base, module));
    known.base = base;
    bundle_says.delta = package::Delta{std::move(delta), std::move(base)};
  }
  MOTE_TRY(const auto signers, signing_keys(options.sign));
  std::vector<Bytes> messages;
  for (const std::string& file : options.before) {
    MOTE_TRY(Bytes message, read_file(file, kMostBytes));
    messages.push_back(std::move(message));
  }
  auto bundle = package::write_bundle(module, bundle_says, signers);
  if (!bundle) return fail(std::move(bundle).error(), options.module);
  messages.push_back(*std::move(bundle));
  const Bytes parcel = package::join(messages);
  const auto checked = package::check_parcel(parcel, known);
  for (const package::CheckedMessage& message : checked) {
    if (message.status != update::Status::ok)
      return fail(Code::invalid_argument, fmt::format("the {} at byte {} of this parcel would be refused: {}",
                                                      message.kind, message.offset, message.sentence));
  }
  MOTE_TRY_VOID(write_file(options.out, parcel));
  const package::CheckedMessage& last = checked.back();
  return Outcome{fmt::format("{}: {} bytes, of them {} payload; {}\n", options.out, parcel.size(), last.carried_bytes,
                             last.sentence),
                 Json{{"out", options.out},
                      {"bytes", parcel.size()},
                      {"messages", checked.size()},
                      {"sequence", last.sequence},
                      {"head_bytes", last.head_bytes},
                      {"payload_bytes", last.carried_bytes},
                      {"module_bytes", last.module_bytes},
                      {"module_digest", last.module_digest},
                      {"encrypted", last.is_encrypted},
                      {"delta", last.is_delta},
                      {"signers", last.signers}}};
}

Action set_up_pack(CLI::App& app) {
  auto options = std::make_shared<PackOptions>();
  package::BundleOptions& bundle = options->bundle;
  app.add_option("module", options->module, "module.bin, as `mote compile` writes it")->required();
  app.add_option("--out", options->out, "parcel to write")->required();
  app.add_option("--sequence", bundle.sequence, "above that of every bundle before")->required();
  app.add_option("--vendor", options->vendor, "the vendor's domain, or UUID")->required();
  app.add_option("--class", options->klass, "the class of devices: its name, or UUID")->required();
  app.add_option("--device", options->device, "for this device alone: its UUID");
  app.add_option("--sign", options->sign, "private key files of release keys")->delimiter(',')->required();
  app.add_option("--group-key", options->groups, "encrypt for the devices that have this group key")->delimiter(',');
  app.add_option("--device-key", options->devices, "encrypt for the device with this public key")->delimiter(',');
  app.add_option("--delta-from", options->base, "carry the difference to this module, which the devices run");
  app.add_option("--before", options->before, "messages to put in front: keys document, time statement")
      ->delimiter(',');
  app.add_option("--use-before", options->use_before, "a day, or seconds since 1970, after which nobody installs it");
  app.add_option("--minimum-battery", bundle.minimum_battery_percent, "percent")->check(CLI::Range(0, 100));
  app.add_option("--firmware-version", bundle.firmware_version, "the least that the device has to have");
  app.add_option("--shadow", bundle.shadow_inferences, "inferences beside the old module; 0: none")
      ->capture_default_str();
  app.add_option("--agreement", bundle.shadow_permille, "of them that have to agree with it, in thousandths")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  app.add_option("--trial", bundle.trial_inferences, "inferences on its own before it is confirmed")
      ->capture_default_str();
  return [options](Progress&) { return pack(*options); };
}

struct CheckWords {
  std::string parcel, keys, public_key, base, group, device, report;
  bool describe = false;
};

Json json_of(const package::CheckedMessage& message) {
  Json json{{"kind", message.kind},           {"offset", message.offset},     {"bytes", message.bytes},
            {"status", name(message.status)}, {"sentence", message.sentence}, {"verified", message.is_verified},
            {"signers", message.signers}};
  if (message.kind != "bundle" || message.head_bytes == 0) return json;
  json["bundle"] = {{"sequence", message.sequence},
                    {"head_bytes", message.head_bytes},
                    {"payload_bytes", message.carried_bytes},
                    {"module_bytes", message.module_bytes},
                    {"module_digest", message.module_digest},
                    {"encrypted", message.is_encrypted},
                    {"delta", message.is_delta},
                    {"opened", message.is_opened}};
  return json;
}

Result<Outcome> check(const CheckWords& options) {
  MOTE_TRY(const Bytes parcel, read_file(options.parcel, kMostBytes));
  package::CheckOptions known;
  if (!options.keys.empty()) {
    MOTE_TRY(known.keys, read_file(options.keys, kMostBytes));
  }
  if (!options.public_key.empty()) {
    MOTE_TRY(known.public_key, package::read_cose_key(options.public_key));
  }
  if (!options.base.empty()) {
    MOTE_TRY(known.base, read_file(options.base, kMostBytes));
  }
  if (!options.group.empty()) {
    MOTE_TRY(known.group_key, package::read_group_key(options.group));
  }
  if (!options.device.empty()) {
    MOTE_TRY(known.agreement_secret, package::read_agreement_secret(options.device));
  }
  if (!options.report.empty()) {
    MOTE_TRY(known.report_key, package::read_report_key(options.report));
  }
  Outcome outcome;
  Json messages = Json::array();
  for (const package::CheckedMessage& message : package::check_parcel(parcel, known)) {
    const bool holds = message.status == update::Status::ok;
    outcome.holds &= holds;
    outcome.text += fmt::format("{}: byte {}: {}{}: {}\n", options.parcel, message.offset, message.kind,
                                holds ? "" : fmt::format(" refused ({})", name(message.status)), message.sentence);
    messages.push_back(json_of(message));
  }
  outcome.json = Json{{"parcel", options.parcel}, {"holds", outcome.holds}, {"messages", messages}};
  if (options.describe) {
    auto description = package::describe_parcel(parcel);
    if (!description) return fail(std::move(description).error(), options.parcel);
    outcome.text += *description;
    outcome.json["description"] = *description;
  }
  return outcome;
}

Action set_up_check(CLI::App& app) {
  auto options = std::make_shared<CheckWords>();
  app.add_option("parcel", options->parcel, "the file")->required();
  app.add_option("--keys", options->keys, "keys document that devices have: verifies the signatures");
  app.add_option("--public-key", options->public_key,
                 "bundles are SUIT envelopes of anybody, signed by this key (Ed25519 or P-256)")
      ->excludes("--keys");
  app.add_option("--base", options->base, "the module that a delta is against");
  app.add_option("--group-key", options->group, "opens what is encrypted for this group");
  app.add_option("--device-key", options->device, "private key: opens what is encrypted for this device");
  app.add_option("--report-key", options->report,
                 "key of reports: verifies that a report is of the device that has it");
  app.add_flag("--describe", options->describe, "print every message, with names");
  return [options](Progress&) { return check(*options); };
}

}  // namespace

std::vector<Command> package_commands() {
  return {{"pack", "sign a compiled module for devices to take in",
           "mote pack module.bin --out v2.parcel --sequence 2 --vendor example.com --class thermometer "
           "--sign release.pem",
           set_up_pack},
          {"check", "say whether devices would take a parcel, or what a report says, and in one sentence what is wrong",
           "mote check v2.parcel --keys keys.cose", set_up_check}};
}

}  // namespace mote::app
