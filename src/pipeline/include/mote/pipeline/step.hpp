#pragma once
// One piece of work of a pipeline: what the runner has to know to decide whether it needs doing, and how to do it.
// The pipeline knows no concrete step; the command line registers them.

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/error.hpp"
#include "mote/base/progress.hpp"

namespace mote::pipeline {

/// What a running step sees of the world.
class Context {
 public:
  struct Setup {
    std::filesystem::path work;
    std::filesystem::path outputs;
    std::map<std::string, std::filesystem::path> inputs;
    Progress* progress = nullptr;  ///< null is silent
  };
  /// Both folders exist. Public so that a step can be tested alone.
  explicit Context(Setup setup) : setup_(std::move(setup)) {}

  /// File or folder of a declared input, verified, to be read only.  @error invalid_argument  no such input is
  /// declared.
  [[nodiscard]] Result<std::filesystem::path> input(std::string_view name) const;

  /// A private folder that survives an interruption: the next attempt at the very same work finds it as it was left.
  /// For checkpoints; it is removed when the step succeeds.
  [[nodiscard]] const std::filesystem::path& work() const { return setup_.work; }
  /// Whether an earlier attempt left something in `work()`.
  [[nodiscard]] bool is_resumed() const;

  /// Where to write an output file or folder of that name. Empty at the start of every attempt.
  [[nodiscard]] std::filesystem::path output(std::string_view file_name) const { return setup_.outputs / file_name; }
  [[nodiscard]] const std::filesystem::path& output_folder() const { return setup_.outputs; }

  [[nodiscard]] Progress& progress() { return setup_.progress != nullptr ? *setup_.progress : silent_; }

 private:
  Setup setup_;
  SilentProgress silent_;
};

/// Output name -> the file or folder that holds it, inside Context::output_folder().
using Outputs = std::map<std::string, std::filesystem::path>;

class Step {
 public:
  virtual ~Step() = default;
  /// Unique in its graph; letters, digits and . _ - :
  [[nodiscard]] virtual std::string name() const = 0;
  /// Changes whenever the step's code may give another result.
  [[nodiscard]] virtual std::string version() const = 0;
  /// Everything but the inputs that the result depends on: Section::canonical_text of the keys that the step reads.
  [[nodiscard]] virtual std::string params() const = 0;
  [[nodiscard]] virtual std::vector<std::string> inputs() const = 0;
  [[nodiscard]] virtual std::vector<std::string> outputs() const = 0;

  /// Does the work. Depends on nothing but params and inputs, writes nowhere but into the context's folders, and moves
  /// no file there from elsewhere by link. Long work checks `progress().cancelled()`.
  /// @return exactly the names of outputs().
  [[nodiscard]] virtual Result<Outputs> run(Context& context) = 0;
};

struct StepDescription {
  std::string name;
  std::string version;
  std::string params;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
};

/// A step from a description and a function, for those that need no class.
[[nodiscard]] std::unique_ptr<Step> make_step(StepDescription description,
                                              std::function<Result<Outputs>(Context&)> run);

}  // namespace mote::pipeline
