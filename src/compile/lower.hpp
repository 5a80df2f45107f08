#pragma once
// Private to the module: one function a kernel family.

#include <initializer_list>
#include <optional>

#include "mote/compile/lowering.hpp"
#include "mote/graph/integer_params.hpp"
#include "mote/graph/reductions.hpp"

namespace mote::compile {

/// Conv2D and Dense.
[[nodiscard]] LoweredOp lower_conv(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                                   const LoweringOptions& options);
[[nodiscard]] LoweredOp lower_depthwise(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                                        const LoweringOptions& options);
[[nodiscard]] std::string pool_geometry_text(const std::string& symbol, const device::PoolGeometry& g);
[[nodiscard]] LoweredOp lower_pool(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                                   const LoweringOptions& options);
[[nodiscard]] LoweredOp lower_add(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                                  const LoweringOptions& options);
[[nodiscard]] LoweredOp lower_softmax(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
[[nodiscard]] LoweredOp lower_log_softmax(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
[[nodiscard]] LoweredOp lower_requantize(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
[[nodiscard]] LoweredOp lower_unary(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
/// Binary, Compare of int8, and Add with operands that broadcast or are constants.
[[nodiscard]] Result<LoweredOp> lower_pair(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
/// Compare of floats and of whole numbers.
[[nodiscard]] Result<LoweredOp> lower_compare(const graph::Graph& graph, const graph::Op& op,
                                              const std::string& symbol);
/// Elements of any type.
[[nodiscard]] Result<LoweredOp> lower_select(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
[[nodiscard]] LoweredOp lower_matmul(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                                     const LoweringOptions& options);
/// Concat, Slice, Transpose, Pad, Broadcast, Gather, Shift.
[[nodiscard]] LoweredOp lower_moves(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
[[nodiscard]] Result<LoweredOp> lower_reduce(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                                             const LoweringOptions& options);
[[nodiscard]] LoweredOp lower_arg_reduce(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
[[nodiscard]] LoweredOp lower_top_k(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
[[nodiscard]] LoweredOp lower_cumsum(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
[[nodiscard]] LoweredOp lower_cast(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
[[nodiscard]] std::string resize_geometry_text(const std::string& symbol, const device::ResizeGeometry& g);
[[nodiscard]] LoweredOp lower_resize(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
/// What recurrent layers are made of.
[[nodiscard]] LoweredOp lower_recurrent(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                                        const LoweringOptions& options);
/// Ensembles of trees and what is done with their scores, in float.
/// Any operator, on 8-bit AVR.
[[nodiscard]] Result<LoweredOp> lower_avr(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
[[nodiscard]] Result<LoweredOp> lower_trees(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
[[nodiscard]] LoweredOp lower_scores(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
/// Operators that compute with float32 values, or convert from or to them.
[[nodiscard]] Result<LoweredOp> lower_float(const graph::Graph& graph, const graph::Op& op, const std::string& symbol);
/// Operators on int16 values that compute.
[[nodiscard]] Result<LoweredOp> lower_int16(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                                            const LoweringOptions& options);

/// An int16 convolution or dense layer on a Cortex-M4; nothing where 32 bits do not hold its sums.
[[nodiscard]] std::optional<LoweredOp> lower_wide_tiles(const graph::Graph& graph, const graph::Op& op,
                                                        const std::string& symbol);

// Compact forms of these (lower_compact.cpp); nothing where they are not exact.
[[nodiscard]] std::optional<LoweredOp> compact_conv(const graph::Graph& graph, const graph::Op& op,
                                                    const std::string& symbol, const LoweringOptions& options);
[[nodiscard]] std::optional<LoweredOp> compact_depthwise(const graph::Graph& graph, const graph::Op& op,
                                                         const std::string& symbol, const LoweringOptions& options);
[[nodiscard]] std::optional<LoweredOp> compact_add(const graph::Graph& graph, const graph::Op& op,
                                                   const std::string& symbol);

// Shared by the families.

/// An operator that takes `kernel`, which stands in the header `include`.
[[nodiscard]] LoweredOp lowered_op(const std::string& symbol, std::string kernel, std::string include);

/// "reinterpret_cast<const float*>(x0)": an argument of a body as what its elements are.
[[nodiscard]] std::string typed_pointer(std::string_view qualifier, graph::DType type, std::string_view argument);

struct GeometryMember {
  const char* name;
  std::int32_t value;
};
/// Definition of a geometry type whose members are compile-time constants.
[[nodiscard]] std::string static_geometry(const std::string& symbol, std::initializer_list<GeometryMember> members);

/// Definition of SYMBOL_loops.
[[nodiscard]] std::string loops_text(const std::string& symbol, const device::BroadcastGeometry& loops);
/// Definitions of SYMBOL_loops and SYMBOL_params, for for_pairs().
[[nodiscard]] std::string pair_text(const std::string& symbol, const device::BroadcastGeometry& loops,
                                    const device::PairParams& params);

/// channel_tables(), in which a channel whose weights are all zero has ordinary parameters with the same constant
/// result: those in the model follow from a scale that means nothing, and one such channel would keep the whole layer
/// from the fast kernels.
[[nodiscard]] graph::ChannelTables device_tables(const graph::Graph& graph, const graph::Op& op,
                                                 const device::ConvGeometry& g);
/// Whether device::requantize_narrow() is exact for a layer with weights: sums and shifts of all channels are within
/// its limits, whatever the input.
[[nodiscard]] bool narrow_requantize_applies(const graph::Graph& graph, const graph::Op& op,
                                             const graph::ChannelTables& tables);
/// "constexpr ConvGeometry op_03_geometry{...};" with one member a line, named in comments.
[[nodiscard]] std::string geometry_text(const std::string& symbol, const device::ConvGeometry& g);
/// Bias, multiplier and shift arrays; returns the ChannelParams expression.
[[nodiscard]] std::string add_channel_arrays(LoweredOp& lowered, const graph::ChannelTables& tables);
}  // namespace mote::compile
