#include "names.hpp"

namespace mote::formats {
namespace {

constexpr std::size_t kLongestQuote = 120;

bool is_plain(unsigned char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

/// Bytes of the well-formed UTF-8 sequence of two to four bytes at `text`, or 0 (RFC 3629 section 4).
std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = byte(0);
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool surrogate = first == 0xed && byte(1) >= 0xa0;
  const bool beyond = first == 0xf4 && byte(1) >= 0x90;
  // U+0080..U+009F are control characters.
  const bool control = first == 0xc2 && byte(1) < 0xa0;
  return overlong || surrogate || beyond || control ? 0 : length;
}

}  // namespace

std::string clean_name(std::string_view raw) {
  std::string clean;
  clean.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size();) {
    const auto c = static_cast<unsigned char>(raw[i]);
    const std::size_t sequence = c < 0x80 ? 0 : utf8_sequence(raw.substr(i));
    if (sequence > 0) {
      clean.append(raw.substr(i, sequence));
      i += sequence;
    } else {
      clean.push_back(is_plain(c) ? raw[i] : '_');
      ++i;
    }
  }
  return clean;
}

std::string in_quotes(std::string_view name) {
  if (name.size() <= kLongestQuote) return '"' + std::string(name) + '"';
  // Cut between characters, not inside one.
  const auto continues = [&](std::size_t i) { return (static_cast<unsigned char>(name[i]) & 0xc0) == 0x80; };
  std::size_t head = kLongestQuote / 2;
  std::size_t tail = name.size() - kLongestQuote / 2;
  while (head > 0 && continues(head)) --head;
  while (tail < name.size() && continues(tail)) ++tail;
  return '"' + std::string(name.substr(0, head)) + "..." + std::string(name.substr(tail)) + '"';
}

}  // namespace mote::formats
