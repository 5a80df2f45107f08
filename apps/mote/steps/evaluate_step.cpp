#include <algorithm>
#include <cmath>

#include "command.hpp"
#include "materials.hpp"
#include "mote/base/file.hpp"
#include "mote/bench/bench.hpp"
#include "mote/train/train.hpp"
#include "steps.hpp"

namespace mote::app {
namespace {

std::size_t best_of(const Bytes& output) {
  const auto* v = reinterpret_cast<const std::int8_t*>(output.data());
  return static_cast<std::size_t>(std::max_element(v, v + output.size()) - v);
}

/// Counts right answers and fills a confusion matrix [truth][predicted].
class Tally {
 public:
  explicit Tally(std::size_t classes) : classes_(classes), confusion_(classes * classes, 0) {}
  void add(std::int32_t truth, std::size_t predicted) {
    ++count_;
    if (truth < 0) return;
    right_ += static_cast<std::size_t>(truth) == predicted ? 1 : 0;
    ++confusion_[static_cast<std::size_t>(truth) * classes_ + predicted];
  }
  [[nodiscard]] double accuracy() const {
    return count_ == 0 ? 0.0 : static_cast<double>(right_) / static_cast<double>(count_);
  }
  [[nodiscard]] const std::vector<std::uint64_t>& confusion() const { return confusion_; }

 private:
  std::size_t classes_;
  std::size_t count_ = 0, right_ = 0;
  std::vector<std::uint64_t> confusion_;
};

/// Test samples for the board, spread evenly over the part.
std::vector<std::size_t> chosen_samples(std::size_t available, std::size_t wanted) {
  const std::size_t count = wanted == 0 ? available : std::min(wanted, available);
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < count; ++i) chosen.push_back(i * available / count);
  return chosen;
}

/// Wrong answers that int8 is surest of.
Json worst_mistakes(const samples::DatasetSource& test, const std::vector<Bytes>& outputs) {
  struct Mistake {
    std::size_t index, predicted;
    int confidence;
  };
  std::vector<Mistake> mistakes;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::size_t predicted = best_of(outputs[i]);
    if (test.label(i) >= 0 && static_cast<std::size_t>(test.label(i)) != predicted) {
      mistakes.push_back({i, predicted, static_cast<std::int8_t>(outputs[i][predicted]) + 128});
    }
  }
  std::ranges::stable_sort(mistakes, std::greater{}, &Mistake::confidence);
  mistakes.resize(std::min<std::size_t>(mistakes.size(), 12));
  Json json = Json::array();
  for (const Mistake& m : mistakes) {
    json.push_back({{"dataset_index", test.dataset_index(m.index)},
                    {"truth", test.label(m.index)},
                    {"predicted", m.predicted},
                    {"confidence", m.confidence / 255.0}});
  }
  return json;
}

/// How many of the chosen samples gave the host's bytes; all of them, or the run fails.
Result<std::size_t> count_equal(const std::vector<Bytes>& outputs, const std::vector<Bytes>& host,
                                const std::vector<std::size_t>& chosen, std::string_view where) {
  std::size_t equal = 0;
  for (std::size_t i = 0; i < chosen.size(); ++i) equal += outputs[i] == host[chosen[i]] ? 1 : 0;
  if (equal == chosen.size()) return equal;
  return fail(Code::internal, std::string(where) + " computed other bytes than the host on " +
                                  std::to_string(chosen.size() - equal) + " of " + std::to_string(chosen.size()) +
                                  " samples; please report this");
}

Result<pipeline::Outputs> evaluate_models(const Project& project, pipeline::Context& context) {
  MOTE_TRY(const auto folder, context.input("dataset"));
  MOTE_TRY(const auto float_file, context.input("float"));
  MOTE_TRY(const auto int8_file, context.input("int8"));
  MOTE_TRY(const auto firmware_file, context.input("firmware"));
  MOTE_TRY(const Materials materials, open_materials(project, folder));
  MOTE_TRY(const graph::Graph float_model, read_graph(float_file));
  MOTE_TRY(const graph::Graph int8, read_graph(int8_file));
  MOTE_TRY(const Bytes firmware, read_file(firmware_file));
  MOTE_TRY(const auto test, materials.source(data::Part::test));
  MOTE_TRY(const auto quantization, input_quantization(materials, int8));
  const std::size_t classes = materials.dataset.about().labels.size();

  MOTE_TRY(const std::vector<float> predictions, train::predict(float_model, *test));
  MOTE_TRY(const std::vector<Bytes> host, run_on_host(int8, *test, quantization, context.progress()));
  Tally float_tally(classes), int8_tally(classes), board_tally(classes);
  std::size_t agreements = 0;
  for (std::size_t i = 0; i < test->size(); ++i) {
    const float* row = predictions.data() + i * classes;
    const auto float_best = static_cast<std::size_t>(std::max_element(row, row + classes) - row);
    float_tally.add(test->label(i), float_best);
    int8_tally.add(test->label(i), best_of(host[i]));
    agreements += float_best == best_of(host[i]) ? 1 : 0;
  }

  const auto chosen = chosen_samples(test->size(), project.evaluate.value.board_samples);
  const auto module_input = [&](std::size_t i) { return test->module_input(chosen[i]); };
  MOTE_TRY(const std::vector<Bytes> board,
           bench::run_on_board(firmware, project.target.value.board, chosen.size(), module_input, context.progress()));
  for (std::size_t i = 0; i < chosen.size(); ++i) board_tally.add(test->label(chosen[i]), best_of(board[i]));
  MOTE_TRY(const std::size_t equal, count_equal(board, host, chosen, "the board"));
  std::size_t qemu_equal = 0;
  if (project.evaluate.value.qemu) {
    MOTE_TRY(const std::vector<Bytes> qemu,
             bench::run_on_qemu(firmware, project.target.value.board, chosen.size(), module_input, context.progress()));
    MOTE_TRY(qemu_equal, count_equal(qemu, host, chosen, "QEMU"));
  }
  Json json{
      {"metric", "accuracy"},
      {"n", test->size()},
      {"float", float_tally.accuracy()},
      {"int8", int8_tally.accuracy()},
      {"board", board_tally.accuracy()},
      {"board_n", chosen.size()},
      {"board_equal", equal},
      {"qemu_n", project.evaluate.value.qemu ? chosen.size() : 0},
      {"qemu_equal", qemu_equal},
      {"agreement", test->size() == 0 ? 0.0 : static_cast<double>(agreements) / static_cast<double>(test->size())},
      {"confusion_float", float_tally.confusion()},
      {"confusion_int8", int8_tally.confusion()},
      {"worst", worst_mistakes(*test, host)}};
  MOTE_TRY_VOID(write_file(context.output("evaluation.json"), json.dump(1)));
  return pipeline::Outputs{{"evaluation", context.output("evaluation.json")}};
}

}  // namespace

Result<void> add_evaluate(pipeline::Graph& graph, const Project& project) {
  auto run = [&project](pipeline::Context& context) { return evaluate_models(project, context); };
  const std::string params = materials_text(project) + project.target.text + project.evaluate.text;
  return graph.add(
      pipeline::make_step({"evaluate", "2", params, {"dataset", "float", "int8", "firmware"}, {"evaluation"}}, run),
      {{"dataset", pipeline::FromStep{"import", "dataset"}},
       {"float", pipeline::FromStep{"quantize", "float"}},
       {"int8", pipeline::FromStep{"quantize", "int8"}},
       {"firmware", pipeline::FromStep{"compile", "firmware"}}});
}

}  // namespace mote::app
