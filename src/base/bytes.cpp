#include "mote/base/bytes.hpp"

#include <algorithm>
#include <array>

namespace mote {

std::string to_hex(ByteSpan bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t b : bytes) {
    text.push_back(kDigits[b >> 4]);
    text.push_back(kDigits[b & 15]);
  }
  return text;
}

namespace {
int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> base64_values() {
  std::array<std::int8_t, 256> table{};
  for (auto& v : table) v = -1;
  for (std::size_t i = 0; i < kBase64.size(); ++i)
    table[static_cast<unsigned char>(kBase64[i])] = static_cast<std::int8_t>(i);
  return table;
}
}  // namespace

Result<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return fail(Code::malformed, "hexadecimal text has an odd number of digits");
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return fail(Code::malformed, "not a hexadecimal digit at character " + std::to_string(i));
    bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return bytes;
}

std::string to_base64(ByteSpan bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = (group << 8) | (k < count ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) text.push_back(k <= count ? kBase64[(group >> (18 - 6 * k)) & 63] : '=');
  }
  return text;
}

Result<Bytes> from_base64(std::string_view text) {
  static constexpr auto kValues = base64_values();
  if (text.size() % 4 != 0) return fail(Code::malformed, "base64 text has a length that is not a multiple of 4");
  Bytes bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t group = 0;
    std::size_t padding = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const char c = text[i + k];
      if (c == '=' && i + 4 == text.size() && k >= 2) {
        ++padding;
        group <<= 6;
        continue;
      }
      const int value = kValues[static_cast<unsigned char>(c)];
      if (value < 0 || padding > 0) return fail(Code::malformed, "not base64 at character " + std::to_string(i + k));
      group = (group << 6) | static_cast<std::uint32_t>(value);
    }
    for (std::size_t k = 0; k < 3 - padding; ++k) bytes.push_back(static_cast<std::uint8_t>(group >> (16 - 8 * k)));
  }
  return bytes;
}

Result<ByteSpan> ByteReader::take(std::size_t count) {
  if (count > remaining()) {
    return fail(Code::malformed, "byte " + std::to_string(offset_) + ": truncated, " + std::to_string(count) +
                                     " bytes expected, " + std::to_string(remaining()) + " left");
  }
  const ByteSpan taken = bytes_.subspan(offset_, count);
  offset_ += count;
  return taken;
}

namespace {
template <class T>
Result<T> little_endian(ByteReader& reader) {
  MOTE_TRY(const ByteSpan raw, reader.take(sizeof(T)));
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) v |= std::uint64_t{raw[i]} << (8 * i);
  return static_cast<T>(v);
}
}  // namespace

Result<std::uint8_t> ByteReader::u8() { return little_endian<std::uint8_t>(*this); }
Result<std::uint16_t> ByteReader::u16_le() { return little_endian<std::uint16_t>(*this); }
Result<std::uint32_t> ByteReader::u32_le() { return little_endian<std::uint32_t>(*this); }
Result<std::uint64_t> ByteReader::u64_le() { return little_endian<std::uint64_t>(*this); }

Result<std::uint32_t> ByteReader::u32_be() {
  MOTE_TRY(const ByteSpan raw, take(4));
  return (std::uint32_t{raw[0]} << 24) | (std::uint32_t{raw[1]} << 16) | (std::uint32_t{raw[2]} << 8) | raw[3];
}

}  // namespace mote
