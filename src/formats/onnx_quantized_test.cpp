// Quantized ONNX models: what mote makes of them is what ONNX Runtime computes. Operators that only move or compare
// bytes agree byte for byte. The others may differ by one step of their output: ONNX Runtime rescales in float and
// rounds ties to even, mote as docs/adr/0001-int8-rounding.md says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "mote/base/file.hpp"
#include "mote/formats/onnx.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"
#include "onnx_builder.hpp"
#include "oracle/onnx_oracle.hpp"
#include "test_models.hpp"

namespace mote::formats {
namespace {

using test::kFloat;
using test::kInt32;
using test::kInt8;
using test::kUint8;
using test::OnnxBuilder;
using ::testing::HasSubstr;

/// Types of values and weights.
struct Types {
  const char* name;
  int value, weight;
  [[nodiscard]] int zero(int z, int type) const { return type == kUint8 ? z + 128 : z; }
};
constexpr Types kTypes[] = {{"uint8", kUint8, kUint8}, {"uint8 and int8", kUint8, kInt8}, {"int8", kInt8, kInt8}};

/// A model with quantized values. Zero points are said as for int8.
class QuantizedModel : public OnnxBuilder {
 public:
  explicit QuantizedModel(Types types) : types_(types) { opset("com.microsoft", 1); }
  [[nodiscard]] const Types& types() const { return types_; }

  /// Initializers NAME/scale and NAME/zero of a value.
  void scale(const std::string& name, float scale, int zero) {
    numbers(name + "/scale", std::vector<float>{scale});
    numbers(name + "/zero", {types_.zero(zero, types_.value)}, types_.value);
  }
  void input(const std::string& name, const std::vector<std::int64_t>& dims, float s, int zero) {
    value(true, name, dims, types_.value);
    scale(name, s, zero);
  }
  void output(const std::string& name, const std::vector<std::int64_t>& dims) {
    value(false, name, dims, types_.value);
  }
  /// Weights with one scale or several; zero 0.
  void matrix(const std::string& name, const std::vector<std::int64_t>& dims, const std::vector<float>& scales) {
    const int offset = types_.zero(0, types_.weight);
    random(name, dims, types_.weight, offset - 127, offset + 127);
    numbers(name + "/scale", scales);
    numbers(name + "/zero", std::vector<std::int32_t>(scales.size(), offset), types_.weight);
  }
  test::schema::Node& quantized(const std::string& type, const std::vector<std::string>& values, const std::string& y,
                                const std::vector<std::string>& more = {}) {
    std::vector<std::string> inputs;
    for (const std::string& v : values) {
      inputs.push_back(v);
      inputs.push_back(v + "/scale");
      inputs.push_back(v + "/zero");
    }
    inputs.push_back(y + "/scale");
    inputs.push_back(y + "/zero");
    inputs.insert(inputs.end(), more.begin(), more.end());
    auto& n = node(type, inputs, y);
    if (type != "QLinearConv" && type != "QLinearMatMul") n.set_domain("com.microsoft");
    return n;
  }
  /// NAME/real from quantized NAME. @param axis  of several scales
  std::string real(const std::string& name, int axis = 1) {
    auto& n = node("DequantizeLinear", {name, name + "/scale", name + "/zero"}, name + "/real");
    set_one(n, "axis", axis);
    return name + "/real";
  }
  void quantize(const std::string& from, const std::string& to) {
    node("QuantizeLinear", {from, to + "/scale", to + "/zero"}, to);
  }

