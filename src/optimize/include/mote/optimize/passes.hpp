#pragma once
// Graph -> graph. Each pass is named, switchable, timed, and its result verified. One pass a file.

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "mote/graph/graph.hpp"
#include "mote/graph/quantization.hpp"

namespace mote::optimize {

/// A rewriting that keeps what the model computes (up to float rounding).
struct Pass {
  std::string_view name;
  std::string_view what;  ///< one line for people
  Result<graph::Graph> (*run)(const graph::Graph&);
};

/// All passes, in the order in which they are run.
[[nodiscard]] const std::vector<Pass>& passes();

struct PassReport {
  std::string name;
  std::size_t ops_before = 0, ops_after = 0;
  std::chrono::microseconds time{};
};

struct Optimized {
  graph::Graph graph;
  std::vector<PassReport> reports;
};

/// Runs every pass that is not in `disabled`, verifying the graph after each.
/// @error invalid_argument  `disabled` names an unknown pass.
/// @error internal          a pass broke the graph (with the pass's name).
[[nodiscard]] Result<Optimized> simplify(const graph::Graph& graph, const std::vector<std::string>& disabled = {});

// The passes themselves.

/// Drops Dropout: identity outside training.
[[nodiscard]] Result<graph::Graph> remove_training_ops(const graph::Graph& graph);
/// Multiplies a BatchNorm into the weights and bias of the Conv2D, DepthwiseConv2D or Dense in front of it, when
/// nothing else reads between.
[[nodiscard]] Result<graph::Graph> fold_batch_norm(const graph::Graph& graph);
/// Moves an Activate into its producer (convolutions, dense, pool, add), when nothing else reads between.
[[nodiscard]] Result<graph::Graph> fuse_activation(const graph::Graph& graph);
/// Makes a Conv2D of a DepthwiseConv2D whose input has one channel.
[[nodiscard]] Result<graph::Graph> depthwise_to_conv(const graph::Graph& graph);
/// Removes channels of an int8 model whose values do not depend on the input (all-zero filters and what follows from
/// them, through depthwise layers and pooling with their borders), and channels that nothing reads; their share of
/// later sums goes into the biases. Byte-exact. What stays is a multiple of four channels, if need be with empty ones.
/// Does nothing to float models.
[[nodiscard]] Result<graph::Graph> remove_dead_channels(const graph::Graph& graph);
/// Several inputs (or outputs) of one element type become one, in which they lie one behind the other: modules have one
/// of each. Bytes in and out stay the same.
[[nodiscard]] Result<graph::Graph> pack_interface(const graph::Graph& graph);
/// Computes operators whose inputs are all constant, unless the result would take much more flash.
[[nodiscard]] Result<graph::Graph> fold_constants(const graph::Graph& graph);
/// Drops operators that hand on what they got, dequantizing and quantizing to the same, and joins transposes in a row.
[[nodiscard]] Result<graph::Graph> remove_identity(const graph::Graph& graph);
/// Moves transposes behind elementwise operators, sums and concatenations, so that they meet and cancel: models with
/// channels first become models with channels last.
[[nodiscard]] Result<graph::Graph> sink_transposes(const graph::Graph& graph);
/// Operators that compute the same from the same are done once.
[[nodiscard]] Result<graph::Graph> common_subexpressions(const graph::Graph& graph);
/// Makes a Pad of zeros around the picture part of the convolution behind it.
[[nodiscard]] Result<graph::Graph> fuse_pad(const graph::Graph& graph);
/// Orders the operators so that fewer bytes are live at once; where the given order is as good, it stays.
/// O(operators^2) for chains with branches, bounded for all.
[[nodiscard]] Result<graph::Graph> order_for_memory(const graph::Graph& graph);
/// Drops operators whose output nobody reads.
[[nodiscard]] Result<graph::Graph> remove_unread(const graph::Graph& graph);
/// Joins chains of Reshape, and drops those that change nothing or sit in front of a Dense (which flattens anyway).
[[nodiscard]] Result<graph::Graph> remove_reshape(const graph::Graph& graph);

/// Post-training quantization to int8: per-channel symmetric weights, per-tensor activations from `ranges`, int32
/// biases. The result takes and gives int8; input and output quantization stand in their tensors. Values that pooling,
/// reshape and activation only pass on share one quantization, as TensorFlow Lite requires.
/// @error invalid_argument  a value has no range, or an operator has no int8 form (run `simplify` first).
[[nodiscard]] Result<graph::Graph> quantize(const graph::Graph& graph, const graph::Ranges& ranges);

/// Whether float operators of the model work on dequantized values: its quantization stands in it ("QDQ").
[[nodiscard]] bool is_marked(const graph::Graph& graph);
/// int8 form of such a model, with the scales and zero points that stand in it: those of values in Quantize and
/// Dequantize, those of weights in the quantization of float constants. Arithmetic is that of quantize(); the result
/// takes and gives int8, and where a value is quantized in two ways it is rescaled.
/// @error unsupported  a value between two operators is not quantized, or weights have zero points that differ and are
///                     further from them than int8 reaches.
/// @error invalid_argument  an operator has no int8 form.
[[nodiscard]] Result<graph::Graph> quantize_as_marked(const graph::Graph& graph);

}  // namespace mote::optimize
