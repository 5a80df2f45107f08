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

/// Which of the numbers up to the depth is the index, counted from the end where it is negative?
Result<void> one_hot(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const TensorId depth, node.constant(1));
  MOTE_TRY(const TensorId values, node.constant(2));
  const DType type = node.tensor(x).dtype;
  if ((type != DType::f32 && type != DType::i32) || node.tensor(values).dtype != DType::f32 ||
      node.shape(values).elements() != 2)
    return node.refuse(Code::unsupported, "it does not make float32 of float32 or int32 indices");
  std::int64_t n = 0;
  if (node.tensor(depth).dtype == DType::f32) {
    const float v = node.shape(depth).elements() == 1 ? node.tensor(depth).values<float>()[0] : 0.0f;
    n = v >= 1.0f && v < 1e9f ? static_cast<std::int64_t>(v) : 0;
  } else {
    MOTE_TRY(const std::vector<std::int64_t> given, node.numbers(1));
    n = given.size() == 1 ? given[0] : 0;
  }
  if (n < 1 || n > INT32_MAX / 4) return node.refuse(Code::malformed, "it has no depth");
  const std::size_t rank = node.shape(x).rank() + 1;
  MOTE_TRY(const std::size_t axis, node.axis(node.integer("axis", -1), rank));
  Dims at = node.dims(x), across(rank, 1);
  at.insert(at.begin() + static_cast<std::ptrdiff_t>(axis), 1);
  across[axis] = static_cast<std::int32_t>(n);
  MOTE_TRY(const TensorId index, node.reshaped(x, at));
  TensorId hot = graph::kNoTensor;
  for (const std::int64_t first : {std::int64_t{0}, -n}) {
    std::vector<std::int32_t> numbers;
    for (std::int64_t i = first; i < first + n; ++i) numbers.push_back(static_cast<std::int32_t>(i));
    const std::vector<float> floats(numbers.begin(), numbers.end());
    MOTE_TRY(const TensorId counted,
             type == DType::f32 ? node.floats(floats, across) : node.whole_words(numbers, across));
    MOTE_TRY(const TensorId same, node.compare(CompareKind::equal, index, counted));
    if (hot == graph::kNoTensor) {
      hot = same;
      continue;
    }
    MOTE_TRY(hot, node.emit(graph::Binary{BinaryKind::maximum}, {hot, same}));
  }
  const std::vector<float> two(node.tensor(values).values<float>().begin(), node.tensor(values).values<float>().end());
  MOTE_TRY(const TensorId off, node.floats({two[0]}, Dims(rank, 1)));
  MOTE_TRY(const TensorId on, node.floats({two[1]}, Dims(rank, 1)));
  return node.give(node.emit(graph::Select{}, {hot, on, off}, std::nullopt, DType::f32));
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
          {"OneHot", one_hot},
          {"Or", both<BinaryKind::maximum>},
          {"Where", where},
          {"Xor", exclusive}};
}

}  // namespace mote::formats::onnx
