// Operators on 8-bit AVR: small networks of dense layers, and trees. C with constants in flash (device/avr/kernels.h).

#include <fmt/format.h>

#include <algorithm>

#include "conv_layer.hpp"
#include "lower.hpp"
#include "mote/graph/reductions.hpp"
#include "mote/graph/trees.hpp"
#include "mote/graph/unary.hpp"

namespace mote::compile {
namespace {

constexpr std::int32_t kLargest = 32767;  // of any extent: indices have 16 bits

template <class T>
std::string add_constants(LoweredOp& lowered, std::string_view what, std::string type, std::size_t bytes,
                          const std::vector<T>& values, std::string comment) {
  if (values.empty()) return "0";
  std::string name = fmt::format("{}_{}", lowered.symbol, what);
  lowered.constants.push_back(
      {name, std::move(type), std::move(comment), bytes, false, {values.begin(), values.end()}, 1});
  return name;
}

struct AvrLowerer {
  const graph::Graph& graph;
  const graph::Op& op;
  const std::string& symbol;

  [[nodiscard]] LoweredOp begin(std::string kernel) const { return lowered_op(symbol, std::move(kernel), ""); }
  [[nodiscard]] std::size_t elements() const { return graph.tensor(op.outputs[0]).shape.elements(); }
  [[nodiscard]] Result<LoweredOp> refuse(std::string_view why) const {
    return fail(
        Code::unsupported,
        fmt::format("{} '{}' (output '{}') {} on an AVR, which runs dense layers, element-wise functions of one "
                    "input, softmax, arg-max and trees (docs/cores.md)",
                    graph::op_name(op.attributes), op.name, graph.tensor(op.outputs[0]).name, why));
  }

  Result<LoweredOp> operator()(const graph::Dense&) const {
    const device::ConvGeometry g = graph::conv_geometry(graph, op);
    const ConvLayer layer{g, device_tables(graph, op, g), graph.tensor(op.inputs[1]).values<std::int8_t>(),
                          g.kernel_h * g.kernel_w * g.in_c};
    if (g.weight_zero != 0) return refuse("has weights with a zero point, which do not run");
    if (g.out_h * g.out_w != 1) return refuse("has several rows, which do not run");
    const std::int64_t bytes = std::int64_t{layer.window} * ((g.out_c + 3) / 4 * 4);
    if (bytes > kLargest || 4 * g.out_c > kLargest)
      return fail(Code::too_large, fmt::format("dense '{}' has {} bytes of weights; an AVR reads arrays of at most {}",
                                               op.name, bytes, kLargest));
    LoweredOp lowered = begin("mote_dense, four outputs at a time");
    std::vector<std::int64_t> weights, biases;
    for (std::int32_t first = 0; first < g.out_c; first += 4) {
      for (std::int32_t i = 0; i < layer.window; ++i) {
        for (std::int32_t c = first; c < first + 4; ++c)
          weights.push_back(c < g.out_c ? layer.weight(c, i) + 128 : 128);
      }
    }
    for (std::int32_t c = 0; c < g.out_c; ++c) {
      std::int64_t sum = 0;
      for (std::int32_t i = 0; i < layer.window; ++i) sum += layer.weight(c, i);
      const std::int64_t bias = layer.tables.bias[static_cast<std::size_t>(c)] - (128 + g.input_zero) * sum;
      biases.push_back(static_cast<std::int32_t>(static_cast<std::uint32_t>(bias)));
    }
    const std::string w =
        add_constants(lowered, "weights", "uint8_t", 1, weights, "plus 128, of four outputs an input");
    const std::string b = add_constants(lowered, "biases", "int32_t", 4, biases, "less what zero points and 128 add");
    const std::string m =
        add_constants(lowered, "multipliers", "int32_t", 4, layer.tables.multiplier, "of each output");
    const std::string s = add_constants(lowered, "shifts", "int8_t", 1, layer.tables.shift, "of each output");
    lowered.body = fmt::format(
        "static const __flash struct mote_dense g = {{{}, {}, {}, {}, {}}};\n  mote_dense(&g, x0, {}, {}, {}, {}, y);",
        layer.window, g.out_c, g.output_zero, g.clamp_low, g.clamp_high, w, b, m, s);
    return lowered;
  }

