#include "markup.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "figures.hpp"
#include "plot.hpp"
#include "png.hpp"

namespace mote::report {
namespace {

constexpr const char* kUnknown = "\xEF\xBF\xBD";

TEST(Markup, escapes_text_and_attributes) {
  const Markup m = el("p", {{"title", "a\"b'c"}}, "<script>alert(1)</script> & more");
  EXPECT_EQ(m.html(), "<p title=\"a&quot;b&#39;c\">&lt;script&gt;alert(1)&lt;/script&gt; &amp; more</p>");
}

TEST(Markup, keeps_markup_that_was_built_before) {
  EXPECT_EQ(el("p", {}, "a", el("b", {}, "<"), std::vector<Markup>{text("c"), text("d")}).html(),
            "<p>a<b>&lt;</b>cd</p>");
}

TEST(Markup, closes_shapes_in_place_and_leaves_void_elements_open) {
  EXPECT_EQ(el("path", {{"d", "M0 0"}}).html(), "<path d=\"M0 0\"/>");
  EXPECT_EQ(el("br", {}).html(), "<br>");
  EXPECT_EQ(el("td", {}).html(), "<td></td>");
  EXPECT_EQ(el("rect", {}, el("title", {}, "x")).html(), "<rect><title>x</title></rect>");
}

TEST(Markup, keeps_text_of_any_language) { EXPECT_EQ(escape("größe 靴 🥾\n\t"), "größe 靴 🥾\n\t"); }

TEST(Markup, replaces_bytes_that_are_not_utf8) {
  EXPECT_EQ(escape("a\xFF"
                   "b"),
            std::string("a") + kUnknown + "b");
  EXPECT_EQ(escape("\xC0\xBC"), std::string(kUnknown) + kUnknown);                 // an overlong '<'
  EXPECT_EQ(escape("\xED\xA0\x80"), std::string(kUnknown) + kUnknown + kUnknown);  // a surrogate
  EXPECT_EQ(escape("\xE2\x82"), std::string(kUnknown) + kUnknown);                 // cut short
  EXPECT_EQ(escape("\xF4\x90\x80\x80").substr(0, 3), kUnknown);                    // beyond U+10FFFF
}

TEST(Markup, replaces_control_and_direction_characters) {
  EXPECT_EQ(escape(std::string_view("a\0b\x1B", 4)), std::string("a") + kUnknown + "b" + kUnknown);
  EXPECT_EQ(escape("evil\u202Egnp.exe"), std::string("evil") + kUnknown + "gnp.exe");
}

TEST(Coordinate, is_short_and_always_a_number) {
  EXPECT_EQ(coordinate(12.5), "12.5");
  EXPECT_EQ(coordinate(100), "100");
  EXPECT_EQ(coordinate(-0.0001), "0");
  EXPECT_EQ(coordinate(1.0 / 3), "0.333");
  EXPECT_EQ(coordinate(std::numeric_limits<double>::quiet_NaN()), "0");
  EXPECT_EQ(coordinate(std::numeric_limits<double>::infinity()), "0");
}

TEST(Figures, say_what_is_not_measured) {
  const Figure nan = std::numeric_limits<double>::quiet_NaN();
  const Figure infinite = -std::numeric_limits<double>::infinity();
  for (const Figure& figure : {Figure(), nan, infinite}) {
    EXPECT_EQ(fixed(figure, 2), "n/a");
    EXPECT_EQ(with_sign(figure, 2), "n/a");
    EXPECT_EQ(significant(figure), "n/a");
    EXPECT_EQ(percent(figure), "n/a");
    EXPECT_EQ(kibibytes(figure), "n/a");
    EXPECT_EQ(compact(figure), "n/a");
    EXPECT_EQ(quantity(figure, Unit::milliseconds), "n/a");
    EXPECT_FALSE(is_known(ratio(1.0, figure)));
  }
}

TEST(Figures, are_written_the_way_people_read_them) {
  EXPECT_EQ(fixed(1234567.891, 1), "1,234,567.9");
  EXPECT_EQ(fixed(-0.004, 2), "0.00");
  EXPECT_EQ(fixed(-1.5, 1), "\u22121.5");
  EXPECT_EQ(with_sign(0.1234, 2), "+0.12");
  EXPECT_EQ(with_sign(0.0, 2), "0.00");
  EXPECT_EQ(significant(41.273), "41.3");
  EXPECT_EQ(significant(0.00321), "0.00321");
  EXPECT_EQ(significant(1240.4), "1,240");
  EXPECT_EQ(significant(1.2e-9), "1.20e\u22129");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(123456), "123,456");
  EXPECT_EQ(compact(2239832.0), "2.24\u00a0M");
  EXPECT_EQ(compact(999.0), "999");
  EXPECT_EQ(percent(0.93418, 2), "93.42\u00a0%");
  EXPECT_EQ(kibibytes(59290.0), "57.9\u00a0KiB");
  EXPECT_EQ(kibibytes(812.0), "812\u00a0B");
  EXPECT_EQ(quantity(41.27, Unit::milliseconds), "41.3\u00a0ms");
  EXPECT_EQ(dimensions({1, 28, 28, 16}), "1×28×28×16");
  EXPECT_EQ(short_id("0123456789abcdef"), "0123456789ab");
}

TEST(Figures, give_the_published_wilson_interval) {
  // 81 of 263: 0.2553 to 0.3662 (R. G. Newcombe, Statistics in Medicine 17, 1998, table I, method 3).
  const Interval interval = wilson_interval(81.0 / 263, 263);
  EXPECT_NEAR(interval.low, 0.2553, 5e-5);
  EXPECT_NEAR(interval.high, 0.3662, 5e-5);
}

TEST(Axis, has_round_ticks_that_hold_all_values) {
  const Axis axis = linear_axis(0.437, 0.921);
  EXPECT_LE(axis.low, 0.437);
  EXPECT_GE(axis.high, 0.921);
  EXPECT_EQ(axis.ticks.front().label, "0.4");
  EXPECT_DOUBLE_EQ(axis.ticks.back().at, 1);
  EXPECT_GE(axis.ticks.size(), 3u);
  EXPECT_LE(axis.ticks.size(), 8u);
}

TEST(Axis, of_equal_values_still_has_an_extent) {
  for (const double value : {0.0, 1.0, -3.0, 1e-30, 1e30}) {
    const Axis axis = linear_axis(value, value);
    EXPECT_LT(axis.low, axis.high) << value;
    EXPECT_GT(axis.at(value), 0.0) << value;
    EXPECT_LT(axis.at(value), 1.0) << value;
  }
}

TEST(Axis, of_powers_of_ten_is_even) {
  const Axis axis = logarithmic_axis(1e-4, 0.1);
  EXPECT_EQ(axis.ticks.size(), 4u);
  EXPECT_NEAR(axis.at(1e-3), 1.0 / 3, 1e-9);
}

TEST(Png, is_read_as_what_was_written) {
  const Bytes png = encode_png({2, 1, {0, 255}});
  // Made with zlib's crc32, adler32 and compress at level 0.
  EXPECT_EQ(to_hex(png),
            "89504e470d0a1a0a0000000d4948445200000002000000010800000000d1492056"
            "0000000e494441547801010300fcff0000ff01020100b7012ef7"
            "0000000049454e44ae426082");
}

TEST(Png, averages_large_images_down) {
  GrayImage image{200, 100, std::vector<std::uint8_t>(20000, 90)};
  const GrayImage small = shrink(image, 64);
  EXPECT_LE(small.width, 64u);
  EXPECT_EQ(small.pixels.size(), std::size_t{small.width} * small.height);
  EXPECT_EQ(small.pixels.front(), 90);
  EXPECT_EQ(shrink({3, 3, std::vector<std::uint8_t>(9, 1)}, 64).width, 3u);
}

TEST(Png, keeps_a_sliver_at_least_one_pixel_wide) {
  const GrayImage small = shrink({1000, 2, std::vector<std::uint8_t>(2000, 7)}, 64);
  EXPECT_EQ(small.height, 1u);
  EXPECT_EQ(small.pixels.size(), small.width);
}

}  // namespace
}  // namespace mote::report
