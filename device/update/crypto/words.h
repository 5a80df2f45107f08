#pragma once
// Arithmetic on numbers of 256 bits, eight words of 32, least first: what Curve25519 and Poly1305 share.

#include <stdint.h>

/// sum += a factor + carry, over eight words. @return what is carried beyond them.
uint32_t mote_add_product(uint32_t* sum, const uint32_t* a, uint32_t factor, uint32_t carry);

/// product = a b, where b has `words` words, 2 to 8, an even number, and product eight more.
void mote_multiply(uint32_t* product, const uint32_t* a, const uint32_t* b, unsigned words);
