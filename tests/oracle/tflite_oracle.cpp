#include "oracle/tflite_oracle.hpp"

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"

namespace mote::oracle {

Result<TfliteOracle> TfliteOracle::open() {
  const auto node = find_program("node");
  if (node.empty()) return fail(Code::not_found, "no TensorFlow Lite to compare with: node is not installed");
  const std::filesystem::path package = MOTE_ORACLE_PACKAGE;
  if (!std::filesystem::exists(package / "installed")) {
    const auto reason = read_text(package / "missing");
    return fail(Code::not_found, "no TensorFlow Lite to compare with: " + (reason ? *reason : std::string("the package was not installed by the build")));
  }
  return TfliteOracle(node);
}

Result<TfliteRun> TfliteOracle::run(ByteSpan model, ByteSpan inputs, Kernels kernels) const {
  BuiltinModel changed;
  if (kernels == Kernels::builtin) {
    MOTE_TRY(changed, for_builtin_kernels(model, inputs));
    model = changed.model;
    inputs = changed.inputs;
  }
  MOTE_TRY(const TemporaryFolder folder, TemporaryFolder::create("mote-oracle"));
  const auto file = [&](const char* name) { return folder.path() / name; };
  MOTE_TRY_VOID(write_file(file("model.tflite"), model));
  MOTE_TRY_VOID(write_file(file("inputs"), inputs));
  const std::string modules = (std::filesystem::path(MOTE_ORACLE_PACKAGE) / "node_modules").string();
  MOTE_TRY(const ProcessResult process, run_process({node_.string(), MOTE_ORACLE_DRIVER, modules, file("model.tflite").string(),
                                                     file("inputs").string(), file("outputs").string()}));
  if (process.exit_code != 0) return fail(Code::malformed, "TensorFlow Lite: " + process.diagnostics);
  TfliteRun result;
  MOTE_TRY(result.outputs, read_file(file("outputs")));
  result.used_xnnpack = process.output.find("\"xnnpack\":true") != std::string::npos;
  return result;
}

}  // namespace mote::oracle
