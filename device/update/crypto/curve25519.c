// X25519, and what Ed25519 (RFC 8032) needs beyond it: BearSSL has no Edwards curves, but all of their field. Elements
// are nine words of 30 bits, below twice the prime after each operation.

#include "ec/ec_c25519_m31.c"
#include "hash/sha2big.c"
#include "update/crypto/parts.h"

typedef uint32_t Field[9];

static const Field kD = {0x135978a3, 0x17ad3728, 0x141d8ab7, 0x1c029350, 0x39e89800,
                         0x1d01e5dd, 0x3fe738cc, 0x1b3b8adb, 0x00005203};  // -121665/121666
static const Field kRootOfMinusOne = {0x0a0ea0b0, 0x13b86c9d, 0x12fe478c, 0x10c601ab, 0x3bd7a72f,
                                      0x340264f7, 0x1df0b2b4, 0x092013f0, 0x00002b83};
static const Field kOne = {1};

/// A point in extended coordinates: x = X/Z, y = Y/Z, xy = T/Z.
typedef struct {
  Field x, y, z, t;
} Point;

/// A point made ready to be added.
typedef struct {
  Field y_minus_x, y_plus_x, two_z, two_dt;
} Addend;

static const Point kBase = {
    {0x0f25d51a, 0x2558b582, 0x125a7b2c, 0x0b31d825, 0x16dc5c69, 0x1388c7f7, 0x253fec0a, 0x0db4f35b, 0x00002169},
    {0x26666658, 0x19999999, 0x26666666, 0x19999999, 0x26666666, 0x19999999, 0x26666666, 0x19999999, 0x00006666},
    {1},
    {0}};

static int is_zero(const Field a) {
  Field reduced;
  memcpy(reduced, a, sizeof reduced);
  reduce_final_f255(reduced);
  uint32_t any = 0;
  for (unsigned i = 0; i < 9; ++i) any |= reduced[i];
  return any == 0;
}

static void square_times(Field d, unsigned times) {
  while (times-- > 0) f255_square(d, d);
}

/// d = z^(2^252 - 3). d is not z.
static void power_2_252_minus_3(Field d, const Field z) {
  Field run;  // z^(2^16 - 1): sixteen ones
  memcpy(run, z, sizeof run);
  for (unsigned i = 0; i < 15; ++i) {
    f255_square(run, run);
    f255_mul(run, run, z);
  }
  memcpy(d, run, sizeof run);
  for (unsigned i = 0; i < 14; ++i) {
    square_times(d, 16);
    f255_mul(d, d, run);
  }
  for (unsigned i = 12; i-- > 0;) {  // 240 ones so far; ten more, 0, 1
    f255_square(d, d);
    if (i != 1) f255_mul(d, d, z);
  }
}

/// The point with this encoding (RFC 8032, 5.1.3). 0 if there is none, or if it has another encoding, too.
static int decode_point(Point* p, const uint8_t* encoded) {
  uint8_t bytes[32];
  memcpy(bytes, encoded, sizeof bytes);
  bytes[31] &= 0x7f;
  p->y[8] = le8_to_le30(p->y, bytes, 32);
  if (reduce_final_f255(p->y)) return 0;
  memcpy(p->z, kOne, sizeof kOne);

  Field u, v, v3, power;  // x^2 = u / v
  f255_square(u, p->y);
  f255_mul(v, u, kD);
  f255_sub(u, u, kOne);
  f255_add(v, v, kOne);
  f255_square(v3, v);
  f255_mul(v3, v3, v);
  f255_square(p->t, v3);
  f255_mul(p->t, p->t, v);
  f255_mul(p->t, p->t, u);  // u v^7
  power_2_252_minus_3(power, p->t);
  f255_mul(p->x, power, v3);
  f255_mul(p->x, p->x, u);

  f255_square(v3, p->x);
  f255_mul(v3, v3, v);
  f255_sub(power, v3, u);
  if (!is_zero(power)) {
    f255_add(power, v3, u);
    if (!is_zero(power)) return 0;
    f255_mul(p->x, p->x, kRootOfMinusOne);
  }
  reduce_final_f255(p->x);
  if ((p->x[0] & 1) != (uint32_t)encoded[31] >> 7) {
    static const Field kZero = {0};
    f255_sub(p->x, kZero, p->x);
  }
  f255_mul(p->t, p->x, p->y);
  return 1;
}

/// d = 1/z, and 0 for 0: z^(p - 2) = (z^(2^252 - 3))^8 z^3. d is not z.
static void invert(Field d, const Field z) {
  power_2_252_minus_3(d, z);
  square_times(d, 3);
  for (unsigned i = 0; i < 3; ++i) f255_mul(d, d, z);
}

static void encode_point(uint8_t* encoded, const Point* p) {
  Field inverse, x, y;
  invert(inverse, p->z);
  f255_mul(x, p->x, inverse);
  f255_mul(y, p->y, inverse);
  reduce_final_f255(x);
  reduce_final_f255(y);
  le30_to_le8(encoded, 32, y);
  encoded[31] |= (uint8_t)(x[0] << 7);
}

