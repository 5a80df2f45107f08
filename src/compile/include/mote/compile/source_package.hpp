#pragma once
// A model as source for those who link it into firmware of their own: five C functions, the kernels they need, and what
// the framework asks for.

#include <string>
#include <string_view>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/compile/program.hpp"

namespace mote::compile {

enum class Framework : std::uint8_t { cmake, arduino, zephyr, esp_idf, platformio };
[[nodiscard]] const std::vector<std::string>&
framework_names();  ///< "cmake", "arduino", "zephyr", "esp-idf", "platformio", in this order

struct SourcePackageOptions {
  Framework framework = Framework::cmake;
  std::string name;               ///< prefix of the C functions; letters, digits and underscores (c_name())
  std::string version = "1.0.0";  ///< semantic version of the model
  ProgramOptions program;         ///< its target says for which core
  Bytes input, output;            ///< a vector that the example checks
};

struct SourceFile {
  std::string path;  ///< relative to the package
  std::string text;
};

/// A C identifier from any name; "model" where nothing is left.
[[nodiscard]] std::string c_name(std::string_view name);

/// Every file of the package: NAME.h with `NAME_version`, `NAME_arena_bytes`, `NAME_input`, `NAME_output`,
/// `NAME_invoke`, the model and its kernels as source, an example that runs it on a known vector, a README, and the
/// framework's own files.
/// @error unsupported       as make_program.
/// @error invalid_argument  the name is no identifier or the version no semantic version.
[[nodiscard]] Result<std::vector<SourceFile>> source_package(const graph::Graph& graph,
                                                             const SourcePackageOptions& options);

}  // namespace mote::compile
