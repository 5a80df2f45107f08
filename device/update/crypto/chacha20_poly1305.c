// ChaCha20 and Poly1305 (RFC 8439), in loops where libraries unroll, and in pieces: BearSSL's interface wants the whole
// message at once.

#include "inner.h"
#include "update/crypto/parts.h"

static uint32_t rotated(uint32_t word, unsigned left) { return word << left | word >> (32 - left); }

static void double_round(uint32_t* state) {
  for (unsigned i = 0; i < 8; ++i) {  // four columns, then four diagonals
    const unsigned shift = i >> 2;
    uint32_t* const a = state + (i & 3);
    uint32_t* const b = state + 4 + ((i + shift) & 3);
    uint32_t* const c = state + 8 + ((i + 2 * shift) & 3);
    uint32_t* const d = state + 12 + ((i + 3 * shift) & 3);
    *a += *b, *d = rotated(*d ^ *a, 16);
    *c += *d, *b = rotated(*b ^ *c, 12);
    *a += *b, *d = rotated(*d ^ *a, 8);
    *c += *d, *b = rotated(*b ^ *c, 7);
  }
}

void mote_chacha20(const uint8_t* key, const uint8_t* nonce, uint32_t counter, uint8_t* data, size_t bytes) {
  static const uint32_t kConstants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  uint32_t first[16], state[16];
  uint8_t stream[64];
  memcpy(first, kConstants, sizeof kConstants);
  br_range_dec32le(first + 4, 8, key);
  br_range_dec32le(first + 13, 3, nonce);
  for (; bytes > 0; ++counter) {
    first[12] = counter;
    memcpy(state, first, sizeof state);
    for (unsigned round = 0; round < 20; round += 2) double_round(state);
    for (unsigned i = 0; i < 16; ++i) state[i] += first[i];
    br_range_enc32le(stream, state, 16);
    const size_t count = bytes < sizeof stream ? bytes : sizeof stream;
    for (size_t i = 0; i < count; ++i) *data++ ^= stream[i];
    bytes -= count;
  }
}

// Numbers modulo 2^130 - 5: five words of 26 bits.

static const uint32_t kMask = 0x03ffffff;

static void split(uint32_t* words, const uint8_t* bytes, uint32_t above) {
  for (unsigned i = 0; i < 4; ++i) words[i] = br_dec32le(bytes + 3 * i) >> 2 * i & kMask;
  words[4] = br_dec32le(bytes + 12) >> 8 | above;
}

void mote_poly1305_begin(struct mote_poly1305* state, const uint8_t* key) {
  uint8_t clamped[16];
  for (unsigned i = 0; i < sizeof clamped; ++i)
    clamped[i] = key[i] & (i % 4 == 3 ? 0x0f : i % 4 == 0 && i > 0 ? 0xfc : 0xff);
  split(state->r, clamped, 0);
  memset(state->h, 0, sizeof state->h);
  memcpy(state->pad, key + 16, 16);
}

/// Takes what is above 26 bits to the next word, from the last one five times to the first.
static void carry_on(uint32_t* h, uint32_t carry) {
  for (unsigned i = 0; i < 5; ++i) {
    carry += h[i];
    h[i] = carry & kMask;
    carry >>= 26;
  }
  h[0] += 5 * carry;
}

void mote_poly1305_update(struct mote_poly1305* state, const uint8_t* data, size_t bytes) {
  uint32_t* const h = state->h;
  while (bytes > 0) {
    uint8_t block[16] = {0};
    const size_t count = bytes < sizeof block ? bytes : sizeof block;
    memcpy(block, data, count);
    uint32_t sum[5];
    split(sum, block, 1u << 24);
    for (unsigned i = 0; i < 5; ++i) sum[i] += h[i];
    uint64_t carry = 0;
    for (unsigned i = 0; i < 5; ++i) {
      uint64_t around = 0;
      for (unsigned j = 0; j < 5; ++j) {
        if (j <= i) {
          carry += (uint64_t)sum[j] * state->r[i - j];
        } else {
          around += (uint64_t)sum[j] * state->r[5 + i - j];
        }
      }
      carry += 5 * around;
      h[i] = (uint32_t)carry & kMask;
      carry >>= 26;
    }
    carry = h[0] + 5 * carry;
    h[0] = (uint32_t)carry & kMask;
    h[1] += (uint32_t)(carry >> 26);
    data += count;
    bytes -= count;
  }
}

void mote_poly1305_end(struct mote_poly1305* state, uint8_t* tag) {
  uint32_t* const h = state->h;
  carry_on(h, 0);
  carry_on(h, 0);
  uint32_t less[5];  // h - (2^130 - 5), with 2^130 above
  memcpy(less, h, sizeof less);
  uint32_t carry = 5;
  for (unsigned i = 0; i < 5; ++i) {
    carry += less[i];
    less[i] = carry & kMask;
    carry >>= 26;
  }
  for (unsigned i = 0; i < 5; ++i) h[i] = MUX(carry, less[i], h[i]);
  const uint32_t words[4] = {h[0] | h[1] << 26, h[1] >> 6 | h[2] << 20, h[2] >> 12 | h[3] << 14,
                             h[3] >> 18 | h[4] << 8};
  uint64_t sum = 0;
  for (unsigned i = 0; i < 4; ++i) {
    sum += (uint64_t)words[i] + br_dec32le(state->pad + 4 * i);
    br_enc32le(tag + 4 * i, (uint32_t)sum);
    sum >>= 32;
  }
}
