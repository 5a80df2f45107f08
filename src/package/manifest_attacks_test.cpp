// Bundles that somebody with a release key signed and that a device still has to refuse, each with its named reason:
// manifests with anything too much, too little, out of order or encoded otherwise.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "cbor.hpp"
#include "module_of_test.hpp"
#include "mote/package/cbor_value.hpp"
#include "update/suit.hpp"

namespace mote::package {
namespace {

using update::CborType;
using update::Status;

CborValue number(std::int64_t value) { return CborValue::integer(value); }

/// Byte strings that hold CBOR are opened wherever SUIT has them.
CborValue opened_manifest(const BundleOptions& options = bundle_options()) {
  const UnsignedBundle made = write_manifest(small_module(), options).value();
  CborValue manifest = read_cbor(read_cbor(made.manifest).value().bytes).value();
  for (const std::int64_t section : {3, 7, 20}) EXPECT_TRUE(unwrap(*manifest.find(section)));
  EXPECT_TRUE(unwrap(*manifest.find(3)->items[0].find(4)));
  return manifest;
}

CborValue& common(CborValue& manifest) { return manifest.find(3)->items[0]; }
std::vector<CborValue>& shared(CborValue& manifest) { return common(manifest).find(4)->items[0].items; }
std::vector<CborValue>& install(CborValue& manifest) { return manifest.find(20)->items[0].items; }
std::vector<CborValue>& validate(CborValue& manifest) { return manifest.find(7)->items[0].items; }

/// The `index`th override-parameters of a sequence.
CborValue& parameters(std::vector<CborValue>& sequence, int index = 0) {
  for (std::size_t i = 0; i < sequence.size(); i += 2) {
    if (sequence[i].is_integer(20) && index-- == 0) return sequence[i + 1];
  }
  ADD_FAILURE() << "no such parameters";
  return sequence.front();
}

/// Adds or replaces, keys in their order.
void set(CborValue& map, std::int64_t key, CborValue value) {
  if (CborValue* found = map.find(key)) {
    *found = std::move(value);
    return;
  }
  std::size_t at = 0;
  const auto stands_before = [&](const CborValue& other) {
    const Bytes a = write_cbor(other), b = write_cbor(number(key));
    return a < b;
  };
  while (at < map.items.size() && stands_before(map.items[at])) at += 2;
  map.items.insert(map.items.begin() + static_cast<std::ptrdiff_t>(at), {number(key), std::move(value)});
}

void remove(CborValue& map, std::int64_t key) {
  for (std::size_t i = 0; i < map.items.size(); i += 2) {
    if (!map.items[i].is_integer(key)) continue;
    map.items.erase(map.items.begin() + static_cast<std::ptrdiff_t>(i),
                    map.items.begin() + static_cast<std::ptrdiff_t>(i + 2));
    return;
  }
}

using Sequence = std::vector<CborValue>;

void append(Sequence& sequence, std::int64_t command, CborValue argument) {
  sequence.push_back(number(command));
  sequence.push_back(std::move(argument));
}

/// The place of the `index`th use of a command.
Sequence::iterator place_of(Sequence& sequence, std::int64_t command, int index = 0) {
  for (auto at = sequence.begin(); at != sequence.end(); at += 2) {
    if (at->is_integer(command) && index-- == 0) return at;
  }
  ADD_FAILURE() << "no command " << command;
  return sequence.begin();
}

void drop(Sequence& sequence, std::int64_t command, int index = 0) {
  const auto at = place_of(sequence, command, index);
  sequence.erase(at, at + 2);
}

Status judge_bytes(const Bytes& bundle) {
  update::BundleHead head;
  return update::read_bundle_head({bundle.data(), std::min<std::size_t>(bundle.size(), update::kMaxHeadBytes)},
                                  static_cast<std::uint32_t>(bundle.size()), head);
}

Bytes signed_around(const Bytes& manifest) {
  UnsignedBundle bundle;
  bundle.manifest = cbor([&](update::CborWriter& w) { w.bytes(view(manifest)); });
  bundle.payload = small_module();
  const SigningKey signers[] = {key(3)};
  return sign_bundle(bundle, signers);
}

Status judge(const CborValue& manifest) { return judge_bytes(signed_around(write_cbor(manifest))); }

struct Case {
  const char* name;
  Status expected;
  std::function<void(CborValue&)> change;
};

CborValue digest(std::int64_t algorithm, std::size_t bytes) {
  return CborValue::bytes_of(write_cbor(CborValue::array({number(algorithm), CborValue::bytes_of(Bytes(bytes, 1))})));
}

CborValue component(const Bytes& id) { return CborValue::array({CborValue::bytes_of(id)}); }

/// Opens the requirements, changes them, closes them.
void change_requirements(CborValue& manifest, const std::function<void(CborValue&)>& change) {
  CborValue& item = *parameters(shared(manifest)).find(-300);
  ASSERT_TRUE(unwrap(item));
  change(item.items[0]);
}

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      // The manifest itself.
      {"version_of_tomorrow", Status::unsupported_version, [](auto& m) { set(m, 1, number(2)); }},
      {"no_version", Status::malformed, [](auto& m) { remove(m, 1); }},
      {"no_sequence_number", Status::malformed, [](auto& m) { remove(m, 2); }},
      {"sequence_number_0", Status::malformed, [](auto& m) { set(m, 2, number(0)); }},
      {"negative_sequence_number", Status::malformed, [](auto& m) { set(m, 2, number(-1)); }},
      {"sequence_number_as_bytes", Status::malformed, [](auto& m) { set(m, 2, CborValue::bytes_of(Bytes{7})); }},
      {"no_common", Status::malformed, [](auto& m) { remove(m, 3); }},
      {"no_install", Status::malformed, [](auto& m) { remove(m, 20); }},
      {"no_validate", Status::malformed, [](auto& m) { remove(m, 7); }},
      {"empty_install", Status::malformed, [](auto& m) { set(m, 20, CborValue::bytes_of(Bytes{})); }},
      {"reference_uri", Status::unsupported_command, [](auto& m) { set(m, 4, CborValue::text("https://a.example")); }},
      {"load_section", Status::unsupported_command, [](auto& m) { set(m, 8, CborValue::bytes_of(Bytes{0x80})); }},
      {"invoke_section", Status::unsupported_command, [](auto& m) { set(m, 9, CborValue::bytes_of(Bytes{0x80})); }},
      {"payload_fetch_section", Status::unsupported_command,
       [](auto& m) { set(m, 16, CborValue::bytes_of(Bytes{0x80})); }},
      {"text_section", Status::unsupported_command, [](auto& m) { set(m, 23, CborValue::bytes_of(Bytes{0xa0})); }},
      {"severed_install", Status::malformed,
       [](auto& m) {
         set(m, 20, CborValue::array({number(-16), CborValue::bytes_of(Bytes(32, 1))}));
       }},
      {"manifest_keys_out_of_order", Status::not_canonical,
       [](auto& m) {
         std::swap(m.items[0], m.items[2]);
         std::swap(m.items[1], m.items[3]);
       }},
      {"manifest_key_twice", Status::not_canonical,
       [](auto& m) {
         m.items.insert(m.items.begin(), {number(1), number(1)});
       }},
      {"manifest_key_as_text", Status::malformed, [](auto& m) { m.items[0] = CborValue::text("1"); }},

