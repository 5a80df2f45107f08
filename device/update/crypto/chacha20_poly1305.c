// ChaCha20 and Poly1305 (RFC 8439), in loops where libraries unroll, and in pieces: BearSSL's interface wants the whole
// message at once.

#include <string.h>

#include "update/crypto/parts.h"
#include "update/crypto/words.h"

static uint32_t rotated(uint32_t word, unsigned left) { return word << left | word >> (32 - left); }

static void double_round(uint32_t* state) {
  for (unsigned i = 0; i < 8; ++i) {  // four columns, then four diagonals
    const unsigned shift = i >> 2;
    uint32_t* const at_a = state + (i & 3);
    uint32_t* const at_b = state + 4 + ((i + shift) & 3);
    uint32_t* const at_c = state + 8 + ((i + 2 * shift) & 3);
    uint32_t* const at_d = state + 12 + ((i + 3 * shift) & 3);
    uint32_t a = *at_a, b = *at_b, c = *at_c, d = *at_d;
    a += b, d = rotated(d ^ a, 16);
    c += d, b = rotated(b ^ c, 12);
    a += b, d = rotated(d ^ a, 8);
    c += d, b = rotated(b ^ c, 7);
    *at_a = a, *at_b = b, *at_c = c, *at_d = d;
  }
}

void mote_chacha20(const uint8_t* key, const uint8_t* nonce, uint32_t position, uint8_t* data, size_t bytes) {
  static const uint32_t kConstants[4] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  uint32_t first[16], state[16];
  memcpy(first, kConstants, sizeof kConstants);
  memcpy(first + 4, key, 32);
  memcpy(first + 13, nonce, 12);
  while (bytes > 0) {
    first[12] = position / sizeof state;
    memcpy(state, first, sizeof state);
    for (unsigned round = 0; round < 20; round += 2) double_round(state);
    for (unsigned i = 0; i < 16; ++i) state[i] += first[i];
    const uint8_t* const stream = (const uint8_t*)state;
    do {
      *data++ ^= stream[position++ % sizeof state];
    } while (--bytes > 0 && position % sizeof state != 0);
  }
}

// Numbers modulo 2^130 - 5: words of 32 bits, least first; what is above 130 bits counts five times at the bottom.

enum { kR = 0, kPad = 4, kH = 8 };

void mote_poly1305_begin(struct mote_poly1305* state, const uint8_t* key) {
  memset(state, 0, sizeof *state);
  memcpy(state->words, key, 32);
  for (unsigned i = 0; i < 4; ++i) state->words[kR + i] &= i == 0 ? 0x0fffffff : 0x0ffffffc;
}

void mote_poly1305_update(struct mote_poly1305* state, const uint8_t* data, size_t bytes) {
  if (bytes == 0) return;
  uint32_t* const h = state->words + kH;
  uint32_t sum[8] = {0, 0, 0, 0, 1}, product[12];
  memcpy(sum, data, bytes);
  mote_add_product(h, sum, 1, 0);
  mote_multiply(product, h, state->words + kR, 4);  // below 2^131 times below 2^124
  for (unsigned i = 0; i < 4; ++i) sum[i] = product[4 + i] >> 2 | product[5 + i] << 30;
  sum[4] = 0;
  memcpy(h, product, 5 * sizeof product[0]);
  h[4] &= 3;
  mote_add_product(h, sum, 5, 0);
}

void mote_poly1305_end(struct mote_poly1305* state, uint8_t* tag) {
  uint32_t* const h = state->words + kH;
  uint32_t sum[8] = {5};
  mote_add_product(sum, h, 1, 0);
  // If h is the prime or above, it is taken away. What is added above 128 bits does not matter.
  mote_add_product(h, state->words + kPad, 1, 5 * (sum[4] >> 2));
  memcpy(tag, h, 16);
}
