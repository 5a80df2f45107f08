// The examples of the COSE working group: each opens to its text and is encoded again byte for byte, or is refused
// where it must be. What each case does stands in a checked-in table, docs/cose-conformance.txt, which MOTE_UPDATE=1
// writes anew. Needs the examples beside the project; skips without.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "mote/base/file.hpp"
#include "mote/package/cose_message.hpp"

namespace mote::package {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

const fs::path kExamples = fs::path(MOTE_SHARED_DATA) / "cose_examples";
const fs::path kTable = fs::path(MOTE_SOURCE_DIR) / "docs/cose-conformance.txt";

Bytes hex(const std::string& text) { return from_hex(text).value(); }

Bytes base64url(std::string text) {
  for (char& c : text) c = c == '-' ? '+' : c == '_' ? '/' : c;
  while (text.size() % 4 != 0) text += '=';
  return from_base64(text).value();
}

Bytes text_bytes(const std::string& text) { return Bytes(text.begin(), text.end()); }

/// NAME in base64 or NAME_hex; empty: not there.
Bytes field(const json& from, const std::string& name) {
  if (from.contains(name)) return base64url(from[name]);
  return from.contains(name + "_hex") ? hex(from[name + "_hex"]) : Bytes{};
}

CoseKey key_of(const json& from) {
  static const std::map<std::string, std::int64_t> kCurves{{"P-256", 1}, {"P-384", 2},   {"P-521", 3}, {"X25519", 4},
                                                           {"X448", 5},  {"Ed25519", 6}, {"Ed448", 7}};
  CoseKey key;
  key.symmetric = field(from, "k");
  key.x = field(from, "x");
  key.y = field(from, "y");
  key.secret = field(from, "d");
  key.modulus = field(from, "n");
  key.exponent = field(from, "e");
  if (from.contains("public")) key.hash_tree = hex(from["public"]);
  if (const auto curve = kCurves.find(from.value("crv", "")); curve != kCurves.end()) key.curve = curve->second;
  return key;
}

/// What the sender did not send.
CoseContext context_of(const json& message, const json& part) {
  CoseContext context;
  for (const json* place : {&message, &part}) {
    if (place->contains("external")) context.external_aad = hex((*place)["external"]);
    if (!place->contains("unsent")) continue;
    const json& unsent = (*place)["unsent"];
    if (unsent.contains("IV_hex")) context.base_iv = hex(unsent["IV_hex"]);
    if (place->contains("unprotected") && (*place)["unprotected"].contains("partialIV_hex")) {
      // Theirs is the whole IV; what both know is it without the part that is sent.
      const Bytes partial = hex((*place)["unprotected"]["partialIV_hex"]);
      for (std::size_t i = 0; i < partial.size(); ++i)
        context.base_iv[context.base_iv.size() - partial.size() + i] ^= partial[i];
    }
    if (unsent.contains("apu_id")) context.party_u = text_bytes(unsent["apu_id"]);
    if (unsent.contains("apv_id")) context.party_v = text_bytes(unsent["apv_id"]);
    if (unsent.contains("pub_other")) context.public_other = text_bytes(unsent["pub_other"]);
    if (unsent.contains("priv_other")) context.private_other = text_bytes(unsent["priv_other"]);
  }
  if (part.contains("sender_key")) context.sender = key_of(part["sender_key"]);
  return context;
}

/// Who signs or receives, with their keys.
std::vector<json> parts_of(const json& message) {
  for (const char* list : {"signers", "recipients"}) {
    if (!message.contains(list)) continue;
    std::vector<json> parts(message[list].begin(), message[list].end());
    for (json& part : parts) {
      if (part.contains("recipients")) part["key"] = part["recipients"][0]["key"];
    }
    return parts;
  }
  return {message};
}

struct Kind {
  const char* name;
  CoseKind kind;
};
constexpr Kind kKinds[] = {{"sign0", CoseKind::sign1},        {"sign", CoseKind::sign},
                           {"mac0", CoseKind::mac0},          {"mac", CoseKind::mac},
                           {"encrypted", CoseKind::encrypt0}, {"enveloped", CoseKind::encrypt}};

Result<void> open_all(const CborValue& value, const json& input, CoseKind kind, const json& description) {
  // The web token examples wrap a message in the tag of a token, or a message in another.
  const bool is_token = value.is(update::CborType::tag) && value.number == 61;
  // The one example with a critical parameter of its own is for readers that know it.
  std::vector<CborValue> understood;
  if (description.contains("protected")) {
    for (const json& label : description["protected"].value("crit", json::array()))
      understood.push_back(CborValue::text(label.get<std::string>()));
  }
  MOTE_TRY(const CoseMessage message, read_cose(is_token ? value.items[0] : value, kind, understood));
  const Bytes expected =
      input.contains("plaintext_hex") ? hex(input["plaintext_hex"]) : text_bytes(input.value("plaintext", ""));
  const std::vector<json> parts = parts_of(description);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    MOTE_TRY(const Bytes content, open_cose(message, key_of(parts[i]["key"]), context_of(description, parts[i]), i));
    if (content != expected) return fail(Code::internal, "another text");
  }
  return {};
}

std::string verdict(const fs::path& file) {
  const auto text = read_file(file);
  const json example = json::parse(text->begin(), text->end());
  const Bytes bytes = hex(example["output"]["cbor"]);
  const bool must_fail = example.value("fail", false);
  const auto value = read_cbor(bytes);
  if (!value) return "WRONG: not read: " + value.error().message();
  if (write_cbor(*value) != bytes) return "WRONG: encoded differently";
  const json& input = example["input"];
  const auto kind =
      std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& k) { return input.contains(k.name); });
  if (kind == std::end(kKinds)) return "WRONG: no kind";
  const auto opened = open_all(*value, input, kind->kind, input[kind->name]);
  if (must_fail) return opened ? "WRONG: accepted" : "refused, as it must be: " + opened.error().message();
  if (opened) return "pass";
  return (opened.error().code() == Code::unsupported ? "not supported: " : "WRONG: ") + opened.error().message();
}

TEST(CoseConformance, every_example_of_the_working_group_is_opened_or_refused_as_the_table_says) {
  if (!fs::exists(kExamples)) GTEST_SKIP() << "no examples in " << kExamples;
  std::map<std::string, std::string> verdicts;
  for (const auto& entry : fs::recursive_directory_iterator(kExamples)) {
    if (entry.path().extension() != ".json") continue;
    verdicts[fs::relative(entry.path(), kExamples).replace_extension().string()] = verdict(entry.path());
  }
  std::size_t passed = 0, refused = 0;
  std::string lines;
  for (const auto& [name, what] : verdicts) {
    passed += what == "pass" ? 1 : 0;
    refused += what.starts_with("refused") ? 1 : 0;
    EXPECT_FALSE(what.starts_with("WRONG")) << name << ": " << what;
    lines += name + "  " + what + "\n";
  }
  const std::string table =
      "# Written by src/package/cose_conformance_test.cpp: the examples of the COSE working group. " +
      std::to_string(passed) + " of " + std::to_string(verdicts.size()) + " pass, " + std::to_string(refused) +
      " are refused because they must be; all are encoded again byte for byte.\n" + lines;
  if (std::getenv("MOTE_UPDATE") != nullptr) {
    ASSERT_TRUE(write_file(kTable, table));
  }
  const auto recorded = read_file(kTable);
  ASSERT_TRUE(recorded) << "MOTE_UPDATE=1 writes it";
  EXPECT_EQ(std::string(recorded->begin(), recorded->end()), table);
}

}  // namespace
}  // namespace mote::package
