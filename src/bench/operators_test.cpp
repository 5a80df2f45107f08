// Every operator that is read from a .tflite file, in float32 and int8, on the emulated board: the host's results, in
// models that hold all of them side by side.

#include <gtest/gtest.h>

#include <map>

#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/optimize/passes.hpp"
#include "operators/cases.hpp"

namespace mote::bench {
namespace {

using graph::DType;
using graph::Graph;
using graph::Quantization;
using graph::TensorId;

/// Models side by side. All take int8, those of floats behind a Dequantize: a module has inputs of one type.
class SideBySide {
 public:
  /// @param outputs  of which type: the other outputs of a model are left out, and models that have none
  explicit SideBySide(DType outputs) : output_(outputs) {}

  void add(const Graph& model, const std::string& name) {
    const auto given_out = [&](TensorId id) { return same_size(model.tensor(id).dtype); };
    if (std::ranges::none_of(model.outputs(), given_out)) return;
    ++count_;
    std::map<TensorId, TensorId> here;
    for (TensorId id = 0; id < static_cast<TensorId>(model.tensors().size()); ++id) {
      graph::Tensor t = model.tensor(id);
      t.name = name + "/" + t.name;
      here[id] = graph_.add_tensor(std::move(t));
    }
    here[graph::kNoTensor] = graph::kNoTensor;
    for (const TensorId id : model.inputs()) {
      const graph::Tensor& t = model.tensor(id);
      if (t.dtype == DType::i8) {
        inputs_.push_back(here[id]);
        continue;
      }
      inputs_.push_back(graph_.add_tensor(
          {name + "/" + t.name + "/byte", DType::i8, t.shape, Quantization::per_tensor(0.05f, -3), nullptr}));
      graph_.add_op({name + "/" + t.name + "/real", graph::Dequantize{}, {inputs_.back()}, {here[id]}});
    }
    for (graph::Op op : model.ops()) {
      op.name = name + "/" + op.name;
      for (TensorId& id : op.inputs) id = here[id];
      for (TensorId& id : op.outputs) id = here[id];
      graph_.add_op(std::move(op));
    }
    for (const TensorId id : model.outputs()) {
      if (given_out(id)) outputs_.push_back(here[id]);
    }
  }
  Graph finish() {
    graph_.set_inputs(inputs_);
    graph_.set_outputs(outputs_);
    return graph_;
  }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  [[nodiscard]] bool same_size(DType type) const { return graph::size_bytes(type) == graph::size_bytes(output_); }

  DType output_;
  Graph graph_{"operators"};
  std::vector<TensorId> inputs_, outputs_;
  std::size_t count_ = 0;
};

/// Planning takes more than in proportion to the number of values.
constexpr std::size_t kModelsAModule = 30;
/// Some cases stand in many shapes under one name.
constexpr int kOfAKind = 2;

void expect_the_hosts_results(const Graph& separate, const char* board_name) {
  const auto packed = optimize::pack_interface(separate);
  ASSERT_TRUE(packed.has_value()) << packed.error().message();
  const board::BoardSpec spec = *board::find_board(board_name);
  const auto model = compile::compile(*packed, spec, {});
  ASSERT_TRUE(model.has_value()) << model.error().message();
  Rng rng(12);
  for (int i = 0; i < 2; ++i) {
    const auto difference = first_difference(*model, *packed, spec, random_input(*packed, rng));
    ASSERT_TRUE(difference.has_value()) << difference.error().message();
    if (*difference) {
      const StepDifference& d = **difference;
      ADD_FAILURE() << d.tensor << " on " << board_name << ", " << d.step << ": " << d.different << " elements, first "
                    << d.first << ": " << d.got << " instead of " << d.expected;
    }
  }
}

void expect_the_hosts_results(DType outputs, const char* board_name) {
  if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  SideBySide some(outputs);
  std::size_t number = 0, count = 0;
  std::map<std::string, int> of_name;
  const auto check = [&] {
    count += some.count();
    if (some.count() > 0) expect_the_hosts_results(some.finish(), board_name);
    some = SideBySide(outputs);
  };
  for (const formats::test::Case& c : formats::test::cases()) {
    for (const bool integer : {false, true}) {
      if ((integer ? c.int8_version : c.float_version) == 0) continue;
      const std::string kind = c.name + (integer ? ", int8" : ", float");
      if (++of_name[kind] > kOfAKind) continue;
      const std::string name = std::to_string(number++) + ", " + kind;
      const auto model = formats::read_tflite(formats::test::file_of(c, integer), name);
      ASSERT_TRUE(model.has_value()) << name << ": " << model.error().message();
      some.add(*model, name);
      if (some.count() == kModelsAModule) check();
    }
  }
  check();
  std::printf("    %zu models of one operator\n", count);
}

TEST(OperatorsOnTheBoard, that_give_bytes) { expect_the_hosts_results(DType::i8, "nucleo-l4r5zi"); }

TEST(OperatorsOnTheBoard, that_give_floats_or_indices) { expect_the_hosts_results(DType::f32, "nucleo-l4r5zi"); }

}  // namespace
}  // namespace mote::bench
