#pragma once
// For tests: what device/update/crypto/curve25519.c keeps to itself. Numbers have eight words of 32 bits, least first.

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void field_add(uint32_t* d, const uint32_t* a, const uint32_t* b);
void field_subtract(uint32_t* d, const uint32_t* a, const uint32_t* b);
void field_multiply(uint32_t* d, const uint32_t* a, const uint32_t* b);
void field_reduce(uint32_t* a);
void scalar_reduce(uint32_t* d, const uint8_t* bytes);        ///< 64 bytes, modulo the order of Ed25519's base point
uint32_t scalar_minus_order(uint32_t* d, const uint32_t* a);  ///< @return 1 where a is below the order

#ifdef __cplusplus
}
#endif
