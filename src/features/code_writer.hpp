#pragma once
// Internal: collects the pieces of a generated feature function in the order a reader wants them.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mote::features {

class CodeWriter {
 public:
  explicit CodeWriter(std::string function_name) : function_name_(std::move(function_name)) {}

  /// A device header, "features/mfe.hpp".
  void include(std::string_view header) { includes_.emplace_back(header); }
  /// `static const` array NAME_<name> with a comment of one line; returns the array's full name.
  std::string table(std::string_view name, std::string_view comment, std::span<const std::int16_t> values);
  std::string table(std::string_view name, std::string_view comment, std::span<const std::uint16_t> values);
  std::string table(std::string_view name, std::string_view comment, std::span<const std::int32_t> values);
  /// In hexadecimal: for packed words.
  std::string table(std::string_view name, std::string_view comment, std::span<const std::uint32_t> values);
  /// A statement of the function's body.
  void line(std::string_view text);
  /// `p.<field> = <value>;`
  void field(std::string_view name, std::int64_t value);
  void field(std::string_view name, std::string_view value);
  /// Says that the body has written the int8 output itself.
  void writes_output() { writes_output_ = true; }

  [[nodiscard]] bool output_written() const { return writes_output_; }
  [[nodiscard]] std::string includes() const;
  [[nodiscard]] const std::string& tables() const { return tables_; }
  [[nodiscard]] const std::string& body() const { return body_; }

 private:
  template <class T>
  std::string any_table(std::string_view type, std::string_view name, std::string_view comment,
                        std::span<const T> values);

  std::string function_name_;
  std::vector<std::string> includes_;
  std::string tables_;
  std::string body_;
  bool writes_output_ = false;
};

}  // namespace mote::features
