// SVDF, UNIDIRECTIONAL_SEQUENCE_LSTM, RNN and UNIDIRECTIONAL_SEQUENCE_RNN. Their variables become states of the graph;
// a sequence becomes one step after the other with the same weights. Float layers are made of ordinary operators, int8
// ones of those in recurrent_params.hpp.

#include <array>

#include "model_reader.hpp"
#include "mote/graph/recurrent_params.hpp"

namespace mote::formats::tflite {
namespace {

using graph::DType;
using graph::Quantization;
using graph::Shape;
using graph::Tensor;
using graph::TensorId;
using graph::UnaryKind;

/// More steps than this make a graph that nobody wants.
constexpr std::int32_t kMostSteps = 1024;

/// Values of one kind, and the operators between them.
class Values {
 public:
  Values(OperatorReader& op, TensorId like) : op_(op), like_(op.tensor(like)) {}

  TensorId value(std::string_view suffix, Shape shape) {
    Tensor t = like_;
    t.shape = std::move(shape);
    return op_.intermediate(suffix, std::move(t));
  }
  TensorId apply(std::string_view suffix, graph::Attributes attributes, std::vector<TensorId> inputs, Shape shape) {
    const TensorId y = value(suffix, std::move(shape));
    op_.append(std::move(attributes), std::move(inputs), y);
    return y;
  }
  TensorId unary(UnaryKind kind, TensorId x) { return apply("/f", graph::Unary{kind}, {x}, op_.shape(x)); }
  TensorId binary(graph::BinaryKind kind, TensorId a, TensorId b) {
    return apply("/b", graph::Binary{kind}, {a, b}, op_.shape(a));
  }
  TensorId sum(TensorId a, TensorId b, graph::Activation activation = graph::Activation::none) {
    return apply("/sum", graph::Add{activation}, {a, b}, op_.shape(a));
  }
  TensorId dense(TensorId x, TensorId weights, TensorId bias) {
    return apply("/dense", graph::Dense{}, {x, weights, bias}, {1, op_.shape(weights)[0]});
  }
  TensorId number(float v) {
    Tensor t = like_;
    t.shape = Shape{1};
    return op_.constant_like("/number", t, graph::constant_data(std::span<const float>(&v, 1)));
  }

