// Reductions, and where the largest or smallest element stands.

#include <algorithm>

#include "../node_reader.hpp"

namespace mote::formats::onnx {
namespace {

using graph::ReduceKind;
using graph::TensorId;
using graph::Unary;
using graph::UnaryKind;

constexpr int kNothing = -1;

/// f(reduce(g(x))): g and f are functions of one element, or kNothing.
template <ReduceKind kKind, int kBefore = kNothing, int kAfter = kNothing>
Result<void> reduce(NodeReader& node) {
  MOTE_TRY(TensorId x, node.in(0));
  const std::size_t rank = node.shape(x).rank();
  graph::Reduce a{kKind, {}};
  if (node.has(1) || node.attribute("axes") != nullptr) {
    MOTE_TRY(const std::vector<std::int64_t> axes, node.numbers(1, "axes"));
    for (const std::int64_t given : axes) {
      MOTE_TRY(const std::size_t axis, node.axis(given, rank));
      a.axes.push_back(static_cast<std::int32_t>(axis));
    }
    std::ranges::sort(a.axes);
    const auto twice = std::unique(a.axes.begin(), a.axes.end());
    a.axes.erase(twice, a.axes.end());
  }
  if (a.axes.empty()) {
    if (node.integer("noop_with_empty_axes", 0) != 0) return node.give(x);
    for (std::size_t d = 0; d < rank; ++d) a.axes.push_back(static_cast<std::int32_t>(d));
  }
  if constexpr (kBefore != kNothing) {
    MOTE_TRY(x, node.emit(Unary{static_cast<UnaryKind>(kBefore)}, {x}));
  }
  MOTE_TRY(TensorId y, node.emit(a, {x}));
  if constexpr (kAfter != kNothing) {
    MOTE_TRY(y, node.emit(Unary{static_cast<UnaryKind>(kAfter)}, {y}));
  }
  if (node.integer("keepdims", 1) != 0) return node.give(y);
  Dims out;
  for (std::size_t d = 0; d < rank; ++d) {
    if (std::ranges::find(a.axes, static_cast<std::int32_t>(d)) == a.axes.end()) out.push_back(node.shape(y)[d]);
  }
  return node.give(node.reshaped(y, out));
}

template <graph::ArgKind kKind>
Result<void> arg(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  if (node.integer("select_last_index", 0) != 0)
    return node.refuse(Code::unsupported, "it selects the last of equal elements");
  MOTE_TRY(const std::size_t axis, node.axis(node.integer("axis", 0), node.shape(x).rank()));
  Dims kept = node.dims(x);
  kept[axis] = 1;
  MOTE_TRY(const TensorId y,
           node.emit(graph::ArgReduce{kKind, static_cast<std::int32_t>(axis)}, {x}, kept, graph::DType::i32));
  if (node.integer("keepdims", 1) != 0) return node.give(y);
  kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(axis));
  return node.give(node.reshaped(y, kept));
}

/// One graph operator for each output that something reads. Sorted or not: sorted is one of the orders that are allowed
/// then.
Result<void> top_k(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const std::vector<std::int64_t> k, node.numbers(1, "k"));
  MOTE_TRY(const std::size_t axis, node.axis(node.integer("axis", -1), node.shape(x).rank()));
  Dims out = node.dims(x);
  std::int64_t taken = k.size() == 1 ? k[0] : 0;
  if (const auto* a = node.attribute("k"); a != nullptr) taken = node.integer("k", 0);
  if (taken < 1 || taken > out[axis])
    return node.refuse(Code::unsupported, "it takes " + std::to_string(taken) + " of " + node.shape(x).text());
  out[axis] = static_cast<std::int32_t>(taken);
  const graph::TopK a{node.integer("largest", 1) != 0 ? graph::ArgKind::maximum : graph::ArgKind::minimum,
                      static_cast<std::int32_t>(axis)};
  const graph::Tensor t = node.tensor(x);
  if (node.is_used(0)) MOTE_TRY_VOID(node.give(node.emit(a, {x}, out, t.dtype, t.quantization), 0));
  if (node.is_used(1)) MOTE_TRY_VOID(node.give(node.emit(a, {x}, out, graph::DType::i32), 1));
  return {};
}

Result<void> cumsum(NodeReader& node) {
  MOTE_TRY(const TensorId x, node.in(0));
  MOTE_TRY(const std::vector<std::int64_t> given, node.numbers(1));
  if (given.size() != 1) return node.refuse(Code::malformed, "it has no axis");
  MOTE_TRY(const std::size_t axis, node.axis(given[0], node.shape(x).rank()));
  return node.give(node.emit(graph::CumSum{static_cast<std::int32_t>(axis), node.integer("exclusive", 0) != 0 ? 1 : 0,
                                           node.integer("reverse", 0) != 0 ? 1 : 0},
                             {x}));
}

}  // namespace

std::vector<OperatorRow> reduce_rows() {
  constexpr int kAbs = static_cast<int>(UnaryKind::abs), kSquare = static_cast<int>(UnaryKind::square),
                kSqrt = static_cast<int>(UnaryKind::sqrt), kLog = static_cast<int>(UnaryKind::log),
                kExp = static_cast<int>(UnaryKind::exp);
  return {{"ArgMax", arg<graph::ArgKind::maximum>},
          {"ArgMin", arg<graph::ArgKind::minimum>},
          {"CumSum", cumsum},
          {"ReduceL1", reduce<ReduceKind::sum, kAbs>},
          {"ReduceL2", reduce<ReduceKind::sum, kSquare, kSqrt>},
          {"ReduceLogSum", reduce<ReduceKind::sum, kNothing, kLog>},
          {"ReduceLogSumExp", reduce<ReduceKind::sum, kExp, kLog>},
          {"ReduceMax", reduce<ReduceKind::maximum>},
          {"ReduceMean", reduce<ReduceKind::mean>},
          {"ReduceMin", reduce<ReduceKind::minimum>},
          {"ReduceProd", reduce<ReduceKind::product>},
          {"ReduceSum", reduce<ReduceKind::sum>},
          {"ReduceSumSquare", reduce<ReduceKind::sum, kSquare>},
          {"TopK", top_k}};
}

}  // namespace mote::formats::onnx
