// SHA-256 and SHA-512 (FIPS 180-4), which are one design in words of two sizes: one padding, and one table of
// constants, because those of SHA-256 are the upper halves of SHA-512's. A schedule keeps its last 16 words.

#include <string.h>

#include "update/crypto/parts.h"

/// A state of either, read as what it is.
typedef uint32_t __attribute__((may_alias)) Narrow;
typedef uint64_t __attribute__((may_alias)) Wide;
typedef struct __attribute__((may_alias)) {
  uint32_t bytes;        // hashed so far
  uint32_t block_bytes;  // 64: SHA-256; 128: SHA-512
  uint8_t block[];       // the one under way; the eight words follow
} Hash;
_Static_assert(sizeof(struct mote_sha256) == 8 + 64 + 32 && sizeof(struct mote_sha512) == 8 + 128 + 64,
               "as a Hash has it");

static const uint64_t kInitial[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                                     0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};
static const uint64_t kRound[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
    0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
    0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
    0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
    0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
    0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
    0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
    0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
    0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
    0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

void mote_hash_begin(void* state, unsigned block_bytes) {
  Hash* const hash = state;
  hash->bytes = 0;
  hash->block_bytes = block_bytes;
  Narrow* const narrow = (Narrow*)(hash->block + 64);
  Wide* const wide = (Wide*)(hash->block + 128);
  for (unsigned i = 0; i < 8; ++i) {
    if (block_bytes == 64) {
      narrow[i] = (uint32_t)(kInitial[i] >> 32);
    } else {
      wide[i] = kInitial[i];
    }
  }
}

/// Words of either size to or from their bytes, most significant first: words of 32 bits, which change places in pairs
/// if they are halves.
static void turn_bytes(uint8_t* to, const uint8_t* from, unsigned is_wide, unsigned count) {
  for (unsigned i = 0; i < count; i += 2) {
    uint32_t pair[2];
    memcpy(pair, from + 4 * i, sizeof pair);
    const uint32_t turned[2] = {__builtin_bswap32(pair[is_wide]), __builtin_bswap32(pair[1 - is_wide])};
    memcpy(to + 4 * i, turned, sizeof turned);
  }
}

static uint32_t turned(uint32_t a, unsigned by) { return a >> by | a << (32 - by); }

static void hash_narrow(Narrow* value, const uint8_t* block) {
  uint32_t w[64];
  memcpy(w, block, 64);
  for (unsigned i = 0; i < 48; ++i) {
    const uint32_t near = w[i + 14], far = w[i + 1];
    w[i + 16] = w[i] + w[i + 9] + (turned(near, 17) ^ turned(near, 19) ^ near >> 10) +
                (turned(far, 7) ^ turned(far, 18) ^ far >> 3);
  }
  uint32_t a = value[0], b = value[1], c = value[2], d = value[3];
  uint32_t e = value[4], f = value[5], g = value[6], h = value[7];
  for (unsigned i = 0; i < 64; ++i) {
    uint32_t sum =
        h + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + (g ^ (e & (f ^ g))) + (uint32_t)(kRound[i] >> 32) + w[i];
    h = g, g = f, f = e, e = d + sum;
    sum += (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) | ((a | b) & c));
    d = c, c = b, b = a, a = sum;
  }
  const uint32_t last[8] = {a, b, c, d, e, f, g, h};
  for (unsigned i = 0; i < 8; ++i) value[i] += last[i];
}

/// The sum of `a` turned right by each number in the bytes of `by`, of which the last is not 0.
__attribute__((noinline)) static uint64_t mixed(uint64_t a, uint32_t by) {
  uint64_t sum = 0;
  for (; by != 0; by >>= 8) sum ^= a >> (by & 63) | a << (-by & 63);
  return sum;
}

static void hash_wide(Wide* value, Wide* w) {
  uint64_t v[8];
  memcpy(v, value, sizeof v);
  for (unsigned i = 0; i < 80; ++i) {
    if (i >= 16) {
      const uint64_t near = w[(i - 2) & 15], far = w[(i - 15) & 15];
      w[i & 15] += (mixed(near, 19 | 61 << 8) ^ near >> 6) + w[(i - 7) & 15] + (mixed(far, 1 | 8 << 8) ^ far >> 7);
    }
    const uint64_t a = v[0], e = v[4];
    const uint64_t first =
        v[7] + mixed(e, 14 | 18 << 8 | 41 << 16) + (v[6] ^ (e & (v[5] ^ v[6]))) + kRound[i] + w[i & 15];
    const uint64_t second = mixed(a, 28 | 34 << 8 | 39 << 16) + ((a & v[1]) | ((a | v[1]) & v[2]));
    for (unsigned k = 7; k > 0; --k) v[k] = v[k - 1];
    v[4] += first;
    v[0] = first + second;
  }
  for (unsigned i = 0; i < 8; ++i) value[i] += v[i];
}

/// The block is used up: it becomes the schedule.
static void hash_block(Hash* hash) {
  turn_bytes(hash->block, hash->block, hash->block_bytes >> 7, hash->block_bytes / 4);
  if (hash->block_bytes == 64) {
    hash_narrow((Narrow*)(hash->block + 64), hash->block);
  } else {
    hash_wide((Wide*)(hash->block + 128), (Wide*)hash->block);
  }
}

void mote_hash_update(void* state, const uint8_t* data, size_t bytes) {
  Hash* const hash = state;
  while (bytes > 0) {
    const uint32_t used = hash->bytes & (hash->block_bytes - 1);
    uint32_t count = hash->block_bytes - used;
    if (count > bytes) count = (uint32_t)bytes;
    memcpy(hash->block + used, data, count);
    data += count;
    bytes -= count;
    hash->bytes += count;
    if (used + count == hash->block_bytes) hash_block(hash);
  }
}

void mote_hash_end(void* state, uint8_t* digest) {
  Hash* const hash = state;
  static const uint8_t kEnd[1] = {0x80}, kFill[1] = {0};
  const uint32_t bytes = hash->bytes, block_bytes = hash->block_bytes;
  const uint32_t length_bytes = block_bytes / 8;
  const uint32_t bits[2] = {__builtin_bswap32(bytes >> 29), __builtin_bswap32(bytes << 3)};
  mote_hash_update(hash, kEnd, 1);
  while ((hash->bytes & (block_bytes - 1)) != block_bytes - length_bytes) mote_hash_update(hash, kFill, 1);
  memset(hash->block + block_bytes - length_bytes, 0, length_bytes);
  memcpy(hash->block + block_bytes - 8, bits, 8);
  hash_block(hash);
  turn_bytes(digest, hash->block + block_bytes, block_bytes >> 7, length_bytes);
  mote_hash_begin(hash, block_bytes);
}
