// Comparisons, selections and products of computed matrices.

#include <algorithm>

#include "executor_kernels.hpp"
#include "kernels/binary.hpp"
#include "kernels/compare.hpp"
#include "mote/graph/integer_params.hpp"
#include "mote/graph/logic.hpp"
#include "mote/graph/moves.hpp"

namespace mote::graph::executor {
namespace {

using Step = std::function<void()>;

tl::unexpected<Error> too_many_loops(const Op& op) {
  return fail(Code::unsupported,
              std::string(op_name(op.attributes)) + " '" + op.name + "' broadcasts along too many dimensions");
}

template <class Element>
Step compare(const device::BroadcastGeometry& g, CompareKind kind, const std::vector<const std::uint8_t*>& inputs,
             std::int8_t* y) {
  const auto *a = reinterpret_cast<const Element*>(inputs[0]), *b = reinterpret_cast<const Element*>(inputs[1]);
  switch (kind) {
    case CompareKind::less:
      return [=] { device::compare_numbers<device::IsLess>(g, a, b, y); };
    case CompareKind::less_equal:
      return [=] { device::compare_numbers<device::IsLessEqual>(g, a, b, y); };
    case CompareKind::greater:
      return [=] { device::compare_numbers<device::IsGreater>(g, a, b, y); };
    case CompareKind::greater_equal:
      return [=] { device::compare_numbers<device::IsGreaterEqual>(g, a, b, y); };
    case CompareKind::equal:
      return [=] { device::compare_numbers<device::IsEqual>(g, a, b, y); };
    case CompareKind::not_equal:
      break;
  }
  return [=] { device::compare_numbers<device::IsNotEqual>(g, a, b, y); };
}

Step compare_int8(const device::BroadcastGeometry& g, const device::PairParams& p, CompareKind kind,
                  const std::int8_t* a, const std::int8_t* b, std::int8_t* y) {
  switch (kind) {
    case CompareKind::less:
      return [=] { device::for_pairs<device::LessPair>(g, p, a, b, y); };
    case CompareKind::less_equal:
      return [=] { device::for_pairs<device::LessEqualPair>(g, p, a, b, y); };
    case CompareKind::greater:
      return [=] { device::for_pairs<device::GreaterPair>(g, p, a, b, y); };
    case CompareKind::greater_equal:
      return [=] { device::for_pairs<device::GreaterEqualPair>(g, p, a, b, y); };
    case CompareKind::equal:
      return [=] { device::for_pairs<device::EqualPair>(g, p, a, b, y); };
    case CompareKind::not_equal:
      break;
  }
  return [=] { device::for_pairs<device::NotEqualPair>(g, p, a, b, y); };
}

template <class Element>
Step select_of(const device::SelectGeometry& g, const std::vector<const std::uint8_t*>& inputs, std::uint8_t* output) {
  return [g, condition = reinterpret_cast<const std::int8_t*>(inputs[0]),
          a = reinterpret_cast<const Element*>(inputs[1]), b = reinterpret_cast<const Element*>(inputs[2]),
          y = reinterpret_cast<Element*>(output)] { device::select(g, condition, a, b, y); };
}

}  // namespace

Result<std::function<void()>> prepare_compare(const Graph& graph, const Op& op,
                                              const std::vector<const std::uint8_t*>& inputs, std::uint8_t* output) {
  const auto loops = broadcast_geometry(graph.tensor(op.inputs[0]).shape, graph.tensor(op.inputs[1]).shape,
                                        graph.tensor(op.outputs[0]).shape);
  if (!loops) return too_many_loops(op);
  const CompareKind kind = op.as<Compare>()->kind;
  auto* y = reinterpret_cast<std::int8_t*>(output);
  switch (graph.tensor(op.inputs[0]).dtype) {
    case DType::f32:
      return compare<float>(*loops, kind, inputs, y);
    case DType::i32:
      return compare<std::int32_t>(*loops, kind, inputs, y);
    case DType::i64:
      return compare<std::int64_t>(*loops, kind, inputs, y);
    case DType::i8:
      return compare_int8(*loops, pair_params(graph, op), kind, reinterpret_cast<const std::int8_t*>(inputs[0]),
                          reinterpret_cast<const std::int8_t*>(inputs[1]), y);
    case DType::u8:
    case DType::i16:
      break;
  }
  return fail(Code::unsupported, "compare '" + op.name + "' on " + std::string(name(graph.tensor(op.inputs[0]).dtype)) +
                                     " is not supported");
}

Result<std::function<void()>> prepare_select(const Graph& graph, const Op& op,
                                             const std::vector<const std::uint8_t*>& inputs, std::uint8_t* output) {
  const auto g = select_geometry(graph, op);
  if (!g) return too_many_loops(op);
  switch (size_bytes(graph.tensor(op.outputs[0]).dtype)) {
    case 1:
      return select_of<std::uint8_t>(*g, inputs, output);
    case 2:
      return select_of<std::uint16_t>(*g, inputs, output);
    case 4:
      return select_of<std::uint32_t>(*g, inputs, output);
    default:
      return select_of<std::uint64_t>(*g, inputs, output);
  }
}

Result<std::function<void()>> prepare_matmul(const Graph& graph, const Op& op,
                                             const std::vector<const std::uint8_t*>& inputs, std::uint8_t* output) {
  const device::MatMulGeometry g = matmul_geometry(graph, op);
  if (graph.tensor(op.outputs[0]).dtype == DType::i8) {
    return [g, a = reinterpret_cast<const std::int8_t*>(inputs[0]), b = reinterpret_cast<const std::int8_t*>(inputs[1]),
            y = reinterpret_cast<std::int8_t*>(output)] { device::matmul(g, a, b, y); };
  }
  return [g, first = reinterpret_cast<const float*>(inputs[0]), second = reinterpret_cast<const float*>(inputs[1]),
          output] {
    const float *a = first, *b = second;
    auto* y = reinterpret_cast<float*>(output);
    for (std::int32_t batch = 0; batch < g.batches; ++batch, b += g.depth * g.columns) {
      for (std::int32_t row = 0; row < g.rows; ++row, a += g.depth, y += g.columns) {
        std::fill_n(y, g.columns, 0.0f);
        for (std::int32_t k = 0; k < g.depth; ++k) {
          for (std::int32_t c = 0; c < g.columns; ++c) y[c] += a[k] * b[k * g.columns + c];
        }
      }
    }
  };
}

}  // namespace mote::graph::executor
