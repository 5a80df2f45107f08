// Deltas: every pair of byte strings comes back, whatever pieces it travels in; hostile ones are refused.

#include "mote/package/delta.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <type_traits>
#include <utility>

#include "mote/base/rng.hpp"
#include "update/delta.hpp"

namespace mote::package {
namespace {

using update::DeltaDecoder;
using update::Status;

static_assert(std::is_trivially_copyable_v<DeltaDecoder>, "a copy is a checkpoint");
static_assert(sizeof(DeltaDecoder) <= 400);

update::Bytes view(const Bytes& bytes) { return {bytes.data(), bytes.size()}; }

Bytes random_bytes(Rng& rng, std::size_t count) {
  Bytes bytes(count);
  for (std::uint8_t& b : bytes) b = static_cast<std::uint8_t>(rng.below(256));
  return bytes;
}

/// Weights of about this spread, of which some parts change a little, some wholly, some move.
Bytes changed(Rng& rng, const Bytes& base) {
  Bytes bytes = base;
  for (int edit = static_cast<int>(rng.below(6)); edit > 0 && !bytes.empty(); --edit) {
    const auto at = static_cast<std::size_t>(rng.below(bytes.size()));
    const auto count = static_cast<std::size_t>(rng.below(bytes.size() - at + 1));
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    switch (rng.below(5)) {
      case 0:
        for (std::size_t i = 0; i < count; ++i)
          bytes[at + i] = static_cast<std::uint8_t>(bytes[at + i] + rng.between(-2, 2));
        break;
      case 1:
        for (std::size_t i = 0; i < count; ++i) bytes[at + i] = static_cast<std::uint8_t>(rng.below(256));
        break;
      case 2:
        bytes.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min<std::size_t>(count, 40)));
        break;
      case 3: {
        const Bytes more = random_bytes(rng, static_cast<std::size_t>(rng.below(40)));
        bytes.insert(begin, more.begin(), more.end());
        break;
      }
      default: {
        const Bytes part(begin, begin + static_cast<std::ptrdiff_t>(count / 4));
        bytes.insert(bytes.end(), part.begin(), part.end());
      }
    }
  }
  if (bytes.empty()) bytes.push_back(1);
  return bytes;
}

/// Feeds `decoder` pieces of random sizes, and room of random sizes, until nothing moves.
Status drain(DeltaDecoder& decoder, const Bytes& base, const Bytes& delta, Bytes& module, Rng& rng) {
  Bytes block;
  while (true) {
    const std::size_t taken = decoder.taken(), written = decoder.written();
    const std::size_t piece = std::min<std::size_t>(delta.size() - taken, rng.below(2) != 0 ? rng.below(40) : 5000);
    block.assign(4 + rng.below(200), 0xee);
    update::Bytes in{delta.data() + taken, piece};
    update::MutableBytes out{block.data(), block.size()};
    const Status status = decoder.decode(view(base), in, out);
    EXPECT_EQ(piece - in.size, decoder.taken() - taken);
    EXPECT_EQ(block.size() - out.size, decoder.written() - written);
    module.resize(written);
    module.insert(module.end(), block.data(), out.data);
    EXPECT_LE(module.size(), decoder.module_bytes());
    if (status != Status::waiting) return status;
    if (taken == delta.size() && decoder.written() == written) return decoder.finish();
  }
}

/// A pair whose delta has segments of all sorts.
std::pair<Bytes, Bytes> rich_pair(Rng& rng) {
  const Bytes base = random_bytes(rng, 900);
  Bytes module = base;
  for (std::size_t i = 100; i < 400; i += 2) module[i] = static_cast<std::uint8_t>(module[i] + rng.between(-3, 3));
  for (std::size_t i = 500; i < 600; ++i) module[i] = static_cast<std::uint8_t>(rng.between(-9, 9));
  module.insert(module.begin() + 640, base.begin() + 10, base.begin() + 60);
  return {base, module};
}

TEST(Delta, gives_the_module_whatever_the_pieces) {
  Rng rng(1);
  for (int trial = 0; trial < 60; ++trial) {
    const Bytes base = random_bytes(rng, static_cast<std::size_t>(rng.below(3000)));
    const Bytes module = changed(rng, base);
    const auto delta = encode_delta(base, module);
    ASSERT_TRUE(delta) << delta.error().message();
    DeltaDecoder decoder;
    decoder.begin(static_cast<std::uint32_t>(module.size()));
    Bytes decoded;
    ASSERT_EQ(drain(decoder, base, *delta, decoded, rng), Status::ok);
    ASSERT_EQ(decoded, module);
    ASSERT_EQ(decoder.taken(), delta->size());
  }
}

TEST(Delta, carries_every_difference_of_bytes_halfwords_and_words) {
  Bytes base, module;
  for (std::uint32_t a = 0; a < 256; ++a) {
    for (std::uint32_t b = 0; b < 256; b += 5) {
      base.push_back(static_cast<std::uint8_t>(a));
      module.push_back(static_cast<std::uint8_t>(b));
    }
  }
  const auto delta = encode_delta(base, module);
  ASSERT_TRUE(delta);
  const auto decoded = apply_delta(base, *delta);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, module);
}