 private:
  Types types_;
};

struct Case {
  std::string name;
  bool exact;  ///< byte for byte
  std::function<void(QuantizedModel&)> build;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&](std::string name, bool exact, std::function<void(QuantizedModel&)> build) {
    all.push_back({std::move(name), exact, std::move(build)});
  };
  const std::vector<std::int64_t> plane{1, 4, 6, 5};
  // Layers, as operators of their own and as QDQ.
  for (const bool channels : {false, true}) {
    for (const int group : {1, 2, 4}) {
      const std::string what =
          std::string(channels ? ", a scale for each channel" : "") + ", groups " + std::to_string(group);
      const std::vector<float> scales =
          channels ? std::vector<float>{0.011f, 0.007f, 0.02f, 0.013f, 0.009f, 0.012f, 0.017f, 0.008f}
                   : std::vector<float>{0.012f};
      const auto layer = [=](QuantizedModel& m) {
        m.input("x", plane, 0.03f, -7);
        m.matrix("w", {8, 4 / group, 3, 3}, scales);
        m.random("bias", {8}, kInt32, -3000, 3000);
        m.scale("y", 0.09f, 5);
      };
      add("QLinearConv" + what, false, [=](QuantizedModel& m) {
        layer(m);
        auto& n = m.quantized("QLinearConv", {"x", "w"}, "y", {"bias"});
        OnnxBuilder::set(n, "pads", {1, 0, 1, 2});
        OnnxBuilder::set(n, "strides", {1, 2});
        OnnxBuilder::set_one(n, "group", group);
        m.output("y", {1, 8, 6, 3});
      });
      add("Conv between marks" + what, false, [=](QuantizedModel& m) {
        layer(m);
        std::vector<float> products;
        for (const float s : scales) products.push_back(s * 0.03f);
        m.numbers("bias/scale", products);
        m.numbers("bias/zero", std::vector<std::int32_t>(products.size(), 0), kInt32);
        auto& n = m.node("Conv", {m.real("x"), m.real("w", 0), m.real("bias", 0)}, "sums");
        OnnxBuilder::set(n, "pads", {1, 1, 1, 1});
        OnnxBuilder::set_one(n, "group", group);
        m.node("Relu", {"sums"}, "clamped");
        m.quantize("clamped", "y");
        m.output("y", {1, 8, 6, 5});
      });
    }
  }
  add("QLinearConv of a sequence", false, [=](QuantizedModel& m) {
    m.input("x", {1, 3, 20}, 0.03f, 11);
    m.matrix("w", {5, 3, 4}, {0.02f});
    m.scale("y", 0.05f, -20);
    OnnxBuilder::set(m.quantized("QLinearConv", {"x", "w"}, "y"), "dilations", {2});
    m.output("y", {1, 5, 14});
  });
  add("QLinearMatMul", false, [=](QuantizedModel& m) {
    m.input("x", {3, 40}, 0.03f, 11);
    m.matrix("w", {40, 6}, {0.02f});
    m.scale("y", 0.1f, -20);
    m.quantized("QLinearMatMul", {"x", "w"}, "y");
    m.output("y", {3, 6});
  });
  for (const bool turned : {false, true}) {
    add(turned ? "QGemm, turned" : "QGemm", false, [=](QuantizedModel& m) {
      m.input("x", {1, 30}, 0.03f, -128);
      m.matrix("w", turned ? std::vector<std::int64_t>{5, 30} : std::vector<std::int64_t>{30, 5},
               {0.01f, 0.012f, 0.02f, 0.015f, 0.018f});
      m.random("bias", {5}, kInt32, -3000, 3000);
      m.scale("y", 0.12f, 3);
      auto& n = m.node("QGemm", {"x", "x/scale", "x/zero", "w", "w/scale", "w/zero", "bias", "y/scale", "y/zero"}, "y");
      n.set_domain("com.microsoft");
      OnnxBuilder::set_one(n, "transB", turned ? 1 : 0);
      OnnxBuilder::set_real(n, "alpha", 1.0f);
      m.output("y", {1, 5});
    });
  }
  for (const bool depthwise : {false, true}) {
    add(depthwise ? "QLinearConv with a zero point, depthwise" : "QLinearConv with a zero point", false,
        [=](QuantizedModel& m) {
          m.input("x", plane, 0.03f, -7);
          const int low = m.types().zero(-128, m.types().weight);
          m.random("w", {4, depthwise ? 1 : 4, 3, 3}, m.types().weight, low, low + 255);
          m.numbers("w/scale", std::vector<float>{0.012f});
          m.numbers("w/zero", {low + 150}, m.types().weight);
          m.scale("y", 0.09f, 5);
          OnnxBuilder::set_one(m.quantized("QLinearConv", {"x", "w"}, "y"), "group", depthwise ? 4 : 1);
          m.output("y", {1, 4, 4, 3});
        });
  }
  // Operators on values.
  for (const std::string type : {"QLinearAdd", "QLinearMul"}) {
    add(type, false, [=](QuantizedModel& m) {
      m.input("x", plane, 0.03f, -7);
      m.input("z", plane, 0.05f, 20);
      m.scale("y", type == "QLinearAdd" ? 0.07f : 0.15f, 5);
      m.quantized(type, {"x", "z"}, "y");
      m.output("y", plane);
    });
    add(type + " of a constant", false, [=](QuantizedModel& m) {
      m.input("x", plane, 0.03f, -7);
      m.random("z", {4, 1, 1}, m.types().value, m.types().zero(-128, m.types().value),
               m.types().zero(127, m.types().value));
      m.scale("z", 0.04f, -9);
      m.scale("y", type == "QLinearAdd" ? 0.07f : 0.15f, 5);
      m.quantized(type, {"x", "z"}, "y");
      m.output("y", plane);
    });
  }
  for (const float scale : {0.03f, 0.025f}) {
    const std::string what = scale == 0.03f ? "" : ", another scale";
    const int zero = scale == 0.03f ? -7 : 2;
    add("QLinearAveragePool" + what, false, [=](QuantizedModel& m) {
      m.input("x", plane, 0.03f, -7);
      m.scale("y", scale, zero);
      OnnxBuilder::set(m.quantized("QLinearAveragePool", {"x"}, "y"), "kernel_shape", {3, 2});
      m.output("y", {1, 4, 4, 4});
    });
    add("QLinearGlobalAveragePool" + what, false, [=](QuantizedModel& m) {
      m.input("x", plane, 0.03f, -7);
      m.scale("y", scale, zero);
      m.quantized("QLinearGlobalAveragePool", {"x"}, "y");
      m.output("y", {1, 4, 1, 1});
    });
  }
  add("QLinearLeakyRelu", false, [=](QuantizedModel& m) {
    m.input("x", plane, 0.03f, -7);
    m.scale("y", 0.025f, -40);
    OnnxBuilder::set_real(m.quantized("QLinearLeakyRelu", {"x"}, "y"), "alpha", 0.2f);
    m.output("y", plane);
  });
  for (const float scale : {1.0f / 256.0f, 0.0042f}) {
    add(scale == 0.0042f ? "QLinearSigmoid, another scale" : "QLinearSigmoid", false, [=](QuantizedModel& m) {
      m.input("x", plane, 0.05f, -7);
      m.scale("y", scale, scale == 0.0042f ? -121 : -128);
      m.quantized("QLinearSigmoid", {"x"}, "y");
      m.output("y", plane);
    });
    add(scale == 0.0042f ? "QLinearSoftmax, another scale" : "QLinearSoftmax", false, [=](QuantizedModel& m) {
      m.input("x", {3, 10}, 0.05f, -7);
      m.scale("y", scale, -128);
      auto& n = m.quantized("QLinearSoftmax", {"x"}, "y");
      OnnxBuilder::set_one(n, "axis", -1);
      OnnxBuilder::set_one(n, "opset", 13);
      m.output("y", {3, 10});
    });
  }
  for (const bool same : {true, false}) {
    add(same ? "QLinearConcat" : "QLinearConcat, another scale", same, [=](QuantizedModel& m) {
      m.input("x", plane, 0.03f, -7);
      m.input("z", {1, 3, 6, 5}, same ? 0.03f : 0.02f, -7);
      m.scale("y", 0.03f, -7);
      auto& n = m.node("QLinearConcat", {"y/scale", "y/zero", "x", "x/scale", "x/zero", "z", "z/scale", "z/zero"}, "y");
      n.set_domain("com.microsoft");
      OnnxBuilder::set_one(n, "axis", 1);
      m.output("y", {1, 7, 6, 5});
    });
  }
  add("moves between marks", true, [=](QuantizedModel& m) {
    m.input("x", plane, 0.03f, -7);
    m.scale("y", 0.03f, -7);
    auto& pool = m.node("MaxPool", {m.real("x")}, "pooled");
    OnnxBuilder::set(pool, "kernel_shape", {2, 2});
    OnnxBuilder::set(pool, "pads", {1, 1, 0, 0});
    OnnxBuilder::set(m.node("Transpose", {"pooled"}, "turned"), "perm", {0, 2, 1, 3});
    m.quantize("turned", "y");
    m.output("y", {1, 6, 4, 5});
  });
  add("moves of bytes", true, [=](QuantizedModel& m) {
    m.input("x", plane, 0.03f, -7);
    m.scale("y", 0.03f, -7);
    m.quantize(m.real("x"), "y");
    OnnxBuilder::set(m.node("MaxPool", {"y"}, "pooled"), "kernel_shape", {2, 2});
    OnnxBuilder::set(m.node("Transpose", {"pooled"}, "turned"), "perm", {0, 2, 1, 3});
    m.node("DequantizeLinear", {"turned", "y/scale", "y/zero"}, "floats");
    m.quantize("floats", "z");
    m.numbers("z/scale", std::vector<float>{0.03f});
    m.numbers("z/zero", {m.types().zero(-7, m.types().value)}, m.types().value);
    m.output("z", {1, 5, 4, 4});
  });
  return all;
}

/// mote's int8 where the file has uint8.
Bytes flipped(Bytes bytes, int type) {
  if (type == kUint8) {
    for (std::uint8_t& b : bytes) b ^= 0x80;
  }
  return bytes;
}

Result<graph::Graph> integer_model(ByteSpan file, const std::string& name) {
  MOTE_TRY(const graph::Graph read, read_onnx(file, name));
  MOTE_TRY(const graph::Graph integer, optimize::quantize_as_marked(read));
  MOTE_TRY(auto simple, optimize::simplify(integer));
  return simple.graph;
}

struct Difference {
  std::size_t bytes = 0, different = 0;
  int largest = 0;
};
Difference difference(ByteSpan a, ByteSpan b) {
  Difference d;
  d.bytes = a.size();
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) {
    const int apart = std::abs(static_cast<std::int8_t>(a[i]) - static_cast<std::int8_t>(b[i]));
    d.different += apart != 0 ? 1 : 0;
    d.largest = std::max(d.largest, apart);
  }
  if (a.size() != b.size()) d.largest = 1000;
  return d;
}

