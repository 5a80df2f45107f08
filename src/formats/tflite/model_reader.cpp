#include "model_reader.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "metadata.hpp"
#include "mote/graph/executor.hpp"

namespace mote::formats::tflite {

using graph::DType;
using graph::Tensor;
using graph::TensorId;

namespace {

// What an honest file may ask to be copied: everything once, with room for tables that share a string or a vector.
constexpr std::size_t kBudgetFactor = 2;
constexpr std::size_t kBudgetSlackBytes = 64 * 1024;

}  // namespace

ModelReader::ModelReader(const VerifiedModel& file, std::string_view file_name)
    : model_(file.model()),
      file_stem_(clean_name(std::filesystem::path(file_name).stem().string())),
      budget_bytes_(file.size_bytes() * kBudgetFactor + kBudgetSlackBytes) {}

ModelReader::ModelReader(const fb::Model& model, const fb::SubGraph& subgraph, std::size_t budget_bytes)
    : model_(model), subgraph_(&subgraph), initializes_(true), budget_bytes_(budget_bytes) {
  buffers_.resize(count(model_.buffers()));
}

Result<void> ModelReader::charge(std::size_t bytes) {
  if (bytes > budget_bytes_) {
    return fail(
        Code::malformed,
        "many tables share the same bytes, so that the model is far larger than its file; this is no honest model");
  }
  budget_bytes_ -= bytes;
  return {};
}

Result<graph::Graph> ModelReader::read() && {
  if (model_.version() != 3) {
    return fail(Code::unsupported,
                "the format's version is " + std::to_string(model_.version()) + ", mote reads version 3");
  }
  if (count(model_.subgraphs()) == 0) return fail(Code::malformed, "the model has 0 subgraphs");
  const fb::SubGraph& subgraph = *model_.subgraphs()->Get(0);
  subgraph_ = &subgraph;
  const std::string own = subgraph.name() == nullptr ? std::string() : clean_name(subgraph.name()->string_view());
  // "main" is what converters write, not a name that somebody gave.
  graph_.rename(own.empty() || own == "main" ? (file_stem_.empty() ? "model" : file_stem_) : own);
  buffers_.resize(count(model_.buffers()));
  MOTE_TRY_VOID(read_tensors(subgraph));
  MOTE_TRY_VOID(read_operators(subgraph));
  MOTE_TRY_VOID(check_subgraphs());
  MOTE_TRY_VOID(read_outputs(subgraph));
  MOTE_TRY_VOID(settle_variables());
  MOTE_TRY_VOID(read_operator_names());
  graph_.remove_unused_tensors();
  MOTE_TRY_VOID(graph::verify(graph_));
  return std::move(graph_);
}

Result<TensorId> ModelReader::usable(std::int64_t index) const {
  if (index < 0 || static_cast<std::size_t>(index) >= unusable_.size()) {
    return fail(Code::malformed, "tensor " + std::to_string(index) + " does not exist, the model has " +
                                     std::to_string(unusable_.size()));
  }
  const auto& reason = unusable_[static_cast<std::size_t>(index)];
  if (reason) return fail(*reason);
  return static_cast<TensorId>(index);
}

Result<void> check_value(const Tensor& tensor) {
  if ((tensor.dtype == DType::i8 || tensor.dtype == DType::i16) && !tensor.quantization.present())
    return fail(Code::malformed,
                "is " + std::string(tensor.dtype == DType::i8 ? "int8" : "int16") + " without a scale");
  if (tensor.quantization.per_channel())
    return fail(Code::unsupported, "is a value with a scale for each channel; values need a single scale");
  return {};
}

Result<void> check_element_type(const Tensor& tensor) {
  if (tensor.dtype == DType::f32 || tensor.dtype == DType::i8 || tensor.dtype == DType::i16) return {};
  return fail(Code::unsupported,
              "has " + std::string(graph::name(tensor.dtype)) + " elements; values must be float32, int8 or int16");
}

Result<void> ModelReader::read_inputs(const fb::SubGraph& subgraph) {
  MOTE_TRY_VOID(charge(4 * count(subgraph.inputs())));
  std::vector<TensorId> ids;
  for (std::size_t i = 0; i < count(subgraph.inputs()); ++i) {
    const std::string place = "model input " + std::to_string(i);
    const auto id = usable(subgraph.inputs()->Get(static_cast<flatbuffers::uoffset_t>(i)));
    if (!id) return fail(Error(id.error()), place);
    const Tensor& tensor = graph_.tensor(*id);
    Origin& origin = origins_[static_cast<std::size_t>(*id)];
    if (origin != Origin::unknown)
      return fail(Code::malformed, place + ": tensor " + in_quotes(tensor.name) + " is a constant or an input already");
    if (auto checked = check_value(tensor); !checked)
      return fail(std::move(checked).error(), place + ": tensor " + in_quotes(tensor.name));
    if (auto checked = check_element_type(tensor); !checked)
      return fail(std::move(checked).error(), place + ": tensor " + in_quotes(tensor.name));
    if (tensor.shape.rank() > 1 && tensor.shape[0] != 1) {
      return fail(Code::unsupported, place + ": tensor " + in_quotes(tensor.name) + ": has the shape " +
                                         tensor.shape.text() +
                                         "; mote runs one sample at a time, so its first dimension must be 1");
    }
    origin = Origin::value;
    ids.push_back(*id);
  }
  if (ids.empty()) return fail(Code::malformed, "the model has no input");
  graph_.set_inputs(std::move(ids));
  return {};
}

Result<const OperatorRow*> ModelReader::row_of(const OperatorReader& reader, const fb::Operator& op) const {
  if (op.opcode_index() >= count(model_.operator_codes())) {
    return reader.refuse(Code::malformed, "its code " + std::to_string(op.opcode_index()) +
                                              " does not exist, the model has " +
                                              std::to_string(count(model_.operator_codes())));
  }
  const fb::OperatorCode& code = *model_.operator_codes()->Get(op.opcode_index());
  const OperatorRow* row = row_for_code(operator_number(code));
  if (row != nullptr) return row;
  const bool custom = operator_number(code) == static_cast<std::int32_t>(fb::BuiltinOperator::CUSTOM);
  return reader.refuse(Code::unsupported, std::string(custom ? "this is a custom operator, which mote cannot know"
                                                             : "mote does not have this operator") +
                                              "; those it has are listed in docs/operators.md");
}

Result<void> ModelReader::read_operators(const fb::SubGraph& subgraph) {
  const std::size_t operators = count(subgraph.operators());
  MOTE_TRY_VOID(charge(operators * kTableBytes));
  const auto name_of = [&](const fb::Operator& op) {
    return op.opcode_index() < count(model_.operator_codes())
               ? operator_name(*model_.operator_codes()->Get(op.opcode_index()))
               : "unknown";
  };
  // An operator that mote lacks is the reason a user can act on, so it comes before anything that is wrong with a
  // tensor.
  std::vector<const OperatorRow*> rows;
  for (std::size_t i = 0; i < operators; ++i) {
    const fb::Operator& op = *subgraph.operators()->Get(static_cast<flatbuffers::uoffset_t>(i));
    MOTE_TRY(const OperatorRow* row, row_of(OperatorReader(*this, op, i, name_of(op)), op));
    rows.push_back(row);
  }
  if (!initializes_) MOTE_TRY_VOID(read_inputs(subgraph));
  for (std::size_t i = 0; i < operators; ++i) {
    const fb::Operator& op = *subgraph.operators()->Get(static_cast<flatbuffers::uoffset_t>(i));
    MOTE_TRY_VOID(charge(4 * (count(op.inputs()) + count(op.outputs()))));
    OperatorReader reader(*this, op, i, name_of(op));
    const std::size_t before = graph_.ops().size();
    MOTE_TRY_VOID(rows[i]->read(reader));
    MOTE_TRY_VOID(settle(reader, before));
  }
  return {};
}

Result<void> ModelReader::settle(const OperatorReader& reader, std::size_t first_op) {
  std::vector<graph::Op>& ops = graph_.ops();
  for (std::size_t i = first_op; i < ops.size();) {
    const graph::Op& op = ops[i];
    if (auto sound = graph::verify_op(graph_, op); !sound)
      return reader.refuse(sound.error().code(), sound.error().message());
    Tensor& y = graph_.tensor(op.outputs[0]);
    const bool constant = std::ranges::all_of(
        op.inputs, [&](TensorId id) { return id == graph::kNoTensor || graph_.tensor(id).is_constant(); });
    if (constant) {
      MOTE_TRY_VOID(charge(y.size_bytes()));
      auto folded = graph::fold(graph_, op);
      if (!folded) return reader.refuse(folded.error().code(), folded.error().message());
      y.data = std::make_shared<const Bytes>(std::move(*folded));
      if (static_cast<std::size_t>(op.outputs[0]) < origins_.size())
        origins_[static_cast<std::size_t>(op.outputs[0])] = Origin::constant;
      ops.erase(ops.begin() + static_cast<std::ptrdiff_t>(i));
      continue;
    }
    const bool indices =
        y.dtype == DType::i32 &&
        (op.as<graph::ArgReduce>() != nullptr || op.as<graph::Reshape>() != nullptr ||
         op.as<graph::Quantize>() != nullptr || op.as<graph::TopK>() != nullptr || op.as<graph::Cast>() != nullptr);
    if (auto checked = check_element_type(y); !checked && !indices) {
      return reader.refuse(checked.error().code(), "tensor " + in_quotes(y.name) + ", " + checked.error().message());
    }
    ++i;
  }
  return {};
}

void ModelReader::materialize_pad(TensorId output) {
  const auto found = padded_.find(output);
  if (found == padded_.end()) return;
  const PaddedValue padded = found->second;
  padded_.erase(found);
  graph_.add_op({graph_.tensor(output).name,
                 graph::Pad{{0, padded.pads.top, padded.pads.left, 0}, {0, padded.pads.bottom, padded.pads.right, 0}},
                 {padded.id},
                 {output}});
}

Result<void> ModelReader::check_subgraphs() const {
  for (std::size_t i = 1; i < count(model_.subgraphs()); ++i) {
    if (i < initializers_.size() && initializers_[i]) continue;
    return fail(Code::unsupported, "the model has " + std::to_string(count(model_.subgraphs())) + " subgraphs, and " +
                                       std::to_string(i) +
                                       " is none that CALL_ONCE runs to initialize variables; mote reads models with "
                                       "one entry and without control flow");
  }
  return {};
}

Result<void> ModelReader::initialize(const OperatorReader& reader, std::int64_t subgraph) {
  if (initializes_) return reader.refuse(Code::unsupported, "it stands in a subgraph that initializes variables");
  if (subgraph < 1 || static_cast<std::size_t>(subgraph) >= count(model_.subgraphs()))
    return reader.refuse(Code::malformed, "it runs subgraph " + std::to_string(subgraph) + " of " +
                                              std::to_string(count(model_.subgraphs())));
  initializers_.resize(count(model_.subgraphs()));
  // Once is once: a second call changes nothing.
  if (initializers_[static_cast<std::size_t>(subgraph)]) return {};
  initializers_[static_cast<std::size_t>(subgraph)] = true;
  const fb::SubGraph& source = *model_.subgraphs()->Get(static_cast<flatbuffers::uoffset_t>(subgraph));
  ModelReader inside(model_, source, budget_bytes_);
  auto done = inside.read_tensors(source);
  if (done) done = inside.read_operators(source);
  if (!done)
    return reader.refuse(done.error().code(), "subgraph " + std::to_string(subgraph) + ": " + done.error().message());
  budget_bytes_ = inside.budget_bytes_;
  for (const auto& [key, variable] : inside.variables_) {
    if (variable.assigned == graph::kNoTensor) continue;
    const Tensor& value = inside.graph_.tensor(variable.assigned);
    Variable& own = variables_[key];
    if (own.before != graph::kNoTensor || own.assigned != graph::kNoTensor)
      return reader.refuse(Code::unsupported,
                           "it initializes the variable " + in_quotes(variable.name) + ", which is in use already");
    MOTE_CHECK(value.is_constant());  // nothing enters such a subgraph, and what is constant is folded
    own.name = variable.name;
    own.initial = value;
  }
  return {};
}

TensorId ModelReader::viewed(TensorId id) const {
  for (std::int32_t op = graph_.producer(id); op >= 0; op = graph_.producer(id)) {
    const graph::Op& producer = graph_.ops()[static_cast<std::size_t>(op)];
    if (producer.as<graph::Reshape>() == nullptr) break;
    id = producer.inputs[0];
  }
  return id;
}

Result<void> ModelReader::settle_variables() {
  const auto is_found = [&](TensorId id) {
    return std::ranges::any_of(variables_, [&](const auto& v) { return v.second.before == id; });
  };
  for (const auto& [key, variable] : variables_) {
    if (variable.before == graph::kNoTensor) continue;  // every inference assigns before it reads
    Tensor& before = graph_.tensor(variable.before);
    const TensorId source = variable.assigned == graph::kNoTensor ? variable.before : viewed(variable.assigned);
    if (source == variable.before) {
      before.data = variable.initial->data;
      continue;
    }
    if (graph_.tensor(source).is_constant())
      return fail(Code::unsupported, "the variable " + in_quotes(variable.name) +
                                         " is assigned a constant, which only the first inference does not find in it");
    // The value of an operator of its own: what is assigned may be an input, or go to several variables. What another
    // variable held is copied before that one is renewed.
    const TensorId after = add_tensor(graph_.tensor(variable.before), "/after");
    const bool copied = is_found(source) && graph_.tensor(source).shape == graph_.tensor(after).shape;
    graph_.add_op({graph_.tensor(after).name,
                   copied ? graph::Attributes(graph::Broadcast{}) : graph::Attributes(graph::Reshape{}),
                   {copied ? source : variable.assigned},
                   {after}});
    graph_.add_state({variable.before, after, variable.initial->data});
  }
  return {};
}

TensorId ModelReader::add_tensor(Tensor like, std::string_view suffix) {
  like.name += suffix;
  while (!names_.emplace(like.name, 1).second) like.name += "_";
  like.data = nullptr;
  return graph_.add_tensor(std::move(like));
}

Result<void> ModelReader::read_outputs(const fb::SubGraph& subgraph) {
  MOTE_TRY_VOID(charge(4 * count(subgraph.outputs())));
  std::vector<TensorId> ids;
  for (std::size_t i = 0; i < count(subgraph.outputs()); ++i) {
    const std::string place = "model output " + std::to_string(i);
    const auto id = usable(subgraph.outputs()->Get(static_cast<flatbuffers::uoffset_t>(i)));
    if (!id) return fail(Error(id.error()), place);
    const std::string name = "tensor " + in_quotes(graph_.tensor(*id).name);
    materialize_pad(*id);
    if (origins_[static_cast<std::size_t>(*id)] != Origin::value) {
      return fail(Code::malformed, place + ": " + name + " is not computed by any operator");
    }
    ids.push_back(*id);
  }
  if (ids.empty()) return fail(Code::malformed, "the model has no output");
  graph_.set_outputs(std::move(ids));
  return {};
}

Result<void> ModelReader::read_operator_names() {
  const ByteSpan text = metadata(model_, kOperatorNames);
  // Another tool may have kept the entry and changed the operators.
  if (static_cast<std::size_t>(std::ranges::count(text, 0)) != graph_.ops().size()) return {};
  MOTE_TRY_VOID(charge(text.size()));
  const std::vector<std::string> names = split_names(text);
  for (std::size_t i = 0; i < names.size(); ++i) graph_.ops()[i].name = clean_name(names[i]);
  return {};
}

}  // namespace mote::formats::tflite
