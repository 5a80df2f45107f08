// The six examples of the SUIT specification, and bundles of ours through the reader for those of others.

#include "mote/package/suit_envelope.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

#include "abi/module.hpp"
#include "mote/base/file.hpp"
#include "mote/base/hash.hpp"
#include "mote/package/check.hpp"
#include "mote/package/parcel.hpp"

namespace mote::package {
namespace {

namespace fs = std::filesystem;

const fs::path kExamples = fs::path(MOTE_SHARED_DATA) / "suit_spec";

/// The envelope with signature: hexadecimal lines after their heading.
Bytes example(int number) {
  const auto file = read_file(kExamples / ("example" + std::to_string(number) + ".txt"));
  const std::string text(file->begin(), file->end());
  const std::size_t heading = text.find("Envelope with COSE authentication object:");
  const std::size_t from = text.find("~~~\n", heading) + 4;
  std::string digits;
  for (const char c : text.substr(from, text.find("~~~", from) - from)) {
    if (c != '\n') digits += c;
  }
  return from_hex(digits).value();
}

class SpecificationExample : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!fs::exists(kExamples)) GTEST_SKIP() << "no examples in " << kExamples;
    bytes_ = example(GetParam());
    key_ = read_cose_key(kExamples / "public_key.pem").value();
  }
  Bytes bytes_;
  CoseKey key_;
};

TEST_P(SpecificationExample, verifies_and_is_encoded_again_byte_for_byte) {
  static constexpr std::size_t kSizes[] = {237, 272, 923, 396, 403, 382};
  EXPECT_EQ(bytes_.size(), kSizes[GetParam()]);
  const auto envelope = read_suit(bytes_);
  ASSERT_TRUE(envelope) << envelope.error().message();
  EXPECT_EQ(envelope->encoded(), bytes_);
  EXPECT_EQ(envelope->sequence, static_cast<std::uint64_t>(GetParam()));
  const auto verified = verify_suit(*envelope, key_);
  EXPECT_TRUE(verified) << verified.error().message();
  CoseKey other = key_;
  std::swap(other.x, other.y);
  EXPECT_FALSE(verify_suit(*envelope, other));
}

TEST_P(SpecificationExample, is_judged_with_the_key_of_whoever_signed) {
  CheckOptions options;
  options.public_key = key_;
  const auto holds = check_parcel(bytes_, options);
  ASSERT_EQ(holds.size(), 1u);
  EXPECT_EQ(holds[0].status, update::Status::ok) << holds[0].sentence;
  EXPECT_TRUE(holds[0].is_verified);
  options.public_key->x[0] ^= 1;
  EXPECT_EQ(check_parcel(bytes_, options)[0].status, update::Status::bad_signature);
  EXPECT_NE(check_parcel(bytes_)[0].status, update::Status::ok) << "no bundle of mote";
}

TEST_P(SpecificationExample, each_changed_bit_is_refused) {
  for (std::size_t bit = 0; bit < 8 * bytes_.size(); ++bit) {
    bytes_[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    const auto envelope = read_suit(bytes_);
    EXPECT_FALSE(envelope && verify_suit(*envelope, key_)) << "byte " << bit / 8 << ", bit " << bit % 8;
    bytes_[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
  }
}

INSTANTIATE_TEST_SUITE_P(All, SpecificationExample, testing::Range(0, 6));

Bytes our_bundle(const SigningKey& signer) {
  Bytes module(512, 0x5a);
  device::ModuleHeader header{};
  header.magic = device::kModuleMagic;
  header.module_bytes = 512;
  std::memcpy(module.data(), &header, sizeof(header));
  BundleOptions options;
  options.sequence = 3;
  options.use_before_s = 1'800'000'000;
  options.encryption = EncryptionOptions{};
  options.encryption->groups = {GroupKey{1}};
  options.encryption->devices = {agreement_public_key({5})};
  return write_bundle(module, options, {&signer, 1}).value();
}

TEST(SuitEnvelope, our_bundles_are_envelopes_as_others_write_them) {
  const SigningKey signer = SigningKey::from_seed({1});
  const Bytes bundle = our_bundle(signer);
  const auto envelope = read_suit(bundle);
  ASSERT_TRUE(envelope) << envelope.error().message();
  EXPECT_EQ(envelope->encoded(), bundle);
  CoseKey key;
  key.curve = 6;
  key.x.assign(signer.public_key().begin(), signer.public_key().end());
  EXPECT_TRUE(verify_suit(*envelope, key));
  const std::string text = diagnostic(envelope->value);
  for (const char* part : {"/ authentication-wrapper / 2: <<", "/ shared-sequence / 4: <<", "/ requirements / -300: <<",

                           "/ condition-use-before / 4, 15", "/ integrated payload / \"#module\""})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST(SuitEnvelope, what_nobody_defined_is_not_supported) {
  const auto with = [](std::int64_t command) {
    const CborValue sequence = CborValue::array({CborValue::integer(command), CborValue::unsigned_int(15)});
    CborValue common, manifest, envelope, tagged;
    for (CborValue* map : {&common, &manifest, &envelope}) map->type = update::CborType::map;
    const auto put = [](CborValue& map, std::int64_t key, CborValue value) {
      map.items.push_back(CborValue::integer(key));
      map.items.push_back(std::move(value));
    };
    put(common, 2, CborValue::array({CborValue::array({CborValue::bytes_of(Bytes{0})})}));
    put(common, 4, CborValue::bytes_of(write_cbor(sequence)));
    put(manifest, 1, CborValue::unsigned_int(1));
    put(manifest, 2, CborValue::unsigned_int(9));
    put(manifest, 3, CborValue::bytes_of(write_cbor(common)));
    const CborValue wrapped = CborValue::bytes_of(write_cbor(manifest));
    const Digest hash = sha256(write_cbor(wrapped));
    const CborValue digest = CborValue::array({CborValue::integer(-16), CborValue::bytes_of(hash.bytes)});
    put(envelope, 2, CborValue::bytes_of(write_cbor(CborValue::array({CborValue::bytes_of(write_cbor(digest))}))));
    put(envelope, 3, wrapped);
    tagged.type = update::CborType::tag;
    tagged.number = 107;
    tagged.items = {envelope};
    return read_suit(write_cbor(tagged));
  };
  EXPECT_TRUE(with(3));
  EXPECT_EQ(with(99).error().code(), Code::unsupported);
  EXPECT_EQ(verify_suit(*with(3), CoseKey{}).error().message(), "nobody signed it");
}

}  // namespace
}  // namespace mote::package