TEST(Delta, of_the_same_module_is_a_few_bytes) {
  Rng rng(2);
  const Bytes module = random_bytes(rng, 50'000);
  const auto delta = encode_delta(module, module);
  ASSERT_TRUE(delta);
  EXPECT_LE(delta->size(), 24u);
}

TEST(Delta, of_anything_is_hardly_larger_than_the_module) {
  Rng rng(3);
  const Bytes module = random_bytes(rng, 20'000);
  const auto delta = encode_delta(random_bytes(rng, 20'000), module);
  ASSERT_TRUE(delta);
  EXPECT_LE(delta->size(), module.size() * 102 / 100 + 100);
}

/// Trained weights: about normal.
std::int8_t weight(Rng& rng, int spread) {
  std::int64_t sum = 0;
  for (int i = 0; i < 4; ++i) sum += rng.between(-spread, spread);
  return static_cast<std::int8_t>(std::clamp<std::int64_t>(sum / 2, -127, 127));
}

TEST(Delta, of_packed_weights_that_moved_a_little_is_small) {
  Rng rng(4);
  Bytes base, module;
  const auto push = [](Bytes& bytes, int high, int low) {
    const int lane = 256 * high + low;
    bytes.push_back(static_cast<std::uint8_t>(lane & 0xff));
    bytes.push_back(static_cast<std::uint8_t>((lane >> 8) & 0xff));
  };
  constexpr int kCount = 8000;
  for (int i = 0; i < kCount; ++i) {
    const int high = weight(rng, 50), low = weight(rng, 50);
    push(base, high, low);
    const auto step = [&] { return rng.below(4) == 0 ? 1 - 2 * static_cast<int>(rng.below(2)) : 0; };
    const int new_high = high + step(), new_low = low + step();
    push(module, new_high, new_low);
  }
  const auto delta = encode_delta(base, module);
  ASSERT_TRUE(delta);
  // A quarter of the weights moved by one, up or down: 1.06 bits each. Taken as bytes, the borrow of a halfword would
  // cost more.
  EXPECT_LE(delta->size(), 2 * kCount * 106 / 800 * 106 / 100);
}

TEST(Delta, goes_on_from_a_checkpoint_at_every_block) {
  Rng rng(5);
  const Bytes base = random_bytes(rng, 6000);
  Bytes module = changed(rng, base);
  for (std::size_t i = 0; i < module.size(); i += 3) module[i] = static_cast<std::uint8_t>(module[i] + 1);
  const auto delta = encode_delta(base, module);
  ASSERT_TRUE(delta);
  constexpr std::size_t kBlock = 64;
  DeltaDecoder decoder;
  decoder.begin(static_cast<std::uint32_t>(module.size()));
  for (Status status = Status::waiting; status == Status::waiting;) {
    // The power is cut here: all but what was written and this copy is lost.
    DeltaDecoder resumed = decoder;
    Bytes rest(module.begin(), module.begin() + decoder.written());
    ASSERT_EQ(drain(resumed, base, *delta, rest, rng), Status::ok);
    ASSERT_EQ(rest, module);
    std::uint8_t block[kBlock];
    update::MutableBytes out(block);
    update::Bytes in{delta->data() + decoder.taken(), delta->size() - decoder.taken()};
    status = decoder.decode(view(base), in, out);
    ASSERT_TRUE(status == Status::ok || status == Status::waiting);
  }
}

TEST(Delta, that_ends_early_is_truncated_at_every_byte) {
  Rng rng(6);
  const auto [base, module] = rich_pair(rng);
  const auto delta = encode_delta(base, module);
  ASSERT_TRUE(delta);
  for (std::size_t bytes = 0; bytes < delta->size(); ++bytes) {
    const Bytes part(delta->begin(), delta->begin() + static_cast<std::ptrdiff_t>(bytes));
    DeltaDecoder decoder;
    decoder.begin(1 << 20);
    Bytes decoded;
    EXPECT_EQ(drain(decoder, base, part, decoded, rng), Status::truncated) << bytes;
    EXPECT_LT(decoded.size(), module.size());
  }
}

TEST(Delta, whose_head_announces_too_few_bytes_gives_the_same_part_in_any_pieces) {
  Rng rng(9);
  const auto [base, module] = rich_pair(rng);
  auto delta = encode_delta(base, module);
  ASSERT_TRUE(delta);
  for (std::size_t bytes = 20; bytes + 1 < delta->size(); ++bytes) {
    Bytes part(delta->begin(), delta->begin() + static_cast<std::ptrdiff_t>(bytes));
    part[12] = static_cast<std::uint8_t>(bytes & 0xff);
    part[13] = static_cast<std::uint8_t>(bytes >> 8);
    DeltaDecoder whole, pieces;
    whole.begin(1 << 20);
    pieces.begin(1 << 20);
    Bytes block(2000), decoded;
    update::Bytes in = view(part);
    update::MutableBytes out{block.data(), block.size()};
    ASSERT_EQ(whole.decode(view(base), in, out), Status::truncated) << bytes;
    ASSERT_EQ(drain(pieces, base, part, decoded, rng), Status::truncated) << bytes;
    block.resize(whole.written());
    ASSERT_EQ(decoded, block) << bytes;
  }
}

TEST(Delta, with_flipped_bits_or_a_lying_head_stays_within_its_bounds) {
  Rng rng(7);
  const auto [base, module] = rich_pair(rng);
  const auto delta = encode_delta(base, module);
  ASSERT_TRUE(delta);
  const auto room = static_cast<std::uint32_t>(module.size() + 100);
  int refused = 0;
  for (std::size_t bit = 0; bit < 8 * delta->size(); ++bit) {
    Bytes broken = *delta;
    broken[bit / 8] = static_cast<std::uint8_t>(broken[bit / 8] ^ (1u << (bit % 8)));
    DeltaDecoder decoder;
    decoder.begin(room);
    Bytes decoded;
    const Status status = drain(decoder, base, broken, decoded, rng);
    EXPECT_LE(decoded.size(), room);
    if (status == Status::ok) {
      EXPECT_TRUE(decoded != module) << "bit " << bit << " has no meaning";
    } else {
      ++refused;
      if (status == Status::truncated) continue;  // the delta's end may still come
      update::Bytes in{broken.data(), broken.size()};
      std::uint8_t more[64];
      update::MutableBytes out(more);
      EXPECT_EQ(decoder.decode(view(base), in, out), status) << "a refusal holds";
    }
  }
  EXPECT_GT(refused, 8 * 12);
}

TEST(Delta, of_version_1_decodes_forever) {
  Bytes base, module;
  for (int i = 0; i < 160; ++i) base.push_back(static_cast<std::uint8_t>(i * 37 + (i >> 3)));
  for (int i = 0; i < 160; ++i) {
    int value = base[static_cast<std::size_t>(i)];
    if (i >= 32 && i < 96) value += i % 3 - 1;
    if (i >= 96 && i < 128) value = i * i % 11 - 5;
    module.push_back(static_cast<std::uint8_t>(value));
  }
  module.insert(module.end(), base.begin() + 8, base.begin() + 40);
  const auto delta = from_hex(
      "6d640100a0000000c00000003900000045803ff8c7fe321eb66b7425f680397fa08887cc84791d60ef111947f07e7c5ce0cb939d9c4c8050"
      "70");
  ASSERT_TRUE(delta);
  const auto decoded = apply_delta(base, *delta);
  ASSERT_TRUE(decoded) << decoded.error().message();
  EXPECT_EQ(*decoded, module);
}

TEST(Delta, refuses_by_name) {
  const Bytes base(100, 7), module(64, 9);
  const auto good = encode_delta(base, module);
  ASSERT_TRUE(good);
  const auto status_of = [&](const Bytes& old, std::uint32_t room, auto change) {
    Bytes delta = *good;
    change(delta);
    DeltaDecoder decoder;
    decoder.begin(room);
    Bytes decoded;
    Rng rng(8);
    return drain(decoder, old, delta, decoded, rng);
  };
  const auto none = [](Bytes&) {};
  EXPECT_EQ(status_of(base, 64, none), Status::ok);
  EXPECT_EQ(status_of(base, 63, none), Status::module_too_large);
  EXPECT_EQ(status_of(Bytes(99, 7), 64, none), Status::wrong_base);
  EXPECT_EQ(status_of(base, 64, [](Bytes& d) { d[0] = 'x'; }), Status::malformed);
  EXPECT_EQ(status_of(base, 64, [](Bytes& d) { d[2] = 2; }), Status::unsupported_version);
  EXPECT_EQ(status_of(base, 64, [](Bytes& d) { d[3] = 1; }), Status::malformed);
  EXPECT_EQ(status_of(base, 64, [](Bytes& d) { d[8] = 0; }), Status::malformed);
  EXPECT_EQ(status_of(base, 64, [](Bytes& d) { d[12] = 19; }), Status::malformed);
  const auto one_more = [](Bytes& d) {
    d[12] = static_cast<std::uint8_t>(d[12] + 1);
    d.push_back(0);
  };
  EXPECT_EQ(status_of(base, 64, one_more), Status::trailing_bytes);
  EXPECT_FALSE(apply_delta(base, Bytes(40, 0)));
  EXPECT_FALSE(encode_delta(base, {}));
}

TEST(Delta, refuses_a_base_that_changes_on_the_way) {
  const Bytes base(100, 7);
  const auto delta = encode_delta(base, base);
  ASSERT_TRUE(delta);
  DeltaDecoder decoder;
  decoder.begin(100);
  update::Bytes in = view(*delta);
  std::uint8_t block[100];
  update::MutableBytes out(block, 50);
  ASSERT_EQ(decoder.decode(view(base), in, out), Status::waiting);
  EXPECT_EQ(decoder.decode({base.data(), 99}, in, out), Status::wrong_base);
}

}  // namespace
}  // namespace mote::package
