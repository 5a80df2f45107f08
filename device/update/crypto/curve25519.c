// X25519 (RFC 7748) and the check of Ed25519 signatures (RFC 8032), made small: loops over words instead of unrolled
// sums, one formula for adding and doubling points, and lists of field operations instead of calls. What is secret,
// X25519's scalar, decides over no branch and no address.

#include <string.h>

#include "update/crypto/parts.h"
#include "update/crypto/words.h"

/// A number modulo p = 2^255 - 19: any of its representatives below 2^256. Sums, differences and products leave behind
/// ones below 2^255 + 2^231, whatever they were made of. Words, least first, are the bytes as the curves encode them.
typedef uint32_t Field[8];
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers lie in memory as they are encoded");

static const Field kConstants[] = {
    {0x135978a3, 0x75eb4dca, 0x4141d8ab, 0x00700a4d, 0x7779e898, 0x8cc74079, 0x2b6ffe73,
     0x52036cee},  // d = -121665/121666
    {0x4a0ea0b0, 0xc4ee1b27, 0xad2fe478, 0x2f431806, 0x3dfbd7a7, 0x2b4d0099, 0x4fc1df0b, 0x2b832480}};  // a root of -1
static const Field kLadderConstants[] = {{121665}};                                                     // a24

/// a += n, of which nothing is carried beyond 256 bits.
static void add_small(uint32_t* a, int64_t n) {
  for (unsigned i = 0; i < 8; ++i) {
    n += a[i];
    a[i] = (uint32_t)n;
    n >>= 32;
  }
}

/// The least representative, of one below 2p = 2^256 - 38: only there 19 can be added, and p taken away once is enough.
static void reduce(uint32_t* a) {
  add_small(a, 19);  // reaches 2^255 exactly if a >= p
  const uint32_t above = a[7] >> 31;
  a[7] &= 0x7fffffff;
  add_small(a, (int64_t)(19 * above) - 19);
}

/// Afterwards `a` is reduced.
static int is_zero(uint32_t* a) {
  reduce(a);
  uint32_t any = 0;
  for (unsigned i = 0; i < 8; ++i) any |= a[i];
  return any == 0;
}

// Sums and products are reduced while they are formed. Their highest words say how often 2^255 will be in them, but for
// a carry, which may come and is left there; so often 2^255 is taken away there, and 19 added at the other end. Bounds,
// for any operands of 256 bits (src/simulation/curve25519_field_test.cpp holds them against integers):
// - Sum and difference: both low parts are below 2^224, what is added to them is -56 to 57, and 1 to 2^31 stays of
//   `top`: what is left is from 2^224 - 56 on and below 2^255 + 2^225 + 57. Where `top` is 0, `times` is -1 and p is
//   added. A word's carry is -1 to 2.
// - Product: `times` is at most 78; below 2^31 stays of the sum of the highest words, and the low parts are below 2^224
//   and 38 2^224: what is left is below 2^255 + 2^230. What is carried out of the highest word is part of what is taken
//   away. A step of it is at most (2^32 - 1)^2 + 2 (2^32 - 1) = 2^64 - 1.

/// d = a + b, or a - b = a + 2p - b: 2p - b is the complement of b, less 37.
static void add_or_subtract(uint32_t* d, const uint32_t* a, const uint32_t* b, uint32_t is_minus) {
  const uint32_t flipped = 0 - is_minus;
  const int64_t top = (int64_t)a[7] + (b[7] ^ flipped);
  const int32_t times = (int32_t)((top - 1) >> 31);  // less 1: what is borrowed for the 37 has to be there, too
  int64_t carry = 19 * times - 37 * (int32_t)is_minus;
  for (unsigned i = 0; i < 7; ++i) {
    carry += (int64_t)a[i] + (b[i] ^ flipped);
    d[i] = (uint32_t)carry;
    carry >>= 32;
  }
  d[7] = (uint32_t)(top + carry) - ((uint32_t)times << 31);
}

static void multiply(uint32_t* d, const uint32_t* a, const uint32_t* b) {
  uint32_t product[16];
  mote_multiply(product, a, b, 8);
  const uint32_t times = (uint32_t)((product[7] + (uint64_t)38 * product[15]) >> 31);
  mote_add_product(product, product + 8, 38, 19 * times);  // 2^256 is 38
  memcpy(d, product, sizeof(Field));
  d[7] -= times << 31;
}

