#pragma once
// Generates the C++ that extracts the features on the device, for the compiler to paste into a model's translation
// unit.

#include <string>
#include <string_view>

#include "mote/base/error.hpp"
#include "mote/features/extractor.hpp"

namespace mote::features {

/// A C++17 fragment for the top level of a file: includes of device/features, `static const` tables, and
///     static void NAME(const unsigned char* input, std::int8_t* output, void* scratch);
/// `input` as Extractor::input_bytes() describes, 4-byte aligned; `output` output_count() values; `scratch`
/// scratch_bytes() bytes, 4-byte aligned, not overlapping either. The function never fails: a count in the input above
/// the sensor's length reads as that length. Parameters are set on the stack, so no constant holds an address and the
/// code is position independent.
/// @error invalid_argument  `function_name` is no C++ identifier.
[[nodiscard]] Result<std::string> emit_cpp(const Extractor& extractor, std::string_view function_name,
                                           const Quantization& quantization);

}  // namespace mote::features
