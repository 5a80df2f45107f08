// Every operator case of ONNX's own test data (Debian's libonnx-testdata): it gives the recorded outputs, or it is
// refused. What each case does stands in a checked-in table, docs/onnx-conformance.txt, which MOTE_UPDATE=1 writes
// anew. Cases pass weights as inputs; where a model is refused for that, the recorded inputs become constants, all but
// the first.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>

#include "mote/base/file.hpp"
#include "mote/formats/onnx.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"

namespace mote::formats {
namespace {

namespace fs = std::filesystem;

constexpr const char* kCases = "/usr/share/libonnx-testdata/data/node";

struct Recorded {
  std::vector<graph::Tensor> inputs, outputs;
};

Result<Recorded> recorded(const fs::path& folder) {
  Recorded r;
  for (const bool input : {true, false}) {
    for (int i = 0;; ++i) {
      const fs::path file = folder / "test_data_set_0" / ((input ? "input_" : "output_") + std::to_string(i) + ".pb");
      if (!fs::exists(file)) break;
      MOTE_TRY(const Bytes bytes, read_file(file));
      auto t = read_onnx_tensor(bytes);
      if (!t) return fail(t.error().code(), "test data " + t.error().message());
      (input ? r.inputs : r.outputs).push_back(std::move(*t));
    }
  }
  return r;
}

/// Largest difference relative to max(1, |expected|); indices must be equal.
double difference(const graph::Tensor& expected, graph::DType got_type, ByteSpan got) {
  double worst = 0.0;
  const auto note = [&](double e, double g) {
    if (std::isnan(e) && std::isnan(g)) return;
    if (std::isinf(e) && e == g) return;
    const double d = std::fabs(e - g) / std::max(1.0, std::fabs(e));
    worst = std::isnan(d) ? 1e9 : std::max(worst, d);
  };
  for (std::size_t i = 0; i < expected.shape.elements(); ++i) {
    double e = 0.0;
    if (expected.dtype == graph::DType::f32)
      e = static_cast<double>(expected.values<float>()[i]);
    else if (expected.dtype == graph::DType::i64)
      e = static_cast<double>(expected.values<std::int64_t>()[i]);
    else if (expected.dtype == graph::DType::i32)
      e = expected.values<std::int32_t>()[i];
    else if (expected.dtype == graph::DType::i8)
      e = expected.values<std::int8_t>()[i];
    else if (expected.dtype == graph::DType::u8)
      e = expected.values<std::uint8_t>()[i];
    else
      return 1e9;
    double g = 0.0;
    if (got_type == graph::DType::f32) {
      float v;
      std::memcpy(&v, got.data() + 4 * i, 4);
      g = static_cast<double>(v);
    } else if (got_type == graph::DType::i8) {
      g = static_cast<std::int8_t>(got[i]) + (expected.dtype == graph::DType::u8 ? 128 : 0);
    } else {
      std::int32_t v;
      std::memcpy(&v, got.data() + 4 * i, 4);
      g = v;
    }
    note(e, g);
  }
  return worst;
}

std::vector<std::string> not_written;

/// What mote writes of a model and reads again.  @error unsupported  it is not written; why stands in `not_written`.
Result<graph::Graph> written_and_read(const graph::Graph& graph) {
  const auto file = write_onnx(graph);
  if (!file) {
    not_written.push_back(graph.name() + ": " + file.error().message());
    return fail(file.error());
  }
  auto again = read_onnx(*file, "again");
  if (!again) return fail(Code::internal, again.error().message());
  return again;
}

/// "pass", "not supported: why", or what is wrong.
std::string verdict(const fs::path& folder) {
  const auto file = read_file(folder / "model.onnx");
  if (!file) return "no file";
  const auto data = recorded(folder);
  if (!data) return "not supported: " + data.error().message();
  auto model = read_onnx(*file, "case");
  std::vector<graph::Tensor> inputs = data->inputs;
  if (!model && inputs.size() > 1) {
    std::vector<graph::Tensor> rest(inputs.begin() + 1, inputs.end());
    const auto fixed = with_constant_inputs(*file, rest);
    if (fixed) {
      auto again = read_onnx(*fixed, "case");
      if (again) {
        model = std::move(again);
        inputs.resize(1);
      } else {
        model = std::move(again);
      }
    }
  }
  if (!model) {
    std::string why = model.error().message();
    return (model.error().code() == Code::unsupported || model.error().code() == Code::too_large ? "not supported: "
                                                                                                 : "refused: ") +
           why.substr(0, 150);
  }
  Bytes input;
  std::size_t next = 0;
  for (const graph::TensorId id : model->inputs()) {
    // Inputs that nobody reads are still inputs.
    if (next >= inputs.size() || inputs[next].size_bytes() != model->tensor(id).size_bytes())
      return "wrong: its inputs are not those recorded";
    // uint8 is int8 here, 128 less.
    const std::uint8_t flip = inputs[next].dtype == graph::DType::u8 ? 0x80 : 0;
    for (const std::uint8_t byte : *inputs[next].data) input.push_back(byte ^ flip);
    ++next;
  }
  const auto simple = optimize::simplify(*model);
  if (!simple) return "wrong: " + simple.error().message();
  const auto again = written_and_read(*model);
  if (!again && again.error().code() != Code::unsupported) return "wrong: written, " + again.error().message();
  std::vector<const graph::Graph*> forms{&*model, &simple->graph};
  if (again) forms.push_back(&*again);
  for (const graph::Graph* g : forms) {
    auto executor = graph::Executor::create(*g);
    if (!executor) return "not supported: " + executor.error().message().substr(0, 150);
    Bytes output(graph::output_bytes(*g));
    if (auto ran = executor->run(input, output); !ran) return "wrong: " + ran.error().message();
    std::size_t at = 0;
    for (std::size_t i = 0; i < model->outputs().size(); ++i) {
      const graph::Tensor& y = model->tensor(model->outputs()[i]);
      if (i >= data->outputs.size() || data->outputs[i].shape.elements() != y.shape.elements())
        return "wrong: output of another size";
      const double d = difference(data->outputs[i], y.dtype, ByteSpan(output).subspan(at, y.size_bytes()));
      if (d > 1e-5)
        return "wrong: differs by " + std::to_string(d) +
               (g == forms[0]   ? ""
                : g == forms[1] ? " after optimization"
                                : " when written and read again");
      at += y.size_bytes();
    }
  }
  return "pass";
}

TEST(OnnxConformance, every_case_does_what_the_table_says) {
  if (!fs::exists(kCases)) GTEST_SKIP() << "libonnx-testdata is not installed";
  std::map<std::string, std::string> verdicts;
  for (const auto& entry : fs::directory_iterator(kCases)) {
    if (fs::exists(entry.path() / "model.onnx")) verdicts[entry.path().filename().string()] = verdict(entry.path());
  }
  std::size_t passed = 0, wrong = 0;
  std::string table;
  for (const auto& [name, text] : verdicts) {
    passed += text == "pass" ? 1 : 0;
    wrong += text.starts_with("wrong") ? 1 : 0;
    EXPECT_FALSE(text.starts_with("wrong")) << name << ": " << text;
    // The reason may be worded anew; whether it is supported may not change unseen.
    table += name + "  " + (text == "pass" ? "pass" : "not supported") + "\n";
  }
  std::printf("    %zu cases, %zu pass, %zu wrong, %zu of those read not written\n", verdicts.size(), passed, wrong,
              not_written.size());
  for (const std::string& why : not_written) std::printf("    %s\n", why.c_str());
  if (std::getenv("MOTE_ONNX_VERDICTS") != nullptr) {
    for (const auto& [name, text] : verdicts) std::printf("%s  %s\n", name.c_str(), text.c_str());
  }
  const fs::path file = fs::path(MOTE_SOURCE_DIR) / "docs/onnx-conformance.txt";
  const std::string heading =
      "# Written by src/formats/onnx_conformance_test.cpp: the operator cases of libonnx-testdata 1.12. " +
      std::to_string(passed) + " of " + std::to_string(verdicts.size()) + " pass.\n";
  if (std::getenv("MOTE_UPDATE") != nullptr) {
    ASSERT_TRUE(write_file(file, as_bytes(heading + table)));
    return;
  }
  const auto kept = read_text(file);
  ASSERT_TRUE(kept.has_value()) << kept.error().message();
  if (verdicts.size() != 932) GTEST_SKIP() << "another version of the test data: " << verdicts.size() << " cases";
  EXPECT_EQ(*kept, heading + table);
}

}  // namespace
}  // namespace mote::formats
