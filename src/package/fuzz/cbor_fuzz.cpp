// Any bytes as CBOR: what the host's reader takes is encoded again byte for byte, and the device's reader passes over
// it to its end. Whatever the device's reader does, it stays inside.

#include <cstdlib>

#include "mote/package/cbor_value.hpp"

using mote::update::CborKeys;
using mote::update::CborReader;
using mote::update::Status;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const mote::ByteSpan bytes(data, size);
  const auto value = mote::package::read_cbor(bytes);
  CborReader skipping({data, size});
  skipping.skip();
  if (skipping.offset() > size) std::abort();
  if (value) {
    const mote::Bytes written = mote::package::write_cbor(*value);
    if (!std::equal(written.begin(), written.end(), data, data + size)) std::abort();
    if (skipping.finish() != Status::ok) std::abort();
    static_cast<void>(mote::package::diagnostic(*value));
  }
  static_cast<void>(mote::package::read_cbor_sequence(bytes));

  // Keys of a map ascend, or that is said.
  CborReader reader({data, size});
  std::int64_t before = 0;
  bool any = false;
  for (CborKeys keys(reader); keys.next(); any = true, before = keys.key()) {
    const bool ascends = (keys.key() >= 0) == (before >= 0) ? (keys.key() >= 0) == (keys.key() > before) : before >= 0;
    if (any && !ascends) std::abort();
    reader.skip();
  }
  return 0;
}
