#include <cstdlib>

#include "index_format.hpp"

/// The last 32 bytes are replaced by the right checksum, so that the fuzzer gets past it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mote::data;
  mote::Bytes index(data, data + size);
  const mote::Digest checksum = mote::sha256(index);
  index.insert(index.end(), checksum.bytes.begin(), checksum.bytes.end());
  const auto header = decode_index(index);
  if (!header) return 0;
  for (std::size_t i = 0; i < header->sample_count; ++i) {
    const IndexRecord record = decode_record(index, *header, i);
    const std::uint64_t bytes = record.shape.count() * element_bytes(header->info.element);
    if (record.offset + bytes > header->samples_bytes) std::abort();
    if (header->sources_offset + record.source_offset + record.source_bytes > index.size()) std::abort();
  }
  return 0;
}
