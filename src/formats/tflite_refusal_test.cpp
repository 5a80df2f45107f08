// Broken, hostile and unsupported files: each is refused with one sentence that names the place, and none crashes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "mote/base/rng.hpp"
#include "mote/formats/tflite.hpp"
#include "test_models.hpp"
#include "tflite_generated.h"

namespace mote::formats {
namespace {

namespace fb = tflite_schema;
using testing::HasSubstr;

/// The file's tables as objects, to be damaged one at a time. The subject is int8: conv (0 is its PAD), depthwise, add,
/// pools, dense, softmax.
struct Subject {
  fb::ModelT model;

  fb::SubGraphT& graph() { return *model.subgraphs[0]; }
  fb::TensorT& tensor(const std::string& name) {
    for (auto& t : graph().tensors) {
      if (t->name == name) return *t;
    }
    ADD_FAILURE() << "no tensor " << name;
    return *graph().tensors[0];
  }
  fb::OperatorT& op(fb::BuiltinOperator code) {
    for (auto& o : graph().operators) {
      if (model.operator_codes[o->opcode_index]->code == code) return *o;
    }
    ADD_FAILURE() << "no operator " << fb::EnumNameBuiltinOperator(code);
    return *graph().operators[0];
  }
  std::vector<std::uint8_t>& data(const std::string& name) { return model.buffers[tensor(name).buffer]->data; }
  void turn_into(fb::BuiltinOperator from, fb::BuiltinOperator to) {
    auto& code = *model.operator_codes[op(from).opcode_index];
    code.code = to;
    code.short_code = static_cast<std::int8_t>(std::min(static_cast<int>(to), 127));
  }
};

Bytes pack(const fb::ModelT& model) {
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(fb::Model::Pack(builder, &model), fb::ModelIdentifier());
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

const Bytes& sound_file() {
  static const Bytes file = *write_tflite(test::quantized(test::every_operator(), 3));
  return file;
}

void expect_one_sentence(const Error& error) {
  EXPECT_THAT(error.message(), testing::StartsWith("bad.tflite: "));
  EXPECT_THAT(error.message(), testing::Not(testing::ContainsRegex("[\n\r]")));
  EXPECT_LT(error.message().size(), 600u) << error.message();
}

struct Damage {
  const char* name;
  std::function<void(Subject&)> apply;
  const char* sentence;
};

class Damages : public testing::TestWithParam<Damage> {};

TEST_P(Damages, is_refused_with_its_reason) {
  Subject subject;
  fb::GetModel(sound_file().data())->UnPackTo(&subject.model);
  GetParam().apply(subject);
  const auto graph = read_tflite(pack(subject.model), "bad.tflite");
  ASSERT_FALSE(graph.has_value());
  expect_one_sentence(graph.error());
  EXPECT_THAT(graph.error().message(), HasSubstr(GetParam().sentence));
}

using fb::BuiltinOperator;
constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

const Damage kDamages[] = {
    // The model as a whole.
    {"version", [](Subject& s) { s.model.version = 2; }, "version is 2"},
    {"no_subgraph", [](Subject& s) { s.model.subgraphs.clear(); }, "0 subgraphs"},
    {"two_subgraphs", [](Subject& s) { s.model.subgraphs.push_back(std::make_unique<fb::SubGraphT>()); },
     "2 subgraphs"},
    {"no_input", [](Subject& s) { s.graph().inputs.clear(); }, "no input"},
    {"no_output", [](Subject& s) { s.graph().outputs.clear(); }, "no output"},
    {"no_operators", [](Subject& s) { s.graph().operators.clear(); }, "is not computed by any operator"},
    {"no_tensors", [](Subject& s) { s.graph().tensors.clear(); }, "does not exist"},
    {"input_out_of_range", [](Subject& s) { s.graph().inputs[0] = 1000; }, "model input 0: tensor 1000 does not exist"},
    {"input_negative", [](Subject& s) { s.graph().inputs[0] = -7; }, "tensor -7 does not exist"},
    {"input_twice", [](Subject& s) { s.graph().inputs.push_back(s.graph().inputs[0]); }, "an input already"},
    {"output_out_of_range", [](Subject& s) { s.graph().outputs[0] = kMax; },
     "model output 0: tensor 2147483647 does not exist"},
    {"output_never_computed", [](Subject& s) { s.graph().operators.pop_back(); }, "is not computed by any operator"},
    // Tensors.
    {"dimension_zero", [](Subject& s) { s.tensor("conv").shape[1] = 0; }, "has the dimension 0"},
    {"dimension_negative", [](Subject& s) { s.tensor("conv").shape[1] = -1; }, "has the dimension -1"},
    {"shape_huge",
     [](Subject& s) {
       s.tensor("conv").shape = {1, kMax, kMax, kMax};
     },
     "more than 2^30 elements"},
    {"shape_overflows_to_small",
     [](Subject& s) {
       s.tensor("conv").shape = {65536, 65536, 65536, 65536};
     },
     "more than 2^30 elements"},
    {"shape_disagrees", [](Subject& s) { s.tensor("conv").shape[1] += 1; }, "output tensor says"},
    {"shape_of_weights_grows", [](Subject& s) { s.tensor("conv/weights").shape[1] = 1 << 20; }, "bytes of data"},
    {"buffer_out_of_range", [](Subject& s) { s.tensor("conv/weights").buffer = 99999; }, "refers to buffer 99999"},
    {"buffer_missing", [](Subject& s) { s.data("conv/weights").clear(); }, "must be a constant"},
    {"buffer_short", [](Subject& s) { s.data("conv/weights").pop_back(); }, "71 bytes of data"},
    {"buffer_long", [](Subject& s) { s.data("conv/weights").push_back(0); }, "73 bytes of data"},
    {"buffer_outside", [](Subject& s) { s.model.buffers[s.tensor("conv/weights").buffer]->outside_offset = 4096; },
     "outside of the model"},
    {"no_buffers", [](Subject& s) { s.model.buffers.clear(); }, "refers to buffer"},
    {"type_string", [](Subject& s) { s.tensor("input").type = fb::TensorType::STRING; }, "STRING"},
    {"type_unknown", [](Subject& s) { s.tensor("input").type = static_cast<fb::TensorType>(77); }, "type 77"},
    {"type_uint8",
     [](Subject& s) {
       s.tensor("input").type = fb::TensorType::UINT8;
       s.tensor("input").quantization.reset();
     },
     "uint8 elements without a scale"},
    {"type_int4", [](Subject& s) { s.tensor("conv/weights").type = fb::TensorType::INT4; }, "bytes of data in buffer"},
    {"type_of_input_int32",
     [](Subject& s) {
       s.tensor("input").type = fb::TensorType::INT32;
       s.tensor("input").quantization = nullptr;
     },
     "values must be float32, int8 or int16"},
    {"type_of_weights_float", [](Subject& s) { s.tensor("conv/weights").type = fb::TensorType::FLOAT32; },
     "bytes of data"},
    {"type_of_output_float", [](Subject& s) { s.tensor("dense").type = fb::TensorType::FLOAT32; },
     "its input is i8 and its output f32"},
    {"variable", [](Subject& s) { s.tensor("conv").is_variable = true; }, "is a variable"},
    {"sparse", [](Subject& s) { s.tensor("conv/weights").sparsity = std::make_unique<fb::SparsityParametersT>(); },
     "sparse"},
    {"batch_of_two", [](Subject& s) { s.tensor("input").shape[0] = 2; }, "one sample at a time"},
    // Quantization.
    {"scale_zero", [](Subject& s) { s.tensor("conv").quantization->scale[0] = 0.0f; }, "scale that is zero"},
    {"scale_nan", [](Subject& s) { s.tensor("conv").quantization->scale[0] = kNaN; }, "not a number"},
    {"scale_infinite", [](Subject& s) { s.tensor("conv").quantization->scale[0] = HUGE_VALF; }, "not a number"},
    {"scale_negative", [](Subject& s) { s.tensor("conv").quantization->scale[0] = -1.0f; }, "negative"},
    {"scale_denormal", [](Subject& s) { s.tensor("conv").quantization->scale[0] = 1e-42f; }, "scale that is zero"},
    {"scale_tiny", [](Subject& s) { s.tensor("conv").quantization->scale[0] = 1e-30f; }, "its quantization is damaged"},
    {"scale_missing", [](Subject& s) { s.tensor("conv").quantization = nullptr; }, "int8 without a scale"},
    {"scale_of_weights_missing", [](Subject& s) { s.tensor("conv/weights").quantization = nullptr; },
     "int8 without a scale"},
    {"scales_too_few",
     [](Subject& s) {
       auto& q = *s.tensor("conv/weights").quantization;
       q.scale.pop_back();
       q.zero_point.pop_back();
     },
     "3 scales along axis 0"},
    {"scales_along_another_axis",
     [](Subject& s) {
       auto& q = *s.tensor("conv/weights").quantization;
       q.scale.resize(3, 1.0f);
       q.zero_point.resize(3);
       q.quantized_dimension = 1;
     },
     "axis 0 is needed"},
    {"scales_of_a_value",
     [](Subject& s) {
       auto& q = *s.tensor("conv").quantization;
       q.scale.resize(4, 1.0f);
       q.zero_point.resize(4);
       q.quantized_dimension = 3;
     },
     "values need a single scale"},
    {"axis_out_of_range", [](Subject& s) { s.tensor("conv/weights").quantization->quantized_dimension = 9; },
     "along axis 9"},
    {"axis_negative", [](Subject& s) { s.tensor("conv/weights").quantization->quantized_dimension = -1; },
     "along axis -1"},
    {"zero_points_of_another_length", [](Subject& s) { s.tensor("conv/weights").quantization->zero_point.resize(2); },
     "4 scales and 2 zero points"},
    {"zero_point_of_weights", [](Subject& s) { s.tensor("conv/weights").quantization->zero_point[1] = 3; },
     "zero point other than 0"},
    {"zero_point_outside_int8", [](Subject& s) { s.tensor("conv").quantization->zero_point[0] = 200; },
     "zero point 200"},
    {"zero_point_64_bits",
     [](Subject& s) { s.tensor("conv").quantization->zero_point[0] = (std::int64_t{1} << 32) + 5; },
     "zero point 4294967301"},
    {"custom_quantization", [](Subject& s) { s.tensor("conv").quantization->custom_kind = 1; }, "custom quantization"},
    {"bias_scale",
     [](Subject& s) {
       for (float& v : s.tensor("conv/bias").quantization->scale) v = 1e3f;
     },
     "not input scale times weight scale"},
    {"bias_too_long",
     [](Subject& s) {
       s.tensor("dense/bias").shape[0] = 4;
       s.data("dense/bias").resize(16);
       s.tensor("dense/bias").quantization = nullptr;
     },
     "bias"},
    {"softmax_scale", [](Subject& s) { s.tensor("probabilities").quantization->scale[0] = 0.01f; }, "scale 1/256"},
    {"pool_rescales", [](Subject& s) { s.tensor("max").quantization->scale[0] *= 2.0f; }, "different scales"},
    // Operators.
    {"code_out_of_range", [](Subject& s) { s.graph().operators[1]->opcode_index = 500; },
     "its code 500 does not exist"},
    {"operator_unknown", [](Subject& s) { s.turn_into(BuiltinOperator::ADD, BuiltinOperator::LSTM); },
     "(LSTM giving \"sum\"): mote does not have this operator"},
    {"operator_of_the_future",
     [](Subject& s) { s.turn_into(BuiltinOperator::ADD, static_cast<BuiltinOperator>(4711)); }, "operator number 4711"},
    {"operator_custom",
     [](Subject& s) {
       s.turn_into(BuiltinOperator::ADD, BuiltinOperator::CUSTOM);
       s.model.operator_codes[s.op(BuiltinOperator::CUSTOM).opcode_index]->custom_code = "My\nOp\"";
     },
     "(My_Op_ giving \"sum\"): this is a custom operator"},
    {"operator_reads_its_own_output",
     [](Subject& s) {
       auto& o = s.op(BuiltinOperator::ADD);
       o.inputs[0] = o.outputs[0];
     },
     "not computed by an operator before"},
    {"operators_out_of_order", [](Subject& s) { std::swap(s.graph().operators[2], s.graph().operators[4]); },
     "not computed by an operator before"},
    {"operator_twice",
     [](Subject& s) { s.graph().operators.push_back(std::make_unique<fb::OperatorT>(*s.graph().operators[2])); },
     "computed already"},
    {"operator_writes_a_constant",
     [](Subject& s) {
       s.op(BuiltinOperator::SOFTMAX).outputs = s.op(BuiltinOperator::FULLY_CONNECTED).inputs;
       s.op(BuiltinOperator::SOFTMAX).outputs = {s.op(BuiltinOperator::FULLY_CONNECTED).inputs[1]};
     },
     "its output is a constant"},
    {"operator_without_inputs", [](Subject& s) { s.op(BuiltinOperator::CONV_2D).inputs.clear(); },
     "input 0 is missing"},
    {"operator_without_outputs", [](Subject& s) { s.op(BuiltinOperator::CONV_2D).outputs.clear(); }, "0 outputs"},
    {"operator_with_two_outputs", [](Subject& s) { s.op(BuiltinOperator::CONV_2D).outputs.push_back(0); }, "2 outputs"},
    {"operator_input_out_of_range", [](Subject& s) { s.op(BuiltinOperator::CONV_2D).inputs[1] = 12345; },
     "input 1: tensor 12345 does not exist"},
    {"operator_input_absent", [](Subject& s) { s.op(BuiltinOperator::ADD).inputs[1] = -1; }, "input 1 is missing"},
    {"weights_computed",
     [](Subject& s) {
       auto& o = s.op(BuiltinOperator::FULLY_CONNECTED);
       o.inputs[1] = o.inputs[0];
     },
     "must be a constant"},
    {"options_missing", [](Subject& s) { s.op(BuiltinOperator::CONV_2D).options.Reset(); }, "options are missing"},
    {"options_of_another", [](Subject& s) { s.op(BuiltinOperator::CONV_2D).options.Set(fb::SoftmaxOptionsT{}); },
     "another operator's"},
    {"stride_zero", [](Subject& s) { s.op(BuiltinOperator::CONV_2D).options.AsConv2DOptions()->stride_h = 0; },
     "is 0, outside of 1"},
    {"stride_huge", [](Subject& s) { s.op(BuiltinOperator::CONV_2D).options.AsConv2DOptions()->stride_w = kMax; },
     "is 2147483647"},
    {"dilation_negative", [](Subject& s) { s.op(BuiltinOperator::CONV_2D).options.AsConv2DOptions()->dilation_h = -3; },
     "is -3"},
    {"dilation_beyond_the_input",
     [](Subject& s) { s.op(BuiltinOperator::CONV_2D).options.AsConv2DOptions()->dilation_h = 100; },
     "window larger than its input"},
    {"padding_unknown",
     [](Subject& s) {
       s.op(BuiltinOperator::CONV_2D).options.AsConv2DOptions()->padding = static_cast<fb::Padding>(7);
     },
     "neither SAME nor VALID"},
    {"activation_unsupported",
     [](Subject& s) {
       s.op(BuiltinOperator::CONV_2D).options.AsConv2DOptions()->activation = fb::ActivationFunction::TANH;
     },
     "TANH"},
    {"activation_unknown",
     [](Subject& s) {
       s.op(BuiltinOperator::CONV_2D).options.AsConv2DOptions()->activation = static_cast<fb::ActivationFunction>(66);
     },
     "66"},
    {"pool_kernel_zero", [](Subject& s) { s.op(BuiltinOperator::MAX_POOL_2D).options.AsPool2DOptions()->filter_h = 0; },
     "is 0, outside of 1"},
    {"pool_kernel_huge",
     [](Subject& s) { s.op(BuiltinOperator::AVERAGE_POOL_2D).options.AsPool2DOptions()->filter_h = kMax; },
     "is 2147483647"},
    {"softmax_beta", [](Subject& s) { s.op(BuiltinOperator::SOFTMAX).options.AsSoftmaxOptions()->beta = kNaN; },
     "beta"},
    {"dense_shuffled",
     [](Subject& s) { s.op(BuiltinOperator::FULLY_CONNECTED).options.AsFullyConnectedOptions()->weights_format = 1; },
     "shuffled"},
    {"add_broadcasts",
     [](Subject& s) {
       auto& o = s.op(BuiltinOperator::ADD);
       o.inputs[1] = s.graph().inputs[0];
     },
     "which do not broadcast"},
    {"grouped_convolution",
     [](Subject& s) {
       s.tensor("conv/weights").shape = {4, 3, 6, 1};
     },
     "grouped convolution"},
    {"reshape_loses_elements", [](Subject& s) { s.tensor("flat").shape[1] -= 1; }, "it turns"},
    {"pad_negative", [](Subject& s) { std::memset(s.data("conv/paddings").data(), 0xff, 32); }, "it adds -1 rows"},
    {"pad_of_channels", [](Subject& s) { s.data("conv/paddings")[24] = 1; }, "output tensor says"},
    {"pad_disagrees", [](Subject& s) { s.data("conv/paddings")[8] = 1; }, "its output has the shape"},
    {"pad_in_front_of_a_pool",
     [](Subject& s) { s.op(BuiltinOperator::MAX_POOL_2D).inputs[0] = s.op(BuiltinOperator::PAD).outputs[0]; },
     "different scales"},
};

INSTANTIATE_TEST_SUITE_P(Each, Damages, testing::ValuesIn(kDamages),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST(Damages, the_undamaged_subject_reads) { ASSERT_TRUE(read_tflite(sound_file(), "good.tflite").has_value()); }

// ---- blind damage: nothing may crash, whatever the bytes
// --------------------------------------------------------------------------

/// Reads; if it still reads, what was read can be written and comes back the same.
void expect_no_crash(ByteSpan bytes) {
  const auto graph = read_tflite(bytes, "bad.tflite");
  if (!graph) return expect_one_sentence(graph.error());
  const auto file = write_tflite(*graph);
  ASSERT_TRUE(file.has_value()) << file.error().message();
  const auto again = read_tflite(*file, "bad.tflite");
  ASSERT_TRUE(again.has_value()) << again.error().message();
  ASSERT_TRUE(*again == *graph);
}

TEST(BlindDamage, every_truncation_is_refused) {
  for (std::size_t size = 0; size < sound_file().size(); size += size < 256 ? 1 : 13) {
    const auto graph = read_tflite(ByteSpan(sound_file()).first(size), "bad.tflite");
    ASSERT_FALSE(graph.has_value()) << size;
    expect_one_sentence(graph.error());
  }
}

TEST(BlindDamage, every_word_overwritten_does_no_harm) {
  for (const std::uint32_t word : {0xffffffffu, 0x7fffffffu, 0x80000000u, 0u, 1u, 0x7f800000u}) {
    for (std::size_t at = 0; at + 4 <= sound_file().size(); at += 4) {
      Bytes bytes = sound_file();
      std::memcpy(bytes.data() + at, &word, 4);
      expect_no_crash(bytes);
    }
  }
}

TEST(BlindDamage, every_byte_flipped_does_no_harm) {
  for (std::size_t at = 0; at < sound_file().size(); ++at) {
    Bytes bytes = sound_file();
    bytes[at] ^= static_cast<std::uint8_t>(1u << (at % 8));
    expect_no_crash(bytes);
  }
}

TEST(BlindDamage, unaligned_bytes_read_the_same) {
  Bytes shifted(1, 0);
  shifted.insert(shifted.end(), sound_file().begin(), sound_file().end());
  const auto graph = read_tflite(ByteSpan(shifted).subspan(1), "good.tflite");
  ASSERT_TRUE(graph.has_value());
  EXPECT_TRUE(*graph == *read_tflite(sound_file(), "good.tflite"));
}

TEST(BlindDamage, zero_points_need_not_be_aligned) {
  // Found by the fuzzer: the 8-byte elements of a vector may begin at any multiple of 4. Here the vector moves into its
  // own first element.
  fb::ModelT model;
  fb::GetModel(sound_file().data())->UnPackTo(&model);
  model.subgraphs[0]->tensors[0]->quantization->zero_point = {1, 0};
  Bytes bytes = pack(model);
  const auto* quantization = fb::GetModel(bytes.data())->subgraphs()->Get(0)->tensors()->Get(0)->quantization();
  const auto* field = reinterpret_cast<const flatbuffers::Table*>(quantization)
                          ->GetAddressOf(fb::QuantizationParameters::VT_ZERO_POINT);
  bytes[static_cast<std::size_t>(field - bytes.data())] = static_cast<std::uint8_t>(*field + 4);
  EXPECT_EQ(fb::GetModel(bytes.data())->subgraphs()->Get(0)->tensors()->Get(0)->quantization()->zero_point()->size(),
            1u);
  expect_no_crash(bytes);
}

TEST(BlindDamage, random_bytes_are_refused) {
  Rng rng(5);
  for (int i = 0; i < 1000; ++i) {
    Bytes bytes(static_cast<std::size_t>(rng.below(200)));
    for (auto& b : bytes) b = static_cast<std::uint8_t>(rng.next());
    if (bytes.size() > 8) std::memcpy(bytes.data() + 4, "TFL3", 4);
    expect_no_crash(bytes);
  }
}

TEST(Bombs, tables_that_share_one_long_name_do_not_multiply_it) {
  // 40,000 tensors of 4 bytes each, all with one name of 100 kB: 4 GB if every tensor copied it.
  flatbuffers::FlatBufferBuilder builder;
  const auto name = builder.CreateString(std::string(100'000, 'n'));
  const auto tensor = fb::CreateTensor(builder, 0, fb::TensorType::INT8, 0, name);
  const auto tensors = builder.CreateVector(std::vector<flatbuffers::Offset<fb::Tensor>>(40'000, tensor));
  const auto subgraph = fb::CreateSubGraph(builder, tensors);
  const auto subgraphs = builder.CreateVector(&subgraph, 1);
  builder.Finish(fb::CreateModel(builder, 3, 0, subgraphs), fb::ModelIdentifier());
  const auto graph = read_tflite({builder.GetBufferPointer(), builder.GetSize()}, "bad.tflite");
  ASSERT_FALSE(graph.has_value());
  EXPECT_THAT(graph.error().message(), HasSubstr("far larger than its file"));
}

TEST(Bombs, buffers_that_share_one_block_do_not_multiply_it) {
  flatbuffers::FlatBufferBuilder builder;
  const auto data = builder.CreateVector(Bytes(100'000, 1));
  std::vector<flatbuffers::Offset<fb::Buffer>> buffers(10'000, fb::CreateBuffer(builder, data));
  const auto shape = builder.CreateVector(std::vector<std::int32_t>{100'000});
  std::vector<flatbuffers::Offset<fb::Tensor>> tensors;
  for (std::uint32_t i = 0; i < buffers.size(); ++i)
    tensors.push_back(fb::CreateTensor(builder, shape, fb::TensorType::INT8, i));
  const auto tensor_list = builder.CreateVector(tensors);
  const auto subgraph = fb::CreateSubGraph(builder, tensor_list);
  const auto subgraphs = builder.CreateVector(&subgraph, 1);
  const auto buffer_list = builder.CreateVector(buffers);
  builder.Finish(fb::CreateModel(builder, 3, 0, subgraphs, 0, buffer_list), fb::ModelIdentifier());
  const auto graph = read_tflite({builder.GetBufferPointer(), builder.GetSize()}, "bad.tflite");
  ASSERT_FALSE(graph.has_value());
}

}  // namespace
}  // namespace mote::formats
