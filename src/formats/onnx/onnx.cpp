#include "mote/formats/onnx.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>

#include "../names.hpp"
#include "mote/graph/logic.hpp"
#include "node_reader.hpp"
#include "quantized_nodes.hpp"
#include "tensor.hpp"

namespace mote::formats {
namespace onnx {
namespace {

constexpr std::int32_t kBool = 9;
constexpr std::int64_t kMostElements = std::int64_t{1} << 30;
constexpr std::int64_t kOldest = 7, kNewest = 21;

const std::vector<OperatorRow>& rows() {
  static const std::vector<OperatorRow> all = [] {
    std::vector<OperatorRow> joined;
    for (const auto& part : {elementwise_rows(), layer_rows(), logic_rows(), move_rows(), quantize_rows(),
                             recurrent_rows(), reduce_rows(), tree_rows()})
      joined.insert(joined.end(), part.begin(), part.end());
    std::ranges::sort(joined, {}, &OperatorRow::type);
    return joined;
  }();
  return all;
}

bool parse(google::protobuf::MessageLite& message, ByteSpan bytes) {
  return bytes.size() <= static_cast<std::size_t>(INT32_MAX) &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

/// Numbers of the file as elements of another size.
template <class To, class Values>
Bytes narrowed(const Values& values) {
  std::vector<To> out;
  for (const auto v : values) out.push_back(static_cast<To>(v));
  const ByteSpan raw = bytes_of(std::span<const To>(out));
  return {raw.begin(), raw.end()};
}

}  // namespace

Result<graph::DType> element_type(std::int32_t type) {
  switch (type) {
    case 1:
      return graph::DType::f32;
    case 2:
      return graph::DType::u8;
    case 3:
      return graph::DType::i8;
    case 5:
      return graph::DType::i16;
    case 6:
      return graph::DType::i32;
    case 7:
      return graph::DType::i64;
    case kBool:
      return graph::DType::i8;  // with graph::truth_quantization()
    default:
      return fail(Code::unsupported, "has elements of ONNX's type " + std::to_string(type) +
                                         "; float32 is needed (and int32 or int64 for shapes)");
  }
}

Result<graph::Tensor> constant_of(const schema::Tensor& source) {
  graph::Tensor t;
  t.name = clean_name(source.name());
  MOTE_TRY(t.dtype, element_type(source.data_type()));
  if (source.data_type() == kBool) t.quantization = graph::truth_quantization();
  std::int64_t elements = 1;
  Dims dims;
  for (const std::int64_t d : source.dims()) {
    if (d < 1 || d > kMostElements || (elements *= d) > kMostElements)
      return fail(Code::malformed, "has the dimension " + std::to_string(d));
    dims.push_back(static_cast<std::int32_t>(d));
  }
  t.shape = graph::Shape(dims);
  if (source.data_location() != 0) return fail(Code::unsupported, "lies in another file");
  Bytes bytes;
  if (source.has_raw_data())
    bytes.assign(source.raw_data().begin(), source.raw_data().end());
  else if (t.dtype == graph::DType::f32)
    bytes = narrowed<float>(source.float_data());
  else if (t.dtype == graph::DType::i64)
    bytes = narrowed<std::int64_t>(source.int64_data());
  else if (t.dtype == graph::DType::i32)
    bytes = narrowed<std::int32_t>(source.int32_data());
  else if (t.dtype == graph::DType::i16)
    bytes = narrowed<std::int16_t>(source.int32_data());
  else
    bytes = narrowed<std::int8_t>(source.int32_data());
  if (bytes.size() != t.size_bytes()) {
    return fail(Code::malformed, "has " + std::to_string(bytes.size()) + " bytes of data, " +
                                     std::to_string(t.size_bytes()) + " are needed for the shape " + t.shape.text());
  }
  t.data = std::make_shared<const Bytes>(std::move(bytes));
  return t;
}

Result<graph::TensorId> NodeReader::tensor_attribute(const schema::Attribute& attribute) {
  auto t = constant_of(attribute.t());
  if (!t) return refuse(t.error().code(), "its value " + t.error().message());
  MOTE_TRY_VOID(charge(t->size_bytes()));
  t->name = fresh_name();
  return model_.graph.add_tensor(std::move(*t));
}

namespace {

/// A name that no tensor has yet.
std::string unique(const graph::Graph& graph, std::string name) {
  if (name.empty()) name = "tensor";
  const auto taken = [&] {
    return std::ranges::any_of(graph.tensors(), [&](const graph::Tensor& t) { return t.name == name; });
  };
  while (taken()) name += "_";
  return name;
}

class Reader {
 public:
  Reader(const schema::Model& file, std::string_view file_name, std::size_t bytes)
      : file_(file), file_name_(file_name) {
    // Weights of a byte become floats, and floats in another order, before they are bytes again.
    model_.budget_bytes = 12 * bytes + (1u << 20);
  }