 private:
  OperatorReader& op_;
  Tensor like_;
};

/// A sequence [1,T,N], or [T,1,N] where time comes first.
struct Sequence {
  TensorId id = graph::kNoTensor;
  std::int32_t steps = 1, width = 0;
  std::size_t axis = 1;
};

Result<Sequence> sequence_of(const OperatorReader& op, TensorId x, bool time_major) {
  const Shape& shape = op.shape(x);
  Sequence s{x, 1, shape.rank() > 0 ? shape.back() : 0, time_major ? std::size_t{0} : std::size_t{1}};
  if (shape.rank() == 2) {
    s.axis = 0;  // one step, or a batch
    s.steps = shape[0];
    if (s.steps != 1) return op.refuse(Code::unsupported, "it works on several samples at once");
    return s;
  }
  if (shape.rank() != 3 || shape[1 - s.axis] != 1)
    return op.refuse(Code::unsupported, "its input " + shape.text() + " is no sequence of one sample");
  s.steps = shape[s.axis];
  if (s.steps > kMostSteps)
    return op.refuse(Code::unsupported, "its sequence has " + std::to_string(s.steps) + " steps, at most " +
                                            std::to_string(kMostSteps) + " are unrolled");
  return s;
}

/// Step `t` as [1,N].
TensorId step_of(OperatorReader& op, Values& values, const Sequence& s, std::int32_t t) {
  if (s.steps == 1) return op.reshaped(s.id, Shape{1, s.width});
  std::vector<std::int32_t> begin(3, 0);
  begin[s.axis] = t;
  return op.reshaped(values.apply("/step", graph::Slice{begin, {1, 1, 1}}, {s.id}, {1, 1, s.width}), Shape{1, s.width});
}

/// Writes the results of all steps to the operator's output.
Result<void> finish(OperatorReader& op, std::vector<TensorId> results, const Sequence& s, TensorId output) {
  const Shape shape = op.shape(output);
  const std::int32_t width = op.shape(results[0]).back();
  if (shape.elements() != static_cast<std::size_t>(s.steps) * static_cast<std::size_t>(width))
    return op.refuse(Code::malformed, "its output has the shape " + shape.text());
  if (s.steps == 1) {
    op.append(graph::Reshape{}, {results[0]}, output);
    return {};
  }
  if (shape.rank() != 3 || shape[s.axis] != s.steps)
    return op.refuse(Code::malformed, "its output has the shape " + shape.text());
  for (TensorId& r : results) r = op.reshaped(r, Shape{1, 1, width});
  op.append(graph::Concat{static_cast<std::int32_t>(s.axis)}, results, output);
  return {};
}

// ---- SVDF

struct Svdf {
  TensorId x, feature, time, bias = graph::kNoTensor, output;
  std::int32_t filters, memory, units;
};

Result<Svdf> read_svdf_operands(OperatorReader& op) {
  Svdf s{};
  MOTE_TRY(const auto* options, op.options<fb::SVDFOptions>());
  MOTE_TRY(s.x, op.operand(0));
  MOTE_TRY(s.output, op.output());
  const bool integer = op.tensor(s.x).dtype == DType::i8;
  MOTE_TRY(s.feature, op.constant(1, {integer ? DType::i8 : DType::f32}));
  MOTE_TRY(s.time, op.constant(2, {integer ? DType::i16 : DType::f32}));
  if (op.has_input(3)) {
    MOTE_TRY(s.bias, op.constant(3, {integer ? DType::i32 : DType::f32}));
  }
  const Shape &feature = op.shape(s.feature), &time = op.shape(s.time);
  if (feature.rank() != 2 || time.rank() != 2 || time[0] != feature[0] || options->rank() < 1 ||
      feature[0] % options->rank() != 0)
    return op.refuse(Code::malformed, "it has weights " + feature.text() + " and " + time.text() + " of rank " +
                                          std::to_string(options->rank()));
  s.filters = feature[0];
  s.memory = time[1];
  s.units = s.filters / options->rank();
  if (op.shape(s.x).elements() != static_cast<std::size_t>(feature[1]))
    return op.refuse(Code::unsupported, "it works on several samples at once");
  if (op.shape(s.output).elements() != static_cast<std::size_t>(s.units))
    return op.refuse(Code::malformed, "its output has the shape " + op.shape(s.output).text());
  return s;
}

/// The memory moves on by what the features are now.
Result<TensorId> moved_memory(OperatorReader& op, const Svdf& s, TensorId features) {
  MOTE_TRY(const TensorId before, op.state(4, Shape{1, s.filters, s.memory}));
  const TensorId after = op.intermediate("/after", op.tensor(before));
  op.append(graph::Shift{2}, {before, op.reshaped(features, Shape{1, s.filters, 1})}, after);
  op.renew(before, after);
  return after;
}

Result<void> read_svdf(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::SVDFOptions>());
  MOTE_TRY(const Svdf s, read_svdf_operands(op));
  const Shape row{1, s.units};
  Values values(op, s.output);
  const bool in_shape = op.shape(s.output) == row;
  if (op.tensor(s.x).dtype == DType::i8) {
    MOTE_TRY(const graph::Quantization memory, op.quantization_of_input(4, DType::i16));
    Tensor like = op.tensor(s.output);
    like.dtype = DType::i16;
    like.shape = Shape{1, s.filters};
    like.quantization = memory;
    const TensorId features = op.intermediate("/features", std::move(like));
    MOTE_TRY_VOID(op.rescales(op.scale(s.x) * op.scale(s.feature), features));
    op.append(graph::DenseWide{}, {s.x, s.feature}, features);
    MOTE_TRY(const TensorId window, moved_memory(op, s, features));
    MOTE_TRY_VOID(op.rescales(op.scale(window) * op.scale(s.time), s.output));
    const TensorId y = in_shape ? s.output : values.value("/row", row);
    op.append(graph::TimeFilter{}, {window, s.time, s.bias}, y);
    if (!in_shape) op.append(graph::Reshape{}, {y}, s.output);
    return {};
  }
  MOTE_TRY(const graph::Activation activation, op.activation(options->fused_activation_function()));
  MOTE_TRY(const TensorId window, moved_memory(op, s, values.dense(s.x, s.feature, graph::kNoTensor)));
  const TensorId weights = op.reshaped(s.time, Shape{1, s.filters, s.memory});
  const TensorId over_time = values.apply("/time", graph::Reduce{graph::ReduceKind::sum, {2}},
                                          {values.binary(graph::BinaryKind::mul, window, weights)}, {1, s.filters, 1});
  const TensorId ranks = op.reshaped(over_time, Shape{1, s.units, s.filters / s.units});
  TensorId y =
      op.reshaped(values.apply("/units", graph::Reduce{graph::ReduceKind::sum, {2}}, {ranks}, {1, s.units, 1}), row);
  if (s.bias != graph::kNoTensor)
    y = values.sum(y, s.bias, activation);
  else if (activation != graph::Activation::none)
    y = values.apply("/clamp", graph::Activate{activation}, {y}, row);
  op.append(graph::Reshape{}, {y}, s.output);
  return {};
}

// ---- LSTM

/// Input, forget, candidate ("cell" in the file's words) and output, in the order of the file's tensors.
enum Gate : std::size_t { kInput, kForget, kCandidate, kOutput };
constexpr std::size_t kOfInput = 1, kOfHidden = 5, kPeephole = 9, kBias = 12, kProjection = 16, kProjectionBias = 17,
                      kHidden = 18, kCell = 19, kLayerNorm = 20;

struct Lstm {
  std::array<TensorId, 4> of_input{}, of_hidden{}, bias{};
  float cell_clip = 0.0f;
  [[nodiscard]] bool coupled() const { return of_input[kInput] == graph::kNoTensor; }  // input = 1 - forget
};

Result<Lstm> read_lstm_weights(OperatorReader& op, bool integer) {
  Lstm l;
  for (std::size_t g = kInput; g <= kOutput; ++g) {
    l.of_input[g] = l.of_hidden[g] = l.bias[g] = graph::kNoTensor;
    if (g == kInput && !op.has_input(kOfInput)) continue;
    MOTE_TRY(l.of_input[g], op.constant(kOfInput + g, {integer ? DType::i8 : DType::f32}));
    MOTE_TRY(l.of_hidden[g], op.constant(kOfHidden + g, {integer ? DType::i8 : DType::f32}));
    MOTE_TRY(l.bias[g], op.constant(kBias + g, {integer ? DType::i32 : DType::f32}));
  }
  for (std::size_t i = kLayerNorm; i < kLayerNorm + 4; ++i) {
    if (op.has_input(i)) return op.refuse(Code::unsupported, "it normalizes its gates (layer norm)");
  }
  return l;
}

/// One step after the other.
class FloatLstm {
 public:
  FloatLstm(OperatorReader& op, const Lstm& lstm, TensorId output) : op_(op), l_(lstm), v_(op, output) {}

