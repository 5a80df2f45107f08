// int16 activations with int8 weights: tiles in assembly where these are exact (lower_wide.cpp), else portable kernels
// with their geometry at compile time.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lower.hpp"
#include "mote/graph/moves.hpp"

namespace mote::compile {
namespace {

constexpr const char* kX = "reinterpret_cast<const std::int16_t*>(x0)";
constexpr const char* kY = "reinterpret_cast<std::int16_t*>(y)";

LoweredOp convolution(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const device::ConvGeometry g = graph::conv_geometry(graph, op);
  const graph::ChannelTables tables = graph::channel_tables(graph, op);
  const auto weights = graph.tensor(op.inputs[1]).values<std::int8_t>();
  LoweredOp lowered;
  const auto add = [&](std::string_view what, std::string type, std::size_t bytes, auto&& values) {
    lowered.constants.push_back({fmt::format("{}_{}", symbol, what),
                                 std::move(type),
                                 std::string(what),
                                 bytes,
                                 false,
                                 {values.begin(), values.end()}});
  };
  lowered.kernel = "conv2d_16x8";
  lowered.geometry = geometry_text(symbol, g);
  add("weights", "std::int8_t", 1, weights);
  add("bias", "std::int64_t", 8, tables.wide_bias);
  add("multiplier", "std::int32_t", 4, tables.multiplier);
  add("shift", "std::int8_t", 1, tables.shift);
  lowered.body = fmt::format(
      "conv2d_16x8<{0}>({1}_geometry, {2}, {1}_weights, wide_channel_params({1}_bias, {1}_multiplier, {1}_shift), "
      "{3});",
      op.as<graph::DepthwiseConv2D>() != nullptr, symbol, kX, kY);
  return lowered;
}

}  // namespace

Result<LoweredOp> lower_int16(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                              const LoweringOptions& options) {
  LoweredOp lowered;
  if (op.as<graph::Conv2D>() != nullptr || op.as<graph::Dense>() != nullptr) {
    if (options.runs_m4_kernels() && !options.compact) {
      if (auto tiled = lower_wide_tiles(graph, op, symbol)) return std::move(*tiled);
    }
    lowered = convolution(graph, op, symbol);
  } else if (op.as<graph::DepthwiseConv2D>() != nullptr) {
    lowered = convolution(graph, op, symbol);
  } else if (op.as<graph::Unary>() != nullptr) {
    const device::LeakyGeometry g = graph::leaky_geometry(graph, op);
    lowered.kernel = "leaky_relu_16";
    lowered.geometry = static_geometry(symbol, {{"count", g.count},
                                                {"multiplier", g.multiplier},
                                                {"shift", g.shift},
                                                {"negative_multiplier", g.negative_multiplier},
                                                {"negative_shift", g.negative_shift}});
    lowered.body = fmt::format("leaky_relu_16({}_geometry{{}}, {}, {});", symbol, kX, kY);
    lowered.may_reuse_inputs = {0};
  } else if (op.as<graph::Add>() != nullptr) {
    const auto &a = graph.tensor(op.inputs[0]), &b = graph.tensor(op.inputs[1]), &y = graph.tensor(op.outputs[0]);
    const auto loops = graph::broadcast_geometry(a.shape, b.shape, y.shape);
    if (!loops || a.is_constant() || b.is_constant())
      return fail(Code::unsupported,
                  fmt::format("add '{}' of int16 broadcasts too far or has a constant side", op.name));
    const device::PairParams p = graph::pair_params(graph, op);
    const std::string second =
        fmt::format("reinterpret_cast<const std::int16_t*>(x{})", op.inputs[0] == op.inputs[1] ? 0 : 1);
    const bool shifts_right = std::ranges::all_of(std::array{p.a_shift, p.b_shift, p.output_shift},
                                                  [](std::int32_t shift) { return shift <= 0 && shift > -31; });
    if (options.runs_m4_kernels() && a.shape == b.shape && shifts_right) {
      lowered.kernel = "add_wide";
      lowered.geometry = static_geometry(symbol, {{"a_multiplier", p.a_multiplier},
                                                  {"a_shift", p.a_shift},
                                                  {"b_multiplier", p.b_multiplier},
                                                  {"b_shift", p.b_shift},
                                                  {"output_multiplier", p.output_multiplier},
                                                  {"output_shift", p.output_shift},
                                                  {"clamp_low", p.clamp_low},
                                                  {"clamp_high", p.clamp_high}});
      lowered.body =
          fmt::format("AddWide<{}_geometry>::run({}, {}, {}, {});", symbol, kX, second, kY, y.shape.elements());
      lowered.may_reuse_inputs = {0, 1};
    } else {
      lowered.kernel = "for_pairs AddPair16";
      lowered.geometry = pair_text(symbol, *loops, p);
      lowered.body = fmt::format("for_pairs<AddPair16>({0}_loops, {0}_params, {1}, {2}, {3});", symbol, kX, second, kY);
    }
  } else {
    return fail(Code::unsupported, fmt::format("{} '{}' has no int16 form", graph::op_name(op.attributes), op.name));
  }
  lowered.symbol = symbol;
  lowered.includes = {"kernels/int16.hpp"};
  return lowered;
}

}  // namespace mote::compile
