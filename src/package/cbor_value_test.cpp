#include "mote/package/cbor_value.hpp"

#include <gtest/gtest.h>

#include "mote/base/rng.hpp"

namespace mote::package {
namespace {

Bytes hex(std::string_view text) { return from_hex(text).value(); }

// RFC 8949, appendix A, as far as lengths are definite and there are no floats.
TEST(CborValue, the_examples_of_the_rfc_print_and_come_back) {
  const std::pair<const char*, const char*> examples[] = {
      {"00", "0"},
      {"1903e8", "1000"},
      {"1bffffffffffffffff", "18446744073709551615"},
      {"3bffffffffffffffff", "-18446744073709551616"},
      {"3903e7", "-1000"},
      {"f4", "false"},
      {"f5", "true"},
      {"f6", "null"},
      {"f0", "simple(16)"},
      {"c11a514b67b0", "1(1363896240)"},
      {"4401020304", "h'01020304'"},
      {"62225c", "\"\\\"\\\\\""},
      {"83010203", "[1, 2, 3]"},
      {"8301820203820405", "[1, [2, 3], [4, 5]]"},
      {"a201020304", "{1: 2, 3: 4}"},
      {"826161a161626163", "[\"a\", {\"b\": \"c\"}]"},
  };
  for (const auto& [encoded, text] : examples) {
    const CborValue value = read_cbor(hex(encoded)).value();
    EXPECT_EQ(diagnostic(value), text);
    EXPECT_EQ(to_hex(write_cbor(value)), encoded);
  }
}

TEST(CborValue, a_wrapped_item_shows_and_is_encoded_from_what_it_holds) {
  CborValue value = read_cbor(hex("43a10126")).value();
  ASSERT_TRUE(unwrap(value));
  EXPECT_EQ(diagnostic(value), "<<{1: -7}>>");
  EXPECT_EQ(to_hex(write_cbor(value)), "43a10126");
  value.items[0].items[1] = CborValue::integer(-19);
  EXPECT_EQ(to_hex(write_cbor(value)), "43a10132");
  CborValue number = CborValue::unsigned_int(1), text = read_cbor(hex("42ffff")).value();
  EXPECT_FALSE(unwrap(number));
  EXPECT_FALSE(unwrap(text));
}

TEST(CborValue, what_has_two_readings_is_refused) {
  EXPECT_FALSE(read_cbor(hex("a201020103"))) << "a key twice";
  EXPECT_FALSE(read_cbor(hex("1800"))) << "a longer head";
  EXPECT_FALSE(read_cbor(hex("9fff"))) << "an indefinite length";
  EXPECT_FALSE(read_cbor(hex("0000"))) << "bytes behind";
  EXPECT_FALSE(read_cbor(Bytes{}));
  EXPECT_TRUE(read_cbor(hex("a202010102"))) << "keys in another order";
  EXPECT_EQ(read_cbor(hex("8201")).error().message(), "byte 1: ends within an item");
}

TEST(CborValue, depth_is_limited) {
  Bytes allowed(24, 0x81);
  allowed.push_back(0);
  EXPECT_TRUE(read_cbor(allowed));
  Bytes deep(100000, 0x81);
  deep.push_back(0);
  EXPECT_EQ(read_cbor(deep).error().code(), Code::malformed);
}

TEST(CborValue, random_bytes_come_back_or_are_refused) {
  Rng rng(11);
  int read = 0;
  for (int i = 0; i < 50000; ++i) {
    Bytes bytes(1 + rng.below(12));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.below(256));
    const auto value = read_cbor(bytes);
    if (!value) continue;
    ++read;
    EXPECT_EQ(write_cbor(*value), bytes);
    EXPECT_FALSE(diagnostic(*value).empty());
  }
  EXPECT_GT(read, 500);
}

TEST(CborValue, a_sequence_has_any_number_of_items) {
  EXPECT_EQ(read_cbor_sequence(hex("0001f6")).value().size(), 3u);
  EXPECT_TRUE(read_cbor_sequence({}).value().empty());
  EXPECT_FALSE(read_cbor_sequence(hex("0001ff")));
}

}  // namespace
}  // namespace mote::package
