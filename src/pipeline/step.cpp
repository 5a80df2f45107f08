#include "mote/pipeline/step.hpp"

#include <system_error>

namespace mote::pipeline {
namespace {

class FunctionStep final : public Step {
 public:
  FunctionStep(StepDescription description, std::function<Result<Outputs>(Context&)> run)
      : description_(std::move(description)), run_(std::move(run)) {}
  [[nodiscard]] std::string name() const override { return description_.name; }
  [[nodiscard]] std::string version() const override { return description_.version; }
  [[nodiscard]] std::string params() const override { return description_.params; }
  [[nodiscard]] std::vector<std::string> inputs() const override { return description_.inputs; }
  [[nodiscard]] std::vector<std::string> outputs() const override { return description_.outputs; }
  [[nodiscard]] Result<Outputs> run(Context& context) override { return run_(context); }

 private:
  StepDescription description_;
  std::function<Result<Outputs>(Context&)> run_;
};

}  // namespace

Result<std::filesystem::path> Context::input(std::string_view name) const {
  const auto found = setup_.inputs.find(std::string(name));
  if (found == setup_.inputs.end()) {
    return fail(Code::invalid_argument, "the step declares no input '" + std::string(name) + "'");
  }
  return found->second;
}

bool Context::is_resumed() const {
  std::error_code ignored;
  return !std::filesystem::is_empty(setup_.work, ignored) && !ignored;
}

std::unique_ptr<Step> make_step(StepDescription description, std::function<Result<Outputs>(Context&)> run) {
  return std::make_unique<FunctionStep>(std::move(description), std::move(run));
}

}  // namespace mote::pipeline
