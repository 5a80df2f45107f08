#include "node_reader.hpp"

#include <algorithm>

#include "../names.hpp"
#include "mote/graph/executor.hpp"
#include "mote/graph/logic.hpp"
#include "mote/graph/moves.hpp"

namespace mote::formats::onnx {

using graph::DType;
using graph::TensorId;

tl::unexpected<Error> NodeReader::refuse(Code code, const std::string& message) const {
  std::string place = "node " + std::to_string(index_) + " (" + clean_name(node_.op_type());
  if (output_count() > 0) place += " giving " + in_quotes(clean_name(node_.output(0)));
  return fail(code, place + "): " + message);
}

const schema::Attribute* NodeReader::attribute(std::string_view name) const {
  for (const schema::Attribute& a : node_.attribute()) {
    if (a.name() == name) return &a;
  }
  return nullptr;
}
std::int64_t NodeReader::integer(std::string_view name, std::int64_t otherwise) const {
  const auto* a = attribute(name);
  return a == nullptr ? otherwise : a->i();
}
float NodeReader::real(std::string_view name, float otherwise) const {
  const auto* a = attribute(name);
  return a == nullptr ? otherwise : a->f();
}
std::string NodeReader::text(std::string_view name, std::string otherwise) const {
  const auto* a = attribute(name);
  return a == nullptr ? otherwise : a->s();
}
std::vector<std::int64_t> NodeReader::integers(std::string_view name) const {
  const auto* a = attribute(name);
  if (a == nullptr) return {};
  return {a->ints().begin(), a->ints().end()};
}

Result<TensorId> NodeReader::in(std::size_t i) const {
  if (!has(i)) return refuse(Code::malformed, "input " + std::to_string(i) + " is missing");
  const auto found = model_.values.find(node_.input(static_cast<int>(i)));
  if (found == model_.values.end()) {
    return refuse(Code::malformed, "input " + std::to_string(i) + ", " +
                                       in_quotes(clean_name(node_.input(static_cast<int>(i)))) +
                                       ", is not computed by a node before this one");
  }
  return found->second;
}

Result<TensorId> NodeReader::constant(std::size_t i) const {
  MOTE_TRY(const TensorId id, in(i));
  if (!tensor(id).is_constant()) {
    return refuse(Code::unsupported, "input " + std::to_string(i) + ", " +
                                         in_quotes(clean_name(node_.input(static_cast<int>(i)))) +
                                         ", is computed; it must be a constant of the file");
  }
  return id;
}

Result<std::vector<std::int64_t>> NodeReader::numbers(std::size_t i, std::string_view attribute_name) const {
  if (!has(i)) {
    if (!attribute_name.empty() && attribute(attribute_name) != nullptr) return integers(attribute_name);
    return refuse(Code::malformed, "input " + std::to_string(i) + " is missing");
  }
  MOTE_TRY(const TensorId id, constant(i));
  const graph::Tensor& t = tensor(id);
  std::vector<std::int64_t> values;
  if (t.dtype == DType::i64) {
    for (const std::int64_t v : t.values<std::int64_t>()) values.push_back(v);
  } else if (t.dtype == DType::i32) {
    for (const std::int32_t v : t.values<std::int32_t>()) values.push_back(v);
  } else {
    return refuse(Code::malformed, "input " + std::to_string(i) + " is not of whole numbers");
  }
  return values;
}

Result<std::size_t> NodeReader::axis(std::int64_t axis, std::size_t rank) const {
  const auto limit = static_cast<std::int64_t>(rank);
  if (axis < -limit || axis >= limit)
    return refuse(Code::malformed,
                  "its axis is " + std::to_string(axis) + " in " + std::to_string(rank) + " dimensions");
  return static_cast<std::size_t>(axis < 0 ? axis + limit : axis);
}

Result<void> NodeReader::charge(std::size_t bytes) const {
  if (bytes > model_.budget_bytes) return refuse(Code::too_large, "its constants grow far beyond the file");
  model_.budget_bytes -= bytes;
  return {};
}

std::string NodeReader::fresh_name() const {
  const std::string base =
      output_count() > 0 && !node_.output(0).empty() ? clean_name(node_.output(0)) : clean_name(node_.op_type());
  std::string name = base;
  // Tensors are named once each: the id makes it so.
  if (!model_.graph.tensors().empty()) name += "/" + std::to_string(model_.graph.tensors().size());
  return name;
}

Result<TensorId> NodeReader::emit(graph::Attributes attributes, std::vector<TensorId> inputs, std::optional<Dims> shape,
                                  std::optional<DType> type, std::optional<graph::Quantization> quantization) {
  graph::Tensor y;
  y.name = fresh_name();
  y.dtype = type.value_or(tensor(inputs[0]).dtype);
  y.quantization = tensor(inputs[0]).quantization;
  // Floats that come from integers and are only moved stay what they are.
  const bool moves =
      graph::is_move(graph::Op{{}, attributes, {}, {}}) || std::holds_alternative<graph::Reshape>(attributes);
  if (y.dtype == DType::f32 && (!moves || y.quantization.per_channel())) y.quantization = {};
  if (quantization) y.quantization = std::move(*quantization);
  if (shape) {
    for (const std::int32_t d : *shape) {
      if (d < 1) return refuse(Code::malformed, "it gives a tensor with the dimension " + std::to_string(d));
    }
    y.shape = graph::Shape(*shape);
  }
  const TensorId id = model_.graph.add_tensor(y);
  graph::Op op{y.name, std::move(attributes), std::move(inputs), {id}};
  if (!shape) {
    auto inferred = graph::infer_shape(model_.graph, op);
    if (!inferred) return refuse(inferred.error().code(), inferred.error().message());
    model_.graph.tensor(id).shape = *inferred;
  }
  std::uint64_t elements = 1;
  for (const std::int32_t d : this->shape(id).dims()) {
    elements *= static_cast<std::uint64_t>(d);
    if (elements > (std::uint64_t{1} << 30)) return refuse(Code::too_large, "it gives more than 2^30 elements");
  }
  if (auto sound = graph::verify_op(model_.graph, op); !sound)
    return refuse(sound.error().code(), sound.error().message());
  const bool constant =
      std::ranges::all_of(op.inputs, [&](TensorId x) { return x == graph::kNoTensor || tensor(x).is_constant(); });
  if (constant) {
    MOTE_TRY_VOID(charge(tensor(id).size_bytes()));
    auto folded = graph::fold(model_.graph, op);
    if (!folded) return refuse(folded.error().code(), folded.error().message());
    model_.graph.tensor(id).data = std::make_shared<const Bytes>(std::move(*folded));
    return id;
  }
  model_.graph.add_op(std::move(op));
  return id;
}

Result<TensorId> NodeReader::reshaped(TensorId x, Dims shape) {
  if (dims(x) == shape) return x;
  return emit(graph::Reshape{}, {x}, std::move(shape));
}

Result<TensorId> NodeReader::transposed(TensorId x, Dims permutation) {
  return emit(graph::Transpose{std::move(permutation)}, {x});
}

Result<TensorId> NodeReader::compare(graph::CompareKind kind, TensorId a, TensorId b) {
  return emit(graph::Compare{kind}, {a, b}, std::nullopt, DType::i8, graph::truth_quantization());
}

Result<TensorId> NodeReader::floats(const std::vector<float>& values, Dims shape) {
  MOTE_TRY_VOID(charge(4 * values.size()));
  return model_.graph.add_tensor({fresh_name(),
                                  DType::f32,
                                  graph::Shape(std::move(shape)),
                                  {},
                                  graph::constant_data(std::span<const float>(values))});
}

Result<TensorId> NodeReader::whole_words(const std::vector<std::int32_t>& values, Dims shape) {
  MOTE_TRY_VOID(charge(4 * values.size()));
  return model_.graph.add_tensor({fresh_name(),
                                  DType::i32,
                                  graph::Shape(std::move(shape)),
                                  {},
                                  graph::constant_data(std::span<const std::int32_t>(values))});
}

Result<TensorId> NodeReader::whole_numbers(const std::vector<std::int64_t>& values, Dims shape) {
  MOTE_TRY_VOID(charge(8 * values.size()));
  return model_.graph.add_tensor({fresh_name(),
                                  DType::i64,
                                  graph::Shape(std::move(shape)),
                                  {},
                                  graph::constant_data(std::span<const std::int64_t>(values))});
}

Result<TensorId> NodeReader::scaled(const std::vector<float>& values, Dims shape, graph::Quantization scales) {
  MOTE_TRY(const TensorId id, floats(values, std::move(shape)));
  model_.graph.tensor(id).quantization = std::move(scales);
  return id;
}

Result<TensorId> NodeReader::integers(const std::vector<std::int8_t>& values, Dims shape, graph::Quantization scales) {
  MOTE_TRY_VOID(charge(values.size()));
  return model_.graph.add_tensor({fresh_name(), DType::i8, graph::Shape(std::move(shape)), std::move(scales),
                                  graph::constant_data(std::span<const std::int8_t>(values))});
}

void NodeReader::keep_scales(TensorId source, std::int32_t source_axis, TensorId weights, std::int32_t axis,
                             std::int32_t first) {
  const graph::Quantization from = tensor(source).quantization;
  if (!from.per_channel() || from.axis != source_axis) return;
  graph::Quantization to{{}, {}, axis};
  const auto slices = static_cast<std::size_t>(shape(weights)[static_cast<std::size_t>(axis)]);
  for (std::size_t i = 0; i < slices; ++i) {
    const std::size_t at = static_cast<std::size_t>(first) + i;
    if (at >= from.scales.size()) return;
    to.scales.push_back(from.scales[at]);
    to.zero_points.push_back(from.zero_points[at]);
  }
  model_.graph.tensor(weights).quantization = std::move(to);
}

TensorId NodeReader::indices(const std::vector<std::int32_t>& values) {
  return model_.graph.add_tensor({fresh_name(),
                                  DType::i32,
                                  {static_cast<std::int32_t>(values.size())},
                                  {},
                                  graph::constant_data(std::span<const std::int32_t>(values))});
}

Result<void> NodeReader::give(TensorId id, std::size_t i) {
  if (i >= output_count() || node_.output(static_cast<int>(i)).empty()) return {};
  if (!model_.values.emplace(node_.output(static_cast<int>(i)), id).second)
    return refuse(Code::malformed,
                  "its output " + in_quotes(clean_name(node_.output(static_cast<int>(i)))) + " exists already");
  return {};
}
Result<void> NodeReader::give(Result<TensorId> id, std::size_t i) {
  MOTE_TRY(const TensorId found, std::move(id));
  return give(found, i);
}

}  // namespace mote::formats::onnx
