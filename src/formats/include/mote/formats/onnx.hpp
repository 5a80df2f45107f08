#pragma once
// Reads ONNX models: float32 and quantized, operator sets 7 to 21; writes them. Which operators:
// docs/operators-onnx.md.

#include <string>
#include <string_view>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/graph/graph.hpp"

namespace mote::formats {

/// The model as a graph. Pictures stay [1,C,H,W] at inputs and outputs, as the file has them; inside, layers work on
/// [1,H,W,C] with transposes between, which the passes of `optimize` remove where they meet. A named first dimension
/// (the batch) becomes 1. Of a quantized model it is the float form with Quantize and Dequantize between the operators
/// and the scales of weights in float constants: optimize::quantize_as_marked makes integers of it. uint8 is int8 with
/// values and zero points 128 less.
/// @param name  of the file, for errors and for a model without a name
/// @error malformed    broken bytes, or tensors that do not go together
/// @error unsupported  an operator or type that mote lacks, naming node, operator and position
[[nodiscard]] Result<graph::Graph> read_onnx(ByteSpan bytes, std::string_view name);

/// Writes a model in operator set 20. Inputs and outputs keep the graph's shapes (channels last); layers have channels
/// first inside, with Transpose nodes where the two meet. Integers are written as DequantizeLinear in front of the real
/// operator and QuantizeLinear behind it: read back, optimize::quantize_as_marked gives the same bytes for the same
/// inputs.
/// @error unsupported  a state, values of 16 bits, or an operator that ONNX lacks; names operator and tensor.
/// @error malformed    the graph does not verify.
[[nodiscard]] Result<Bytes> write_onnx(const graph::Graph& graph);

/// A tensor file (.pb) of ONNX: test data. Constants have their bytes; the name may be empty.
[[nodiscard]] Result<graph::Tensor> read_onnx_tensor(ByteSpan bytes);

/// A copy of the model in which these inputs are constants: test data fixes weights that a test case passes as inputs.
/// @error not_found  an input with that name
[[nodiscard]] Result<Bytes> with_constant_inputs(ByteSpan model, const std::vector<graph::Tensor>& values);

/// Names of the operators that are read, in alphabetical order.
[[nodiscard]] std::vector<std::string_view> onnx_operators();

}  // namespace mote::formats
