#pragma once
// TensorFlow Lite itself, for tests: what a model file gives for inputs. It runs as WebAssembly in Node.js; where
// Node.js or the package is missing, `open` says so and the test skips:
//
//   auto oracle = oracle::TfliteOracle::open();
//   if (!oracle) GTEST_SKIP() << oracle.error().message();

#include "oracle/npm_oracle.hpp"

namespace mote::oracle {

enum class Kernels {
  /// What a phone runs: XNNPACK where it can. Its rounding of int8 convolutions may differ from the others by one.
  fast,
  /// TensorFlow Lite's own kernels, which define the format's arithmetic.
  builtin,
};

using TfliteJob = Job;

struct TfliteRun {
  Bytes outputs;  ///< one sample after the other, as the inputs
  bool used_xnnpack = false;
};

class TfliteOracle {
 public:
  /// @error not_found  Node.js or the package is missing; the sentence says which.
  [[nodiscard]] static Result<TfliteOracle> open();

  /// Runs models on their samples. One call for many models is much quicker than many calls.
  /// @error malformed    TensorFlow Lite refuses a model (its own words).
  /// @error unsupported  `builtin` of a model with operators that mote's tables do not describe.
  [[nodiscard]] Result<std::vector<TfliteRun>> run_all(std::span<const TfliteJob> jobs,
                                                       Kernels kernels = Kernels::builtin) const;
  [[nodiscard]] Result<TfliteRun> run(ByteSpan model, ByteSpan inputs, Kernels kernels = Kernels::builtin) const;

 private:
  explicit TfliteOracle(NpmOracle program) : program_(std::move(program)) {}
  NpmOracle program_;
};

/// The same model, changed so that TensorFlow Lite does not hand it to XNNPACK, and the inputs to go with it.
[[nodiscard]] Result<TfliteJob> for_builtin_kernels(const TfliteJob& job);

}  // namespace mote::oracle
