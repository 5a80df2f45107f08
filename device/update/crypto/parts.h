#pragma once
// What crypto.cpp takes from the embedded library, in C: these files alone see BearSSL. Some of them include one of its
// source files, because what they build upon (the field of Curve25519, the blocks of Poly1305) is private there.

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { mote_sha256_words = 14 };  // of 64 bits: BearSSL's context on every machine
void mote_sha256_begin(uint64_t* state);
void mote_sha256_update(uint64_t* state, const uint8_t* data, size_t bytes);
void mote_sha256_end(const uint64_t* state, uint8_t* digest);

/// Of `message`, with `rest` behind it.
int mote_verify_ed25519(const uint8_t* key, const uint8_t* signature, const uint8_t* message, size_t message_bytes,
                        const uint8_t* rest, size_t rest_bytes);
int mote_verify_es256(const uint8_t* key, const uint8_t* signature, const uint8_t* digest);
int mote_x25519(uint8_t* shared, const uint8_t* private_key, const uint8_t* public_key);

/// Exclusive-ors `data` with the key stream from block `counter` on.
void mote_chacha20(const uint8_t* key, const uint8_t* nonce, uint32_t counter, uint8_t* data, size_t bytes);

struct mote_poly1305 {
  uint32_t r[5], h[5];
  uint8_t pad[16];
};
/// `key`: 32 bytes, used once.
void mote_poly1305_begin(struct mote_poly1305* state, const uint8_t* key);
/// Whole blocks of 16 bytes; the rest of the last one is taken as zeros.
void mote_poly1305_update(struct mote_poly1305* state, const uint8_t* data, size_t bytes);
void mote_poly1305_end(struct mote_poly1305* state, uint8_t* tag);

/// RFC 3394: `blocks` blocks of 8 bytes in `key`, one more in `wrapped`. 0 unless the integrity value is right.
int mote_aes_unwrap(uint8_t* key, unsigned blocks, const uint8_t* kek, size_t kek_bytes, const uint8_t* wrapped);

#ifdef __cplusplus
}
#endif