TEST(OnnxQuantized, operators_agree_with_onnx_runtime_one_by_one) {
  const auto oracle = oracle::OnnxOracle::open();
  if (!oracle) GTEST_SKIP() << oracle.error().message();
  struct Expected {
    std::string name;
    bool exact;
    int type;
    Bytes outputs;
  };
  std::vector<oracle::Job> jobs;
  std::vector<Expected> here;
  for (const Case& c : cases()) {
    for (const Types& types : kTypes) {
      const std::string name = c.name + ", " + types.name;
      QuantizedModel m(types);
      c.build(m);
      const auto integer = integer_model(m.bytes(), name);
      ASSERT_TRUE(integer.has_value()) << name << ": " << integer.error().message();
      for (const graph::Op& op : integer->ops()) EXPECT_EQ(op.as<graph::Dequantize>(), nullptr) << name;
      Bytes inputs(20 * graph::input_bytes(*integer));
      Rng rng(9);
      for (std::uint8_t& b : inputs) b = static_cast<std::uint8_t>(rng.next());
      const auto outputs = test::run(*integer, inputs);
      ASSERT_TRUE(outputs.has_value()) << name << ": " << outputs.error().message();
      jobs.push_back({m.bytes(), flipped(inputs, types.value)});
      here.push_back({name, c.exact, types.value, *outputs});
    }
  }
  const auto there = oracle->run_all(jobs);
  ASSERT_TRUE(there.has_value()) << there.error().message();
  Difference all;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const Difference d = difference(here[i].outputs, flipped((*there)[i], here[i].type));
    EXPECT_LE(d.largest, here[i].exact ? 0 : 1) << here[i].name << ": " << d.different << " of " << d.bytes;
    all.bytes += d.bytes;
    all.different += d.different;
  }
  std::printf("    %zu models, %zu of %zu bytes differ by one\n", jobs.size(), all.different, all.bytes);
  EXPECT_LT(all.different * 50, all.bytes);
}

