#include "sample_files.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "mote/base/rng.hpp"

namespace mote::e2e {
namespace {

void put_be(Bytes& out, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

/// CRC of PNG (ISO 3309), bit by bit: the pictures are tiny.
std::uint32_t crc32(ByteSpan bytes) {
  std::uint32_t crc = 0xffffffffu;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) != 0 ? 0xedb88320u : 0u);
  }
  return ~crc;
}

std::uint32_t adler32(ByteSpan bytes) {
  std::uint32_t a = 1, b = 0;
  for (const std::uint8_t byte : bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

void append_chunk(Bytes& png, std::string_view type, const Bytes& content) {
  put_be(png, static_cast<std::uint32_t>(content.size()));
  Bytes checked(type.begin(), type.end());
  checked.insert(checked.end(), content.begin(), content.end());
  png.insert(png.end(), checked.begin(), checked.end());
  put_be(png, crc32(checked));
}

/// zlib stream of one stored block.
Bytes stored(const Bytes& plain) {
  const auto size = static_cast<std::uint16_t>(plain.size());
  const auto inverse = static_cast<std::uint16_t>(~size);
  Bytes out{0x78,
            0x01,
            0x01,
            static_cast<std::uint8_t>(size & 0xff),
            static_cast<std::uint8_t>(size >> 8),
            static_cast<std::uint8_t>(inverse & 0xff),
            static_cast<std::uint8_t>(inverse >> 8)};
  out.insert(out.end(), plain.begin(), plain.end());
  put_be(out, adler32(plain));
  return out;
}

Bytes text(const std::string& content) { return {content.begin(), content.end()}; }

std::string walks_csv() {
  std::string csv = "t,x,y,z,activity,person\n";
  Rng rng(5);
  for (int person = 0; person < 2; ++person) {
    for (int activity = 0; activity < 2; ++activity) {
      for (int row = 0; row < 20; ++row) {
        const std::int64_t swing = activity == 0 ? 0 : (row % 8 < 4 ? row % 4 : 4 - row % 4) * 10;
        csv += std::to_string((activity * 20 + row) * 20) + "," + std::to_string(swing + rng.between(-3, 3)) + "," +
               std::to_string(rng.between(-3, 3)) + "," + std::to_string(100 + swing / 2) + "," +
               (activity == 0 ? "rest" : "walk") + "," + (person == 0 ? "ann" : "bob") + "\n";
      }
    }
  }
  return csv;
}

std::string wand_json() {
  std::string json = "{\"strokes\":[";
  for (int stroke = 0; stroke < 6; ++stroke) {
    json += std::string(stroke == 0 ? "" : ",") + "{\"index\":" + std::to_string(stroke) + ",\"label\":\"" +
            (stroke % 2 == 0 ? "line" : "hook") + "\",\"strokePoints\":[";
    for (int point = 0; point < 10 + stroke; ++point) {
      const int bend = stroke % 2 == 0 ? point : std::max(0, point - 5) * 4;
      json += std::string(point == 0 ? "" : ",") + "{\"x\":" + std::to_string(point) +
              ",\"y\":" + std::to_string(bend) + "}";
    }
    json += "]}";
  }
  return json + "]}";
}

}  // namespace

Bytes make_idx_images(std::uint32_t count, std::uint32_t classes, std::uint64_t seed) {
  Bytes out{0, 0, 8, 3};
  for (const std::uint32_t dim : {count, 8u, 8u}) put_be(out, dim);
  Rng rng(seed);
  for (std::uint32_t i = 0; i < count; ++i) {
    for (std::uint32_t y = 0; y < 8; ++y) {
      for (std::uint32_t x = 0; x < 8; ++x) {
        const std::uint32_t kind = i % classes;
        const bool ink = kind == 0 ? y / 2 == 1 : kind == 1 ? x / 2 == 2 : x == y;
        out.push_back(static_cast<std::uint8_t>((ink ? 200 : 10) + rng.below(40)));
      }
    }
  }
  return out;
}

Bytes make_idx_labels(std::uint32_t count, std::uint32_t classes) {
  Bytes out{0, 0, 8, 1};
  put_be(out, count);
  for (std::uint32_t i = 0; i < count; ++i) out.push_back(static_cast<std::uint8_t>(i % classes));
  return out;
}

Bytes make_wav(std::uint32_t samples, std::uint32_t rate_hz, std::uint32_t period) {
  ByteWriter out;
  out.append(as_bytes("RIFF"));
  out.u32_le(36 + 2 * samples);
  out.append(as_bytes("WAVEfmt "));
  out.u32_le(16);
  out.u16_le(1);
  out.u16_le(1);
  out.u32_le(rate_hz);
  out.u32_le(2 * rate_hz);
  out.u16_le(2);
  out.u16_le(16);
  out.append(as_bytes("data"));
  out.u32_le(2 * samples);
  for (std::uint32_t i = 0; i < samples; ++i) {
    const std::int32_t phase = static_cast<std::int32_t>(i % period), half = static_cast<std::int32_t>(period) / 2;
    const std::int32_t triangle =
        (phase < half ? phase : static_cast<std::int32_t>(period) - phase) * 16'000 / half - 8'000;
    out.u16_le(static_cast<std::uint16_t>(triangle * static_cast<std::int32_t>(samples - i) /
                                          static_cast<std::int32_t>(samples)));
  }
  return std::move(out).take();
}

Bytes make_png(std::uint32_t width, std::uint32_t height, std::uint64_t seed) {
  Bytes png{0x89, 'P', 'N', 'G', 0x0d, 0x0a, 0x1a, 0x0a};
  Bytes header;
  put_be(header, width);
  put_be(header, height);
  header.insert(header.end(), {8, 2, 0, 0, 0});
  append_chunk(png, "IHDR", header);
  Rng rng(seed);
  Bytes rows;
  for (std::uint32_t y = 0; y < height; ++y) {
    rows.push_back(0);
    for (std::uint32_t x = 0; x < 3 * width; ++x) rows.push_back(static_cast<std::uint8_t>(rng.below(256)));
  }
  append_chunk(png, "IDAT", stored(rows));
  append_chunk(png, "IEND", {});
  return png;
}

std::map<std::string, Bytes> sample_files() {
  std::map<std::string, Bytes> files;
  files["idx/images.idx"] = make_idx_images(24, 3, 1);
  files["idx/labels.idx"] = make_idx_labels(24, 3);
  files["idx/test-images.idx"] = make_idx_images(6, 3, 2);
  files["idx/test-labels.idx"] = make_idx_labels(6, 3);
  std::uint32_t period = 20;
  for (const std::string label : {"yes", "no"}) {
    for (const std::string speaker : {"ann", "bob", "cem"}) {
      for (int take = 0; take < 4; ++take)
        files["wav/" + label + "_" + speaker + "_" + std::to_string(take) + ".wav"] = make_wav(800, 8'000, period++);
    }
  }
  std::uint64_t seed = 10;
  for (const std::string kind : {"bolt", "nut"}) {
    for (int n = 0; n < 3; ++n) files["pictures/" + kind + "/" + std::to_string(n) + ".png"] = make_png(6, 5, seed++);
  }
  files["walks.csv"] = text(walks_csv());
  files["wand.json"] = text(wand_json());
  return files;
}

Bytes patched(Bytes bytes, std::size_t offset, std::initializer_list<std::uint8_t> with) {
  std::copy(with.begin(), with.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
  return bytes;
}

Bytes cut(Bytes bytes, std::size_t size) {
  bytes.resize(size);
  return bytes;
}

Bytes garbage(std::size_t size, std::uint64_t seed) {
  Rng rng(seed);
  Bytes out(size);
  for (auto& byte : out) byte = static_cast<std::uint8_t>(rng.below(256));
  return out;
}

}  // namespace mote::e2e
