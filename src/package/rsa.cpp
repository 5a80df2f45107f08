#include "rsa.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "openssl_handles.hpp"

namespace mote::package {
namespace {

constexpr std::size_t kLeastBytes = 256, kMostBytes = 1024;

Number number_of(const Bytes& bytes) {
  return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
}

Key make_key(const RsaKey& key, bool with_secret) {
  const auto fits = [](const Bytes& bytes) { return !bytes.empty() && bytes.size() <= kMostBytes; };
  if (!fits(key.modulus) || key.modulus.size() < kLeastBytes || !fits(key.exponent)) return nullptr;
  if (with_secret && !fits(key.secret)) return nullptr;
  const Number modulus = number_of(key.modulus), exponent = number_of(key.exponent), secret = number_of(key.secret);
  ParameterBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  if (with_secret) OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_D, secret.get());
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* made = nullptr;
  if (EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, with_secret ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, parameters.get()) !=
          1)
    return nullptr;
  return Key(made);
}

}  // namespace

bool verify_rsa_pss(const RsaKey& key, Hash hash, ByteSpan signature, ByteSpan message) {
  const Key made = make_key(key, false);
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* padding = nullptr;  // owned by `context`
  return made && EVP_DigestVerifyInit(context.get(), &padding, digest_of(hash), nullptr, made.get()) == 1 &&
         EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, RSA_PSS_SALTLEN_DIGEST) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

std::optional<Bytes> decrypt_rsa_oaep(const RsaKey& key, Hash hash, ByteSpan sealed) {
  const Key made = make_key(key, true);
  if (!made || sealed.size() != key.modulus.size()) return std::nullopt;
  const KeyContext context(EVP_PKEY_CTX_new(made.get(), nullptr));
  Bytes text(sealed.size());
  std::size_t size = text.size();
  if (EVP_PKEY_decrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), digest_of(hash)) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), digest_of(hash)) != 1 ||
      EVP_PKEY_decrypt(context.get(), text.data(), &size, sealed.data(), sealed.size()) != 1)
    return std::nullopt;
  text.resize(size);
  return text;
}

}  // namespace mote::package
