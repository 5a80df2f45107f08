#pragma once
// One line of the lineage: which step, with which parameters and inputs, made which artifacts.
// A record holds nothing of the machine it was made on, apart from how long the step took.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mote/registry/artifact.hpp"

namespace mote::registry {

struct InputRecord {
  std::string name;  ///< as the step calls it
  Artifact artifact;
  std::string source;  ///< for files from outside the store: their path as the project writes it; else empty
  std::optional<Digest>
      producer{};  ///< key of the step that made it for this run: equal contents may have several makers
  bool operator==(const InputRecord&) const = default;
};

struct OutputRecord {
  std::string name;  ///< as the step calls it
  Artifact artifact;
  std::string file_name;  ///< what the file or folder was called, for people and for exports
  bool operator==(const OutputRecord&) const = default;
};

struct StepRecord {
  Digest key;           ///< hash of name, version, params and input contents: the same key means the same work
  std::string step;     ///< letters, digits and . _ - :
  std::string version;  ///< of the step's code
  std::string params;   ///< canonical text, one "key=value" a line
  std::vector<InputRecord> inputs;
  std::vector<OutputRecord> outputs;
  double seconds = 0;

  [[nodiscard]] const OutputRecord* output(std::string_view name) const;
  bool operator==(const StepRecord&) const = default;
};

/// JSON object on one line. Text that is not UTF-8 is replaced character by character, never refused.
[[nodiscard]] std::string to_json(const StepRecord& record);
/// @error malformed  not JSON, or a field is missing or has the wrong type.
[[nodiscard]] Result<StepRecord> record_from_json(std::string_view json);

}  // namespace mote::registry
