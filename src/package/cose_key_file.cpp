#include <openssl/core_names.h>

#include "key_file.hpp"
#include "mote/package/cose_message.hpp"

namespace mote::package {
namespace {

/// x and y of an uncompressed point.
bool read_p256(const EVP_PKEY* key, CoseKey& out) {
  std::uint8_t point[65];
  std::size_t size = 0;
  char group[32];
  std::size_t group_size = 0;
  if (EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof(group), &group_size) != 1 ||
      std::string_view(group, group_size) != "prime256v1" ||
      EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &size) != 1 ||
      size != sizeof(point))
    return false;
  out.curve = 1;
  out.x.assign(point + 1, point + 33);
  out.y.assign(point + 33, point + 65);
  return true;
}

bool read_ed25519(const EVP_PKEY* key, CoseKey& out) {
  out.curve = 6;
  out.x.resize(32);
  std::size_t size = out.x.size();
  return EVP_PKEY_get_raw_public_key(key, out.x.data(), &size) == 1;
}

}  // namespace

Result<CoseKey> read_cose_key(const std::filesystem::path& file) {
  MOTE_TRY(const EvpKey key, read_public_pem(file));
  CoseKey out;
  const int type = key ? EVP_PKEY_get_base_id(key.get()) : EVP_PKEY_NONE;
  if (type == EVP_PKEY_ED25519 ? read_ed25519(key.get(), out) : type == EVP_PKEY_EC && read_p256(key.get(), out))
    return out;
  return fail(Code::malformed, file.string() + ": no Ed25519 or P-256 public key in PEM form");
}

}  // namespace mote::package
