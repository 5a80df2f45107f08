#include "inner.h"
#include "update/crypto/parts.h"

_Static_assert(sizeof(br_sha256_context) <= 8 * mote_sha256_words, "the state of SHA-256 has its place in Sha256");

// Not br_sha256_init: its table of functions would bring along what nobody calls.
void mote_sha256_begin(uint64_t* state) {
  br_sha256_context* context = (br_sha256_context*)state;
  context->vtable = 0;
  memcpy(context->val, br_sha256_IV, sizeof context->val);
  context->count = 0;
}

void mote_sha256_update(uint64_t* state, const uint8_t* data, size_t bytes) {
  br_sha256_update((br_sha256_context*)state, data, bytes);
}

void mote_sha256_end(const uint64_t* state, uint8_t* digest) { br_sha256_out((const br_sha256_context*)state, digest); }