      // Components.
      {"one_component", Status::unsupported_command, [](auto& m) { common(m).find(2)->items.pop_back(); }},
      {"three_components", Status::unsupported_command,
       [](auto& m) { common(m).find(2)->items.push_back(component({2})); }},
      {"components_swapped", Status::unsupported_command,
       [](auto& m) { std::swap(common(m).find(2)->items[0], common(m).find(2)->items[1]); }},
      {"long_component_id", Status::unsupported_command,
       [](auto& m) {
         common(m).find(2)->items[1] = component({0, 1});
       }},
      {"component_of_two_parts", Status::unsupported_command,
       [](auto& m) { common(m).find(2)->items[1].items.push_back(CborValue::bytes_of(Bytes{1})); }},
      {"dependencies", Status::malformed,
       [](auto& m) {
         set(common(m), 1, CborValue{CborType::map, 0, {}, {}, {}});
       }},

      // Commands.
      {"component_index_2", Status::unsupported_command, [](auto& m) { place_of(install(m), 12, 1)[1] = number(2); }},
      {"every_component_at_once", Status::malformed,
       [](auto& m) {
         place_of(install(m), 12)[1] = CborValue{CborType::simple, 21, {}, {}, {}};
       }},
      {"odd_sequence", Status::malformed, [](auto& m) { install(m).pop_back(); }},
      {"reporting_policy_16", Status::too_large, [](auto& m) { place_of(install(m), 3)[1] = number(16); }},
      {"fetch_twice", Status::malformed,
       [](auto& m) {
         install(m).insert(place_of(install(m), 3), {number(21), number(2)});
       }},
      {"no_fetch", Status::malformed, [](auto& m) { drop(install(m), 21); }},
      {"no_copy", Status::malformed, [](auto& m) { drop(install(m), 22); }},
      {"carried_bytes_not_compared", Status::malformed, [](auto& m) { drop(install(m), 3, 0); }},
      {"module_not_compared", Status::malformed, [](auto& m) { drop(install(m), 3, 1); }},
      {"module_not_validated", Status::malformed, [](auto& m) { drop(validate(m), 3); }},
      {"vendor_not_compared", Status::malformed, [](auto& m) { drop(shared(m), 1); }},
      {"class_not_compared", Status::malformed, [](auto& m) { drop(shared(m), 2); }},
      {"vendor_compared_twice", Status::malformed, [](auto& m) { append(shared(m), 1, number(15)); }},
      {"device_compared_with_nothing", Status::malformed, [](auto& m) { append(shared(m), 24, number(15)); }},
      {"expiry_compared_with_nothing", Status::malformed, [](auto& m) { append(install(m), 4, number(15)); }},
      {"battery_compared_with_nothing", Status::malformed, [](auto& m) { append(install(m), 26, number(15)); }},
      {"copy_before_the_check", Status::malformed,
       [](auto& m) { std::swap(*place_of(install(m), 3), *place_of(install(m), 22)); }},
      {"fetch_in_the_shared_sequence", Status::malformed, [](auto& m) { append(shared(m), 21, number(2)); }},
      {"fetch_into_the_slot", Status::malformed,
       [](auto& m) { std::swap(*place_of(install(m), 21), *place_of(install(m), 22)); }},
      {"parameters_while_validating", Status::unsupported_command,
       [](auto& m) {
         append(validate(m), 20, CborValue{CborType::map, 0, {}, {}, {}});
       }},