  Result<void> run(const Sequence& s, TensorId output) {
    for (std::size_t i = 0; i < 3; ++i) {
      if (!op_.has_input(kPeephole + i)) continue;
      MOTE_TRY(const TensorId w, op_.constant(kPeephole + i, {DType::f32}));
      peephole_[i == 2 ? kOutput : i] = w;
    }
    const std::int32_t cells = op_.shape(l_.of_input[kForget])[0], hidden = op_.shape(l_.of_hidden[kForget])[1];
    MOTE_TRY(const TensorId h0, op_.state(kHidden, Shape{1, hidden}));
    MOTE_TRY(const TensorId c0, op_.state(kCell, Shape{1, cells}));
    TensorId h = h0, c = c0;
    std::vector<TensorId> results;
    for (std::int32_t t = 0; t < s.steps; ++t) {
      const TensorId x = step_of(op_, v_, s, t);
      const TensorId forget = gate(kForget, x, h, c, UnaryKind::logistic);
      const TensorId input = l_.coupled() ? v_.apply("/input", graph::Binary{graph::BinaryKind::sub},
                                                     {v_.number(1.0f), forget}, {1, cells})
                                          : gate(kInput, x, h, c, UnaryKind::logistic);
      const TensorId candidate = gate(kCandidate, x, h, graph::kNoTensor, UnaryKind::tanh);
      c = clipped(
          v_.sum(v_.binary(graph::BinaryKind::mul, forget, c), v_.binary(graph::BinaryKind::mul, input, candidate)));
      const TensorId out = gate(kOutput, x, h, c, UnaryKind::logistic);
      MOTE_TRY(h, projected(v_.binary(graph::BinaryKind::mul, out, v_.unary(UnaryKind::tanh, c))));
      results.push_back(h);
    }
    op_.renew(h0, h);
    op_.renew(c0, c);
    return finish(op_, results, s, output);
  }

