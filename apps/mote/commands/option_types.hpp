#pragma once
// Options whose values are words of a fixed list, lists with commas, or budgets. What they may be shows in --help,
// words in shell completion, too.

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

namespace mote::app {

/// One of the words, with the value it stands for.
template <class T>
using Choices = std::vector<std::pair<std::string, T>>;

/// An option that takes one of the words; CLI11 refuses others and lists them.
template <class T>
CLI::Option* add_choice(CLI::App& app, const std::string& option, std::string& word, const Choices<T>& choices,
                        const std::string& description) {
  std::vector<std::string> words;
  for (const auto& [name, value] : choices) words.push_back(name);
  return app.add_option(option, word, description)->check(CLI::IsMember(words));
}

/// The value of a word that `add_choice` let pass.
template <class T>
[[nodiscard]] T chosen(const Choices<T>& choices, std::string_view word) {
  for (const auto& [name, value] : choices) {
    if (name == word) return value;
  }
  return choices.front().second;
}

/// "a, b,c" -> {"a", "b", "c"}; empty text is an empty list.
[[nodiscard]] inline std::vector<std::string> comma_list(std::string_view text) {
  std::vector<std::string> items;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view item = text.substr(0, comma);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    items.emplace_back(item);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
  }
  return items;
}

/// A number above 0 as `T`, from all of the text.
template <class T>
[[nodiscard]] bool is_positive(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value > 0 &&
         std::isfinite(static_cast<double>(value));
}

/// CLI11 takes -1 for 2^64 - 1, and what no integer holds for the largest one.
[[nodiscard]] inline CLI::Validator positive_bytes() {
  return {[](std::string& text) {
            return is_positive<std::uint64_t>(text) ? "" : "'" + text + "' is no number of bytes above 0";
          },
          "BYTES"};
}

/// CLI11 takes nan for positive, and says of others that they lie outside of a range with 309 digits.
[[nodiscard]] inline CLI::Validator positive_milliseconds() {
  return {[](std::string& text) {
            return is_positive<double>(text) ? "" : "'" + text + "' is no number of milliseconds above 0";
          },
          "MILLISECONDS"};
}

}  // namespace mote::app
