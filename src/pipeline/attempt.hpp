#pragma once
// One step with its inputs resolved: its key, whether the store knows its result, why not, and making it.

#include <chrono>
#include <string>
#include <vector>

#include "mote/pipeline/runner.hpp"

namespace mote::pipeline {

using Clock = std::chrono::steady_clock;

[[nodiscard]] inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Attempt {
 public:
  struct Input {
    registry::InputRecord record;
    std::filesystem::path source;  ///< where a file from outside lies; empty when a step made it
    registry::Manifest manifest;   ///< files of a folder from outside
  };

  Attempt(registry::Store& store, registry::FileDigests& digests, Step& step, std::vector<Input> inputs);

  [[nodiscard]] const Digest& key() const { return key_; }
  [[nodiscard]] const std::vector<Input>& inputs() const { return inputs_; }

  /// Compares with the step's latest record: what differs, for people.
  [[nodiscard]] std::string reason() const;

  /// Runs the step in its scratch folder and commits what it made.
  [[nodiscard]] Result<registry::StepRecord> make(Progress* progress);

 private:
  [[nodiscard]] Result<std::map<std::string, std::filesystem::path>> input_paths();
  [[nodiscard]] Result<Outputs> run_fenced(Context& context);
  [[nodiscard]] Result<void> check_outputs(const Outputs& outputs, const std::filesystem::path& folder) const;
  [[nodiscard]] Result<void> check_sources_unchanged();
  [[nodiscard]] Result<registry::StepRecord> commit(const Outputs& outputs, Clock::time_point start);

  registry::Store& store_;
  registry::FileDigests& digests_;
  Step& step_;
  std::vector<Input> inputs_;
  Digest key_;
};

}  // namespace mote::pipeline
