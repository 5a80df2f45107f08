#pragma once
// A tensor of the file as a constant.

#include "mote/graph/graph.hpp"
#include "onnx_schema.hpp"

namespace mote::formats::onnx {

/// @error malformed, unsupported  to be put behind "tensor x ".
[[nodiscard]] Result<graph::Tensor> constant_of(const schema::Tensor& source);

/// The graph's element type of an ONNX type number.
[[nodiscard]] Result<graph::DType> element_type(std::int32_t type);

}  // namespace mote::formats::onnx
