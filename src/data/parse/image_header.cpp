#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "checksum.hpp"
#include "image_file.hpp"

namespace mote::data {
namespace {

constexpr std::array<std::uint8_t, 8> kPngMagic{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

std::string at(std::size_t offset) { return "byte " + std::to_string(offset) + ": "; }

std::uint32_t u16_be(ByteSpan bytes, std::size_t offset) {
  return (std::uint32_t{bytes[offset]} << 8) | bytes[offset + 1];
}

Result<ImageSize> read_png_header(ByteSpan chunk, std::size_t offset) {
  if (chunk.size() != 13) return fail(Code::malformed, at(offset) + "the PNG header chunk has the wrong size");
  ByteReader reader(chunk);
  ImageSize size;
  MOTE_TRY(size.width, reader.u32_be());
  MOTE_TRY(size.height, reader.u32_be());
  constexpr std::array<unsigned, 7> kChannels{1, 0, 3, 3, 2, 0, 4};  // by PNG colour type (ISO 15948, table 11.1)
  const std::uint8_t colour = chunk[9];
  if (size.width == 0 || size.height == 0)
    return fail(Code::malformed, at(offset) + "the PNG header says a side of 0 pixels");
  if (colour >= kChannels.size() || kChannels[colour] == 0)
    return fail(Code::malformed, at(offset + 9) + "unknown PNG colour type");
  size.channels = kChannels[colour];
  return size;
}

Result<ImageSize> check_png(ByteSpan file) {
  ByteReader reader(file);
  MOTE_TRY_VOID(reader.take(kPngMagic.size()));
  ImageSize size;
  while (true) {
    const std::size_t start = reader.offset();
    if (reader.remaining() < 12) return fail(Code::malformed, at(file.size()) + "the PNG file is truncated");
    MOTE_TRY(const std::uint32_t length, reader.u32_be());
    if (length > reader.remaining() - 8) {
      return fail(Code::malformed,
                  at(start) + "a PNG chunk says " + std::to_string(length) + " bytes, the file is truncated");
    }
    const ByteSpan checked = file.subspan(reader.offset(), std::size_t{length} + 4);
    MOTE_TRY_VOID(reader.take(checked.size()));
    MOTE_TRY(const std::uint32_t crc, reader.u32_be());
    if (crc32_of(checked) != crc) return fail(Code::malformed, at(start) + "a PNG chunk's checksum does not match");
    const bool is_header = std::memcmp(checked.data(), "IHDR", 4) == 0;
    if (is_header != (start == kPngMagic.size()))
      return fail(Code::malformed, at(start) + "the PNG header is missing or doubled");
    if (is_header) {
      MOTE_TRY(size, read_png_header(checked.subspan(4), start + 8));
    }
    if (std::memcmp(checked.data(), "IEND", 4) == 0) return size;
  }
}

bool is_frame_header(std::uint8_t marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/// stb_image before 2.28 writes past its table when the 16 counts of a Huffman table say more than 256 codes.
Result<void> check_huffman_tables(ByteSpan segment, std::size_t offset) {
  ByteReader reader(segment);
  while (reader.remaining() > 0) {
    const std::string place = at(offset + reader.offset());
    std::size_t codes = 0;
    if (reader.remaining() < 17) return fail(Code::malformed, place + "a JPEG Huffman table is truncated");
    MOTE_TRY(const ByteSpan counts, reader.take(17));
    for (const std::uint8_t count : counts.subspan(1)) codes += count;
    if (codes > 256 || codes > reader.remaining()) {
      return fail(Code::malformed, place + "a JPEG Huffman table says " + std::to_string(codes) + " codes");
    }
    MOTE_TRY_VOID(reader.take(codes));
  }
  return {};
}

/// Offset of the marker that ends the entropy-coded data starting at `offset`, or the file's size.
std::size_t skip_scan(ByteSpan file, std::size_t offset) {
  while (offset + 1 < file.size()) {
    const std::uint8_t next = file[offset + 1];
    if (file[offset] == 0xff && next != 0 && next != 0xff && !(next >= 0xd0 && next <= 0xd7)) return offset;
    ++offset;
  }
  return file.size();
}

Result<ImageSize> check_jpeg(ByteSpan file) {
  ImageSize size;
  std::size_t offset = 2;
  while (true) {
    while (offset + 1 < file.size() && file[offset] == 0xff && file[offset + 1] == 0xff) ++offset;  // fill bytes
    if (offset + 2 > file.size()) return fail(Code::malformed, at(file.size()) + "the JPEG file is truncated");
    if (file[offset] != 0xff) return fail(Code::malformed, at(offset) + "a JPEG marker is expected");
    const std::uint8_t marker = file[offset + 1];
    if (marker == 0xd9) break;
    if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      offset += 2;
      continue;
    }
    if (offset + 4 > file.size()) return fail(Code::malformed, at(file.size()) + "the JPEG file is truncated");
    const std::uint32_t length = u16_be(file, offset + 2);
    if (length < 2 || offset + 2 + length > file.size()) {
      return fail(Code::malformed,
                  at(offset + 2) + "a JPEG segment says " + std::to_string(length) + " bytes, the file is truncated");
    }
    if (marker == 0xc4) MOTE_TRY_VOID(check_huffman_tables(file.subspan(offset + 4, length - 2), offset + 4));
    if (is_frame_header(marker)) {
      if (length < 8 || size.width != 0)
        return fail(Code::malformed, at(offset) + "the JPEG frame header is broken or doubled");
      size = {u16_be(file, offset + 5), u16_be(file, offset + 7), file[offset + 9] == 1 ? 1u : 3u};
      if (size.height == 0 || size.width == 0)
        return fail(Code::malformed, at(offset + 5) + "the JPEG header says a side of 0 pixels");
    }
    offset += 2 + length;
    if (marker == 0xda) offset = skip_scan(file, offset);
  }
  if (size.width == 0) return fail(Code::malformed, at(offset) + "the JPEG file has no picture");
  return size;
}

}  // namespace

Result<ImageSize> check_image(ByteSpan file) {
  if (file.empty()) return fail(Code::malformed, at(0) + "the file is empty");
  if (file.size() >= 8 && std::equal(kPngMagic.begin(), kPngMagic.end(), file.begin())) return check_png(file);
  if (file.size() >= 4 && file[0] == 0xff && file[1] == 0xd8) return check_jpeg(file);
  return fail(Code::malformed, at(0) + "neither a PNG nor a JPEG file");
}

}  // namespace mote::data
