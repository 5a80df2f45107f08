#include "code_writer.hpp"

#include <algorithm>

namespace mote::features {
namespace {

template <class T>
std::string literal(T value) {
  return std::to_string(value);
}

std::string literal(std::uint32_t value) {
  std::string text = "0x00000000";
  for (std::size_t digit = 9; digit >= 2; --digit, value >>= 4) text[digit] = "0123456789abcdef"[value & 15u];
  return text;
}

}  // namespace

template <class T>
std::string CodeWriter::any_table(std::string_view type, std::string_view name, std::string_view comment,
                                  std::span<const T> values) {
  const std::string full = function_name_ + "_" + std::string(name);
  tables_ += "// " + std::string(comment) + "\nstatic const " + std::string(type) + " " + full + "[" +
             std::to_string(values.size()) + "] = {\n";
  std::string row = "   ";
  for (const T value : values) {
    const std::string text = " " + literal(value) + ",";
    if (row.size() + text.size() > 118) {
      tables_ += row + "\n";
      row = "   ";
    }
    row += text;
  }
  tables_ += row + "\n};\n\n";
  return full;
}

std::string CodeWriter::table(std::string_view name, std::string_view comment, std::span<const std::int16_t> values) {
  return any_table("std::int16_t", name, comment, values);
}
std::string CodeWriter::table(std::string_view name, std::string_view comment, std::span<const std::uint16_t> values) {
  return any_table("std::uint16_t", name, comment, values);
}
std::string CodeWriter::table(std::string_view name, std::string_view comment, std::span<const std::int32_t> values) {
  return any_table("std::int32_t", name, comment, values);
}
std::string CodeWriter::table(std::string_view name, std::string_view comment, std::span<const std::uint32_t> values) {
  return any_table("std::uint32_t", name, comment, values);
}

void CodeWriter::line(std::string_view text) { body_ += "  " + std::string(text) + "\n"; }

void CodeWriter::field(std::string_view name, std::int64_t value) { field(name, std::to_string(value)); }

void CodeWriter::field(std::string_view name, std::string_view value) {
  line("p." + std::string(name) + " = " + std::string(value) + ";");
}

std::string CodeWriter::includes() const {
  std::vector<std::string> sorted = includes_;
  std::sort(sorted.begin(), sorted.end());
  std::string text;
  for (const auto& header : sorted) text += "#include \"" + header + "\"\n";
  return text;
}

}  // namespace mote::features