  Result<graph::Graph> read() && {
    for (const schema::OperatorSet& set : file_.opset_import()) {
      // A file with trees alone need not name the standard's set.
      if (set.domain() == kMlDomain && model_.opset == 0) model_.opset = kNewest;
      if (set.domain().empty() || set.domain() == "ai.onnx") model_.opset = set.version();
    }
    if (model_.opset < kOldest || model_.opset > kNewest) {
      return fail(Code::unsupported, "the model uses operator set " + std::to_string(model_.opset) + ", mote reads " +
                                         std::to_string(kOldest) + " to " + std::to_string(kNewest));
    }
    const schema::Graph& g = file_.graph();
    const std::string own = clean_name(g.name());
    model_.graph.rename(own.empty() ? clean_name(std::filesystem::path(file_name_).stem().string()) : own);
    MOTE_TRY_VOID(read_initializers(g));
    MOTE_TRY_VOID(read_inputs(g));
    const std::vector<NumberedNode> nodes = without_quantized_nodes(g);
    for (const NumberedNode& n : nodes) model_.used.insert(n.node.input().begin(), n.node.input().end());
    for (const schema::ValueInfo& info : g.output()) model_.used.insert(info.name());
    for (const NumberedNode& n : nodes) MOTE_TRY_VOID(row_of(n.node, n.index));
    for (const NumberedNode& n : nodes) {
      NodeReader node(model_, n.node, n.index);
      MOTE_TRY(const OperatorRow* row, row_of(n.node, n.index));
      MOTE_TRY_VOID(check_integers(node));
      MOTE_TRY_VOID(row->read(node));
      note_unsigned(n.node);
    }
    MOTE_TRY_VOID(read_outputs(g));
    model_.graph.remove_unused_tensors();
    MOTE_TRY_VOID(graph::verify(model_.graph));
    return std::move(model_.graph);
  }

 private:
  Result<const OperatorRow*> row_of(const schema::Node& node, std::size_t index) {
    const NodeReader place(model_, node, index);
    // Some operators were ONNX Runtime's before they were ONNX's.
    constexpr std::array<std::string_view, 3> kAdopted{"DequantizeLinear", "Gelu", "QuantizeLinear"};
    const bool standard =
        node.domain().empty() || node.domain() == "ai.onnx" ||
        (node.domain() == "com.microsoft" && std::ranges::find(kAdopted, node.op_type()) != kAdopted.end());
    const auto found = std::ranges::find(rows(), node.op_type(), &OperatorRow::type);
    if (found != rows().end() && (found->domain.empty() ? standard : node.domain() == found->domain)) return &*found;
    const auto quantized = quantized_node_types();
    if (std::ranges::find(quantized, node.op_type()) != quantized.end())
      return place.refuse(Code::unsupported,
                          node.op_type() == "DynamicQuantizeLinear" || node.op_type().ends_with("Integer")
                              ? "values rounded as they come are only read where ConvInteger or MatMulInteger "
                                "multiplies them with constants"
                              : "it has channels last, or not the inputs that it must have");
    return place.refuse(
        Code::unsupported,
        standard || node.domain() == kMlDomain
            ? "mote does not have this operator; those it has are listed in docs/operators-onnx.md"
            : "this is an operator of the domain " + in_quotes(clean_name(node.domain())) + ", which mote cannot know");
  }

