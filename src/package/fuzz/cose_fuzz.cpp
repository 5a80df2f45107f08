// Any bytes as a COSE message, opened with keys of each kind.

#include "mote/package/cose_message.hpp"

using namespace mote::package;

namespace {

/// The first byte chooses key and kind, so that what is mutated reaches each algorithm.
CoseKey key_of(unsigned choice) {
  CoseKey key;
  if (choice < 3) {
    key.symmetric.assign(choice == 0 ? 16 : choice == 1 ? 32 : 64, 0x42);
    return key;
  }
  if (choice == 10) {
    key.modulus.assign(256, 0xc5);
    key.exponent = {1, 0, 1};
    key.secret.assign(256, 0x31);
    return key;
  }
  if (choice == 11) {
    key.hash_tree.assign(60, 0);
    key.hash_tree[3] = 1;
    key.hash_tree[7] = 5;
    key.hash_tree[11] = 4;
    return key;
  }
  key.curve = choice - 2;  // 1 to 7
  const std::size_t sizes[] = {32, 48, 66, 32, 56, 32, 57};
  key.x.assign(sizes[key.curve - 1], 0x09);
  if (key.curve <= 3) key.y.assign(key.x.size(), 0x11);
  key.secret.assign(key.x.size(), 0x21);
  return key;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto value = read_cbor({data + 1, size - 1});
  if (!value) return 0;
  const std::optional<CoseKind> kinds[] = {std::nullopt,      CoseKind::encrypt0, CoseKind::mac0, CoseKind::sign1,
                                           CoseKind::encrypt, CoseKind::mac,      CoseKind::sign};
  const auto message = read_cose(*value, kinds[data[0] % 7]);
  if (!message) return 0;
  CoseContext context;
  context.base_iv.assign(12, 3);
  for (std::size_t part = 0; part < 2; ++part)
    static_cast<void>(open_cose(*message, key_of(data[0] / 7u % 12), context, part));
  context.detached = mote::Bytes{1, 2, 3};
  static_cast<void>(open_cose(*message, key_of(data[0] / 7u % 12), context));
  return 0;
}
