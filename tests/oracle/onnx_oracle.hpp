#pragma once
// ONNX Runtime itself, for tests: what a model file gives for inputs, every operator as the file has it. Where Node.js
// or the package is missing, `open` says so and the test skips.

#include "oracle/npm_oracle.hpp"

namespace mote::oracle {

class OnnxOracle {
 public:
  /// @error not_found  Node.js or the package is missing; the sentence says which.
  [[nodiscard]] static Result<OnnxOracle> open();

  /// The bytes of all outputs of each job's samples.
  /// @error malformed  ONNX Runtime refuses a model (its own words).
  [[nodiscard]] Result<std::vector<Bytes>> run_all(std::span<const Job> jobs) const;

 private:
  explicit OnnxOracle(NpmOracle program) : program_(std::move(program)) {}
  NpmOracle program_;
};

}  // namespace mote::oracle
