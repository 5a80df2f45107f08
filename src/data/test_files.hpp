#pragma once
// Makes the files that tests import: sound ones, for tests to break.

#include <zlib.h>

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#include <stb/stb_image_write.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/file.hpp"
#include "mote/data/import.hpp"
#include "parse/checksum.hpp"

namespace mote::data {

inline void put_be(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

inline Bytes make_idx(std::uint8_t type, const std::vector<std::uint32_t>& dims, std::size_t value_bytes) {
  Bytes out{0, 0, type, static_cast<std::uint8_t>(dims.size())};
  for (const std::uint32_t dim : dims) put_be(out, dim);
  for (std::size_t k = 0; k < value_bytes; ++k) out.push_back(static_cast<std::uint8_t>(k * 7 & 0xff));
  return out;
}

inline Bytes make_idx_labels(std::uint32_t count, std::uint8_t classes = 3) {
  Bytes out = make_idx(8, {count}, 0);
  for (std::uint32_t k = 0; k < count; ++k) out.push_back(static_cast<std::uint8_t>(k % classes));
  return out;
}

inline Bytes gzip(ByteSpan plain) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  Bytes out(deflateBound(&stream, plain.size()) + 32);
  stream.next_in = const_cast<Bytef*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

struct WavRecipe {
  std::uint16_t format = 1;  ///< 1 PCM, 3 float
  std::uint16_t channels = 1;
  std::uint32_t rate_hz = 8'000;
  std::uint16_t bits = 16;
  Bytes data = Bytes(800, 1);
};

inline Bytes make_wav(const WavRecipe& recipe = {}) {
  const auto frame_bytes = static_cast<std::uint16_t>(recipe.channels * (recipe.bits / 8));
  const auto data_bytes = static_cast<std::uint32_t>(recipe.data.size());
  ByteWriter out;
  out.append(as_bytes("RIFF"));
  out.u32_le(36 + data_bytes);
  out.append(as_bytes("WAVEfmt "));
  out.u32_le(16);
  out.u16_le(recipe.format);
  out.u16_le(recipe.channels);
  out.u32_le(recipe.rate_hz);
  out.u32_le(recipe.rate_hz * frame_bytes);
  out.u16_le(frame_bytes);
  out.u16_le(recipe.bits);
  out.append(as_bytes("data"));
  out.u32_le(data_bytes);
  out.append(recipe.data);
  return std::move(out).take();
}

inline Bytes float_bytes(const std::vector<float>& values) {
  const ByteSpan raw = bytes_of(std::span<const float>(values));
  return {raw.begin(), raw.end()};
}

/// Overwrites bytes at an offset; how headers are made to lie.
inline Bytes patched(Bytes bytes, std::size_t offset, std::initializer_list<std::uint8_t> with) {
  std::copy(with.begin(), with.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  return bytes;
}

inline Bytes cut(Bytes bytes, std::size_t size) {
  bytes.resize(size);
  return bytes;
}

inline Bytes make_pixels(std::size_t count) {
  Bytes pixels(count);
  for (std::size_t k = 0; k < count; ++k) pixels[k] = static_cast<std::uint8_t>(k * 5 + k / 7);
  return pixels;
}

inline void append_to(void* out, void* data, int size) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  static_cast<Bytes*>(out)->insert(static_cast<Bytes*>(out)->end(), bytes, bytes + size);
}

inline Bytes make_png(int height, int width, int channels) {
  Bytes out;
  const Bytes pixels = make_pixels(static_cast<std::size_t>(height * width * channels));
  stbi_write_png_to_func(&append_to, &out, width, height, channels, pixels.data(), width * channels);
  return out;
}

inline Bytes make_jpeg(int height, int width, int channels) {
  Bytes out;
  const Bytes pixels(static_cast<std::size_t>(height * width * channels), 100);
  stbi_write_jpg_to_func(&append_to, &out, width, height, channels, pixels.data(), 90);
  return out;
}

/// A PNG whose header says other sides, with a right checksum: what a decompression bomb looks like.
inline Bytes with_png_sides(Bytes png, std::uint32_t height, std::uint32_t width) {
  Bytes sides;
  put_be(sides, width);
  put_be(sides, height);
  std::copy(sides.begin(), sides.end(), png.begin() + 16);
  Bytes crc;
  put_be(crc, crc32_of(ByteSpan(png).subspan(12, 17)));
  std::copy(crc.begin(), crc.end(), png.begin() + 29);
  return png;
}

inline std::string make_strokes(std::initializer_list<std::string> labels) {
  std::string json = "{\"strokes\":[";
  for (const std::string& label : labels) {
    json += std::string(json.back() == '[' ? "" : ",") + "{\"index\":0,\"label\":\"" + label +
            "\",\"strokePoints\":[{\"x\":0.5,\"y\":-1},{\"x\":0.25,\"y\":2},{\"x\":1e-1,\"y\":0}]}";
  }
  return json + "]}";
}

}  // namespace mote::data
