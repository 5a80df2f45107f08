/* Kernels for 8-bit AVR, in C for gcc 5 and newer: constants lie in flash, which is another address space there (__flash), and
   numbers are as small as they may be. The portable kernels of device/kernels are their specification, byte for byte. */
#ifndef MOTE_AVR_KERNELS_H
#define MOTE_AVR_KERNELS_H

#include <stdint.h>

/* ---- fixed point: kernels/requantize.hpp ---- */

/* round(a * b / 2^31), ties toward plus infinity; not for both INT32_MIN. */
static int32_t mote_high_mul(int32_t a, int32_t b) {
  union {
    int64_t whole;
    struct {
      uint32_t low, high;
    } half;
  } product;
  product.whole = (int64_t)a * b;
  /* 2^30 added; of the sum bits 31 to 62. */
  const uint32_t low = product.half.low + 0x40000000u;
  const uint32_t high = product.half.high + (product.half.low >= 0xc0000000u);
  return (int32_t)(high << 1 | (uint8_t)(low >> 24) >> 7);
}

/* x / 2^exponent to the nearest, ties away from zero. */
static __attribute__((noinline)) int32_t mote_rounding_shift(int32_t x, uint8_t exponent) {
  if (exponent == 0) return x;
  uint32_t v = x < 0 ? 0 - (uint32_t)x : (uint32_t)x;
  for (--exponent; exponent >= 8; exponent -= 8) v >>= 8; /* moves of bytes */
  for (; exponent > 0; --exponent) v >>= 1;
  v = (v >> 1) + (v & 1);
  return x < 0 ? (int32_t)(0 - v) : (int32_t)v;
}

static __attribute__((noinline)) int32_t mote_scaled(int32_t x, int32_t multiplier, int8_t shift) {
  if (shift > 0) x = (int32_t)((uint32_t)x << shift);
  return mote_rounding_shift(mote_high_mul(x, multiplier), shift > 0 ? 0 : (uint8_t)-shift);
}

static int8_t mote_clamped(int32_t v, int8_t low, int8_t high) { return v < low ? low : v > high ? high : (int8_t)v; }

/* ---- dense ----
   Weights and inputs are taken as unsigned, 128 more than they are, which makes the products unsigned and the sums of 24 bits:
   ld, lpm and mul take 7 cycles, adding up takes 3, and four outputs share each input. What the 128 add is taken off by a bias that the
   compiler computed and by 128 times the sum of the inputs. */

struct mote_dense {
  uint16_t inputs, outputs;
  int16_t output_zero;
  int8_t clamp_low, clamp_high;
};

/* Four sums of at most 256 products: 256 * 255 * 255 < 2^24. Weights: of four outputs for each input. */
static __attribute__((noinline)) const __flash uint8_t* mote_dense_block(const int8_t* x, const __flash uint8_t* w, uint16_t count,
                                                                         uint32_t sums[4]) {
  uint32_t s0, s1, s2, s3;
  __asm__ volatile(
      "clr %A[s0]\n clr %B[s0]\n clr %C[s0]\n clr %D[s0]\n"
      "clr %A[s1]\n clr %B[s1]\n clr %C[s1]\n clr %D[s1]\n"
      "movw %A[s2], %A[s0]\n movw %C[s2], %C[s0]\n"
      "movw %A[s3], %A[s0]\n movw %C[s3], %C[s0]\n"
      "1:\n"
      "ld r24, %a[x]+\n"
      "subi r24, 0x80\n"
      "lpm r25, %a[w]+\n mul r24, r25\n add %A[s0], r0\n adc %B[s0], r1\n adc %C[s0], %D[s0]\n"
      "lpm r25, %a[w]+\n mul r24, r25\n add %A[s1], r0\n adc %B[s1], r1\n adc %C[s1], %D[s1]\n"
      "lpm r25, %a[w]+\n mul r24, r25\n add %A[s2], r0\n adc %B[s2], r1\n adc %C[s2], %D[s2]\n"
      "lpm r25, %a[w]+\n mul r24, r25\n add %A[s3], r0\n adc %B[s3], r1\n adc %C[s3], %D[s3]\n"
      "subi %A[n], 1\n sbci %B[n], 0\n"
      "brne 1b\n"
      "clr __zero_reg__\n"
      : [s0] "=&r"(s0), [s1] "=&r"(s1), [s2] "=&r"(s2), [s3] "=&r"(s3), [x] "+x"(x), [w] "+z"(w), [n] "+d"(count)
      :
      : "r24", "r25", "r0", "memory");
  sums[0] += s0;
  sums[1] += s1;
  sums[2] += s2;
  sums[3] += s3;
  return w;
}

