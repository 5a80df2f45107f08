// The cycle model against hardware: what others published for their own binaries. The images are not part of mote;
// bench/vendor_images/README.md says where they are from. MOTE_VENDOR_IMAGES names the folder that has them.

#include "mote/bench/published.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "mote/base/file.hpp"

namespace mote::bench {
namespace {

std::vector<PublishedImage> table() {
  return parse_published_images(read_text(std::string(MOTE_SOURCE_DIR) + "/bench/vendor_images/published.csv").value())
      .value();
}

TEST(Published, reads_its_table) {
  const auto images =
      parse_published_images("# comment\n\na.bin,kws01,15.954,490,from,somewhere\nb.bin,ad01,170,2560\n");
  ASSERT_TRUE(images) << images.error().message();
  ASSERT_EQ(images->size(), 2u);
  EXPECT_EQ((*images)[0].image, "a.bin");
  EXPECT_DOUBLE_EQ((*images)[0].inferences_per_second, 15.954);
  EXPECT_EQ((*images)[1].model, "ad01");
  EXPECT_EQ((*images)[1].input_bytes, 2560u);
  EXPECT_EQ(table().size(), 9u);
}

TEST(Published, refuses_a_broken_table) {
  for (const char* line : {"a.bin,kws01,15.954", "a.bin,kws01,fast,490", "a.bin,kws01,1.5x,490", "a.bin,kws01,-1,490",
                           "a.bin,kws01,1.5,0", "a.bin,kws99,1.5,490"}) {
    const auto images = parse_published_images(line);
    ASSERT_FALSE(images) << line;
    EXPECT_EQ(images.error().code(), Code::malformed);
  }
}

/// Points that a calibration of 4, 0.25 and 0.5 explains to the last cycle.
std::vector<PublishedPoint> exact_points() {
  std::vector<PublishedPoint> points;
  const std::uint64_t counts[][3] = {{1000, 0, 200}, {0, 4000, 800}, {200, 800, 40}, {400, 2000, 2000}, {8, 400, 80}};
  for (const auto& count : counts) {
    PublishedPoint p;
    p.inferences = 2;
    p.counts.core_cycles = 100'000;
    p.counts.fetch_stalls = 700;
    p.counts.flash_misses = count[0];
    p.counts.unaligned_wide = count[1];
    p.counts.load_uses = count[2];
    p.hardware_cycles = static_cast<double>(board::cycles(p.counts, {4.0, 0.25, 0.5, true})) / 2;
    points.push_back(p);
  }
  return points;
}

TEST(Published, the_fit_finds_what_explains_the_points) {
  std::vector<PublishedPoint> points = exact_points();
  const board::Calibration found = fit_calibration(points);
  EXPECT_NEAR(found.flash_miss_cycles, 4.0, 1e-6);
  EXPECT_NEAR(found.unaligned_wide_cycles, 0.25, 1e-6);
  EXPECT_NEAR(found.load_use_cycles, 0.5, 1e-6);
  points[3].hardware_cycles *= 1.5;
  EXPECT_GT(std::abs(fit_calibration(points).flash_miss_cycles - 4.0), 1.0);
  EXPECT_NEAR(fit_calibration(points, 3).flash_miss_cycles, 4.0, 1e-6) << "the wrong point left out";
}

class VendorImages : public ::testing::TestWithParam<PublishedImage> {};

TEST_P(VendorImages, take_the_time_that_was_published) {
  const char* folder = std::getenv("MOTE_VENDOR_IMAGES");
  if (folder == nullptr)
    GTEST_SKIP() << "MOTE_VENDOR_IMAGES names no folder with the images that bench/vendor_images/README.md lists";
  const std::filesystem::path file = std::filesystem::path(folder) / GetParam().image;
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is not there";
  const auto point =
      run_published_image(board::find_board("nucleo-l4r5zi").value(), read_file(file).value(), GetParam());
  ASSERT_TRUE(point) << point.error().message();
  EXPECT_NEAR(point->ratio(), 1.0, 0.05);
  // The image's own clock and our counts tell the same; it counts whole microseconds.
  const double counted =
      static_cast<double>(board::cycles(point->counts, board::find_board("nucleo-l4r5zi")->calibration)) /
      point->inferences;
  EXPECT_NEAR(point->model_cycles, counted, 240.0);
}

INSTANTIATE_TEST_SUITE_P(Bosch, VendorImages, ::testing::ValuesIn(table()), [](const auto& image) {
  std::string name = image.param.image.substr(0, image.param.image.rfind('.'));
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
});

}  // namespace
}  // namespace mote::bench
