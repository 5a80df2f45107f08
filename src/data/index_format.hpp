#pragma once
// The `index` file of a dataset, byte by byte as docs/formats/dataset.md has it. Private to this module.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/base/hash.hpp"
#include "mote/data/dataset.hpp"

namespace mote::data {

inline constexpr const char* kIndexFile = "index";
inline constexpr const char* kSamplesFile = "samples.bin";
inline constexpr std::array<std::uint8_t, 8> kIndexMagic{'M', 'O', 'T', 'E', 'D', 'A', 'T', 'A'};
inline constexpr std::uint32_t kIndexVersion = 1;
inline constexpr std::size_t kIndexHeaderBytes = 96;
inline constexpr std::size_t kIndexRecordBytes = 80;
/// Samples start at multiples of this, so that a mapped sample can be read as i16 or f32.
inline constexpr std::size_t kSampleAlignment = 16;

/// One sample as the index has it.
struct IndexRecord {
  std::uint64_t offset = 0;  ///< in samples.bin
  Shape shape;
  Partition partition = Partition::none;
  std::int32_t label = -1;
  std::int32_t group = -1;
  std::uint64_t source_offset = 0;  ///< in the blob of sources
  std::uint32_t source_bytes = 0;
  Digest digest;
};

struct IndexHeader {
  DatasetInfo info;
  Digest content_hash;
  std::uint64_t sample_count = 0;
  std::uint64_t samples_bytes = 0;
  std::size_t records_offset = 0;  ///< filled by decode_index
  std::size_t sources_offset = 0;
  std::uint64_t sources_bytes = 0;
};

/// SHA-256 of one sample: type, shape, values.
[[nodiscard]] Digest digest_sample(Element element, const Shape& shape, ByteSpan values);
/// The dataset's hash, from what its index holds.
[[nodiscard]] Digest digest_dataset(const DatasetInfo& info, std::span<const IndexRecord> records);

[[nodiscard]] Bytes encode_index(const IndexHeader& header, std::span<const IndexRecord> records,
                                 std::string_view sources);
/// Checks everything that can be checked without samples.bin: checksum, ranges, overflow.
/// @error malformed, unsupported
[[nodiscard]] Result<IndexHeader> decode_index(ByteSpan index);
/// Record `i` of an index that decode_index accepted.
[[nodiscard]] IndexRecord decode_record(ByteSpan index, const IndexHeader& header, std::size_t i);

}  // namespace mote::data
