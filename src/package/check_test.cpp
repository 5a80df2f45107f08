#include "mote/package/check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "abi/module.hpp"
#include "mote/base/rng.hpp"
#include "mote/package/cbor_value.hpp"
#include "signatures.hpp"

namespace mote::package {
namespace {

using testing::HasSubstr;
using update::Status;

SigningKey key(std::uint8_t number) { return SigningKey::from_seed({number}); }

const Uuid kVendor = vendor_id("example.com");

Bytes module_bytes() {
  Bytes module(700, 0x33);
  device::ModuleHeader header{};
  header.magic = device::kModuleMagic;
  header.abi = device::kModuleAbi;
  header.module_bytes = 700;
  header.arena_bytes = 512;
  std::memcpy(module.data(), &header, sizeof(header));
  return module;
}

BundleOptions bundle_options() {
  BundleOptions options;
  options.sequence = 5;
  options.vendor = kVendor;
  options.klass = class_id(kVendor, "thing");
  return options;
}

Bytes bundle(const BundleOptions& options = bundle_options(), std::uint8_t signer = 2) {
  const SigningKey signers[] = {key(signer)};
  return write_bundle(module_bytes(), options, signers).value();
}

KeysOptions keys_options(std::uint32_t version = 1) {
  KeysOptions options;
  options.version = version;
  options.root = {1, {key(1).public_key()}};
  options.release = {1, {key(2).public_key()}};
  options.time = {1, {key(3).public_key()}};
  options.not_after_s = 2'000'000'000;
  options.highest_sequence = 100;
  options.vendor = kVendor;
  return options;
}

Bytes keys(std::uint32_t version = 1, std::uint8_t signer = 1) {
  const SigningKey signers[] = {key(signer)};
  return write_keys(keys_options(version), signers).value();
}

CheckOptions with_keys() {
  CheckOptions options;
  options.keys = keys();
  return options;
}

CheckedMessage only(const std::vector<CheckedMessage>& messages) {
  EXPECT_EQ(messages.size(), 1u);
  return messages.at(0);
}

TEST(Check, a_parcel_of_all_kinds_holds) {
  const Bytes messages[] = {keys(2), write_time({1'700'000'000, {}, 3}, key(3)), bundle()};
  const auto checked = check_parcel(join(messages), with_keys());
  ASSERT_EQ(checked.size(), 3u);
  for (const CheckedMessage& message : checked) {
    EXPECT_EQ(message.status, Status::ok) << message.sentence;
    EXPECT_TRUE(message.is_verified);
  }
  EXPECT_EQ(checked[0].kind, "keys");
  EXPECT_EQ(checked[1].kind, "time");
  EXPECT_EQ(checked[2].kind, "bundle");
  EXPECT_EQ(checked[2].offset, messages[0].size() + messages[1].size());
  EXPECT_EQ(checked[2].bytes, messages[2].size());
  EXPECT_TRUE(checked[2].is_opened);
  EXPECT_THAT(checked[2].sentence, HasSubstr("sequence 5, a module of 700 bytes"));
}

TEST(Check, what_cannot_be_verified_is_said) {
  EXPECT_THAT(only(check_parcel(bundle())).sentence, HasSubstr("1 signature not verified (no keys document given)"));
}

TEST(Check, a_changed_payload_is_named) {
  Bytes changed = bundle();
  changed.back() ^= 1;
  const CheckedMessage message = only(check_parcel(changed, with_keys()));
  EXPECT_EQ(message.status, Status::digest_mismatch);
  EXPECT_THAT(message.sentence, HasSubstr("the payload is not the one that was signed"));
}

TEST(Check, wrong_signers_are_named) {
  EXPECT_EQ(only(check_parcel(bundle(bundle_options(), 9), with_keys())).status, Status::unknown_key);
  EXPECT_EQ(only(check_parcel(bundle(bundle_options(), 3), with_keys())).status, Status::wrong_role);
  EXPECT_EQ(only(check_parcel(write_time({1, {}, 1}, key(2)), with_keys())).status, Status::wrong_role);
  EXPECT_EQ(only(check_parcel(keys(1, 9))).status, Status::threshold_not_met);
  EXPECT_EQ(only(check_parcel(keys(3), with_keys())).status, Status::out_of_range) << "a version is missing";
  BundleOptions ahead = bundle_options();
  ahead.sequence = 101;
  EXPECT_EQ(only(check_parcel(bundle(ahead), with_keys())).status, Status::out_of_range);
  ahead = bundle_options();
  ahead.vendor = vendor_id("example.org");
  EXPECT_EQ(only(check_parcel(bundle(ahead), with_keys())).status, Status::wrong_vendor);
}

/// A keys document whose payload says something else, signed again by the first root key.
Bytes changed_keys(const std::function<void(CborValue& payload)>& change) {
  CborValue message = read_cbor(keys()).value();
  std::vector<CborValue>& parts = message.items[0].items;
  CborValue payload = read_cbor(parts[2].bytes).value();
  change(payload);
  parts[2] = CborValue::bytes_of(write_cbor(payload));
  parts[3] = CborValue::array({read_cbor(sign_document(parts[2].bytes, kKeysAad, key(1))).value()});
  return write_cbor(message);
}

TEST(Check, a_root_that_signs_for_two_is_one_as_on_devices) {
  const auto root = [](CborValue& payload) -> CborValue& { return *payload.find(2)->find(1); };
  EXPECT_EQ(only(check_parcel(changed_keys([](CborValue&) {}))).status, Status::ok);
  const Bytes same_member = changed_keys([&](CborValue& payload) {
    root(payload).items[0] = CborValue::unsigned_int(2);
    root(payload).items[1].items.push_back(root(payload).items[1].items[0]);
  });
  EXPECT_EQ(only(check_parcel(same_member)).status, Status::malformed);
  const Bytes same_key = changed_keys([&](CborValue& payload) {
    root(payload).items[0] = CborValue::unsigned_int(2);
    std::vector<CborValue>& listed = payload.find(3)->items;
    root(payload).items[1].items.push_back(CborValue::unsigned_int(listed.size()));
    listed.push_back(listed[0]);
  });
  EXPECT_EQ(only(check_parcel(same_key)).status, Status::threshold_not_met);
}

TEST(Check, a_root_key_of_small_order_signs_nothing_as_on_devices) {
  // The neutral element, with which R = S B holds for every message.
  const Bytes anybodys = changed_keys([](CborValue& payload) {
    Bytes neutral(32);
    neutral[0] = 1;
    payload.find(3)->items[0].items[1] = CborValue::bytes_of(neutral);
  });
  CborValue message = read_cbor(anybodys).value();
  Bytes signature(64);
  signature[0] = 1;  // R is the neutral element, S is 0
  message.items[0].items[3].items[0].items[2] = CborValue::bytes_of(signature);
  EXPECT_EQ(only(check_parcel(write_cbor(message))).status, Status::threshold_not_met);
}

TEST(Check, an_encrypted_bundle_is_looked_into_with_a_key) {
  BundleOptions options = bundle_options();
  options.encryption = EncryptionOptions{};
  options.encryption->groups = {GroupKey{7}};
  const Bytes encrypted = bundle(options);
  EXPECT_THAT(only(check_parcel(encrypted)).sentence, HasSubstr("module not looked at (no key given)"));
  CheckOptions known;
  known.group_key = GroupKey{7};
  EXPECT_TRUE(only(check_parcel(encrypted, known)).is_opened);
  known.group_key = GroupKey{8};
  EXPECT_EQ(only(check_parcel(encrypted, known)).status, Status::decryption_failed);
}

TEST(Check, what_is_no_parcel_is_refused) {
  EXPECT_EQ(only(check_parcel({})).status, Status::malformed);
  EXPECT_EQ(only(check_parcel(Bytes{0x01})).status, Status::malformed);
  Bytes cut = bundle();
  cut.pop_back();
  EXPECT_EQ(only(check_parcel(cut)).status, Status::truncated);
}

TEST(Check, goes_on_behind_a_refused_message) {
  Bytes changed = bundle();
  changed[60] ^= 1;
  const Bytes messages[] = {changed, bundle()};
  const auto checked = check_parcel(join(messages), with_keys());
  ASSERT_EQ(checked.size(), 2u);
  EXPECT_NE(checked[0].status, Status::ok);
  EXPECT_EQ(checked[1].status, Status::ok);
}

TEST(Check, each_changed_bit_of_a_signed_parcel_is_noticed) {
  const Bytes messages[] = {keys(2), write_time({1'700'000'000, {}, 3}, key(3)), bundle()};
  const Bytes parcel = join(messages);
  const CheckOptions options = with_keys();
  Rng rng(4);
  for (int i = 0; i < 400; ++i) {
    Bytes changed = parcel;
    const std::size_t bit = rng.below(8 * parcel.size());
    changed[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    bool all_hold = true;
    for (const CheckedMessage& message : check_parcel(changed, options)) all_hold &= message.status == Status::ok;
    EXPECT_FALSE(all_hold) << "bit " << bit;
  }
}

TEST(Check, a_parcel_is_described_with_names) {
  const Bytes messages[] = {keys(), bundle()};
  const std::string text = describe_parcel(join(messages)).value();
  for (const char* part : {"98([", "107({", "/ class-id / 2: h'", "\"#module\": h'"})
    EXPECT_THAT(text, HasSubstr(part));
  EXPECT_FALSE(describe_parcel(Bytes{0xff}));
}

}  // namespace
}  // namespace mote::package