 private:
  TensorId gate(std::size_t g, TensorId x, TensorId h, TensorId c, UnaryKind kind) {
    TensorId sum = v_.sum(v_.dense(x, l_.of_input[g], l_.bias[g]), v_.dense(h, l_.of_hidden[g], graph::kNoTensor));
    if (c != graph::kNoTensor && peephole_[g] != graph::kNoTensor)
      sum = v_.sum(sum, v_.binary(graph::BinaryKind::mul, c, peephole_[g]));
    return v_.unary(kind, sum);
  }
  TensorId clipped(TensorId c) {
    if (!(l_.cell_clip > 0.0f)) return c;
    return v_.binary(graph::BinaryKind::maximum, v_.binary(graph::BinaryKind::minimum, c, v_.number(l_.cell_clip)),
                     v_.number(-l_.cell_clip));
  }
  Result<TensorId> projected(TensorId h) {
    if (!op_.has_input(kProjection)) return h;
    MOTE_TRY(const TensorId w, op_.constant(kProjection, {DType::f32}));
    TensorId bias = graph::kNoTensor;
    if (op_.has_input(kProjectionBias)) {
      MOTE_TRY(bias, op_.constant(kProjectionBias, {DType::f32}));
    }
    return v_.dense(h, w, bias);
  }

  OperatorReader& op_;
  const Lstm& l_;
  Values v_;
  std::array<TensorId, 4> peephole_{graph::kNoTensor, graph::kNoTensor, graph::kNoTensor, graph::kNoTensor};
};

class IntegerLstm {
 public:
  IntegerLstm(OperatorReader& op, const Lstm& lstm, TensorId output) : op_(op), l_(lstm), v_(op, output) {}

  Result<void> run(const Sequence& s, TensorId output) {
    if (l_.coupled() || op_.has_input(kPeephole + 1) || op_.has_input(kPeephole + 2) || op_.has_input(kProjection))
      return op_.refuse(Code::unsupported, "int8 with coupled gates, peepholes or a projection is not supported");
    const std::int32_t cells = op_.shape(l_.of_input[kForget])[0];
    MOTE_TRY(const TensorId h0, op_.state(kHidden, Shape{1, cells}));
    MOTE_TRY(const TensorId c0, op_.state(kCell, Shape{1, cells}));
    MOTE_TRY_VOID(op_.same_quantization(h0, output));
    MOTE_TRY(const Quantization result, op_.quantization_of_intermediate(4));
    if (result != op_.tensor(h0).quantization)
      return op_.refuse(Code::unsupported, "its result has another quantization than its hidden state");
    MOTE_TRY_VOID(check_scales(s, h0));
    TensorId h = h0, c = c0;
    std::vector<TensorId> results;
    for (std::int32_t t = 0; t < s.steps; ++t) {
      const TensorId x = step_of_input(s, t);
      const TensorId forget = gate(kForget, x, h), input = gate(kInput, x, h), candidate = gate(kCandidate, x, h),
                     out = gate(kOutput, x, h);
      const TensorId next = op_.intermediate("/cell", op_.tensor(c0));
      op_.append(graph::LstmCell{l_.cell_clip}, {forget, c, input, candidate}, next);
      c = next;
      h = op_.intermediate("/hidden", op_.tensor(h0));
      op_.append(graph::LstmHidden{}, {out, c}, h);
      results.push_back(h);
    }
    op_.renew(h0, h);
    op_.renew(c0, c);
    return finish(op_, results, s, output);
  }

 private:
  TensorId step_of_input(const Sequence& s, std::int32_t t) {
    Values values(op_, s.id);
    return step_of(op_, values, s, t);
  }
  /// Fixed-point multipliers end at a certain size.
  Result<void> check_scales(const Sequence& s, TensorId hidden) const {
    Tensor sum;
    for (std::size_t g = kInput; g <= kOutput; ++g) {
      const double most =
          std::max(op_.scale(s.id) * op_.scale(l_.of_input[g]), op_.scale(hidden) * op_.scale(l_.of_hidden[g]));
      if (most < 65536.0 * static_cast<double>(graph::kGateSumScale)) continue;
      return op_.refuse(Code::unsupported, "a scale of its weights is damaged: gates would count in huge steps");
    }
    return {};
  }
  TensorId gate(std::size_t g, TensorId x, TensorId h) {
    Tensor t = op_.tensor(h);
    t.dtype = DType::i16;
    t.quantization = Quantization::per_tensor(1.0f / 32768.0f, 0);
    t.shape = Shape{1, op_.shape(l_.of_input[g])[0]};
    const TensorId y = op_.intermediate("/gate", std::move(t));
    op_.append(graph::LstmGate{g == kCandidate ? UnaryKind::tanh : UnaryKind::logistic},
               {x, h, l_.of_input[g], l_.of_hidden[g], l_.bias[g]}, y);
    return y;
  }

