// Variables that operators read and assign: along a stream TensorFlow Lite and mote agree, and what is broken about
// them is refused.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "mote/base/rng.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"
#include "oracle/tflite_oracle.hpp"
#include "test_models.hpp"
#include "tflite_generated.h"

namespace mote::formats {
namespace {

namespace fb = tflite_schema;
using B = fb::BuiltinOperator;
using Dims = std::vector<std::int32_t>;

constexpr float kScale = 0.03f;
constexpr std::int64_t kZero = 4;

/// A model of several operators and subgraphs; all values have one quantization.
class Variables {
 public:
  explicit Variables(bool integer) : integer_(integer) {
    model_.version = 3;
    model_.buffers.push_back(std::make_unique<fb::BufferT>());
    subgraph();
  }
  /// The subgraph that what follows goes into: 0 is the model itself.
  void into(std::size_t subgraph) { at_ = subgraph; }
  void subgraph() {
    model_.subgraphs.push_back(std::make_unique<fb::SubGraphT>());
    at_ = model_.subgraphs.size() - 1;
  }
  std::int32_t value(const Dims& shape) {
    return tensor(integer_ ? fb::TensorType::INT8 : fb::TensorType::FLOAT32, shape, 0);
  }
  std::int32_t input(const Dims& shape) {
    graph().inputs.push_back(value(shape));
    return graph().inputs.back();
  }
  void output(std::int32_t id) { graph().outputs.push_back(id); }
  std::int32_t constant(const Dims& shape, std::uint64_t seed) {
    Rng rng(seed);
    std::size_t n = 1;
    for (const std::int32_t d : shape) n *= static_cast<std::size_t>(d);
    std::vector<float> floats;
    Bytes bytes;
    for (std::size_t i = 0; i < n; ++i) {
      bytes.push_back(static_cast<std::uint8_t>(rng.between(-90, 90)));
      floats.push_back(static_cast<float>(rng.uniform(-2.0, 2.0)));
    }
    const ByteSpan raw = integer_ ? ByteSpan(bytes) : bytes_of(std::span<const float>(floats));
    return constant(integer_ ? fb::TensorType::INT8 : fb::TensorType::FLOAT32, shape, raw);
  }
  std::int32_t integers(const std::vector<std::int32_t>& values) {
    return constant(fb::TensorType::INT32, {static_cast<std::int32_t>(values.size())},
                    bytes_of(std::span<const std::int32_t>(values)));
  }
  template <class Options>
  void op(B code, std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs, Options options) {
    auto& made = bare(code, std::move(inputs), std::move(outputs));
    made.options.Set(std::move(options));
  }
  fb::OperatorT& bare(B code, std::vector<std::int32_t> inputs, std::vector<std::int32_t> outputs) {
    auto operator_code = std::make_unique<fb::OperatorCodeT>();
    operator_code->code = code;
    operator_code->short_code = static_cast<std::int8_t>(std::min(static_cast<int>(code), 127));
    operator_code->version =
        integer_ && (code == B::ADD || code == B::CONCATENATION || code == B::STRIDED_SLICE) ? 2 : 1;
    model_.operator_codes.push_back(std::move(operator_code));
    auto made = std::make_unique<fb::OperatorT>();
    made->opcode_index = static_cast<std::uint32_t>(model_.operator_codes.size() - 1);
    made->inputs = std::move(inputs);
    made->outputs = std::move(outputs);
    graph().operators.push_back(std::move(made));
    return *graph().operators.back();
  }
  std::int32_t handle(const std::string& name) {
    const std::int32_t id = tensor(fb::TensorType::RESOURCE, {}, 0);
    fb::VarHandleOptionsT options;
    options.shared_name = name;
    op(B::VAR_HANDLE, {}, {id}, options);
    return id;
  }
  std::int32_t read(std::int32_t handle, const Dims& shape) {
    const std::int32_t id = value(shape);
    op(B::READ_VARIABLE, {handle}, {id}, fb::ReadVariableOptionsT{});
    return id;
  }
  void assign(std::int32_t handle, std::int32_t value) {
    op(B::ASSIGN_VARIABLE, {handle, value}, {}, fb::AssignVariableOptionsT{});
  }
  std::int32_t add(std::int32_t a, std::int32_t b, const Dims& shape) {
    const std::int32_t id = value(shape);
    op(B::ADD, {a, b}, {id}, fb::AddOptionsT{});
    return id;
  }
  /// CALL_ONCE of a new subgraph that assigns constants to these variables.
  void initialize(const std::vector<std::pair<std::string, Dims>>& variables) {
    const std::size_t from = at_;
    call(static_cast<std::int32_t>(model_.subgraphs.size()));
    subgraph();
    std::uint64_t seed = 5;
    for (const auto& [name, shape] : variables) {
      const std::int32_t first = constant(shape, ++seed);
      assign(handle(name), first);
    }
    into(from);
  }
  void call(std::int32_t subgraph) {
    fb::CallOnceOptionsT options;
    options.init_subgraph_index = subgraph;
    op(B::CALL_ONCE, {}, {}, options);
  }
  [[nodiscard]] fb::ModelT& model() { return model_; }
  [[nodiscard]] Bytes file() const {
    flatbuffers::FlatBufferBuilder builder;
    builder.Finish(fb::Model::Pack(builder, &model_), fb::ModelIdentifier());
    return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
  }

