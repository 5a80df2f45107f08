#include "lower.hpp"
#include "mote/graph/moves.hpp"
#include "mote/graph/recurrent_params.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "kernels/requantize_narrow.hpp"
#include "m4/requantizer.hpp"

namespace mote::compile {
namespace {

struct Lowerer {
  const graph::Graph& graph;
  const graph::Op& op;
  const std::string& symbol;
  const LoweringOptions& options;

  Result<LoweredOp> operator()(const graph::Conv2D&) const { return lower_conv(graph, op, symbol, options); }
  Result<LoweredOp> operator()(const graph::Dense&) const { return lower_conv(graph, op, symbol, options); }
  Result<LoweredOp> operator()(const graph::DepthwiseConv2D&) const {
    return lower_depthwise(graph, op, symbol, options);
  }
  Result<LoweredOp> operator()(const graph::Pool2D&) const { return lower_pool(graph, op, symbol, options); }
  Result<LoweredOp> operator()(const graph::Add&) const {
    const auto& a = graph.tensor(op.inputs[0]);
    const auto& b = graph.tensor(op.inputs[1]);
    if (a.shape != b.shape || a.is_constant() || b.is_constant()) return lower_pair(graph, op, symbol);
    return lower_add(graph, op, symbol, options);
  }
  Result<LoweredOp> operator()(const graph::Binary&) const { return lower_pair(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Compare&) const {
    return graph.tensor(op.inputs[0]).dtype == graph::DType::i8 ? lower_pair(graph, op, symbol)
                                                                : lower_compare(graph, op, symbol);
  }
  Result<LoweredOp> operator()(const graph::Select&) const { return lower_select(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::MatMul&) const { return lower_matmul(graph, op, symbol, options); }
  Result<LoweredOp> operator()(const graph::Unary&) const { return lower_unary(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Concat&) const { return lower_moves(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Slice&) const { return lower_moves(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Transpose&) const { return lower_moves(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Pad&) const { return lower_moves(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Broadcast&) const { return lower_moves(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Gather&) const { return lower_moves(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Shift&) const { return lower_moves(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Reduce&) const { return lower_reduce(graph, op, symbol, options); }
  Result<LoweredOp> operator()(const graph::ArgReduce&) const { return lower_arg_reduce(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::TopK&) const { return lower_top_k(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::CumSum&) const { return lower_cumsum(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Cast&) const { return lower_cast(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::ResizeBilinear&) const { return lower_resize(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Softmax&) const { return lower_softmax(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::LogSoftmax&) const { return lower_log_softmax(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Activate&) const { return lower_requantize(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Quantize&) const { return lower_requantize(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::DenseWide&) const { return lower_recurrent(graph, op, symbol, options); }
  Result<LoweredOp> operator()(const graph::TimeFilter&) const { return lower_recurrent(graph, op, symbol, options); }
  Result<LoweredOp> operator()(const graph::LstmGate&) const { return lower_recurrent(graph, op, symbol, options); }
  Result<LoweredOp> operator()(const graph::LstmCell&) const { return lower_recurrent(graph, op, symbol, options); }
  Result<LoweredOp> operator()(const graph::LstmHidden&) const { return lower_recurrent(graph, op, symbol, options); }
  Result<LoweredOp> operator()(const graph::TreeEnsemble&) const { return lower_trees(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Scores&) const { return lower_scores(graph, op, symbol); }
  Result<LoweredOp> operator()(const graph::Reshape&) const {
    LoweredOp view;
    view.symbol = symbol;
    view.kernel = "view";
    view.is_view = true;
    return view;
  }
  template <class Other>
  Result<LoweredOp> operator()(const Other&) const {
    return fail(Code::unsupported,
                fmt::format("{} '{}' (output '{}') has no device kernel; docs/operators.md lists those that have",
                            Other::kName, op.name, graph.tensor(op.outputs[0]).name));
  }
};

/// What does the same with elements of any type, or is of floats alone.
bool same_for_floats(const graph::Op& op) {
  return graph::is_move(op) || op.as<graph::TreeEnsemble>() != nullptr || op.as<graph::Scores>() != nullptr ||
         op.as<graph::Reshape>() != nullptr || op.as<graph::ArgReduce>() != nullptr ||
         op.as<graph::TopK>() != nullptr || op.as<graph::Select>() != nullptr || op.as<graph::Compare>() != nullptr;
}

/// Sum of |w| of each output channel.
std::vector<std::int64_t> weight_sums(const graph::Graph& graph, const graph::Op& op, std::size_t channels) {
  const auto values = graph.tensor(op.inputs[1]).values<std::int8_t>();
  const std::size_t inner = op.as<graph::DepthwiseConv2D>() != nullptr ? 1 : values.size() / channels;
  std::vector<std::int64_t> sums(channels, 0);
  for (std::size_t i = 0; i < values.size(); ++i) sums[i / inner % channels] += std::abs(static_cast<int>(values[i]));
  return sums;
}

}  // namespace

Result<LoweredOp> lower(const graph::Graph& graph, std::size_t op_index, const LoweringOptions& options) {
  const graph::Op& op = graph.ops()[op_index];
  const auto& x = graph.tensor(op.inputs[0]);
  const auto& y = graph.tensor(op.outputs[0]);
  const bool wide = x.dtype == graph::DType::i16 && y.dtype == graph::DType::i16;
  const bool requantizes =
      (op.as<graph::Quantize>() != nullptr && x.dtype != graph::DType::f32) || op.as<graph::Cast>() != nullptr;
  const bool gives_indices =
      (op.as<graph::ArgReduce>() != nullptr || op.as<graph::TopK>() != nullptr) && y.dtype == graph::DType::i32;
  const bool recurrent = graph::is_recurrent(op);
  const bool floats = x.dtype == graph::DType::f32 || y.dtype == graph::DType::f32;
  const bool takes_indices = x.dtype == graph::DType::i32 && (op.as<graph::Reshape>() != nullptr ||
                                                              graph::is_move(op) || op.as<graph::Compare>() != nullptr);
  const bool selects = op.as<graph::Select>() != nullptr;
  if (!wide && !requantizes && !recurrent && !floats && !takes_indices && !selects &&
      (x.dtype != graph::DType::i8 || (y.dtype != graph::DType::i8 && !gives_indices))) {
    return fail(Code::unsupported,
                fmt::format("{} '{}' works on {}: only float32, int8 and int16 values are computed on devices",
                            graph::op_name(op.attributes), op.name, graph::name(x.dtype)));
  }
  const bool all_constant = std::ranges::all_of(
      op.inputs, [&](graph::TensorId id) { return id == graph::kNoTensor || graph.tensor(id).is_constant(); });
  const bool takes_constants = op.as<graph::Add>() != nullptr || op.as<graph::Binary>() != nullptr ||
                               op.as<graph::Concat>() != nullptr || op.as<graph::Compare>() != nullptr ||
                               op.as<graph::Select>() != nullptr || op.as<graph::MatMul>() != nullptr;
  if (const graph::Tensor& value = graph.tensor(op.inputs[0]);
      all_constant || (value.is_constant() && !takes_constants)) {
    return fail(
        Code::unsupported,
        fmt::format("{} '{}' reads the constant '{}' as a value, which has no device kernel; fold it into the model",
                    graph::op_name(op.attributes), op.name, value.name));
  }
  const std::string symbol = fmt::format("op_{:02}_{}", op_index, graph::op_name(op.attributes));
  if (options.target == Target::avr && (wide || recurrent)) {
    return fail(Code::unsupported,
                fmt::format("{} '{}' works on int16 values, which do not run on an AVR (docs/cores.md)",
                            graph::op_name(op.attributes), op.name));
  }
  if (options.target == Target::avr && floats && !same_for_floats(op)) {
    return fail(Code::unsupported,
                fmt::format("{} '{}' computes with float32 values, which on an AVR only trees do (docs/cores.md)",
                            graph::op_name(op.attributes), op.name));
  }
  MOTE_TRY(LoweredOp lowered,
           options.target == Target::avr    ? lower_avr(graph, op, symbol)
           : floats && !same_for_floats(op) ? lower_float(graph, op, symbol)
           : wide && !recurrent && !requantizes && !graph::is_move(op) && op.as<graph::Reshape>() == nullptr
               ? lower_int16(graph, op, symbol, options)
               : std::visit(Lowerer{graph, op, symbol, options}, op.attributes));
  lowered.elements = y.shape.elements();
  lowered.summary =
      fmt::format("{} {} {} -> {}", graph::op_name(op.attributes), op.name, x.shape.text(), y.shape.text());
  return lowered;
}

bool narrow_requantize_applies(const graph::Graph& graph, const graph::Op& op, const graph::ChannelTables& tables) {
  const std::vector<std::int64_t> sums = weight_sums(graph, op, tables.bias.size());
  for (std::size_t c = 0; c < sums.size(); ++c) {
    const std::int64_t reach = 255 * sums[c] + std::abs(std::int64_t{tables.bias[c]});
    const std::int32_t shift = -tables.shift[c];
    if (reach >= std::int64_t{1} << device::kNarrowBits || shift < device::kNarrowShiftLow ||
        shift > device::kNarrowShiftHigh)
      return false;
  }
  return true;
}

std::size_t constant_bytes(const LoweredOp& op) {
  std::size_t bytes = 0;
  for (const ConstantArray& c : op.constants) bytes += c.bytes();
  return bytes;
}

std::string geometry_text(const std::string& symbol, const device::ConvGeometry& g) {
  return fmt::format(
      "const ConvGeometry {}_geometry{{\n"
      "    {}, {}, {},  // in_h, in_w, in_c\n"
      "    {}, {}, {},  // out_h, out_w, out_c\n"
      "    {}, {}, {}, {}, {}, {},  // kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w\n"
      "    {}, {}, {},  // pad_top, pad_left, multiplier\n"
      "    {}, {}, {}, {}, {}}};  // input_zero, output_zero, clamp_low, clamp_high, weight_zero\n",
      symbol, g.in_h, g.in_w, g.in_c, g.out_h, g.out_w, g.out_c, g.kernel_h, g.kernel_w, g.stride_h, g.stride_w,
      g.dilation_h, g.dilation_w, g.pad_top, g.pad_left, g.multiplier, g.input_zero, g.output_zero, g.clamp_low,
      g.clamp_high, g.weight_zero);
}

std::string add_channel_arrays(LoweredOp& lowered, const graph::ChannelTables& tables) {
  const auto add = [&](std::string_view what, std::string type, std::size_t bytes, auto&& values) {
    lowered.constants.push_back({fmt::format("{}_{}", lowered.symbol, what),
                                 std::move(type),
                                 std::string(what) + " of each output channel",
                                 bytes,
                                 false,
                                 {values.begin(), values.end()}});
  };
  add("bias", "std::int32_t", 4, tables.bias);
  add("multiplier", "std::int32_t", 4, tables.multiplier);
  add("shift", "std::int8_t", 1, tables.shift);
  return fmt::format("channel_params({0}_bias, {0}_multiplier, {0}_shift)", lowered.symbol);
}

namespace {

/// Channels of one multiplier keep one in common: kernels are simpler where a whole layer has.
void shorten_multipliers(graph::ChannelTables& tables, const std::vector<std::int64_t>& sums,
                         const device::ConvGeometry& g) {
  std::map<std::pair<std::int32_t, std::int8_t>, std::vector<std::size_t>> channels;
  for (std::size_t c = 0; c < sums.size(); ++c) channels[{tables.multiplier[c], tables.shift[c]}].push_back(c);
  for (const auto& [numbers, group] : channels) {
    std::vector<m4::ChannelRule> rules;
    for (const std::size_t c : group) {
      const std::int64_t reach = 255 * sums[c];  // an input less its zero point is at most 255
      rules.push_back(
          {numbers.first, numbers.second, g.output_zero, g.clamp_low, g.clamp_high, tables.bias[c], -reach, reach});
    }
    const bool fits = std::ranges::all_of(rules, [](const m4::ChannelRule& r) {
      return r.multiplier >= (std::int32_t{1} << 30) &&
             std::abs(std::int64_t{r.bias}) + r.high < (std::int64_t{1} << 31);
    });
    if (!fits) continue;
    const std::int32_t multiplier = m4::shortest_multiplier(rules);
    for (const std::size_t c : group) tables.multiplier[c] = multiplier;
  }
}

}  // namespace

graph::ChannelTables device_tables(const graph::Graph& graph, const graph::Op& op, const device::ConvGeometry& g) {
  graph::ChannelTables tables = graph::channel_tables(graph, op);
  if (g.weight_zero != 0) return tables;  // a weight of 0 is not nothing then
  const std::vector<std::int64_t> sums = weight_sums(graph, op, tables.bias.size());
  const device::ChannelParams params{tables.bias.data(), tables.multiplier.data(), tables.shift.data()};
  for (std::size_t c = 0; c < sums.size(); ++c) {
    if (sums[c] != 0) continue;
    const std::int32_t result = device::requantize(tables.bias[c], params, static_cast<std::int32_t>(c), g.output_zero,
                                                   g.clamp_low, g.clamp_high);
    // 4 d * 2^30 / 2^31 / 2 = d: no rounding takes place.
    tables.bias[c] = 4 * (result - g.output_zero);
    tables.multiplier[c] = std::int32_t{1} << 30;
    tables.shift[c] = -1;
  }
  shorten_multipliers(tables, sums, g);
  return tables;
}

}  // namespace mote::compile
