// Conversions between element types, each as a model of its own, against TensorFlow Lite.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "mote/base/rng.hpp"
#include "mote/formats/tflite.hpp"
#include "operators/one_operator.hpp"
#include "oracle/tflite_oracle.hpp"
#include "test_models.hpp"

namespace mote::formats {
namespace {

namespace fb = tflite_schema;
using B = fb::BuiltinOperator;
using T = fb::TensorType;
using test::OneOperator;
using test::Value;

struct Conversion {
  std::string name;
  B code;
  std::int32_t version;
  T from;
  Value x;
  T to;
  Value y;
};

const std::vector<std::int32_t> kShape{1, 5, 7, 3};

Value of(float scale, std::int64_t zero) { return {kShape, scale, zero}; }
/// float and int32 without a scale.
const Value kPlain{kShape, 0.0f, 0};

std::vector<Conversion> conversions() {
  const Value byte = of(0.05f, -3), fine = of(0.021f, 17), coarse = of(0.3f, 40), word = of(0.0004f, 0),
              wide_word = of(0.003f, 0);
  std::vector<Conversion> all;
  for (const auto& [what, y] : {std::pair{"finer", fine}, {"coarser", coarse}}) {
    all.push_back({std::string("int8 to int8, ") + what, B::QUANTIZE, 2, T::INT8, byte, T::INT8, y});
    all.push_back({std::string("int16 to int8, ") + what, B::QUANTIZE, 2, T::INT16, wide_word, T::INT8, y});
    Value unsigned_y = y;
    unsigned_y.zero += 128;
    all.push_back({std::string("int8 to uint8, ") + what, B::QUANTIZE, 2, T::INT8, byte, T::UINT8, unsigned_y});
    all.push_back({std::string("uint8 to int8, ") + what, B::QUANTIZE, 2, T::UINT8, of(0.05f, 125), T::INT8, y});
    all.push_back(
        {std::string("uint8 to uint8, ") + what, B::QUANTIZE, 2, T::UINT8, of(0.05f, 125), T::UINT8, unsigned_y});
    all.push_back({std::string("float to uint8, ") + what, B::QUANTIZE, 1, T::FLOAT32, kPlain, T::UINT8, unsigned_y});
  }
  all.push_back({"int8 to uint8, the same", B::QUANTIZE, 2, T::INT8, byte, T::UINT8, of(0.05f, 125)});
  all.push_back({"uint8 to int8, the same", B::QUANTIZE, 2, T::UINT8, of(0.05f, 125), T::INT8, byte});
  all.push_back({"int16 to int16", B::QUANTIZE, 2, T::INT16, word, T::INT16, wide_word});
  all.push_back({"int16 to int16, saturating", B::QUANTIZE, 2, T::INT16, wide_word, T::INT16, word});
  all.push_back({"int16 to int32", B::QUANTIZE, 2, T::INT16, wide_word, T::INT32, of(0.00001f, 0)});
  all.push_back({"float to int8", B::QUANTIZE, 1, T::FLOAT32, kPlain, T::INT8, byte});
  all.push_back({"float to int16", B::QUANTIZE, 2, T::FLOAT32, kPlain, T::INT16, word});
  all.push_back({"int8 to float", B::DEQUANTIZE, 2, T::INT8, byte, T::FLOAT32, kPlain});
  all.push_back({"uint8 to float", B::DEQUANTIZE, 1, T::UINT8, of(0.05f, 125), T::FLOAT32, kPlain});
  all.push_back({"int16 to float", B::DEQUANTIZE, 3, T::INT16, word, T::FLOAT32, kPlain});
  // As numbers.
  const Value truth = kPlain;
  for (const auto& [name, from] : {std::pair{"float", T::FLOAT32}, {"int8", T::INT8}, {"int16", T::INT16}}) {
    for (const auto& [other, to] :
         {std::pair{"float", T::FLOAT32}, {"int8", T::INT8}, {"int16", T::INT16}, {"int32", T::INT32}}) {
      all.push_back({std::string("cast ") + name + " to " + other, B::CAST, 1, from, kPlain, to, kPlain});
    }
  }
  all.push_back({"cast uint8 to float", B::CAST, 1, T::UINT8, kPlain, T::FLOAT32, kPlain});
  all.push_back({"cast uint8 to int16", B::CAST, 1, T::UINT8, kPlain, T::INT16, kPlain});
  all.push_back({"cast uint8 to int32", B::CAST, 1, T::UINT8, kPlain, T::INT32, kPlain});
  all.push_back({"cast bool to float", B::CAST, 1, T::BOOL, truth, T::FLOAT32, kPlain});
  all.push_back({"cast bool to int32", B::CAST, 1, T::BOOL, truth, T::INT32, kPlain});
  all.push_back({"cast float to bool", B::CAST, 1, T::FLOAT32, kPlain, T::BOOL, truth});
  all.push_back({"cast int8 to bool", B::CAST, 1, T::INT8, kPlain, T::BOOL, truth});
  all.push_back({"cast uint8 to bool", B::CAST, 1, T::UINT8, kPlain, T::BOOL, truth});
  return all;
}

Bytes file_of(const Conversion& c) {
  OneOperator one(c.code, c.from, c.version);
  one.input_of(c.from, c.x);
  one.output_of(c.to, c.y);
  if (c.code == B::QUANTIZE) one.options(fb::QuantizeOptionsT{});
  if (c.code == B::CAST) {
    fb::CastOptionsT options;
    options.in_data_type = c.from;
    options.out_data_type = c.to;
    one.options(options);
  }
  if (c.code == B::DEQUANTIZE) one.options(fb::DequantizeOptionsT{});
  return one.file();
}

/// Bytes as the file's types have them.
Bytes random_inputs(T type, std::size_t elements, std::uint64_t seed) {
  Rng rng(seed);
  Bytes bytes;
  for (std::size_t i = 0; i < elements; ++i) {
    if (type == T::FLOAT32) {
      const auto v = static_cast<float>(rng.uniform(-9.0, 9.0));
      const ByteSpan raw = bytes_of(std::span<const float>(&v, 1));
      bytes.insert(bytes.end(), raw.begin(), raw.end());
      continue;
    }
    for (int k = 0; k < (type == T::INT16 ? 2 : type == T::INT32 ? 4 : 1); ++k)
      bytes.push_back(type == T::BOOL ? rng.next() & 1 : static_cast<std::uint8_t>(rng.next()));
  }
  return bytes;
}

Bytes shifted(Bytes bytes) {
  for (std::uint8_t& b : bytes) b ^= 0x80;
  return bytes;
}

TEST(TfliteConversions, agree_with_tensorflow_lite) {
  auto oracle = oracle::TfliteOracle::open();
  if (!oracle) GTEST_SKIP() << oracle.error().message();
  const std::vector<Conversion> all = conversions();
  std::vector<oracle::TfliteJob> jobs;
  std::vector<Bytes> here;
  for (const Conversion& c : all) {
    const Bytes file = file_of(c);
    const auto model = read_tflite(file, c.name);
    ASSERT_TRUE(model) << c.name << ": " << model.error().message();
    EXPECT_EQ(graph::parse(graph::print(*model)).value(), *model) << c.name;
    const Bytes inputs = random_inputs(c.from, 4 * model->input().shape.elements(), 3);
    // uint8 is held 128 less.
    auto outputs = test::run(*model, c.from == T::UINT8 ? shifted(inputs) : inputs);
    ASSERT_TRUE(outputs) << c.name << ": " << outputs.error().message();
    here.push_back(c.to == T::UINT8 ? shifted(*outputs) : *outputs);
    jobs.push_back({file, inputs});
  }
  const auto there = oracle->run_all(jobs);
  ASSERT_TRUE(there) << there.error().message();
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Bytes& outputs = (*there)[i].outputs;
    // This TensorFlow Lite multiplies by the reciprocal of an int16's scale, today's reference kernels divide.
    if (all[i].from == T::FLOAT32 && all[i].to == T::INT16) {
      ASSERT_EQ(here[i].size(), outputs.size());
      const auto *p = reinterpret_cast<const std::int16_t*>(here[i].data()),
                 *q = reinterpret_cast<const std::int16_t*>(outputs.data());
      std::size_t different = 0;
      for (std::size_t k = 0; k < outputs.size() / 2; ++k) {
        ASSERT_LE(std::abs(p[k] - q[k]), 1) << all[i].name;
        different += p[k] != q[k] ? 1 : 0;
      }
      std::printf("    %s: %zu of %zu differ by one\n", all[i].name.c_str(), different, outputs.size() / 2);
      EXPECT_LT(different, outputs.size() / 200);
      continue;
    }
    EXPECT_EQ(here[i], outputs) << all[i].name;
  }
}

TEST(TfliteConversions, that_do_not_exist_are_refused) {
  const auto refusal = [](const Conversion& c) {
    const auto model = read_tflite(file_of(c), "bad");
    return model ? std::string() : model.error().message();
  };
  const Value byte = of(0.05f, -3);
  EXPECT_THAT(refusal({"", B::QUANTIZE, 1, T::FLOAT32, kPlain, T::INT32, of(0.1f, 0)}),
              testing::HasSubstr("its output is not int8 or int16"));
  EXPECT_THAT(refusal({"", B::QUANTIZE, 2, T::INT8, byte, T::INT32, kPlain}),
              testing::HasSubstr("its output is int32 without a scale"));
  EXPECT_THAT(refusal({"", B::QUANTIZE, 2, T::INT8, byte, T::INT16, of(1e-9f, 0)}),
              testing::HasSubstr("finer than what it computes"));
  EXPECT_THAT(refusal({"", B::QUANTIZE, 2, T::INT16, of(0.1f, 5), T::INT8, byte}),
              testing::HasSubstr("zero point 5, outside of its type"));
  EXPECT_THAT(refusal({"", B::CAST, 1, T::INT8, byte, T::FLOAT32, kPlain}),
              testing::HasSubstr("is quantized, and its steps as numbers are of no use"));
  EXPECT_THAT(refusal({"", B::CAST, 1, T::FLOAT32, kPlain, T::UINT8, kPlain}),
              testing::HasSubstr("it turns other numbers into uint8"));
  EXPECT_THAT(refusal({"", B::CAST, 1, T::INT8, kPlain, T::FLOAT32, {{1, 5, 7, 4}, 0.0f, 0}}),
              testing::HasSubstr("it turns [1,5,7,3] into [1,5,7,4]"));
  EXPECT_THAT(refusal({"", B::QUANTIZE, 2, T::INT8, kPlain, T::INT8, byte}),
              testing::HasSubstr("int8 without a scale"));
  EXPECT_THAT(refusal({"", B::DEQUANTIZE, 2, T::FLOAT32, kPlain, T::FLOAT32, kPlain}),
              testing::HasSubstr("it does not turn int8 or int16 into float32"));
}

}  // namespace
}  // namespace mote::formats
