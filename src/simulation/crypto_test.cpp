// The RFCs' and standards' own examples. crypto_reference_test.cpp has those that OpenSSL makes up.

#include "crypto_reference.hpp"

namespace mote::update {
namespace {

Bytes text(std::string_view t) { return {reinterpret_cast<const std::uint8_t*>(t.data()), t.size()}; }

TEST(Crypto, sha256_of_the_standards_examples) {
  Block<32> digest;
  Sha256 empty;
  empty.finish(digest.bytes);
  EXPECT_EQ(digest.raw(), hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
  Sha256 hash;
  hash.update(text("ab"));
  Sha256 other = hash;  // a copy goes on from there
  hash.update(text("c"));
  hash.finish(digest.bytes);
  EXPECT_EQ(digest.raw(), hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
  other.update(text("c"));
  other.finish(digest.bytes);
  EXPECT_EQ(digest.raw(), hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
}

// RFC 4231, cases 2 and 6.
TEST(Crypto, hmac_of_the_rfc) {
  Block<32> code;
  HmacSha256 hmac(text("Jefe"));
  hmac.update(text("what do ya want for nothing?"));
  hmac.finish(code.bytes);
  EXPECT_EQ(code.raw(), hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
  HmacSha256 long_key(bytes(Raw(131, 0xaa)));
  long_key.update(text("Test Using Larger Than Block-Size Key - Hash Key First"));
  long_key.finish(code.bytes);
  EXPECT_EQ(code.raw(), hex("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
}

// RFC 5869, case 1.
TEST(Crypto, hkdf_of_the_rfc) {
  Raw out(42);
  hkdf_sha256({out.data(), out.size()}, bytes(hex("000102030405060708090a0b0c")), bytes(Raw(22, 0x0b)),
              bytes(hex("f0f1f2f3f4f5f6f7f8f9")));
  EXPECT_EQ(out, hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"));
}

// RFC 8032, 7.1, tests 1 to 3.
TEST(Crypto, ed25519_of_the_rfc) {
  struct Case {
    const char *key, *message, *signature;
  };
  for (const Case& c :
       {Case{
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f059"
            "5bbe24655141438e7a100b"},
        Case{
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4"
            "302aeeb00d291612bb0c00"},
        Case{
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e971"
            "6ed28dc027beceea1ec40a"}}) {
    const Block<32> key(c.key);
    Block<64> signature(c.signature);
    Raw message = hex(c.message);
    EXPECT_TRUE(verify_ed25519(key.bytes, signature.bytes, bytes(message)));
    for (const std::size_t bit : {0u, 255u, 256u, 500u}) {
      signature.bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
      EXPECT_FALSE(verify_ed25519(key.bytes, signature.bytes, bytes(message))) << bit;
      signature.bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    }
    message.push_back(0);
    EXPECT_FALSE(verify_ed25519(key.bytes, signature.bytes, bytes(message)));
  }
}

// RFC 6979, A.2.5, message "sample".
TEST(Crypto, es256_of_the_rfc) {
  Block<64> key(
      "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f51"
      "77"
      "a3c294d4462299");
  Block<64> signature(
      "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff406"
      "4d"
      "c4ab2f843acda8");
  Sha256 hash;
  hash.update(text("sample"));
  Block<32> digest;
  hash.finish(digest.bytes);
  EXPECT_TRUE(verify_es256(key.bytes, signature.bytes, digest.bytes));
  signature.bytes[40] ^= 1;
  EXPECT_FALSE(verify_es256(key.bytes, signature.bytes, digest.bytes));
  signature.bytes[40] ^= 1;
  key.bytes[63] ^= 1;  // not on the curve
  EXPECT_FALSE(verify_es256(key.bytes, signature.bytes, digest.bytes));
}

// RFC 8439, 2.8.2.
TEST(Crypto, chacha20_poly1305_of_the_rfc_in_pieces) {
  const Block<32> key("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const Block<12> nonce("070000004041424344454647");
  const Raw aad = hex("50515253c0c1c2c3c4c5c6c7");
  Block<16> tag("1ae10b594f09e26a7e902ecbd0600691");
  Raw sealed = hex(
      "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b"
      "2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec6"
      "4b6116");
  for (const std::size_t piece : {1u, 7u, 16u, 50u, 200u}) {
    ChaChaPolyCheck check;
    check.begin(key.bytes, nonce.bytes, bytes(aad));
    for (std::size_t at = 0; at < sealed.size(); at += piece) check.update(bytes(sealed).part(at, piece));
    EXPECT_TRUE(check.finish(tag.bytes));
    Raw open = sealed;
    for (std::size_t at = 0; at < open.size(); at += piece) {
      const std::size_t count = std::min(piece, open.size() - at);
      chacha20_at(key.bytes, nonce.bytes, static_cast<std::uint32_t>(at), {open.data() + at, count});
    }
    EXPECT_EQ(std::string(open.begin(), open.end()),
              "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen "
              "would be it.");
  }
  tag.bytes[15] ^= 0x80;
  ChaChaPolyCheck check;
  check.begin(key.bytes, nonce.bytes, bytes(aad));
  check.update(bytes(sealed));
  EXPECT_FALSE(check.finish(tag.bytes));
}

// RFC 7748, 5.2.
TEST(Crypto, x25519_of_the_rfc) {
  Block<32> shared;
  const Block<32> scalar("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
  const Block<32> u("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
  EXPECT_TRUE(x25519(shared.bytes, scalar.bytes, u.bytes));
  EXPECT_EQ(shared.raw(), hex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"));
  for (const std::uint8_t low : Raw{0, 1}) {  // points of small order
    Block<32> point;
    point.bytes[0] = low;
    EXPECT_FALSE(x25519(shared.bytes, scalar.bytes, point.bytes));
    EXPECT_EQ(shared.raw(), Raw(32, 0));
  }
}

// RFC 3394, 4.1 and 4.6.
TEST(Crypto, aes_key_unwrap_of_the_rfc) {
  Raw key(16);
  Raw wrapped = hex("1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5");
  const Raw kek = hex("000102030405060708090a0b0c0d0e0f");
  EXPECT_TRUE(aes_key_unwrap({key.data(), key.size()}, bytes(kek), bytes(wrapped)));
  EXPECT_EQ(key, hex("00112233445566778899aabbccddeeff"));
  wrapped[5] ^= 4;
  EXPECT_FALSE(aes_key_unwrap({key.data(), key.size()}, bytes(kek), bytes(wrapped)));
  EXPECT_EQ(key, Raw(16, 0));
  Raw long_key(32);
  EXPECT_TRUE(
      aes_key_unwrap({long_key.data(), long_key.size()},
                     bytes(hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")),
                     bytes(hex("28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"))));
  EXPECT_EQ(long_key, hex("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f"));
}

TEST(Crypto, equality_and_wiping) {
  std::uint8_t a[4] = {1, 2, 3, 4};
  const std::uint8_t b[4] = {1, 2, 3, 4};
  EXPECT_TRUE(equal_constant_time(a, b));
  EXPECT_FALSE(equal_constant_time(a, Bytes(b).part(0, 3)));
  wipe(a);
  EXPECT_EQ(a[0] | a[1] | a[2] | a[3], 0);
  EXPECT_FALSE(equal_constant_time(a, b));
}

}  // namespace
}  // namespace mote::update
