#include "mote/bench/published.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "mote/base/rng.hpp"
#include "mote/bench/mlperf.hpp"
#include "mote/board/stm32_board.hpp"

namespace mote::bench {
namespace {

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

template <class Number>
bool read_number(std::string_view text, Number& to) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  return error == std::errc{} && end == text.data() + text.size() && to > 0;
}

const MlperfModel* find_model(std::string_view name) {
  const std::vector<MlperfModel>& models = mlperf_models();
  const auto found = std::find_if(models.begin(), models.end(), [&](const auto& m) { return m.name == name; });
  return found == models.end() ? nullptr : &*found;
}

/// Random values of the kind that the model takes.
Bytes random_input(const MlperfModel& model, std::size_t bytes) {
  Rng rng(1);
  Bytes input;
  while (input.size() < bytes) {
    if (model.input != compile::MlperfInput::float32) {
      input.push_back(static_cast<std::uint8_t>(rng.next()));
      continue;
    }
    const auto value = static_cast<float>(rng.uniform(-10.0, 10.0));
    const ByteSpan raw = bytes_of(std::span<const float>(&value, 1));
    input.insert(input.end(), raw.begin(), raw.end());
  }
  return input;
}

}  // namespace

Result<std::vector<PublishedImage>> parse_published_images(std::string_view text) {
  std::vector<PublishedImage> images;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty() || line.front() == '#') continue;
    const std::vector<std::string_view> fields = split(line, ',');
    PublishedImage p;
    if (fields.size() < 4 || !read_number(fields[2], p.inferences_per_second) || !read_number(fields[3], p.input_bytes))
      return fail(Code::malformed,
                  fmt::format("a published result is image,model,inferences_per_second,input_bytes, not \"{}\"", line));
    p.image = fields[0];
    p.model = fields[1];
    if (find_model(p.model) == nullptr)
      return fail(Code::malformed, fmt::format("MLPerf Tiny has no model \"{}\"", p.model));
    images.push_back(std::move(p));
  }
  return images;
}

Result<PublishedPoint> run_published_image(const board::BoardSpec& spec, ByteSpan image,
                                           const PublishedImage& published) {
  const MlperfModel* model = find_model(published.model);
  if (model == nullptr) return fail(Code::not_found, fmt::format("MLPerf Tiny has no model \"{}\"", published.model));
  MOTE_TRY(board::Stm32Board board, board::Stm32Board::create(spec, image));
  // One inference takes as long as the next. A clock of microseconds resolves several short ones better than one.
  const int inferences = published.inferences_per_second > 100 ? 10 : 1;
  MOTE_TRY(const MlperfRun run, run_mlperf_script([&](const std::string& text) { return board.exchange(text); },
                                                  random_input(*model, published.input_bytes), inferences, 1));
  const std::vector<board::CycleCounts>& looks = board.timer_looks();
  if (looks.size() < 2) return fail(Code::malformed, "the image told times without looking at its timer");
  PublishedPoint point;
  point.published = published;
  point.inferences = inferences;
  point.hardware_cycles = spec.clock_hz / published.inferences_per_second;
  point.model_cycles = spec.clock_hz / run.inferences_per_second();
  point.counts = looks[looks.size() - 1] - looks[looks.size() - 2];
  return point;
}

board::Calibration fit_calibration(std::span<const PublishedPoint> points, std::size_t left_out) {
  // The normal equations of: constants * counts = hardware - (core + waiting), each row over its hardware's cycles.
  double a[3][4] = {};
  for (std::size_t n = 0; n < points.size(); ++n) {
    if (n == left_out) continue;
    const board::CycleCounts& c = points[n].counts;
    const double whole = points[n].hardware_cycles * points[n].inferences;
    const std::array<double, 3> x{static_cast<double>(c.flash_misses) / whole,
                                  static_cast<double>(c.unaligned_wide) / whole,
                                  static_cast<double>(c.load_uses) / whole};
    const double y = 1.0 - static_cast<double>(c.core_cycles + c.fetch_stalls) / whole;
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 3; ++j) a[i][j] += x[i] * x[j];
      a[i][3] += x[i] * y;
    }
  }
  for (std::size_t i = 0; i < 3; ++i) {  // Gauss-Jordan; the matrix is positive definite, so pivots are where they are
    for (std::size_t row = 0; row < 3; ++row) {
      const double factor = row == i ? 0.0 : a[row][i] / a[i][i];
      for (std::size_t j = 0; j < 4; ++j) a[row][j] -= factor * a[i][j];
    }
  }
  return {a[0][3] / a[0][0], a[1][3] / a[1][1], a[2][3] / a[2][2], true};
}

}  // namespace mote::bench