/// d = z^n, where n has 250 bits that are ones, and then those of `tail`, from its lowest to the one before its
/// highest. d, z and t are three fields; t is overwritten.
static void power(uint32_t* d, const uint32_t* z, uint32_t* t, unsigned tail) {
  memcpy(d, z, sizeof(Field));  // z^(2^1 - 1)
  for (unsigned shift = 7; shift-- > 0;) {
    // From z^(2^k - 1) to k twice as large, and one more.
    memcpy(t, d, sizeof(Field));
    for (unsigned k = 250 >> (shift + 1); k > 0; --k) multiply(t, t, t);
    multiply(d, d, t);
    if ((250 >> shift & 1) != 0) {
      multiply(d, d, d);
      multiply(d, d, z);
    }
  }
  for (; tail > 1; tail >>= 1) {
    multiply(d, d, d);
    if ((tail & 1) != 0) multiply(d, d, z);
  }
}

// Lists of operations on the fields of an array: what is done, result, operands. Operands from kOther on are those of
// another array.

enum { kOther = 8 };
#define TIMES(d, a, b) (0x1000 | (d) << 8 | (a) << 4 | (b))
#define PLUS(d, a, b) (0x2000 | (d) << 8 | (a) << 4 | (b))
#define MINUS(d, a, b) (0x3000 | (d) << 8 | (a) << 4 | (b))
#define END 0

// Fields of points and of what works on them. Points have extended coordinates: x = X/Z, y = Y/Z, xy = T/Z. One that is
// to be added has Y - X, Y + X, 2Z, 2dT instead. Formulas: Hisil, Wong, Carter, Dawson 2008, sections 3.1 and 3.3.
enum { kX, kY, kZ, kT, kE, kF, kG, kH, kFields };
enum { kMinus = kOther, kPlus, kTwoZ, kTwoDT };  // of the one to be added
enum { kD = kOther, kRoot };                     // of kConstants
typedef Field Point[4];

// Fields of X25519's ladder, with RFC 7748's names.
enum { kX1, kX2, kZ2, kX3, kZ3, kSum, kDifference, kEl };
enum { kA24 = kOther };  // of kLadderConstants

/// All lists, one after the other: each is named by where it begins.
static const struct {
  uint16_t twice[15], add[15], prepare[7], begin_root[6], try_root[6], try_other_root[2], negate_x[3];
} kLists = {
    .twice = {PLUS(kT, kX, kY), TIMES(kT, kT, kT), TIMES(kF, kX, kX), TIMES(kG, kY, kY), PLUS(kH, kF, kG),
              MINUS(kE, kH, kT), MINUS(kG, kF, kG), TIMES(kF, kZ, kZ), PLUS(kF, kF, kF), PLUS(kF, kF, kG),
              TIMES(kX, kE, kF), TIMES(kY, kG, kH), TIMES(kT, kE, kH), TIMES(kZ, kF, kG), END},
    // Complete: whatever the points are.
    .add = {MINUS(kE, kY, kX), TIMES(kE, kE, kMinus), PLUS(kH, kY, kX), TIMES(kH, kH, kPlus), TIMES(kT, kT, kTwoDT),
            TIMES(kG, kZ, kTwoZ), MINUS(kF, kG, kT), PLUS(kG, kG, kT), MINUS(kT, kH, kE), PLUS(kH, kH, kE),
            TIMES(kX, kT, kF), TIMES(kY, kG, kH), TIMES(kT, kT, kH), TIMES(kZ, kF, kG), END},
    // From X, Y and Z: kE to kH are the point as one to be added.
    .prepare = {MINUS(kE, kY, kX), PLUS(kF, kY, kX), PLUS(kG, kZ, kZ), TIMES(kH, kX, kY), PLUS(kH, kH, kH),
                TIMES(kH, kH, kD), END},
    // From y and z = 1: x^2 = u / v; t = u v.
    .begin_root = {TIMES(kE, kY, kY), TIMES(kF, kE, kD), MINUS(kE, kE, kZ), PLUS(kF, kF, kZ), TIMES(kT, kE, kF), END},
    // x = u (u v)^((p - 5) / 8), of which v x^2 is u or -u if there is a root.
    .try_root = {TIMES(kX, kX, kE), TIMES(kT, kX, kX), TIMES(kT, kT, kF), MINUS(kG, kT, kE), PLUS(kT, kT, kE), END},
    .try_other_root = {TIMES(kX, kX, kRoot), END},
    .negate_x = {PLUS(kT, kX, kX), MINUS(kX, kX, kT), END},
};
static const uint16_t kLadderStep[] = {PLUS(kSum, kX3, kZ3),
                                       MINUS(kDifference, kX3, kZ3),
                                       PLUS(kX3, kX2, kZ2),
                                       MINUS(kZ3, kX2, kZ2),
                                       TIMES(kDifference, kDifference, kX3),
                                       TIMES(kSum, kSum, kZ3),
                                       TIMES(kX3, kX3, kX3),
                                       TIMES(kZ3, kZ3, kZ3),
                                       TIMES(kX2, kX3, kZ3),
                                       MINUS(kEl, kX3, kZ3),
                                       TIMES(kZ2, kEl, kA24),
                                       PLUS(kZ2, kZ2, kX3),
                                       TIMES(kZ2, kZ2, kEl),
                                       PLUS(kX3, kDifference, kSum),
                                       TIMES(kX3, kX3, kX3),
                                       MINUS(kZ3, kDifference, kSum),
                                       TIMES(kZ3, kZ3, kZ3),
                                       TIMES(kZ3, kZ3, kX1),
                                       END};