/// RFC 7748, section 5, with its names.
int mote_x25519(uint8_t* shared, const uint8_t* private_key, const uint8_t* public_key) {
  static const Field kA24 = {121665};
  Field x1, x2 = {1}, z2 = {0}, x3, z3 = {1}, sum, difference, e;
  uint8_t bytes[32];
  memcpy(bytes, public_key, sizeof bytes);
  bytes[31] &= 0x7f;
  x1[8] = le8_to_le30(x1, bytes, 32);
  memcpy(x3, x1, sizeof x1);
  memcpy(bytes, private_key, sizeof bytes);
  bytes[0] &= 0xf8;
  bytes[31] = (bytes[31] & 0x7f) | 0x40;
  uint32_t swapped = 0;
  for (unsigned bit = 255; bit-- > 0;) {
    const uint32_t wanted = bytes[bit >> 3] >> (bit & 7) & 1u;
    cswap(x2, x3, swapped ^ wanted);
    cswap(z2, z3, swapped ^ wanted);
    swapped = wanted;

    f255_add(sum, x3, z3);
    f255_sub(difference, x3, z3);
    f255_add(x3, x2, z2);  // A
    f255_sub(z3, x2, z2);  // B
    f255_mul(difference, difference, x3);
    f255_mul(sum, sum, z3);
    f255_square(x3, x3);  // AA
    f255_square(z3, z3);  // BB
    f255_mul(x2, x3, z3);
    f255_sub(e, x3, z3);
    f255_mul(z2, e, kA24);
    f255_add(z2, z2, x3);
    f255_mul(z2, z2, e);
    f255_add(x3, difference, sum);
    f255_square(x3, x3);
    f255_sub(z3, difference, sum);
    f255_square(z3, z3);
    f255_mul(z3, z3, x1);
  }
  cswap(x2, x3, swapped);
  cswap(z2, z3, swapped);
  invert(e, z2);
  f255_mul(x2, x2, e);
  reduce_final_f255(x2);
  le30_to_le8(shared, 32, x2);
  uint32_t any = 0;
  for (unsigned i = 0; i < 9; ++i) any |= x2[i];
  return any != 0;
}

static void complete(Point* p, const Field e, const Field f, const Field g, const Field h) {
  f255_mul(p->x, e, f);
  f255_mul(p->y, g, h);
  f255_mul(p->z, f, g);
  f255_mul(p->t, e, h);
}

static void double_point(Point* p) {
  Field e, f, g, h;
  f255_add(e, p->x, p->y);
  f255_square(e, e);
  f255_square(f, p->x);
  f255_square(g, p->y);
  f255_add(h, f, g);
  f255_sub(e, h, e);
  f255_sub(g, f, g);
  f255_square(f, p->z);
  f255_add(f, f, f);
  f255_add(f, f, g);
  complete(p, e, f, g, h);
}

static void make_addend(Addend* q, const Point* p) {
  f255_sub(q->y_minus_x, p->y, p->x);
  f255_add(q->y_plus_x, p->y, p->x);
  f255_add(q->two_z, p->z, p->z);
  f255_mul(q->two_dt, p->t, kD);
  f255_add(q->two_dt, q->two_dt, q->two_dt);
}

static void add_point(Point* p, const Addend* q, int negated) {
  Field e, f, g, h;
  f255_sub(e, p->y, p->x);
  f255_mul(e, e, negated ? q->y_plus_x : q->y_minus_x);
  f255_add(h, p->y, p->x);
  f255_mul(h, h, negated ? q->y_minus_x : q->y_plus_x);
  f255_mul(f, p->t, q->two_dt);
  f255_mul(g, p->z, q->two_z);
  Field sum;
  f255_add(sum, g, f);
  f255_sub(f, g, f);
  f255_sub(g, h, e);
  f255_add(h, h, e);
  if (negated) {
    complete(p, g, sum, f, h);
  } else {
    complete(p, g, f, sum, h);
  }
}

// Scalars: eight words of 32 bits.

static const uint32_t kOrder[8] = {0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de, 0, 0, 0, 0x10000000};

