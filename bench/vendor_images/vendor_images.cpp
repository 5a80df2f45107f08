// Runs firmware images that others published with their MLPerf Tiny results, unmodified, and prints the cycles of the
// model over those of the published throughput; then what a fit of the board's three constants to these points gives.
//
//   mote_vendor_images FOLDER [TABLE]

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "mote/base/file.hpp"
#include "mote/bench/published.hpp"

namespace {

using namespace mote;
using bench::PublishedPoint;

double one(const PublishedPoint& p, std::uint64_t count) { return static_cast<double>(count) / p.inferences; }

double with(const PublishedPoint& p, const board::Calibration& calibration) {
  return one(p, board::cycles(p.counts, calibration)) / p.hardware_cycles;
}

void print_ratios(const std::vector<PublishedPoint>& points, const board::Calibration& calibration) {
  const bool enough = points.size() > 3;
  const board::Calibration all = enough ? bench::fit_calibration(points) : calibration;
  fmt::print("\n{:<24}{:>12}{:>9}{:>9}{:>9}{:>9}{:>9}\n", "model / published", "published", "core", "no fetch", "model",
             "refitted", "left out");
  double squares = 0, worst = 0;
  for (std::size_t n = 0; n < points.size(); ++n) {
    const PublishedPoint& p = points[n];
    board::CycleCounts no_fetch = p.counts;
    no_fetch.fetch_stalls = 0;
    fmt::print("{:<24}{:>12.0f}{:>9.3f}{:>9.3f}{:>9.3f}", p.published.image, p.hardware_cycles,
               one(p, p.counts.core_cycles) / p.hardware_cycles,
               one(p, board::cycles(no_fetch, calibration)) / p.hardware_cycles, p.ratio());
    if (enough) fmt::print("{:>9.3f}{:>9.3f}", with(p, all), with(p, bench::fit_calibration(points, n)));
    fmt::print("\n");
    squares += (p.ratio() - 1) * (p.ratio() - 1);
    worst = std::max(worst, std::abs(p.ratio() - 1));
  }
  fmt::print("the model errs by {:.1f} % (root mean square), at most {:.1f} %\n",
             100 * std::sqrt(squares / static_cast<double>(points.size())), 100 * worst);
  if (enough)
    fmt::print("refitted to these points: flash_miss {:.2f}, unaligned_wide {:.3f}, load_use {:.2f}\n",
               all.flash_miss_cycles, all.unaligned_wide_cycles, all.load_use_cycles);
}

void print_counts(const std::vector<PublishedPoint>& points) {
  fmt::print("\n{:<24}{:>12}{:>12}{:>11}{:>11}{:>11}{:>10}{:>10}\n", "of one inference", "instructions", "core",
             "data miss", "unaligned", "load-use", "fetched", "stalls");
  for (const PublishedPoint& p : points) {
    const board::CycleCounts& c = p.counts;
    fmt::print("{:<24}{:>12.0f}{:>12.0f}{:>11.0f}{:>11.0f}{:>11.0f}{:>10.0f}{:>10.0f}\n", p.published.image,
               one(p, c.instructions), one(p, c.core_cycles), one(p, c.flash_misses), one(p, c.unaligned_wide),
               one(p, c.load_uses), one(p, c.fetch_misses), one(p, c.fetch_stalls));
  }
}

Result<void> run(const std::filesystem::path& folder, const std::filesystem::path& table) {
  MOTE_TRY(const board::BoardSpec spec, board::find_board("nucleo-l4r5zi"));
  MOTE_TRY(const std::string text, read_text(table));
  MOTE_TRY(const auto images, bench::parse_published_images(text));
  std::vector<PublishedPoint> points;
  for (const bench::PublishedImage& published : images) {
    const std::filesystem::path file = folder / published.image;
    if (!std::filesystem::exists(file)) {
      fmt::print("{}: not there\n", file.string());
      continue;
    }
    MOTE_TRY(const Bytes image, read_file(file));
    MOTE_TRY(PublishedPoint point, bench::run_published_image(spec, image, published));
    fmt::print("{}: {:.3f} inferences a second, published {:.3f}\n", published.image,
               spec.clock_hz / point.model_cycles, published.inferences_per_second);
    points.push_back(std::move(point));
  }
  if (points.empty()) return fail(Code::not_found, "no image of the table is in " + folder.string());
  print_ratios(points, spec.calibration);
  print_counts(points);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: mote_vendor_images FOLDER [TABLE]; bench/vendor_images/README.md\n");
    return 2;
  }
  if (const auto ran = run(argv[1], argc > 2 ? argv[2] : MOTE_PUBLISHED); !ran) {
    fmt::print(stderr, "{}\n", ran.error().message());
    return 1;
  }
  return 0;
}
