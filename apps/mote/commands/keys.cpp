// `mote keys`: makes keys, and signs what says which keys may do what, and what time it is.

#include <fmt/format.h>

#include "command.hpp"
#include "mote/base/file.hpp"
#include "mote/package/documents.hpp"
#include "mote/package/encryption.hpp"
#include "mote/package/parcel.hpp"
#include "mote/package/report.hpp"
#include "option_types.hpp"
#include "package_options.hpp"

namespace mote::app {
namespace {

enum class Purpose { signing, device, group, report };

const Choices<Purpose>& purposes() {
  static const Choices<Purpose> all{{"signing", Purpose::signing},
                                    {"device", Purpose::device},
                                    {"group", Purpose::group},
                                    {"report", Purpose::report}};
  return all;
}

struct NewOptions {
  std::string name;
  std::string purpose = "signing";
};

Outcome made(const NewOptions& options, const std::string& secret, const std::string& shared, const std::string& id) {
  std::string text = fmt::format("secret  {}\n", secret);
  if (!shared.empty()) text += fmt::format("public  {}\n", shared);
  if (!id.empty()) text += fmt::format("id      {}\n", id);
  return {text, Json{{"for", options.purpose},
                     {"secret", secret},
                     {"public", shared.empty() ? Json() : Json(shared)},
                     {"id", id.empty() ? Json() : Json(id)}}};
}

Result<Outcome> make_key(const NewOptions& options) {
  const std::string secret = options.name + ".pem", shared = options.name + ".pub.pem";
  switch (chosen(purposes(), options.purpose)) {
    case Purpose::signing: {
      MOTE_TRY(const package::SigningKey key, package::SigningKey::generate());
      MOTE_TRY_VOID(key.write(secret));
      MOTE_TRY_VOID(package::write_public_key(shared, key.public_key()));
      return made(options, secret, shared, to_hex(key.id()));
    }
    case Purpose::device: {
      const package::AgreementSecret key = package::new_agreement_secret();
      MOTE_TRY_VOID(package::write_agreement_secret(secret, key));
      MOTE_TRY_VOID(package::write_agreement_key(shared, package::agreement_public_key(key)));
      return made(options, secret, shared, to_hex(package::key_id(package::agreement_public_key(key))));
    }
    case Purpose::group:
    case Purpose::report:
      break;
  }
  const std::string file = options.name + ".key";
  if (chosen(purposes(), options.purpose) == Purpose::report) {
    MOTE_TRY_VOID(package::write_report_key(file, package::new_report_key()));
    return made(options, file, "", "");
  }
  MOTE_TRY_VOID(package::write_group_key(file, package::new_group_key()));
  return made(options, file, "", "");
}

Action set_up_new(CLI::App& app) {
  auto options = std::make_shared<NewOptions>();
  app.add_option("name", options->name,
                 "the files are NAME.pem and NAME.pub.pem, or NAME.key for a group and for reports")
      ->required();
  add_choice(app, "--for", options->purpose, purposes(),
             "signing (Ed25519), a device's key for encrypted bundles (X25519) or a group's (AES-128), or the key with "
             "which a device signs its reports (HMAC-SHA-256)")
      ->capture_default_str();
  return [options](Progress&) { return make_key(*options); };
}

struct RoleWords {
  std::vector<std::string> keys;
  unsigned threshold = 1;
};

struct DocumentOptions {
  std::string out, vendor, not_after;
  std::uint32_t version = 1;
  std::uint64_t highest_sequence = 0;
  RoleWords root, release, time;
  std::vector<std::string> sign;
};

Result<package::RoleOptions> role_of(const RoleWords& words) {
  package::RoleOptions role;
  role.threshold = words.threshold;
  for (const std::string& file : words.keys) {
    MOTE_TRY(const package::PublicKeyBytes key, package::read_public_key(file));
    role.keys.push_back(key);
  }
  return role;
}

Result<Outcome> write_document(const DocumentOptions& options) {
  package::KeysOptions document;
  document.version = options.version;
  document.vendor = vendor_of(options.vendor);
  document.highest_sequence = options.highest_sequence;
  MOTE_TRY(document.not_after_s, moment_of(options.not_after, "--not-after"));
  MOTE_TRY(document.root, role_of(options.root));
  MOTE_TRY(document.release, role_of(options.release));
  MOTE_TRY(document.time, role_of(options.time));
  MOTE_TRY(const auto signers, signing_keys(options.sign));
  MOTE_TRY(const Bytes message, package::write_keys(document, signers));
  MOTE_TRY_VOID(write_file(options.out, message));
  return Outcome{fmt::format("{}: version {}, {} bytes, signed by {} of the root keys\n", options.out, options.version,
                             message.size(), signers.size()),
                 Json{{"out", options.out},
                      {"version", options.version},
                      {"bytes", message.size()},
                      {"signers", signers.size()},
                      {"not_after", document.not_after_s},
                      {"highest_sequence", options.highest_sequence}}};
}

void add_role(CLI::App& app, const std::string& name, RoleWords& words, const std::string& what) {
  app.add_option("--" + name, words.keys, what + ": public key files")->delimiter(',')->required();
  app.add_option("--" + name + "-threshold", words.threshold, "how many of them have to sign")->capture_default_str();
}

Action set_up_document(CLI::App& app) {
  auto options = std::make_shared<DocumentOptions>();
  app.add_option("out", options->out, "file to write")->required();
  app.add_option("--vendor", options->vendor, "the vendor's domain, or UUID")->required();
  app.add_option("--version", options->version, "one more than that of the document before")->capture_default_str();
  add_role(app, "root", options->root, "who signs keys documents, offline");
  add_role(app, "release", options->release, "who signs bundles, offline");
  add_role(app, "time", options->time, "who signs time statements, online");
  app.add_option("--not-after", options->not_after, "latest time that a time key may say: a day, or seconds")
      ->required();
  app.add_option("--highest-sequence", options->highest_sequence, "highest sequence that a release key may sign")
      ->required();
  app.add_option("--sign", options->sign, "private key files of the root keys, the new ones and those before")
      ->delimiter(',')
      ->required();
  return [options](Progress&) { return write_document(*options); };
}

struct TimeWords {
  std::string out, vendor, klass, at = "now", sign;
  std::uint64_t sequence = 0;
};

Result<Outcome> write_time_statement(const TimeWords& options) {
  package::TimeOptions time;
  MOTE_TRY(time.time_s, moment_of(options.at, "--at"));
  time.klass = class_of(vendor_of(options.vendor), options.klass);
  time.expected_sequence = options.sequence;
  MOTE_TRY(const package::SigningKey signer, package::SigningKey::read(options.sign));
  const Bytes message = package::write_time(time, signer);
  MOTE_TRY_VOID(write_file(options.out, message));
  return Outcome{
      fmt::format("{}: {} seconds since 1970, sequence {}, {} bytes\n", options.out, time.time_s, options.sequence,
                  message.size()),
      Json{{"out", options.out}, {"time", time.time_s}, {"sequence", options.sequence}, {"bytes", message.size()}}};
}

Action set_up_time(CLI::App& app) {
  auto options = std::make_shared<TimeWords>();
  app.add_option("out", options->out, "file to write")->required();
  app.add_option("--vendor", options->vendor, "the vendor's domain, or UUID")->required();
  app.add_option("--class", options->klass, "the class of devices: its name, or UUID")->required();
  app.add_option("--at", options->at, "a day, seconds since 1970, or now")->capture_default_str();
  app.add_option("--sequence", options->sequence, "the sequence that this class should have by then");
  app.add_option("--sign", options->sign, "private key file of a time key")->required();
  return [options](Progress&) { return write_time_statement(*options); };
}

struct SignWords {
  std::string message, out, sign;
};

Result<Outcome> sign_again(const SignWords& options) {
  MOTE_TRY(const Bytes message, read_file(options.message));
  MOTE_TRY(const package::SigningKey key, package::SigningKey::read(options.sign));
  auto signed_again = package::add_signature(message, key);
  if (!signed_again) return fail(std::move(signed_again).error(), options.message);
  const std::string& out = options.out.empty() ? options.message : options.out;
  MOTE_TRY_VOID(write_file(out, *signed_again));
  return Outcome{fmt::format("{}: signed by {}, {} bytes\n", out, to_hex(key.id()), signed_again->size()),
                 Json{{"out", out}, {"id", to_hex(key.id())}, {"bytes", signed_again->size()}}};
}

Action set_up_sign(CLI::App& app) {
  auto options = std::make_shared<SignWords>();
  app.add_option("message", options->message, "keys document, or parcel of one bundle")->required();
  app.add_option("--sign", options->sign, "private key file")->required();
  app.add_option("--out", options->out, "file to write; without it the message's own");
  return [options](Progress&) { return sign_again(*options); };
}

}  // namespace

std::vector<Command> keys_commands() {
  return {{"keys new", "make a key and write it to files", "mote keys new root1", set_up_new},
          {"keys document", "sign which keys may sign what, until when",
           "mote keys document keys.cose --vendor example.com --root root1.pub.pem,root2.pub.pem --root-threshold 2 "
           "--release release.pub.pem --time time.pub.pem --not-after 2030-12-31 --highest-sequence 1000 "
           "--sign root1.pem,root2.pem",
           set_up_document},
          {"keys sign", "add one more signature to a keys document or a bundle",
           "mote keys sign keys.cose --sign root2.pem", set_up_sign},
          {"keys time", "sign what time it is, for devices without a clock",
           "mote keys time time.cose --vendor example.com --class thermometer --sign time.pem", set_up_time}};
}

}  // namespace mote::app
