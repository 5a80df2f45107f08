#include "oracle/onnx_oracle.hpp"

namespace mote::oracle {

Result<OnnxOracle> OnnxOracle::open() {
  MOTE_TRY(NpmOracle program, NpmOracle::open("ONNX Runtime", MOTE_ONNXRUNTIME_DRIVER, MOTE_ONNXRUNTIME_PACKAGE));
  return OnnxOracle(std::move(program));
}

Result<std::vector<Bytes>> OnnxOracle::run_all(std::span<const Job> jobs) const {
  MOTE_TRY(auto answers, program_.run_all(jobs));
  std::vector<Bytes> outputs;
  for (NpmOracle::Answer& answer : answers) outputs.push_back(std::move(answer.outputs));
  return outputs;
}

}  // namespace mote::oracle