      // Parameters.
      {"vendor_replaced", Status::malformed,
       [](auto& m) { set(parameters(install(m)), 1, CborValue::bytes_of(Bytes(16, 1))); }},
      {"class_replaced", Status::malformed,
       [](auto& m) { set(parameters(install(m)), 2, CborValue::bytes_of(Bytes(16, 1))); }},
      {"module_digest_replaced", Status::malformed,
       [](auto& m) {
         CborValue more{CborType::map, 0, {}, {}, {}};
         set(more, 3, digest(-16, 32));
         append(install(m), 20, more);
       }},
      {"module_size_replaced", Status::malformed,
       [](auto& m) {
         CborValue more{CborType::map, 0, {}, {}, {}};
         set(more, 14, number(1));
         append(install(m), 20, more);
       }},
      {"vendor_of_15_bytes", Status::malformed,
       [](auto& m) { set(parameters(shared(m)), 1, CborValue::bytes_of(Bytes(15, 1))); }},
      {"digest_of_31_bytes", Status::malformed, [](auto& m) { set(parameters(install(m)), 3, digest(-16, 31)); }},
      {"digest_by_sha512", Status::unsupported_algorithm,
       [](auto& m) { set(parameters(install(m)), 3, digest(-44, 64)); }},
      {"digest_by_truncated_sha256", Status::unsupported_algorithm,
       [](auto& m) { set(parameters(install(m), 1), 3, digest(-15, 8)); }},
      {"no_module_digest", Status::malformed, [](auto& m) { remove(parameters(install(m), 1), 3); }},
      {"no_carried_digest", Status::malformed, [](auto& m) { remove(parameters(install(m)), 3); }},
      {"size_0", Status::malformed, [](auto& m) { set(parameters(install(m)), 14, number(0)); }},
      {"no_size", Status::malformed, [](auto& m) { remove(parameters(install(m), 1), 14); }},
      {"size_of_2_gib", Status::too_large,
       [](auto& m) { set(parameters(install(m)), 14, number(std::int64_t{1} << 31)); }},
      {"payload_from_elsewhere", Status::unsupported_command,
       [](auto& m) { set(parameters(install(m)), 21, CborValue::text("https://a.example/module")); }},
      {"no_uri", Status::malformed, [](auto& m) { remove(parameters(install(m)), 21); }},
      {"copied_from_itself", Status::unsupported_command,
       [](auto& m) { set(parameters(install(m), 1), 22, number(1)); }},
      {"no_source", Status::malformed, [](auto& m) { remove(parameters(install(m), 1), 22); }},
      {"encryption_of_what_is_carried", Status::malformed,
       [](auto& m) { set(parameters(install(m)), 19, CborValue::bytes_of(Bytes{1})); }},
      {"empty_encryption_info", Status::malformed,
       [](auto& m) { set(parameters(install(m), 1), 19, CborValue::bytes_of(Bytes{})); }},
      {"device_not_compared", Status::malformed,
       [](auto& m) { set(parameters(shared(m)), 24, CborValue::bytes_of(Bytes(16, 1))); }},
      {"expiry_not_compared", Status::malformed, [](auto& m) { set(parameters(shared(m)), 4, number(1'800'000'000)); }},
      {"battery_not_compared", Status::malformed, [](auto& m) { set(parameters(shared(m)), 26, number(30)); }},
      {"battery_of_101_percent", Status::too_large, [](auto& m) { set(parameters(shared(m)), 26, number(101)); }},
      {"parameters_out_of_order", Status::not_canonical,
       [](auto& m) {
         CborValue& map = parameters(shared(m));
         std::swap(map.items[0], map.items[2]);
         std::swap(map.items[1], map.items[3]);
       }},
      {"parameter_twice", Status::not_canonical,
       [](auto& m) {
         CborValue& map = parameters(shared(m));
         map.items.insert(map.items.begin() + 2, {map.items[0], map.items[1]});
       }},

      // Requirements and the delta.
      {"no_requirements", Status::malformed, [](auto& m) { remove(parameters(shared(m)), -300); }},
      {"requirement_of_tomorrow", Status::unsupported_command,
       [](auto& m) { change_requirements(m, [](auto& r) { set(r, 13, number(0)); }); }},
      {"requirement_missing", Status::malformed,
       [](auto& m) { change_requirements(m, [](auto& r) { remove(r, 5); }); }},
      {"agreement_of_1001_in_1000", Status::too_large,
       [](auto& m) { change_requirements(m, [](auto& r) { set(r, 11, number(1001)); }); }},
      {"arena_of_4_gib", Status::too_large,
       [](auto& m) { change_requirements(m, [](auto& r) { set(r, 5, number(std::int64_t{1} << 32)); }); }},
      {"schema_of_7_bytes", Status::malformed,
       [](auto& m) { change_requirements(m, [](auto& r) { set(r, 7, CborValue::bytes_of(Bytes(7))); }); }},
      {"requirements_with_something_behind", Status::trailing_bytes,
       [](auto& m) {
         CborValue& item = *parameters(shared(m)).find(-300);
         item.bytes.push_back(0);
       }},
      {"delta_of_tomorrow", Status::unsupported_version,
       [](auto& m) {
         CborValue info{CborType::map, 0, {}, {}, {}};
         set(info, 1, number(2));
         set(info, 2, CborValue::bytes_of(Bytes(32, 1)));
         set(info, 3, number(512));
         set(parameters(install(m), 1), -301, CborValue::bytes_of(write_cbor(info)));
       }},
      {"delta_without_base", Status::malformed,
       [](auto& m) {
         CborValue info{CborType::map, 0, {}, {}, {}};
         set(info, 1, number(1));
         set(info, 3, number(512));
         set(parameters(install(m), 1), -301, CborValue::bytes_of(write_cbor(info)));
       }},
  };
  return all;
}

class ManifestAttack : public testing::TestWithParam<std::size_t> {};

TEST_P(ManifestAttack, is_refused_by_its_name) {
  const Case& attack = cases()[GetParam()];
  CborValue manifest = opened_manifest();
  ASSERT_EQ(judge(manifest), Status::ok);
  attack.change(manifest);
  EXPECT_STREQ(update::name(judge(manifest)), update::name(attack.expected));
}

INSTANTIATE_TEST_SUITE_P(All, ManifestAttack, testing::Range(std::size_t{0}, cases().size()),
                         [](const auto& test) { return std::string(cases()[test.param].name); });

/// Every command and parameter of the draft and of its companions that devices do not have, at every place.
TEST(ManifestAttacks, what_a_device_does_not_know_is_unsupported) {
  const CborValue arguments[] = {number(15), CborValue::null(), CborValue::array({}), CborValue::bytes_of(Bytes{0x80}),
                                 CborValue{CborType::map, 0, {}, {}, {}}};
  for (const std::int64_t command :
       {5, 6, 7, 8, 11, 13, 14, 15, 16, 17, 18, 19, 23, 25, 27, 28, 29, 30, 31, 32, 33, 34, 99, -1})
    for (const CborValue& argument : arguments)
      for (const auto place : {shared, install, validate}) {
        CborValue manifest = opened_manifest();
        append(place(manifest), command, argument);
        EXPECT_EQ(judge(manifest), Status::unsupported_command) << command;
      }
  for (const std::int64_t parameter : {5, 12, 13, 18, 23, 25, 27, 28, 30, 99, -1, -256, -302})
    for (const auto place : {shared, install}) {
      CborValue manifest = opened_manifest();
      set(parameters(place(manifest)), parameter, number(1));
      EXPECT_EQ(judge(manifest), Status::unsupported_command) << parameter;
    }
}

/// Writes a value with the head of number `which`, counted through all levels, in a longer form, or a string, array or
/// map without length.
class OddWriter {
 public:
  enum class Form { longer, indefinite };
  OddWriter(std::size_t which, Form form) : which_(which), form_(form) {}

  Bytes write(const CborValue& value) {
    Bytes out;
    const bool odd = count_++ == which_;
    found_ = found_ || odd;
    if (value.is(CborType::bytes) || value.is(CborType::text)) {
      Bytes content = value.bytes;
      if (!value.items.empty()) content = write(value.items[0]);
      head(out, value.type, content.size(), odd);
      if (odd && form_ == Form::indefinite) {
        const CborValue piece = CborValue::bytes_of(content);
        const Bytes inner = write_cbor(piece);
        out.insert(out.end(), inner.begin(), inner.end());
        out.push_back(0xff);
      } else {
        out.insert(out.end(), content.begin(), content.end());
      }
      return out;
    }
    const bool holds = value.is(CborType::array) || value.is(CborType::map);
    head(out, value.type,
         value.is(CborType::array) ? value.items.size()
         : value.is(CborType::map) ? value.items.size() / 2
                                   : value.number,
         odd);
    for (const CborValue& item : value.items) {
      const Bytes inner = write(item);
      out.insert(out.end(), inner.begin(), inner.end());
    }
    if (odd && holds && form_ == Form::indefinite) out.push_back(0xff);
    return out;
  }
  [[nodiscard]] bool found() const { return found_; }

 private:
  void head(Bytes& out, CborType type, std::uint64_t value, bool odd) const {
    const auto major = static_cast<std::uint8_t>(static_cast<unsigned>(type) << 5);
    const bool sized =
        type == CborType::bytes || type == CborType::text || type == CborType::array || type == CborType::map;
    if (odd && form_ == Form::indefinite && sized) {
      out.push_back(static_cast<std::uint8_t>(major | 31));
    } else if (odd) {  // eight bytes, as no number here needs them
      out.push_back(static_cast<std::uint8_t>(major | 27));
      for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
    } else {
      const Bytes usual = write_cbor(CborValue::unsigned_int(value));
      out.push_back(static_cast<std::uint8_t>(usual[0] | major));
      out.insert(out.end(), usual.begin() + 1, usual.end());
    }
  }

  std::size_t which_, count_ = 0;
  Form form_;
  bool found_ = false;
};

/// Two encodings of one meaning are how parsers are made to disagree.
TEST(ManifestAttacks, every_other_encoding_is_refused) {
  BundleOptions options = bundle_options();
  options.device = Uuid{1};
  options.use_before_s = 1'800'000'000;
  options.minimum_battery_percent = 30;
  CborValue manifest = opened_manifest(options);
  ASSERT_TRUE(unwrap(*parameters(shared(manifest)).find(-300)));
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(unwrap(*parameters(install(manifest), i).find(3)));
  ASSERT_EQ(judge_bytes(signed_around(OddWriter(99999, OddWriter::Form::longer).write(manifest))), Status::ok);
  std::size_t tried = 0;
  for (const auto form : {OddWriter::Form::longer, OddWriter::Form::indefinite})
    for (std::size_t which = 0;; ++which) {
      OddWriter writer(which, form);
      const Status status = judge_bytes(signed_around(writer.write(manifest)));
      if (!writer.found()) break;
      EXPECT_TRUE(status == Status::not_canonical || status == Status::malformed)
          << which << " " << update::name(status);
      if (form == OddWriter::Form::longer) {
        EXPECT_EQ(status, Status::not_canonical) << which;
      }
      ++tried;
    }
  EXPECT_GT(tried, 150u);
}

struct EnvelopeCase {
  const char* name;
  Status expected;
  std::function<void(CborValue&)> change;
};

const std::vector<EnvelopeCase>& envelope_cases() {
  static const auto authentication = [](CborValue& e) -> Sequence& { return e.items[0].find(2)->items[0].items; };
  static const std::vector<EnvelopeCase> all{
      {"without_tag", Status::malformed, [](auto& e) { e = CborValue(e.items[0]); }},
      {"tag_of_a_manifest", Status::malformed, [](auto& e) { e.number = 1070; }},
      {"two_tags", Status::malformed,
       [](auto& e) {
         CborValue outer{CborType::tag, 55799, {}, {e}, {}};
         e = outer;
       }},
      {"not_signed", Status::threshold_not_met, [](auto& e) { authentication(e).resize(1); }},
      {"no_digest_either", Status::threshold_not_met, [](auto& e) { authentication(e).clear(); }},
      {"signed_by_five", Status::too_large,
       [](auto& e) {
         const CborValue one = authentication(e)[1];
         authentication(e).insert(authentication(e).end(), 4, one);
       }},
      {"digest_by_sha512", Status::unsupported_algorithm, [](auto& e) { authentication(e)[0] = digest(-44, 64); }},
      {"digest_of_nothing", Status::digest_mismatch, [](auto& e) { authentication(e)[0] = digest(-16, 32); }},
      {"manifest_of_another_bundle", Status::digest_mismatch,
       [](auto& e) {
         BundleOptions other = bundle_options();
         other.sequence = 8;
         *e.items[0].find(3) = read_cbor(write_manifest(small_module(), other).value().manifest).value();
       }},
      {"manifest_first", Status::malformed,
       [](auto& e) {
         Sequence& items = e.items[0].items;
         std::swap(items[0], items[2]);
         std::swap(items[1], items[3]);
       }},
      {"severed_text", Status::malformed, [](auto& e) { set(e.items[0], 23, CborValue::bytes_of(Bytes{0xa0})); }},
      {"no_payload", Status::malformed, [](auto& e) { e.items[0].items.resize(4); }},
      {"payload_of_another_name", Status::malformed,
       [](auto& e) { e.items[0].items[4] = CborValue::text("#firmware"); }},
      {"payload_as_text", Status::malformed, [](auto& e) { e.items[0].items[5].type = CborType::text; }},
  };
  return all;
}

class EnvelopeAttack : public testing::TestWithParam<std::size_t> {};

TEST_P(EnvelopeAttack, is_refused_by_its_name) {
  const EnvelopeCase& attack = envelope_cases()[GetParam()];
  CborValue envelope = read_cbor(signed_around(write_cbor(opened_manifest()))).value();
  ASSERT_TRUE(unwrap(*envelope.items[0].find(2)));
  ASSERT_EQ(judge_bytes(write_cbor(envelope)), Status::ok);
  attack.change(envelope);
  EXPECT_STREQ(update::name(judge_bytes(write_cbor(envelope))), update::name(attack.expected));
}

INSTANTIATE_TEST_SUITE_P(All, EnvelopeAttack, testing::Range(std::size_t{0}, envelope_cases().size()),
                         [](const auto& test) { return std::string(envelope_cases()[test.param].name); });

}  // namespace
}  // namespace mote::package