  /// Only operators that move or compare bytes mean the same with and without a scale.
  Result<void> check_integers(const NodeReader& node) const {
    constexpr std::array kHandOn{"ArgMax",           "ArgMin",  "Cast",    "Concat", "DepthToSpace",
                                 "DequantizeLinear", "Expand",  "Flatten", "Gather", "GlobalMaxPool",
                                 "Identity",         "Max",     "MaxPool", "Min",    "ReduceMax",
                                 "ReduceMin",        "Reshape", "Shape",   "Size",   "Slice",
                                 "SpaceToDepth",     "Split",   "Squeeze", "Tile",   "Transpose",
                                 "Unsqueeze"};
    if (std::ranges::find(kHandOn, node.type()) != kHandOn.end()) return {};
    for (std::size_t i = 0; i < node.input_count(); ++i) {
      if (!node.has(i)) continue;
      MOTE_TRY(const graph::TensorId id, node.in(i));
      const graph::Tensor& t = node.tensor(id);
      const bool truth = graph::may_be_truth(t) && node.knows_scale(id);
      if (t.dtype == graph::DType::i8 && !t.is_constant() && !truth)
        return node.refuse(Code::unsupported, "input " + std::to_string(i) +
                                                  " is of bytes without a scale, which mote moves and compares only");
    }
    return {};
  }
  /// What comes of uint8 values is uint8.
  void note_unsigned(const schema::Node& node) {
    const auto id_of = [&](const std::string& name) {
      const auto found = model_.values.find(name);
      return found == model_.values.end() ? graph::kNoTensor : found->second;
    };
    const bool from_unsigned = std::ranges::any_of(
        node.input(), [&](const std::string& name) { return model_.unsigned_bytes.contains(id_of(name)); });
    bool is_unsigned = from_unsigned;
    if (node.op_type() == "QuantizeLinear")
      is_unsigned = node.input_size() < 3 || node.input(2).empty() ||
                    model_.graph.tensor(id_of(node.input(2))).dtype == graph::DType::u8;
    for (const std::string& name : node.output()) {
      const graph::TensorId id = id_of(name);
      if (is_unsigned && id != graph::kNoTensor && model_.graph.tensor(id).dtype == graph::DType::i8)
        model_.unsigned_bytes.insert(id);
    }
  }

  Result<void> read_initializers(const schema::Graph& g) {
    for (const schema::Tensor& source : g.initializer()) {
      auto t = constant_of(source);
      if (!t) return fail(std::move(t).error(), "tensor " + in_quotes(clean_name(source.name())));
      t->name = unique_constant(t->name);
      const graph::TensorId id = model_.graph.add_tensor(std::move(*t));
      if (!model_.values.emplace(source.name(), id).second)
        return fail(Code::malformed, "two tensors are named " + in_quotes(clean_name(source.name())));
    }
    return {};
  }
  /// Cheap for thousands of initializers: the number makes it unique.
  std::string unique_constant(const std::string& name) const {
    return name + "/c" + std::to_string(model_.graph.tensors().size());
  }

  Result<void> read_inputs(const schema::Graph& g) {
    std::vector<graph::TensorId> ids;
    for (const schema::ValueInfo& info : g.input()) {
      if (model_.values.contains(info.name())) continue;  // an initializer, which old files list among the inputs
      const std::string place = "model input " + in_quotes(clean_name(info.name()));
      auto type = element_type(info.type().tensor_type().elem_type());
      if (!type) return fail(std::move(type).error(), place);
      Dims dims;
      std::int64_t elements = 1;
      for (int d = 0; d < info.type().tensor_type().shape().dim_size(); ++d) {
        const schema::Dimension& dim = info.type().tensor_type().shape().dim(d);
        // The batch is the caller's loop.
        const std::int64_t value = dim.has_dim_value() && dim.dim_value() > 0 ? dim.dim_value() : d == 0 ? 1 : 0;
        if (value < 1 || value > kMostElements || (elements *= value) > kMostElements) {
          return fail(Code::unsupported, place + ": dimension " + std::to_string(d) + " (" +
                                             in_quotes(clean_name(dim.dim_param())) +
                                             ") is not fixed; export the model with fixed shapes");
        }
        dims.push_back(static_cast<std::int32_t>(value));
      }
      const bool is_unsigned = *type == graph::DType::u8, bytes = is_unsigned || *type == graph::DType::i8;
      const graph::TensorId id = model_.graph.add_tensor(
          {unique(model_.graph, clean_name(info.name())), bytes ? graph::DType::i8 : *type, graph::Shape(dims),
           bytes ? graph::Quantization::per_tensor(1.0f, is_unsigned ? -128 : 0) : graph::Quantization{}, nullptr});
      if (is_unsigned) model_.unsigned_bytes.insert(id);
      if (bytes && info.type().tensor_type().elem_type() != kBool) model_.without_scale.insert(id);
      if (!model_.values.emplace(info.name(), id).second)
        return fail(Code::malformed, "two inputs are named " + in_quotes(clean_name(info.name())));
      ids.push_back(id);
    }
    if (ids.empty()) return fail(Code::malformed, "the model has no input");
    model_.graph.set_inputs(std::move(ids));
    return {};
  }