static const uint32_t* operand(const Field* fields, const Field* others, unsigned number) {
  return ((number & kOther) == 0 ? fields : others)[number & (kOther - 1)];
}

__attribute__((noinline)) static void run(Field* fields, const Field* others, const uint16_t* list) {
  for (unsigned step; (step = *list++) != END;) {
    uint32_t* const d = fields[step >> 8 & 15];
    const uint32_t* const a = operand(fields, others, step >> 4);
    const uint32_t* const b = operand(fields, others, step);
    if (step >> 12 == 1) {
      multiply(d, a, b);
    } else {
      add_or_subtract(d, a, b, step >> 12 & 1);
    }
  }
}

/// The negative of the point with this encoding (RFC 8032, 5.1.3), in X, Y and Z, and prepared. 0 if there is none, or
/// if its y has another encoding, too.
static int decode_negated(Field* fields, const uint8_t* encoded) {
  memset(fields, 0, sizeof(Point));
  fields[kZ][0] = 1;
  memcpy(fields[kY], encoded, sizeof(Field));
  fields[kY][7] &= 0x7fffffff;
  reduce(fields[kY]);
  if (memcmp(fields[kY], encoded, 31) != 0) return 0;  // p and above: 31 bytes differ, if any
  run(fields, kConstants, kLists.begin_root);
  power(fields[kX], fields[kT], fields[kG], 6);  // (p - 5) / 8 = 2^252 - 3
  run(fields, kConstants, kLists.try_root);
  if (!is_zero(fields[kG])) {
    if (!is_zero(fields[kT])) return 0;
    run(fields, kConstants, kLists.try_other_root);
  }
  reduce(fields[kX]);
  if ((fields[kX][0] & 1) == (uint32_t)encoded[31] >> 7) run(fields, kConstants, kLists.negate_x);
  run(fields, kConstants, kLists.prepare);
  return 1;
}

/// d = 1/z, and 0 for 0. As power().
static void invert(uint32_t* d, const uint32_t* z, uint32_t* t) { power(d, z, t, 0x3a); }  // p - 2 = 2^255 - 21

/// RFC 7748, section 5.
int mote_x25519(uint8_t* shared, const uint8_t* private_key, const uint8_t* public_key) {
  Field f[kEl + 1];
  memset(f, 0, sizeof f);
  memcpy(f[kX1], public_key, sizeof(Field));
  f[kX1][7] &= 0x7fffffff;
  memcpy(f[kX3], f[kX1], sizeof(Field));
  f[kX2][0] = f[kZ3][0] = 1;
  uint32_t swapped = 0;
  for (unsigned bit = 255; bit-- > 0;) {
    uint32_t wanted = private_key[bit >> 3] >> (bit & 7) & 1u;
    if (bit < 3) wanted = 0;
    if (bit == 254) wanted = 1;
    const uint32_t mask = 0 - (swapped ^ wanted);
    for (unsigned i = 0; i < 16; ++i) {  // (x2, z2) and (x3, z3)
      uint32_t* const one = &f[kX2 + i / 8][i % 8];
      uint32_t* const other = &f[kX3 + i / 8][i % 8];
      const uint32_t change = (*one ^ *other) & mask;
      *one ^= change;
      *other ^= change;
    }
    swapped = wanted;
    run(f, kLadderConstants, kLadderStep);
  }
  // The last bit is 0: nothing is left to be swapped back.
  invert(f[kEl], f[kZ2], f[kSum]);
  multiply(f[kX2], f[kX2], f[kEl]);
  reduce(f[kX2]);
  memcpy(shared, f[kX2], sizeof(Field));
  return !is_zero(f[kX2]);
}

