// The device's cryptography against OpenSSL: on random inputs, and on those that must fail.

#include "crypto_reference.hpp"

namespace mote::update {
namespace {

bool valid(const Raw& key, const Raw& signature, const Raw& message) {
  return verify_ed25519(Block<32>(key).bytes, Block<64>(signature).bytes, bytes(message));
}

/// The little-endian sum of two numbers of 32 bytes.
Raw sum(const Raw& a, const Raw& b) {
  Raw result(32);
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += a[i] + b[i];
    result[i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  return result;
}

const Raw kOrder = hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
const Raw kPrime = hex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");

TEST(CryptoReference, ed25519_takes_what_openssl_signs_and_nothing_that_differs_by_a_bit) {
  Rng rng(1);
  for (unsigned round = 0; round < 200; ++round) {
    const Raw seed = random_bytes(rng, 32), message = random_bytes(rng, round * 3 % 400 + 1);
    const Raw key = reference::public_key(EVP_PKEY_ED25519, seed);
    const Raw signature = reference::sign_ed25519(seed, message);
    ASSERT_TRUE(valid(key, signature, message)) << round;
    EXPECT_FALSE(valid(with_flipped_bit(key, rng), signature, message)) << round;
    EXPECT_FALSE(valid(key, with_flipped_bit(signature, rng), message)) << round;
    EXPECT_FALSE(valid(key, signature, with_flipped_bit(message, rng))) << round;
  }
}

TEST(CryptoReference, ed25519_refuses_a_scalar_that_is_not_below_the_order) {
  Rng rng(2);
  for (unsigned round = 0; round < 20; ++round) {
    const Raw seed = random_bytes(rng, 32), message = random_bytes(rng, 50);
    const Raw key = reference::public_key(EVP_PKEY_ED25519, seed), good = reference::sign_ed25519(seed, message);
    Raw s = part(good, 32, 64);
    for (unsigned multiple = 1; multiple < 8; ++multiple) {
      s = sum(s, kOrder);
      EXPECT_FALSE(valid(key, part(good, 0, 32) + s, message));
    }
  }
}

TEST(CryptoReference, ed25519_refuses_keys_of_small_order_which_would_sign_anything) {
  // The eight points and their encodings with y above the prime, each with both signs.
  const Raw zero(32, 0), one = sum(zero, hex("01" + std::string(62, '0')));
  const Raw minus_one = hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
  const Raw order_8 = hex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a");
  const Raw order_8_too = hex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
  unsigned forged_elsewhere = 0;
  for (Raw key : {zero, one, minus_one, order_8, order_8_too, kPrime, sum(kPrime, one)}) {
    for (unsigned sign = 0; sign < 2; ++sign, key[31] ^= 0x80) {
      // s = 0 and R = the neutral element is a signature of every message whose hash annuls the key.
      for (std::uint8_t i = 0; i < 16; ++i) {
        EXPECT_FALSE(valid(key, one + zero, Raw{i}));
        forged_elsewhere += reference::verify_ed25519(key, one + zero, Raw{i});
      }
    }
  }
  EXPECT_GT(forged_elsewhere, 0u) << "these were no forgeries: the test shows nothing";
}

TEST(CryptoReference, es256_takes_what_openssl_signs_and_nothing_that_differs_by_a_bit) {
  Rng rng(4);
  const auto verify = [](const Raw& key, const Raw& signature, const Raw& digest) {
    return verify_es256(Block<64>(key).bytes, Block<64>(signature).bytes, Block<32>(digest).bytes);
  };
  for (unsigned round = 0; round < 20; ++round) {
    const Raw digest = random_bytes(rng, 32);
    const auto [key, signature] = reference::sign_es256(digest);
    ASSERT_TRUE(verify(key, signature, digest)) << round;
    EXPECT_FALSE(verify(with_flipped_bit(key, rng), signature, digest)) << round;
    EXPECT_FALSE(verify(key, with_flipped_bit(signature, rng), digest)) << round;
    EXPECT_FALSE(verify(key, signature, with_flipped_bit(digest, rng))) << round;
  }
  const Raw digest(32, 0);  // with which r = 0 would be right
  const auto [key, signature] = reference::sign_es256(digest);
  EXPECT_FALSE(verify(key, Raw(64, 0), digest));
  EXPECT_FALSE(verify(key, Raw(32, 0) + part(signature, 32, 64), digest));
  EXPECT_FALSE(verify(key, part(signature, 0, 32) + Raw(32, 0), digest));
  EXPECT_FALSE(verify(Raw(64, 0), signature, digest));
  // r and s at the group's order and above.
  EXPECT_FALSE(
      verify(key, hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551") + Raw(32, 1), digest));
  EXPECT_FALSE(verify(key, Raw(64, 0xff), digest));
}

TEST(CryptoReference, x25519_agrees) {
  Rng rng(5);
  for (unsigned round = 0; round < 100; ++round) {
    const Raw own = random_bytes(rng, 32), other = random_bytes(rng, 32);
    Block<32> shared;
    ASSERT_TRUE(x25519(shared.bytes, Block<32>(own).bytes, Block<32>(other).bytes));
    EXPECT_EQ(shared.raw(), reference::x25519(own, other)) << round;
  }
}

TEST(CryptoReference, x25519_refuses_points_of_small_order) {
  Rng rng(6);
  const Raw one = hex("01" + std::string(62, '0'));
  for (const Raw& point : {Raw(32, 0), one, kPrime, sum(kPrime, one),
                           hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
                           hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
                           hex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157")}) {
    Block<32> shared(Raw(32, 9));
    EXPECT_FALSE(x25519(shared.bytes, Block<32>(random_bytes(rng, 32)).bytes, Block<32>(point).bytes));
    EXPECT_EQ(shared.raw(), Raw(32, 0));
  }
}

TEST(CryptoReference, chacha20_poly1305_opens_what_openssl_seals_whatever_the_pieces) {
  Rng rng(7);
  for (unsigned round = 0; round < 300; ++round) {
    const Raw key = random_bytes(rng, 32), nonce = random_bytes(rng, 12), aad = random_bytes(rng, round % 40);
    const Raw plain = random_bytes(rng, rng.next() % 700);
    const auto [sealed, tag] = reference::seal(key, nonce, aad, plain);
    const auto check = [&](const Raw& with_key, const Raw& with_aad, const Raw& text, const Raw& with_tag) {
      ChaChaPolyCheck checked;
      checked.begin(Block<32>(with_key).bytes, Block<12>(nonce).bytes, bytes(with_aad));
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t count = rng.next() % 70;
        checked.update(bytes(text).part(at, count));
        at += count;
      }
      return checked.finish(Block<16>(with_tag).bytes);
    };
    ASSERT_TRUE(check(key, aad, sealed, tag)) << round;
    EXPECT_FALSE(check(with_flipped_bit(key, rng), aad, sealed, tag));
    EXPECT_FALSE(check(key, aad, sealed, with_flipped_bit(tag, rng)));
    EXPECT_FALSE(check(key, aad + Raw{0}, sealed, tag));
    EXPECT_FALSE(check(key, aad, sealed + Raw{0}, tag));
    EXPECT_FALSE(check(key, aad, sealed.empty() ? Raw{1} : with_flipped_bit(sealed, rng), tag));
    // Any part can be decrypted alone.
    const std::size_t begin = rng.next() % (sealed.size() + 1), end = begin + rng.next() % (sealed.size() - begin + 1);
    Raw open = part(sealed, begin, end);
    chacha20_at(Block<32>(key).bytes, Block<12>(nonce).bytes, static_cast<std::uint32_t>(begin), room(open));
    EXPECT_EQ(open, part(plain, begin, end)) << round;
  }
}

// All carries of Poly1305: a key r and blocks of ones.
TEST(CryptoReference, poly1305_reduces_numbers_around_its_prime) {
  for (unsigned low = 0; low < 16; ++low) {
    mote_poly1305 state;
    Raw key(32, 0);
    key[0] = 1;  // r = 1: the blocks are added up
    mote_poly1305_begin(&state, key.data());
    // 2^130 - 5 + low - 1 in pieces that each carry their 2^128.
    Raw block(16, 0xff);
    block[0] = static_cast<std::uint8_t>(0xfa + std::min(low, 5u));
    mote_poly1305_update(&state, block.data(), 16);  // 2^129 - 6 + low
    Raw rest(16, 0);
    rest[0] = static_cast<std::uint8_t>(low > 5 ? low - 5 : 0);
    mote_poly1305_update(&state, rest.data(), 16);  // + 2^128
    mote_poly1305_update(&state, Raw(16, 0).data(), 16);
    Raw tag(16);
    mote_poly1305_end(&state, tag.data());
    // 2^129 - 6 + 2^129 + low = 2^130 - 6 + low: below the prime for low = 0, and then 0, 1, ...
    Raw expected(16, low == 0 ? 0xff : 0);
    if (low == 0) {
      expected[0] = 0xfa;
    } else {
      expected[0] = static_cast<std::uint8_t>(low - 1);
    }
    EXPECT_EQ(tag, expected) << low;
  }
}

TEST(CryptoReference, hashes_codes_and_derived_keys_agree) {
  Rng rng(8);
  for (std::size_t size = 0; size < 200; ++size) {
    const Raw message = random_bytes(rng, size), key = random_bytes(rng, rng.next() % 150);
    Sha256 hash;
    HmacSha256 hmac(bytes(key));
    const std::size_t cut = rng.next() % (size + 1);
    for (const Bytes piece : {bytes(message).part(0, cut), bytes(message).part(cut, size)}) {
      hash.update(piece);
      hmac.update(piece);
    }
    Block<32> digest;
    hash.finish(digest.bytes);
    EXPECT_EQ(digest.raw(), reference::sha256(message)) << size;
    hmac.finish(digest.bytes);
    EXPECT_EQ(digest.raw(), reference::hmac(key, message)) << size;
    Raw derived(size + 1);
    hkdf_sha256(room(derived), bytes(key), bytes(message), bytes(message));
    EXPECT_EQ(derived, reference::hkdf(key, message, message, derived.size())) << size;
  }
}

TEST(CryptoReference, aes_key_unwrap_opens_what_openssl_wraps_and_nothing_that_differs_by_a_bit) {
  Rng rng(9);
  for (unsigned round = 0; round < 120; ++round) {
    const Raw kek = random_bytes(rng, round % 2 == 0 ? 16 : 32), key = random_bytes(rng, 16 + 8 * (round % 3));
    const Raw wrapped = reference::wrap(kek, key);
    Raw out(key.size());
    ASSERT_TRUE(aes_key_unwrap(room(out), bytes(kek), bytes(wrapped)));
    EXPECT_EQ(out, key);
    EXPECT_FALSE(aes_key_unwrap(room(out), bytes(kek), bytes(with_flipped_bit(wrapped, rng))));
    EXPECT_EQ(out, Raw(key.size(), 0));
    EXPECT_FALSE(aes_key_unwrap(room(out), bytes(with_flipped_bit(kek, rng)), bytes(wrapped)));
    EXPECT_FALSE(aes_key_unwrap(room(out), bytes(kek), bytes(wrapped).part(0, wrapped.size() - 8)));
    EXPECT_FALSE(aes_key_unwrap(room(out), bytes(kek).part(0, 15), bytes(wrapped)));
  }
}

}  // namespace
}  // namespace mote::update