/// A residual network as quantizers write it: with operators on quantized values, or with marks between float ones.
void network(QuantizedModel& m, bool marks) {
  m.input("x", {1, 3, 12, 12}, 0.02f, -10);
  m.matrix("w0", {8, 3, 3, 3}, {0.004f, 0.005f, 0.006f, 0.004f, 0.003f, 0.005f, 0.004f, 0.006f});
  m.random("b0", {8}, kInt32, -2000, 2000);
  m.matrix("w1", {8, 1, 3, 3}, {0.005f});
  m.random("b1", {8}, kInt32, -500, 500);
  m.matrix("w2", {5, 8}, {0.01f, 0.012f, 0.011f, 0.009f, 0.01f});
  m.random("b2", {5}, kInt32, -500, 500);
  m.scale("a", 0.02f, -128);  // clamps at zero
  m.scale("b", 0.025f, 4);
  m.scale("sum", 0.035f, -20);
  m.scale("pooled", 0.02f, -40);
  m.scale("flat", 0.02f, -40);
  m.scale("logits", 0.03f, 7);
  m.scale("y", 1.0f / 256.0f, -128);
  m.numbers("shape", {1, 8}, test::kInt64);
  const auto bias = [&](const std::string& name, const std::string& x, const std::string& w) {
    m.node("Mul", {x + "/scale", w + "/scale"}, name + "/scale");
    OnnxBuilder::set_one(m.node("DequantizeLinear", {name, name + "/scale"}, name + "/real"), "axis", 0);
    return name + "/real";
  };
  const auto conv = [&](const std::string& x, const std::string& w, const std::string& b, const std::string& y,
                        int stride, int group) {
    const bool clamps = y == "a";
    const std::string real = clamps ? y + "/sums" : y + "/out";
    auto& n = marks ? m.node("Conv", {x + "/real", m.real(w, 0), bias(b, x, w)}, real)
                    : m.quantized("QLinearConv", {x, w}, y, {b});
    OnnxBuilder::set(n, "pads", {1, 1, 1, 1});
    OnnxBuilder::set(n, "strides", {stride, stride});
    OnnxBuilder::set_one(n, "group", group);
    if (marks && clamps) m.node("Relu", {real}, y + "/out");
  };
  const auto close = [&](const std::string& y) {
    if (!marks) return;
    m.quantize(y + "/out", y);
    m.real(y);
  };
  if (marks) m.real("x");
  conv("x", "w0", "b0", "a", 2, 1);
  close("a");
  conv("a", "w1", "b1", "b", 1, 8);
  close("b");
  marks ? m.node("Add", {"a/real", "b/real"}, "sum/out") : m.quantized("QLinearAdd", {"a", "b"}, "sum");
  close("sum");
  marks ? m.node("GlobalAveragePool", {"sum/real"}, "pooled/out")
        : m.quantized("QLinearGlobalAveragePool", {"sum"}, "pooled");
  close("pooled");
  m.node("Reshape", {marks ? "pooled/real" : "pooled", "shape"}, marks ? "flat/out" : "flat");
  close("flat");
  if (marks) {
    OnnxBuilder::set_one(m.node("Gemm", {"flat/real", m.real("w2", 0), bias("b2", "flat", "w2")}, "logits/out"),
                         "transB", 1);
  } else {
    auto& n = m.node(
        "QGemm", {"flat", "flat/scale", "flat/zero", "w2", "w2/scale", "w2/zero", "b2", "logits/scale", "logits/zero"},
        "logits");
    n.set_domain("com.microsoft");
    OnnxBuilder::set_one(n, "transB", 1);
  }
  close("logits");
  if (marks) {
    m.node("Softmax", {"logits/real"}, "y/out");
    m.quantize("y/out", "y");
  } else {
    auto& n = m.quantized("QLinearSoftmax", {"logits"}, "y");
    OnnxBuilder::set_one(n, "axis", -1);
    OnnxBuilder::set_one(n, "opset", 13);
  }
  m.output("y", {1, 5});
}

