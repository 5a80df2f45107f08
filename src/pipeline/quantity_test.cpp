#include "mote/pipeline/quantity.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <cmath>
#include <cstdlib>

namespace mote::pipeline {
namespace {

// RapidCheck takes its seed from the environment; a fixed one unless the caller gives another.
[[maybe_unused]] const int kSeeded = ::setenv("RC_PARAMS", "seed=20", 0);

TEST(Quantity, reads_every_unit) {
  const struct {
    const char* text;
    Unit unit;
    double value;
  } cases[] = {
      {"64 KiB", Unit::bytes, 65536},
      {"64KiB", Unit::bytes, 65536},
      {" 1.5 MiB ", Unit::bytes, 1572864},
      {"64 kB", Unit::bytes, 64000},
      {"1 B", Unit::bytes, 1},
      {"50 ms", Unit::milliseconds, 50},
      {"0.25 s", Unit::milliseconds, 250},
      {"8 us", Unit::milliseconds, 8e-3},
      {"120 MHz", Unit::hertz, 120e6},
      {"16 kHz", Unit::hertz, 16000},
      {"3 %", Unit::ratio, 0.03},
      {"0 %", Unit::ratio, 0},
      {"100%", Unit::ratio, 1},
      {"1.2 mJ", Unit::microjoules, 1200},
      {"1 /hour", Unit::per_day, 24},
      {"2 /day", Unit::per_day, 2},
      {"1e3 B", Unit::bytes, 1000},
  };
  for (const auto& c : cases) {
    const auto value = parse_quantity(c.text, c.unit);
    ASSERT_TRUE(value) << c.text << ": " << value.error().message();
    EXPECT_DOUBLE_EQ(*value, c.value) << c.text;
  }
}

TEST(Quantity, refuses_what_makes_no_sense) {
  const struct {
    const char* text;
    Unit unit;
    Code code;
  } cases[] = {
      {"", Unit::bytes, Code::malformed},
      {"KiB", Unit::bytes, Code::malformed},
      {"64", Unit::bytes, Code::malformed},
      {"64 kib", Unit::bytes, Code::malformed},
      {"64 ms", Unit::bytes, Code::malformed},
      {"64 KiB KiB", Unit::bytes, Code::malformed},
      {"6 4 KiB", Unit::bytes, Code::malformed},
      {"0x40 B", Unit::bytes, Code::malformed},
      {"nan ms", Unit::milliseconds, Code::malformed},
      {"inf ms", Unit::milliseconds, Code::malformed},
      {"1e999 B", Unit::bytes, Code::malformed},
      {"-1 KiB", Unit::bytes, Code::invalid_argument},
      {"0 KiB", Unit::bytes, Code::invalid_argument},
      {"0.5 B", Unit::bytes, Code::invalid_argument},
      {"1e300 GiB", Unit::bytes, Code::invalid_argument},
      {"101 %", Unit::ratio, Code::invalid_argument},
      {"-1 %", Unit::ratio, Code::invalid_argument},
      {"-0.0 ms", Unit::milliseconds, Code::invalid_argument},
  };
  for (const auto& c : cases) {
    const auto value = parse_quantity(c.text, c.unit);
    ASSERT_FALSE(value) << c.text << " was read as " << *value;
    EXPECT_EQ(value.error().code(), c.code) << c.text << ": " << value.error().message();
  }
}

TEST(Quantity, prints_for_people) {
  EXPECT_EQ(print_quantity(71234, Unit::bytes), "69.6 KiB");
  EXPECT_EQ(print_quantity(1000, Unit::bytes), "1000 B");
  EXPECT_EQ(print_quantity(65536, Unit::bytes), "64 KiB");
  EXPECT_EQ(print_quantity(0.8, Unit::milliseconds), "0.8 ms");
  EXPECT_EQ(print_quantity(0.9312, Unit::ratio), "93.1 %");
  EXPECT_EQ(print_quantity(120e6, Unit::hertz), "120 MHz");
}

TEST(Quantity, canonical_numbers_read_back_exactly) {
  EXPECT_EQ(canonical_number(2.0), "2");
  EXPECT_EQ(canonical_number(-0.0), "0");
  EXPECT_TRUE(rc::check("canonical_number is exact", [](double value) {
    RC_PRE(std::isfinite(value));
    RC_ASSERT(std::stod(canonical_number(value)) == value);
  }));
}

TEST(Quantity, never_crashes_on_any_text) {
  EXPECT_TRUE(rc::check("any text", [](const std::string& text) {
    const auto value = parse_quantity(text, Unit::bytes);
    if (value) RC_ASSERT(*value > 0);
  }));
}

}  // namespace
}  // namespace mote::pipeline
