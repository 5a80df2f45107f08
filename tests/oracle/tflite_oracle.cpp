#include "oracle/tflite_oracle.hpp"

#include <sstream>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"

namespace mote::oracle {

Result<TfliteOracle> TfliteOracle::open() {
  const auto node = find_program("node");
  if (node.empty()) return fail(Code::not_found, "no TensorFlow Lite to compare with: node is not installed");
  const std::filesystem::path package = MOTE_ORACLE_PACKAGE;
  if (!std::filesystem::exists(package / "installed")) {
    const auto reason = read_text(package / "missing");
    return fail(Code::not_found, "no TensorFlow Lite to compare with: " +
                                     (reason ? *reason : std::string("the package was not installed by the build")));
  }
  return TfliteOracle(node);
}

Result<std::vector<TfliteRun>> TfliteOracle::run_all(std::span<const TfliteJob> jobs, Kernels kernels) const {
  MOTE_TRY(const TemporaryFolder folder, TemporaryFolder::create("mote-oracle"));
  const auto file = [&](std::size_t job, const char* name) { return folder.path() / (std::to_string(job) + name); };
  const std::string modules = (std::filesystem::path(MOTE_ORACLE_PACKAGE) / "node_modules").string();
  std::vector<std::string> command{node_.string(), MOTE_ORACLE_DRIVER, modules};
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    TfliteJob job = jobs[i];
    if (kernels == Kernels::builtin) {
      MOTE_TRY(job, for_builtin_kernels(jobs[i]));
    }
    MOTE_TRY_VOID(write_file(file(i, ".tflite"), job.model));
    MOTE_TRY_VOID(write_file(file(i, ".in"), job.inputs));
    for (const char* name : {".tflite", ".in", ".out"}) command.push_back(file(i, name).string());
  }
  MOTE_TRY(const ProcessResult process, run_process(command));
  if (process.exit_code != 0) return fail(Code::malformed, "TensorFlow Lite: " + process.diagnostics);
  std::vector<TfliteRun> runs;
  std::istringstream lines(process.output);
  std::string line;
  for (std::size_t i = 0; i < jobs.size() && std::getline(lines, line); ++i) {
    MOTE_TRY(Bytes outputs, read_file(file(i, ".out")));
    runs.push_back({std::move(outputs), line.find("\"xnnpack\":true") != std::string::npos});
  }
  if (runs.size() != jobs.size())
    return fail(Code::internal, "the oracle answered for " + std::to_string(runs.size()) + " models only");
  return runs;
}

Result<TfliteRun> TfliteOracle::run(ByteSpan model, ByteSpan inputs, Kernels kernels) const {
  const TfliteJob job{{model.begin(), model.end()}, {inputs.begin(), inputs.end()}};
  MOTE_TRY(auto runs, run_all({&job, 1}, kernels));
  return std::move(runs[0]);
}

}  // namespace mote::oracle
