#pragma once
// Named buffers beside the model, which interpreters ignore. mote keeps there what the format has no field for: the
// names of operators.

#include <string>
#include <string_view>
#include <vector>

#include "mote/base/bytes.hpp"
#include "schema.hpp"

namespace mote::formats::tflite {

/// Names of all graph operators in order, each ended by a zero byte. Written only when a name is not that of the
/// operator's output.
constexpr std::string_view kOperatorNames = "mote.operator_names";

/// The contents of the metadata entry of this name; empty when there is none. Borrowed from the file.
[[nodiscard]] ByteSpan metadata(const fb::Model& model, std::string_view name);

[[nodiscard]] std::vector<std::string> split_names(ByteSpan text);
[[nodiscard]] Bytes join_names(const std::vector<std::string>& names);

}  // namespace mote::formats::tflite
