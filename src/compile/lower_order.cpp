// TopK, CumSum and Cast: portable kernels with their geometry at compile time.

#include <fmt/format.h>

#include "lower.hpp"
#include "mote/graph/reductions.hpp"

namespace mote::compile {

std::string typed_pointer(std::string_view qualifier, graph::DType type, std::string_view argument) {
  if (type == graph::DType::i8) return std::string(argument);
  if (type == graph::DType::f32) return fmt::format("reinterpret_cast<{}float*>({})", qualifier, argument);
  return fmt::format("reinterpret_cast<{}std::int{}_t*>({})", qualifier, 8 * graph::size_bytes(type), argument);
}

LoweredOp lower_top_k(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const device::TopKGeometry g = graph::top_k_geometry(graph, op);
  const graph::DType from = graph.tensor(op.inputs[0]).dtype, to = graph.tensor(op.outputs[0]).dtype;
  LoweredOp lowered =
      lowered_op(symbol, to == graph::DType::i32 ? "top_k_indices" : "top_k_values", "kernels/order.hpp");
  lowered.small = true;
  lowered.geometry = static_geometry(
      symbol, {{"outer", g.outer}, {"count", g.count}, {"inner", g.inner}, {"taken", g.taken}, {"sign", g.sign}});
  lowered.body = fmt::format("{}({}_geometry{{}}, {}, {});", lowered.kernel, symbol,
                             typed_pointer("const ", from, "x0"), typed_pointer("", to, "y"));
  return lowered;
}

LoweredOp lower_cumsum(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const device::CumSumGeometry g = graph::cumsum_geometry(graph, op);
  LoweredOp lowered = lowered_op(symbol, "cumsum", "kernels/order.hpp");
  lowered.geometry = static_geometry(
      symbol,
      {{"outer", g.outer}, {"count", g.count}, {"inner", g.inner}, {"exclusive", g.exclusive}, {"reverse", g.reverse}});
  lowered.body =
      fmt::format("cumsum({}_geometry{{}}, {}, {});", symbol, typed_pointer("const ", graph::DType::f32, "x0"),
                  typed_pointer("", graph::DType::f32, "y"));
  lowered.may_reuse_inputs = {0};
  return lowered;
}

LoweredOp lower_cast(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const graph::Tensor &x = graph.tensor(op.inputs[0]), &y = graph.tensor(op.outputs[0]);
  LoweredOp lowered = lowered_op(symbol, "cast", "kernels/cast.hpp");
  lowered.body = fmt::format("cast({}, {}, {});", typed_pointer("const ", x.dtype, "x0"),
                             typed_pointer("", y.dtype, "y"), y.shape.elements());
  if (graph::size_bytes(x.dtype) == graph::size_bytes(y.dtype)) lowered.may_reuse_inputs = {0};
  return lowered;
}

}  // namespace mote::compile