  Result<void> read_outputs(const schema::Graph& g) {
    std::vector<graph::TensorId> ids;
    for (const schema::ValueInfo& info : g.output()) {
      const auto found = model_.values.find(info.name());
      const std::string place = "model output " + in_quotes(clean_name(info.name()));
      if (found == model_.values.end()) return fail(Code::malformed, place + " is not computed by any node");
      const graph::Tensor& t = model_.graph.tensor(found->second);
      if (t.is_constant()) return fail(Code::unsupported, place + " does not depend on the input");
      if (t.dtype != graph::DType::f32 && t.dtype != graph::DType::i32 && t.dtype != graph::DType::i8)
        return fail(Code::unsupported, place + " has " + std::string(graph::name(t.dtype)) + " elements");
      ids.push_back(found->second);
      // The file's own name, where no other tensor has it.
      const std::string own = clean_name(info.name());
      const bool free =
          std::ranges::none_of(model_.graph.tensors(), [&](const graph::Tensor& other) { return other.name == own; });
      if (free && !own.empty()) model_.graph.tensor(found->second).name = own;
    }
    if (ids.empty()) return fail(Code::malformed, "the model has no output");
    model_.graph.set_outputs(std::move(ids));
    return {};
  }

  const schema::Model& file_;
  std::string_view file_name_;
  Model model_;
};

}  // namespace
}  // namespace onnx

Result<graph::Graph> read_onnx(ByteSpan bytes, std::string_view name) {
  onnx::schema::Model file;
  if (!onnx::parse(file, bytes) || !file.has_graph())
    return fail(Code::malformed, std::string(name) + ": this is no ONNX model: its bytes do not follow the format");
  auto graph = onnx::Reader(file, name, bytes.size()).read();
  if (!graph) return fail(std::move(graph).error(), std::string(name));
  return graph;
}

Result<graph::Tensor> read_onnx_tensor(ByteSpan bytes) {
  onnx::schema::Tensor source;
  if (!onnx::parse(source, bytes)) return fail(Code::malformed, "this is no ONNX tensor");
  return onnx::constant_of(source);
}

Result<Bytes> with_constant_inputs(ByteSpan model, const std::vector<graph::Tensor>& values) {
  onnx::schema::Model file;
  if (!onnx::parse(file, model)) return fail(Code::malformed, "this is no ONNX model");
  for (const graph::Tensor& value : values) {
    const bool there = std::ranges::any_of(
        file.graph().input(), [&](const onnx::schema::ValueInfo& info) { return info.name() == value.name; });
    if (!there) return fail(Code::not_found, "the model has no input " + in_quotes(value.name));
    onnx::schema::Tensor& t = *file.mutable_graph()->add_initializer();
    t.set_name(value.name);
    t.set_data_type(value.dtype == graph::DType::f32   ? 1
                    : value.dtype == graph::DType::i32 ? 6
                    : value.dtype == graph::DType::i64 ? 7
                    : value.dtype == graph::DType::i8  ? (value.quantization.present() ? onnx::kBool : 3)
                                                       : 2);
    for (const std::int32_t d : value.shape.dims()) t.add_dims(d);
    t.set_raw_data(value.data->data(), value.data->size());
  }
  const std::string text = file.SerializeAsString();
  return Bytes(text.begin(), text.end());
}

std::vector<std::string_view> onnx_operators() {
  std::vector<std::string_view> names;
  for (const onnx::OperatorRow& row : onnx::rows()) names.push_back(row.type);
  for (const std::string_view type : onnx::quantized_node_types()) names.push_back(type);
  std::ranges::sort(names);
  return names;
}

}  // namespace mote::formats
