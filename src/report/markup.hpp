#pragma once
// HTML and SVG as values. A Markup is text that is already safe to emit; the only ways to one are `el` and `text`,
// which escape, and `trusted`, which takes string literals of this program. Names of tags and attributes must be
// literals: they are checked by the compiler and can never come from data.

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mote::report {

/// A tag or attribute name, known at compile time.
class Name {
 public:
  consteval Name(const char* literal) : text_(literal) {
    for (const char c : text_) {
      const bool allowed =
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == ':';
      if (!allowed) throw "not a tag or attribute name";
    }
  }
  [[nodiscard]] constexpr std::string_view text() const { return text_; }

 private:
  std::string_view text_;
};

/// Replaces the five characters that mean something in HTML. Bytes that are not UTF-8, control characters and those
/// that reverse the direction of the text around them (U+202A-202E, U+2066-2069) become U+FFFD.
[[nodiscard]] std::string escape(std::string_view raw);

/// Shortest decimal text with at most three decimals, for coordinates; 0 when `value` is not finite.
[[nodiscard]] std::string coordinate(double value);

struct Attribute {
  Attribute(Name n, std::string_view v) : name(n), value(v) {}
  Attribute(Name n, const char* v) : name(n), value(v) {}
  Attribute(Name n, const std::string& v) : name(n), value(v) {}
  Attribute(Name n, double v) : name(n), value(coordinate(v)) {}
  template <std::integral T>
  Attribute(Name n, T v) : name(n), value(std::to_string(v)) {}

  Name name;
  std::string value;
};
using Attributes = std::vector<Attribute>;

class Markup {
 public:
  Markup() = default;
  Markup& operator+=(const Markup& more) {
    html_ += more.html_;
    return *this;
  }
  [[nodiscard]] bool empty() const { return html_.empty(); }
  [[nodiscard]] const std::string& html() const { return html_; }

 private:
  explicit Markup(std::string html) : html_(std::move(html)) {}
  friend Markup text(std::string_view);
  friend Markup element(Name, const Attributes&, const Markup&);
  friend Markup join(const std::vector<Markup>&);
  template <std::size_t N>
  friend Markup trusted(const char (&)[N]);

  std::string html_;
};

[[nodiscard]] Markup text(std::string_view raw);
[[nodiscard]] Markup join(const std::vector<Markup>& parts);
[[nodiscard]] Markup element(Name tag, const Attributes& attributes, const Markup& content);

/// A literal of this program, emitted as it is: the style sheet and the script.
template <std::size_t N>
[[nodiscard]] Markup trusted(const char (&literal)[N]) {
  return Markup(std::string(literal, N - 1));
}

namespace detail {
inline void append(Markup& content, const Markup& child) { content += child; }
inline void append(Markup& content, const std::vector<Markup>& children) { content += join(children); }
inline void append(Markup& content, std::string_view raw) { content += text(raw); }
}  // namespace detail

/// An element with its attributes and children: el("p", {{"class", "lead"}}, "text is escaped, ", el("b", {}, "markup
/// is not")).
template <class... Children>
[[nodiscard]] Markup el(Name tag, const Attributes& attributes, const Children&... children) {
  Markup content;
  (detail::append(content, children), ...);
  return element(tag, attributes, content);
}

}  // namespace mote::report
