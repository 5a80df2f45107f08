// Operators with variables: along a stream TensorFlow Lite and mote agree, int8 byte for byte.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "mote/base/rng.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "oracle/tflite_oracle.hpp"
#include "test_models.hpp"
#include "tflite_generated.h"

namespace mote::formats {
namespace {

namespace fb = tflite_schema;
using Dims = std::vector<std::int32_t>;

std::size_t elements(const Dims& shape) {
  std::size_t n = 1;
  for (const std::int32_t d : shape) n *= static_cast<std::size_t>(d);
  return n;
}

/// One operator whose tensors are added in the order of its inputs.
class Recurrent {
 public:
  Recurrent(fb::BuiltinOperator code, bool integer, std::int32_t version, std::uint64_t seed)
      : integer_(integer), rng_(seed) {
    model_.version = 3;
    model_.buffers.push_back(std::make_unique<fb::BufferT>());
    auto operator_code = std::make_unique<fb::OperatorCodeT>();
    operator_code->code = code;
    operator_code->short_code = static_cast<std::int8_t>(code);
    operator_code->version = version;
    model_.operator_codes.push_back(std::move(operator_code));
    model_.subgraphs.push_back(std::make_unique<fb::SubGraphT>());
    graph().operators.push_back(std::make_unique<fb::OperatorT>());
  }
  [[nodiscard]] bool integer() const { return integer_; }

  void value(const Dims& shape, float scale, std::int64_t zero, bool is_output = false) {
    const std::int32_t id =
        add(integer_ ? fb::TensorType::INT8 : fb::TensorType::FLOAT32, shape, 0, integer_ ? q(scale, zero) : nullptr);
    (is_output ? graph().outputs : graph().inputs).push_back(id);
    (is_output ? op().outputs : op().inputs).push_back(id);
  }
  /// Weights of 8 bits (or 16) with this scale, or as many floats.
  void weights(const Dims& shape, float scale, bool wide = false) {
    std::vector<float> floats;
    std::vector<std::int8_t> narrow;
    std::vector<std::int16_t> words;
    for (std::size_t i = 0; i < elements(shape); ++i) {
      const auto v = static_cast<std::int32_t>(rng_.between(-127, 127));
      narrow.push_back(static_cast<std::int8_t>(v));
      words.push_back(static_cast<std::int16_t>(v * 97));
      floats.push_back(scale * static_cast<float>(wide ? v * 97 : v));
    }
    if (!integer_)
      constant(fb::TensorType::FLOAT32, shape, bytes_of(std::span<const float>(floats)), nullptr);
    else if (wide)
      constant(fb::TensorType::INT16, shape, bytes_of(std::span<const std::int16_t>(words)), q(scale, 0));
    else
      constant(fb::TensorType::INT8, shape, bytes_of(std::span<const std::int8_t>(narrow)), q(scale, 0));
  }
  void bias(std::int32_t count, float scale) {
    std::vector<float> floats;
    std::vector<std::int32_t> words;
    for (std::int32_t i = 0; i < count; ++i) {
      words.push_back(static_cast<std::int32_t>(rng_.between(-3000, 3000)));
      floats.push_back(scale * static_cast<float>(words.back()));
    }
    if (integer_)
      constant(fb::TensorType::INT32, {count}, bytes_of(std::span<const std::int32_t>(words)), q(scale, 0));
    else
      constant(fb::TensorType::FLOAT32, {count}, bytes_of(std::span<const float>(floats)), nullptr);
  }
  void absent() { op().inputs.push_back(-1); }
  void variable(const Dims& shape, bool wide, float scale, std::int64_t zero) {
    const auto type = !integer_ ? fb::TensorType::FLOAT32 : wide ? fb::TensorType::INT16 : fb::TensorType::INT8;
    const std::int32_t id = add(type, shape, 0, integer_ ? q(scale, zero) : nullptr);
    graph().tensors[static_cast<std::size_t>(id)]->is_variable = true;
    op().inputs.push_back(id);
  }
  /// Tensors that only carry scales.
  void intermediate(float scale, std::int64_t zero) {
    op().intermediates.push_back(add(fb::TensorType::INT8, {0}, 0, q(scale, zero)));
  }
  template <class Options>
  void options(Options options) {
    op().options.Set(std::move(options));
  }
  [[nodiscard]] Bytes file() {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(fb::Model::Pack(builder, &model_), fb::ModelIdentifier());
    return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
  }

