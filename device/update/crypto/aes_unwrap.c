// AES key unwrap (RFC 3394), with an AES made small: nothing is looked up in tables, the S-box is computed for the four
// bytes of a column at once. A quarter of the size of BearSSL's bit-sliced one, and about ten times its instructions,
// which a device spends once for each encrypted parcel.

#include <string.h>

#include "update/crypto/parts.h"

// Four elements of GF(2^8) side by side.

static const uint32_t kOnes = 0x01010101;

static uint32_t doubled(uint32_t a) { return (a & 0x7f * kOnes) << 1 ^ (a >> 7 & kOnes) * 0x1b; }

static uint32_t product(uint32_t a, uint32_t b) {
  uint32_t sum = 0;
  for (unsigned bit = 0; bit < 8; ++bit) {
    sum ^= a & (b >> bit & kOnes) * 0xff;
    a = doubled(a);
  }
  return sum;
}

/// a^254: the inverse, and 0 for 0.
static uint32_t inverse(uint32_t a) {
  uint32_t power = a;  // a^(2^n - 1)
  for (unsigned n = 1; n < 7; ++n) power = product(product(power, power), a);
  return product(power, power);
}

/// The sum of `a` rotated left, in each byte, by the numbers of the bits of `by`.
static uint32_t rotations(uint32_t a, unsigned by) {
  uint32_t sum = 0;
  for (; by != 0; by >>= 1) {
    if (by & 1) sum ^= a;
    a = (a & 0x7f * kOnes) << 1 | (a >> 7 & kOnes);
  }
  return sum;
}

static uint32_t substituted(uint32_t a) { return rotations(inverse(a), 0x1f) ^ 0x63 * kOnes; }
static uint32_t substituted_back(uint32_t a) { return inverse(rotations(a, 0x4a) ^ 0x05 * kOnes); }

static uint32_t rolled(uint32_t column, unsigned bytes) { return column >> 8 * bytes | column << (32 - 8 * bytes); }

static uint32_t mixed_back(uint32_t a) {
  a ^= doubled(doubled(a ^ rolled(a, 2)));
  return doubled(a ^ rolled(a, 1)) ^ rolled(a, 1) ^ rolled(a, 2) ^ rolled(a, 3);
}

/// FIPS 197, 5.2. @return rounds.
static unsigned expand_key(uint32_t* schedule, const uint8_t* key, unsigned key_words) {
  const unsigned rounds = key_words + 6;
  memcpy(schedule, key, 4 * key_words);
  uint32_t constant = 1;
  for (unsigned i = 0; i < 4 * rounds + 4 - key_words; ++i) {
    uint32_t word = schedule[i + key_words - 1];
    const unsigned place = i % key_words;
    if (place % 4 == 0 && (place == 0 || key_words == 8)) {
      word = substituted(word);
      if (place == 0) {
        word = rolled(word, 1) ^ constant;
        constant = doubled(constant);
      }
    }
    schedule[i + key_words] = schedule[i] ^ word;
  }
  return rounds;
}

/// FIPS 197, 5.3.
static void decrypt_block(const uint32_t* schedule, unsigned rounds, uint32_t* columns) {
  uint32_t shifted[4];
  for (unsigned c = 0; c < 4; ++c) columns[c] ^= schedule[4 * rounds + c];
  while (rounds-- > 0) {
    // Byte r of a column, number 4c + r, comes from the column r before.
    for (unsigned i = 0; i < 16; ++i) ((uint8_t*)shifted)[i] = ((const uint8_t*)columns)[13 * i & 15];
    for (unsigned c = 0; c < 4; ++c) {
      columns[c] = substituted_back(shifted[c]) ^ schedule[4 * rounds + c];
      if (rounds != 0) columns[c] = mixed_back(columns[c]);
    }
  }
}

int mote_aes_unwrap(uint8_t* key, unsigned blocks, const uint8_t* kek, size_t kek_bytes, const uint8_t* wrapped) {
  uint32_t schedule[60];
  const unsigned rounds = expand_key(schedule, kek, (unsigned)kek_bytes / 4);
  uint32_t block[4];
  memcpy(block, wrapped, 8);
  memcpy(key, wrapped + 8, 8 * blocks);
  for (unsigned step = 6 * blocks; step > 0; --step) {
    uint8_t* part = key + 8 * ((step - 1) % blocks);
    block[1] ^= step << 24;  // at most 6 * 4 steps
    memcpy(block + 2, part, 8);
    decrypt_block(schedule, rounds, block);
    memcpy(part, block + 2, 8);
  }
  return ((block[0] ^ 0xa6 * kOnes) | (block[1] ^ 0xa6 * kOnes)) == 0;
}
