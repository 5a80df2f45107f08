#include "example_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "mote/base/error.hpp"
#include "mote/base/rng.hpp"
#include "sample_files.hpp"

namespace mote::e2e {
namespace {

std::uint32_t big_endian(ByteSpan bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 | std::uint32_t{bytes[at + 2]} << 8 |
         bytes[at + 3];
}

std::string stroke_json(int label, int index, Rng& rng) {
  std::string points;
  double heading = 0.63 * label + rng.uniform(-0.1, 0.1);
  const double bend = 0.04 * (label % 4) + rng.uniform(-0.01, 0.01);
  double x = 0.0, y = 0.0;
  for (int i = 0; i < 40; ++i) {
    points += fmt::format("{}{{\"x\":{:.6f},\"y\":{:.6f}}}", i == 0 ? "" : ",", x, y);
    x += 0.02 * std::cos(heading);
    y += 0.02 * std::sin(heading);
    heading += bend;
  }
  return fmt::format("{{\"index\":{},\"label\":\"{}\",\"strokePoints\":[{}]}}", index, label, points);
}

}  // namespace

Bytes first_of_idx(ByteSpan idx, std::size_t count) {
  const std::size_t dimensions = idx[3];
  const std::size_t header = 4 + 4 * dimensions;
  std::size_t record = 1;
  for (std::size_t d = 1; d < dimensions; ++d) record *= big_endian(idx, 4 + 4 * d);
  MOTE_CHECK(count <= big_endian(idx, 4));
  Bytes out(idx.begin(), idx.begin() + static_cast<std::ptrdiff_t>(header + count * record));
  for (std::size_t i = 0; i < 4; ++i) out[4 + i] = static_cast<std::uint8_t>(count >> (24 - 8 * i));
  return out;
}

std::map<std::string, Bytes> made_up_digits() {
  std::map<std::string, Bytes> files;
  for (std::uint32_t label = 0; label < 10; ++label) {
    for (std::uint32_t speaker = 0; speaker < 2; ++speaker) {
      for (std::uint32_t take = 0; take < 10; ++take) {
        const std::uint32_t period = 8 + 6 * label + 2 * speaker + take % 2;
        files[fmt::format("{}_{}_{}.wav", label, speaker == 0 ? "ada" : "bo", take)] = make_wav(3200, 8000, period);
      }
    }
  }
  return files;
}

std::map<std::string, std::string> made_up_strokes() {
  std::map<std::string, std::string> files;
  Rng rng(17);
  for (int label = 0; label < 10; ++label) {
    std::string strokes;
    for (int i = 0; i < 12; ++i) strokes += (i == 0 ? "" : ",") + stroke_json(label, i, rng);
    files[fmt::format("strokes_{}.json", label)] = "{\"strokes\":[" + strokes + "]}";
  }
  return files;
}

}  // namespace mote::e2e
