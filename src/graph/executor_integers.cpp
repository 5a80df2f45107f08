// Whole numbers of 32 and 64 bits: the arithmetic of shapes, which is folded away before anything reaches a device.
// Overflow wraps.

#include <algorithm>

#include "executor_kernels.hpp"
#include "mote/graph/moves.hpp"

namespace mote::graph::executor {
namespace {

using Step = std::function<void()>;

template <class Integer>
struct IntegerStep {
  using Wrapping = std::make_unsigned_t<Integer>;
  const Graph& graph;
  const Op& op;
  const std::vector<const std::uint8_t*>& inputs;
  Integer* y;

  [[nodiscard]] const Integer* in(std::size_t i) const { return reinterpret_cast<const Integer*>(inputs[i]); }

  template <class Function>
  [[nodiscard]] Result<Step> pairs(Function f) const {
    const auto loops = broadcast_geometry(graph.tensor(op.inputs[0]).shape, graph.tensor(op.inputs[1]).shape,
                                          graph.tensor(op.outputs[0]).shape);
    if (!loops)
      return fail(Code::unsupported,
                  std::string(op_name(op.attributes)) + " '" + op.name + "' broadcasts along too many dimensions");
    return Step([g = *loops, a = in(0), b = in(1), f, y = y] { for_broadcast(g, a, b, y, f); });
  }
  template <class Function>
  [[nodiscard]] Result<Step> each(Function f) const {
    return Step(
        [n = graph.tensor(op.outputs[0]).shape.elements(), x = in(0), f, y = y] { std::transform(x, x + n, y, f); });
  }

  static Integer wrap(Wrapping v) { return static_cast<Integer>(v); }
  static Wrapping bits(Integer v) { return static_cast<Wrapping>(v); }

  Result<Step> operator()(const Add&) const {
    return pairs([](Integer a, Integer b) { return wrap(bits(a) + bits(b)); });
  }
  Result<Step> operator()(const Binary& a) const {
    switch (a.kind) {
      case BinaryKind::sub:
        return pairs([](Integer p, Integer q) { return wrap(bits(p) - bits(q)); });
      case BinaryKind::mul:
        return pairs([](Integer p, Integer q) { return wrap(bits(p) * bits(q)); });
      case BinaryKind::minimum:
        return pairs([](Integer p, Integer q) { return std::min(p, q); });
      case BinaryKind::maximum:
        return pairs([](Integer p, Integer q) { return std::max(p, q); });
      case BinaryKind::squared_difference:
        return pairs([](Integer p, Integer q) { return wrap((bits(p) - bits(q)) * (bits(p) - bits(q))); });
      case BinaryKind::prelu:
      case BinaryKind::div:
        break;
    }
    return none();
  }
  Result<Step> operator()(const Unary& a) const {
    if (a.kind == UnaryKind::neg) return each([](Integer v) { return wrap(Wrapping{0} - bits(v)); });
    if (a.kind == UnaryKind::abs) return each([](Integer v) { return v < 0 ? wrap(Wrapping{0} - bits(v)) : v; });
    return none();
  }
  template <class Other>
  Result<Step> operator()(const Other&) const {
    return none();
  }

 private:
  [[nodiscard]] Result<Step> none() const {
    return fail(Code::unsupported,
                std::string(op_name(op.attributes)) + " '" + op.name + "' has no form for whole numbers");
  }
};

}  // namespace

Result<std::function<void()>> prepare_integers(const Graph& graph, const Op& op,
                                               const std::vector<const std::uint8_t*>& inputs, std::uint8_t* output) {
  if (graph.tensor(op.outputs[0]).dtype == DType::i32) {
    return std::visit(IntegerStep<std::int32_t>{graph, op, inputs, reinterpret_cast<std::int32_t*>(output)},
                      op.attributes);
  }
  return std::visit(IntegerStep<std::int64_t>{graph, op, inputs, reinterpret_cast<std::int64_t*>(output)},
                    op.attributes);
}

}  // namespace mote::graph::executor
