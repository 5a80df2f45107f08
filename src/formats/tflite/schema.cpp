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

}  // namespace mote::formats::tflite
