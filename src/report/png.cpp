#include "png.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace mote::report {
namespace {

void u32_be(Bytes& out, std::uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(v >> shift));
}

// CRC-32 of ISO/IEC 15948 annex D, reflected polynomial 0xEDB88320.
std::uint32_t crc32(ByteSpan bytes) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xEDB88320u & (0u - (crc & 1u)));
  }
  return ~crc;
}

// RFC 1950, section 9.
std::uint32_t adler32(ByteSpan bytes) {
  constexpr std::uint32_t kPrime = 65521;
  std::uint32_t a = 1;
  std::uint32_t b = 0;
  for (const std::uint8_t byte : bytes) {
    a = (a + byte) % kPrime;
    b = (b + a) % kPrime;
  }
  return (b << 16) | a;
}

void chunk(Bytes& out, std::string_view type, ByteSpan payload) {
  u32_be(out, static_cast<std::uint32_t>(payload.size()));
  Bytes body(type.begin(), type.end());
  body.insert(body.end(), payload.begin(), payload.end());
  out.insert(out.end(), body.begin(), body.end());
  u32_be(out, crc32(body));
}

// A zlib stream of stored blocks (RFC 1951, section 3.2.4).
Bytes stored_zlib(ByteSpan raw) {
  constexpr std::size_t kBlockLimit = 65535;
  Bytes out = {0x78, 0x01};
  for (std::size_t at = 0; at < raw.size(); at += kBlockLimit) {
    const std::size_t size = std::min(kBlockLimit, raw.size() - at);
    const auto length = static_cast<std::uint16_t>(size);
    const auto inverse = static_cast<std::uint16_t>(~length);
    out.push_back(at + size == raw.size() ? 1 : 0);
    for (const std::uint16_t field : {length, inverse}) {
      out.push_back(static_cast<std::uint8_t>(field & 0xFFu));
      out.push_back(static_cast<std::uint8_t>(field >> 8));
    }
    out.insert(out.end(), raw.begin() + static_cast<std::ptrdiff_t>(at),
               raw.begin() + static_cast<std::ptrdiff_t>(at + size));
  }
  u32_be(out, adler32(raw));
  return out;
}

}  // namespace

Bytes encode_png(const GrayImage& image) {
  Bytes out = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  Bytes header;
  u32_be(header, image.width);
  u32_be(header, image.height);
  header.insert(header.end(),
                {8, 0, 0, 0, 0});  // 8 bits, gray, the only compression and filter methods, not interlaced
  chunk(out, "IHDR", header);
  Bytes rows;
  rows.reserve(image.pixels.size() + image.height);
  for (std::uint32_t y = 0; y < image.height; ++y) {
    const auto row = image.pixels.begin() + static_cast<std::ptrdiff_t>(y) * image.width;
    rows.push_back(0);  // filter: none
    rows.insert(rows.end(), row, row + image.width);
  }
  chunk(out, "IDAT", stored_zlib(rows));
  chunk(out, "IEND", {});
  return out;
}

GrayImage shrink(const GrayImage& image, std::uint32_t limit) {
  const std::uint32_t block = (std::max(image.width, image.height) + limit - 1) / limit;
  if (block <= 1) return image;
  GrayImage small{std::max(image.width / block, 1u), std::max(image.height / block, 1u), {}};
  for (std::uint32_t y = 0; y < small.height; ++y) {
    for (std::uint32_t x = 0; x < small.width; ++x) {
      std::uint64_t sum = 0;
      std::uint64_t count = 0;
      for (std::uint32_t row = y * block; row < std::min((y + 1) * block, image.height); ++row) {
        for (std::uint32_t column = x * block; column < std::min((x + 1) * block, image.width); ++column, ++count) {
          sum += image.pixels[std::size_t{row} * image.width + column];
        }
      }
      small.pixels.push_back(static_cast<std::uint8_t>(sum / count));
    }
  }
  return small;
}

}  // namespace mote::report