 private:
  fb::SubGraphT& graph() { return *model_.subgraphs[at_]; }
  std::int32_t tensor(fb::TensorType type, const Dims& shape, std::uint32_t buffer) {
    auto t = std::make_unique<fb::TensorT>();
    t->name = "t" + std::to_string(graph().tensors.size());
    t->type = type;
    t->shape = shape;
    t->buffer = buffer;
    if (type == fb::TensorType::INT8) {
      t->quantization = std::make_unique<fb::QuantizationParametersT>();
      t->quantization->scale = {kScale};
      t->quantization->zero_point = {kZero};
    }
    graph().tensors.push_back(std::move(t));
    return static_cast<std::int32_t>(graph().tensors.size()) - 1;
  }
  std::int32_t constant(fb::TensorType type, const Dims& shape, ByteSpan raw) {
    auto buffer = std::make_unique<fb::BufferT>();
    buffer->data.assign(raw.begin(), raw.end());
    model_.buffers.push_back(std::move(buffer));
    return tensor(type, shape, static_cast<std::uint32_t>(model_.buffers.size() - 1));
  }

  bool integer_;
  std::size_t at_ = 0;
  fb::ModelT model_;
};

const Dims kRow{1, 1, 3};

/// y = x + what x was before.
Variables delay(bool integer) {
  Variables m(integer);
  const std::int32_t x = m.input(kRow);
  m.initialize({{"last", kRow}});
  const std::int32_t last = m.handle("last");
  m.output(m.add(x, m.read(last, kRow), kRow));
  m.assign(last, x);
  return m;
}

/// The sum of all x so far, which another handle assigns; read again after that.
Variables accumulator(bool integer) {
  Variables m(integer);
  const std::int32_t x = m.input(kRow);
  m.initialize({{"sum", kRow}});
  const std::int32_t before = m.handle("sum"), after = m.handle("sum");
  m.assign(after, m.add(m.read(before, kRow), x, kRow));
  m.output(m.add(m.read(before, kRow), x, kRow));
  return m;
}

/// The last four rows, as streaming layers keep them.
Variables window(bool integer) {
  Variables m(integer);
  const std::int32_t x = m.input(kRow);
  m.initialize({{"rows", {1, 4, 3}}});
  const std::int32_t rows = m.handle("rows"), old = m.read(rows, {1, 4, 3}), kept = m.value({1, 3, 3}),
                     joined = m.value({1, 4, 3});
  fb::StridedSliceOptionsT slice;
  slice.begin_mask = 5;
  slice.end_mask = 7;
  m.op(B::STRIDED_SLICE, {old, m.integers({0, 1, 0}), m.integers({0, 0, 0}), m.integers({1, 1, 1})}, {kept}, slice);
  fb::ConcatenationOptionsT join;
  join.axis = 1;
  m.op(B::CONCATENATION, {kept, x}, {joined}, join);
  m.assign(rows, joined);
  m.output(joined);
  return m;
}

/// A delay of two and one of three: each variable takes over the one before it.
Variables chain(bool integer) {
  Variables m(integer);
  const std::int32_t x = m.input(kRow);
  m.initialize({{"a", kRow}, {"b", kRow}, {"c", kRow}});
  const std::int32_t a = m.handle("a"), b = m.handle("b"), c = m.handle("c");
  const std::int32_t held_a = m.read(a, kRow), held_b = m.read(b, kRow), held_c = m.read(c, kRow);
  m.assign(c, held_b);
  m.assign(b, held_a);
  m.assign(a, x);
  m.output(m.add(held_c, m.add(x, held_b, kRow), kRow));
  return m;
}

/// Two that trade places, one that never changes, one that is assigned before it is read.
Variables trade(bool integer) {
  Variables m(integer);
  const std::int32_t x = m.input(kRow);
  m.initialize({{"a", kRow}, {"b", kRow}});
  m.initialize({{"fixed", kRow}});
  const std::int32_t a = m.handle("a"), b = m.handle("b"), fixed = m.handle("fixed"), passing = m.handle("passing");
  const std::int32_t held_a = m.read(a, kRow), held_b = m.read(b, kRow);
  m.assign(passing, x);
  m.assign(a, held_b);
  m.assign(b, held_a);
  m.output(m.add(m.add(held_a, m.read(passing, kRow), kRow), m.read(fixed, kRow), kRow));
  return m;
}

struct Made {
  std::string name;
  bool integer;
  std::size_t states;
  Bytes file;
};

std::vector<Made> models() {
  std::vector<Made> all;
  for (const bool integer : {false, true}) {
    const std::string type = integer ? ", int8" : ", float";
    all.push_back({"delay" + type, integer, 1, delay(integer).file()});
    all.push_back({"accumulator" + type, integer, 1, accumulator(integer).file()});
    all.push_back({"window" + type, integer, 1, window(integer).file()});
    all.push_back({"chain" + type, integer, 3, chain(integer).file()});
    all.push_back({"trade" + type, integer, 2, trade(integer).file()});
  }
  return all;
}

constexpr std::size_t kInferences = 8;

Bytes random_stream(const graph::Graph& model, bool integer, std::uint64_t seed) {
  Rng rng(seed);
  Bytes bytes;
  for (std::size_t i = 0; i < kInferences * graph::input_bytes(model) / (integer ? 1 : 4); ++i) {
    const auto v = static_cast<float>(rng.uniform(-1.0, 1.0));
    const ByteSpan raw = bytes_of(std::span<const float>(&v, 1));
    if (integer)
      bytes.push_back(static_cast<std::uint8_t>(rng.between(-40, 40)));
    else
      bytes.insert(bytes.end(), raw.begin(), raw.end());
  }
  return bytes;
}

TEST(TfliteVariables, agree_with_tensorflow_lite_along_a_stream) {
  auto oracle = oracle::TfliteOracle::open();
  if (!oracle) GTEST_SKIP() << oracle.error().message();
  std::vector<oracle::TfliteJob> jobs;
  std::vector<Bytes> here;
  const std::vector<Made> all = models();
  for (const Made& m : all) {
    const auto model = read_tflite(m.file, m.name);
    ASSERT_TRUE(model) << m.name << ": " << model.error().message();
    EXPECT_EQ(model->states().size(), m.states) << m.name;
    EXPECT_EQ(graph::parse(graph::print(*model)).value(), *model) << m.name;
    const Bytes inputs = random_stream(*model, m.integer, here.size());
    const auto outputs = test::run(*model, inputs);
    ASSERT_TRUE(outputs) << m.name << ": " << outputs.error().message();
    here.push_back(*outputs);
    const auto simple = optimize::simplify(*model);
    ASSERT_TRUE(simple) << m.name << ": " << simple.error().message();
    EXPECT_EQ(test::run(simple->graph, inputs).value(), here.back()) << m.name << ", optimized";
    jobs.push_back({m.file, inputs});
  }
  const auto there = oracle->run_all(jobs);
  ASSERT_TRUE(there) << there.error().message();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Bytes &a = here[i], &b = (*there)[i].outputs;
    if (all[i].integer) {
      EXPECT_EQ(a, b) << all[i].name;
      continue;
    }
    ASSERT_EQ(a.size(), b.size()) << all[i].name;
    const auto *p = reinterpret_cast<const float*>(a.data()), *q = reinterpret_cast<const float*>(b.data());
    for (std::size_t k = 0; k < a.size() / 4; ++k) ASSERT_FLOAT_EQ(p[k], q[k]) << all[i].name << " at " << k;
  }
}

void expect_refused(const Variables& model, const char* sentence) {
  const auto read = read_tflite(model.file(), "bad.tflite");
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message(), testing::StartsWith("bad.tflite: "));
  EXPECT_THAT(read.error().message(), testing::HasSubstr(sentence));
}

