#include <cmath>
#include <cstring>

#include "executor_kernels.hpp"
#include "host_conv.hpp"
#include "kernels/add.hpp"
#include "kernels/binary.hpp"
#include "kernels/lookup.hpp"
#include "kernels/pool.hpp"
#include "kernels/softmax.hpp"
#include "mote/graph/integer_params.hpp"
#include "mote/graph/moves.hpp"
#include "mote/graph/recurrent_params.hpp"
#include "mote/graph/reductions.hpp"
#include "mote/graph/unary.hpp"

namespace mote::graph::executor {
namespace {

using Step = std::function<void()>;

struct Int8Step {
  const Graph& graph;
  const Op& op;
  const std::vector<const std::uint8_t*>& inputs;
  std::uint8_t* output;

  [[nodiscard]] const std::int8_t* in(std::size_t i) const { return reinterpret_cast<const std::int8_t*>(inputs[i]); }
  [[nodiscard]] std::int8_t* out() const { return reinterpret_cast<std::int8_t*>(output); }

  [[nodiscard]] Step convolution() const {
    const auto geometry = conv_geometry(graph, op);
    return [g = geometry, tables = channel_tables(graph, op), scratch = prepare_host_conv(geometry, in(1)), x = in(0),
            y = out()]() mutable {
      host_conv2d(g, x, {tables.bias.data(), tables.multiplier.data(), tables.shift.data()}, y, scratch);
    };
  }

  Result<Step> operator()(const Conv2D&) const { return convolution(); }
  Result<Step> operator()(const Dense&) const { return convolution(); }
  Result<Step> operator()(const DepthwiseConv2D&) const {
    return Step([g = conv_geometry(graph, op), tables = channel_tables(graph, op), scratch = HostConvScratch{},
                 x = in(0), w = in(1), y = out()]() mutable {
      host_depthwise(g, x, w, {tables.bias.data(), tables.multiplier.data(), tables.shift.data()}, y, scratch);
    });
  }
  Result<Step> operator()(const Pool2D& a) const {
    const auto g = pool_geometry(graph, op);
    if (graph.tensor(op.inputs[0]).quantization != graph.tensor(op.outputs[0]).quantization) {
      return fail(Code::unsupported, "pool2d '" + op.name + "' changes the quantization, which int8 pooling cannot");
    }
    if (a.kind == PoolKind::max) return Step([g, x = in(0), y = out()] { device::max_pool2d(g, x, y); });
    return Step([g, x = in(0), y = out()] { device::average_pool2d(g, x, y); });
  }
  Result<Step> operator()(const Add&) const { return pairs<device::AddPair>(); }
  Result<Step> operator()(const Binary& a) const {
    switch (a.kind) {
      case BinaryKind::sub:
        return pairs<device::SubPair>();
      case BinaryKind::mul:
        return pairs<device::MulPair>();
      case BinaryKind::minimum:
        return pairs<device::MinimumPair>();
      case BinaryKind::maximum:
        return pairs<device::MaximumPair>();
      case BinaryKind::squared_difference:
        return pairs<device::SquaredDifferencePair>();
      case BinaryKind::prelu:
        return pairs<device::PreluPair>();
      case BinaryKind::div:
        break;
    }
    return fail(Code::unsupported, "binary '" + op.name + "' divides integers, which has no form here");
  }
  Result<Step> operator()(const Unary&) const {
    const auto count = static_cast<std::int32_t>(graph.tensor(op.outputs[0]).shape.elements());
    return Step(
        [table = unary_table(graph, op), count, x = in(0), y = out()] { device::lookup(table.data(), x, y, count); });
  }
  Result<Step> operator()(const Reduce& a) const {
    const auto g = reduce_geometry(graph, op);
    if (!g) return fail(Code::unsupported, "reduce '" + op.name + "' has too many separate axes");
    switch (a.kind) {
      case ReduceKind::sum:
      case ReduceKind::mean:
        return Step([g = *g, x = in(0), y = out()] { device::reduce<device::SumOf>(g, x, y); });
      case ReduceKind::maximum:
        return Step([g = *g, x = in(0), y = out()] { device::reduce<device::LargestOf>(g, x, y); });
      case ReduceKind::minimum:
        return Step([g = *g, x = in(0), y = out()] { device::reduce<device::SmallestOf>(g, x, y); });
      case ReduceKind::product:
        break;
    }
    return fail(Code::unsupported, "reduce '" + op.name + "' multiplies integers, which has no form here");
  }
  Result<Step> operator()(const ArgReduce&) const {
    return Step([g = arg_geometry(graph, op), x = in(0), y = reinterpret_cast<std::int32_t*>(output)] {
      device::arg_reduce(g, x, y);
    });
  }
  Result<Step> operator()(const ResizeBilinear&) const {
    return Step([g = resize_geometry(graph, op), x = in(0), y = out()] { device::resize_bilinear(g, x, y); });
  }
  Result<Step> operator()(const Softmax&) const {
    return Step([g = softmax_geometry(graph, op), x = in(0), y = out()] { device::softmax(g, x, y); });
  }
  Result<Step> operator()(const LogSoftmax&) const {
    return Step([g = log_softmax_geometry(graph, op), x = in(0), y = out()] { device::log_softmax(g, x, y); });
  }
  Result<Step> operator()(const Activate&) const { return requantized(); }
  template <class TrainingForm>
  Result<Step> operator()(const TrainingForm&) const {
    return fail(Code::unsupported,
                std::string(TrainingForm::kName) + " '" + op.name + "' has no int8 form; fold it before quantizing");
  }