 private:
  fb::SubGraphT& graph() { return *model_.subgraphs[0]; }
  fb::OperatorT& op() { return *graph().operators[0]; }
  static std::unique_ptr<fb::QuantizationParametersT> q(float scale, std::int64_t zero) {
    auto made = std::make_unique<fb::QuantizationParametersT>();
    made->scale = {scale};
    made->zero_point = {zero};
    return made;
  }
  std::int32_t add(fb::TensorType type, const Dims& shape, std::uint32_t buffer,
                   std::unique_ptr<fb::QuantizationParametersT> quantization) {
    auto t = std::make_unique<fb::TensorT>();
    t->name = "t" + std::to_string(graph().tensors.size());
    t->type = type;
    t->shape = shape;
    t->buffer = buffer;
    t->quantization = std::move(quantization);
    graph().tensors.push_back(std::move(t));
    return static_cast<std::int32_t>(graph().tensors.size()) - 1;
  }
  void constant(fb::TensorType type, const Dims& shape, ByteSpan raw,
                std::unique_ptr<fb::QuantizationParametersT> quantization) {
    auto buffer = std::make_unique<fb::BufferT>();
    buffer->data.assign(raw.begin(), raw.end());
    model_.buffers.push_back(std::move(buffer));
    op().inputs.push_back(
        add(type, shape, static_cast<std::uint32_t>(model_.buffers.size() - 1), std::move(quantization)));
  }

