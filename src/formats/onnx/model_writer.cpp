#include "model_writer.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "../names.hpp"
#include "mote/formats/onnx.hpp"
#include "mote/graph/logic.hpp"

namespace mote::formats::onnx {
namespace {

using graph::DType;
using graph::Op;
using graph::Tensor;
using graph::TensorId;

// The set has Gelu (20) and is older than what readers of today know.
constexpr std::int64_t kWrittenOpset = 20, kWrittenMlOpset = 3, kIrVersion = 9;
constexpr int kBool = 9, kInt8 = 3;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;

int number_of(DType type) {
  switch (type) {
    case DType::f32:
      return 1;
    case DType::u8:
      return 2;
    case DType::i8:
      return kInt8;
    case DType::i16:
      return 5;
    case DType::i32:
      return 6;
    case DType::i64:
      return 7;
  }
  return 1;
}

NodeAttribute attribute(std::string_view name, NodeAttribute::Kind kind) {
  NodeAttribute a;
  a.name = name;
  a.kind = kind;
  return a;
}

void set(schema::Attribute& to, const NodeAttribute& from) {
  using Kind = NodeAttribute::Kind;
  constexpr std::array<int, 6> kNumbers{2, 1, 7, 6, 3, 8};
  to.set_name(std::string(from.name));
  to.set_type(kNumbers[static_cast<std::size_t>(from.kind)]);
  switch (from.kind) {
    case Kind::integer:
      return to.set_i(from.integer);
    case Kind::real:
      return to.set_f(from.real);
    case Kind::integers:
      for (const std::int64_t v : from.integers) to.add_ints(v);
      return;
    case Kind::reals:
      for (const float v : from.reals) to.add_floats(v);
      return;
    case Kind::text:
      return to.set_s(from.text);
    case Kind::texts:
      for (const std::string& v : from.texts) to.add_strings(v);
      return;
  }
}

}  // namespace

NodeAttribute integer(std::string_view name, std::int64_t value) {
  NodeAttribute a = attribute(name, NodeAttribute::Kind::integer);
  a.integer = value;
  return a;
}
NodeAttribute real(std::string_view name, float value) {
  NodeAttribute a = attribute(name, NodeAttribute::Kind::real);
  a.real = value;
  return a;
}
NodeAttribute integers(std::string_view name, std::vector<std::int64_t> values) {
  NodeAttribute a = attribute(name, NodeAttribute::Kind::integers);
  a.integers = std::move(values);
  return a;
}
NodeAttribute reals(std::string_view name, std::vector<float> values) {
  NodeAttribute a = attribute(name, NodeAttribute::Kind::reals);
  a.reals = std::move(values);
  return a;
}
NodeAttribute text(std::string_view name, std::string value) {
  NodeAttribute a = attribute(name, NodeAttribute::Kind::text);
  a.text = std::move(value);
  return a;
}
NodeAttribute texts(std::string_view name, std::vector<std::string> values) {
  NodeAttribute a = attribute(name, NodeAttribute::Kind::texts);
  a.texts = std::move(values);
  return a;
}

const std::vector<std::int32_t>& to_first() {
  static const std::vector<std::int32_t> permutation{0, 3, 1, 2};
  return permutation;
}
const std::vector<std::int32_t>& to_last() {
  static const std::vector<std::int32_t> permutation{0, 2, 3, 1};
  return permutation;
}

Tensor permuted(const Tensor& tensor, const std::vector<std::int32_t>& permutation) {
  Tensor out = tensor;
  const std::size_t rank = permutation.size(), element = graph::size_bytes(tensor.dtype);
  std::vector<std::int32_t> dims;
  std::vector<std::size_t> strides(rank, element), steps;
  for (std::size_t d = rank - 1; d-- > 0;) strides[d] = strides[d + 1] * static_cast<std::size_t>(tensor.shape[d + 1]);
  for (std::size_t d = 0; d < rank; ++d) {
    const auto from = static_cast<std::size_t>(permutation[d]);
    dims.push_back(tensor.shape[from]);
    steps.push_back(strides[from]);
    if (tensor.quantization.per_channel() && static_cast<std::size_t>(tensor.quantization.axis) == from)
      out.quantization.axis = static_cast<std::int32_t>(d);
  }
  out.shape = graph::Shape(dims);
  Bytes bytes;
  bytes.reserve(tensor.data->size());
  std::vector<std::int32_t> at(rank, 0);
  for (std::size_t n = tensor.shape.elements(); n > 0; --n) {
    std::size_t offset = 0;
    for (std::size_t d = 0; d < rank; ++d) offset += static_cast<std::size_t>(at[d]) * steps[d];
    bytes.insert(bytes.end(), tensor.data->begin() + static_cast<std::ptrdiff_t>(offset),
                 tensor.data->begin() + static_cast<std::ptrdiff_t>(offset + element));
    for (std::size_t d = rank; d-- > 0;) {
      if (++at[d] < dims[d]) break;
      at[d] = 0;
    }
  }
  out.data = std::make_shared<const Bytes>(std::move(bytes));
  return out;
}

ModelWriter::ModelWriter(const graph::Graph& graph) : graph_(graph), truths_(graph::truth_values(graph)) {
  // Values of the graph keep their names; what is made beside them takes others.
  for (const Tensor& t : graph.tensors()) names_.insert(t.name);
}

bool ModelWriter::is_quantized(TensorId id) const {
  const Tensor& t = graph_.tensor(id);
  return (t.dtype == DType::i8 || t.dtype == DType::u8) && t.quantization.present() && !truths_.contains(id);
}

std::string ModelWriter::fresh(std::string name) {
  while (!names_.insert(name).second) name += "_";
  return name;
}

std::string ModelWriter::name_for(TensorId id, Layout layout) {
  const std::string& own = graph_.tensor(id).name;
  return layout == Layout::last ? own : fresh(own + "/channels_first");
}

schema::Node& ModelWriter::append_node(std::string_view type, std::vector<std::string> inputs,
                                       const Attributes& attributes) {
  schema::Node& n = *file_.mutable_graph()->add_node();
  n.set_op_type(std::string(type));
  while (!inputs.empty() && inputs.back().empty()) inputs.pop_back();
  for (std::string& input : inputs) n.add_input(std::move(input));
  for (const NodeAttribute& a : attributes) set(*n.add_attribute(), a);
  return n;
}

void ModelWriter::append(std::string_view type, std::vector<std::string> inputs, const Attributes& attributes,
                         std::string output, std::string_view domain) {
  schema::Node& n = append_node(type, std::move(inputs), attributes);
  n.set_name(output);
  if (!domain.empty()) n.set_domain(std::string(domain));
  n.add_output(std::move(output));
}

std::pair<std::string, std::string> ModelWriter::node_of_two(std::string_view type, std::vector<std::string> inputs,
                                                             const Attributes& attributes) {
  const std::string stem = inputs.front() + "/" + std::string(type);
  std::pair<std::string, std::string> names{fresh(stem + "/0"), fresh(stem + "/1")};
  schema::Node& n = append_node(type, std::move(inputs), attributes);
  n.set_name(names.first);
  n.add_output(names.first);
  n.add_output(names.second);
  return names;
}

std::int64_t ModelWriter::type_number(TensorId id) const {
  return is_truth(id) ? kBool : number_of(graph_.tensor(id).dtype);
}

std::string ModelWriter::node(std::string_view type, std::vector<std::string> inputs, const Attributes& attributes,
                              std::string_view domain) {
  std::string output = fresh(inputs.front() + "/" + std::string(type));
  append(type, std::move(inputs), attributes, output, domain);
  return output;
}

void ModelWriter::add_initializer(const Tensor& tensor, const std::string& name, bool is_truth) {
  schema::Tensor& t = *file_.mutable_graph()->add_initializer();
  t.set_name(name);
  t.set_data_type(is_truth ? kBool : number_of(tensor.dtype));
  for (const std::int32_t d : tensor.shape.dims()) t.add_dims(d);
  t.set_raw_data(tensor.data->data(), tensor.data->size());
}

std::string ModelWriter::floats(const std::vector<float>& values, const std::vector<std::int64_t>& dims) {
  std::vector<std::int32_t> shape(dims.begin(), dims.end());
  const std::string name = fresh("floats");
  add_initializer({name, DType::f32, graph::Shape(shape), {}, graph::constant_data(std::span<const float>(values))},
                  name, false);
  return name;
}

std::string ModelWriter::whole_numbers(const std::vector<std::int64_t>& values) {
  const std::string name = fresh("numbers");
  add_initializer({name,
                   DType::i64,
                   {static_cast<std::int32_t>(values.size())},
                   {},
                   graph::constant_data(std::span<const std::int64_t>(values))},
                  name, false);
  return name;
}

std::vector<std::string> ModelWriter::scale_and_zero(const Tensor& tensor) {
  const graph::Quantization& q = tensor.quantization;
  std::vector<std::int32_t> key = q.zero_points;
  key.push_back(number_of(tensor.dtype));
  auto [entry, added] = scales_.try_emplace({q.scales, key});
  if (!added) return entry->second;
  std::vector<std::int64_t> dims;
  if (q.per_channel()) dims = {static_cast<std::int64_t>(q.scales.size())};
  entry->second.push_back(floats(q.scales, dims));
  if (tensor.dtype == DType::i32) return entry->second;
  Tensor zero;
  zero.dtype = tensor.dtype;
  zero.shape = q.per_channel() ? graph::Shape{static_cast<std::int32_t>(q.scales.size())} : graph::Shape{};
  Bytes bytes;
  for (std::size_t i = 0; i < q.scales.size(); ++i)
    bytes.push_back(static_cast<std::uint8_t>(i < q.zero_points.size() ? q.zero_points[i] : q.zero_point()));
  zero.data = std::make_shared<const Bytes>(std::move(bytes));
  entry->second.push_back(fresh("zero"));
  add_initializer(zero, entry->second.back(), false);
  return entry->second;
}

std::string ModelWriter::dequantized(const std::string& stored, const Tensor& like) {
  std::vector<std::string> inputs{stored};
  for (const std::string& name : scale_and_zero(like)) inputs.push_back(name);
  Attributes attributes;
  if (like.quantization.per_channel()) attributes.push_back(integer("axis", like.quantization.axis));
  std::string output = fresh(stored + "/real");
  append("DequantizeLinear", std::move(inputs), attributes, output, {});
  return output;
}

std::string ModelWriter::real_constant(Tensor changed) {
  const std::string name = fresh(changed.name + "/written");
  add_initializer(changed, name, false);
  const bool integer = changed.dtype != DType::f32 && changed.quantization.present();
  return integer ? dequantized(name, changed) : name;
}

std::string ModelWriter::transposed(const std::string& x, Layout to, const std::string& name) {
  const auto& permutation = to == Layout::first ? to_first() : to_last();
  append("Transpose", {x}, {integers("perm", std::vector<std::int64_t>(permutation.begin(), permutation.end()))}, name,
         {});
  return name;
}

std::string ModelWriter::quantized(const std::string& x, const Tensor& like, const std::string& name) {
  std::vector<std::string> inputs{x};
  for (const std::string& parameter : scale_and_zero(like)) inputs.push_back(parameter);
  append("QuantizeLinear", std::move(inputs), {}, name, {});
  return name;
}

std::string ModelWriter::stored(TensorId id, Layout layout) {
  const auto found = stored_.find({id, layout});
  if (found != stored_.end()) return found->second;
  const Tensor& t = graph_.tensor(id);
  std::string name;
  if (t.is_constant()) {
    name = name_for(id, layout);
    add_initializer(layout == Layout::first ? permuted(t, to_first()) : t, name, truths_.contains(id));
  } else if (layout == Layout::last && !stored_.contains({id, Layout::first})) {
    name = quantized(real_.at({id, layout}), t, fresh(t.name + "/quantized"));  // an input
  } else {
    const std::string other = stored(id, layout == Layout::first ? Layout::last : Layout::first);
    name = transposed(other, layout, name_for(id, layout));
  }
  return stored_[{id, layout}] = name;
}

std::string ModelWriter::real(TensorId id, Layout layout) {
  const bool truth = is_truth(id);
  if (!truth && !is_quantized(id)) return stored(id, layout);
  const auto found = real_.find({id, layout});
  if (found != real_.end()) return found->second;
  const Tensor& t = graph_.tensor(id);
  std::string name;
  if (truth) {  // 1 where it holds
    name = node("Cast", {stored(id, layout)}, {integer("to", 1)});
  } else if (layout == Layout::first && real_.contains({id, Layout::last}) && !has_first(id)) {
    name = transposed(real_.at({id, Layout::last}), layout, fresh(t.name + "/real/channels_first"));
  } else {
    name = dequantized(stored(id, layout), t.is_constant() && layout == Layout::first ? permuted(t, to_first()) : t);
  }
  return real_[{id, layout}] = name;
}

void ModelWriter::give_stored(TensorId id, std::string_view type, std::vector<std::string> inputs,
                              const Attributes& attributes, Layout layout, std::string_view domain) {
  std::string name = name_for(id, layout);
  append(type, std::move(inputs), attributes, name, domain);
  stored_[{id, layout}] = std::move(name);
}

void ModelWriter::give_real(TensorId id, std::string_view type, std::vector<std::string> inputs,
                            const Attributes& attributes, Layout layout, graph::Activation activation,
                            std::string_view domain) {
  using graph::Activation;
  const Tensor& y = graph_.tensor(id);
  const bool quantizes = is_quantized(id);
  if (activation == Activation::none && !quantizes)
    return give_stored(id, type, std::move(inputs), attributes, layout, domain);
  std::string last = fresh(y.name + "/" + std::string(type));
  append(type, std::move(inputs), attributes, last, domain);
  if (activation != Activation::none) {
    const bool relu = activation == Activation::relu;
    std::vector<std::string> clamp{last};
    if (!relu) {
      clamp.push_back(floats({activation == Activation::relu6 ? 0.0f : -1.0f}, {}));
      clamp.push_back(floats({activation == Activation::relu6 ? 6.0f : 1.0f}, {}));
    }
    if (!quantizes) return give_stored(id, relu ? "Relu" : "Clip", std::move(clamp), {}, layout);
    last = node(relu ? "Relu" : "Clip", std::move(clamp));
  }
  stored_[{id, layout}] = quantized(last, y, name_for(id, layout));
}

tl::unexpected<Error> ModelWriter::refuse(const Op& op, const std::string& message) const {
  return fail(Code::unsupported,
              std::string(graph::op_name(op.attributes)) + " " + in_quotes(op.name) + ": " + message);
}

/// What ONNX's quantized values cannot be.
Result<void> ModelWriter::check_types(const Op& op) const {
  for (const auto* ids : {&op.inputs, &op.outputs}) {
    for (const TensorId id : *ids) {
      if (id == graph::kNoTensor) continue;
      const Tensor& t = graph_.tensor(id);
      const bool wide = t.dtype == DType::i16 || ((t.dtype == DType::i32 || t.dtype == DType::i64) && !t.is_constant());
      if (wide && t.quantization.present())
        return refuse(op, "tensor " + in_quotes(t.name) + " has quantized elements of more than 8 bits (" +
                              std::string(graph::name(t.dtype)) + "), which ONNX's operators do not take");
    }
  }
  return {};
}

void ModelWriter::declare(bool input, TensorId id, const std::string& name) {
  schema::Graph& g = *file_.mutable_graph();
  schema::ValueInfo& info = input ? *g.add_input() : *g.add_output();
  info.set_name(name);
  schema::TensorType& type = *info.mutable_type()->mutable_tensor_type();
  const Tensor& t = graph_.tensor(id);
  type.set_elem_type(static_cast<std::int32_t>(type_number(id)));
  for (const std::int32_t d : t.shape.dims()) type.mutable_shape()->add_dim()->set_dim_value(d);
}

Result<Bytes> ModelWriter::write() && {
  MOTE_TRY_VOID(graph::verify(graph_));
  if (!graph_.states().empty())
    return fail(Code::unsupported, "the model keeps state in " +
                                       in_quotes(graph_.tensor(graph_.states()[0].read).name) +
                                       ", which an ONNX file cannot; write .tflite or graph text (.mote)");
  if (graph::weight_bytes(graph_) > kMostBytes)
    return fail(Code::too_large, "an ONNX file cannot hold more than 1 GB of weights");
  file_.set_ir_version(kIrVersion);
  file_.mutable_graph()->set_name(graph_.name());
  for (const TensorId id : graph_.inputs()) {
    const Tensor& t = graph_.tensor(id);
    declare(true, id, t.name);
    // The first that is said of quantized inputs is their scale: a reader knows them from there on.
    if (is_quantized(id))
      real_[{id, Layout::last}] = dequantized(t.name, t);
    else
      stored_[{id, Layout::last}] = t.name;
  }
  for (const Op& op : graph_.ops()) {
    MOTE_TRY_VOID(check_types(op));
    MOTE_TRY(const bool moved, write_move(*this, op));
    if (moved) continue;
    MOTE_TRY(const bool written, write_elementwise(*this, op));
    if (written) continue;
    if (const auto* conv = op.as<graph::Conv2D>()) {
      MOTE_TRY_VOID(write_layer(*this, op, *conv));
    } else if (const auto* depthwise = op.as<graph::DepthwiseConv2D>()) {
      MOTE_TRY_VOID(write_layer(*this, op, *depthwise));
    } else if (const auto* dense = op.as<graph::Dense>()) {
      MOTE_TRY_VOID(write_layer(*this, op, *dense));
    } else if (const auto* norm = op.as<graph::BatchNorm>()) {
      MOTE_TRY_VOID(write_layer(*this, op, *norm));
    } else if (const auto* pool = op.as<graph::Pool2D>()) {
      MOTE_TRY_VOID(write_layer(*this, op, *pool));
    } else if (const auto* product = op.as<graph::MatMul>()) {
      MOTE_TRY_VOID(write_layer(*this, op, *product));
    } else if (const auto* resize = op.as<graph::ResizeBilinear>()) {
      MOTE_TRY_VOID(write_layer(*this, op, *resize));
    } else if (const auto* trees = op.as<graph::TreeEnsemble>()) {
      has_trees_ = true;
      MOTE_TRY_VOID(write_trees(*this, op, *trees));
    } else if (const auto* scores = op.as<graph::Scores>()) {
      MOTE_TRY_VOID(write_trees(*this, op, *scores));
    } else {
      return refuse(op, "ONNX has no operator that computes tensor " + in_quotes(graph_.tensor(op.outputs[0]).name) +
                            " as this one does");
    }
  }
  for (const TensorId id : graph_.outputs()) {
    const std::string name = stored(id);
    const std::string& own = graph_.tensor(id).name;
    if (name != own || graph_.producer(id) < 0) {
      // What another value is, too, or an input.
      const std::string output = name == own ? fresh(own + "/output") : own;
      append("Identity", {name}, {}, output, {});
      declare(false, id, output);
      continue;
    }
    declare(false, id, own);
  }
  const auto import_set = [&](const char* domain, std::int64_t version) {
    schema::OperatorSet& set = *file_.add_opset_import();
    set.set_domain(domain);
    set.set_version(version);
  };
  import_set("", kWrittenOpset);
  if (has_trees_) import_set("ai.onnx.ml", kWrittenMlOpset);
  const std::string written = file_.SerializeAsString();
  return Bytes(written.begin(), written.end());
}

}  // namespace mote::formats::onnx

namespace mote::formats {

Result<Bytes> write_onnx(const graph::Graph& graph) { return onnx::ModelWriter(graph).write(); }

}  // namespace mote::formats
