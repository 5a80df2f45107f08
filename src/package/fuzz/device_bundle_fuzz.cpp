// Any bytes as the head of a bundle: read, its signatures counted and its content key looked for as a device does it
// before it believes any of it. First byte: bit 0 makes the rest a manifest and puts an envelope around it, else it is
// the head itself; the other bits say how much more of the parcel there is. Cryptography is assumed.

#include <cstddef>
#include <initializer_list>

#include "fuzzed_device.hpp"
#include "update/encryption.hpp"
#include "update/suit.hpp"

using namespace mote::update;

namespace {

/// Heads end where this ends: what is behind a global is poisoned.
std::uint8_t room[kMaxHeadBytes];

/// From the envelope's tag to the key of the manifest.
Bytes write_begin(MutableBytes to) {
  std::uint8_t digest[48], block[128], wrapper[192];
  CborWriter d{MutableBytes(digest)};
  d.array(2);
  d.integer(kAlgorithmSha256);
  fuzz::write_bytes(d, fuzz::kDigest, 32);
  CborWriter s{MutableBytes(block)};
  s.tag(kTagSign1);
  s.array(4);
  fuzz::write_key_header(s, fuzz::kReleaseKey);
  s.map(0);
  s.null();
  fuzz::write_bytes(s, 1, 64);
  CborWriter w{MutableBytes(wrapper)};
  w.array(2);
  w.bytes(d.written());
  w.bytes(s.written());
  CborWriter writer(to);
  writer.tag(kTagSuitEnvelope);
  writer.map(3);
  writer.unsigned_int(2);
  writer.bytes(w.written());
  writer.unsigned_int(3);
  return writer.written();
}

/// The envelope up to its payload's bytes, of which there are 32.
Bytes envelope_around(Bytes manifest) {
  static std::uint8_t begin_room[256];
  static const Bytes begin = write_begin(MutableBytes(begin_room));
  std::uint8_t head[8];
  CborWriter writer{MutableBytes(head)};
  writer.bytes_head(manifest.size);
  static constexpr std::uint8_t kEnd[] = {0x67, '#', 'm', 'o', 'd', 'u', 'l', 'e', 0x58, 32};
  const Bytes parts[] = {begin, writer.written(), manifest, kEnd};
  std::size_t size = 0;
  for (const Bytes part : parts) size += part.size;
  if (size > sizeof(room)) return {};
  std::uint8_t* to = room + sizeof(room) - size;
  const Bytes all{to, size};
  for (const Bytes part : parts) {
    std::memcpy(to, part.data, part.size);
    to += part.size;
  }
  return all;
}

void inside(Bytes borrowed, Bytes all) {
  if (borrowed.size == 0) return;
  if (borrowed.data < all.data || borrowed.data + borrowed.size > all.data + all.size) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Device device;
  if (size < 2) return 0;
  const Bytes rest{data + 1, size - 1};
  const bool is_manifest = (data[0] & 1u) != 0;
  const Bytes head = is_manifest ? envelope_around(rest) : rest;
  const auto total_bytes = static_cast<std::uint32_t>(head.size + (is_manifest ? 32u : data[0] >> 1));
  BundleHead read;
  if (read_bundle_head(head, total_bytes, read) != Status::ok) return 0;
  if (read.payload_offset > head.size || read.payload_bytes > total_bytes - read.payload_offset) std::abort();
  if (read.signature_count == 0 || read.signature_count > kMaxSigners) std::abort();
  const Plan& plan = read.plan;
  for (const Bytes borrowed : {plan.vendor, plan.klass, plan.device, plan.carried_digest, plan.module_digest,
                               plan.encryption_info, plan.base_digest, read.digest_message, read.digest})
    inside(borrowed, head);
  for (unsigned i = 0; i < read.signature_count; ++i) inside(read.signatures[i], head);
  if (plan.vendor.size != 16 || plan.klass.size != 16 || plan.carried_digest.size != 32 ||
      plan.module_digest.size != 32 || plan.sequence == 0 || plan.is_delta != (plan.base_digest.size == 32))
    std::abort();
  if (device.trust.verify(read) != Status::ok) return 0;
  TagCheck tag;
  ContentKey key;
  static_cast<void>(tag.begin(plan, device.trust.identity(), key));
  return 0;
}
