// XNNPACK is part of the package's interpreter and has no switch. It refuses graphs with a tensor whose shape is known
// only at run time, so every input goes through a RESHAPE to the shape it has already, with that shape as another input
// of the model.

#include <cstring>
#include <memory>
#include <numeric>

#include "oracle/tflite_oracle.hpp"
#include "tflite_generated.h"

namespace mote::oracle {
namespace {

namespace fb = formats::tflite_schema;

std::size_t element_bytes(fb::TensorType type) {
  switch (type) {
    case fb::TensorType::INT8:
    case fb::TensorType::UINT8:
    case fb::TensorType::BOOL:
      return 1;
    case fb::TensorType::INT16:
      return 2;
    case fb::TensorType::INT64:
      return 8;
    default:
      return 4;
  }
}

/// Puts a RESHAPE in front of input `position`. Returns the bytes of the new input that holds the shape.
Bytes make_shape_dynamic(fb::ModelT& model, std::size_t position, std::uint32_t reshape_code) {
  fb::SubGraphT& subgraph = *model.subgraphs[0];
  const std::int32_t inner = subgraph.inputs[position];
  const std::vector<std::int32_t> dims = subgraph.tensors[static_cast<std::size_t>(inner)]->shape;

  auto outer = std::make_unique<fb::TensorT>(*subgraph.tensors[static_cast<std::size_t>(inner)]);
  outer->name += "/outside";
  auto shape = std::make_unique<fb::TensorT>();
  shape->name = outer->name + "/shape";
  shape->type = fb::TensorType::INT32;
  shape->shape = {static_cast<std::int32_t>(dims.size())};
  const auto first_new = static_cast<std::int32_t>(subgraph.tensors.size());
  subgraph.tensors.push_back(std::move(outer));
  subgraph.tensors.push_back(std::move(shape));

  auto reshape = std::make_unique<fb::OperatorT>();
  reshape->opcode_index = reshape_code;
  reshape->inputs = {first_new, first_new + 1};
  reshape->outputs = {inner};
  reshape->options.Set(fb::ReshapeOptionsT{});
  subgraph.operators.insert(subgraph.operators.begin(), std::move(reshape));
  subgraph.inputs[position] = first_new;
  subgraph.inputs.push_back(first_new + 1);

  const ByteSpan raw = bytes_of(std::span<const std::int32_t>(dims));
  return {raw.begin(), raw.end()};
}

std::size_t sample_bytes(const fb::SubGraphT& subgraph) {
  std::size_t total = 0;
  for (const std::int32_t id : subgraph.inputs) {
    const fb::TensorT& tensor = *subgraph.tensors[static_cast<std::size_t>(id)];
    total += std::accumulate(tensor.shape.begin(), tensor.shape.end(), element_bytes(tensor.type),
                             [](std::size_t product, std::int32_t d) { return product * static_cast<std::size_t>(d); });
  }
  return total;
}

bool described(const fb::Model& model) {
  for (const fb::Operator* op : *model.subgraphs()->Get(0)->operators()) {
    if (op->options_type() != fb::BuiltinOptions::NONE && *fb::EnumNameBuiltinOptions(op->options_type()) == '\0')
      return false;
  }
  return true;
}

}  // namespace

Result<TfliteJob> for_builtin_kernels(const TfliteJob& job) {
  const ByteSpan inputs = job.inputs;
  flatbuffers::Verifier verifier(job.model.data(), job.model.size());
  if (!fb::VerifyModelBuffer(verifier)) return fail(Code::malformed, "this is no TensorFlow Lite model");
  const fb::Model& source = *fb::GetModel(job.model.data());
  if (!described(source))
    return fail(Code::unsupported, "the model has options that tflite.fbs does not describe, so it cannot be changed");
  fb::ModelT copy;
  source.UnPackTo(&copy);
  const std::size_t bytes_each = sample_bytes(*copy.subgraphs[0]);
  if (bytes_each == 0 || inputs.size() % bytes_each != 0)
    return fail(Code::invalid_argument, "the inputs do not divide into samples");

  auto code = std::make_unique<fb::OperatorCodeT>();
  code->short_code = static_cast<std::int8_t>(fb::BuiltinOperator::RESHAPE);
  code->code = fb::BuiltinOperator::RESHAPE;
  copy.operator_codes.push_back(std::move(code));
  const auto reshape_code = static_cast<std::uint32_t>(copy.operator_codes.size() - 1);
  Bytes shapes;
  const std::size_t own_inputs = copy.subgraphs[0]->inputs.size();
  for (std::size_t i = 0; i < own_inputs; ++i) {
    const Bytes shape = make_shape_dynamic(copy, i, reshape_code);
    shapes.insert(shapes.end(), shape.begin(), shape.end());
  }

  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(fb::Model::Pack(builder, &copy), fb::ModelIdentifier());
  TfliteJob result;
  result.model.assign(builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize());
  for (std::size_t offset = 0; offset < inputs.size(); offset += bytes_each) {
    const ByteSpan sample = inputs.subspan(offset, bytes_each);
    result.inputs.insert(result.inputs.end(), sample.begin(), sample.end());
    result.inputs.insert(result.inputs.end(), shapes.begin(), shapes.end());
  }
  return result;
}

}  // namespace mote::oracle
