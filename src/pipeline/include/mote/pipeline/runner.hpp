#pragma once
// Runs the steps of a graph whose results are not in the store yet.
//
// The key of a step is the hash of its name, version, params and the contents of its inputs. A key with a whole result
// in the store is not run. Because contents count, a step that ran again and made the same result stops the change
// there. Each result is committed on its own: a failure, a kill or a full disk costs the step it hit, and that step
// finds its work folder again at the next attempt. Steps run one after another; they use all cores inside.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "mote/base/progress.hpp"
#include "mote/pipeline/graph.hpp"
#include "mote/registry/file_digests.hpp"
#include "mote/registry/store.hpp"

namespace mote::pipeline {

struct StepResult {
  std::string name;
  Digest key;
  bool cached = false;
  double seconds = 0;           ///< spent now; nearly nothing when cached
  double recorded_seconds = 0;  ///< spent when the result was made
  std::string reason;           ///< why it ran: "first run", "train.epochs: 2 -> 3", "input images changed", ...
  std::map<std::string, registry::OutputRecord> outputs;
};

struct RunResult {
  std::vector<StepResult> steps;  ///< in the order of running
  double seconds = 0;
  std::vector<std::string> notes;  ///< damage that was found and repaired, one sentence each

  [[nodiscard]] std::size_t cached_steps() const;
  [[nodiscard]] const StepResult* step(std::string_view name) const;
};

/// Hears of each step as it happens; results of a run that fails later are seen only here.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// Before a step that is not cached runs. `index` in [0, total).
  virtual void started(const std::string& step, std::size_t index, std::size_t total, const std::string& reason) = 0;
  virtual void finished(const StepResult& result, std::size_t index, std::size_t total) = 0;
};

struct RunOptions {
  Progress* progress = nullptr;     ///< passed to the steps; null is silent
  RunObserver* observer = nullptr;  ///< may be null
  std::string until;                ///< run only this step and what it needs; empty means all
  std::set<std::string> force;      ///< steps to run again although their result is known
};

class Runner {
 public:
  /// @param store    opened for writing; outlives the runner.
  /// @param project  folder that relative sources are seen from.
  Runner(registry::Store& store, std::filesystem::path project);

  /// @error as Graph::order, or of the first step that fails, with its name in front; whatever succeeded is kept.
  /// @error cancelled  the user asked to stop.
  /// @error io         a source changed while a step was reading it.
  [[nodiscard]] Result<RunResult> run(const Graph& graph, const RunOptions& options = {});

 private:
  registry::Store& store_;
  std::filesystem::path project_;
  registry::FileDigests digests_;
};

}  // namespace mote::pipeline
