#include "mote/graph/reductions.hpp"

#include <algorithm>
#include <bit>

#include "mote/graph/quantization.hpp"

namespace mote::graph {
namespace {

struct Loop {
  std::int32_t count, stride;
};

/// Innermost last; neighbours that walk as one are one.
std::optional<std::vector<Loop>> three(std::vector<Loop> loops) {
  std::vector<Loop> joined;
  for (const Loop& loop : loops) {
    if (loop.count == 1) continue;
    if (!joined.empty() && joined.back().stride == loop.stride * loop.count)
      joined.back() = {joined.back().count * loop.count, loop.stride};
    else
      joined.push_back(loop);
  }
  if (joined.size() > device::kReduceLoops) return std::nullopt;
  joined.insert(joined.begin(), device::kReduceLoops - joined.size(), Loop{1, 0});
  return joined;
}

}  // namespace

std::optional<device::ReduceGeometry> reduce_geometry(const Graph& graph, const Op& op) {
  const Reduce& a = *op.as<Reduce>();
  const Tensor &x = graph.tensor(op.inputs[0]), &y = graph.tensor(op.outputs[0]);
  std::vector<Loop> kept, reduced;
  std::int32_t stride = 1;
  for (std::size_t d = x.shape.rank(); d-- > 0;) {
    const bool gone = std::ranges::find(a.axes, static_cast<std::int32_t>(d)) != a.axes.end();
    auto& loops = gone ? reduced : kept;
    loops.insert(loops.begin(), {x.shape[d], stride});
    stride *= x.shape[d];
  }
  const auto k = three(kept), r = three(reduced);
  if (!k || !r) return std::nullopt;
  device::ReduceGeometry g{};
  std::int32_t elements = 1;
  for (std::size_t i = 0; i < device::kReduceLoops; ++i) {
    g.kept[i] = (*k)[i].count;
    g.kept_stride[i] = (*k)[i].stride;
    g.reduced[i] = (*r)[i].count;
    g.reduced_stride[i] = (*r)[i].stride;
    elements *= g.reduced[i];
  }
  if (x.dtype != DType::i8) return g;
  g.input_offset = -x.quantization.zero_point() * elements;
  g.output_zero = y.quantization.zero_point();
  FixedMultiplier m =
      fixed_multiplier(static_cast<double>(x.quantization.scale()) / static_cast<double>(y.quantization.scale()));
  if (a.kind == ReduceKind::mean) {
    // The multiplier of the sum: as many bits as it can take are won back from the division.
    const int shift = std::min({63 - std::countl_zero(static_cast<std::uint64_t>(elements)), 32, 31 + m.shift});
    m.mantissa = static_cast<std::int32_t>((std::int64_t{m.mantissa} << shift) / elements);
    m.shift -= shift;
  }
  g.multiplier = m.mantissa;
  g.shift = m.shift;
  return g;
}

device::ArgGeometry arg_geometry(const Graph& graph, const Op& op) {
  const ArgReduce& a = *op.as<ArgReduce>();
  const Shape& shape = graph.tensor(op.inputs[0]).shape;
  const auto axis = static_cast<std::size_t>(a.axis);
  device::ArgGeometry g{1, shape[axis], 1, a.kind == ArgKind::maximum ? 1 : -1};
  for (std::size_t d = 0; d < axis; ++d) g.outer *= shape[d];
  for (std::size_t d = axis + 1; d < shape.rank(); ++d) g.inner *= shape[d];
  return g;
}

device::TopKGeometry top_k_geometry(const Graph& graph, const Op& op) {
  const TopK& a = *op.as<TopK>();
  const Shape &shape = graph.tensor(op.inputs[0]).shape, &y = graph.tensor(op.outputs[0]).shape;
  const auto axis = static_cast<std::size_t>(a.axis);
  device::TopKGeometry g{1, shape[axis], 1, y[axis], a.kind == ArgKind::maximum ? 1 : -1};
  for (std::size_t d = 0; d < axis; ++d) g.outer *= shape[d];
  for (std::size_t d = axis + 1; d < shape.rank(); ++d) g.inner *= shape[d];
  return g;
}

device::CumSumGeometry cumsum_geometry(const Graph& graph, const Op& op) {
  const CumSum& a = *op.as<CumSum>();
  const Shape& shape = graph.tensor(op.inputs[0]).shape;
  const auto axis = static_cast<std::size_t>(a.axis);
  device::CumSumGeometry g{1, shape[axis], 1, a.exclusive, a.reverse};
  for (std::size_t d = 0; d < axis; ++d) g.outer *= shape[d];
  for (std::size_t d = axis + 1; d < shape.rank(); ++d) g.inner *= shape[d];
  return g;
}

float resize_scale(ResizeMode mode, std::int32_t from, std::int32_t to) {
  const bool corners = mode == ResizeMode::align_corners && to > 1;
  return corners ? static_cast<float>(from - 1) / static_cast<float>(to - 1)
                 : static_cast<float>(from) / static_cast<float>(to);
}

device::ResizeGeometry resize_geometry(const Graph& graph, const Op& op) {
  const ResizeMode mode = op.as<ResizeBilinear>()->mode;
  const Shape &x = graph.tensor(op.inputs[0]).shape, &y = graph.tensor(op.outputs[0]).shape;
  const auto scale = [&](std::int32_t from, std::int32_t to) {
    return mode == ResizeMode::align_corners && to > 1 ? (1024 * (from - 1) + (to - 1) / 2) / (to - 1)
                                                       : (1024 * from + to / 2) / to;
  };
  return {x[1], x[2], x[3], y[1], y[2], scale(x[1], y[1]), scale(x[2], y[2]), mode == ResizeMode::half_pixel ? 1 : 0};
}

}  // namespace mote::graph
