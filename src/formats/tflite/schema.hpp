#pragma once
// The generated accessors of tflite.fbs, and verified access to a file's tables.

#include <string>
#include <string_view>
#include "../names.hpp"

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "tflite_generated.h"

namespace mote::formats::tflite {

namespace fb = tflite_schema;

/// Bytes whose every table, vector and string lies inside of them (FlatBuffers' verifier). What the numbers in the
/// tables mean is unchecked.
class VerifiedModel {
 public:
  /// @param bytes  borrowed while the object lives, unless they are not aligned to 16 bytes: then copied.
  /// @error malformed
  [[nodiscard]] static Result<VerifiedModel> open(ByteSpan bytes);
  [[nodiscard]] const fb::Model& model() const { return *model_; }
  [[nodiscard]] std::size_t size_bytes() const { return size_bytes_; }

 private:
  VerifiedModel() = default;
  Bytes aligned_copy_;  // a moved vector keeps its storage, so model_ stays valid
  const fb::Model* model_ = nullptr;
  std::size_t size_bytes_ = 0;
};

/// The operator number of a code table, from its short or long field.
[[nodiscard]] std::int32_t operator_number(const fb::OperatorCode& code);

/// "CONV_2D", a custom operator's own name, or "operator number 300".
[[nodiscard]] std::string operator_name(const fb::OperatorCode& code);

/// The length of a vector that may be absent.
template <class Vector>
[[nodiscard]] std::size_t count(const Vector* vector) {
  return vector == nullptr ? 0 : vector->size();
}

}  // namespace mote::formats::tflite