TEST(OnnxQuantized, a_network_is_the_same_integers_in_both_forms) {
  for (const Types& types : kTypes) {
    QuantizedModel operators(types), between(types);
    network(operators, false);
    network(between, true);
    const auto a = integer_model(operators.bytes(), "operators"), b = integer_model(between.bytes(), "marks");
    ASSERT_TRUE(a.has_value()) << a.error().message();
    ASSERT_TRUE(b.has_value()) << b.error().message();
    EXPECT_EQ(a->output().name, "y");
    EXPECT_EQ(b->output().name, "y");
    EXPECT_EQ(a->input().quantization, graph::Quantization::per_tensor(0.02f, -10));
    // A transpose of the picture, two convolutions, a sum, an average, a dense layer and a softmax.
    EXPECT_EQ(a->ops().size(), 7u) << graph::print_summary(*a);
    EXPECT_EQ(b->ops().size(), 7u) << graph::print_summary(*b);
    const Bytes inputs = test::random_inputs(*a, 50, 4);
    const auto outputs = test::run(*a, inputs);
    ASSERT_TRUE(outputs.has_value());
    EXPECT_EQ(*outputs, *test::run(*b, inputs)) << types.name;

    const auto oracle = oracle::OnnxOracle::open();
    if (!oracle) continue;
    const std::vector<oracle::Job> jobs{{operators.bytes(), flipped(inputs, types.value)},
                                        {between.bytes(), flipped(inputs, types.value)}};
    const auto there = oracle->run_all(jobs);
    ASSERT_TRUE(there.has_value()) << there.error().message();
    for (const Bytes& theirs : *there) {
      const Difference d = difference(*outputs, flipped(theirs, types.value));
      std::printf("    %s: %zu of %zu bytes differ, at most by %d\n", types.name, d.different, d.bytes, d.largest);
      EXPECT_LE(d.largest, 2);
    }
  }
}

