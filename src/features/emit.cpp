#include "mote/features/emit.hpp"

#include <cctype>

#include "block.hpp"

namespace mote::features {
namespace {

bool is_identifier(std::string_view text) {
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) != 0) return false;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') return false;
  }
  return true;
}

std::string shape_text(const Block& block) {
  std::string text;
  for (const auto size : block.shape()) text += (text.empty() ? "" : " x ") + std::to_string(size);
  return text;
}

std::string summary(const Block& block) {
  std::string text =
      "// Features: " + std::string(block_name(block.config())) + " gives " + shape_text(block) + " int16 values.\n//";
  for (const auto& [name, value] : parameters(block.config())) {
    const std::string item = " " + name + " = " + value + ";";
    if (text.size() - text.rfind('\n') + item.size() > 118) text += "\n//";
    text += item;
  }
  text.back() = '.';
  return text + "\n// The arithmetic is integer only and the same on every machine.\n";
}

std::string read_input(const SensorSpec& sensor) {
  const std::string reader = sensor.variable_length ? "read_variable_series" : "read_fixed_series";
  return "  const mote::device::Series series = mote::device::" + reader + "(input, " + std::to_string(sensor.length) +
         ");\n";
}

/// int16 features lie first in the scratch; what the block itself needs follows, 4-byte aligned.
std::string scratch_layout(const Block& block) {
  std::string text = "  std::int16_t* const features = static_cast<std::int16_t*>(scratch);\n";
  if (block.scratch_words() != 0) {
    text += "  void* const working = static_cast<unsigned char*>(scratch) + " +
            std::to_string((block.count() * 2 + 3) / 4 * 4) + ";\n";
  }
  return text;
}

}  // namespace

Result<std::string> emit_cpp(const Extractor& extractor, std::string_view function_name, const Quantization& q) {
  if (!is_identifier(function_name)) {
    return fail(Code::invalid_argument, "features: '" + std::string(function_name) + "' cannot name a C++ function");
  }
  const Block& block = extractor.block();
  CodeWriter code{std::string(function_name)};
  code.include("features/quantize.hpp");
  block.emit(code, q);
  std::string text = code.includes() + "\n" + summary(block) + "\n" + code.tables();
  text += "static void " + std::string(function_name) +
          "(const unsigned char* input, std::int8_t* output, void* scratch) {\n";
  if (code.output_written()) {
    return text + "  static_cast<void>(scratch);\n" + code.body() + "}\n";
  }
  text += scratch_layout(block);
  if (block.sensor().element == Element::i16) text += read_input(block.sensor());
  text += code.body();
  text += "  mote::device::quantize_features(features, " + std::to_string(block.count()) + ", {" +
          std::to_string(q.multiplier) + ", " + std::to_string(q.shift) + ", " + std::to_string(q.zero_point) +
          "}, output);\n}\n";
  return text;
}

}  // namespace mote::features
