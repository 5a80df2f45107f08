#pragma once
// What crypto.cpp is made of, in C. All is written here for size, but for ES256: es256.c alone sees BearSSL.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mote_sha256 {
  uint32_t bytes, block_bytes, block[16], value[8];
};
struct mote_sha512 {
  uint32_t bytes, block_bytes, block[32];
  uint64_t value[8];
};
/// `state` is one of these; 64 bytes of a block make it a mote_sha256, 128 a mote_sha512.
void mote_hash_begin(void* state, unsigned block_bytes);
void mote_hash_update(void* state, const uint8_t* data, size_t bytes);
/// Afterwards the state is fresh again.
void mote_hash_end(void* state, uint8_t* digest);

/// Of `message`, with `rest` behind it.
int mote_verify_ed25519(const uint8_t* key, const uint8_t* signature, const uint8_t* message, size_t message_bytes,
                        const uint8_t* rest, size_t rest_bytes);
int mote_verify_es256(const uint8_t* key, const uint8_t* signature, const uint8_t* digest);
int mote_x25519(uint8_t* shared, const uint8_t* private_key, const uint8_t* public_key);

/// Exclusive-ors `data` with the key stream from its byte `position` on; it has blocks of 64.
void mote_chacha20(const uint8_t* key, const uint8_t* nonce, uint32_t position, uint8_t* data, size_t bytes);

struct mote_poly1305 {
  uint32_t words[16];  // r and pad, four each; h, of whose eight the last three stay zeros
};
/// `key`: 32 bytes, used once.
void mote_poly1305_begin(struct mote_poly1305* state, const uint8_t* key);
/// A block, at most 16 bytes; what it lacks is taken as zeros. No bytes are no block.
void mote_poly1305_update(struct mote_poly1305* state, const uint8_t* data, size_t bytes);
void mote_poly1305_end(struct mote_poly1305* state, uint8_t* tag);

/// RFC 3394: `blocks` blocks of 8 bytes in `key`, one more in `wrapped`. 0 unless the integrity value is right.
int mote_aes_unwrap(uint8_t* key, unsigned blocks, const uint8_t* kek, size_t kek_bytes, const uint8_t* wrapped);

#ifdef __cplusplus
}
#endif
