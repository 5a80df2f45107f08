#include "hash_signature.hpp"

#include <algorithm>
#include <optional>

#include "mote/base/hash.hpp"

namespace mote::package {
namespace {

constexpr std::size_t kHashBytes = 32;    // n and m
constexpr std::size_t kTreeIdBytes = 16;  // I
constexpr std::size_t kKeyBytes = 8 + kTreeIdBytes + kHashBytes;
constexpr std::uint32_t kMostLevels = 8;

// What a hash is for (section 3.1); above every index that stands in the same place.
constexpr std::uint16_t kPublicKey = 0x8080, kMessage = 0x8181, kLeaf = 0x8282, kNode = 0x8383;

/// LM-OTS parameter sets 1 to 4 (section 4.1).
struct OneTime {
  unsigned width_bits;  // w
  std::size_t chains;   // p
  unsigned shift;       // ls
};
constexpr OneTime kOneTime[] = {{1, 265, 7}, {2, 133, 6}, {4, 67, 4}, {8, 34, 0}};

/// Takes parts off a signature's front; what is not there any more is empty, and said at the end.
class Parts {
 public:
  explicit Parts(ByteSpan bytes) : bytes_(bytes) {}
  ByteSpan take(std::size_t size) {
    if (size > bytes_.size()) good_ = false;
    if (!good_) return {};
    const ByteSpan front = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return front;
  }
  std::uint32_t number() {
    std::uint32_t value = 0;
    for (const std::uint8_t byte : take(4)) value = value << 8 | byte;
    return value;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool at_end() const { return good_ && bytes_.empty(); }
  [[nodiscard]] ByteSpan rest() const { return bytes_; }

 private:
  ByteSpan bytes_;
  bool good_ = true;
};

/// H(I || q || purpose || ...).
Hasher hash_of(ByteSpan tree, std::uint32_t q, std::uint16_t purpose) {
  const std::uint8_t numbers[] = {static_cast<std::uint8_t>(q >> 24),      static_cast<std::uint8_t>(q >> 16),
                                  static_cast<std::uint8_t>(q >> 8),       static_cast<std::uint8_t>(q),
                                  static_cast<std::uint8_t>(purpose >> 8), static_cast<std::uint8_t>(purpose)};
  Hasher hasher;
  hasher.update(tree).update(numbers);
  return hasher;
}

/// The i-th value of w bits (section 3.1.3).
unsigned coefficient(ByteSpan bytes, std::size_t i, unsigned width_bits) {
  const auto in_byte = 8u / width_bits;
  const auto shift = 8u - width_bits * (static_cast<unsigned>(i % in_byte) + 1u);
  return bytes[i / in_byte] >> shift & ((1u << width_bits) - 1u);
}

/// The public key that a one-time signature belongs to (algorithm 4b).
std::optional<Digest> one_time_key(Parts& signature, std::uint32_t type, ByteSpan tree, std::uint32_t q,
                                   ByteSpan message) {
  if (signature.number() != type || type < 1 || type > std::size(kOneTime)) return std::nullopt;
  const OneTime& set = kOneTime[type - 1];
  const ByteSpan randomizer = signature.take(kHashBytes), chains = signature.take(set.chains * kHashBytes);
  if (!signature.good()) return std::nullopt;

  const Digest digest = hash_of(tree, q, kMessage).update(randomizer).update(message).finish();
  Bytes values(digest.bytes.begin(), digest.bytes.end());
  const unsigned most = (1u << set.width_bits) - 1u;
  unsigned sum = 0;
  for (std::size_t i = 0; i < 8 * kHashBytes / set.width_bits; ++i)
    sum += most - coefficient(values, i, set.width_bits);
  sum <<= set.shift;
  values.push_back(static_cast<std::uint8_t>(sum >> 8));
  values.push_back(static_cast<std::uint8_t>(sum));

  Hasher key = hash_of(tree, q, kPublicKey);
  for (std::size_t i = 0; i < set.chains; ++i) {
    Bytes link(chains.begin() + static_cast<std::ptrdiff_t>(i * kHashBytes),
               chains.begin() + static_cast<std::ptrdiff_t>((i + 1) * kHashBytes));
    for (unsigned step = coefficient(values, i, set.width_bits); step < most; ++step) {
      const auto number = static_cast<std::uint8_t>(step);
      const Digest next = hash_of(tree, q, static_cast<std::uint16_t>(i)).update({&number, 1}).update(link).finish();
      link.assign(next.bytes.begin(), next.bytes.end());
    }
    key.update(link);
  }
  return key.finish();
}

/// One tree's signature off the front of `signature` (algorithm 6a). @param key  tree type, one-time type, I, T[1].
bool verify_tree(ByteSpan key, Parts& signature, ByteSpan message) {
  Parts parts(key);
  const std::uint32_t tree_type = parts.number(), one_time_type = parts.number();
  const ByteSpan tree = parts.take(kTreeIdBytes), root = parts.take(kHashBytes);
  // Types 5 to 9 have heights of 5, 10, ... 25 (section 5.1).
  if (!parts.at_end() || tree_type < 5 || tree_type > 9) return false;
  const unsigned height = 5 * (tree_type - 4);
  const std::uint32_t q = signature.number();
  if (q >> height != 0) return false;
  const auto leaf = one_time_key(signature, one_time_type, tree, q, message);
  if (!leaf || signature.number() != tree_type) return false;
  std::uint32_t node = (1u << height) + q;
  Digest hash = hash_of(tree, node, kLeaf).update(leaf->bytes).finish();
  for (; node > 1; node /= 2) {
    const ByteSpan sibling = signature.take(kHashBytes);
    Hasher above = hash_of(tree, node / 2, kNode);
    if (node % 2 == 1) {
      above.update(sibling).update(hash.bytes);
    } else {
      above.update(hash.bytes).update(sibling);
    }
    hash = above.finish();
  }
  return signature.good() && std::equal(root.begin(), root.end(), hash.bytes.begin());
}

}  // namespace

bool verify_hss(ByteSpan public_key, ByteSpan signature, ByteSpan message) {
  Parts key_parts(public_key), parts(signature);
  const std::uint32_t levels = key_parts.number();
  ByteSpan key = key_parts.take(kKeyBytes);
  if (!key_parts.at_end() || levels < 1 || levels > kMostLevels || parts.number() != levels - 1) return false;
  // Each tree but the last signs the key of the next one, which stands behind the signature (section 6.3).
  for (std::uint32_t level = 1; level < levels; ++level) {
    const ByteSpan before = parts.rest();
    // How long the signature is, is known only when it has been gone through: its types say so.
    Parts ahead(before);
    ahead.number();
    const std::uint32_t type = ahead.number();
    if (type < 1 || type > std::size(kOneTime)) return false;
    ahead.take((1 + kOneTime[type - 1].chains) * kHashBytes);
    const std::uint32_t tree_type = ahead.number();
    if (tree_type < 5 || tree_type > 9) return false;
    ahead.take(5 * (tree_type - 4) * kHashBytes);
    const ByteSpan next = ahead.take(kKeyBytes);
    if (!ahead.good() || !verify_tree(key, parts, next)) return false;
    key = parts.take(kKeyBytes);
  }
  return verify_tree(key, parts, message) && parts.at_end();
}

}  // namespace mote::package