TEST(TfliteVariables, that_nothing_was_assigned_to_are_refused) {
  Variables m(false);
  const std::int32_t x = m.input(kRow);
  m.output(m.add(x, m.read(m.handle("v"), kRow), kRow));
  expect_refused(m, "nothing was assigned to the variable \"v\"");
}

TEST(TfliteVariables, of_other_shapes_and_types_are_refused) {
  {
    Variables m(true);
    const std::int32_t x = m.input(kRow);
    m.initialize({{"v", {1, 4}}});
    m.output(m.add(x, m.read(m.handle("v"), kRow), kRow));
    expect_refused(m, "the variable \"v\" is first i8[1,4], read as i8[1,1,3]");
  }
  {
    Variables m(true);
    const std::int32_t x = m.input(kRow);
    m.initialize({{"v", {1, 1}}});
    const std::int32_t v = m.handle("v");
    m.output(m.add(x, m.read(v, {1, 1}), kRow));
    m.assign(v, x);
    expect_refused(m, "the variable \"v\" holds i8[1,1] and i8[1,1,3]");
  }
  Variables m = delay(true);
  m.model().subgraphs[0]->tensors[0]->quantization->scale = {0.5f};
  expect_refused(m, "different scales");
}

TEST(TfliteVariables, operators_without_a_variable_are_refused) {
  Variables m(false);
  const std::int32_t x = m.input(kRow);
  m.output(m.read(x, kRow));
  expect_refused(m, "input 0 is no variable");
  Variables none(false);
  none.output(none.input(kRow));
  none.bare(B::ASSIGN_VARIABLE, {}, {});
  expect_refused(none, "input 0 is no variable");
  Variables added(false);
  const std::int32_t y = added.input(kRow);
  added.output(added.add(y, added.handle("v"), kRow));
  expect_refused(added, "has elements of RESOURCE");
}