/// d = a - order. 1 if that is negative.
static uint32_t minus_order(uint32_t* d, const uint32_t* a) {
  uint32_t borrow = 0;
  for (unsigned i = 0; i < 8; ++i) {
    const uint64_t w = (uint64_t)a[i] - kOrder[i] - borrow;
    d[i] = (uint32_t)w;
    borrow = (uint32_t)(w >> 32) & 1;
  }
  return borrow;
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

static void triple(uint32_t* d, const uint32_t* a) {
  uint64_t w = 0;
  for (unsigned i = 0; i < 8; ++i) {
    w += (uint64_t)3 * a[i];
    d[i] = (uint32_t)w;
    w >>= 32;
  }
}

static int bit_of(const uint32_t* a, unsigned bit) { return (int)(a[bit >> 5] >> (bit & 31) & 1u); }

/// p = s B - h p, with both scalars in non-adjacent form: its digits are the differences of the bits of 3k and k.
/// Not inlined: 330 bytes of stack less for 24 bytes of code.
__attribute__((noinline)) static void combine(Point* p, const uint32_t* s, const uint32_t* h) {
  Addend base, key;
  make_addend(&key, p);
  *p = kBase;
  f255_mul(p->t, p->x, p->y);
  make_addend(&base, p);
  uint32_t s3[8], h3[8];
  triple(s3, s);
  triple(h3, h);
  memset(p, 0, sizeof *p);
  p->y[0] = p->z[0] = 1;
  for (unsigned bit = 254; bit > 0; --bit) {
    double_point(p);
    const int for_base = bit_of(s3, bit) - bit_of(s, bit), for_key = bit_of(h3, bit) - bit_of(h, bit);
    if (for_base != 0) add_point(p, &base, for_base < 0);
    if (for_key != 0) add_point(p, &key, for_key > 0);
  }
}

/// The key's point. 0 if there is none, or if it has small order. Not inlined, as combine.
__attribute__((noinline)) static int decode_key(Point* p, const uint8_t* key) {
  if (!decode_point(p, key)) return 0;
  Point multiple = *p;
  for (unsigned i = 0; i < 3; ++i) double_point(&multiple);
  return !is_zero(multiple.x);
}

// SHA-512 (FIPS 180-4), with the last 16 words of its schedule instead of all 80, and with the library's constants.

typedef struct {
  uint64_t value[8];
  uint8_t block[128];
  uint32_t bytes;
} Sha512;

__attribute__((noinline)) static uint64_t turned(uint64_t a, unsigned by) { return a >> by | a << (64 - by); }
__attribute__((noinline)) static uint64_t mixed(uint64_t a, unsigned by, unsigned also_by) {
  return turned(a, by) ^ turned(a, also_by);
}

static void hash_block(Sha512* hash) {
  uint64_t w[16], v[8];
  br_range_dec64be(w, 16, hash->block);
  memcpy(v, hash->value, sizeof v);
  for (unsigned i = 0; i < 80; ++i) {
    if (i >= 16) {
      const uint64_t near = w[(i - 2) & 15], far = w[(i - 15) & 15];
      w[i & 15] += (mixed(near, 19, 61) ^ near >> 6) + w[(i - 7) & 15] + (mixed(far, 1, 8) ^ far >> 7);
    }
    const uint64_t a = v[0], e = v[4];
    const uint64_t first = v[7] + (mixed(e, 14, 18) ^ turned(e, 41)) + (v[6] ^ (e & (v[5] ^ v[6]))) + K[i] + w[i & 15];
    const uint64_t second = (mixed(a, 28, 34) ^ turned(a, 39)) + ((a & v[1]) | ((a | v[1]) & v[2]));
    memmove(v + 1, v, 7 * sizeof v[0]);
    v[4] += first;
    v[0] = first + second;
  }
  for (unsigned i = 0; i < 8; ++i) hash->value[i] += v[i];
}

static void hash_bytes(Sha512* hash, const uint8_t* data, size_t bytes) {
  while (bytes-- > 0) {
    hash->block[hash->bytes++ % 128] = *data++;
    if (hash->bytes % 128 == 0) hash_block(hash);
  }
}

static void end_hash(Sha512* hash, uint8_t* digest) {
  static const uint8_t kEnd[1] = {0x80}, kFill[1] = {0};
  const uint64_t bits = (uint64_t)hash->bytes * 8;
  hash_bytes(hash, kEnd, 1);
  while (hash->bytes % 128 != 112) hash_bytes(hash, kFill, 1);
  for (unsigned i = 0; i < 8; ++i) hash_bytes(hash, kFill, 1);  // the upper half of the length
  br_enc64be(hash->block + 120, bits);
  hash_block(hash);
  br_range_enc64be(digest, hash->value, 8);
}

int mote_verify_ed25519(const uint8_t* key, const uint8_t* signature, const uint8_t* message, size_t message_bytes,
                        const uint8_t* rest, size_t rest_bytes) {
  uint8_t hash[64];
  uint32_t s[8], h[8], difference[8];
  {
    Sha512 context;
    memcpy(context.value, IV512, sizeof IV512);
    context.bytes = 0;
    hash_bytes(&context, signature, 32);
    hash_bytes(&context, key, 32);
    hash_bytes(&context, message, message_bytes);
    hash_bytes(&context, rest, rest_bytes);
    end_hash(&context, hash);
  }
  reduce_scalar(h, hash);
  br_range_dec32le(s, 8, signature + 32);
  if (!minus_order(difference, s)) return 0;  // a second encoding of the same signature
  Point p;
  if (!decode_key(&p, key)) return 0;
  combine(&p, s, h);
  encode_point(hash, &p);
  return memcmp(hash, signature, 32) == 0;
}
