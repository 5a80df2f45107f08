// Each operator that mote reads, as a model of its own: TensorFlow Lite's built-in kernels and mote must agree, float
// within 1e-5 and int8 byte for byte.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <set>

#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"
#include "mote/formats/onnx.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/graph/logic.hpp"
#include "mote/optimize/passes.hpp"
#include "operators/cases.hpp"
#include "oracle/onnx_oracle.hpp"
#include "oracle/tflite_oracle.hpp"
#include "test_models.hpp"
#include "tflite_generated.h"

namespace mote::formats {
namespace {

using test::Case;
using test::cases;

Bytes samples(const graph::Graph& model, std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  Bytes bytes;
  for (std::size_t sample = 0; sample < count; ++sample) {
    for (const graph::TensorId id : model.inputs()) {
      const graph::Tensor& t = model.tensor(id);
      for (std::size_t i = 0; i < t.shape.elements(); ++i) {
        if (t.dtype == graph::DType::i8) {
          const auto byte = static_cast<std::uint8_t>(rng.next());
          bytes.push_back(graph::may_be_truth(t) ? byte & 1 : byte);
          continue;
        }
        const auto value = static_cast<float>(rng.uniform(-6.0, 6.0));
        const ByteSpan raw = bytes_of(std::span<const float>(&value, 1));
        bytes.insert(bytes.end(), raw.begin(), raw.end());
      }
    }
  }
  return bytes;
}

TEST(TfliteOperatorsAgree, one_by_one) {
  auto oracle = oracle::TfliteOracle::open();
  if (!oracle) GTEST_SKIP() << oracle.error().message();
  struct Expected {
    std::string name;
    bool integer;
    bool bytes;  ///< indices or truth values
    Bytes outputs;
  };
  std::vector<oracle::TfliteJob> jobs;
  std::vector<Expected> here;
  for (const Case& c : cases()) {
    for (const bool integer : {false, true}) {
      const std::int32_t version = integer ? c.int8_version : c.float_version;
      if (version == 0) continue;
      const std::string name = c.name + (integer ? ", int8" : ", float");
      const Bytes file = test::file_of(c, integer);
      // A fuzzer's seeds.
      if (const char* folder = std::getenv("MOTE_CASES")) {
        ASSERT_TRUE(write_file(std::string(folder) + "/case" + std::to_string(jobs.size()) + ".tflite", file));
      }
      const auto model = read_tflite(file, name);
      ASSERT_TRUE(model) << name << ": " << model.error().message();
      const Bytes inputs = samples(*model, 4, 11);
      const auto outputs = test::run(*model, inputs);
      ASSERT_TRUE(outputs) << name << ": " << outputs.error().message();
      jobs.push_back({file, inputs});
      const bool bytes = std::ranges::any_of(
          model->outputs(), [&](graph::TensorId id) { return model->tensor(id).dtype != graph::DType::f32; });
      here.push_back({name, integer, bytes, *outputs});
      const auto parsed = graph::parse(graph::print(*model));
      ASSERT_TRUE(parsed) << name << ": " << parsed.error().message();
      EXPECT_TRUE(*parsed == *model) << name;
      // What mote writes of it is the same model.
      const auto written = write_tflite(*model);
      ASSERT_TRUE(written) << name << ": " << written.error().message();
      jobs.push_back({*written, inputs});
      here.push_back({name + ", written by mote", integer, bytes, *outputs});
    }
  }
  const auto there = oracle->run_all(jobs);
  ASSERT_TRUE(there) << there.error().message();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const Bytes& a = here[i].outputs;
    const Bytes& b = (*there)[i].outputs;
    ASSERT_EQ(a.size(), b.size()) << here[i].name;
    if (here[i].integer || here[i].bytes) {
      std::size_t different = 0;
      int largest = 0;
      for (std::size_t k = 0; k < a.size(); ++k) {
        different += a[k] != b[k] ? 1 : 0;
        largest = std::max(largest, std::abs(static_cast<std::int8_t>(a[k]) - static_cast<std::int8_t>(b[k])));
      }
      // This TensorFlow Lite takes means and sums in float and without saturating, and rounds convolutions once;
      // today's reference kernels do neither.
      const bool older = here[i].name.starts_with("mean") || here[i].name.starts_with("sum") ||
                         here[i].name.starts_with("conv_2d") || here[i].name.starts_with("depthwise") ||
                         (here[i].name.ends_with("written by mote") &&
                          (here[i].name.starts_with("fully") || here[i].name.starts_with("batch") ||
                           here[i].name.starts_with("transpose_conv")));
      if (older && largest <= 1) continue;
      EXPECT_EQ(different, 0u) << here[i].name << ": of " << a.size() << ", at most by " << largest;
    } else {
      const std::span<const float> p(reinterpret_cast<const float*>(a.data()), a.size() / 4),
          q(reinterpret_cast<const float*>(b.data()), b.size() / 4);
      for (std::size_t k = 0; k < p.size(); ++k)
        ASSERT_LE(std::fabs(p[k] - q[k]), 1e-5f * std::max(1.0f, std::fabs(q[k]))) << here[i].name << " at " << k;
    }
  }
  std::printf("    %zu models of one operator\n", jobs.size());
}

/// As `mote convert` reads it.
Result<graph::Graph> read_as_integers(ByteSpan file, const std::string& name) {
  MOTE_TRY(graph::Graph graph, read_onnx(file, name));
  if (optimize::is_marked(graph)) return optimize::quantize_as_marked(graph);
  return graph;
}

/// Largest step between bytes, or a thousand where real numbers differ by more than 1e-5.
int largest_difference(const graph::Graph& model, const Bytes& a, const Bytes& b) {
  if (a.size() != b.size()) return 1000;
  int largest = 0;
  if (model.output().dtype != graph::DType::f32) {
    for (std::size_t k = 0; k < a.size(); ++k)
      largest = std::max(largest, std::abs(static_cast<std::int8_t>(a[k]) - static_cast<std::int8_t>(b[k])));
    return largest;
  }
  const std::span<const float> p(reinterpret_cast<const float*>(a.data()), a.size() / 4),
      q(reinterpret_cast<const float*>(b.data()), b.size() / 4);
  for (std::size_t k = 0; k < p.size(); ++k) {
    if (!(std::fabs(p[k] - q[k]) <= 1e-5f * std::max(1.0f, std::fabs(q[k])))) return 1000;
  }
  return 0;
}

/// Written as ONNX each operator comes back as what computes the same bytes, and ONNX Runtime computes them within a
/// step: it rescales in float.
TEST(TfliteOperatorsAsOnnx, come_back_and_run_there) {
  struct Written {
    std::string name;
    graph::Graph model;
    Bytes outputs;
  };
  std::vector<Written> all;
  std::vector<oracle::Job> jobs;
  for (const Case& c : cases()) {
    for (const bool integer : {false, true}) {
      const std::int32_t version = integer ? c.int8_version : c.float_version;
      if (version == 0) continue;
      const std::string name = c.name + (integer ? ", int8" : ", float");
      const auto model = read_tflite(test::file_of(c, integer), name);
      ASSERT_TRUE(model) << name << ": " << model.error().message();
      const auto file = write_onnx(*model);
      if (!file) {
        EXPECT_EQ(file.error().code(), Code::unsupported) << name;
        std::printf("    not written: %s: %s\n", name.c_str(), file.error().message().c_str());
        continue;
      }
      const Bytes inputs = samples(*model, 4, 11);
      const auto outputs = test::run(*model, inputs);
      ASSERT_TRUE(outputs) << name << ": " << outputs.error().message();
      const auto back = read_as_integers(*file, name);
      if (!back) {
        ADD_FAILURE() << name << ": " << back.error().message();
        continue;
      }
      const auto again = test::run(*back, inputs);
      if (!again) {
        ADD_FAILURE() << name << ": " << again.error().message();
        continue;
      }
      EXPECT_EQ(largest_difference(*model, *outputs, *again), 0) << name;
      jobs.push_back({*file, inputs});
      all.push_back({name, *model, *outputs});
    }
  }
  const auto oracle = oracle::OnnxOracle::open();
  if (!oracle) GTEST_SKIP() << oracle.error().message();
  const auto there = oracle->run_all(jobs);
  ASSERT_TRUE(there) << there.error().message();
  for (std::size_t i = 0; i < all.size(); ++i)
    EXPECT_LE(largest_difference(all[i].model, all[i].outputs, (*there)[i]), 1) << all[i].name << " in ONNX Runtime";
  std::printf("    %zu models of one operator\n", all.size());
}

/// Every word of every such file becomes something else: it reads, and then can be run, written and read again, or it
/// is refused.
TEST(TfliteOperatorsDamaged, never_crash) {
  std::size_t files = 0, readable = 0;
  for (const Case& c : cases()) {
    for (const bool integer : {false, true}) {
      if ((integer ? c.int8_version : c.float_version) == 0) continue;
      const Bytes sound = test::file_of(c, integer);
      for (std::size_t at = 0; at + 4 <= sound.size(); at += 4) {
        for (const std::uint32_t word : {0u, 1u, 2u, 0x7fffffffu, 0xffffffffu, 0x00800000u, 0x7f000000u}) {
          Bytes damaged = sound;
          std::memcpy(damaged.data() + at, &word, 4);
          ++files;
          const auto model = read_tflite(damaged, c.name);
          if (!model) {
            EXPECT_EQ(model.error().message().find('\n'), std::string::npos);
            continue;
          }
          ++readable;
          if (graph::input_bytes(*model) + graph::output_bytes(*model) < 100'000) {
            const auto outputs = test::run(*model, Bytes(graph::input_bytes(*model)));
            if (!outputs) {
              EXPECT_EQ(outputs.error().code(), Code::unsupported) << c.name << ": " << outputs.error().message();
            }
          }
          const auto written = write_tflite(*model);
          if (!written) {
            EXPECT_EQ(written.error().code(), Code::unsupported) << c.name << ": " << written.error().message();
            continue;
          }
          const auto again = read_tflite(*written, c.name);
          ASSERT_TRUE(again) << c.name << ": " << again.error().message();
          // Not floats: zeros that stand in the model and zeros that a layer pads differ where a weight is no number.
          if (integer && graph::input_bytes(*model) + graph::output_bytes(*model) < 100'000 &&
              test::run(*model, Bytes(graph::input_bytes(*model)))) {
            EXPECT_EQ(*test::run(*model, Bytes(graph::input_bytes(*model))),
                      *test::run(*again, Bytes(graph::input_bytes(*model))))
                << c.name;
          }
        }
      }
    }
  }
  std::printf("    %zu damaged files, %zu of them readable\n", files, readable);
}

}  // namespace
}  // namespace mote::formats
