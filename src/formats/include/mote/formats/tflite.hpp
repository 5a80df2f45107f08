#pragma once
// TensorFlow Lite model files: untrusted bytes to graph, and graph to bytes that TensorFlow Lite runs.
//
// Float32 and int8 (per-tensor activations, per-tensor or per-channel weights, int32 bias), batch 1, one subgraph.
// Control flow, custom operators, sparse tensors, variables and data outside of the file are refused.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/graph/graph.hpp"

namespace mote::formats {

/// Reads a model. The graph is verified; its tensors keep the file's order and names (a second tensor of one name gets
/// a suffix), operators are named after their first output. SAME and VALID become explicit pads, and a PAD in front of
/// a convolution becomes part of its pads. Memory: at most a small multiple of the file's size, whatever the bytes say.
/// @param file_name  for refusals; its stem names a graph that the file does not name.
/// @error malformed    the bytes break the format's rules; the sentence names operator, tensor or buffer by its index
/// in the file.
/// @error unsupported  well formed, but outside of what the graph can express.
/// @error too_large    dimensions beyond what any microcontroller holds.
[[nodiscard]] Result<graph::Graph> read_tflite(ByteSpan bytes, std::string_view file_name);

/// Writes a model; read_tflite of the result gives an equal graph. Pads that are neither SAME nor VALID become a PAD
/// operator.
/// @error unsupported  an operator of the training form (batch_norm, dropout), or one that the format cannot express.
/// @error malformed    the graph does not verify.
[[nodiscard]] Result<Bytes> write_tflite(const graph::Graph& graph);

/// Names of the operators that read_tflite accepts, in alphabetical order: the list of docs/operators.md.
[[nodiscard]] std::vector<std::string_view> tflite_operators();

/// What a file contains, operator by operator, whether mote can read it as a graph or not.
struct TfliteSummary {
  struct Operator {
    std::string name;        ///< "CONV_2D", or the custom operator's own name
    std::int32_t count = 0;  ///< how many of them
    bool supported = false;  ///< read_tflite knows it
  };
  std::uint32_t subgraphs = 0;
  std::vector<Operator> operators;  ///< of all subgraphs, in alphabetical order
};

/// @error malformed  not a TensorFlow Lite file, or its tables are broken.
[[nodiscard]] Result<TfliteSummary> summarize_tflite(ByteSpan bytes, std::string_view file_name);

}  // namespace mote::formats
