// LSTM, GRU and RNN: one step after the other, made of ordinary operators. Source: ONNX's operator specification.

#include <algorithm>

#include "../node_reader.hpp"

namespace mote::formats::onnx {
namespace {

using graph::BinaryKind;
using graph::TensorId;
using graph::UnaryKind;

/// More steps than this make a graph that nobody wants.
constexpr std::int32_t kMostSteps = 1024;

/// Weights of one gate in one direction, as layers take them; biases of input and hidden side.
struct Gate {
  TensorId of_input = graph::kNoTensor, of_hidden = graph::kNoTensor;
  TensorId input_bias = graph::kNoTensor, hidden_bias = graph::kNoTensor;
  TensorId peephole = graph::kNoTensor;
};

class Layer {
 public:
  Layer(NodeReader& node, std::size_t gates) : node_(node), gates_(gates) {}

  Result<void> read() {
    MOTE_TRY(x_, node_.in(0));
    if (node_.tensor(x_).dtype != graph::DType::f32)
      return node_.refuse(Code::unsupported, "it works on " + std::string(graph::name(node_.tensor(x_).dtype)));
    if (node_.shape(x_).rank() != 3) return node_.refuse(Code::malformed, "its input is no sequence");
    batch_first_ = node_.integer("layout", 0) != 0;
    const auto& shape = node_.shape(x_);
    steps_ = shape[batch_first_ ? 1 : 0];
    batch_ = shape[batch_first_ ? 0 : 1];
    width_ = shape[2];
    if (steps_ > kMostSteps)
      return node_.refuse(Code::unsupported, "its sequence has " + std::to_string(steps_) + " steps, at most " +
                                                 std::to_string(kMostSteps) + " are unrolled");
    if (batch_first_) {
      MOTE_TRY(x_, node_.transposed(x_, {1, 0, 2}));
    }
    MOTE_TRY(w_, node_.constant(1));
    MOTE_TRY(r_, node_.constant(2));
    const auto &w = node_.shape(w_), &r = node_.shape(r_);
    if (w.rank() != 3 || r.rank() != 3 || w[2] != width_ || r[0] != w[0] || w[1] != r[1] ||
        w[1] != static_cast<std::int32_t>(gates_) * r[2])
      return node_.refuse(Code::malformed, "its weights are " + w.text() + " and " + r.text());
    hidden_ = r[2];
    directions_ = w[0];
    direction_ = node_.text("direction", "forward");
    if (directions_ != (direction_ == "bidirectional" ? 2 : 1))
      return node_.refuse(Code::malformed, "its weights are of " + std::to_string(directions_) + " directions");
    return check_rest();
  }

  [[nodiscard]] std::int32_t directions() const { return directions_; }
  [[nodiscard]] std::int32_t steps() const { return steps_; }
  [[nodiscard]] bool is_reverse(std::int32_t direction) const { return direction == 1 || direction_ == "reverse"; }

  Result<TensorId> step(std::int32_t t) { return part(x_, {t, 0, 0}, {1, batch_, width_}, {batch_, width_}); }

  Result<Gate> gate(std::int32_t direction, std::int32_t g) {
    Gate made;
    MOTE_TRY(made.of_input, part(w_, {direction, g * hidden_, 0}, {1, hidden_, width_}, {hidden_, width_}));
    MOTE_TRY(made.of_hidden, part(r_, {direction, g * hidden_, 0}, {1, hidden_, hidden_}, {hidden_, hidden_}));
    if (!node_.has(3)) return made;
    MOTE_TRY(const TensorId b, node_.constant(3));
    const auto all = static_cast<std::int32_t>(gates_) * hidden_;
    if (node_.shape(b) != graph::Shape{directions_, 2 * all})
      return node_.refuse(Code::malformed, "its bias is " + node_.shape(b).text());
    MOTE_TRY(made.input_bias, part(b, {direction, g * hidden_}, {1, hidden_}, {hidden_}));
    MOTE_TRY(made.hidden_bias, part(b, {direction, all + g * hidden_}, {1, hidden_}, {hidden_}));
    return made;
  }
  /// Weights that look at the cell, in their order.
  Result<TensorId> peephole(std::int32_t direction, std::int32_t which) {
    if (!node_.has(7)) return graph::kNoTensor;
    MOTE_TRY(const TensorId p, node_.constant(7));
    if (node_.shape(p) != graph::Shape{directions_, 3 * hidden_})
      return node_.refuse(Code::malformed, "its peepholes are " + node_.shape(p).text());
    return part(p, {direction, which * hidden_}, {1, hidden_}, {1, hidden_});
  }
  /// Zeros where the input is absent.
  Result<TensorId> initial(std::size_t input, std::int32_t direction) {
    if (!node_.has(input))
      return node_.floats(std::vector<float>(static_cast<std::size_t>(batch_) * static_cast<std::size_t>(hidden_)),
                          {batch_, hidden_});
    MOTE_TRY(TensorId h, node_.in(input));
    if (batch_first_) {
      MOTE_TRY(h, node_.transposed(h, {1, 0, 2}));
    }
    if (node_.shape(h) != graph::Shape{directions_, batch_, hidden_})
      return node_.refuse(Code::malformed, "it starts with " + node_.shape(h).text());
    return part(h, {direction, 0, 0}, {1, batch_, hidden_}, {batch_, hidden_});
  }

