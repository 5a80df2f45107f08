// Operators that reduce along axes, and bilinear resizing: portable kernels with their geometry at compile time.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "lower.hpp"
#include "mote/graph/reductions.hpp"

namespace mote::compile {
namespace {

/// A shape as [outer, places, channels], whose places are what neighbouring axes hold; no channels where axes are
/// apart.
struct Planes {
  std::int32_t outer = 1, places = 1, channels = 0;
};
Planes planes_of(const graph::Shape& shape, std::vector<std::int32_t> axes) {
  std::ranges::sort(axes);
  for (std::size_t i = 1; i < axes.size(); ++i) {
    if (axes[i] != axes[i - 1] + 1) return {};
  }
  if (axes.empty()) return {};
  Planes planes{1, 1, 1};
  for (std::int32_t d = 0; d < static_cast<std::int32_t>(shape.rank()); ++d) {
    std::int32_t& part = d < axes.front() ? planes.outer : d <= axes.back() ? planes.places : planes.channels;
    part *= shape[static_cast<std::size_t>(d)];
  }
  return planes;
}

}  // namespace

Result<LoweredOp> lower_reduce(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                               const LoweringOptions& options) {
  const auto g = graph::reduce_geometry(graph, op);
  if (!g) return fail(Code::unsupported, fmt::format("reduce '{}' has too many separate axes", op.name));
  const graph::ReduceKind kind = op.as<graph::Reduce>()->kind;
  LoweredOp lowered = lowered_op(symbol, fmt::format("reduce, {}", graph::name(kind)), "kernels/reduce.hpp");
  lowered.geometry =
      fmt::format("constexpr ReduceGeometry {}_geometry{{{{{}}}, {{{}}}, {{{}}}, {{{}}}, {}, {}, {}, {}}};\n", symbol,
                  fmt::join(g->kept, ", "), fmt::join(g->kept_stride, ", "), fmt::join(g->reduced, ", "),
                  fmt::join(g->reduced_stride, ", "), g->input_offset, g->multiplier, g->shift, g->output_zero);
  const char* type = kind == graph::ReduceKind::maximum   ? "LargestOf"
                     : kind == graph::ReduceKind::minimum ? "SmallestOf"
                                                          : "SumOf";
  lowered.body = fmt::format("reduce<{}>({}_geometry, x0, y);", type, symbol);
  const graph::Shape& x = graph.tensor(op.inputs[0]).shape;
  const bool sums = kind == graph::ReduceKind::sum || kind == graph::ReduceKind::mean;
  const Planes planes = planes_of(x, op.as<graph::Reduce>()->axes);
  if (sums && planes.channels >= 4 && options.runs_m4_kernels()) {
    lowered.kernel = "reduce_planes_dsp";
    lowered.includes = {"kernels/pool_dsp.hpp"};
    lowered.body = fmt::format("reduce_planes_dsp<{}, {}>({}_geometry, x0, y, {});", planes.places, planes.channels,
                               symbol, planes.outer);
  }
  return lowered;
}

LoweredOp lower_arg_reduce(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const device::ArgGeometry g = graph::arg_geometry(graph, op);
  LoweredOp lowered = lowered_op(symbol, "arg_reduce", "kernels/reduce.hpp");
  lowered.small = true;
  lowered.geometry =
      static_geometry(symbol, {{"outer", g.outer}, {"count", g.count}, {"inner", g.inner}, {"sign", g.sign}});
  const bool floats = graph.tensor(op.inputs[0]).dtype == graph::DType::f32;
  lowered.body = fmt::format("arg_reduce({}_geometry{{}}, {}, reinterpret_cast<std::int32_t*>(y));", symbol,
                             floats ? "reinterpret_cast<const float*>(x0)" : "x0");
  return lowered;
}

std::string resize_geometry_text(const std::string& symbol, const device::ResizeGeometry& g) {
  return static_geometry(symbol, {{"in_h", g.in_h},
                                  {"in_w", g.in_w},
                                  {"channels", g.channels},
                                  {"out_h", g.out_h},
                                  {"out_w", g.out_w},
                                  {"scale_h", g.scale_h},
                                  {"scale_w", g.scale_w},
                                  {"half_pixel", g.half_pixel}});
}

LoweredOp lower_resize(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  LoweredOp lowered = lowered_op(symbol, "resize_bilinear", "kernels/resize.hpp");
  lowered.geometry = resize_geometry_text(symbol, graph::resize_geometry(graph, op));
  lowered.body = fmt::format("resize_bilinear({}_geometry{{}}, x0, y);", symbol);
  return lowered;
}

}  // namespace mote::compile