  Result<LoweredOp> table(std::span<const std::int8_t> values, std::string what) const {
    if (elements() > static_cast<std::size_t>(kLargest)) return refuse("is too large to run");
    LoweredOp lowered = begin(std::move(what));
    const std::string name = add_constants(
        lowered, "table", "int8_t", 1, std::vector<std::int8_t>(values.begin(), values.end()), "result for each byte");
    lowered.body = fmt::format("mote_lookup({}, x0, y, {});", name, elements());
    lowered.may_reuse_inputs = {0};
    return lowered;
  }
  Result<LoweredOp> operator()(const graph::Unary&) const {
    return table(graph::unary_table(graph, op), fmt::format("lookup, {}", graph::name(op.as<graph::Unary>()->kind)));
  }
  Result<LoweredOp> requantize() const {
    const device::RequantizeGeometry g = graph::requantize_geometry(graph, op);
    std::vector<std::int8_t> values(256);
    for (std::int32_t v = -128; v < 128; ++v) {
      const std::int32_t scaled = device::multiply_by_quantized_multiplier(v - g.input_zero, g.multiplier, g.shift);
      values[static_cast<std::uint8_t>(v)] =
          static_cast<std::int8_t>(device::clamp(scaled + g.output_zero, g.clamp_low, g.clamp_high));
    }
    return table(values, "lookup, other quantization");
  }
  Result<LoweredOp> operator()(const graph::Activate&) const { return requantize(); }
  Result<LoweredOp> operator()(const graph::Quantize&) const { return requantize(); }

  Result<LoweredOp> operator()(const graph::Softmax&) const {
    const device::SoftmaxGeometry g = graph::softmax_geometry(graph, op);
    if (g.rows > kLargest || g.depth > kLargest) return refuse("is too large to run");
    LoweredOp lowered = begin("mote_softmax");
    lowered.body =
        fmt::format("static const __flash struct mote_softmax g = {{{}, {}, {}, {}, {}}};\n  mote_softmax(&g, x0, y);",
                    g.rows, g.depth, g.multiplier, g.diff_min, g.shift);
    lowered.may_reuse_inputs = {0};
    return lowered;
  }

  Result<LoweredOp> operator()(const graph::ArgReduce&) const {
    const device::ArgGeometry g = graph::arg_geometry(graph, op);
    const bool floats = graph.tensor(op.inputs[0]).dtype == graph::DType::f32;
    if (g.inner != 1) return refuse("along other axes than the last does not run");
    if (g.outer > kLargest || g.count > kLargest) return refuse("is too large to run");
    LoweredOp lowered = begin("mote_arg");
    lowered.body =
        floats ? fmt::format("mote_arg_float({}, {}, {}, (const float*)x0, (int32_t*)y);", g.outer, g.count, g.sign)
               : fmt::format("mote_arg_int8({}, {}, {}, x0, (int32_t*)y);", g.outer, g.count, g.sign);
    return lowered;
  }

  Result<LoweredOp> operator()(const graph::TreeEnsemble&) const {
    MOTE_TRY(const graph::TreeTables tables, graph::tree_tables(graph, op));
    const device::TreesGeometry& g = tables.geometry;
    if (tables.wide || tables.words.size() > 32767) return refuse("is too large to run");
    LoweredOp lowered = begin("mote_trees, words of 16 bits");
    const std::string slots = add_constants(lowered, "slots", "uint32_t", 4, tables.slots, "feature, its thresholds");
    const std::string thresholds =
        add_constants(lowered, "thresholds", "int32_t", 4, tables.thresholds, "of all slots");
    const std::string nodes = add_constants(lowered, "nodes", "uint16_t", 2, tables.words, "of all trees");
    const std::string roots = add_constants(lowered, "roots", "uint32_t", 4, tables.roots, "first word of each tree");
    const std::string firsts =
        add_constants(lowered, "firsts", "uint16_t", 2, tables.firsts, "first target of each tree");
    const std::string leaves = add_constants(lowered, "leaves", "uint32_t", 4, tables.leaves, "bits of floats");
    const std::string bases = add_constants(lowered, "bases", "uint32_t", 4, tables.bases, "bits of floats");
    lowered.scratch_bytes = static_cast<std::size_t>(g.slots);
    lowered.body = fmt::format(
        "static const __flash struct mote_trees g = {{{}, {}, {}, {}, {}}};\n"
        "  mote_trees(&g, {}, {}, {}, {}, {}, {}, {}, (const float*)x0, (float*)y, (uint8_t*)scratch);",
        g.trees, g.targets, g.window, g.slots, g.aggregate, slots, thresholds, nodes, roots, firsts, leaves, bases);
    return lowered;
  }

  Result<LoweredOp> operator()(const graph::Reshape&) const {
    LoweredOp view = begin("view");
    view.is_view = true;
    return view;
  }
  template <class Other>
  Result<LoweredOp> operator()(const Other&) const {
    return refuse("does not run");
  }
};

}  // namespace

Result<LoweredOp> lower_avr(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  return std::visit(AvrLowerer{graph, op, symbol}, op.attributes);
}

}  // namespace mote::compile