 private:
  template <class Pair>
  [[nodiscard]] Result<Step> pairs() const {
    const auto loops = broadcast_geometry(graph.tensor(op.inputs[0]).shape, graph.tensor(op.inputs[1]).shape,
                                          graph.tensor(op.outputs[0]).shape);
    if (!loops)
      return fail(Code::unsupported,
                  std::string(op_name(op.attributes)) + " '" + op.name + "' broadcasts along too many dimensions");
    return Step([g = *loops, p = pair_params(graph, op), a = in(0), b = in(1), y = out()] {
      device::for_pairs<Pair>(g, p, a, b, y);
    });
  }
  [[nodiscard]] Step requantized() const {
    return [g = requantize_geometry(graph, op), x = in(0), y = out()] { device::requantize_tensor(g, x, y); };
  }
};

}  // namespace

Result<std::function<void()>> prepare_int8(const Graph& graph, const Op& op,
                                           const std::vector<const std::uint8_t*>& inputs, std::uint8_t* output) {
  return std::visit(Int8Step{graph, op, inputs, output}, op.attributes);
}

Result<std::function<void()>> prepare(const Graph& graph, const Op& op, const std::vector<const std::uint8_t*>& inputs,
                                      std::uint8_t* output) {
  const DType in = graph.tensor(op.inputs[0]).dtype;
  const DType out = graph.tensor(op.outputs[0]).dtype;
  if (is_move(op)) return prepare_moves(graph, op, inputs, output);
  if (is_recurrent(op)) return prepare_recurrent(graph, op, inputs, output);
  if (op.as<Compare>() != nullptr) return prepare_compare(graph, op, inputs, output);
  if (op.as<TopK>() != nullptr) return prepare_top_k(graph, op, inputs, output);
  if (op.as<Quantize>() != nullptr || op.as<Dequantize>() != nullptr || op.as<Cast>() != nullptr)
    return prepare_conversion(graph, op, inputs, output);
  if (op.as<Select>() != nullptr) return prepare_select(graph, op, inputs, output);
  if (op.as<MatMul>() != nullptr) return prepare_matmul(graph, op, inputs, output);
  if (op.as<Reshape>() != nullptr) {
    return [n = graph.tensor(op.outputs[0]).size_bytes(), x = inputs[0], output] { std::memcpy(output, x, n); };
  }
  if (in == out && (in == DType::i32 || in == DType::i64)) return prepare_integers(graph, op, inputs, output);
  if (in == DType::f32 && (out == DType::f32 || op.as<ArgReduce>() != nullptr))
    return prepare_float(graph, op, inputs, output);
  if (in == DType::i16 && out == DType::i16) return prepare_int16(graph, op, inputs, output);
  if (in == DType::i8 || out == DType::i8) return prepare_int8(graph, op, inputs, output);
  return fail(Code::unsupported, std::string(op_name(op.attributes)) + " '" + op.name + "' on " +
                                     std::string(name(in)) + " is not supported");
}

}  // namespace mote::graph::executor