/// Float models that round their values as they come: mote does not round, which is within half a step of the values
/// times the sum of the weights.
TEST(OnnxQuantized, products_of_values_rounded_as_they_come_are_near_to_onnx_runtimes) {
  const auto oracle = oracle::OnnxOracle::open();
  if (!oracle) GTEST_SKIP() << oracle.error().message();
  for (const bool conv : {false, true}) {
    QuantizedModel m(kTypes[1]);
    m.value(true, "x", conv ? std::vector<std::int64_t>{1, 3, 6, 6} : std::vector<std::int64_t>{2, 20});
    auto& dynamic = m.node("DynamicQuantizeLinear", {"x"}, "q");
    dynamic.add_output("q/scale");
    dynamic.add_output("q/zero");
    m.matrix("w", conv ? std::vector<std::int64_t>{4, 3, 3, 3} : std::vector<std::int64_t>{20, 4}, {0.01f});
    m.node(conv ? "ConvInteger" : "MatMulInteger", {"q", "w", "q/zero", "w/zero"}, "sums");
    OnnxBuilder::set_one(m.node("Cast", {"sums"}, "floats"), "to", kFloat);
    m.node("Mul", {"q/scale", "w/scale"}, "scale");
    m.node("Mul", {"floats", "scale"}, "y");
    m.value(false, "y", conv ? std::vector<std::int64_t>{1, 4, 4, 4} : std::vector<std::int64_t>{2, 4});
    const auto model = read_onnx(m.bytes(), "dynamic.onnx");
    ASSERT_TRUE(model.has_value()) << model.error().message();
    const Bytes inputs = test::random_inputs(*model, 10, 3);
    const auto here = test::run(*model, inputs);
    ASSERT_TRUE(here.has_value()) << here.error().message();
    const std::vector<oracle::Job> jobs{{m.bytes(), inputs}};
    const auto there = oracle->run_all(jobs);
    ASSERT_TRUE(there.has_value()) << there.error().message();
    ASSERT_EQ(here->size(), (*there)[0].size());
    const float step = 2.0f / 255.0f, bound = step / 2.0f * 0.01f * 127.0f * (conv ? 27.0f : 20.0f);
    float worst = 0.0f;
    for (std::size_t i = 0; i < here->size(); i += 4) {
      float a, b;
      std::memcpy(&a, here->data() + i, 4);
      std::memcpy(&b, (*there)[0].data() + i, 4);
      worst = std::max(worst, std::abs(a - b));
    }
    EXPECT_LE(worst, bound);
    EXPECT_GT(worst, 0.0f) << "they do round";
  }
}

