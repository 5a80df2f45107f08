// Comparisons, what is done with truth values, and Where.

#include "mote/graph/logic.hpp"
#include "../node_reader.hpp"

namespace mote::formats::onnx {
namespace {

using graph::BinaryKind;
using graph::CompareKind;
using graph::DType;
using graph::TensorId;

Result<TensorId> truth(NodeReader& node, std::size_t i) {
  MOTE_TRY(const TensorId x, node.in(i));
  if (graph::may_be_truth(node.tensor(x))) return x;
  return node.refuse(Code::malformed, "input " + std::to_string(i) + " is " +
                                          std::string(graph::name(node.tensor(x).dtype)) + ", not of truth values");
}

template <CompareKind kKind>
Result<void> compare(NodeReader& node) {
  MOTE_TRY(const TensorId a, node.in(0));
  MOTE_TRY(const TensorId b, node.in(1));
  if (node.tensor(a).dtype != node.tensor(b).dtype)
    return node.refuse(Code::malformed, "its inputs have different types");
  return node.give(node.compare(kKind, a, b));
}

template <BinaryKind kKind>
Result<void> both(NodeReader& node) {
  MOTE_TRY(const TensorId a, truth(node, 0));
  MOTE_TRY(const TensorId b, truth(node, 1));
  return node.give(node.emit(graph::Binary{kKind}, {a, b}));
}
Result<void> exclusive(NodeReader& node) {
  MOTE_TRY(const TensorId a, truth(node, 0));
  MOTE_TRY(const TensorId b, truth(node, 1));
  return node.give(node.compare(CompareKind::not_equal, a, b));
}
Result<void> negation(NodeReader& node) {
  MOTE_TRY(const TensorId x, truth(node, 0));
  MOTE_TRY(const TensorId none, node.integers({0}, Dims(node.shape(x).rank(), 1), graph::truth_quantization()));
  return node.give(node.compare(CompareKind::equal, x, none));
}

Result<void> where(NodeReader& node) {
  MOTE_TRY(const TensorId condition, truth(node, 0));
  MOTE_TRY(const TensorId a, node.in(1));
  MOTE_TRY(const TensorId b, node.in(2));
  if (node.tensor(a).dtype != node.tensor(b).dtype)
    return node.refuse(Code::malformed, "it selects from " + std::string(graph::name(node.tensor(a).dtype)) + " and " +
                                            std::string(graph::name(node.tensor(b).dtype)));
  const graph::Tensor& t = node.tensor(a);
  return node.give(node.emit(graph::Select{}, {condition, a, b}, std::nullopt, t.dtype,
                             t.dtype == DType::f32 ? graph::Quantization{} : t.quantization));
}

}  // namespace

std::vector<OperatorRow> logic_rows() {
  return {{"And", both<BinaryKind::minimum>},
          {"Equal", compare<CompareKind::equal>},
          {"Greater", compare<CompareKind::greater>},
          {"GreaterOrEqual", compare<CompareKind::greater_equal>},
          {"Less", compare<CompareKind::less>},
          {"LessOrEqual", compare<CompareKind::less_equal>},
          {"Not", negation},
          {"Or", both<BinaryKind::maximum>},
          {"Where", where},
          {"Xor", exclusive}};
}

}  // namespace mote::formats::onnx
