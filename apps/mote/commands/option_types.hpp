#pragma once
// Options whose values are words of a fixed list, or lists with commas. The words show in --help and in shell
// completion.

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

}  // namespace mote::app