  // Arithmetic on [batch, n].
  Result<TensorId> linear(TensorId x, TensorId weights, TensorId bias) {
    const std::int32_t out = node_.shape(weights)[0], in = node_.shape(weights)[1];
    if (batch_ == 1) return node_.emit(graph::Dense{}, {x, weights, bias});
    MOTE_TRY(const TensorId rows, node_.reshaped(x, {1, batch_, 1, in}));
    MOTE_TRY(const TensorId filters, node_.reshaped(weights, {out, 1, 1, in}));
    MOTE_TRY(const TensorId y, node_.emit(graph::Conv2D{}, {rows, filters, bias}));
    return node_.reshaped(y, {batch_, out});
  }
  Result<TensorId> sum(TensorId a, TensorId b) { return node_.emit(graph::Add{}, {a, b}); }
  Result<TensorId> product(TensorId a, TensorId b) { return node_.emit(graph::Binary{BinaryKind::mul}, {a, b}); }
  Result<TensorId> difference(TensorId a, TensorId b) { return node_.emit(graph::Binary{BinaryKind::sub}, {a, b}); }
  Result<TensorId> relu(TensorId x) { return node_.emit(graph::Activate{graph::Activation::relu}, {x}); }
  Result<TensorId> apply(UnaryKind kind, TensorId x) { return node_.emit(graph::Unary{kind}, {x}); }
  /// Both sides of a gate before its function.
  Result<TensorId> both(const Gate& g, TensorId x, TensorId h) {
    MOTE_TRY(const TensorId given, linear(x, g.of_input, g.input_bias));
    MOTE_TRY(const TensorId before, linear(h, g.of_hidden, g.hidden_bias));
    return sum(given, before);
  }

  /// Hands out all hidden values [steps, directions, batch, hidden] and the last ones.
  Result<void> give(const std::vector<std::vector<TensorId>>& hidden, const std::vector<TensorId>& cells) {
    std::vector<TensorId> all, last_hidden, last_cells;
    for (std::int32_t t = 0; t < steps_; ++t) {
      for (std::int32_t d = 0; d < directions_; ++d) {
        const auto at = static_cast<std::size_t>(is_reverse(d) ? steps_ - 1 - t : t);
        MOTE_TRY(const TensorId h, node_.reshaped(hidden[static_cast<std::size_t>(d)][at], {1, batch_, hidden_}));
        all.push_back(h);
      }
    }
    for (std::size_t d = 0; d < hidden.size(); ++d) {
      MOTE_TRY(const TensorId h, node_.reshaped(hidden[d].back(), {1, batch_, hidden_}));
      last_hidden.push_back(h);
      if (cells.empty()) continue;
      MOTE_TRY(const TensorId c, node_.reshaped(cells[d], {1, batch_, hidden_}));
      last_cells.push_back(c);
    }
    MOTE_TRY(TensorId y, joined(all));
    MOTE_TRY(y, node_.reshaped(y, {steps_, directions_, batch_, hidden_}));
    if (batch_first_) {
      MOTE_TRY(y, node_.transposed(y, {2, 0, 1, 3}));
    }
    MOTE_TRY_VOID(node_.give(y, 0));
    MOTE_TRY_VOID(give_last(1, last_hidden));
    return cells.empty() ? Result<void>{} : give_last(2, last_cells);
  }