/* weights: for each four outputs, for each input, their four weights plus 128 (missing outputs: any).  biases: with what the zero
   points and the 128 add taken off, modulo 2^32. */
static void mote_dense(const __flash struct mote_dense* g, const int8_t* x, const __flash uint8_t* weights, const __flash int32_t* biases,
                       const __flash int32_t* multipliers, const __flash int8_t* shifts, int8_t* y) {
  uint32_t inputs = 0;
  for (uint16_t i = 0; i < g->inputs; ++i) inputs += (uint8_t)(x[i] ^ 0x80);
  for (uint16_t first = 0; first < g->outputs; first += 4) {
    uint32_t sums[4] = {0, 0, 0, 0};
    for (uint16_t from = 0; from < g->inputs; from += 256) {
      const uint16_t left = g->inputs - from;
      weights = mote_dense_block(x + from, weights, left < 256 ? left : 256, sums);
    }
    const uint8_t count = g->outputs - first < 4 ? (uint8_t)(g->outputs - first) : 4;
    for (uint8_t k = 0; k < count; ++k) {
      const uint16_t c = first + k;
      const int32_t sum = (int32_t)(sums[k] - (inputs << 7) + (uint32_t)biases[c]);
      y[c] = mote_clamped(mote_scaled(sum, multipliers[c], shifts[c]) + g->output_zero, g->clamp_low, g->clamp_high);
    }
  }
}

/* ---- of one element each ---- */

static void mote_lookup(const __flash int8_t* table, const int8_t* x, int8_t* y, uint16_t count) {
  for (; count > 0; --count) *y++ = table[(uint8_t)*x++];
}

/* ---- softmax: kernels/softmax.hpp ---- */

struct mote_softmax {
  uint16_t rows, depth;
  int32_t multiplier, diff_min;
  int8_t shift;
};

static int32_t mote_saturating_left_shift(int32_t x, uint8_t exponent) {
  const int32_t most = INT32_MAX >> exponent;
  return x > most ? INT32_MAX : x < -most - 1 ? INT32_MIN : (int32_t)((uint32_t)x << exponent);
}

