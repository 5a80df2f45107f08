#include "mote/package/documents.hpp"

#include <gtest/gtest.h>

#include "module_of_test.hpp"

namespace mote::package {
namespace {

TEST(Documents, keys_read_back) {
  const KeysOptions written = keys_options();
  const SigningKey signers[] = {key(1), key(2)};
  const KeysDocument read = read_keys(write_keys(written, signers).value()).value();
  EXPECT_EQ(read.content.version, 3u);
  EXPECT_EQ(read.content.root.threshold, 2u);
  EXPECT_EQ(read.content.root.keys, written.root.keys);
  EXPECT_EQ(read.content.release.keys, written.release.keys);
  EXPECT_EQ(read.content.time.keys, written.time.keys);
  EXPECT_EQ(read.content.not_after_s, written.not_after_s);
  EXPECT_EQ(read.content.highest_sequence, written.highest_sequence);
  EXPECT_EQ(read.content.vendor, written.vendor);
  EXPECT_EQ(read.signers, (std::vector<KeyId>{key(1).id(), key(2).id()}));
}

TEST(Documents, keys_that_end_early_or_have_a_changed_length_are_none) {
  const SigningKey signers[] = {key(1)};
  const Bytes message = write_keys(keys_options(), signers).value();
  for (std::size_t size = 0; size < message.size(); ++size)
    EXPECT_FALSE(read_keys(ByteSpan(message).first(size))) << size;
  Bytes longer = message;
  longer.push_back(0);
  EXPECT_FALSE(read_keys(longer));
}

TEST(Documents, times_read_back) {
  const TimeOptions written{1'800'000'000, class_id(vendor_id("example.com"), "thermometer"), 7};
  const TimeDocument read = read_time(write_time(written, key(9))).value();
  EXPECT_EQ(read.content.time_s, written.time_s);
  EXPECT_EQ(read.content.klass, written.klass);
  EXPECT_EQ(read.content.expected_sequence, 7u);
  EXPECT_EQ(read.signer, key(9).id());
  EXPECT_FALSE(read_keys(write_time(written, key(9))));
}

TEST(Documents, signing_one_after_the_other_gives_the_same_bytes) {
  const SigningKey both[] = {key(1), key(2)};
  const SigningKey first[] = {key(1)};
  const Bytes keys = write_keys(keys_options(), first).value();
  EXPECT_EQ(add_signature(keys, key(2)).value(), write_keys(keys_options(), both).value());
  const Bytes bundle = write_bundle(small_module(), bundle_options(), first).value();
  EXPECT_EQ(add_signature(bundle, key(2)).value(), write_bundle(small_module(), bundle_options(), both).value());
}

TEST(Documents, nobody_signs_twice_or_what_is_not_signed_by_several) {
  const SigningKey first[] = {key(1)};
  const Bytes keys = write_keys(keys_options(), first).value();
  Bytes bundle = write_bundle(small_module(), bundle_options(), first).value();
  EXPECT_EQ(add_signature(keys, key(1)).error().code(), Code::invalid_argument);
  EXPECT_EQ(add_signature(bundle, key(1)).error().code(), Code::invalid_argument);
  EXPECT_EQ(add_signature(write_time({}, key(9)), key(1)).error().code(), Code::malformed);
  const Bytes parcel[] = {bundle, keys};
  EXPECT_EQ(add_signature(join(parcel), key(2)).error().code(), Code::malformed);
  for (std::uint8_t i = 2; i <= 4; ++i) bundle = add_signature(bundle, key(i)).value();
  EXPECT_EQ(add_signature(bundle, key(5)).error().code(), Code::too_large);
}

}  // namespace
}  // namespace mote::package
