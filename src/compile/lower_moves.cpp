// Operators that move or select elements, functions of one element, operators of two that broadcast, and products of
// computed matrices.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "kernels/binary.hpp"
#include "lower.hpp"
#include "mote/graph/logic.hpp"
#include "mote/graph/moves.hpp"
#include "mote/graph/unary.hpp"

namespace mote::compile {
namespace {

/// How the body names operand `i`: values are parameters x0, x1, ... in their order; constants are put into flash.
std::string operand(LoweredOp& lowered, const graph::Graph& graph, const graph::Op& op, std::size_t i) {
  const graph::Tensor& t = graph.tensor(op.inputs[i]);
  if (!t.is_constant()) {
    const auto values = std::count_if(op.inputs.begin(), op.inputs.begin() + static_cast<std::ptrdiff_t>(i),
                                      [&](graph::TensorId id) { return !graph.tensor(id).is_constant(); });
    return fmt::format("x{}", values);
  }
  const std::string name = fmt::format("{}_k{}", lowered.symbol, i);
  const std::span<const std::int8_t> values(reinterpret_cast<const std::int8_t*>(t.data->data()), t.data->size());
  lowered.constants.push_back({name, "std::int8_t", "constant operand", 1, false, {values.begin(), values.end()}});
  return name;
}

/// The same as elements of more than a byte: values are of type `value`, constants of `constant`, which is as large.
std::string typed_operand(LoweredOp& lowered, const graph::Graph& graph, const graph::Op& op, std::size_t i,
                          std::string_view value, std::string_view constant) {
  const graph::Tensor& t = graph.tensor(op.inputs[i]);
  if (!t.is_constant()) return fmt::format("reinterpret_cast<const {}*>({})", value, operand(lowered, graph, op, i));
  const std::size_t size = graph::size_bytes(t.dtype);
  std::vector<std::int64_t> elements;
  for (std::size_t at = 0; at < t.data->size(); at += size) {
    std::uint32_t element = 0;
    std::memcpy(&element, t.data->data() + at, size);
    elements.push_back(t.dtype == graph::DType::f32 ? std::int64_t{element} : static_cast<std::int32_t>(element));
  }
  lowered.constants.push_back({fmt::format("{}_k{}", lowered.symbol, i), std::string(constant), "constant operand",
                               size, t.dtype == graph::DType::f32, std::move(elements)});
  return lowered.constants.back().name;
}

std::string move_text(const std::string& name, const device::MoveGeometry& g) {
  return fmt::format("const MoveGeometry {}{{{}, {}, {}, {{{}}}, {{{}}}, {{{}}}}};\n", name, g.run, g.from_begin,
                     g.to_begin, fmt::join(g.count, ", "), fmt::join(g.from, ", "), fmt::join(g.to, ", "));
}

LoweredOp lookup_op(const std::string& symbol, std::span<const std::int8_t> table, std::string what) {
  LoweredOp lowered = lowered_op(symbol, std::move(what), "kernels/lookup.hpp");
  lowered.constants.push_back(
      {symbol + "_table", "std::int8_t", "result for each byte, 0 to 255", 1, false, {table.begin(), table.end()}});
  lowered.body = fmt::format("shared_lookup({}_table, x0, y, count);", symbol);
  lowered.row_form = RowForm::elements;
  lowered.may_reuse_inputs = {0};
  return lowered;
}

/// Name of the arithmetic in kernels/binary.hpp.
struct Pair {
  std::string_view name;
  std::int8_t (*apply)(const device::PairParams&, std::int8_t, std::int8_t);
};
template <class P>
Pair pair_of(std::string_view name) {
  return {name, [](const device::PairParams& p, std::int8_t a, std::int8_t b) { return P::apply(p, a, b); }};
}
Pair comparison_of(graph::CompareKind kind) {
  switch (kind) {
    case graph::CompareKind::less:
      return pair_of<device::LessPair>("LessPair");
    case graph::CompareKind::less_equal:
      return pair_of<device::LessEqualPair>("LessEqualPair");
    case graph::CompareKind::greater:
      return pair_of<device::GreaterPair>("GreaterPair");
    case graph::CompareKind::greater_equal:
      return pair_of<device::GreaterEqualPair>("GreaterEqualPair");
    case graph::CompareKind::equal:
      return pair_of<device::EqualPair>("EqualPair");
    case graph::CompareKind::not_equal:
      break;
  }
  return pair_of<device::NotEqualPair>("NotEqualPair");
}
Pair arithmetic_of(const graph::Op& op) {
  if (const auto* compare = op.as<graph::Compare>()) return comparison_of(compare->kind);
  const auto* binary = op.as<graph::Binary>();
  if (binary == nullptr) return pair_of<device::AddPair>("AddPair");
  switch (binary->kind) {
    case graph::BinaryKind::sub:
      return pair_of<device::SubPair>("SubPair");
    case graph::BinaryKind::mul:
      return pair_of<device::MulPair>("MulPair");
    case graph::BinaryKind::minimum:
      return pair_of<device::MinimumPair>("MinimumPair");
    case graph::BinaryKind::prelu:
      return pair_of<device::PreluPair>("PreluPair");
    case graph::BinaryKind::maximum:
      return pair_of<device::MaximumPair>("MaximumPair");
    default:
      return pair_of<device::SquaredDifferencePair>("SquaredDifferencePair");
  }
}

}  // namespace

std::string loops_text(const std::string& symbol, const device::BroadcastGeometry& loops) {
  return fmt::format("constexpr BroadcastGeometry {}_loops{{{{{}}}, {{{}}}, {{{}}}}};\n", symbol,
                     fmt::join(loops.count, ", "), fmt::join(loops.a, ", "), fmt::join(loops.b, ", "));
}

std::string pair_text(const std::string& symbol, const device::BroadcastGeometry& loops, const device::PairParams& p) {
  return fmt::format("{}constexpr PairParams {}_params{{{}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}}};\n",
                     loops_text(symbol, loops), symbol, p.a_zero, p.a_multiplier, p.a_shift, p.b_zero, p.b_multiplier,
                     p.b_shift, p.output_zero, p.output_multiplier, p.output_shift, p.clamp_low, p.clamp_high);
}

LoweredOp lower_unary(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  return lookup_op(symbol, graph::unary_table(graph, op),
                   fmt::format("lookup, {}", graph::name(op.as<graph::Unary>()->kind)));
}

Result<LoweredOp> lower_pair(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const graph::Tensor &a = graph.tensor(op.inputs[0]), &b = graph.tensor(op.inputs[1]),
                      &y = graph.tensor(op.outputs[0]);
  const device::PairParams p = graph::pair_params(graph, op);
  const Pair arithmetic = arithmetic_of(op);
  // One operand is a number: a function of the other.
  for (const bool first : {true, false}) {
    const graph::Tensor& number = first ? a : b;
    if (!number.is_constant() || number.shape.elements() != 1 || (first ? b : a).shape != y.shape) continue;
    std::array<std::int8_t, 256> table{};
    const std::int8_t constant = number.values<std::int8_t>()[0];
    for (std::int32_t v = -128; v < 128; ++v) {
      const auto value = static_cast<std::int8_t>(v);
      table[static_cast<std::uint8_t>(v)] =
          first ? arithmetic.apply(p, constant, value) : arithmetic.apply(p, value, constant);
    }
    LoweredOp lowered = lookup_op(symbol, table, "lookup, one operand is a number");
    lowered.may_reuse_inputs = {first ? std::size_t{1} : std::size_t{0}};
    return lowered;
  }
  const auto loops = graph::broadcast_geometry(a.shape, b.shape, y.shape);
  if (!loops)
    return fail(Code::unsupported,
                fmt::format("{} '{}' broadcasts along too many dimensions", graph::op_name(op.attributes), op.name));
  LoweredOp lowered = lowered_op(symbol, fmt::format("for_pairs {}", arithmetic.name), "kernels/binary.hpp");
  lowered.geometry = pair_text(symbol, *loops, p);
  const std::string left = operand(lowered, graph, op, 0), right = operand(lowered, graph, op, 1);
  lowered.body =
      fmt::format("for_pairs<{0}>({1}_loops, {1}_params, {2}, {3}, y);", arithmetic.name, symbol, left, right);
  for (std::size_t i = 0; i < 2; ++i) {
    if (graph.tensor(op.inputs[i]).shape == y.shape) lowered.may_reuse_inputs.push_back(i);
  }
  return lowered;
}

Result<LoweredOp> lower_compare(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const graph::Tensor &a = graph.tensor(op.inputs[0]), &b = graph.tensor(op.inputs[1]);
  const auto loops = graph::broadcast_geometry(a.shape, b.shape, graph.tensor(op.outputs[0]).shape);
  if (!loops) return fail(Code::unsupported, fmt::format("compare '{}' broadcasts along too many dimensions", op.name));
  constexpr std::array kKinds{"IsLess", "IsLessEqual", "IsGreater", "IsGreaterEqual", "IsEqual", "IsNotEqual"};
  const char* kind = kKinds[static_cast<std::size_t>(op.as<graph::Compare>()->kind)];
  LoweredOp lowered = lowered_op(symbol, fmt::format("compare_numbers {}", kind), "kernels/compare.hpp");
  lowered.includes.push_back("kernels/binary.hpp");
  lowered.geometry = loops_text(symbol, *loops);
  const bool floats = a.dtype == graph::DType::f32;
  const std::string_view value = floats ? "float" : "std::int32_t", constant = floats ? "std::uint32_t" : value;
  const std::string left = typed_operand(lowered, graph, op, 0, value, constant),
                    right = typed_operand(lowered, graph, op, 1, value, constant);
  lowered.body = fmt::format("compare_numbers<{}>({}_loops, {}, {}, y);", kind, symbol, left, right);
  return lowered;
}

Result<LoweredOp> lower_select(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  const auto g = graph::select_geometry(graph, op);
  if (!g) return fail(Code::unsupported, fmt::format("select '{}' broadcasts along too many dimensions", op.name));
  LoweredOp lowered = lowered_op(symbol, "select", "kernels/select.hpp");
  lowered.geometry = fmt::format("constexpr SelectGeometry {}_loops{{{{{}}}, {{{}}}, {{{}}}, {{{}}}}};\n", symbol,
                                 fmt::join(g->count, ", "), fmt::join(g->condition, ", "), fmt::join(g->a, ", "),
                                 fmt::join(g->b, ", "));
  const std::size_t size = graph::size_bytes(graph.tensor(op.outputs[0]).dtype);
  if (size == 8) return fail(Code::unsupported, fmt::format("select '{}' of int64 has no device kernel", op.name));
  const std::string bits = fmt::format("std::uint{}_t", 8 * size);
  const auto chosen = [&](std::size_t i) {
    return size == 1 ? operand(lowered, graph, op, i) : typed_operand(lowered, graph, op, i, bits, bits);
  };
  const std::string condition = operand(lowered, graph, op, 0), a = chosen(1), b = chosen(2);
  lowered.body = fmt::format("select({}_loops, {}, {}, {}, {});", symbol, condition, a, b,
                             size == 1 ? "y" : fmt::format("reinterpret_cast<{}*>(y)", bits));
  return lowered;
}

LoweredOp lower_matmul(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                       const LoweringOptions& options) {
  const device::MatMulGeometry g = graph::matmul_geometry(graph, op);
  const bool words = options.runs_m4_kernels() && g.columns >= 4;
  LoweredOp lowered = words ? lowered_op(symbol, "matmul_dsp", "kernels/matmul_dsp.hpp")
                            : lowered_op(symbol, "matmul", "kernels/matmul.hpp");
  lowered.geometry = static_geometry(symbol, {{"batches", g.batches},
                                              {"rows", g.rows},
                                              {"depth", g.depth},
                                              {"columns", g.columns},
                                              {"a_zero", g.a_zero},
                                              {"b_zero", g.b_zero},
                                              {"output_zero", g.output_zero},
                                              {"multiplier", g.multiplier},
                                              {"shift", g.shift}});
  const std::string a = operand(lowered, graph, op, 0), b = operand(lowered, graph, op, 1);
  lowered.body = fmt::format("{}({}_geometry{{}}, {}, {}, y);", lowered.kernel, symbol, a, b);
  return lowered;
}

LoweredOp lower_moves(const graph::Graph& graph, const graph::Op& op, const std::string& symbol) {
  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.includes = {"kernels/move.hpp"};
  lowered.small = true;
  if (op.as<graph::Gather>() != nullptr) {
    const device::GatherGeometry g = graph::gather_geometry(graph, op);
    const bool narrow = g.in_slices <= 32768;
    const auto indices = graph.tensor(op.inputs[1]).values<std::int32_t>();
    lowered.kernel = "gather";
    lowered.constants.push_back({symbol + "_indices",
                                 narrow ? "std::int16_t" : "std::int32_t",
                                 "slices in their order",
                                 narrow ? std::size_t{2} : std::size_t{4},
                                 false,
                                 {indices.begin(), indices.end()}});
    lowered.geometry = static_geometry(
        symbol,
        {{"outer", g.outer}, {"in_slices", g.in_slices}, {"out_slices", g.out_slices}, {"slice_bytes", g.slice_bytes}});
    lowered.body =
        fmt::format("gather({0}_geometry{{}}, {0}_indices, {1}, y);", symbol, operand(lowered, graph, op, 0));
    return lowered;
  }
  if (op.as<graph::Shift>() != nullptr) {
    const device::ShiftGeometry g = graph::shift_geometry(graph, op);
    lowered.kernel = "shift_rows";
    lowered.small = false;
    lowered.geometry =
        static_geometry(symbol, {{"outer", g.outer}, {"kept_bytes", g.kept_bytes}, {"new_bytes", g.new_bytes}});
    lowered.body = fmt::format("shift_rows({}_geometry{{}}, {}, {}, y);", symbol, operand(lowered, graph, op, 0),
                               operand(lowered, graph, op, 1));
    lowered.may_reuse_inputs = {0};
    return lowered;
  }
  const std::vector<graph::Move> moves = graph::moves(graph, op);
  lowered.kernel = fmt::format("move_elements, {} {}", moves.size(), moves.size() == 1 ? "copy" : "copies");
  if (op.as<graph::Pad>() != nullptr) {
    const Bytes element = graph::pad_element(graph, op);
    std::uint32_t word = 0;
    for (std::size_t i = 0; i < 4; ++i) word |= std::uint32_t{element[i % element.size()]} << (8 * i);
    lowered.body = fmt::format("fill_words(y, {}, 0x{:08x}u); ", graph.tensor(op.outputs[0]).size_bytes(), word);
  }
  for (std::size_t i = 0; i < moves.size(); ++i) {
    const std::string name = fmt::format("{}_move_{}", symbol, i);
    lowered.geometry += move_text(name, moves[i].geometry);
    lowered.body += fmt::format("{}shared_move({}, {}, y);", i == 0 ? "" : "\n  ", name,
                                operand(lowered, graph, op, moves[i].input));
  }
  return lowered;
}

}  // namespace mote::compile