static __attribute__((noinline)) int32_t mote_exp_on_negative(int32_t a) {
  static const __flash int32_t kFactors[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  const int32_t quarter = (int32_t)1 << 24;
  const int32_t a_mod_quarter = (a & (quarter - 1)) - quarter;
  const int32_t x = (int32_t)((uint32_t)a_mod_quarter << 5) + ((int32_t)1 << 28);
  const int32_t x2 = mote_high_mul(x, x);
  const int32_t x3 = mote_high_mul(x2, x);
  const int32_t x4 = mote_high_mul(x2, x2);
  const int32_t series = mote_rounding_shift(mote_high_mul(mote_rounding_shift(x4, 2) + x3, 715827883) + x2, 1);
  int32_t result = 1895147668 + mote_high_mul(1895147668, x + series);
  const int32_t remainder = a_mod_quarter - a;
  for (uint8_t i = 0; i < 7; ++i) {
    if ((remainder >> (24 + i)) & 1) result = mote_high_mul(result, kFactors[i]);
  }
  return a == 0 ? INT32_MAX : result;
}

static int32_t mote_one_over_one_plus(int32_t a) {
  const int32_t half = (int32_t)(((uint32_t)a + (uint32_t)INT32_MAX + 1u) >> 1); /* a >= 0 */
  int32_t x = 1515870810 + mote_high_mul(half, -1010580540);
  for (uint8_t i = 0; i < 3; ++i) {
    const int32_t error = ((int32_t)1 << 29) - mote_high_mul(half, x);
    x += mote_saturating_left_shift(mote_high_mul(x, error), 2);
  }
  return mote_saturating_left_shift(x, 1);
}

static void mote_softmax(const __flash struct mote_softmax* g, const int8_t* x, int8_t* y) {
  for (uint16_t row = 0; row < g->rows; ++row, x += g->depth, y += g->depth) {
    int8_t highest = -128;
    for (uint16_t c = 0; c < g->depth; ++c) highest = x[c] > highest ? x[c] : highest;
    int32_t sum = 0;
    for (uint16_t c = 0; c < g->depth; ++c) {
      const int32_t difference = (int16_t)x[c] - highest;
      if (difference < g->diff_min) continue;
      sum += mote_rounding_shift(mote_exp_on_negative(mote_scaled(difference, g->multiplier, g->shift)), 12);
    }
    uint8_t headroom = 0;
    while (headroom < 32 && ((uint32_t)sum & ((uint32_t)1 << (31 - headroom))) == 0) ++headroom;
    const int32_t scale = mote_one_over_one_plus((int32_t)(((uint32_t)sum << headroom) - 0x80000000u));
    const uint8_t exponent = (uint8_t)(12 - headroom + 31 - 8);
    for (uint16_t c = 0; c < g->depth; ++c) {
      const int32_t difference = (int16_t)x[c] - highest;
      if (difference < g->diff_min) {
        y[c] = -128;
        continue;
      }
      const int32_t product = mote_high_mul(scale, mote_exp_on_negative(mote_scaled(difference, g->multiplier, g->shift)));
      const int32_t probability = exponent > 31 ? 0 : mote_rounding_shift(product, exponent);
      y[c] = mote_clamped(probability - 128, -128, 127);
    }
  }
}

/* ---- where the largest (sign 1) or smallest (-1) stands: kernels/reduce.hpp ---- */

static void mote_arg_int8(uint16_t rows, uint16_t count, int8_t sign, const int8_t* x, int32_t* y) {
  for (; rows > 0; --rows, x += count, ++y) {
    uint16_t best = 0;
    for (uint16_t i = 1; i < count; ++i) {
      if (sign > 0 ? x[i] > x[best] : x[i] < x[best]) best = i;
    }
    *y = best;
  }
}

static void mote_arg_float(uint16_t rows, uint16_t count, int8_t sign, const float* x, int32_t* y) {
  for (; rows > 0; --rows, x += count, ++y) {
    uint16_t best = 0;
    for (uint16_t i = 1; i < count; ++i) {
      if (sign > 0 ? x[i] > x[best] : x[i] < x[best]) best = i;
    }
    *y = best;
  }
}

/* ---- trees: kernels/trees.hpp, words of 16 bits ---- */

struct mote_trees {
  uint16_t trees, targets, window, slots;
  uint8_t aggregate; /* 0 sum, 1 average, 2 smallest, 3 largest */
};

static uint32_t mote_bits(float v) {
  uint32_t bits;
  __builtin_memcpy(&bits, &v, 4);
  return bits;
}
static float mote_float(uint32_t bits) {
  float v;
  __builtin_memcpy(&v, &bits, 4);
  return v;
}
static int32_t mote_float_order(uint32_t bits) {
  const int32_t magnitude = (int32_t)(bits & 0x7fffffffu);
  return (bits >> 31) != 0 ? -magnitude : magnitude;
}

static void mote_trees(const __flash struct mote_trees* g, const __flash uint32_t* slots, const __flash int32_t* thresholds,
                       const __flash uint16_t* nodes, const __flash uint32_t* roots, const __flash uint16_t* firsts,
                       const __flash uint32_t* leaves, const __flash uint32_t* bases, const float* x, float* y, uint8_t* ranks) {
  for (uint16_t s = 0; s < g->slots; ++s) {
    const uint32_t what = slots[2 * s];
    const uint16_t all = (uint16_t)slots[2 * s + 1];
    const uint32_t bits = mote_bits(x[what >> 1]);
    uint16_t rank = 0;
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
      rank = (what & 1) != 0 ? all : 0;
    } else {
      const int32_t order = mote_float_order(bits);
      for (uint16_t count = all; count > 0;) {
        const uint16_t half = count >> 1;
        if (thresholds[rank + half] < order) {
          rank += half + 1;
          count -= half + 1;
        } else {
          count = half;
        }
      }
    }
    ranks[s] = (uint8_t)rank;
    thresholds += all;
  }
  const uint32_t first = g->aggregate == 2 ? 0x7f800000u : g->aggregate == 3 ? 0xff800000u : 0u;
  for (uint16_t i = 0; i < g->targets; ++i) y[i] = mote_float(first);
  for (uint16_t tree = 0; tree < g->trees; ++tree) {
    const __flash uint16_t* node = nodes + (uint16_t)roots[tree];
    int16_t word = (int16_t)node[0];
    while (word >= 0) {
      node += ranks[(uint8_t)(word >> 8)] <= (uint8_t)word ? 2 : node[1];
      word = (int16_t)node[0];
    }
    const __flash uint32_t* leaf = leaves + (uint16_t)(word & 0x7fff) * g->window;
    float* const to = firsts == 0 ? y : y + firsts[tree];
    for (uint16_t i = 0; i < g->window; ++i) {
      const float v = mote_float(leaf[i]);
      if (g->aggregate == 2)
        to[i] = v < to[i] ? v : to[i];
      else if (g->aggregate == 3)
        to[i] = v > to[i] ? v : to[i];
      else
        to[i] += v;
    }
  }
  for (uint16_t i = 0; i < g->targets; ++i) {
    if (g->aggregate == 1) y[i] /= (float)g->trees;
    if (first != 0 && mote_bits(y[i]) == first) y[i] = 0.0f; /* no leaf gave any */
    if (bases != 0) y[i] += mote_float(bases[i]);
  }
}

#endif
