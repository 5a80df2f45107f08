// AES key unwrap over BearSSL's bit-sliced AES, which looks nothing up in tables.

#include "inner.h"
#include "update/crypto/parts.h"

static void decrypt_block(const uint32_t* schedule, unsigned rounds, uint8_t* block) {
  uint32_t q[8] = {0};  // two blocks side by side; the other one stays unused
  for (unsigned i = 0; i < 4; ++i) q[2 * i] = br_dec32le(block + 4 * i);
  br_aes_ct_ortho(q);
  br_aes_ct_bitslice_decrypt(rounds, schedule, q);
  br_aes_ct_ortho(q);
  for (unsigned i = 0; i < 4; ++i) br_enc32le(block + 4 * i, q[2 * i]);
}

int mote_aes_unwrap(uint8_t* key, unsigned blocks, const uint8_t* kek, size_t kek_bytes, const uint8_t* wrapped) {
  uint32_t compressed[60], schedule[120];
  const unsigned rounds = br_aes_ct_keysched(compressed, kek, kek_bytes);
  br_aes_ct_skey_expand(schedule, rounds, compressed);
  uint8_t block[16];
  memcpy(block, wrapped, 8);
  memcpy(key, wrapped + 8, 8 * blocks);
  for (unsigned step = 6 * blocks; step > 0; --step) {
    uint8_t* part = key + 8 * ((step - 1) % blocks);
    block[7] ^= (uint8_t)step;  // at most 6 * 4 steps
    memcpy(block + 8, part, 8);
    decrypt_block(schedule, rounds, block);
    memcpy(part, block + 8, 8);
  }
  unsigned wrong = 0;
  for (unsigned i = 0; i < 8; ++i) wrong |= block[i] ^ 0xa6u;
  return wrong == 0;
}
