// `mote keys`, `mote pack`, `mote check`: from keys to a parcel, and what is said of one that was changed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "abi/module.hpp"
#include "sandbox.hpp"

namespace mote::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class Package : public testing::Test {
 protected:
  void SetUp() override {
    Bytes module(640, 0x11);
    device::ModuleHeader header{};
    header.magic = device::kModuleMagic;
    header.abi = device::kModuleAbi;
    header.module_bytes = 640;
    std::memcpy(module.data(), &header, sizeof(header));
    box_.put("module.bin", module);
    for (const char* name : {"root", "release", "time"}) run({"keys", "new", name});
    run({"keys", "document", "keys.cose", "--vendor", "example.com", "--root", "root.pub.pem", "--release",
         "release.pub.pem", "--time", "time.pub.pem", "--not-after", "2040-12-31", "--highest-sequence", "99", "--sign",
         "root.pem"});
  }

  /// Runs what has to succeed.
  json run(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--json", "--quiet"});
    const ProcessResult result = box_.mote(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.diagnostics << result.output;
    return json::parse(result.output);
  }

  json pack(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"pack",       "module.bin",  "--out",    "v2.parcel",
                                       "--sequence", "2",           "--vendor", "example.com",
                                       "--class",    "thermometer", "--sign",   "release.pem"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }

  Sandbox box_;
};

TEST_F(Package, a_parcel_with_a_time_statement_is_verified_with_the_keys_document) {
  run({"keys", "time", "time.cose", "--vendor", "example.com", "--class", "thermometer", "--sequence", "2", "--sign",
       "time.pem"});
  const json packed = pack({"--before", "time.cose", "--use-before", "2035-06-30", "--minimum-battery", "20"});
  EXPECT_EQ(packed["messages"], 2);
  EXPECT_EQ(packed["module_bytes"], 640);
  const json checked = run({"check", "v2.parcel", "--keys", "keys.cose"});
  EXPECT_EQ(checked["holds"], true);
  EXPECT_EQ(checked["messages"][0]["kind"], "time");
  EXPECT_EQ(checked["messages"][1]["kind"], "bundle");
  for (const json& message : checked["messages"]) EXPECT_EQ(message["verified"], true) << message;
  EXPECT_EQ(checked["messages"][1]["bundle"]["module_digest"], packed["module_digest"]);
}

TEST_F(Package, a_changed_byte_is_named_in_one_sentence_with_exit_code_1) {
  pack();
  Bytes parcel = box_.get("v2.parcel");
  parcel.back() ^= 1;
  box_.put("v2.parcel", parcel);
  const ProcessResult result = box_.mote({"check", "v2.parcel", "--keys", "keys.cose"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.output,
            "v2.parcel: byte 0: bundle refused (digest_mismatch): the payload is not the one that was signed: its "
            "digest differs\n");
}

TEST_F(Package, a_key_without_the_role_is_named) {
  const ProcessResult packed = box_.mote({"pack", "module.bin", "--out", "v2.parcel", "--sequence", "2", "--vendor",
                                          "example.com", "--class", "thermometer", "--sign", "time.pem"});
  EXPECT_EQ(packed.exit_code, 0) << packed.diagnostics;
  const ProcessResult result = box_.mote({"check", "v2.parcel", "--keys", "keys.cose"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.output, HasSubstr("(wrong_role): it is signed by a key that may not sign this"));
}

TEST_F(Package, an_encrypted_parcel_is_looked_into_with_a_recipients_key) {
  run({"keys", "new", "fleet", "--for", "group"});
  run({"keys", "new", "device7", "--for", "device"});
  EXPECT_EQ(pack({"--group-key", "fleet.key", "--device-key", "device7.pub.pem"})["encrypted"], true);
  EXPECT_EQ(run({"check", "v2.parcel"})["messages"][0]["bundle"]["opened"], false);
  EXPECT_EQ(run({"check", "v2.parcel", "--group-key", "fleet.key"})["messages"][0]["bundle"]["opened"], true);
  EXPECT_EQ(run({"check", "v2.parcel", "--device-key", "device7.pem"})["messages"][0]["bundle"]["opened"], true);
  run({"keys", "new", "other", "--for", "group"});
  EXPECT_EQ(box_.mote({"check", "v2.parcel", "--group-key", "other.key"}).exit_code, 1);
}

TEST_F(Package, a_delta_is_checked_with_its_base) {
  Bytes old = box_.get("module.bin");
  old[400] = 0x12;
  box_.put("old.bin", old);
  const json packed = pack({"--delta-from", "old.bin"});
  EXPECT_EQ(packed["delta"], true);
  EXPECT_LT(packed["payload_bytes"], 100);
  EXPECT_EQ(run({"check", "v2.parcel"})["messages"][0]["bundle"]["opened"], false);
  EXPECT_EQ(run({"check", "v2.parcel", "--base", "old.bin"})["messages"][0]["bundle"]["opened"], true);
  EXPECT_THAT(box_.mote({"check", "v2.parcel", "--base", "module.bin"}).output, HasSubstr("(wrong_base)"));
}

TEST_F(Package, several_sign_one_after_the_other) {
  run({"keys", "new", "release2"});
  run({"keys", "document", "two.cose", "--vendor", "example.com", "--root", "root.pub.pem", "--release",
       "release.pub.pem,release2.pub.pem", "--release-threshold", "2", "--time", "time.pub.pem", "--not-after",
       "2040-12-31", "--highest-sequence", "99", "--sign", "root.pem"});
  pack();
  EXPECT_THAT(box_.mote({"check", "v2.parcel", "--keys", "two.cose"}).output, HasSubstr("(threshold_not_met)"));
  run({"keys", "sign", "v2.parcel", "--sign", "release2.pem"});
  EXPECT_EQ(run({"check", "v2.parcel", "--keys", "two.cose"})["holds"], true);
  EXPECT_EQ(box_.mote({"keys", "sign", "v2.parcel", "--sign", "release2.pem"}).exit_code, 2);
}

TEST_F(Package, a_description_has_names) {
  pack();
  const json checked = run({"check", "v2.parcel", "--describe"});
  EXPECT_THAT(checked["description"].get<std::string>(), HasSubstr("/ requirements / -300: <<"));
}

TEST_F(Package, no_key_is_replaced_and_wrong_files_are_refused) {
  EXPECT_EQ(box_.mote({"keys", "new", "root"}).exit_code, 1);
  const auto refused = [&](const std::vector<std::string>& arguments, int code, const char* text) {
    const ProcessResult result = box_.mote(arguments);
    EXPECT_EQ(result.exit_code, code) << result.output;
    EXPECT_THAT(result.diagnostics, HasSubstr(text));
  };
  refused({"pack", "root.pem", "--out", "x", "--sequence", "1", "--vendor", "example.com", "--class", "c", "--sign",
           "release.pem"},
          1, "root.pem: no module");
  refused({"pack", "module.bin", "--out", "x", "--sequence", "1", "--vendor", "example.com", "--class", "c", "--sign",
           "root.pub.pem"},
          1, "no Ed25519 private key");
  refused({"pack", "module.bin", "--out", "x", "--sequence", "1", "--vendor", "example.com", "--class", "c", "--sign",
           "release.pem", "--use-before", "tomorrow"},
          2, "--use-before tomorrow");
  refused({"keys", "time", "t", "--vendor", "example.com", "--class", "c", "--at", "2030-02-30", "--sign", "time.pem"},
          2, "--at 2030-02-30");
}

}  // namespace
}  // namespace mote::e2e
