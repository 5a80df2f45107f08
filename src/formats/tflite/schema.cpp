#include "schema.hpp"

#include <algorithm>
#include <cstdint>

namespace mote::formats::tflite {
namespace {

// Deeper than the format's own nesting (model, subgraph, operator, options); hostile files nest until the stack ends.
constexpr flatbuffers::uoffset_t kMaxDepth = 16;
// Tables may be reached over many paths, so visits are bounded by the file's size rather than by its number of tables.
constexpr flatbuffers::uoffset_t kMaxTables = 1'000'000;
constexpr std::size_t kAlignment = 16;
constexpr std::size_t kLongestQuote = 120;

bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

/// Bytes of the well-formed UTF-8 sequence of two to four bytes at `text`, or 0 (RFC 3629 section 4).
std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = byte(0);
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool surrogate = first == 0xed && byte(1) >= 0xa0;
  const bool beyond = first == 0xf4 && byte(1) >= 0x90;
  // U+0080..U+009F are control characters.
  const bool control = first == 0xc2 && byte(1) < 0xa0;
  return overlong || surrogate || beyond || control ? 0 : length;
}

}  // namespace

Result<VerifiedModel> VerifiedModel::open(ByteSpan bytes) {
  // Root offset and identifier.
  if (bytes.size() < 8)
    return fail(Code::malformed,
                "the file has " + std::to_string(bytes.size()) + " bytes, too few for a TensorFlow Lite model");
  if (bytes.size() >= FLATBUFFERS_MAX_BUFFER_SIZE) return fail(Code::too_large, "the file is larger than 2 GB");
  VerifiedModel result;
  result.size_bytes_ = bytes.size();
  const std::uint8_t* start = bytes.data();
  if (reinterpret_cast<std::uintptr_t>(start) % kAlignment != 0) {
    result.aligned_copy_.assign(bytes.begin(), bytes.end());
    start = result.aligned_copy_.data();
  }
  if (!fb::ModelBufferHasIdentifier(start)) {
    return fail(Code::malformed, "byte 4: the identifier \"TFL3\" is missing, so this is not a TensorFlow Lite model");
  }
  flatbuffers::Verifier verifier(start, bytes.size(), kMaxDepth, kMaxTables);
  if (!fb::VerifyModelBuffer(verifier)) {
    return fail(Code::malformed, "the model's tables point outside of the file's " + std::to_string(bytes.size()) +
                                     " bytes or are damaged; fetch or convert the model again");
  }
  result.model_ = fb::GetModel(start);
  return result;
}

std::int32_t operator_number(const fb::OperatorCode& code) {
  return std::max(static_cast<std::int32_t>(code.short_code()), static_cast<std::int32_t>(code.code()));
}

std::string operator_name(const fb::OperatorCode& code) {
  const std::int32_t number = operator_number(code);
  if (number == static_cast<std::int32_t>(fb::BuiltinOperator::CUSTOM)) {
    const std::string own =
        code.custom_code() == nullptr ? std::string() : clean_name(code.custom_code()->string_view());
    return own.empty() ? "CUSTOM" : own;
  }
  if (number < 0 || number > static_cast<std::int32_t>(fb::BuiltinOperator::MAX))
    return "operator number " + std::to_string(number);
  return fb::EnumNameBuiltinOperator(static_cast<fb::BuiltinOperator>(number));
}

std::string clean_name(std::string_view raw) {
  std::string clean;
  clean.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size();) {
    const auto c = static_cast<unsigned char>(raw[i]);
    const std::size_t sequence = c < 0x80 ? 0 : utf8_sequence(raw.substr(i));
    if (sequence > 0) {
      clean.append(raw.substr(i, sequence));
      i += sequence;
    } else {
      clean.push_back(is_plain(c) ? raw[i] : '_');
      ++i;
    }
  }
  return clean;
}

std::string in_quotes(std::string_view name) {
  if (name.size() <= kLongestQuote) return '"' + std::string(name) + '"';
  // Cut between characters, not inside one.
  const auto continues = [&](std::size_t i) { return (static_cast<unsigned char>(name[i]) & 0xc0) == 0x80; };
  std::size_t head = kLongestQuote / 2;
  std::size_t tail = name.size() - kLongestQuote / 2;
  while (head > 0 && continues(head)) --head;
  while (tail < name.size() && continues(tail)) ++tail;
  return '"' + std::string(name.substr(0, head)) + "..." + std::string(name.substr(tail)) + '"';
}

}  // namespace mote::formats::tflite
