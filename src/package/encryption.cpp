#include "mote/package/encryption.hpp"

#include <algorithm>
#include <string>

#include "cbor.hpp"
#include "mote/base/hash.hpp"
#include "primitives.hpp"
#include "update/cose.hpp"
#include "update/encryption.hpp"

namespace mote::package {
namespace {

using update::CborWriter;

Bytes protected_algorithm(std::int64_t algorithm) {
  return cbor([&](CborWriter& w) {
    w.map(1);
    w.unsigned_int(1);
    w.integer(algorithm);
  });
}

/// Secret numbers, random or of a seed.
class Secrets {
 public:
  explicit Secrets(const std::optional<std::array<std::uint8_t, 32>>& seed) : seed_(seed) {}

  Bytes take(std::size_t size) {
    Bytes out(size);
    if (!seed_) {
      random_bytes(out);
      return out;
    }
    Hasher hasher;
    const Digest digest = hasher.field(*seed_).field(std::uint64_t{counter_++}).finish();
    MOTE_CHECK(size <= digest.bytes.size());
    std::copy_n(digest.bytes.begin(), size, out.begin());
    return out;
  }

 private:
  const std::optional<std::array<std::uint8_t, 32>>& seed_;
  std::uint64_t counter_ = 0;
};

Bytes group_recipient(const GroupKey& group, ByteSpan content_key) {
  const auto wrapped = wrap_key(group, content_key);
  MOTE_CHECK(wrapped.has_value());
  return cbor([&](CborWriter& w) {
    w.array(3);
    w.bytes({});
    w.map(1);
    w.unsigned_int(1);
    w.integer(update::kAlgorithmA128KW);
    w.bytes(view(*wrapped));
  });
}

/// COSE_KDF_Context, RFC 9053, 5.2.
Bytes key_wrap_context(ByteSpan protected_header) {
  return cbor([&](CborWriter& w) {
    w.array(4);
    w.integer(update::kAlgorithmA128KW);
    for (int party = 0; party < 2; ++party) {
      w.array(3);
      for (int i = 0; i < 3; ++i) w.null();
    }
    w.array(2);
    w.unsigned_int(128);
    w.bytes(view(protected_header));
  });
}

Result<Bytes> device_recipient(const AgreementKey& device, ByteSpan content_key, ByteSpan ephemeral_secret) {
  CurveKey own{Curve::x25519, {}, {}, std::nullopt, Bytes(ephemeral_secret.begin(), ephemeral_secret.end())};
  const CurveKey peer{Curve::x25519, Bytes(device.begin(), device.end()), {}, std::nullopt, {}};
  const auto shared = agree(own, peer);
  if (!shared) return fail(Code::invalid_argument, "the device key " + to_hex(device) + " is no X25519 public key");
  const Bytes header = protected_algorithm(update::kAlgorithmEcdhEsA128KW);
  const auto wrapped = wrap_key(hkdf(Hash::sha256, {}, *shared, key_wrap_context(header), 16), content_key);
  const auto ephemeral = x25519_public(ephemeral_secret);
  MOTE_CHECK(wrapped && ephemeral);
  return cbor([&](CborWriter& w) {
    w.array(3);
    w.bytes(view(header));
    w.map(2);
    w.unsigned_int(4);  // which device, for people
    w.bytes({sha256(device).bytes.data(), 8});
    w.integer(-1);
    w.map(3);
    w.unsigned_int(1);
    w.unsigned_int(1);
    w.integer(-1);
    w.unsigned_int(4);
    w.integer(-2);
    w.bytes(view(*ephemeral));
    w.bytes(view(*wrapped));
  });
}

}  // namespace

Result<EncryptedPayload> encrypt_payload(ByteSpan payload, const EncryptionOptions& options) {
  const std::size_t count = options.groups.size() + options.devices.size();
  if (count == 0) return fail(Code::invalid_argument, "an encrypted bundle needs a group or a device to read it");
  if (count > update::kMaxRecipients)
    return fail(Code::too_large, "encrypted for " + std::to_string(count) + " recipients; a device reads at most " +
                                     std::to_string(update::kMaxRecipients));
  Secrets secrets(options.seed);
  const Bytes content_key = secrets.take(32), nonce = secrets.take(12);
  std::vector<Bytes> recipients;
  for (const GroupKey& group : options.groups) recipients.push_back(group_recipient(group, content_key));
  for (const AgreementKey& device : options.devices) {
    MOTE_TRY(Bytes recipient, device_recipient(device, content_key, secrets.take(32)));
    recipients.push_back(std::move(recipient));
  }
  const Bytes header = protected_algorithm(update::kAlgorithmChaCha20Poly1305);
  EncryptedPayload out;
  out.info = cbor([&](CborWriter& w) {
    w.tag(update::kTagEncrypt);
    w.array(4);
    w.bytes(view(header));
    w.map(1);
    w.unsigned_int(5);
    w.bytes(view(nonce));
    w.null();
    w.array(recipients.size());
    for (const Bytes& recipient : recipients) w.raw(view(recipient));
  });
  const Bytes bound = cbor([&](CborWriter& w) {
    w.array(3);
    w.text("Encrypt");
    w.bytes(view(header));
    w.bytes({});
  });
  auto sealed = seal(Cipher::chacha20_poly1305, update::kTagBytes, content_key, nonce, bound, payload);
  MOTE_CHECK(sealed.has_value());
  out.bytes = std::move(*sealed);
  return out;
}

}  // namespace mote::package
