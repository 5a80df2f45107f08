#include "oracle/npm_oracle.hpp"

#include <sstream>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"

namespace mote::oracle {

Result<NpmOracle> NpmOracle::open(std::string name, std::filesystem::path driver, std::filesystem::path package) {
  NpmOracle oracle;
  oracle.name_ = std::move(name);
  oracle.driver_ = std::move(driver);
  oracle.package_ = std::move(package);
  oracle.node_ = find_program("node");
  const std::string without = "no " + oracle.name_ + " to compare with: ";
  if (oracle.node_.empty()) return fail(Code::not_found, without + "node is not installed");
  if (!std::filesystem::exists(oracle.package_ / "installed")) {
    const auto reason = read_text(oracle.package_ / "missing");
    return fail(Code::not_found, without + (reason ? *reason : "the package was not installed by the build"));
  }
  return oracle;
}

Result<std::vector<NpmOracle::Answer>> NpmOracle::run_all(std::span<const Job> jobs) const {
  MOTE_TRY(const TemporaryFolder folder, TemporaryFolder::create("mote-oracle"));
  const auto file = [&](std::size_t job, const char* name) { return folder.path() / (std::to_string(job) + name); };
  std::vector<std::string> command{node_.string(), driver_.string(), (package_ / "node_modules").string()};
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    MOTE_TRY_VOID(write_file(file(i, ".model"), jobs[i].model));
    MOTE_TRY_VOID(write_file(file(i, ".in"), jobs[i].inputs));
    for (const char* name : {".model", ".in", ".out"}) command.push_back(file(i, name).string());
  }
  MOTE_TRY(const ProcessResult process, run_process(command));
  if (process.exit_code != 0) return fail(Code::malformed, name_ + ": " + process.diagnostics);
  std::vector<Answer> answers;
  std::istringstream lines(process.output);
  std::string line;
  for (std::size_t i = 0; i < jobs.size() && std::getline(lines, line); ++i) {
    MOTE_TRY(Bytes outputs, read_file(file(i, ".out")));
    answers.push_back({std::move(outputs), line});
  }
  if (answers.size() != jobs.size())
    return fail(Code::internal, "the oracle answered for " + std::to_string(answers.size()) + " models only");
  return answers;
}

}  // namespace mote::oracle
