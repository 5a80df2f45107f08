// Functions of one element, and the clamps RELU, RELU6 and RELU_N1_TO_1.

#include <algorithm>
#include <array>
#include <cmath>

#include "model_reader.hpp"
#include "model_writer.hpp"

namespace mote::formats::tflite {
namespace {

using graph::Activate;
using graph::Activation;
using graph::Unary;
using graph::UnaryKind;

template <Activation kActivation>
Result<void> read_activate(OperatorReader& op) {
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  MOTE_TRY_VOID(op.same_type(x, output));
  MOTE_TRY_VOID(op.rescales(op.scale(x), output));
  op.append(Activate{kActivation}, {x}, output);
  return {};
}

Result<void> write_activate(OperatorWriter& op, const graph::Op& source) {
  switch (source.as<Activate>()->activation) {
    case Activation::none:
      return op.refuse("it does nothing, and TensorFlow Lite has no operator for that");
    case Activation::relu:
      op.emit_plain(fb::BuiltinOperator::RELU, op.is_int8() ? 2 : 1);
      return {};
    case Activation::relu6:
      op.emit_plain(fb::BuiltinOperator::RELU6, op.is_int8() ? 2 : 1);
      return {};
    case Activation::relu_n1_to_1:
      op.emit_plain(fb::BuiltinOperator::RELU_N1_TO_1, 1);
      return {};
  }
  return op.refuse("it is of an unknown kind");
}

Result<void> read_as(OperatorReader& op, Unary attributes) {
  MOTE_TRY(const graph::TensorId x, op.operand(0));
  MOTE_TRY(const graph::TensorId output, op.output());
  MOTE_TRY_VOID(op.same_type(x, output));
  if (!std::isfinite(attributes.alpha)) return op.refuse(Code::malformed, "its alpha is not a number");
  if (op.tensor(x).dtype == graph::DType::i8 || op.tensor(x).dtype == graph::DType::i16) {
    const double slope = std::fabs(static_cast<double>(attributes.alpha));
    MOTE_TRY_VOID(op.rescales(op.scale(x) * std::max(1.0, slope), output));
    // TensorFlow Lite's own conditions: these tables are made for one output.
    const graph::Quantization& q = op.tensor(output).quantization;
    const bool logistic =
        attributes.kind == UnaryKind::logistic && (q.scale() != 1.0f / 256.0f || q.zero_point() != -128);
    const bool tanh = attributes.kind == UnaryKind::tanh && (q.scale() != 1.0f / 128.0f || q.zero_point() != 0);
    if (logistic)
      return op.refuse(Code::malformed, "its int8 output must have the scale 1/256 and the zero point -128");
    if (tanh) return op.refuse(Code::malformed, "its int8 output must have the scale 1/128 and the zero point 0");
  }
  op.append(attributes, {x}, output);
  return {};
}

template <UnaryKind kKind>
Result<void> read_unary(OperatorReader& op) {
  return read_as(op, Unary{kKind});
}

Result<void> read_gelu(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.optional_options<fb::GeluOptions>());
  const bool approximate = options != nullptr && options->approximate();
  return read_as(op, Unary{approximate ? UnaryKind::gelu_tanh : UnaryKind::gelu});
}

Result<void> read_leaky_relu(OperatorReader& op) {
  MOTE_TRY(const auto* options, op.options<fb::LeakyReluOptions>());
  return read_as(op, Unary{UnaryKind::leaky_relu, options->alpha()});
}

/// Operator and its version for int8; 0: TensorFlow Lite has it for floats alone.
struct Written {
  fb::BuiltinOperator code;
  std::int32_t int8_version;
};
std::optional<Written> written(UnaryKind kind) {
  using B = fb::BuiltinOperator;
  switch (kind) {
    case UnaryKind::abs:
      return Written{B::ABS, 2};
    case UnaryKind::neg:
      return Written{B::NEG, 0};
    case UnaryKind::sign:
      return Written{B::SIGN, 0};
    case UnaryKind::floor:
      return Written{B::FLOOR, 0};
    case UnaryKind::ceil:
      return Written{B::CEIL, 0};
    case UnaryKind::round:
      return Written{B::ROUND, 0};
    case UnaryKind::exp:
      return Written{B::EXP, 2};
    case UnaryKind::log:
      return Written{B::LOG, 2};
    case UnaryKind::sqrt:
      return Written{B::SQRT, 0};
    case UnaryKind::rsqrt:
      return Written{B::RSQRT, 2};
    case UnaryKind::square:
      return Written{B::SQUARE, 0};
    case UnaryKind::reciprocal:
      return std::nullopt;
    case UnaryKind::sin:
      return Written{B::SIN, 0};
    case UnaryKind::cos:
      return Written{B::COS, 0};
    case UnaryKind::logistic:
      return Written{B::LOGISTIC, 2};
    case UnaryKind::tanh:
      return Written{B::TANH, 2};
    case UnaryKind::elu:
      return Written{B::ELU, 1};
    case UnaryKind::gelu:
      return Written{B::GELU, 2};
    case UnaryKind::gelu_tanh:
      return Written{B::GELU, 2};
    case UnaryKind::leaky_relu:
      return Written{B::LEAKY_RELU, 2};
    case UnaryKind::hard_swish:
      return Written{B::HARD_SWISH, 1};
  }
  return std::nullopt;
}

Result<void> write_unary(OperatorWriter& op, const graph::Op& source) {
  const Unary& a = *source.as<Unary>();
  const auto form = written(a.kind);
  if (!form || (op.is_int8() && form->int8_version == 0)) {
    return op.refuse("TensorFlow Lite has no " + std::string(op.is_int8() ? "int8 " : "") +
                     std::string(graph::name(a.kind)));
  }
  const graph::Quantization& q = op.output().quantization;
  const bool fixed = (a.kind != UnaryKind::logistic || (q.scale() == 1.0f / 256.0f && q.zero_point() == -128)) &&
                     (a.kind != UnaryKind::tanh || (q.scale() == 1.0f / 128.0f && q.zero_point() == 0));
  if (op.is_int8() && !fixed) return op.refuse("TensorFlow Lite has it with one scale of the output alone");
  if (a.kind == UnaryKind::elu && a.alpha != 1.0f) return op.refuse("TensorFlow Lite has elu with the limit 1 alone");
  const std::int32_t version = op.is_int8() ? form->int8_version : 1;
  if (a.kind == UnaryKind::leaky_relu) {
    op.emit(form->code, version, fb::CreateLeakyReluOptions(op.builder(), a.alpha));
  } else if (form->code == fb::BuiltinOperator::GELU) {
    op.emit(form->code, version, fb::CreateGeluOptions(op.builder(), a.kind == UnaryKind::gelu_tanh));
  } else {
    op.emit_plain(form->code, version);
  }
  return {};
}

constexpr std::array kRows{
    OperatorRow{fb::BuiltinOperator::RELU, read_activate<Activation::relu>, Activate::kName, write_activate},
    OperatorRow{fb::BuiltinOperator::RELU6, read_activate<Activation::relu6>},
    OperatorRow{fb::BuiltinOperator::RELU_N1_TO_1, read_activate<Activation::relu_n1_to_1>},
    OperatorRow{fb::BuiltinOperator::ABS, read_unary<UnaryKind::abs>, Unary::kName, write_unary},
    OperatorRow{fb::BuiltinOperator::NEG, read_unary<UnaryKind::neg>},
    OperatorRow{fb::BuiltinOperator::SIGN, read_unary<UnaryKind::sign>},
    OperatorRow{fb::BuiltinOperator::FLOOR, read_unary<UnaryKind::floor>},
    OperatorRow{fb::BuiltinOperator::CEIL, read_unary<UnaryKind::ceil>},
    OperatorRow{fb::BuiltinOperator::ROUND, read_unary<UnaryKind::round>},
    OperatorRow{fb::BuiltinOperator::EXP, read_unary<UnaryKind::exp>},
    OperatorRow{fb::BuiltinOperator::LOG, read_unary<UnaryKind::log>},
    OperatorRow{fb::BuiltinOperator::SQRT, read_unary<UnaryKind::sqrt>},
    OperatorRow{fb::BuiltinOperator::RSQRT, read_unary<UnaryKind::rsqrt>},
    OperatorRow{fb::BuiltinOperator::SQUARE, read_unary<UnaryKind::square>},
    OperatorRow{fb::BuiltinOperator::SIN, read_unary<UnaryKind::sin>},
    OperatorRow{fb::BuiltinOperator::COS, read_unary<UnaryKind::cos>},
    OperatorRow{fb::BuiltinOperator::LOGISTIC, read_unary<UnaryKind::logistic>},
    OperatorRow{fb::BuiltinOperator::TANH, read_unary<UnaryKind::tanh>},
    OperatorRow{fb::BuiltinOperator::ELU, read_unary<UnaryKind::elu>},
    OperatorRow{fb::BuiltinOperator::GELU, read_gelu},
    OperatorRow{fb::BuiltinOperator::LEAKY_RELU, read_leaky_relu},
    OperatorRow{fb::BuiltinOperator::HARD_SWISH, read_unary<UnaryKind::hard_swish>},
};

}  // namespace

std::span<const OperatorRow> unary_rows() { return kRows; }

}  // namespace mote::formats::tflite
