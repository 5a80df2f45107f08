#include "mote/package/parcel.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "module_of_test.hpp"
#include "update/suit.hpp"

namespace mote::package {
namespace {

using update::BundleHead;
using update::Status;

Status read(const Bytes& bundle, BundleHead& head, std::size_t present = 1024) {
  return update::read_bundle_head({bundle.data(), std::min(bundle.size(), present)},
                                  static_cast<std::uint32_t>(bundle.size()), head);
}

// RFC 9124 has no vectors; that of RFC 9562, appendix A.4, has.
TEST(Parcel, ids_are_uuids_of_names) {
  const Uuid id = vendor_id("www.example.com");
  EXPECT_EQ(to_hex(id), "2ed6657de927568b95e12665a8aea6a2");
}

TEST(Parcel, a_device_reads_what_a_bundle_says) {
  BundleOptions o = bundle_options();
  o.device = Uuid{1, 2, 3};
  o.use_before_s = 1'800'000'000;
  o.minimum_battery_percent = 30;
  const SigningKey signers[] = {key(1), key(2)};
  const Bytes module = small_module();
  const Bytes bundle = write_bundle(module, o, signers).value();
  BundleHead head;
  ASSERT_EQ(read(bundle, head), Status::ok);
  EXPECT_EQ(head.plan.sequence, 7u);
  EXPECT_TRUE(equal(head.plan.vendor, {o.vendor.data(), 16}));
  EXPECT_TRUE(equal(head.plan.device, {o.device->data(), 16}));
  EXPECT_EQ(head.plan.use_before_s, 1'800'000'000u);
  EXPECT_EQ(head.plan.minimum_battery_percent, 30u);
  EXPECT_EQ(head.plan.requirements.arena_bytes, 1000u);
  EXPECT_EQ(head.plan.requirements.shadow_permille, 900u);
  EXPECT_EQ(head.plan.module_bytes, module.size());
  EXPECT_EQ(head.plan.carried_bytes, module.size());
  EXPECT_EQ(head.signature_count, 2u);
  EXPECT_EQ(head.payload_bytes, module.size());
  EXPECT_EQ(Bytes(bundle.begin() + head.payload_offset, bundle.end()), module);
  RecordProperty("head_bytes", std::to_string(head.payload_offset));
  EXPECT_LE(head.payload_offset, 700u);
}

TEST(Parcel, a_bundle_that_ends_early_is_truncated_or_waits_for_its_head) {
  const SigningKey signers[] = {key(1)};
  const Bytes bundle = write_bundle(small_module(), bundle_options(), signers).value();
  for (std::size_t size = 0; size < bundle.size(); ++size) {
    BundleHead head;
    EXPECT_EQ(read(Bytes(bundle.begin(), bundle.begin() + static_cast<std::ptrdiff_t>(size)), head), Status::truncated);
  }
  BundleHead head;
  EXPECT_EQ(read(bundle, head, 100), Status::too_large);
}

TEST(Parcel, every_changed_bit_of_the_head_is_refused_or_changes_a_signature) {
  const SigningKey signers[] = {key(1)};
  const Bytes bundle = write_bundle(small_module(), bundle_options(), signers).value();
  BundleHead whole;
  ASSERT_EQ(read(bundle, whole), Status::ok);
  unsigned passed = 0;
  for (std::size_t bit = 0; bit < 8 * whole.payload_offset; ++bit) {
    Bytes changed = bundle;
    changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1u << (bit % 8)));
    BundleHead head;
    const Status status = read(changed, head);
    if (status != Status::ok) continue;
    ++passed;
    // The signature block is not looked into here, and the payload's length is held against the manifest's later.
    const bool in_signature =
        bit / 8 >= static_cast<std::size_t>(whole.signatures[0].data - bundle.data()) &&
        bit / 8 < static_cast<std::size_t>(whole.signatures[0].data - bundle.data()) + whole.signatures[0].size;
    EXPECT_TRUE(in_signature || head.payload_bytes != head.plan.carried_bytes) << "byte " << bit / 8;
  }
  EXPECT_GE(passed, 8 * whole.signatures[0].size - 8);
}

TEST(Parcel, an_encrypted_bundle_says_for_whom_and_carries_ciphertext) {
  const SigningKey signers[] = {key(1)};
  BundleOptions o = bundle_options();
  o.encryption = EncryptionOptions{};
  o.encryption->groups = {GroupKey{1}};
  o.encryption->devices = {agreement_public_key({5})};
  const Bytes module = small_module();
  const Bytes bundle = write_bundle(module, o, signers).value();
  BundleHead head;
  ASSERT_EQ(read(bundle, head), Status::ok);
  EXPECT_EQ(head.plan.module_bytes, module.size());
  EXPECT_EQ(head.plan.carried_bytes, module.size() + 16);
  EXPECT_EQ(head.payload_bytes, head.plan.carried_bytes);
  EXPECT_NE(head.plan.encryption_info.size, 0u);
  EXPECT_EQ(std::search(bundle.begin(), bundle.end(), module.begin() + 128, module.begin() + 160), bundle.end());
  const std::vector<SigningKey> many(4, key(1));
  o.encryption->devices.assign(4, agreement_public_key({5}));
  o.encryption->groups.clear();
  EXPECT_EQ(write_bundle(module, o, many).error().code(), Code::too_large);
}

TEST(Parcel, wrong_options_are_refused) {
  const SigningKey signers[] = {key(1)};
  BundleOptions o = bundle_options();
  o.sequence = 0;
  EXPECT_FALSE(write_bundle(small_module(), o, signers));
  EXPECT_FALSE(write_bundle(small_module(), bundle_options(), {}));
  EXPECT_FALSE(write_bundle(Bytes(50), bundle_options(), signers));
  EXPECT_FALSE(write_bundle(Bytes(500), bundle_options(), signers));
}

}  // namespace
}  // namespace mote::package
