#pragma once
// A program of an npm package that runs models: what the oracles share.

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::oracle {

struct Job {
  Bytes model;
  Bytes inputs;  ///< one sample after the other, each the bytes of all inputs in order
};

class NpmOracle {
 public:
  struct Answer {
    Bytes outputs;     ///< one sample after the other, as the inputs
    std::string line;  ///< what the driver printed about the model
  };

  /// @error not_found  Node.js or the package is missing; the sentence says which.
  [[nodiscard]] static Result<NpmOracle> open(std::string name, std::filesystem::path driver,
                                              std::filesystem::path package);

  /// Runs models on their samples in one process.
  /// @error malformed  a model is refused (the package's own words).
  [[nodiscard]] Result<std::vector<Answer>> run_all(std::span<const Job> jobs) const;

 private:
  NpmOracle() = default;
  std::string name_;
  std::filesystem::path node_, driver_, package_;
};

}  // namespace mote::oracle
