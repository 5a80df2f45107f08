#include "mote/package/encryption.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "cbor.hpp"
#include "mote/base/rng.hpp"
#include "mote/package/bytes_source.hpp"
#include "update/payload.hpp"

namespace mote::package {
namespace {

using update::Status;

constexpr GroupKey kGroup{1, 2, 3, 4, 5};
const std::array<std::uint8_t, 32> kSecret{9, 8, 7};

update::Identity device(bool in_group, bool with_key) {
  update::Identity identity;
  if (in_group) update::copy(identity.group_key, view(kGroup));
  if (with_key) update::copy(identity.agreement_key, view(kSecret));
  return identity;
}

EncryptionOptions for_both() {
  EncryptionOptions options;
  options.groups = {kGroup};
  options.devices = {agreement_public_key(kSecret)};
  options.seed = std::array<std::uint8_t, 32>{42};
  return options;
}

Bytes module_bytes() {
  Bytes bytes(1000);
  Rng rng(3);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.below(256));
  return bytes;
}

/// What a device gets out of a payload, or why it gets nothing. @param step  bytes at once.
Status receive(const EncryptedPayload& payload, const update::Identity& identity, std::size_t step, Bytes& out) {
  update::Plan plan;
  plan.encryption_info = view(payload.info);
  plan.carried_bytes = static_cast<std::uint32_t>(payload.bytes.size());
  update::TagCheck tag;
  update::ContentKey key;
  MOTE_UPDATE_TRY(tag.begin(plan, identity, key));
  for (std::size_t at = 0; at < payload.bytes.size(); at += step) tag.update(view(payload.bytes).part(at, step));
  MOTE_UPDATE_TRY(tag.finish());
  MOTE_UPDATE_TRY(tag.finish());  // a step of the agent may come to this place again
  BytesSource source(payload.bytes);
  update::Payload reader(source, 0, plan, key, {});
  out.assign(payload.bytes.size() - update::kTagBytes, 0);
  for (std::size_t at = 0; at < out.size(); at += step)
    MOTE_UPDATE_TRY(reader.next({out.data() + at, std::min(step, out.size() - at)}));
  return Status::ok;
}

TEST(Encryption, whoever_is_named_reads_the_payload_in_steps_of_any_size) {
  const Bytes module = module_bytes();
  const EncryptedPayload payload = encrypt_payload(module, for_both()).value();
  EXPECT_EQ(payload.bytes.size(), module.size() + 16);
  for (const std::size_t step : {1u, 7u, 16u, 64u, 256u, 1016u}) {
    Bytes out;
    EXPECT_EQ(receive(payload, device(true, false), step, out), Status::ok);
    EXPECT_EQ(out, module);
    EXPECT_EQ(receive(payload, device(false, true), step, out), Status::ok);
    EXPECT_EQ(out, module);
  }
}

TEST(Encryption, whoever_is_not_named_reads_nothing) {
  const EncryptedPayload payload = encrypt_payload(module_bytes(), for_both()).value();
  Bytes out;
  EXPECT_EQ(receive(payload, device(false, false), 64, out), Status::decryption_failed);
  update::Identity other = device(true, true);
  other.group_key[0] ^= 1;
  other.agreement_key[31] ^= 0x40;  // bits that X25519 looks at
  other.agreement_key[8] ^= 1;
  EXPECT_EQ(receive(payload, other, 64, out), Status::decryption_failed);
}

TEST(Encryption, each_changed_bit_of_the_ciphertext_is_noticed) {
  EncryptedPayload payload = encrypt_payload(Bytes(40, 0x11), for_both()).value();
  Bytes out;
  for (std::size_t bit = 0; bit < 8 * payload.bytes.size(); ++bit) {
    payload.bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    EXPECT_EQ(receive(payload, device(true, false), 16, out), Status::decryption_failed) << bit;
    payload.bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
  }
  payload.bytes.pop_back();
  EXPECT_EQ(receive(payload, device(true, false), 16, out), Status::decryption_failed);
}

TEST(Encryption, no_changed_bit_of_the_header_gives_another_payload) {
  EncryptionOptions options = for_both();
  options.groups.clear();
  const Bytes module(40, 0x11);
  EncryptedPayload payload = encrypt_payload(module, options).value();
  for (std::size_t bit = 0; bit < 8 * payload.info.size(); ++bit) {
    payload.info[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    Bytes out = module;
    const Status status = receive(payload, device(false, true), 16, out);
    // The key id is for people, and X25519 ignores the highest bit of a point.
    EXPECT_TRUE(status != Status::ok || out == module) << bit;
    payload.info[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
  }
}

TEST(Encryption, a_header_that_ends_early_is_refused) {
  const EncryptedPayload whole = encrypt_payload(module_bytes(), for_both()).value();
  for (std::size_t size = 1; size < whole.info.size(); ++size) {
    EncryptedPayload payload = whole;
    payload.info.resize(size);
    Bytes out;
    EXPECT_EQ(receive(payload, device(true, true), 64, out), Status::truncated) << size;
  }
}

TEST(Encryption, without_a_seed_no_two_payloads_are_alike) {
  EncryptionOptions options = for_both();
  options.seed.reset();
  const Bytes module = module_bytes();
  const EncryptedPayload one = encrypt_payload(module, options).value(), two = encrypt_payload(module, options).value();
  EXPECT_NE(one.bytes, two.bytes);
  EXPECT_NE(one.info, two.info);
  Bytes out;
  EXPECT_EQ(receive(two, device(false, true), 64, out), Status::ok);
  EXPECT_EQ(out, module);
}

TEST(Encryption, recipients_are_counted) {
  EncryptionOptions options;
  EXPECT_EQ(encrypt_payload(module_bytes(), options).error().code(), Code::invalid_argument);
  options.groups.assign(5, kGroup);
  EXPECT_EQ(encrypt_payload(module_bytes(), options).error().code(), Code::too_large);
}

TEST(Encryption, keys_come_back_from_their_files_and_no_file_is_replaced) {
  const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "mote_encryption_test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  const GroupKey group = new_group_key();
  const AgreementSecret secret = new_agreement_secret();
  ASSERT_TRUE(write_group_key(folder / "group.key", group));
  ASSERT_TRUE(write_agreement_secret(folder / "device.pem", secret));
  ASSERT_TRUE(write_agreement_key(folder / "device.pub.pem", agreement_public_key(secret)));
  EXPECT_EQ(read_group_key(folder / "group.key").value(), group);
  EXPECT_EQ(read_agreement_secret(folder / "device.pem").value(), secret);
  EXPECT_EQ(read_agreement_key(folder / "device.pub.pem").value(), agreement_public_key(secret));
  using std::filesystem::perms;
  for (const char* name : {"group.key", "device.pem"})
    EXPECT_EQ(std::filesystem::status(folder / name).permissions(), perms::owner_read | perms::owner_write);
  EXPECT_EQ(write_group_key(folder / "group.key", group).error().code(), Code::io);
  EXPECT_EQ(read_group_key(folder / "device.pem").error().code(), Code::malformed);
  EXPECT_EQ(read_agreement_secret(folder / "group.key").error().code(), Code::malformed);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace mote::package
