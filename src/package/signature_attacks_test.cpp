// Signatures that must not count, and statements that must not be believed, each refused by its name: by the device's
// own code, on a device with the keys of module_of_test.hpp.

#include <gtest/gtest.h>

#include <functional>

#include "cbor.hpp"
#include "image_port.hpp"
#include "module_of_test.hpp"
#include "mote/package/cbor_value.hpp"
#include "signatures.hpp"
#include "update/cose.hpp"
#include "update/suit.hpp"
#include "update/trust.hpp"

namespace mote::package {
namespace {

using update::CborType;
using update::Status;

const SigningKey kRoot1 = key(1), kRoot2 = key(2), kRelease1 = key(3), kRelease2 = key(4), kTime = key(9),
                 kStranger = key(77);

CborValue number(std::int64_t value) { return CborValue::integer(value); }
CborValue map_of(std::vector<CborValue> items) { return {CborType::map, 0, {}, std::move(items), {}}; }
CborValue id_of(const SigningKey& key) { return CborValue::bytes_of(key.id()); }

/// A device as it leaves the factory.
class Device {
 public:
  explicit Device(const KeysOptions& keys = keys_options()) {
    FactoryOptions factory;
    factory.vendor = vendor_id("example.com");
    factory.klass = bundle_options().klass;
    const SigningKey roots[] = {kRoot1, kRoot2};
    factory.keys = write_keys(keys, roots).value();
    image_ = factory_image(layout_, factory).value();
    EXPECT_EQ(trust.load(port_, update::kNoSlot), Status::ok);
  }
  update::Trust trust;

 private:
  update::Layout layout_ = update::arrange(4096, 8, 4096, 0);
  Bytes image_;
  ImagePort port_{layout_, image_};
};

KeysOptions two_releases() {
  KeysOptions options = keys_options();
  options.release.threshold = 2;
  return options;
}

// ---- bundles

/// One block of a bundle's authentication wrapper, with everything that can be said wrongly in it.
struct Block {
  const SigningKey* signer = &kRelease1;
  CborValue header = map_of({number(1), number(-19), number(4), id_of(kRelease1)});
  CborValue unprotected = map_of({});
  CborValue payload = CborValue::null();
  std::uint64_t tag = 18;
  const char* context = "Signature1";
  Bytes external_aad;
  std::optional<Bytes> covered;  ///< signed instead of the bundle's digest
  std::function<void(Bytes&)> change_signature = [](Bytes&) {};
  std::function<void(Bytes&)> change_header = [](Bytes&) {};  ///< its encoding, before it is signed

  static Block of(const SigningKey& key) {
    Block block;
    block.signer = &key;
    block.header.items[3] = id_of(key);
    return block;
  }