// Scalars: eight words of 32 bits.

static const uint32_t kOrder[8] = {0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de, 0, 0, 0, 0x10000000};

/// d = a - order. 1 if that is negative.
static uint32_t minus_order(uint32_t* d, const uint32_t* a) {
  int64_t carry = 0;
  for (unsigned i = 0; i < 8; ++i) {
    carry += (int64_t)a[i] - kOrder[i];
    d[i] = (uint32_t)carry;
    carry >>= 32;
  }
  return (uint32_t)carry & 1;
}

/// d = the number in these 64 bytes, modulo the order, bit by bit.
static void reduce_scalar(uint32_t* d, const uint8_t* bytes) {
  memset(d, 0, 32);
  for (unsigned bit = 512; bit-- > 0;) {
    uint32_t carry = bytes[bit >> 3] >> (bit & 7) & 1u;
    for (unsigned i = 0; i < 8; ++i) {
      const uint32_t word = d[i];
      d[i] = word << 1 | carry;
      carry = word >> 31;
    }
    uint32_t less[8];
    if (!minus_order(less, d)) memcpy(d, less, sizeof less);
  }
}

// The parts of a check are not inlined into it: what they have on the stack is there one after the other.

/// h = SHA-512 of R, the key and the message, modulo the order.
__attribute__((noinline)) static void hash_to_scalar(uint32_t* h, const uint8_t* r, const uint8_t* key,
                                                     const uint8_t* message, size_t message_bytes, const uint8_t* rest,
                                                     size_t rest_bytes) {
  struct mote_sha512 hash;
  uint8_t digest[64];
  mote_hash_begin(&hash, sizeof hash.block);
  mote_hash_update(&hash, r, 32);
  mote_hash_update(&hash, key, 32);
  mote_hash_update(&hash, message, message_bytes);
  mote_hash_update(&hash, rest, rest_bytes);
  mote_hash_end(&hash, digest);
  reduce_scalar(h, digest);
}

/// Whether R = n[0] B - n[1] A.
__attribute__((noinline)) static int is_equal(const uint8_t* r, const uint32_t n[2][8], const uint8_t* key) {
  Field f[kFields];
  Point points[2];  // B and -A, to be added
  // B is the negative of this one: y = 4/5, x is odd.
  uint8_t* const base = (uint8_t*)points[1];
  memset(base, 0x66, 32);
  base[0] = 0x58;
  base[31] = 0xe6;
  const uint8_t* encoded = base;
  for (unsigned k = 0; k < 2; ++k, encoded = key) {
    if (!decode_negated(f, encoded)) return 0;
    memcpy(points[k], f[kE], sizeof(Point));
    for (unsigned i = 0; i < 3; ++i) run(f, 0, kLists.twice);
    if (is_zero(f[kX])) return 0;  // a key of small order
  }
  memset(f, 0, sizeof(Point));  // the neutral element: x = 0, y = 1
  f[kY][0] = f[kZ][0] = 1;
  for (unsigned bit = 253; bit-- > 0;) {
    run(f, 0, kLists.twice);
    for (unsigned k = 0; k < 2; ++k) {
      if ((n[k][bit >> 5] >> (bit & 31) & 1) != 0) run(f, points[k], kLists.add);
    }
  }
  invert(f[kE], f[kZ], f[kF]);
  multiply(f[kX], f[kX], f[kE]);
  multiply(f[kY], f[kY], f[kE]);
  reduce(f[kX]);
  reduce(f[kY]);
  f[kY][7] |= f[kX][0] << 31;
  return memcmp(f[kY], r, sizeof(Field)) == 0;
}

int mote_verify_ed25519(const uint8_t* key, const uint8_t* signature, const uint8_t* message, size_t message_bytes,
                        const uint8_t* rest, size_t rest_bytes) {
  uint32_t n[2][8];
  memcpy(n[0], signature + 32, sizeof n[0]);
  if (!minus_order(n[1], n[0])) return 0;  // a second encoding of the same signature
  hash_to_scalar(n[1], signature, key, message, message_bytes, rest, rest_bytes);
  return is_equal(signature, n, key);
}
