#include "update/cbor.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "mote/base/rng.hpp"

namespace mote::update {
namespace {

using Raw = std::vector<std::uint8_t>;

CborReader reader_of(Raw&&) = delete;  // a reader borrows
CborReader reader_of(const Raw& raw) { return CborReader({raw.data(), raw.size()}); }

Raw written(void (*write)(CborWriter&)) {
  Raw raw(256);
  CborWriter writer({raw.data(), raw.size()});
  write(writer);
  raw.resize(writer.size());
  return raw;
}

// RFC 8949, appendix A.
TEST(Cbor, numbers_are_encoded_as_in_the_rfc) {
  EXPECT_EQ(written([](CborWriter& w) { w.unsigned_int(0); }), (Raw{0x00}));
  EXPECT_EQ(written([](CborWriter& w) { w.unsigned_int(23); }), (Raw{0x17}));
  EXPECT_EQ(written([](CborWriter& w) { w.unsigned_int(24); }), (Raw{0x18, 0x18}));
  EXPECT_EQ(written([](CborWriter& w) { w.unsigned_int(1000); }), (Raw{0x19, 0x03, 0xe8}));
  EXPECT_EQ(written([](CborWriter& w) { w.unsigned_int(1000000); }), (Raw{0x1a, 0x00, 0x0f, 0x42, 0x40}));
  EXPECT_EQ(written([](CborWriter& w) { w.unsigned_int(18446744073709551615u); }),
            (Raw{0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
  EXPECT_EQ(written([](CborWriter& w) { w.integer(-1); }), (Raw{0x20}));
  EXPECT_EQ(written([](CborWriter& w) { w.integer(-1000); }), (Raw{0x39, 0x03, 0xe7}));
  EXPECT_EQ(written([](CborWriter& w) { w.text("IETF"); }), (Raw{0x64, 0x49, 0x45, 0x54, 0x46}));
  EXPECT_EQ(written([](CborWriter& w) { w.null(); }), (Raw{0xf6}));
}

TEST(Cbor, numbers_come_back_at_every_power_of_two) {
  for (unsigned bit = 0; bit < 63; ++bit) {
    for (const std::int64_t off : {-1, 0, 1}) {
      const std::int64_t value = (std::int64_t{1} << bit) + off;
      for (const std::int64_t signed_value : {value, -value}) {
        Raw raw(16);
        CborWriter writer({raw.data(), raw.size()});
        writer.integer(signed_value);
        raw.resize(writer.size());
        CborReader reader = reader_of(raw);
        EXPECT_EQ(reader.integer(), signed_value);
        EXPECT_EQ(reader.finish(), Status::ok);
        raw.pop_back();
        CborReader shorter = reader_of(raw);
        shorter.integer();
        EXPECT_EQ(shorter.status(), Status::truncated);
      }
    }
  }
}

TEST(Cbor, longer_forms_of_a_number_are_refused) {
  for (const Raw& raw : {Raw{0x18, 0x17}, Raw{0x19, 0x00, 0xff}, Raw{0x1a, 0, 0, 0xff, 0xff},
                         Raw{0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, Raw{0x58, 0x01, 0xaa}}) {
    CborReader reader = reader_of(raw);
    reader.skip();
    EXPECT_EQ(reader.status(), Status::not_canonical);
  }
}

TEST(Cbor, indefinite_lengths_reserved_heads_and_floats_are_refused) {
  for (const Raw& raw : {Raw{0x5f, 0xff}, Raw{0x9f, 0xff}, Raw{0xbf, 0xff}, Raw{0x1c},
                         Raw{0xfb, 0, 0, 0, 0, 0, 0, 0, 0}, Raw{0xf9, 0x3c, 0x00}, Raw{0xf8, 0x20}}) {
    CborReader reader = reader_of(raw);
    reader.skip();
    EXPECT_NE(reader.status(), Status::ok) << int(raw[0]);
  }
}

TEST(Cbor, keys_twice_or_out_of_order_are_refused) {
  const auto keys = [](const Raw& raw) {
    CborReader reader = reader_of(raw);
    for (CborKeys each(reader); each.next();) reader.skip();
    return reader.finish();
  };
  EXPECT_EQ(keys({0xa2, 0x01, 0x00, 0x02, 0x00}), Status::ok);
  EXPECT_EQ(keys({0xa3, 0x17, 0x00, 0x18, 0x18, 0x00, 0x20, 0x00}), Status::ok) << "23, 24, -1";
  EXPECT_EQ(keys({0xa2, 0x02, 0x00, 0x01, 0x00}), Status::not_canonical);
  EXPECT_EQ(keys({0xa2, 0x01, 0x00, 0x01, 0x00}), Status::not_canonical);
  EXPECT_EQ(keys({0xa2, 0x20, 0x00, 0x01, 0x00}), Status::not_canonical);
  EXPECT_EQ(keys({0xa2, 0x01, 0x00}), Status::truncated);
}

TEST(Cbor, lengths_beyond_the_end_are_refused_without_work) {
  for (const int type : {0x5b, 0x7b, 0x9b, 0xbb}) {
    const Raw raw{static_cast<std::uint8_t>(type), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00};
    CborReader reader = reader_of(raw);
    reader.skip();
    EXPECT_EQ(reader.status(), Status::truncated);
  }
  // Arrays within arrays, each announcing as much as there can be.
  Raw nested(100000, 0x81);
  CborReader deep = reader_of(nested);
  deep.skip();
  EXPECT_EQ(deep.status(), Status::truncated);
  const Raw many(1000, 0x9a);
  CborReader wide = reader_of(many);
  wide.skip();
  EXPECT_EQ(wide.status(), Status::truncated);
}

TEST(Cbor, what_was_wrong_first_stays) {
  const Raw raw{0x18, 0x17, 0x00};
  CborReader reader = reader_of(raw);
  EXPECT_EQ(reader.unsigned_int(), 0u);
  EXPECT_EQ(reader.bytes().size, 0u);
  EXPECT_EQ(reader.finish(), Status::not_canonical);
}

TEST(Cbor, random_bytes_never_read_outside) {
  Rng rng(1);
  for (int i = 0; i < 20000; ++i) {
    Raw raw(rng.below(40));
    for (auto& byte : raw) byte = static_cast<std::uint8_t>(rng.below(256));
    CborReader reader = reader_of(raw);
    while (reader.status() == Status::ok && !reader.at_end()) reader.skip();
    EXPECT_LE(reader.offset(), raw.size());
  }
}

TEST(Cbor, the_writer_counts_what_does_not_fit) {
  std::uint8_t small[4];
  CborWriter writer(small);
  writer.bytes({small, 4});
  EXPECT_EQ(writer.size(), 5u);
  EXPECT_FALSE(writer.fits());
}

}  // namespace
}  // namespace mote::update
