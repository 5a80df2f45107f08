#pragma once
// Private to the module: a model's part of a source package.

#include <string>
#include <string_view>
#include <vector>

#include "mote/compile/source_package.hpp"

namespace mote::compile {

/// `text` with every whole word `from` as `to`.
[[nodiscard]] std::string with_word(const std::string& text, const std::string& from, const std::string& to);
/// Capital letters.
[[nodiscard]] std::string upper(std::string text);

/// The texts of one model. A model of several tells where its part of their arena lies.
class ModelSource {
 public:
  /// @param arena_header  name of the header with the size of an arena that several models share; empty: its own arena.
  ModelSource(const SourceModel& model, std::string version, Program program, std::string arena_header);

  [[nodiscard]] const std::string& name() const { return model_->name; }
  [[nodiscard]] const Program& program() const { return program_; }
  [[nodiscard]] bool has_state() const { return !program_.states.empty(); }
  [[nodiscard]] bool has_kernels() const { return !functions_.empty(); }

  [[nodiscard]] std::string header() const;  ///< NAME.h
  [[nodiscard]] std::string source() const;  ///< NAME.cpp, for AVR NAME.c
  [[nodiscard]] const char* source_ending() const { return program_.target == Target::avr ? ".c" : ".cpp"; }
  [[nodiscard]] std::string kernels() const;  ///< NAME_kernels.S
  /// Known inputs and outputs, and a C function `run_NAME(step)` over a global `arena`.
  [[nodiscard]] std::string example() const;
  [[nodiscard]] std::string readme_rows() const;  ///< of a table

 private:
  [[nodiscard]] std::string api() const;
  [[nodiscard]] std::string avr_api() const;
  [[nodiscard]] std::string prefixed(std::string text) const;
  [[nodiscard]] std::string lives() const;
  [[nodiscard]] const graph::Tensor& input() const { return model_->graph->input(); }
  [[nodiscard]] const graph::Tensor& output() const { return model_->graph->output(); }

  const SourceModel* model_;
  std::string version_;
  Program program_;
  std::string arena_header_;
  std::vector<AssemblyFunction> functions_;
  std::string upper_;
};

}  // namespace mote::compile