  bool integer_;
  Rng rng_;
  fb::ModelT model_;
};

struct Made {
  std::string name;
  bool integer;
  Bytes file;
};

Made svdf(bool integer, std::uint64_t seed, bool biased) {
  Rng rng(seed);
  const auto pick = [&](int low, int high) { return static_cast<std::int32_t>(rng.between(low, high)); };
  const std::int32_t inputs = pick(3, 20), rank = pick(1, 3), units = pick(2, 9), memory = pick(2, 8);
  const std::int32_t filters = rank * units;
  Recurrent m(fb::BuiltinOperator::SVDF, integer, integer ? 3 : 1, seed);
  const float x = 0.03f, feature = 0.011f, state = 0.0004f, time = 0.00001f;
  m.value({1, inputs}, x, pick(-20, 20));
  m.weights({filters, inputs}, feature);
  m.weights({filters, memory}, time, true);
  if (biased)
    m.bias(units, state * time);
  else
    m.absent();
  m.variable({1, filters * memory}, true, state, 0);
  m.value({1, units}, 0.05f, pick(-40, 40), true);
  fb::SVDFOptionsT options;
  options.rank = rank;
  // TensorFlow Lite takes int8 with RELU alone, and leaves the clamp to the zero point.
  options.fused_activation_function =
      integer || seed % 3 == 0 ? fb::ActivationFunction::RELU : fb::ActivationFunction::NONE;
  m.options(options);
  return {"svdf " + std::to_string(seed) + (integer ? ", int8" : ", float"), integer, m.file()};
}

Made lstm(bool integer, std::uint64_t seed) {
  Rng rng(seed);
  const auto pick = [&](int low, int high) { return static_cast<std::int32_t>(rng.between(low, high)); };
  const std::int32_t inputs = pick(2, 9), cells = pick(2, 8), steps = seed % 3 == 0 ? 1 : pick(2, 5);
  const bool time_major = steps == 1 && rng.chance(0.5);  // a model's input begins with 1
  const auto sequence = [&](std::int32_t width) { return time_major ? Dims{steps, 1, width} : Dims{1, steps, width}; };
  Recurrent m(fb::BuiltinOperator::UNIDIRECTIONAL_SEQUENCE_LSTM, integer, integer ? 3 : 1, seed);
  const float x = 0.02f, hidden = 1.0f / 128.0f, w = 0.01f;
  const std::int64_t zero = integer ? pick(-9, 9) : 0;
  m.value(sequence(inputs), x, pick(-20, 20));
  for (int g = 0; g < 4; ++g) m.weights({cells, inputs}, w * static_cast<float>(1 + g) / 2);
  for (int g = 0; g < 4; ++g) m.weights({cells, cells}, w);
  for (int i = 0; i < 3; ++i) m.absent();
  for (int g = 0; g < 4; ++g) m.bias(cells, x * w * static_cast<float>(1 + g) / 2);
  m.absent();
  m.absent();
  m.variable({1, cells}, false, hidden, zero);
  m.variable({1, cells}, true, std::ldexp(1.0f, -11 - static_cast<int>(seed % 3)), 0);
  for (int i = 0; i < 4; ++i) m.absent();
  m.value(sequence(cells), hidden, zero, true);
  for (int i = 0; i < 4; ++i) m.intermediate(std::ldexp(1.0f, -12), 0);
  m.intermediate(hidden, zero);
  fb::UnidirectionalSequenceLSTMOptionsT options;
  options.fused_activation_function = fb::ActivationFunction::TANH;
  options.cell_clip = seed % 2 == 0 ? 0.9f : 0.0f;
  options.time_major = time_major;
  m.options(options);
  return {"lstm " + std::to_string(seed) + (integer ? ", int8" : ", float"), integer, m.file()};
}

Made rnn(std::uint64_t seed, bool sequence) {
  Rng rng(seed);
  const std::int32_t inputs = 5, cells = 4, steps = sequence ? 3 : 1;
  Recurrent m(sequence ? fb::BuiltinOperator::UNIDIRECTIONAL_SEQUENCE_RNN : fb::BuiltinOperator::RNN, false, 1, seed);
  m.value(sequence ? Dims{1, steps, inputs} : Dims{1, inputs}, 1.0f, 0);
  m.weights({cells, inputs}, 0.01f);
  m.weights({cells, cells}, 0.003f);
  m.bias(cells, 0.0003f);
  m.variable({1, cells}, false, 1.0f, 0);
  m.value(sequence ? Dims{1, steps, cells} : Dims{1, cells}, 1.0f, 0, true);
  const auto function = seed % 2 == 0 ? fb::ActivationFunction::TANH : fb::ActivationFunction::RELU;
  if (sequence) {
    fb::SequenceRNNOptionsT options;
    options.fused_activation_function = function;
    m.options(options);
  } else {
    fb::RNNOptionsT options;
    options.fused_activation_function = function;
    m.options(options);
  }
  return {std::string(sequence ? "sequence rnn " : "rnn ") + std::to_string(seed), false, m.file()};
}

std::vector<Made> models() {
  std::vector<Made> all;
  for (std::uint64_t seed = 0; seed < 12; ++seed) {
    for (const bool integer : {false, true}) {
      all.push_back(svdf(integer, seed, seed % 2 == 0));
      all.push_back(lstm(integer, seed));
    }
  }
  for (std::uint64_t seed = 0; seed < 4; ++seed) {
    all.push_back(rnn(seed, false));
    all.push_back(rnn(seed, true));
  }
  return all;
}

constexpr std::size_t kInferences = 12;

TEST(TfliteRecurrent, agrees_with_tensorflow_lite_along_a_stream) {
  auto oracle = oracle::TfliteOracle::open();
  if (!oracle) GTEST_SKIP() << oracle.error().message();
  std::vector<oracle::TfliteJob> jobs;
  std::vector<Bytes> here;
  const std::vector<Made> all = models();
  for (const Made& m : all) {
    const auto model = read_tflite(m.file, m.name);
    ASSERT_TRUE(model) << m.name << ": " << model.error().message();
    ASSERT_FALSE(model->states().empty());
    EXPECT_EQ(graph::parse(graph::print(*model)).value(), *model) << m.name;
    const Bytes inputs = test::random_inputs(*model, kInferences, here.size());
    const auto outputs = test::run(*model, inputs);
    ASSERT_TRUE(outputs) << m.name << ": " << outputs.error().message();
    jobs.push_back({m.file, inputs});
    here.push_back(*outputs);
  }
  const auto there = oracle->run_all(jobs);
  ASSERT_TRUE(there) << there.error().message();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Bytes &a = here[i], &b = (*there)[i].outputs;
    ASSERT_EQ(a.size(), b.size()) << all[i].name;
    if (all[i].integer) {
      std::size_t different = 0;
      for (std::size_t k = 0; k < a.size(); ++k) different += a[k] != b[k] ? 1 : 0;
      EXPECT_EQ(different, 0u) << all[i].name << ", of " << a.size();
      EXPECT_GT(std::set<std::uint8_t>(a.begin(), a.end()).size(), 5u) << all[i].name << " says nothing";
      continue;
    }
    const auto *p = reinterpret_cast<const float*>(a.data()), *q = reinterpret_cast<const float*>(b.data());
    for (std::size_t k = 0; k < a.size() / 4; ++k)
      ASSERT_LE(std::fabs(p[k] - q[k]), 1e-5f * std::max(1.0f, std::fabs(q[k]))) << all[i].name << " at " << k;
  }
}

TEST(TfliteRecurrent, damaged_files_never_crash) {
  std::size_t files = 0, readable = 0;
  for (const Made& m : {svdf(true, 1, true), svdf(false, 2, false), lstm(true, 1), lstm(false, 0), rnn(1, true)}) {
    for (std::size_t at = 0; at + 4 <= m.file.size(); at += 4) {
      for (const std::uint32_t word : {0u, 1u, 0x7fffffffu, 0xffffffffu, 0x00800000u, 0x7f000000u}) {
        Bytes damaged = m.file;
        std::memcpy(damaged.data() + at, &word, 4);
        ++files;
        const auto model = read_tflite(damaged, m.name);
        if (!model) continue;
        ++readable;
        auto executor = graph::Executor::create(*model);
        if (!executor) continue;
        Bytes output(graph::output_bytes(*model));
        EXPECT_TRUE(executor->run(Bytes(graph::input_bytes(*model)), output));
      }
    }
  }
  EXPECT_GT(readable, files / 10);
}

TEST(TfliteRecurrent, a_variable_goes_to_one_operator_that_renews_it) {
  Recurrent m(fb::BuiltinOperator::TANH, false, 1, 1);
  m.variable({1, 4}, false, 1.0f, 0);
  m.value({1, 4}, 1.0f, 0, true);
  const auto refused = read_tflite(m.file(), "tanh of a variable");
  ASSERT_FALSE(refused);
}

}  // namespace
}  // namespace mote::formats
