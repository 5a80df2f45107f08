#include "curve25519_field.h"

// Its functions are static: this is a second copy of them, whose own interface has other names.
#define mote_x25519 field_test_x25519
#define mote_verify_ed25519 field_test_verify_ed25519
#include "update/crypto/curve25519.c"

void field_add(uint32_t* d, const uint32_t* a, const uint32_t* b) { add_or_subtract(d, a, b, 0); }
void field_subtract(uint32_t* d, const uint32_t* a, const uint32_t* b) { add_or_subtract(d, a, b, 1); }
void field_multiply(uint32_t* d, const uint32_t* a, const uint32_t* b) { multiply(d, a, b); }
void field_reduce(uint32_t* a) { reduce(a); }
void scalar_reduce(uint32_t* d, const uint8_t* bytes) { reduce_scalar(d, bytes); }
uint32_t scalar_minus_order(uint32_t* d, const uint32_t* a) { return minus_order(d, a); }