 private:
  Result<void> check_rest() {
    static const std::vector<std::string> kUsual3{"Sigmoid", "Tanh", "Tanh"}, kUsual2{"Sigmoid", "Tanh"};
    if (node_.attribute("clip") != nullptr) return node_.refuse(Code::unsupported, "it clips its gates");
    if (node_.integer("input_forget", 0) != 0) return node_.refuse(Code::unsupported, "its gates are coupled");
    if (const auto* a = node_.attribute("activations"); a != nullptr && gates_ > 1) {
      const auto& usual = gates_ == 4 ? kUsual3 : kUsual2;
      for (int i = 0; i < a->strings_size(); ++i) {
        if (a->strings(i) != usual[static_cast<std::size_t>(i) % usual.size()])
          return node_.refuse(Code::unsupported, "it has the activation " + a->strings(i) + " in place of " +
                                                     usual[static_cast<std::size_t>(i) % usual.size()]);
      }
    }
    if (!node_.has(4)) return {};
    MOTE_TRY(const std::vector<std::int64_t> lengths, node_.numbers(4));
    if (std::ranges::any_of(lengths, [&](std::int64_t n) { return n != steps_; }))
      return node_.refuse(Code::unsupported, "its sequences are shorter than its input");
    return {};
  }
  Result<TensorId> part(TensorId x, Dims begin, Dims extent, Dims shape) {
    graph::Slice slice{begin, Dims(begin.size(), 1)};
    MOTE_TRY(const TensorId cut, node_.emit(std::move(slice), {x}, std::move(extent)));
    return node_.reshaped(cut, std::move(shape));
  }
  Result<TensorId> joined(const std::vector<TensorId>& parts) {
    return parts.size() == 1 ? Result<TensorId>(parts[0]) : node_.emit(graph::Concat{0}, parts);
  }
  Result<void> give_last(std::size_t output, const std::vector<TensorId>& parts) {
    MOTE_TRY(TensorId y, joined(parts));
    if (batch_first_) {
      MOTE_TRY(y, node_.transposed(y, {1, 0, 2}));
    }
    return node_.give(y, output);
  }

  NodeReader& node_;
  std::size_t gates_;
  TensorId x_ = graph::kNoTensor, w_ = graph::kNoTensor, r_ = graph::kNoTensor;
  std::int32_t steps_ = 0, batch_ = 0, width_ = 0, hidden_ = 0, directions_ = 1;
  bool batch_first_ = false;
  std::string direction_;
};

/// Runs `next` along the steps of each direction; it takes the step's input and changes hidden value and cell.
template <class Prepare>
Result<void> run(Layer& layer, bool has_cell, Prepare&& prepare) {
  std::vector<std::vector<TensorId>> hidden;
  std::vector<TensorId> cells;
  for (std::int32_t d = 0; d < layer.directions(); ++d) {
    MOTE_TRY(auto next, prepare(d));
    MOTE_TRY(TensorId h, layer.initial(5, d));
    TensorId c = graph::kNoTensor;
    if (has_cell) {
      MOTE_TRY(c, layer.initial(6, d));
    }
    hidden.emplace_back();
    for (std::int32_t i = 0; i < layer.steps(); ++i) {
      MOTE_TRY(const TensorId x, layer.step(layer.is_reverse(d) ? layer.steps() - 1 - i : i));
      MOTE_TRY_VOID(next(x, h, c));
      hidden.back().push_back(h);
    }
    if (has_cell) cells.push_back(c);
  }
  return layer.give(hidden, cells);
}

struct LstmStep {
  Layer* layer;
  Gate input, output, forget, candidate;

