// ChaCha20 and Poly1305 (RFC 8439), in loops where libraries unroll, and in pieces: BearSSL's interface wants the whole
// message at once.

#include <string.h>

#include "update/crypto/parts.h"
#include "update/crypto/words.h"

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
  memcpy(first, kConstants, sizeof kConstants);
  memcpy(first + 4, key, 32);
  memcpy(first + 13, nonce, 12);
  for (; bytes > 0; ++counter) {
    first[12] = counter;
    memcpy(state, first, sizeof state);
    for (unsigned round = 0; round < 20; round += 2) double_round(state);
    for (unsigned i = 0; i < 16; ++i) state[i] += first[i];
    const uint8_t* const stream = (const uint8_t*)state;
    for (unsigned i = 0; i < sizeof state && bytes > 0; ++i, --bytes) *data++ ^= stream[i];
  }
}

// Numbers modulo 2^130 - 5: words of 32 bits, least first; what is above 130 bits counts five times at the bottom.

void mote_poly1305_begin(struct mote_poly1305* state, const uint8_t* key) {
  memset(state->h, 0, sizeof state->h);
  memcpy(state->r, key, sizeof state->r + sizeof state->pad);
  for (unsigned i = 0; i < 4; ++i) state->r[i] &= i == 0 ? 0x0fffffff : 0x0ffffffc;
}

void mote_poly1305_update(struct mote_poly1305* state, const uint8_t* data, size_t bytes) {
  while (bytes > 0) {
    const size_t count = bytes < 16 ? bytes : 16;
    uint32_t sum[8] = {0, 0, 0, 0, 1}, product[12];
    memcpy(sum, data, count);
    mote_add_product(sum, state->h, 1, 0);
    mote_multiply(product, sum, state->r, 4);  // below 2^131 times below 2^124
    memset(sum, 0, sizeof sum);
    for (unsigned i = 0; i < 4; ++i) sum[i] = product[4 + i] >> 2 | product[5 + i] << 30;
    memcpy(state->h, product, 5 * sizeof product[0]);
    state->h[4] &= 3;
    mote_add_product(state->h, sum, 5, 0);
    data += count;
    bytes -= count;
  }
}

void mote_poly1305_end(struct mote_poly1305* state, uint8_t* tag) {
  uint32_t* const h = state->h;
  uint64_t sum = 5;
  for (unsigned i = 0; i < 4; ++i) sum = (sum + h[i]) >> 32;
  sum = 5 * ((sum + h[4]) >> 2);  // if h is the prime or above, it is taken away
  for (unsigned i = 0; i < 4; ++i) {
    sum += (uint64_t)h[i] + state->pad[i];
    const uint32_t word = (uint32_t)sum;
    memcpy(tag + 4 * i, &word, 4);
    sum >>= 32;
  }
}
