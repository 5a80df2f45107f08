#pragma once
// The operators that mote reads and writes: one row for each, in files of operators/. To add one, write its two
// functions and its row, and add the file's rows to operator_table.cpp; its options table goes into tflite.fbs.

#include <cstdint>
#include <span>
#include <string_view>

#include "mote/base/error.hpp"
#include "mote/graph/graph.hpp"
#include "schema.hpp"

namespace mote::formats::tflite {

class OperatorReader;
class OperatorWriter;

struct OperatorRow {
  fb::BuiltinOperator code;
  /// Appends to the graph what the file's operator means.
  Result<void> (*read)(OperatorReader&);
  /// The graph operator that `write` takes; empty when another row writes it.
  std::string_view graph_op = {};
  Result<void> (*write)(OperatorWriter&, const graph::Op&) = nullptr;
};

/// The row that reads this operator number, or null.
[[nodiscard]] const OperatorRow* row_for_code(std::int32_t number);
/// The row that writes this graph operator, or null.
[[nodiscard]] const OperatorRow* row_for_graph_op(std::string_view name);
[[nodiscard]] std::span<const OperatorRow* const> all_rows();

// operators/*.cpp
[[nodiscard]] std::span<const OperatorRow> convolution_rows();
[[nodiscard]] std::span<const OperatorRow> dense_rows();
[[nodiscard]] std::span<const OperatorRow> pool_rows();
[[nodiscard]] std::span<const OperatorRow> reduce_rows();
[[nodiscard]] std::span<const OperatorRow> resize_rows();
[[nodiscard]] std::span<const OperatorRow> transpose_convolution_rows();
[[nodiscard]] std::span<const OperatorRow> unary_rows();
[[nodiscard]] std::span<const OperatorRow> binary_rows();
[[nodiscard]] std::span<const OperatorRow> logic_rows();
[[nodiscard]] std::span<const OperatorRow> softmax_rows();
[[nodiscard]] std::span<const OperatorRow> join_rows();
[[nodiscard]] std::span<const OperatorRow> slice_rows();
[[nodiscard]] std::span<const OperatorRow> permute_rows();
[[nodiscard]] std::span<const OperatorRow> reshape_rows();
[[nodiscard]] std::span<const OperatorRow> quantize_rows();
[[nodiscard]] std::span<const OperatorRow> pad_rows();
[[nodiscard]] std::span<const OperatorRow> recurrent_rows();
[[nodiscard]] std::span<const OperatorRow> order_rows();
[[nodiscard]] std::span<const OperatorRow> variable_rows();

}  // namespace mote::formats::tflite
