// Pool, add, softmax, requantize: their geometry is compile-time, so each is specialised.

#include <fmt/format.h>

#include "kernels/requantize_dsp.hpp"
#include "lower.hpp"

namespace mote::compile {
namespace {

struct Member {
  const char* name;
  std::int32_t value;
};

/// A geometry type whose members are compile-time constants.
std::string static_geometry(const std::string& symbol, std::initializer_list<Member> members) {
  std::string text = fmt::format("struct {}_geometry {{\n", symbol);
  for (const Member& m : members) text += fmt::format("  static constexpr std::int32_t {} = {};\n", m.name, m.value);
  return text + "};\n";
}

}  // namespace

LoweredOp lower_pool(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const device::PoolGeometry g = graph::pool_geometry(graph, op);
  const bool max = op.as<graph::Pool2D>()->kind == graph::PoolKind::max;
  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.kernel = max ? "max_pool2d" : "average_pool2d";
  lowered.includes = {"kernels/pool.hpp"};
  lowered.geometry = static_geometry(
      symbol, {{"in_h", g.in_h}, {"in_w", g.in_w}, {"channels", g.channels}, {"out_h", g.out_h}, {"out_w", g.out_w}, {"kernel_h", g.kernel_h},
               {"kernel_w", g.kernel_w}, {"stride_h", g.stride_h}, {"stride_w", g.stride_w}, {"pad_top", g.pad_top}, {"pad_left", g.pad_left},
               {"clamp_low", g.clamp_low}, {"clamp_high", g.clamp_high}});
  lowered.body = fmt::format("{}({}_geometry{{}}, x0, y);", lowered.kernel, symbol);
  return lowered;
}

LoweredOp lower_add(const graph::Graph& graph, const graph::Op& op, const std::string& symbol, const LoweringOptions& options) {
  const device::AddGeometry g = graph::add_geometry(graph, op);
  const auto within = [](std::int32_t shift, std::int32_t low, std::int32_t high) { return -shift >= low && -shift <= high; };
  const bool fast = options.target == Target::armv7em && within(g.a_shift, 0, 30) && within(g.b_shift, 0, 30) &&
                    within(g.output_shift, device::kFastShiftLow, device::kFastShiftHigh);
  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.kernel = fast ? "add_dsp" : "add";
  lowered.includes = {fast ? "kernels/add_dsp.hpp" : "kernels/add.hpp"};
  lowered.geometry = static_geometry(
      symbol, {{"count", g.count}, {"a_zero", g.a_zero}, {"a_multiplier", g.a_multiplier}, {"a_shift", g.a_shift}, {"b_zero", g.b_zero},
               {"b_multiplier", g.b_multiplier}, {"b_shift", g.b_shift}, {"output_zero", g.output_zero},
               {"output_multiplier", g.output_multiplier}, {"output_shift", g.output_shift}, {"clamp_low", g.clamp_low},
               {"clamp_high", g.clamp_high}});
  lowered.body = fmt::format("{}({}_geometry{{}}, x0, x1, y);", lowered.kernel, symbol);
  lowered.may_reuse_inputs = {0, 1};
  return lowered;
}

LoweredOp lower_softmax(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const device::SoftmaxGeometry g = graph::softmax_geometry(graph, op);
  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.kernel = "softmax";
  lowered.includes = {"kernels/softmax.hpp"};
  lowered.geometry = static_geometry(symbol, {{"rows", g.rows}, {"depth", g.depth}, {"multiplier", g.multiplier}, {"shift", g.shift}, {"diff_min", g.diff_min}});
  lowered.body = fmt::format("softmax({}_geometry{{}}, x0, y);", symbol);
  lowered.may_reuse_inputs = {0};
  return lowered;
}

LoweredOp lower_requantize(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const device::RequantizeGeometry g = graph::requantize_geometry(graph, op);
  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.kernel = "requantize_tensor";
  lowered.includes = {"kernels/add.hpp"};
  lowered.geometry = static_geometry(symbol, {{"count", g.count}, {"input_zero", g.input_zero}, {"multiplier", g.multiplier}, {"shift", g.shift},
                                              {"output_zero", g.output_zero}, {"clamp_low", g.clamp_low}, {"clamp_high", g.clamp_high}});
  lowered.body = fmt::format("requantize_tensor({}_geometry{{}}, x0, y);", symbol);
  lowered.may_reuse_inputs = {0};
  return lowered;
}

}  // namespace mote::compile