TEST(OnnxQuantized, refuses_what_it_cannot_keep) {
  const auto refusal = [](const std::function<void(QuantizedModel&)>& change) {
    QuantizedModel m(kTypes[0]);
    network(m, false);
    change(m);
    const auto model = integer_model(m.bytes(), "bad.onnx");
    EXPECT_FALSE(model.has_value());
    return model ? std::string() : model.error().message();
  };
  EXPECT_THAT(
      refusal([](QuantizedModel& m) {
        m.graph().mutable_node(0)->mutable_input()->RemoveLast();
        m.graph().mutable_node(0)->set_input(6, "");
      }),
      HasSubstr("node 0 (QLinearConv giving \"a\"): it has channels last, or not the inputs that it must have"));
  EXPECT_THAT(refusal([](QuantizedModel& m) {
                m.graph().mutable_node(2)->set_op_type("Add");
                m.graph().mutable_node(2)->set_domain("");
              }),
              HasSubstr("node 2 (Add giving \"sum\"): input 0 is of bytes without a scale"));
  EXPECT_THAT(refusal([](QuantizedModel& m) { OnnxBuilder::set_one(*m.graph().mutable_node(3), "channels_last", 1); }),
              HasSubstr("node 3 (QLinearGlobalAveragePool giving \"pooled\"): it has channels last"));
  EXPECT_THAT(refusal([](QuantizedModel& m) { m.graph().mutable_node(0)->set_input(1, "w0/scale"); }),
              HasSubstr("it has 8 scales and 1 zero points"));
  EXPECT_THAT(refusal([](QuantizedModel& m) { m.graph().mutable_initializer(0)->set_float_data(0, -1.0f); }),
              HasSubstr("scales are positive"));
}

TEST(OnnxQuantized, survives_every_changed_byte) {
  std::size_t files = 0, readable = 0, integer = 0;
  for (const bool marks : {false, true}) {
    QuantizedModel m(kTypes[0]);
    network(m, marks);
    const Bytes sound = m.bytes();
    if (const char* folder = std::getenv("MOTE_CASES")) {
      ASSERT_TRUE(write_file(std::string(folder) + (marks ? "/marks.onnx" : "/operators.onnx"), sound));
    }
    for (std::size_t at = 0; at < sound.size(); ++at) {
      Bytes damaged = sound;
      damaged[at] = at % 3 == 0 ? 0xff : static_cast<std::uint8_t>(sound[at] ^ (1u << (at % 8)));
      ++files;
      const auto model = read_onnx(damaged, "bad.onnx");
      if (!model) {
        EXPECT_EQ(model.error().message().find('\n'), std::string::npos);
        continue;
      }
      ++readable;
      const auto whole = integer_model(damaged, "bad.onnx");
      if (!whole) {
        EXPECT_NE(whole.error().code(), Code::internal) << whole.error().message();
        continue;
      }
      ++integer;
      EXPECT_TRUE(test::run(*whole, Bytes(graph::input_bytes(*whole))).has_value());
    }
  }
  std::printf("    %zu damaged files, %zu readable, %zu integer\n", files, readable, integer);
}

}  // namespace
}  // namespace mote::formats