  OperatorReader& op_;
  const Lstm& l_;
  Values v_;
};

Result<void> read_sequence_lstm(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::UnidirectionalSequenceLSTMOptions>());
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const TensorId output, op.output());
  MOTE_TRY_VOID(op.same_type(x, output));
  const DType type = op.tensor(x).dtype;
  if (type != DType::f32 && type != DType::i8)
    return op.refuse(Code::unsupported, "it works on " + std::string(graph::name(type)));
  if (options->fused_activation_function() != fb::ActivationFunction::TANH)
    return op.refuse(Code::unsupported, "its cells have another activation than TANH");
  if (options->proj_clip() > 0.0f) return op.refuse(Code::unsupported, "it clips its projection");
  MOTE_TRY(Lstm lstm, read_lstm_weights(op, type == DType::i8));
  lstm.cell_clip = options->cell_clip();
  for (const TensorId w : {lstm.of_input[kForget], lstm.of_hidden[kForget]}) {
    if (op.shape(w).rank() != 2) return op.refuse(Code::malformed, "its weights have the shape " + op.shape(w).text());
  }
  MOTE_TRY(const Sequence s, sequence_of(op, x, options->time_major()));
  return type == DType::i8 ? IntegerLstm(op, lstm, output).run(s, output) : FloatLstm(op, lstm, output).run(s, output);
}

// ---- RNN

Result<void> read_rnn_steps(OperatorReader& op, fb::ActivationFunction function, bool time_major) {
  MOTE_TRY(const TensorId x, op.operand(0));
  MOTE_TRY(const TensorId output, op.output());
  MOTE_TRY_VOID(op.same_type(x, output));
  if (op.tensor(x).dtype != DType::f32)
    return op.refuse(Code::unsupported, "it works on " + std::string(graph::name(op.tensor(x).dtype)));
  MOTE_TRY(const TensorId of_input, op.constant(1, {DType::f32}));
  MOTE_TRY(const TensorId of_hidden, op.constant(2, {DType::f32}));
  MOTE_TRY(const TensorId bias, op.constant(3, {DType::f32}));
  if (op.shape(of_input).rank() != 2)
    return op.refuse(Code::malformed, "its weights have the shape " + op.shape(of_input).text());
  const bool is_tanh = function == fb::ActivationFunction::TANH;
  graph::Activation activation = graph::Activation::none;
  if (!is_tanh) {
    MOTE_TRY(activation, op.activation(function));
  }
  MOTE_TRY(const Sequence s, sequence_of(op, x, time_major));
  MOTE_TRY(const TensorId before, op.state(4, Shape{1, op.shape(of_input)[0]}));
  Values v(op, output);
  TensorId h = before;
  std::vector<TensorId> results;
  for (std::int32_t t = 0; t < s.steps; ++t) {
    h = v.sum(v.dense(step_of(op, v, s, t), of_input, bias), v.dense(h, of_hidden, graph::kNoTensor), activation);
    if (is_tanh) h = v.unary(UnaryKind::tanh, h);
    results.push_back(h);
  }
  op.renew(before, h);
  return finish(op, results, s, output);
}

Result<void> read_rnn(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::RNNOptions>());
  return read_rnn_steps(op, options->fused_activation_function(), false);
}

Result<void> read_sequence_rnn(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::SequenceRNNOptions>());
  return read_rnn_steps(op, options->fused_activation_function(), options->time_major());
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::SVDF, read_svdf},
    OperatorRow{fb::BuiltinOperator::UNIDIRECTIONAL_SEQUENCE_LSTM, read_sequence_lstm},
    OperatorRow{fb::BuiltinOperator::RNN, read_rnn},
    OperatorRow{fb::BuiltinOperator::UNIDIRECTIONAL_SEQUENCE_RNN, read_sequence_rnn},
};

}  // namespace

std::span<const OperatorRow> recurrent_rows() { return kRows; }

}  // namespace mote::formats::tflite
