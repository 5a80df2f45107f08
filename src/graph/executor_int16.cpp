// int16 activations: the device's portable kernels.

#include "executor_kernels.hpp"
#include "kernels/int16.hpp"
#include "mote/graph/integer_params.hpp"
#include "mote/graph/moves.hpp"

namespace mote::graph::executor {
namespace {

using Step = std::function<void()>;

struct Int16Step {
  const Graph& graph;
  const Op& op;
  const std::vector<const std::uint8_t*>& inputs;
  std::int16_t* y;

  [[nodiscard]] const std::int16_t* in(std::size_t i) const { return reinterpret_cast<const std::int16_t*>(inputs[i]); }

  template <bool kDepthwise>
  [[nodiscard]] Step convolution() const {
    return [g = conv_geometry(graph, op), tables = channel_tables(graph, op), x = in(0),
            w = reinterpret_cast<const std::int8_t*>(inputs[1]), y = y] {
      device::conv2d_16x8<kDepthwise>(g, x, w, {tables.wide_bias.data(), tables.multiplier.data(), tables.shift.data()},
                                      y);
    };
  }

  Result<Step> operator()(const Conv2D&) const { return convolution<false>(); }
  Result<Step> operator()(const Dense&) const { return convolution<false>(); }
  Result<Step> operator()(const DepthwiseConv2D&) const { return convolution<true>(); }
  Result<Step> operator()(const Add&) const {
    const auto loops = broadcast_geometry(graph.tensor(op.inputs[0]).shape, graph.tensor(op.inputs[1]).shape,
                                          graph.tensor(op.outputs[0]).shape);
    if (!loops) return fail(Code::unsupported, "add '" + op.name + "' broadcasts along too many dimensions");
    return Step([g = *loops, p = pair_params(graph, op), a = in(0), b = in(1), y = y] {
      device::for_pairs<device::AddPair16>(g, p, a, b, y);
    });
  }
  Result<Step> operator()(const Unary&) const {
    return Step([g = leaky_geometry(graph, op), x = in(0), y = y] { device::leaky_relu_16(g, x, y); });
  }
  template <class Other>
  Result<Step> operator()(const Other&) const {
    return fail(Code::unsupported, std::string(Other::kName) + " '" + op.name + "' has no int16 form");
  }
};

}  // namespace

Result<std::function<void()>> prepare_int16(const Graph& graph, const Op& op,
                                            const std::vector<const std::uint8_t*>& inputs, std::uint8_t* output) {
  return std::visit(Int16Step{graph, op, inputs, reinterpret_cast<std::int16_t*>(output)}, op.attributes);
}

}  // namespace mote::graph::executor
