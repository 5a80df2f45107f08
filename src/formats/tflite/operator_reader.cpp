// What one operator's read function sees of the file.

#include <algorithm>
#include <utility>

#include "model_reader.hpp"

namespace mote::formats::tflite {

using graph::DType;
using graph::Tensor;
using graph::TensorId;

namespace {

// One step of an accumulator stands for far less than this many steps of the output in any model that was calibrated;
// the kernels shift left by the logarithm.
constexpr double kMaxRescale = 65536.0;

}  // namespace

OperatorReader::OperatorReader(ModelReader& model, const fb::Operator& op, std::size_t index, std::string name)
    : model_(model), op_(op), index_(index), name_(std::move(name)) {}

tl::unexpected<Error> OperatorReader::refuse(Code code, std::string_view message) const {
  std::string place = "operator " + std::to_string(index_) + " (" + name_;
  if (count(op_.outputs()) > 0) {
    const std::int32_t output = op_.outputs()->Get(0);
    if (output >= 0 && static_cast<std::size_t>(output) < model_.unusable_.size())
      place += " giving " + in_quotes(model_.graph_.tensor(output).name);
  }
  return fail(code, place + "): " + std::string(message));
}

bool OperatorReader::has_input(std::size_t i) const {
  return i < count(op_.inputs()) && op_.inputs()->Get(static_cast<flatbuffers::uoffset_t>(i)) != -1;
}

bool OperatorReader::is_computed(std::size_t i) const {
  const auto id = input(i);
  return id && !tensor(*id).is_constant();
}

Result<TensorId> OperatorReader::input(std::size_t i) const {
  if (!has_input(i)) return refuse(Code::malformed, "input " + std::to_string(i) + " is missing");
  auto id = model_.usable(op_.inputs()->Get(static_cast<flatbuffers::uoffset_t>(i)));
  if (!id) return refuse(id.error().code(), "input " + std::to_string(i) + ": " + id.error().message());
  return id;
}

Result<TensorId> OperatorReader::available(std::size_t i) const {
  MOTE_TRY(const TensorId id, input(i));
  const std::string place = "input " + std::to_string(i) + ", tensor " + in_quotes(tensor(id).name) + ", ";
  if (model_.origins_[static_cast<std::size_t>(id)] == ModelReader::Origin::unknown) {
    return refuse(Code::malformed, place + "is not computed by an operator before this one");
  }
  if (model_.origins_[static_cast<std::size_t>(id)] == ModelReader::Origin::variable) {
    return refuse(Code::unsupported,
                  place + "is a variable that keeps its value between runs, which this operator cannot take");
  }
  if (tensor(id).is_constant()) return id;
  if (auto checked = check_value(tensor(id)); !checked)
    return refuse(checked.error().code(), place + checked.error().message());
  return id;
}

Result<TensorId> OperatorReader::operand(std::size_t i) {
  MOTE_TRY(const TensorId id, available(i));
  model_.materialize_pad(id);
  return id;
}

Result<PaddedValue> OperatorReader::padded_operand(std::size_t i) {
  MOTE_TRY(const TensorId id, available(i));
  const auto found = model_.padded_.find(id);
  return found == model_.padded_.end() ? PaddedValue{id, {}} : found->second;
}

Result<TensorId> OperatorReader::constant(std::size_t i, std::initializer_list<DType> types) {
  MOTE_TRY(const TensorId id, input(i));
  const Tensor& found = tensor(id);
  const std::string place = "input " + std::to_string(i) + ", tensor " + in_quotes(found.name) + ", ";
  if (!found.is_constant()) return refuse(Code::unsupported, place + "is computed; it must be a constant of the file");
  if (std::find(types.begin(), types.end(), found.dtype) == types.end()) {
    return refuse(Code::unsupported, place + "has " + std::string(graph::name(found.dtype)) +
                                         " elements, which do not go with its other inputs");
  }
  return id;
}

Result<TensorId> OperatorReader::state(std::size_t i, graph::Shape shape) {
  MOTE_TRY(const TensorId id, input(i));
  const std::string place = "input " + std::to_string(i) + ", tensor " + in_quotes(tensor(id).name) + ", ";
  auto& origin = model_.origins_[static_cast<std::size_t>(id)];
  if (origin != ModelReader::Origin::variable)
    return refuse(Code::unsupported, place + "is no variable, or one that an operator before renews already");
  if (tensor(id).shape.elements() != shape.elements())
    return refuse(Code::malformed, place + "has the shape " + tensor(id).shape.text() +
                                       ", needed are as many elements as in " + shape.text());
  if (auto checked = check_value(tensor(id)); !checked)
    return refuse(checked.error().code(), place + checked.error().message());
  MOTE_TRY_VOID(model_.charge(2 * tensor(id).size_bytes()));
  origin = ModelReader::Origin::value;
  Tensor like = tensor(id);
  like.shape = std::move(shape);
  return intermediate("/before", std::move(like));
}

void OperatorReader::renew(TensorId before, TensorId after) {
  const Tensor& t = tensor(before);
  // A zero point is one byte; all other zeros are bytes of zero.
  const auto zero = static_cast<std::uint8_t>(t.dtype == DType::i8 ? t.quantization.zero_point() : 0);
  model_.graph_.add_state({before, after, std::make_shared<const Bytes>(t.size_bytes(), zero)});
}

Result<void> OperatorReader::handle(std::string key, std::string name) {
  const std::int32_t output = count(op_.outputs()) == 1 ? op_.outputs()->Get(0) : -1;
  if (output < 0 || static_cast<std::size_t>(output) >= model_.unusable_.size())
    return refuse(Code::malformed, "its output does not exist");
  if (model_.origins_[static_cast<std::size_t>(output)] != ModelReader::Origin::unknown ||
      !model_.handles_.emplace(output, key).second)
    return refuse(Code::malformed, "its output is a constant, an input, or computed already");
  MOTE_TRY_VOID(charge(key.size() + name.size() + sizeof(Variable)));
  model_.variables_[std::move(key)].name = std::move(name);
  return {};
}

Result<Variable*> OperatorReader::variable(std::size_t i) {
  const TensorId id = i < count(op_.inputs()) ? op_.inputs()->Get(static_cast<flatbuffers::uoffset_t>(i)) : -1;
  const auto found = model_.handles_.find(id);
  if (found == model_.handles_.end())
    return refuse(Code::malformed, "input " + std::to_string(i) + " is no variable of a VAR_HANDLE before it");
  return &model_.variables_[found->second];
}

Result<TensorId> OperatorReader::found_in(Variable& variable, TensorId output) {
  if (variable.before != graph::kNoTensor) return variable.before;
  const Tensor& like = tensor(output);
  if (!variable.initial)
    return refuse(Code::unsupported, "nothing was assigned to the variable " + in_quotes(variable.name) +
                                         " before, neither by CALL_ONCE nor by an operator");
  if (auto checked = check_element_type(like); !checked)
    return refuse(checked.error().code(), "the variable " + in_quotes(variable.name) + " " + checked.error().message());
  if (variable.initial->dtype != like.dtype || variable.initial->data->size() != like.size_bytes())
    return refuse(Code::malformed, "the variable " + in_quotes(variable.name) + " is first " +
                                       std::string(graph::name(variable.initial->dtype)) +
                                       variable.initial->shape.text() + ", read as " +
                                       std::string(graph::name(like.dtype)) + like.shape.text());
  Tensor before = like;
  before.name = variable.name;
  variable.before = intermediate("", std::move(before));
  return variable.before;
}

Result<graph::Quantization> OperatorReader::quantization_of_input(std::size_t i, DType type) const {
  MOTE_TRY(const TensorId id, input(i));
  const Tensor& t = tensor(id);
  if (t.dtype != type || !t.quantization.present())
    return refuse(Code::unsupported, "input " + std::to_string(i) + ", tensor " + in_quotes(t.name) + ", is " +
                                         std::string(graph::name(t.dtype)) + " or has no scale; " +
                                         std::string(graph::name(type)) + " with a scale is needed");
  return t.quantization;
}

Result<graph::Quantization> OperatorReader::quantization_of_intermediate(std::size_t i) const {
  const auto* tensors = model_.subgraph_->tensors();
  const auto index =
      i < count(op_.intermediates()) ? op_.intermediates()->Get(static_cast<flatbuffers::uoffset_t>(i)) : -1;
  if (index < 0 || static_cast<std::size_t>(index) >= count(tensors))
    return refuse(Code::malformed, "its intermediate " + std::to_string(i) + " is missing");
  const fb::Tensor& source = *tensors->Get(static_cast<flatbuffers::uoffset_t>(index));
  if (source.quantization() == nullptr)
    return refuse(Code::malformed, "its intermediate " + std::to_string(i) + " has no scale");
  const Tensor like{"intermediate", DType::i8, {1}, {}, nullptr};
  auto found = model_.read_quantization(*source.quantization(), like, fb::TensorType::INT8);
  if (!found)
    return refuse(found.error().code(), "its intermediate " + std::to_string(i) + " " + found.error().message());
  return found;
}

bool OperatorReader::is_truth(TensorId id) const {
  const auto* tensors = model_.subgraph_->tensors();
  return static_cast<std::size_t>(id) < count(tensors) &&
         tensors->Get(static_cast<flatbuffers::uoffset_t>(id))->type() == fb::TensorType::BOOL;
}

Result<void> OperatorReader::same_type(TensorId a, TensorId b) const {
  if (tensor(a).dtype == tensor(b).dtype) return {};
  return refuse(Code::unsupported, "tensors " + in_quotes(tensor(a).name) + " and " + in_quotes(tensor(b).name) +
                                       " have different element types");
}

Result<void> OperatorReader::same_quantization(TensorId a, TensorId b) const {
  MOTE_TRY_VOID(same_type(a, b));
  if (tensor(a).quantization == tensor(b).quantization) return {};
  return refuse(Code::unsupported, "tensors " + in_quotes(tensor(a).name) + " and " + in_quotes(tensor(b).name) +
                                       " have different scales or zero points");
}

Result<void> OperatorReader::rescales(double factor, TensorId output) const {
  if (!tensor(output).quantization.present()) return {};
  const double ratio = factor / scale(output);
  if (ratio < kMaxRescale) return {};
  return refuse(Code::unsupported, "the scale of its output is " + std::to_string(ratio) +
                                       " times finer than what it computes; its quantization is damaged");
}

Result<std::vector<std::int64_t>> OperatorReader::integers(std::size_t i, std::size_t most) {
  MOTE_TRY(const TensorId id, constant(i, {DType::i32, DType::i64}));
  const Tensor& found = tensor(id);
  if (found.shape.elements() > most)
    return refuse(Code::malformed, "input " + std::to_string(i) + " has " + found.shape.text() + " elements");
  std::vector<std::int64_t> values;
  if (found.dtype == DType::i32) {
    for (const std::int32_t v : found.values<std::int32_t>()) values.push_back(v);
  } else {
    for (const std::int64_t v : found.values<std::int64_t>()) values.push_back(v);
  }
  return values;
}

Result<TensorId> OperatorReader::output() {
  if (count(op_.outputs()) != 1)
    return refuse(Code::malformed, "it has " + std::to_string(count(op_.outputs())) + " outputs, 1 is expected");
  return new_output(0);
}

Result<std::vector<TensorId>> OperatorReader::outputs() {
  std::vector<TensorId> ids;
  for (std::size_t i = 0; i < count(op_.outputs()); ++i) {
    MOTE_TRY(const TensorId id, new_output(i));
    ids.push_back(id);
  }
  if (ids.empty()) return refuse(Code::malformed, "it has 0 outputs");
  return ids;
}

Result<TensorId> OperatorReader::new_output(std::size_t i) {
  auto id = model_.usable(op_.outputs()->Get(static_cast<flatbuffers::uoffset_t>(i)));
  if (!id) return refuse(id.error().code(), "output: " + id.error().message());
  auto& origin = model_.origins_[static_cast<std::size_t>(*id)];
  if (origin == ModelReader::Origin::variable)
    return refuse(Code::unsupported, "its output is a variable that keeps its value between runs");
  if (origin != ModelReader::Origin::unknown)
    return refuse(Code::malformed, "its output is a constant, an input, or computed already");
  if (auto checked = check_value(tensor(*id)); !checked)
    return refuse(checked.error().code(), "its output " + checked.error().message());
  origin = ModelReader::Origin::value;
  return id;
}

Result<graph::Activation> OperatorReader::activation(fb::ActivationFunction function) const {
  switch (function) {
    case fb::ActivationFunction::NONE:
      return graph::Activation::none;
    case fb::ActivationFunction::RELU:
      return graph::Activation::relu;
    case fb::ActivationFunction::RELU6:
      return graph::Activation::relu6;
    case fb::ActivationFunction::RELU_N1_TO_1:
      return graph::Activation::relu_n1_to_1;
    default:
      break;
  }
  const char* name = fb::EnumNameActivationFunction(function);
  return refuse(Code::unsupported,
                "its fused activation " +
                    (*name == '\0' ? std::to_string(static_cast<int>(function)) : std::string(name)) +
                    " is not supported; RELU, RELU6 and RELU_N1_TO_1 are");
}

void OperatorReader::append(graph::Attributes attributes, std::vector<TensorId> inputs, TensorId output) {
  model_.graph_.add_op({tensor(output).name, std::move(attributes), std::move(inputs), {output}});
}

TensorId OperatorReader::reshaped(TensorId x, graph::Shape shape) {
  if (tensor(x).shape == shape) return x;
  Tensor like = tensor(x);
  like.shape = std::move(shape);
  const TensorId y = intermediate("/reshaped", std::move(like));
  append(graph::Reshape{}, {x}, y);
  return y;
}

Result<void> OperatorReader::set_constant(TensorId output, std::shared_ptr<const Bytes> data) {
  Tensor& t = model_.graph_.tensor(output);
  if (data->size() != t.size_bytes()) {
    return refuse(Code::malformed, "its output has the shape " + t.shape.text() + ", which does not fit its value");
  }
  t.data = std::move(data);
  model_.origins_[static_cast<std::size_t>(output)] = ModelReader::Origin::constant;
  return {};
}

TensorId OperatorReader::integers_constant(std::string_view suffix, const std::vector<std::int32_t>& values) {
  const TensorId id = intermediate(
      suffix,
      {tensor(op_.outputs()->Get(0)).name, DType::i32, {static_cast<std::int32_t>(values.size())}, {}, nullptr});
  model_.graph_.tensor(id).data = graph::constant_data(std::span<const std::int32_t>(values));
  return id;
}

TensorId OperatorReader::constant_like(std::string_view suffix, const Tensor& like, std::shared_ptr<const Bytes> data) {
  const TensorId id = intermediate(suffix, like);
  model_.graph_.tensor(id).data = std::move(data);
  return id;
}

Result<void> OperatorReader::indices_are_int32(TensorId output) {
  Tensor& t = model_.graph_.tensor(output);
  if (t.dtype != DType::i32 && t.dtype != DType::i64)
    return refuse(Code::malformed, "its output is not of whole numbers");
  t.dtype = DType::i32;
  t.quantization = {};
  return {};
}

Result<std::size_t> OperatorReader::axis(std::int64_t axis, std::size_t rank) const {
  const auto limit = static_cast<std::int64_t>(rank);
  if (axis < -limit || axis >= limit)
    return refuse(Code::malformed,
                  "its axis is " + std::to_string(axis) + " in " + std::to_string(rank) + " dimensions");
  return static_cast<std::size_t>(axis < 0 ? axis + limit : axis);
}

TensorId OperatorReader::intermediate(std::string_view suffix, Tensor like) {
  return model_.add_tensor(std::move(like), suffix);
}

}  // namespace mote::formats::tflite
