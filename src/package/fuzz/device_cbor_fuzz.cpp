// Any bytes as a sequence of CBOR items, each read by the device's function for what seems to come: what was read is
// what the writer writes, and nobody reads outside.

#include <cstdlib>
#include <cstring>

#include "update/cbor.hpp"

using mote::update::Bytes;
using mote::update::CborKeys;
using mote::update::CborReader;
using mote::update::CborType;
using mote::update::CborWriter;
using mote::update::MutableBytes;
using mote::update::Status;

namespace {

/// Reads a head, or a string with what is in it, and writes it.
void copy_item(CborReader& reader, CborWriter& writer) {
  switch (reader.peek()) {
    case CborType::unsigned_int:
      return writer.unsigned_int(reader.unsigned_int());
    case CborType::negative_int:
      return writer.integer(reader.integer());
    case CborType::bytes:
      return writer.bytes(reader.bytes());
    case CborType::text: {
      const Bytes text = reader.text();
      writer.head(CborType::text, text.size);
      return writer.raw(text);
    }
    case CborType::array:
      return writer.array(reader.array());
    case CborType::map:
      return writer.map(reader.map());
    case CborType::tag:
      return writer.tag(reader.tag());
    case CborType::simple:
      if (reader.peek_null()) {
        reader.null();
        return writer.null();
      }
      return writer.head(CborType::simple, reader.head().value);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes all{data, size};
  CborReader skipping(all);
  skipping.skip();
  if (skipping.offset() > size) std::abort();

  static std::uint8_t written[4096];
  CborWriter writer(written);
  CborReader reader(all);
  while (reader.status() == Status::ok && !reader.at_end()) {
    const std::size_t before = writer.size();
    copy_item(reader, writer);
    if (reader.status() == Status::ok && writer.size() != reader.offset()) std::abort();
    if (writer.size() < before || reader.offset() > size) std::abort();
  }
  if (reader.status() == Status::ok && writer.fits() && size != 0 && std::memcmp(written, data, size) != 0)
    std::abort();

  // The other ways to ask, at the same bytes.
  CborReader map(all);
  std::int64_t before = 0;
  bool any = false;
  for (CborKeys keys(map); keys.next(); any = true, before = keys.key()) {
    const bool ascends = (keys.key() >= 0) == (before >= 0) ? (keys.key() >= 0) == (keys.key() > before) : before >= 0;
    if (any && !ascends) std::abort();
    map.skip();
  }
  CborReader wrapped(all);
  const Bytes inside = wrapped.item();
  if (inside.size > size) std::abort();
  CborReader limited(all);
  if (limited.unsigned_int(1000) > 1000) std::abort();
  CborReader small(all);
  static_cast<void>(small.integer32());
  std::uint8_t sixteen[16] = {};
  CborReader copied(all);
  copied.copy_bytes(MutableBytes(sixteen));
  return 0;
}
