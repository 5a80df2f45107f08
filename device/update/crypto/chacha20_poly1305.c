// ChaCha20, and Poly1305 in pieces: BearSSL's own interface wants the whole message at once.

#include "symcipher/poly1305_ctmul.c"
#include "update/crypto/parts.h"

void mote_chacha20(const uint8_t* key, const uint8_t* nonce, uint32_t counter, uint8_t* data, size_t bytes) {
  br_chacha20_ct_run(key, nonce, counter, data, bytes);
}

void mote_poly1305_begin(struct mote_poly1305* state, const uint8_t* key) {
  state->r[0] = br_dec32le(key) & 0x03ffffff;
  state->r[1] = br_dec32le(key + 3) >> 2 & 0x03ffff03;
  state->r[2] = br_dec32le(key + 6) >> 4 & 0x03ffc0ff;
  state->r[3] = br_dec32le(key + 9) >> 6 & 0x03f03fff;
  state->r[4] = br_dec32le(key + 12) >> 8 & 0x000fffff;
  memset(state->h, 0, sizeof state->h);
  memcpy(state->pad, key + 16, 16);
}

void mote_poly1305_update(struct mote_poly1305* state, const uint8_t* data, size_t bytes) {
  poly1305_inner(state->h, state->r, data, bytes);
}

void mote_poly1305_end(struct mote_poly1305* state, uint8_t* tag) {
  uint32_t* h = state->h;
  uint32_t carry = 0;  // only h[1] may be above 26 bits, a little: once around is enough
  for (unsigned i = 1; i <= 6; ++i) {
    const unsigned j = i >= 5 ? i - 5 : i;
    h[j] += carry;
    carry = h[j] >> 26;
    h[j] &= 0x03ffffff;
  }
  uint32_t less[5];  // h - (2^130 - 5)
  carry = 5;
  for (unsigned i = 0; i < 5; ++i) {
    less[i] = h[i] + carry;
    carry = less[i] >> 26;
    less[i] &= 0x03ffffff;
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
