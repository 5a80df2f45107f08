#pragma once
// Where an artifact comes from and what was made of it: the answer of `mote why`.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mote/registry/record.hpp"

namespace mote::registry {

/// An artifact with what it was made from, down to files from outside. The lineage is a DAG; as a tree, an artifact
/// that appears a second time is marked `repeated` and not expanded again.
struct Ancestor {
  Artifact artifact;
  std::string label;  ///< "step.output", or the path of a source
  bool repeated = false;
  std::optional<StepRecord> producer;   ///< the latest step that made it; empty for files from outside
  std::uint64_t earlier_producers = 0;  ///< other records that made the very same content
  std::vector<Ancestor> inputs;         ///< in the order of producer->inputs
};

struct Descendant {
  Artifact artifact;
  std::string label;           ///< "step.output", or the path of a source folder that contains it
  std::uint64_t distance = 1;  ///< steps away
};

struct Lineage {
  Ancestor root;
  std::vector<std::string> aliases;     ///< names that point at it now
  std::vector<Descendant> descendants;  ///< nearest first
};

/// A tree for a terminal, several lines, ending in a newline.
[[nodiscard]] std::string to_text(const Lineage& lineage);
/// One JSON object: id, label, kind, bytes, aliases, made_by, inputs (the same, recursively), descendants.
[[nodiscard]] std::string to_json(const Lineage& lineage);

}  // namespace mote::registry
