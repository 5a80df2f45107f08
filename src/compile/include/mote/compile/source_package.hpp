#pragma once
// A model as source for those who link it into firmware of their own: five C functions, the kernels they need, and what
// the framework asks for.

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/compile/program.hpp"

namespace mote::compile {

enum class Framework : std::uint8_t { cmake, arduino, zephyr, esp_idf, platformio };
[[nodiscard]] const std::vector<std::string>&
framework_names();  ///< "cmake", "arduino", "zephyr", "esp-idf", "platformio", in this order

struct SourceModel {
  const graph::Graph* graph = nullptr;  ///< outlives the call
  std::string name;                     ///< prefix of the C functions; letters, digits and underscores (c_name())
  ProgramOptions program;  ///< its target says for which core; its arena_budget and kept_from are not looked at
  std::vector<std::pair<Bytes, Bytes>> vectors;  ///< inputs and outputs that the example checks, one after the other
};

struct SourcePackageOptions {
  Framework framework = Framework::cmake;
  std::string name;               ///< of a package of several models; one model's package is called as it is
  std::string version = "1.0.0";  ///< semantic version of the package
  std::size_t arena_budget = 0;   ///< of all models together (ProgramOptions::arena_budget)
  std::size_t steps = 1;          ///< vectors of each model
};

struct SourceFile {
  std::string path;  ///< relative to the package
  std::string text;
};

/// A C identifier from any name; "model" where nothing is left.
[[nodiscard]] std::string c_name(std::string_view name);

/// Every file of the package: for each model NAME.h with `NAME_version`, `NAME_arena_bytes`, `NAME_input`,
/// `NAME_output`, `NAME_invoke`, the model and its kernels as source; an example that runs known vectors, a README, and
/// the framework's own files. Several models share one arena (model_set.hpp), whose size a header with the package's
/// name tells, and the example runs them in turns.
/// @error unsupported       as make_program.
/// @error invalid_argument  a name is no identifier or not the only one of its kind, the version no semantic version.
[[nodiscard]] Result<std::vector<SourceFile>> source_package(std::span<const SourceModel> models,
                                                             const SourcePackageOptions& options);

}  // namespace mote::compile
