#include "update/crypto/words.h"

#include <string.h>

/// a b + sum + *carry, which fits into two words: the lower one; the upper one becomes the carry.
static inline uint32_t step(uint32_t a, uint32_t b, uint32_t sum, uint32_t* carry) {
#if defined(__ARM_FEATURE_DSP)
  // gcc makes four instructions of it; this is the one made for it, in the same time whatever the numbers.
  __asm__("umaal %0, %1, %2, %3" : "+r"(sum), "+r"(*carry) : "r"(a), "r"(b));
  return sum;
#else
  const uint64_t w = (uint64_t)a * b + sum + *carry;
  *carry = (uint32_t)(w >> 32);
  return (uint32_t)w;
#endif
}

uint32_t mote_add_product(uint32_t* sum, const uint32_t* a, uint32_t factor, uint32_t carry) {
  for (unsigned i = 0; i < 8; ++i) sum[i] = step(a[i], factor, sum[i], &carry);
  return carry;
}

void mote_multiply(uint32_t* product, const uint32_t* a, const uint32_t* b, unsigned words) {
  memset(product, 0, 8 * sizeof *product);
  // Two words of b at a time: each word of a is read once for both, and each of the sum, too.
  for (unsigned k = 0; k < words; k += 2, product += 2) {
    uint32_t carry = 0, next_carry = 0, before = 0;
    for (unsigned i = 0; i < 8; ++i) {
      const uint32_t sum = step(a[i], b[k], product[i], &carry);
      product[i] = step(before, b[k + 1], sum, &next_carry);
      before = a[i];
    }
    product[8] = step(before, b[k + 1], carry, &next_carry);
    product[9] = next_carry;
  }
}
