#include "mote/pipeline/runner.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "attempt.hpp"
#include "mote/base/file.hpp"

namespace mote::pipeline {
namespace {

namespace fs = std::filesystem;

// Work folders of settings nobody went back to.
constexpr std::chrono::hours kForgottenAfter{14 * 24};

/// One call of Runner::run. Repeats its pass over the steps when an input turns out to be damaged: the object is gone
/// from the store by then, so that the next pass makes it again.
class Run {
 public:
  Run(registry::Store& store, const fs::path& project, registry::FileDigests& digests, const Graph& graph,
      const RunOptions& options)
      : store_(store), project_(project), digests_(digests), graph_(graph), options_(options) {}

  Result<RunResult> all() {
    const auto start = Clock::now();
    MOTE_TRY(order_, graph_.order(options_.until));
    // Each pass repairs at least one object, and a repaired one is verified: more passes than this cannot be needed.
    for (std::size_t pass = 0; pass <= 2 * order_.size(); ++pass) {
      result_.steps.clear();
      MOTE_TRY(const bool is_complete, whole_pass());
      if (!is_complete) continue;
      result_.seconds = seconds_since(start);
      for (std::string& note : store_.take_notes()) result_.notes.push_back(std::move(note));
      return std::move(result_);
    }
    return fail(Code::io,
                store_.folder().string() + ": results are damaged as soon as they are written; check the disk");
  }

 private:
  /// False when damage was found and the pass has to be repeated.
  Result<bool> whole_pass() {
    for (std::size_t index = 0; index < order_.size(); ++index) {
      const std::string name = graph_.nodes()[order_[index]].step->name();
      auto is_done = step(index);
      if (!is_done) return fail(std::move(is_done).error(), "step '" + name + "'");
      if (!*is_done) return false;
    }
    return true;
  }

  Result<bool> step(std::size_t index) {
    const auto start = Clock::now();
    const Graph::Node& node = graph_.nodes()[order_[index]];
    MOTE_TRY(std::vector<Attempt::Input> inputs, resolve(node));
    Attempt attempt(store_, digests_, *node.step, std::move(inputs));
    if (const auto known = made_.find(node.step->name()); known != made_.end() && known->second.key == attempt.key()) {
      if (outputs_intact(known->second)) return keep(known->second);
    }
    std::string reason;
    if (auto cached = find_cached(attempt.key(), *node.step, reason)) {
      StepResult result = describe(*cached);
      result.cached = true;
      result.seconds = seconds_since(start);
      report(result, index);
      return keep(std::move(result));
    }
    return make(attempt, node.step->name(), index, reason.empty() ? attempt.reason() : reason);
  }

  Result<bool> make(Attempt& attempt, const std::string& name, std::size_t index, const std::string& reason) {
    if (options_.progress != nullptr && options_.progress->cancelled()) {
      return fail(Code::cancelled, "stopped as asked; run again to go on from here");
    }
    if (!inputs_whole(attempt)) return false;
    if (options_.observer != nullptr) options_.observer->started(name, index, order_.size(), reason);
    const auto start = Clock::now();
    MOTE_TRY(const registry::StepRecord record, attempt.make(options_.progress));
    StepResult result = describe(record);
    result.seconds = seconds_since(start);
    result.reason = reason;
    made_[name] = result;
    report(result, index);
    return keep(std::move(result));
  }

  Result<std::vector<Attempt::Input>> resolve(const Graph::Node& node) {
    std::vector<Attempt::Input> inputs;
    for (const auto& [name, binding] : node.inputs) {
      Attempt::Input input;
      input.record.name = name;
      if (const auto* source = std::get_if<Source>(&binding)) {
        input.source = project_ / source->path;
        input.record.source = source->path.generic_string();
        auto artifact = digests_.digest(input.source, &input.manifest);
        if (!artifact) return fail(std::move(artifact).error(), "input '" + name + "'");
        input.record.artifact = *artifact;
      } else {
        const auto& from = std::get<FromStep>(binding);
        const StepResult& made = *result_.step(from.step);
        input.record.artifact = made.outputs.at(from.output).artifact;
        input.record.producer = made.key;
      }
      inputs.push_back(std::move(input));
    }
    return inputs;
  }

