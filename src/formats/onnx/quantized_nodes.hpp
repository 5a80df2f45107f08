#pragma once
// The operators of quantized models (QLinearConv and its kin), written as what they mean: DequantizeLinear in front,
// the float operator, QuantizeLinear behind. Products whose values are rounded as they come (DynamicQuantizeLinear)
// are float ones, without the rounding.

#include <string_view>
#include <vector>

#include "onnx_schema.hpp"

namespace mote::formats::onnx {

struct NumberedNode {
  schema::Node node;
  std::size_t index = 0;  ///< of the node in the file
};

/// The file's nodes in their order, quantized ones taken apart. A node with too few inputs is left as it is.
[[nodiscard]] std::vector<NumberedNode> without_quantized_nodes(const schema::Graph& graph);

/// Their names, sorted.
[[nodiscard]] std::vector<std::string_view> quantized_node_types();

}  // namespace mote::formats::onnx
