// The arithmetic below Ed25519, X25519 and Poly1305 against integers of any size (OpenSSL's): that each operation is
// right modulo the prime, and that it leaves behind what curve25519.c says it does, at all corners of its range.

#include "curve25519_field.h"

#include <algorithm>

#include "crypto_reference.hpp"

namespace mote::update {
namespace {

/// Whole numbers, never negative.
class Number {
 public:
  Number(unsigned value = 0) : value_(BN_new()) { BN_set_word(value_.get(), value); }
  explicit Number(const Raw& little_endian)
      : value_(BN_lebin2bn(little_endian.data(), static_cast<int>(little_endian.size()), nullptr)) {}
  Number(const Number& other) : value_(BN_dup(other.value_.get())) {}
  Number& operator=(const Number& other) {
    EXPECT_NE(BN_copy(value_.get(), other.value_.get()), nullptr);
    return *this;
  }

  friend Number operator+(const Number& a, const Number& b) {
    Number sum;
    EXPECT_EQ(BN_add(sum.value_.get(), a.value_.get(), b.value_.get()), 1);
    return sum;
  }
  /// Only where `a` is not below `b`.
  friend Number operator-(const Number& a, const Number& b) {
    Number rest;
    EXPECT_EQ(BN_sub(rest.value_.get(), a.value_.get(), b.value_.get()), 1);
    EXPECT_FALSE(BN_is_negative(rest.value_.get()));
    return rest;
  }
  friend Number operator*(const Number& a, const Number& b) {
    Number product;
    EXPECT_EQ(BN_mul(product.value_.get(), a.value_.get(), b.value_.get(), context()), 1);
    return product;
  }
  friend Number operator%(const Number& a, const Number& b) {
    Number rest;
    EXPECT_EQ(BN_mod(rest.value_.get(), a.value_.get(), b.value_.get(), context()), 1);
    return rest;
  }
  friend bool operator==(const Number& a, const Number& b) { return BN_cmp(a.value_.get(), b.value_.get()) == 0; }
  friend bool operator<(const Number& a, const Number& b) { return BN_cmp(a.value_.get(), b.value_.get()) < 0; }
  static Number power_of_two(int bit) {
    Number power;
    EXPECT_EQ(BN_set_bit(power.value_.get(), bit), 1);
    return power;
  }

  /// The lowest `count` bytes.
  [[nodiscard]] Raw bytes(std::size_t count) const {
    Raw raw(count);
    const Number low = *this % power_of_two(static_cast<int>(8 * count));
    EXPECT_EQ(BN_bn2lebinpad(low.value_.get(), raw.data(), static_cast<int>(count)), static_cast<int>(count));
    return raw;
  }
  friend void PrintTo(const Number& number, std::ostream* out) {
    char* const text = BN_bn2hex(number.value_.get());
    *out << text;
    OPENSSL_free(text);
  }

