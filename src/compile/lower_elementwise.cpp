// Pool, add, softmax, requantize: their geometry is compile-time, so each is specialised.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "kernels/add_tables.hpp"
#include "lower.hpp"
#include "m4/elementwise.hpp"
#include "m4/requantizer.hpp"

namespace mote::compile {
LoweredOp lowered_op(const std::string& symbol, std::string kernel, std::string include) {
  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.kernel = std::move(kernel);
  lowered.includes = {std::move(include)};
  return lowered;
}

std::string static_geometry(const std::string& symbol, std::initializer_list<GeometryMember> members) {
  std::string text = fmt::format("struct {}_geometry {{\n", symbol);
  for (const GeometryMember& m : members)
    text += fmt::format("  static constexpr std::int32_t {} = {};\n", m.name, m.value);
  return text + "};\n";
}

std::string pool_geometry_text(const std::string& symbol, const device::PoolGeometry& g) {
  return static_geometry(symbol, {{"in_h", g.in_h},
                                  {"in_w", g.in_w},
                                  {"channels", g.channels},
                                  {"out_h", g.out_h},
                                  {"out_w", g.out_w},
                                  {"kernel_h", g.kernel_h},
                                  {"kernel_w", g.kernel_w},
                                  {"stride_h", g.stride_h},
                                  {"stride_w", g.stride_w},
                                  {"pad_top", g.pad_top},
                                  {"pad_left", g.pad_left},
                                  {"clamp_low", g.clamp_low},
                                  {"clamp_high", g.clamp_high}});
}

LoweredOp lower_pool(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                     const LoweringOptions& options) {
  const device::PoolGeometry g = graph::pool_geometry(graph, op);
  const bool max = op.as<graph::Pool2D>()->kind == graph::PoolKind::max;
  const bool whole = !max && g.out_h == 1 && g.out_w == 1 && g.kernel_h == g.in_h && g.kernel_w == g.in_w &&
                     g.pad_top == 0 && g.pad_left == 0;
  const bool words = g.channels >= 4 && options.runs_m4_kernels();
  const bool sums = whole || g.kernel_h * g.kernel_w <= 256;  // in halfwords
  LoweredOp lowered;
  lowered.symbol = symbol;
  const bool fast = words && (max || sums);
  lowered.kernel = max ? "max_pool2d" : whole && fast ? "average_whole" : "average_pool2d";
  if (fast) lowered.kernel += "_dsp";
  lowered.includes = {fast ? "kernels/pool_dsp.hpp" : "kernels/pool.hpp"};
  lowered.geometry = pool_geometry_text(symbol, g);
  lowered.body = fmt::format("{}({}_geometry{{}}, x0, y);", lowered.kernel, symbol);
  return lowered;
}

namespace {

/// The end of the addition as one multiplication: a line through all sums that pairs of int8 values can have. Sums lie
/// far apart, so that one exists nearly always.
std::optional<m4::LineForm> line_of_sums(const device::AddGeometry& g, std::int32_t shift) {
  struct Outcome {
    std::int64_t sum;
    std::int32_t y;
  };
  std::vector<Outcome> all;
  all.reserve(65536);
  for (std::int32_t a = -128; a < 128; ++a) {
    const std::int32_t left = device::rescaled_addend(a, g.a_zero, g.a_multiplier, g.a_shift);
    for (std::int32_t b = -128; b < 128; ++b) {
      const std::int32_t sum = left + device::rescaled_addend(b, g.b_zero, g.b_multiplier, g.b_shift);
      const std::int32_t scaled = device::multiply_by_quantized_multiplier(sum, g.output_multiplier, g.output_shift);
      all.push_back({sum, device::clamp(scaled + g.output_zero, g.clamp_low, g.clamp_high)});
    }
  }
  std::ranges::sort(all, {}, &Outcome::sum);
  std::vector<m4::LineStep> steps;
  if (all.front().y > -128) steps.push_back({all.front().y, all.front().sum, true, false});
  for (std::size_t i = 1; i < all.size(); ++i) {
    if (all[i].y == all[i - 1].y) continue;
    steps.push_back({all[i].y, all[i].sum, true, false});
    steps.push_back({all[i - 1].y + 1, all[i - 1].sum + 1, false, true});
  }
  if (all.back().y < 127) steps.push_back({all.back().y + 1, all.back().sum + 1, false, true});
  return m4::find_line(steps, std::ldexp(static_cast<double>(g.output_multiplier), 1 + shift + g.output_shift), 1,
                       shift, false);
}

}  // namespace

LoweredOp lower_add(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                    const LoweringOptions& options) {
  if (options.compact && options.runs_m4_kernels()) {
    if (auto lowered = compact_add(graph, op, symbol)) return std::move(*lowered);
  }
  const device::AddGeometry g = graph::add_geometry(graph, op);
  LoweredOp lowered = lowered_op(symbol, "add", "kernels/add.hpp");
  lowered.geometry = static_geometry(symbol, {{"count", g.count},
                                              {"a_zero", g.a_zero},
                                              {"a_multiplier", g.a_multiplier},
                                              {"a_shift", g.a_shift},
                                              {"b_zero", g.b_zero},
                                              {"b_multiplier", g.b_multiplier},
                                              {"b_shift", g.b_shift},
                                              {"output_zero", g.output_zero},
                                              {"output_multiplier", g.output_multiplier},
                                              {"output_shift", g.output_shift},
                                              {"clamp_low", g.clamp_low},
                                              {"clamp_high", g.clamp_high}});
  lowered.body = fmt::format("add({}_geometry{{}}, x0, x1, y);", symbol);
  lowered.may_reuse_inputs = {0, 1};
  constexpr std::int32_t kWorthTables = 512;  // elements: filling the tables costs as much as about 300
  const std::int32_t shift = -g.output_shift - 1;
  if (!options.runs_m4_kernels() || g.count < kWorthTables || shift < 0 || shift > 31) return lowered;
  const auto line = line_of_sums(g, shift);
  if (!line) return lowered;
  lowered.kernel = "add_through_tables";
  lowered.includes = {"kernels/add_tables.hpp"};
  lowered.functions = {m4::emit_add_tables(shift)};
  lowered.scratch_bytes = device::kAddTableBytes;
  lowered.body = fmt::format("add_through_tables({}_geometry{{}}, {}, {}, {}, x0, x1, y, scratch, count);", symbol,
                             lowered.functions[0].name, line->bias, line->multiplier);
  lowered.row_form = RowForm::elements;
  lowered.band_cycles = 3500;  // fills the tables
  const graph::Shape& shape = graph.tensor(op.outputs[0]).shape;
  lowered.row_step = shape.rank() == 4 && shape[2] * shape[3] % 4 == 0 ? 1 : 0;
  return lowered;
}

LoweredOp lower_softmax(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const device::SoftmaxGeometry g = graph::softmax_geometry(graph, op);
  LoweredOp lowered = lowered_op(symbol, "softmax", "kernels/softmax.hpp");
  lowered.geometry = static_geometry(symbol, {{"rows", g.rows},
                                              {"depth", g.depth},
                                              {"multiplier", g.multiplier},
                                              {"shift", g.shift},
                                              {"diff_min", g.diff_min}});
  lowered.body = fmt::format("softmax({}_geometry{{}}, x0, y);", symbol);
  lowered.small = g.rows * g.depth <= 64;
  lowered.may_reuse_inputs = {0};
  return lowered;
}

LoweredOp lower_log_softmax(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const device::LogSoftmaxGeometry g = graph::log_softmax_geometry(graph, op);
  LoweredOp lowered = lowered_op(symbol, "log_softmax", "kernels/log_softmax.hpp");
  lowered.geometry = static_geometry(symbol, {{"rows", g.rows},
                                              {"depth", g.depth},
                                              {"multiplier", g.multiplier},
                                              {"shift", g.shift},
                                              {"diff_min", g.diff_min},
                                              {"reverse_multiplier", g.reverse_multiplier},
                                              {"reverse_shift", g.reverse_shift}});
  lowered.body = fmt::format("log_softmax({}_geometry{{}}, x0, y);", symbol);
  lowered.small = g.rows * g.depth <= 64;
  lowered.may_reuse_inputs = {0};
  return lowered;
}

LoweredOp lower_requantize(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const device::RequantizeGeometry g = graph::requantize_geometry(graph, op);
  LoweredOp lowered = lowered_op(symbol, "requantize_tensor", "kernels/add.hpp");
  lowered.geometry = static_geometry(symbol, {{"count", g.count},
                                              {"input_zero", g.input_zero},
                                              {"multiplier", g.multiplier},
                                              {"shift", g.shift},
                                              {"output_zero", g.output_zero},
                                              {"clamp_low", g.clamp_low},
                                              {"clamp_high", g.clamp_high}});
  const graph::DType from = graph.tensor(op.inputs[0]).dtype, to = graph.tensor(op.outputs[0]).dtype;
  lowered.body = fmt::format("requantize_tensor({}_geometry{{}}, {}, {});", symbol, typed_pointer("const ", from, "x0"),
                             typed_pointer("", to, "y"));
  // A result of another size would overtake what is still to be read, or lie behind it.
  if (from == to) lowered.may_reuse_inputs = {0};
  return lowered;
}

}  // namespace mote::compile
