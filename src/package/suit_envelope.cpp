#include "mote/package/suit_envelope.hpp"

#include <iterator>

#include "mote/base/hash.hpp"
#include "update/cose.hpp"

namespace mote::package {
namespace {

using update::CborType;

tl::unexpected<Error> malformed(std::string what) { return fail(Code::malformed, std::move(what)); }

struct Name {
  std::int64_t number;
  const char* name;
};

// Section 11 of the draft; 4, 26 to 29 of update-management; 1 and 5 of manifest and common of trust-domains.
constexpr Name kEnvelopeKeys[] = {
    {1, "delegation"},     {2, "authentication-wrapper"},  {3, "manifest"}, {15, "dependency-resolution"},
    {16, "payload-fetch"}, {18, "candidate-verification"}, {20, "install"}, {23, "text"}};
constexpr Name kManifestKeys[] = {{1, "manifest-version"},
                                  {2, "manifest-sequence-number"},
                                  {3, "common"},
                                  {4, "reference-uri"},
                                  {5, "manifest-component-id"},
                                  {6, "set-version"},
                                  {7, "validate"},
                                  {8, "load"},
                                  {9, "invoke"},
                                  {13, "coswid"},
                                  {14, "uninstall"},
                                  {15, "dependency-resolution"},
                                  {16, "payload-fetch"},
                                  {18, "candidate-verification"},
                                  {20, "install"},
                                  {23, "text"},
                                  {24, "uninstall"}};
constexpr Name kCommonKeys[] = {{1, "dependencies"}, {2, "components"}, {4, "shared-sequence"}};
constexpr Name kCommands[] = {{1, "condition-vendor-identifier"},
                              {2, "condition-class-identifier"},
                              {3, "condition-image-match"},
                              {4, "condition-use-before"},
                              {5, "condition-component-slot"},
                              {6, "condition-check-content"},
                              {7, "condition-dependency-integrity"},
                              {8, "condition-is-dependency"},
                              {11, "directive-process-dependency"},
                              {12, "directive-set-component-index"},
                              {14, "condition-abort"},
                              {15, "directive-try-each"},
                              {18, "directive-write"},
                              {20, "directive-override-parameters"},
                              {21, "directive-fetch"},
                              {22, "directive-copy"},
                              {23, "directive-invoke"},
                              {24, "condition-device-identifier"},
                              {25, "condition-image-not-match"},
                              {26, "condition-minimum-battery"},
                              {27, "condition-update-authorized"},
                              {28, "condition-version"},
                              {29, "directive-wait"},
                              {30, "directive-override-multiple"},
                              {31, "directive-swap"},
                              {32, "directive-run-sequence"},
                              {33, "directive-unlink"},
                              {34, "directive-copy-params"}};
constexpr Name kParameters[] = {
    {1, "vendor-id"},        {2, "class-id"},         {3, "image-digest"},  {4, "use-before"},
    {5, "component-slot"},   {12, "strict-order"},    {13, "soft-failure"}, {14, "image-size"},
    {18, "content"},         {19, "encryption-info"}, {21, "uri"},          {22, "source-component"},
    {23, "invoke-args"},     {24, "device-id"},       {25, "fetch-args"},   {26, "minimum-battery"},
    {27, "update-priority"}, {28, "version"},         {29, "wait-info"},    {-300, "requirements"},
    {-301, "delta-info"}};
constexpr Name kRequirements[] = {{1, "core"},
                                  {2, "isa-features"},
                                  {3, "abi"},
                                  {4, "op-set"},
                                  {5, "arena-bytes"},
                                  {6, "stack-bytes"},
                                  {7, "sensor-schema"},
                                  {8, "feature-schema"},
                                  {9, "firmware-version"},
                                  {10, "shadow-inferences"},
                                  {11, "shadow-permille"},
                                  {12, "trial-inferences"}};
constexpr Name kDeltaInfo[] = {{1, "format"}, {2, "base-digest"}, {3, "base-bytes"}};

template <std::size_t N>
const char* name_of(const Name (&names)[N], const CborValue& number) {
  for (const Name& name : names) {
    if (number.is_integer(name.number)) return name.name;
  }
  return nullptr;
}

/// Names the keys of a map, all of which have to be known.
template <std::size_t N>
Result<void> name_keys(CborValue& map, const Name (&names)[N], std::string_view what) {
  if (!map.is(CborType::map)) return malformed(std::string(what) + " is no map");
  for (std::size_t i = 0; i < map.items.size(); i += 2) {
    const char* name = name_of(names, map.items[i]);
    if (name == nullptr) return fail(Code::unsupported, std::string(what) + ": " + diagnostic(map.items[i]));
    map.items[i].comment = name;
  }
  return {};
}

Result<void> unwrap_named(CborValue& value, std::string_view what) {
  if (auto done = unwrap(value); !done) return fail(std::move(done).error(), what);
  return {};
}

Result<void> check_digest_form(const CborValue& digest) {
  if (!digest.is(CborType::array) || digest.items.size() != 2 || !digest.items[1].is(CborType::bytes))
    return malformed("no SUIT_Digest");
  if (!digest.items[0].is_integer(update::kAlgorithmSha256))
    return fail(Code::unsupported, "digest algorithm " + diagnostic(digest.items[0]));
  return {};
}

Result<void> check_digest(const CborValue& digest, ByteSpan content, std::string_view what) {
  MOTE_TRY_VOID(check_digest_form(digest));
  const Digest computed = sha256(content);
  const Bytes& said = digest.items[1].bytes;
  if (said != Bytes(computed.bytes.begin(), computed.bytes.end()))
    return malformed("the " + std::string(what) + " is not the one that was signed: its digest differs");
  return {};
}

Result<void> read_sequence(CborValue& sequence, int depth);

Result<void> read_parameters(CborValue& parameters) {
  MOTE_TRY_VOID(name_keys(parameters, kParameters, "parameter"));
  if (CborValue* digest = parameters.find(3)) {
    MOTE_TRY_VOID(unwrap_named(*digest, "image digest"));
    MOTE_TRY_VOID(check_digest_form(digest->items[0]));
  }
  if (CborValue* info = parameters.find(19)) {
    MOTE_TRY_VOID(unwrap_named(*info, "encryption info"));
    if (auto message = read_cose(info->items[0], CoseKind::encrypt); !message)
      return fail(std::move(message).error(), "encryption info");
    name_headers(info->items[0]);
  }
  if (CborValue* requirements = parameters.find(-300)) {
    MOTE_TRY_VOID(unwrap_named(*requirements, "requirements"));
    MOTE_TRY_VOID(name_keys(requirements->items[0], kRequirements, "requirement"));
  }
  if (CborValue* delta = parameters.find(-301)) {
    MOTE_TRY_VOID(unwrap_named(*delta, "delta info"));
    MOTE_TRY_VOID(name_keys(delta->items[0], kDeltaInfo, "delta info"));
  }
  return {};
}

Result<void> read_argument(const CborValue& command, CborValue& argument, int depth) {
  if (command.is_integer(20)) return read_parameters(argument);
  if (command.is_integer(15)) {
    if (!argument.is(CborType::array)) return malformed("try-each without alternatives");
    for (CborValue& alternative : argument.items) {
      if (alternative.is_null()) continue;
      MOTE_TRY_VOID(unwrap_named(alternative, "try-each"));
      MOTE_TRY_VOID(read_sequence(alternative.items[0], depth + 1));
    }
    return {};
  }
  if (command.is_integer(32)) {
    MOTE_TRY_VOID(unwrap_named(argument, "run-sequence"));
    return read_sequence(argument.items[0], depth + 1);
  }
  return {};
}

Result<void> read_sequence(CborValue& sequence, int depth) {
  constexpr int kMaxDepth = 6;
  if (depth > kMaxDepth) return malformed("command sequences are nested too deeply");
  if (!sequence.is(CborType::array) || sequence.items.size() % 2 != 0)
    return malformed("a command sequence is no array of pairs");
  for (std::size_t i = 0; i < sequence.items.size(); i += 2) {
    CborValue& command = sequence.items[i];
    const char* name = name_of(kCommands, command);
    if (name == nullptr) return fail(Code::unsupported, "command " + diagnostic(command));
    command.comment = name;
    MOTE_TRY_VOID(read_argument(command, sequence.items[i + 1], depth));
  }
  return {};
}

Result<void> read_wrapped_sequence(CborValue& value, std::string_view what) {
  MOTE_TRY_VOID(unwrap_named(value, what));
  if (auto done = read_sequence(value.items[0], 0); !done) return fail(std::move(done).error(), what);
  return {};
}

Result<void> read_common(CborValue& common) {
  MOTE_TRY_VOID(name_keys(common, kCommonKeys, "common"));
  const CborValue* components = common.find(2);
  if (components == nullptr || !components->is(CborType::array) || components->items.empty())
    return malformed("a manifest without components");
  CborValue* shared = common.find(4);
  if (shared == nullptr) return malformed("a manifest without its shared sequence");
  return read_wrapped_sequence(*shared, "shared sequence");
}

/// A part that may stand in the manifest, or in the envelope with its digest in the manifest.
Result<void> read_severable(std::int64_t key, std::string_view name, CborValue& manifest, CborValue& envelope) {
  CborValue* inside = manifest.find(key);
  CborValue* outside = envelope.find(key);
  if (inside == nullptr)
    return outside == nullptr ? Result<void>()
                              : malformed("nothing in the manifest vouches for the " + std::string(name));
  CborValue* part = inside;
  if (inside->is(CborType::array)) {
    MOTE_TRY_VOID(check_digest_form(*inside));
    if (outside == nullptr) return {};  // severed
    MOTE_TRY_VOID(check_digest(*inside, write_cbor(*outside), name));
    part = outside;
  }
  if (key != 23) return read_wrapped_sequence(*part, name);
  return unwrap_named(*part, name);
}

Result<void> read_manifest(CborValue& manifest, CborValue& envelope, std::uint64_t& sequence_number) {
  MOTE_TRY_VOID(name_keys(manifest, kManifestKeys, "manifest"));
  const CborValue *version = manifest.find(1), *sequence = manifest.find(2);
  if (version == nullptr || !version->is_integer(1)) return fail(Code::unsupported, "the manifest is not of version 1");
  if (sequence == nullptr || !sequence->is(CborType::unsigned_int))
    return malformed("a manifest without its sequence number");
  sequence_number = sequence->number;
  CborValue* common = manifest.find(3);
  if (common == nullptr) return malformed("a manifest without its common part");
  MOTE_TRY_VOID(unwrap_named(*common, "common"));
  MOTE_TRY_VOID(read_common(common->items[0]));
  for (const Name& part : kManifestKeys) {
    const bool is_unseverable_sequence =
        (part.number >= 7 && part.number <= 9) || part.number == 14 || part.number == 24;
    const bool is_severable = part.number >= 15 && part.number <= 23;
    if (is_severable) MOTE_TRY_VOID(read_severable(part.number, part.name, manifest, envelope));
    CborValue* found = is_unseverable_sequence ? manifest.find(part.number) : nullptr;
    if (found != nullptr) MOTE_TRY_VOID(read_wrapped_sequence(*found, part.name));
  }
  return {};
}

Result<void> read_wrapper(CborValue& wrapper, ByteSpan manifest_with_head, SuitEnvelope& out) {
  MOTE_TRY_VOID(unwrap_named(wrapper, "authentication wrapper"));
  CborValue& blocks = wrapper.items[0];
  if (!blocks.is(CborType::array) || blocks.items.empty()) return malformed("the authentication wrapper is empty");
  MOTE_TRY_VOID(unwrap_named(blocks.items[0], "manifest digest"));
  out.digest_message = blocks.items[0].bytes;
  MOTE_TRY_VOID(check_digest(blocks.items[0].items[0], manifest_with_head, "manifest"));
  for (std::size_t i = 1; i < blocks.items.size(); ++i) {
    MOTE_TRY_VOID(unwrap_named(blocks.items[i], "signature"));
    MOTE_TRY(CoseMessage message, read_cose(blocks.items[i].items[0]));
    if (message.content) return malformed("a signature that brings its own payload");
    out.signatures.push_back(std::move(message));
    name_headers(blocks.items[i].items[0]);
  }
  return {};
}

}  // namespace

Result<SuitEnvelope> read_suit(ByteSpan bytes) {
  SuitEnvelope out;
  MOTE_TRY(out.value, read_cbor(bytes));
  if (!out.value.is(CborType::tag) || out.value.number != 107 || !out.value.items[0].is(CborType::map))
    return malformed("no SUIT envelope: it does not begin with tag 107 and a map");
  CborValue& envelope = out.value.items[0];
  for (std::size_t i = 0; i < envelope.items.size(); i += 2) {
    CborValue& key = envelope.items[i];
    const char* name = name_of(kEnvelopeKeys, key);
    if (key.is(CborType::text)) name = "integrated payload";
    if (name == nullptr) return fail(Code::unsupported, "envelope element " + diagnostic(key));
    if (key.is(CborType::text) && !envelope.items[i + 1].is(CborType::bytes))
      return malformed("integrated payload " + diagnostic(key) + " is no byte string");
    key.comment = name;
  }
  CborValue *wrapper = envelope.find(2), *manifest = envelope.find(3);
  if (wrapper == nullptr || manifest == nullptr)
    return malformed("an envelope without authentication wrapper or manifest");
  MOTE_TRY_VOID(read_wrapper(*wrapper, write_cbor(*manifest), out));
  MOTE_TRY_VOID(unwrap_named(*manifest, "manifest"));
  MOTE_TRY_VOID(read_manifest(manifest->items[0], envelope, out.sequence));
  return out;
}

Result<void> verify_suit(const SuitEnvelope& envelope, const CoseKey& key) {
  if (envelope.signatures.empty()) return malformed("nobody signed it");
  std::optional<Error> first;
  CoseContext context;
  context.detached = envelope.digest_message;
  for (const CoseMessage& signature : envelope.signatures) {
    auto opened = open_cose(signature, key, context);
    if (opened) return {};
    if (!first) first = std::move(opened).error();
  }
  return tl::unexpected<Error>(*std::move(first));
}

}  // namespace mote::package
