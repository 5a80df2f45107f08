// Any bytes as the head of a bundle, read by the device. First byte: bit 0 makes the rest a manifest and puts a signed
// envelope around it, else it is the head itself; the other bits say how much of it has arrived. What the device
// accepts, the host's reader for envelopes of anybody accepts, too, and everything borrowed lies in what was given.

#include <cstdlib>
#include <vector>

#include "cbor.hpp"
#include "mote/base/hash.hpp"
#include "mote/package/parcel.hpp"
#include "mote/package/suit_envelope.hpp"
#include "update/cose.hpp"
#include "update/encryption.hpp"
#include "update/port.hpp"
#include "update/suit.hpp"

using namespace mote;
using update::Status;

namespace {

/// An envelope as sign_bundle makes it, but with one signature block for all: the head's reader does not verify, and
/// signing would take most of the time.
Bytes envelope_around(ByteSpan content) {
  static const Bytes block = [] {
    const package::SigningKey signers[] = {package::SigningKey::from_seed({1})};
    const Bytes bundle = package::sign_bundle({Bytes{0x40}, {}}, signers);
    update::CborReader reader(package::view(bundle));
    reader.tag();
    reader.map();
    reader.unsigned_int();
    update::CborReader wrapper(reader.bytes());
    wrapper.array();
    wrapper.bytes();
    const update::Bytes found = wrapper.bytes();
    return Bytes(found.data, found.data + found.size);
  }();
  const auto item = [](auto write) { return package::cbor(write); };
  const Bytes manifest = item([&](update::CborWriter& w) { w.bytes(package::view(content)); });
  const Bytes digest = item([&](update::CborWriter& w) {
    w.array(2);
    w.integer(update::kAlgorithmSha256);
    w.bytes(package::view(sha256(manifest).bytes));
  });
  const Bytes authentication = item([&](update::CborWriter& w) {
    w.array(2);
    w.bytes(package::view(digest));
    w.bytes(package::view(block));
  });
  return item([&](update::CborWriter& w) {
    w.tag(update::kTagSuitEnvelope);
    w.map(3);
    w.unsigned_int(2);
    w.bytes(package::view(authentication));
    w.unsigned_int(3);
    w.raw(package::view(manifest));
    w.text("#module");
    w.bytes(package::view(Bytes(32, 7)));
  });
}

/// Of a member of the group that the seeds are encrypted for.
const update::Identity& identity() {
  static const update::Identity member = [] {
    update::Identity made;
    made.group_key[0] = 1;
    return made;
  }();
  return member;
}

void inside(update::Bytes borrowed, update::Bytes all) {
  if (borrowed.size == 0) return;
  if (borrowed.data < all.data || borrowed.data + borrowed.size > all.data + all.size) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const ByteSpan rest(data + 1, size - 1);
  Bytes bytes(rest.begin(), rest.end());
  if (data[0] % 2 == 1) bytes = envelope_around(rest);
  // On the heap, and no more than is said to be there.
  const std::size_t arrived = data[0] < 128 ? bytes.size() : data[0] % bytes.size();
  const Bytes head(bytes.begin(),
                   bytes.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(arrived, update::kMaxHeadBytes)));
  const update::Bytes given = package::view(head);
  update::BundleHead read;
  if (update::read_bundle_head(given, static_cast<std::uint32_t>(bytes.size()), read) != Status::ok) return 0;
  if (read.payload_offset > head.size() || read.payload_bytes > bytes.size() - read.payload_offset) std::abort();
  if (read.signature_count == 0 || read.signature_count > update::kMaxSigners) std::abort();
  const update::Plan& plan = read.plan;
  for (const update::Bytes borrowed :
       {plan.vendor, plan.klass, plan.device, plan.carried_digest, plan.module_digest, plan.encryption_info,
        plan.base_digest, read.digest_message, read.digest, read.signatures[0], read.signatures[3]})
    inside(borrowed, given);
  if (plan.vendor.size != 16 || plan.klass.size != 16 || plan.carried_digest.size != 32 ||
      plan.module_digest.size != 32 || plan.sequence == 0 || plan.is_delta != (plan.base_digest.size == 32))
    std::abort();
  // Signature blocks and encryption-info are looked into later: held against the other reader is what is ours, and what
  // the device would go on with.
  update::ContentKey key;
  const bool opens =
      plan.encryption_info.size == 0 || update::find_content_key(plan.encryption_info, identity(), key) == Status::ok;
  if (data[0] % 2 == 1 && opens && !package::read_suit(bytes)) std::abort();
  return 0;
}
