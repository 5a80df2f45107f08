#include "oracle/tflite_oracle.hpp"

namespace mote::oracle {

Result<TfliteOracle> TfliteOracle::open() {
  MOTE_TRY(NpmOracle program, NpmOracle::open("TensorFlow Lite", MOTE_TFLITE_DRIVER, MOTE_TFLITE_PACKAGE));
  return TfliteOracle(std::move(program));
}

Result<std::vector<TfliteRun>> TfliteOracle::run_all(std::span<const TfliteJob> jobs, Kernels kernels) const {
  std::vector<TfliteJob> changed;
  if (kernels == Kernels::builtin) {
    for (const TfliteJob& job : jobs) {
      MOTE_TRY(TfliteJob one, for_builtin_kernels(job));
      changed.push_back(std::move(one));
    }
    jobs = changed;
  }
  MOTE_TRY(auto answers, program_.run_all(jobs));
  std::vector<TfliteRun> runs;
  for (NpmOracle::Answer& answer : answers)
    runs.push_back({std::move(answer.outputs), answer.line.find("\"xnnpack\":true") != std::string::npos});
  return runs;
}

Result<TfliteRun> TfliteOracle::run(ByteSpan model, ByteSpan inputs, Kernels kernels) const {
  const TfliteJob job{{model.begin(), model.end()}, {inputs.begin(), inputs.end()}};
  MOTE_TRY(auto runs, run_all({&job, 1}, kernels));
  return std::move(runs[0]);
}

}  // namespace mote::oracle
