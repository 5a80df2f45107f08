#include <bearssl.h>

#include "update/crypto/parts.h"

int mote_verify_es256(const uint8_t* key, const uint8_t* signature, const uint8_t* digest) {
  unsigned any = 0;  // BearSSL takes r = 0 where the digest is a multiple of the group's order
  for (unsigned i = 0; i < 32; ++i) any |= signature[i];
  if (any == 0) return 0;
  unsigned char point[65];
  point[0] = 4;  // uncompressed
  for (unsigned i = 0; i < 64; ++i) point[1 + i] = key[i];
  const br_ec_public_key public_key = {BR_EC_secp256r1, point, sizeof point};
  return br_ecdsa_i31_vrfy_raw(&br_ec_p256_m31, digest, 32, &public_key, signature, 64) != 0;
}
