#pragma once
// Which step reads what: the shape of a pipeline, checked before anything runs.

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "mote/pipeline/step.hpp"

namespace mote::pipeline {

/// A file or folder from outside; relative paths are seen from the project's folder. Its content counts, its place does
/// not.
struct Source {
  std::filesystem::path path;
};

/// An output of another step, which may be added later.
struct FromStep {
  std::string step;
  std::string output;
};

using Binding = std::variant<Source, FromStep>;

class Graph {
 public:
  struct Node {
    std::unique_ptr<Step> step;
    std::map<std::string, Binding> inputs;
  };

  /// @param inputs  where each declared input of the step comes from.
  /// @error invalid_argument  the name is taken or odd, an input is not bound, or one is bound that the step does not
  /// have.
  [[nodiscard]] Result<void> add(std::unique_ptr<Step> step, std::map<std::string, Binding> inputs);

  /// In the order they were added.
  [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }

  /// Indices into nodes(): every step behind those it reads from; otherwise as added. With `until`, only that step and
  /// what it needs.
  /// @error invalid_argument  an input comes from a step or output that does not exist, steps need each other in a
  /// circle
  ///                          (which is named), or there is no step `until`.
  [[nodiscard]] Result<std::vector<std::size_t>> order(const std::string& until = {}) const;

 private:
  [[nodiscard]] Result<std::vector<std::vector<std::size_t>>> needs() const;
  [[nodiscard]] std::string circle(const std::vector<std::vector<std::size_t>>& needs,
                                   const std::vector<bool>& done) const;
  [[nodiscard]] std::size_t find(const std::string& name) const;

  std::vector<Node> nodes_;
};

}  // namespace mote::pipeline
