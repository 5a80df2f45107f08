#include "markup.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace mote::report {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// HTML elements that have no end tag; SVG shapes are closed in place to keep files small.
constexpr std::array<std::string_view, 6> kVoid = {"meta", "br", "img", "input", "col", "link"};
constexpr std::array<std::string_view, 5> kShapes = {"path", "rect", "line", "circle", "polyline"};

struct CodePoint {
  char32_t value = 0;
  std::size_t length = 0;  // 0: not UTF-8
};

// RFC 3629, section 4: no overlong forms, no surrogates, nothing above U+10FFFF.
CodePoint decode(std::string_view raw) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(raw[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || raw.size() < length) return {};
  char32_t value = first & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    value = (value << 6) | (byte(i) & 0x3Fu);
  }
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kLeast[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {};
  return {value, length};
}

bool is_unwanted(char32_t c) {
  const bool control = (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7F && c < 0xA0);
  const bool reorders = (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
  return control || reorders || c == 0xFFFE || c == 0xFFFF;
}

template <std::size_t N>
bool contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

std::string escape(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  while (!raw.empty()) {
    const CodePoint c = decode(raw);
    const std::size_t length = std::max<std::size_t>(c.length, 1);
    if (c.length == 0 || is_unwanted(c.value)) {
      out += kReplacement;
    } else if (c.value == '&') {
      out += "&amp;";
    } else if (c.value == '<') {
      out += "&lt;";
    } else if (c.value == '>') {
      out += "&gt;";
    } else if (c.value == '"') {
      out += "&quot;";
    } else if (c.value == '\'') {
      out += "&#39;";
    } else {
      out += raw.substr(0, length);
    }
    raw.remove_prefix(length);
  }
  return out;
}

std::string coordinate(double value) {
  if (!std::isfinite(value)) return "0";
  std::array<char, 352> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::fixed, 3);
  std::string out(buffer.data(), result.ptr);
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  return out == "-0" ? "0" : out;
}

Markup text(std::string_view raw) { return Markup(escape(raw)); }

Markup join(const std::vector<Markup>& parts) {
  Markup all;
  for (const Markup& part : parts) all += part;
  return all;
}

Markup element(Name tag, const Attributes& attributes, const Markup& content) {
  std::string html = "<";
  html += tag.text();
  for (const Attribute& attribute : attributes) {
    html += ' ';
    html += attribute.name.text();
    html += "=\"";
    html += escape(attribute.value);
    html += '"';
  }
  if (content.empty() && contains(kShapes, tag.text())) return Markup(html + "/>");
  html += '>';
  if (contains(kVoid, tag.text())) return Markup(std::move(html));
  html += content.html();
  html += "</";
  html += tag.text();
  html += '>';
  return Markup(std::move(html));
}

}  // namespace mote::report