  Result<TensorId> gate(const Gate& g, TensorId x, TensorId h, TensorId c) const {
    MOTE_TRY(TensorId sum, layer->both(g, x, h));
    if (g.peephole != graph::kNoTensor) {
      MOTE_TRY(const TensorId seen, layer->product(c, g.peephole));
      MOTE_TRY(sum, layer->sum(sum, seen));
    }
    return layer->apply(UnaryKind::logistic, sum);
  }
  Result<void> operator()(TensorId x, TensorId& h, TensorId& c) const {
    MOTE_TRY(const TensorId i, gate(input, x, h, c));
    MOTE_TRY(const TensorId f, gate(forget, x, h, c));
    MOTE_TRY(TensorId added, layer->both(candidate, x, h));
    MOTE_TRY(added, layer->apply(UnaryKind::tanh, added));
    MOTE_TRY(added, layer->product(i, added));
    MOTE_TRY(const TensorId kept, layer->product(f, c));
    MOTE_TRY(c, layer->sum(kept, added));
    MOTE_TRY(const TensorId o, gate(output, x, h, c));
    MOTE_TRY(const TensorId shown, layer->apply(UnaryKind::tanh, c));
    MOTE_TRY(h, layer->product(o, shown));
    return {};
  }
};

Result<void> lstm(NodeReader& node) {
  Layer layer(node, 4);
  MOTE_TRY_VOID(layer.read());
  return run(layer, true, [&](std::int32_t d) -> Result<LstmStep> {
    LstmStep step{&layer, {}, {}, {}, {}};
    MOTE_TRY(step.input, layer.gate(d, 0));
    MOTE_TRY(step.output, layer.gate(d, 1));
    MOTE_TRY(step.forget, layer.gate(d, 2));
    MOTE_TRY(step.candidate, layer.gate(d, 3));
    MOTE_TRY(step.input.peephole, layer.peephole(d, 0));
    MOTE_TRY(step.output.peephole, layer.peephole(d, 1));
    MOTE_TRY(step.forget.peephole, layer.peephole(d, 2));
    return step;
  });
}

struct GruStep {
  Layer* layer;
  TensorId one;
  bool linear_before_reset;
  Gate update, reset, candidate;

  Result<void> operator()(TensorId x, TensorId& h, TensorId&) const {
    MOTE_TRY(TensorId z, layer->both(update, x, h));
    MOTE_TRY(z, layer->apply(UnaryKind::logistic, z));
    MOTE_TRY(TensorId r, layer->both(reset, x, h));
    MOTE_TRY(r, layer->apply(UnaryKind::logistic, r));
    TensorId before = graph::kNoTensor;
    if (linear_before_reset) {
      MOTE_TRY(before, layer->linear(h, candidate.of_hidden, candidate.hidden_bias));
      MOTE_TRY(before, layer->product(r, before));
    } else {
      MOTE_TRY(before, layer->product(r, h));
      MOTE_TRY(before, layer->linear(before, candidate.of_hidden, candidate.hidden_bias));
    }
    MOTE_TRY(TensorId made, layer->linear(x, candidate.of_input, candidate.input_bias));
    MOTE_TRY(made, layer->sum(made, before));
    MOTE_TRY(made, layer->apply(UnaryKind::tanh, made));
    MOTE_TRY(const TensorId kept, layer->product(z, h));
    MOTE_TRY(TensorId rest, layer->difference(one, z));
    MOTE_TRY(rest, layer->product(rest, made));
    MOTE_TRY(h, layer->sum(rest, kept));
    return {};
  }
};

Result<void> gru(NodeReader& node) {
  Layer layer(node, 3);
  MOTE_TRY_VOID(layer.read());
  MOTE_TRY(const TensorId one, node.floats({1.0f}, {1, 1}));
  return run(layer, false, [&](std::int32_t d) -> Result<GruStep> {
    GruStep step{&layer, one, node.integer("linear_before_reset", 0) != 0, {}, {}, {}};
    MOTE_TRY(step.update, layer.gate(d, 0));
    MOTE_TRY(step.reset, layer.gate(d, 1));
    MOTE_TRY(step.candidate, layer.gate(d, 2));
    return step;
  });
}

struct RnnStep {
  Layer* layer;
  bool is_relu;
  Gate gate;

  Result<void> operator()(TensorId x, TensorId& h, TensorId&) const {
    MOTE_TRY(const TensorId sum, layer->both(gate, x, h));
    MOTE_TRY(h, is_relu ? layer->relu(sum) : layer->apply(UnaryKind::tanh, sum));
    return {};
  }
};

Result<void> rnn(NodeReader& node) {
  Layer layer(node, 1);
  MOTE_TRY_VOID(layer.read());
  const auto* activations = node.attribute("activations");
  return run(layer, false, [&](std::int32_t d) -> Result<RnnStep> {
    const std::string name =
        activations != nullptr && d < activations->strings_size() ? activations->strings(d) : "Tanh";
    if (name != "Tanh" && name != "Relu")
      return node.refuse(Code::unsupported, "it has the activation " + name + "; Tanh and Relu are supported");
    RnnStep step{&layer, name == "Relu", {}};
    MOTE_TRY(step.gate, layer.gate(d, 0));
    return step;
  });
}

}  // namespace

std::vector<OperatorRow> recurrent_rows() { return {{"GRU", gru}, {"LSTM", lstm}, {"RNN", rnn}}; }

}  // namespace mote::formats::onnx