 private:
  struct FreeNumber {
    void operator()(BIGNUM* p) const { BN_free(p); }
    void operator()(BN_CTX* p) const { BN_CTX_free(p); }
  };
  static BN_CTX* context() {
    static const std::unique_ptr<BN_CTX, FreeNumber> kContext(BN_CTX_new());
    return kContext.get();
  }
  std::unique_ptr<BIGNUM, FreeNumber> value_;
};

using Words = std::array<std::uint32_t, 8>;

Words words_of(const Number& number) {
  Words words{};
  std::memcpy(words.data(), number.bytes(32).data(), 32);
  return words;
}
Number number_of(const Words& words) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(words.data());
  return Number(Raw(bytes, bytes + 32));
}

const Number& prime() {
  static const Number kPrime = Number::power_of_two(255) - Number(19);
  return kPrime;
}
const Number& order() {
  static const Number kOrder(hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"));
  return kOrder;
}

/// Around every number where a carry or a reduction begins.
std::vector<Number> corners(const Number& modulus, int bits) {
  std::vector<Number> all;
  const auto add_around = [&](const Number& middle) {
    for (const unsigned distance : {0u, 1u, 19u, 20u, 38u}) {
      if (!(middle < Number(distance))) all.push_back(middle - Number(distance));
      all.push_back(middle + Number(distance));
    }
  };
  add_around(Number(0));
  add_around(modulus);
  add_around(modulus + modulus);
  for (int bit = 32; bit <= bits; bit += 32) add_around(Number::power_of_two(bit));
  for (const int bit : {bits - 33, bits - 25, bits - 2, bits - 1}) add_around(Number::power_of_two(bit));
  add_around(Number::power_of_two(bits - 1) +
             Number::power_of_two(bits - 25));  // what operations leave behind is below
  std::erase_if(all, [&](const Number& number) { return !(number < Number::power_of_two(bits)); });
  return all;
}

/// Runs of ones and zeros, of which words and their neighbours are full.
Number with_long_runs(Rng& rng, std::size_t bytes) {
  Raw raw(bytes);
  bool one = rng.below(2) == 0;
  for (std::size_t bit = 0, left = 0; bit < 8 * bytes; ++bit, --left) {
    if (left == 0) {
      one = !one;
      left = 1 + rng.below(rng.below(4) == 0 ? 128 : 40);
    }
    if (one) raw[bit / 8] = static_cast<std::uint8_t>(raw[bit / 8] | 1u << bit % 8);
  }
  return Number(raw);
}

/// What sums, differences and products are below, whatever 256 bits they were made of.
const Number& bound() {
  static const Number kBound = Number::power_of_two(255) + Number::power_of_two(231);
  return kBound;
}

void expect_right(const Words& got, const Number& expected, const char* what, const Number& a, const Number& b) {
  EXPECT_TRUE(number_of(got) < bound()) << what << " of " << testing::PrintToString(a) << " and "
                                        << testing::PrintToString(b);
  EXPECT_EQ(number_of(got) % prime(), expected % prime())
      << what << " of " << testing::PrintToString(a) << " and " << testing::PrintToString(b);
  Words least = got;
  field_reduce(least.data());
  EXPECT_EQ(number_of(least), expected % prime()) << what << ", reduced";
}

void compare(const Number& a, const Number& b) {
  const Words one = words_of(a), other = words_of(b);
  Words got{};
  field_add(got.data(), one.data(), other.data());
  expect_right(got, a + b, "sum", a, b);
  field_subtract(got.data(), one.data(), other.data());
  expect_right(got, a + prime() + prime() + prime() - b, "difference", a, b);
  field_multiply(got.data(), one.data(), other.data());
  expect_right(got, a * b, "product", a, b);
  // The result in the place of an operand.
  Words in_place = one, in_other_place = other;
  field_multiply(in_place.data(), in_place.data(), other.data());
  EXPECT_EQ(in_place, got);
  field_subtract(in_other_place.data(), one.data(), in_other_place.data());
  field_subtract(got.data(), one.data(), other.data());
  EXPECT_EQ(in_other_place, got);
}

TEST(Curve25519Field, agrees_with_integers_at_all_corners_of_256_bits) {
  const std::vector<Number> all = corners(prime(), 256);
  ASSERT_GT(all.size(), 120u);
  for (const Number& a : all) {
    for (const Number& b : all) compare(a, b);
  }
}

TEST(Curve25519Field, agrees_with_integers_on_long_runs_and_on_what_operations_leave_behind) {
  Rng rng(1);
  const std::vector<Number> all = corners(prime(), 256);
  for (unsigned round = 0; round < 6000; ++round) {
    Number a = with_long_runs(rng, 32), b = with_long_runs(rng, 32);
    compare(a, b);
    compare(a, all[rng.below(static_cast<std::uint32_t>(all.size()))]);
  }
  Words x = words_of(with_long_runs(rng, 32)), y = words_of(with_long_runs(rng, 32));
  for (unsigned round = 0; round < 6000; ++round) {
    compare(number_of(x), number_of(y));
    Words next{};
    field_multiply(next.data(), x.data(), y.data());
    (round % 2 == 0 ? field_add : field_subtract)(y.data(), next.data(), x.data());
    x = next;
  }
}

TEST(Curve25519Field, reduces_whatever_is_below_twice_the_prime) {
  Rng rng(2);
  std::vector<Number> all = corners(prime(), 256);
  for (unsigned i = 0; i < 2000; ++i) all.push_back(with_long_runs(rng, 32));
  for (const Number& a : all) {
    if (!(a < prime() + prime())) continue;
    Words got = words_of(a);
    field_reduce(got.data());
    EXPECT_EQ(number_of(got), a % prime()) << testing::PrintToString(a);
  }
}

TEST(Curve25519Field, scalars_are_compared_with_the_order_and_reduced_by_it) {
  for (const Number& a : corners(order(), 256)) {
    Words got{};
    const bool is_below = scalar_minus_order(got.data(), words_of(a).data()) != 0;
    EXPECT_EQ(is_below, a < order()) << testing::PrintToString(a);
    if (!is_below) {
      EXPECT_EQ(number_of(got), a - order());
    }
  }
  Rng rng(3);
  std::vector<Number> all = corners(order(), 512);
  for (unsigned i = 0; i < 500; ++i) {
    const Number multiple = with_long_runs(rng, 32) * order();
    for (const unsigned more : {0u, 1u}) all.push_back(multiple + Number(more));
    if (Number(0) < multiple) all.push_back(multiple - Number(1));
    all.push_back(with_long_runs(rng, 64));
  }
  for (const Number& a : all) {
    Words got{};
    scalar_reduce(got.data(), a.bytes(64).data());
    EXPECT_EQ(number_of(got), a % order()) << testing::PrintToString(a);
  }
}

// Poly1305 shares the product. Its r is what the standard leaves of a key; all ones lead to the largest sums, blocks of
// which nothing but the low bits differ to a number just below, at or above the prime.
TEST(Curve25519Field, poly1305_agrees_with_integers_at_its_corners) {
  Rng rng(4);
  const Number poly_prime = Number::power_of_two(130) - Number(5);
  const Raw most_r = hex("ffffff0ffcffff0ffcffff0ffcffff0f");
  for (unsigned round = 0; round < 4000; ++round) {
    Raw r = with_long_runs(rng, 16).bytes(16);
    for (std::size_t i = 0; i < r.size(); ++i) r[i] &= most_r[i];
    if (round % 4 == 0) r = most_r;
    if (round % 4 == 1) r = Number(1 + round % 5).bytes(16);  // blocks add up to the prime and above
    const Raw pad = round % 3 == 0 ? Raw(16, 0xff) : with_long_runs(rng, 16).bytes(16);
    mote_poly1305 state;
    mote_poly1305_begin(&state, (r + pad).data());
    Raw sum = Number(0).bytes(17);
    for (unsigned count = 1 + round % 7; count > 0; --count) {
      Raw block = round % 2 == 0 ? Raw(16, 0xff) : with_long_runs(rng, 16).bytes(16);
      if (rng.below(3) == 0) block[0] = static_cast<std::uint8_t>(0xf8 + rng.below(8));
      mote_poly1305_update(&state, block.data(), block.size());
      sum = ((Number(sum) + Number(block) + Number::power_of_two(128)) * Number(r) % poly_prime).bytes(17);
    }
    Raw tag(16);
    mote_poly1305_end(&state, tag.data());
    EXPECT_EQ(tag, (Number(sum) + Number(pad)).bytes(16)) << round;
  }
}

TEST(Curve25519Field, poly1305_takes_the_prime_away_from_it_on) {
  const Raw one = Number(1).bytes(16), none(16, 0);
  for (unsigned last = 0; last < 8; ++last) {  // sums from 2^130 - 9 to 2^130 - 2
    const Raw ones(16, 0xff);
    Raw block = ones;
    block[0] = static_cast<std::uint8_t>(0xf8 + last);
    mote_poly1305 state;
    mote_poly1305_begin(&state, (one + none).data());
    mote_poly1305_update(&state, ones.data(), ones.size());
    mote_poly1305_update(&state, block.data(), block.size());
    Raw tag(16);
    mote_poly1305_end(&state, tag.data());
    const Number sum = Number::power_of_two(130) - Number(9) + Number(last);
    EXPECT_EQ(tag, (sum % (Number::power_of_two(130) - Number(5))).bytes(16)) << last;
  }
}

}  // namespace
}  // namespace mote::update