  [[nodiscard]] Bytes encoded(ByteSpan digest) const {
    Bytes protected_bytes = write_cbor(header);
    change_header(protected_bytes);
    const Bytes to_sign = write_cbor(CborValue::array({CborValue::text(context), CborValue::bytes_of(protected_bytes),
                                                       CborValue::bytes_of(external_aad),
                                                       CborValue::bytes_of(covered ? ByteSpan(*covered) : digest)}));
    const auto signed_bytes = signer->sign(to_sign);
    Bytes signature(signed_bytes.begin(), signed_bytes.end());
    change_signature(signature);
    return write_cbor({CborType::tag,
                       tag,
                       {},
                       {CborValue::array({CborValue::bytes_of(protected_bytes), unprotected, payload,
                                          CborValue::bytes_of(signature)})},
                       {}});
  }
};

Status judge(const Device& device, const std::vector<Block>& blocks) {
  const Bytes manifest = write_manifest(small_module(), bundle_options()).value().manifest;
  UnsignedBundle bundle{manifest, small_module()};
  CborValue envelope = read_cbor(sign_bundle(bundle, {})).value();
  EXPECT_TRUE(unwrap(*envelope.items[0].find(2)));
  std::vector<CborValue>& wrapper = envelope.items[0].find(2)->items[0].items;
  const Bytes digest = wrapper[0].bytes;
  for (const Block& block : blocks) wrapper.push_back(CborValue::bytes_of(block.encoded(digest)));
  const Bytes bytes = write_cbor(envelope);
  update::BundleHead head;
  const Status status =
      update::read_bundle_head({bytes.data(), std::min<std::size_t>(bytes.size(), update::kMaxHeadBytes)},
                               static_cast<std::uint32_t>(bytes.size()), head);
  return status != Status::ok ? status : device.trust.verify(head);
}

struct Case {
  const char* name;
  Status expected;
  std::function<void(Block&)> change;
};

/// The order of Ed25519's group, little-endian (RFC 8032, 5.1).
void add_group_order(Bytes& signature) {
  constexpr std::uint8_t kOrder[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                       0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                       0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += unsigned{signature[32 + i]} + kOrder[i];
    signature[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"algorithm_eddsa", Status::unsupported_algorithm, [](Block& b) { b.header.items[1] = number(-8); }},
      {"algorithm_es256", Status::unsupported_algorithm, [](Block& b) { b.header.items[1] = number(-7); }},
      {"algorithm_esp256", Status::unsupported_algorithm, [](Block& b) { b.header.items[1] = number(-9); }},
      {"algorithm_hmac", Status::unsupported_algorithm, [](Block& b) { b.header.items[1] = number(5); }},
      {"algorithm_0", Status::unsupported_algorithm, [](Block& b) { b.header.items[1] = number(0); }},
      {"algorithm_by_name", Status::malformed, [](Block& b) { b.header.items[1] = CborValue::text("Ed25519"); }},
      {"no_algorithm", Status::malformed,
       [](Block& b) {
         b.header = map_of({number(4), id_of(kRelease1)});
       }},
      {"algorithm_unprotected", Status::malformed,
       [](Block& b) {
         b.header = map_of({number(4), id_of(kRelease1)});
         b.unprotected = map_of({number(1), number(-19)});
       }},
      {"key_id_unprotected", Status::malformed,
       [](Block& b) {
         b.header = map_of({number(1), number(-19)});
         b.unprotected = map_of({number(4), id_of(kRelease1)});
       }},
      {"no_key_id", Status::malformed,
       [](Block& b) {
         b.header = map_of({number(1), number(-19)});
       }},
      {"key_id_cut_short", Status::unknown_key, [](Block& b) { b.header.items[3].bytes.pop_back(); }},
      {"key_id_with_more", Status::unknown_key, [](Block& b) { b.header.items[3].bytes.push_back(0); }},
      {"key_id_of_another_releaser", Status::bad_signature, [](Block& b) { b.header.items[3] = id_of(kRelease2); }},
      {"key_id_as_text", Status::malformed, [](Block& b) { b.header.items[3].type = CborType::text; }},
      {"critical_header", Status::malformed,
       [](Block& b) {
         b.header =
             map_of({number(1), number(-19), number(2), CborValue::array({number(4)}), number(4), id_of(kRelease1)});
       }},
      {"header_twice", Status::malformed,
       [](Block& b) {
         b.header.items.insert(b.header.items.begin(), {number(1), number(-19)});
       }},
      {"header_in_longer_form", Status::not_canonical,
       [](Block& b) {
         b.change_header = [](Bytes& header) {
           header[0] = 0xb8;
           header.insert(header.begin() + 1, 2);
         };
       }},
      {"header_with_something_behind", Status::trailing_bytes,
       [](Block& b) { b.change_header = [](Bytes& header) { header.push_back(0); }; }},
      {"payload_inside", Status::malformed, [](Block& b) { b.payload = CborValue::bytes_of(Bytes{1}); }},
      {"tag_of_a_code", Status::malformed, [](Block& b) { b.tag = 17; }},
      {"signature_of_63_bytes", Status::malformed,
       [](Block& b) { b.change_signature = [](Bytes& signature) { signature.pop_back(); }; }},
      {"signature_of_65_bytes", Status::malformed,
       [](Block& b) { b.change_signature = [](Bytes& signature) { signature.push_back(0); }; }},
      {"signature_of_zeros", Status::bad_signature,
       [](Block& b) { b.change_signature = [](Bytes& signature) { signature.assign(64, 0); }; }},
      {"scalar_plus_the_order", Status::bad_signature, [](Block& b) { b.change_signature = add_group_order; }},
      {"signature_of_another_bundle", Status::bad_signature, [](Block& b) { b.covered = Bytes(36, 1); }},
      {"signature_of_a_time_statement", Status::bad_signature,
       [](Block& b) { b.external_aad = Bytes(kTimeAad, kTimeAad + 11); }},
      {"signature_of_another_structure", Status::bad_signature, [](Block& b) { b.context = "Signature"; }},
      {"signature_of_a_countersignature", Status::bad_signature, [](Block& b) { b.context = "CounterSignature"; }},
      {"signed_by_the_time_key", Status::wrong_role, [](Block& b) { b = Block::of(kTime); }},
      {"signed_by_a_root_key", Status::wrong_role, [](Block& b) { b = Block::of(kRoot1); }},
      {"signed_by_a_stranger", Status::unknown_key, [](Block& b) { b = Block::of(kStranger); }},
      {"signed_by_a_stranger_under_a_known_id", Status::bad_signature, [](Block& b) { b.signer = &kStranger; }},
  };
  return all;
}

class SignatureAttack : public testing::TestWithParam<std::size_t> {};

TEST_P(SignatureAttack, is_refused_by_its_name) {
  const Case& attack = cases()[GetParam()];
  Block block;
  const Device device;
  ASSERT_EQ(judge(device, {block}), Status::ok);
  attack.change(block);
  EXPECT_STREQ(update::name(judge(device, {block})), update::name(attack.expected));
}

INSTANTIATE_TEST_SUITE_P(All, SignatureAttack, testing::Range(std::size_t{0}, cases().size()),
                         [](const auto& test) { return std::string(cases()[test.param].name); });

TEST(SignatureAttacks, a_threshold_counts_people) {
  const Device device(two_releases());
  Block once, again, other = Block::of(kRelease2), wrong = Block::of(kRelease2), malleable;
  wrong.change_signature = [](Bytes& signature) { signature[0] ^= 1; };
  malleable.change_signature = add_group_order;
  EXPECT_EQ(judge(device, {once, other}), Status::ok);
  EXPECT_EQ(judge(device, {other, once}), Status::ok);
  EXPECT_EQ(judge(device, {once}), Status::threshold_not_met);
  EXPECT_EQ(judge(device, {once, again, once, again}), Status::threshold_not_met);
  EXPECT_EQ(judge(device, {once, wrong}), Status::bad_signature);
  EXPECT_EQ(judge(device, {once, malleable}), Status::threshold_not_met);
  EXPECT_EQ(judge(device, {once, Block::of(kStranger)}), Status::unknown_key);
  EXPECT_EQ(judge(device, {once, Block::of(kTime)}), Status::wrong_role);
  // Who is not known takes nothing away, nor does anything behind enough of what is right; in front of it a wrong
  // signature ends the count, so that a device does not verify what it is sent one after the other.
  EXPECT_EQ(judge(device, {Block::of(kStranger), once, other, wrong}), Status::ok);
  EXPECT_EQ(judge(device, {wrong, once, other}), Status::bad_signature);
}

TEST(SignatureAttacks, one_key_in_two_places_of_the_document_is_one_person) {
  // Such a document is not written by this project; the root keys' owner may write it all the same.
  KeysOptions options = two_releases();
  const SigningKey roots[] = {kRoot1, kRoot2};
  CborValue document = read_cbor(write_keys(options, roots).value()).value();
  std::vector<CborValue>& parts = document.items[0].items;
  CborValue payload = read_cbor(parts[2].bytes).value();
  std::vector<CborValue>& keys = payload.find(3)->items;
  const std::size_t first = payload.find(2)->items[3].items[1].items[0].number;  // of the release role
  const std::size_t second = payload.find(2)->items[3].items[1].items[1].number;
  keys[second] = keys[first];
  payload.find(1)->number = 4;
  parts[2].bytes = write_cbor(payload);
  parts[3].items.clear();
  for (const SigningKey& root : roots)
    parts[3].items.push_back(read_cbor(sign_document(parts[2].bytes, kKeysAad, root)).value());
  FactoryOptions factory;
  factory.vendor = options.vendor;
  factory.keys = write_cbor(document);
  const update::Layout layout = update::arrange(4096, 8, 4096, 0);
  Bytes image = factory_image(layout, factory).value();
  ImagePort port(layout, image);
  Device device;
  ASSERT_EQ(device.trust.load(port, update::kNoSlot), Status::ok);
  EXPECT_EQ(judge(device, {Block(), Block()}), Status::threshold_not_met);
}

// ---- statements

/// A keys document that may follow the device's, with its payload changed before it is signed.
Bytes document(const std::function<void(CborValue&)>& change, const std::vector<SigningKey>& signers) {
  KeysOptions options = keys_options();
  options.version = 4;
  const SigningKey any[] = {kRoot1};
  CborValue value = read_cbor(write_keys(options, any).value()).value();
  std::vector<CborValue>& parts = value.items[0].items;
  CborValue payload = read_cbor(parts[2].bytes).value();
  change(payload);
  parts[2].bytes = write_cbor(payload);
  parts[3].items.clear();
  for (const SigningKey& signer : signers)
    parts[3].items.push_back(read_cbor(sign_document(parts[2].bytes, kKeysAad, signer)).value());
  return write_cbor(value);
}

Status judge_keys(const Bytes& message) { return Device().trust.verify_keys(view(message)); }
Status judge_keys(const std::function<void(CborValue&)>& change) {
  return judge_keys(document(change, {kRoot1, kRoot2}));
}

CborValue& role(CborValue& payload, std::size_t number) { return payload.find(2)->items[2 * number - 1]; }

TEST(KeysAttacks, are_refused_by_their_names) {
  const auto same = [](CborValue&) {};
  EXPECT_EQ(judge_keys(same), Status::ok);
  EXPECT_EQ(judge_keys([](auto& p) { p.find(1)->number = 3; }), Status::replayed);
  EXPECT_EQ(judge_keys([](auto& p) { p.find(1)->number = 2; }), Status::replayed);
  EXPECT_EQ(judge_keys([](auto& p) { p.find(1)->number = 5; }), Status::out_of_range);
  EXPECT_EQ(judge_keys([](auto& p) { p.find(1)->number = 0xffffffff; }), Status::out_of_range);
  EXPECT_EQ(judge_keys([](auto& p) { p.find(1)->number = std::uint64_t{1} << 32; }), Status::too_large);
  EXPECT_EQ(judge_keys([](auto& p) { p.find(6)->bytes[0] ^= 1; }), Status::wrong_vendor);
  EXPECT_EQ(judge_keys([](auto& p) { role(p, 2).items[0].number = 0; }), Status::threshold_not_met);
  EXPECT_EQ(judge_keys([](auto& p) { role(p, 2).items[0].number = 3; }), Status::threshold_not_met);
  EXPECT_EQ(judge_keys([](auto& p) { role(p, 2).items[1].items[0].number = 9; }), Status::malformed);
  EXPECT_EQ(judge_keys([](auto& p) { role(p, 2).items[1].items[0].number = 10; }), Status::too_large);
  EXPECT_EQ(judge_keys([](auto& p) { role(p, 2).items[1].items[1] = role(p, 2).items[1].items[0]; }),
            Status::malformed);
  EXPECT_EQ(judge_keys([](auto& p) { p.find(3)->items[0].items[0] = number(-7); }), Status::unsupported_algorithm);
  EXPECT_EQ(judge_keys([](auto& p) { p.find(3)->items[0].items[1].bytes.pop_back(); }), Status::malformed);
  EXPECT_EQ(judge_keys([](auto& p) { p.find(3)->items.resize(3); }), Status::malformed);
  EXPECT_EQ(judge_keys([](auto& p) { p.find(3)->items.insert(p.find(3)->items.end(), 6, p.find(3)->items[0]); }),
            Status::too_large);
  EXPECT_EQ(judge_keys([](auto& p) { p.items.insert(p.items.end(), {number(7), number(0)}); }), Status::malformed);
  EXPECT_EQ(judge_keys([](auto& p) { p.items.resize(p.items.size() - 2); }), Status::malformed);

  EXPECT_EQ(judge_keys(document(same, {})), Status::threshold_not_met);
  EXPECT_EQ(judge_keys(document(same, {kRoot1})), Status::threshold_not_met);
  EXPECT_EQ(judge_keys(document(same, {kRoot1, kRoot1})), Status::threshold_not_met);
  EXPECT_EQ(judge_keys(document(same, {kRelease1, kRelease2})), Status::wrong_role);
  EXPECT_EQ(judge_keys(document(same, {kTime})), Status::wrong_role);
  EXPECT_EQ(judge_keys(document(same, {kStranger, kRoot1})), Status::unknown_key);
  EXPECT_EQ(judge_keys(document(same, std::vector<SigningKey>(11, kRoot1))), Status::too_large);
  Bytes longer = document(same, {kRoot1, kRoot2});
  longer.push_back(0);
  EXPECT_EQ(judge_keys(longer), Status::trailing_bytes);
}

TEST(KeysAttacks, whoever_stole_the_old_root_alone_or_the_new_one_alone_changes_nothing) {
  const SigningKey thief = key(50);
  const auto take_over = [&](CborValue& payload) {
    payload.find(3)->items[0].items[1] = CborValue::bytes_of(thief.public_key());
    payload.find(3)->items[1].items[1] = CborValue::bytes_of(key(51).public_key());
  };
  EXPECT_EQ(judge_keys(document(take_over, {thief, key(51)})), Status::unknown_key);
  EXPECT_EQ(judge_keys(document(take_over, {kRoot1, kRoot2})), Status::unknown_key);
  EXPECT_EQ(judge_keys(document(take_over, {kRoot1, thief, key(51)})), Status::unknown_key);
  EXPECT_EQ(judge_keys(document(take_over, {kRoot1, kRoot2, thief})), Status::unknown_key);
  EXPECT_EQ(judge_keys(document(take_over, {kRoot1, kRoot2, thief, key(51)})), Status::ok);
}

TEST(KeysAttacks, each_changed_bit_is_refused) {
  const Bytes good = document([](CborValue&) {}, {kRoot1, kRoot2});
  const Device device;
  ASSERT_EQ(device.trust.verify_keys(view(good)), Status::ok);
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes changed = good;
    changed[i] ^= static_cast<std::uint8_t>(1u << (i % 8));
    EXPECT_NE(device.trust.verify_keys(view(changed)), Status::ok) << i;
  }
}

Status judge_time(const Bytes& message) {
  update::TimeStatement statement;
  return Device().trust.read_time(view(message), statement);
}

TEST(TimeAttacks, are_refused_by_their_names) {
  const Uuid klass = bundle_options().klass;
  const TimeOptions good{1'800'000'000, klass, 7};
  EXPECT_EQ(judge_time(write_time(good, kTime)), Status::ok);
  EXPECT_EQ(judge_time(write_time({1'900'000'001, klass, 7}, kTime)), Status::out_of_range);
  EXPECT_EQ(judge_time(write_time({1'800'000'000, klass, 101}, kTime)), Status::out_of_range);
  EXPECT_EQ(judge_time(write_time(good, kRelease1)), Status::wrong_role);
  EXPECT_EQ(judge_time(write_time(good, kRoot1)), Status::wrong_role);
  EXPECT_EQ(judge_time(write_time(good, kStranger)), Status::unknown_key);
  const auto payload = read_cbor(write_time(good, kTime)).value().items[0].items[2].bytes;
  EXPECT_EQ(judge_time(sign1(payload, false, "", kTime)), Status::bad_signature);
  EXPECT_EQ(judge_time(sign1(payload, false, kKeysAad, kTime)), Status::bad_signature);
  EXPECT_NE(judge_time(sign1(payload, true, kTimeAad, kTime)), Status::ok);
  EXPECT_EQ(judge_time(sign1(Bytes(65, 0), false, kTimeAad, kTime)), Status::too_large);
  EXPECT_EQ(judge_time(sign1(Bytes{0xa0}, false, kTimeAad, kTime)), Status::malformed);
  Bytes more = payload;
  more.push_back(0);
  EXPECT_EQ(judge_time(sign1(more, false, kTimeAad, kTime)), Status::trailing_bytes);
}

TEST(TimeAttacks, another_class_may_be_told_the_time_but_not_what_is_current) {
  update::TimeStatement statement;
  const Device device;
  ASSERT_EQ(device.trust.read_time(view(write_time({1'800'000'000, Uuid{1}, 7}, kTime)), statement), Status::ok);
  EXPECT_EQ(statement.time_s, 1'800'000'000u);
  EXPECT_EQ(statement.expected_sequence, 0u);
}

}  // namespace
}  // namespace mote::package