  /// The stored result for this key, if it is whole; `reason` says so if it is not.
  std::optional<registry::StepRecord> find_cached(const Digest& key, const Step& step, std::string& reason) {
    const std::string name = step.name();
    const bool is_forced = options_.force.contains(name) && !made_.contains(name);
    auto record = store_.find(key);
    if (!record || is_forced) return std::nullopt;
    for (const std::string& output : step.outputs()) {
      if (record->output(output) != nullptr) continue;
      reason = "it has a new output '" + output + "'";
      return std::nullopt;
    }
    for (const registry::OutputRecord& output : record->outputs) {
      if (store_.intact(output.artifact)) continue;
      reason = "its stored result '" + output.name + "' is missing or damaged";
      result_.notes.push_back("step '" + name + "': " + reason + " (" + output.artifact.id.short_hex() +
                              "), so it ran again");
      return std::nullopt;
    }
    return record;
  }

  bool outputs_intact(const StepResult& result) {
    return std::all_of(result.outputs.begin(), result.outputs.end(),
                       [this](const auto& entry) { return store_.intact(entry.second.artifact); });
  }

  /// Hashes what earlier steps made, before it is used. What is damaged has left the store afterwards.
  bool inputs_whole(const Attempt& attempt) {
    bool is_whole = true;
    for (const Attempt::Input& input : attempt.inputs()) {
      if (input.source.empty() && !store_.verify(input.record.artifact)) is_whole = false;
    }
    return is_whole;
  }

  Result<bool> keep(StepResult result) {
    result_.steps.push_back(std::move(result));
    return true;
  }

  void report(const StepResult& result, std::size_t index) {
    if (options_.observer != nullptr) options_.observer->finished(result, index, order_.size());
  }

  static StepResult describe(const registry::StepRecord& record) {
    StepResult result;
    result.name = record.step;
    result.key = record.key;
    result.recorded_seconds = record.seconds;
    for (const registry::OutputRecord& output : record.outputs) result.outputs[output.name] = output;
    return result;
  }

  registry::Store& store_;
  const fs::path& project_;
  registry::FileDigests& digests_;
  const Graph& graph_;
  const RunOptions& options_;
  std::vector<std::size_t> order_;
  RunResult result_;
  std::map<std::string, StepResult> made_;  ///< run by this call, by name
};

void remove_forgotten_work(const fs::path& scratch) {
  std::error_code error;
  const auto now = fs::file_time_type::clock::now();
  std::vector<fs::path> forgotten;
  for (fs::directory_iterator it(scratch, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const auto written = fs::last_write_time(it->path() / "work", ignored);
    if (!ignored && now - written > kForgottenAfter) forgotten.push_back(it->path());
  }
  for (const fs::path& path : forgotten) fs::remove_all(path, error);
}

}  // namespace

std::size_t RunResult::cached_steps() const {
  return static_cast<std::size_t>(
      std::count_if(steps.begin(), steps.end(), [](const StepResult& s) { return s.cached; }));
}

const StepResult* RunResult::step(std::string_view name) const {
  const auto found = std::find_if(steps.begin(), steps.end(), [&](const StepResult& s) { return s.name == name; });
  return found == steps.end() ? nullptr : &*found;
}

Runner::Runner(registry::Store& store, fs::path project)
    : store_(store), project_(std::move(project)), digests_(store.folder() / "cache" / "digests") {}

Result<RunResult> Runner::run(const Graph& graph, const RunOptions& options) {
  auto result = Run(store_, project_, digests_, graph, options).all();
  // The memory of hashes only saves time: on a full disk the run itself is what counts.
  static_cast<void>(digests_.save().has_value());
  if (result) remove_forgotten_work(store_.folder() / "scratch");
  return result;
}

}  // namespace mote::pipeline
