#include "operator_table.hpp"

#include <algorithm>
#include <vector>

namespace mote::formats::tflite {
namespace {

std::vector<const OperatorRow*> collect() {
  std::vector<const OperatorRow*> rows;
  for (const auto part :
       {convolution_rows(), dense_rows(), pool_rows(), reduce_rows(), resize_rows(), transpose_convolution_rows(),
        unary_rows(), binary_rows(), logic_rows(), softmax_rows(), join_rows(), slice_rows(), permute_rows(),
        reshape_rows(), quantize_rows(), pad_rows(), recurrent_rows(), variable_rows(), order_rows()}) {
    for (const OperatorRow& row : part) rows.push_back(&row);
  }
  return rows;
}

}  // namespace

std::span<const OperatorRow* const> all_rows() {
  static const std::vector<const OperatorRow*> rows = collect();
  return rows;
}

const OperatorRow* row_for_code(std::int32_t number) {
  const auto rows = all_rows();
  const auto found =
      std::ranges::find(rows, number, [](const OperatorRow* row) { return static_cast<std::int32_t>(row->code); });
  return found == rows.end() ? nullptr : *found;
}

const OperatorRow* row_for_graph_op(std::string_view name) {
  const auto rows = all_rows();
  const auto found = std::ranges::find(rows, name, &OperatorRow::graph_op);
  return found == rows.end() ? nullptr : *found;
}

}  // namespace mote::formats::tflite
