#pragma once
// Each operator that mote reads from a .tflite file, as models of their own, for tests.

#include <functional>
#include <string>
#include <vector>

#include "operators/one_operator.hpp"

namespace mote::formats::test {

struct Case {
  std::string name;
  fb::BuiltinOperator code;
  /// Versions for float32 and int8; 0: TensorFlow Lite has no such form.
  std::int32_t float_version, int8_version;
  std::function<void(OneOperator&)> build;
};

/// The model as a file, in float32 or int8; of a form that TensorFlow Lite has.
[[nodiscard]] Bytes file_of(const Case& one, bool integer);

[[nodiscard]] std::vector<Case> cases();

}  // namespace mote::formats::test