TEST(TfliteVariables, initializations_that_run_nowhere_or_in_circles_are_refused) {
  {
    Variables m = delay(false);
    m.call(7);
    expect_refused(m, "it runs subgraph 7 of 2");
  }
  {
    Variables m = delay(false);
    m.call(0);
    expect_refused(m, "it runs subgraph 0 of 2");
  }
  {
    Variables m = delay(false);
    m.into(1);
    m.call(1);
    expect_refused(m, "it stands in a subgraph that initializes variables");
  }
  {
    Variables m = delay(false);
    m.subgraph();
    expect_refused(m, "the model has 3 subgraphs, and 2 is none that CALL_ONCE runs");
  }
  {
    Variables m = delay(false);
    m.initialize({{"last", kRow}});
    expect_refused(m, "it initializes the variable \"last\", which is in use already");
  }
  {
    Variables m = delay(false);
    m.into(1);
    m.assign(m.handle("other"), m.value(kRow));
    expect_refused(m, "is not computed by an operator before this one");
  }
}

TEST(TfliteVariables, constants_assigned_in_each_inference_are_refused) {
  Variables m(false);
  const std::int32_t x = m.input(kRow);
  m.initialize({{"v", kRow}});
  const std::int32_t v = m.handle("v");
  m.output(m.add(x, m.read(v, kRow), kRow));
  m.assign(v, m.constant(kRow, 1));
  expect_refused(m, "is assigned a constant");
}

TEST(TfliteVariables, damaged_files_never_crash) {
  std::size_t files = 0, readable = 0;
  for (const Made& m : models()) {
    if (!m.integer) continue;
    for (std::size_t at = 0; at + 4 <= m.file.size(); at += 4) {
      for (const std::uint32_t word : {0u, 1u, 0x7fffffffu, 0xffffffffu, 0x00800000u}) {
        Bytes damaged = m.file;
        std::memcpy(damaged.data() + at, &word, 4);
        ++files;
        const auto model = read_tflite(damaged, m.name);
        if (!model || graph::input_bytes(*model) + graph::output_bytes(*model) > 100'000) continue;
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

}  // namespace
}  // namespace mote::formats
