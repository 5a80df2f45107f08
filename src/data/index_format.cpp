#include "index_format.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mote::data {
namespace {

constexpr std::size_t kChecksumBytes = 32;

std::uint64_t read_le(ByteSpan bytes, std::size_t offset, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t k = 0; k < count; ++k) value |= std::uint64_t{bytes[offset + k]} << (8 * k);
  return value;
}

std::uint32_t read_u32(ByteSpan bytes, std::size_t offset) {
  return static_cast<std::uint32_t>(read_le(bytes, offset, 4));
}

void write_name(ByteWriter& out, std::string_view text) {
  out.u32_le(static_cast<std::uint32_t>(text.size()));
  out.append(as_bytes(text));
}

Result<std::string> read_name(ByteReader& reader) {
  MOTE_TRY(const std::uint32_t size, reader.u32_le());
  MOTE_TRY(const ByteSpan text, reader.take(size));
  return std::string(text.begin(), text.end());
}

Result<std::vector<std::string>> read_names(ByteReader& reader, std::uint32_t count) {
  std::vector<std::string> names;
  names.reserve(std::min<std::size_t>(count, reader.remaining() / 4));
  for (std::uint32_t k = 0; k < count; ++k) {
    MOTE_TRY(std::string text, read_name(reader));
    names.push_back(std::move(text));
  }
  return names;
}

void write_record(ByteWriter& out, const IndexRecord& record) {
  out.u64_le(record.offset);
  for (const std::uint32_t dim : record.shape.dims) out.u32_le(dim);
  out.u8(record.shape.rank);
  out.u8(static_cast<std::uint8_t>(record.partition));
  out.u16_le(0);
  out.u32_le(static_cast<std::uint32_t>(record.label));
  out.u32_le(static_cast<std::uint32_t>(record.group));
  out.u64_le(record.source_offset);
  out.u32_le(record.source_bytes);
  out.u32_le(0);
  out.append(record.digest.bytes);
}

/// count() without overflow, or 0 when it would exceed `limit` or a dimension is 0.
std::uint64_t bounded_count(const Shape& shape, std::uint64_t limit) {
  if (shape.rank == 0 || shape.rank > kMaxRank) return 0;
  std::uint64_t count = 1;
  for (std::size_t k = 0; k < shape.rank; ++k) {
    if (shape.dims[k] == 0 || count > limit / shape.dims[k]) return 0;
    count *= shape.dims[k];
  }
  return count;
}

Result<void> check_record(const IndexRecord& record, std::size_t i, const IndexHeader& header) {
  const auto refuse = [&](const char* what) {
    return fail(Code::malformed, "record " + std::to_string(i) + ": " + what + "; import the data again");
  };
  const std::uint64_t count = bounded_count(record.shape, header.samples_bytes);
  if (count == 0) return refuse("impossible shape");
  const std::uint64_t bytes = count * element_bytes(header.info.element);
  if (record.offset > header.samples_bytes || bytes > header.samples_bytes - record.offset) {
    return refuse("its values would lie outside of samples.bin");
  }
  if (record.offset % kSampleAlignment != 0) return refuse("its values are not aligned");
  const auto in_names = [](std::int32_t number, const std::vector<std::string>& names) {
    return number >= -1 && (number < 0 || static_cast<std::size_t>(number) < names.size());
  };
  if (!in_names(record.label, header.info.labels)) return refuse("its label has no name");
  if (!in_names(record.group, header.info.groups)) return refuse("its group has no name");
  if (record.partition > Partition::test) return refuse("its partition is unknown");
  if (record.source_offset > header.sources_bytes ||
      record.source_bytes > header.sources_bytes - record.source_offset) {
    return refuse("its source text would lie outside of the index");
  }
  return {};
}

Result<IndexHeader> decode_header(ByteSpan index) {
  if (index.size() < kIndexHeaderBytes + kChecksumBytes)
    return fail(Code::malformed, "byte 0: too short for a dataset index");
  if (!std::equal(kIndexMagic.begin(), kIndexMagic.end(), index.begin())) {
    return fail(Code::malformed, "byte 0: not a dataset index");
  }
  const std::uint32_t version = read_u32(index, 8);
  if (version != kIndexVersion) {
    return fail(Code::unsupported, "byte 8: dataset format version " + std::to_string(version) +
                                       ", this mote reads version " + std::to_string(kIndexVersion) +
                                       "; import the data again");
  }
  const std::size_t body = index.size() - kChecksumBytes;
  const Digest checksum = sha256(index.first(body));
  if (!std::equal(checksum.bytes.begin(), checksum.bytes.end(), index.begin() + static_cast<std::ptrdiff_t>(body))) {
    return fail(Code::malformed, "the checksum does not match, the index was changed or cut; import the data again");
  }
  if (index[12] > static_cast<std::uint8_t>(Modality::strokes))
    return fail(Code::malformed, "byte 12: unknown modality");
  if (index[13] > static_cast<std::uint8_t>(Element::f32))
    return fail(Code::malformed, "byte 13: unknown element type");
  IndexHeader header;
  header.info.modality = static_cast<Modality>(index[12]);
  header.info.element = static_cast<Element>(index[13]);
  header.info.rate_hz = std::bit_cast<double>(read_le(index, 16, 8));
  if (!(header.info.rate_hz >= 0) || !std::isfinite(header.info.rate_hz))
    return fail(Code::malformed, "byte 16: bad rate");
  header.sample_count = read_le(index, 24, 8);
  header.samples_bytes = read_le(index, 32, 8);
  std::copy_n(index.begin() + 40, 32, header.content_hash.bytes.begin());
  return header;
}

}  // namespace

Digest digest_sample(Element element, const Shape& shape, ByteSpan values) {
  std::array<std::uint8_t, 2 + 4 * kMaxRank> prefix{static_cast<std::uint8_t>(element), shape.rank};
  for (std::size_t k = 0; k < kMaxRank; ++k) {
    for (std::size_t b = 0; b < 4; ++b) prefix[2 + 4 * k + b] = static_cast<std::uint8_t>(shape.dims[k] >> (8 * b));
  }
  return Hasher().update(prefix).update(values).finish();
}

Digest digest_dataset(const DatasetInfo& info, std::span<const IndexRecord> records) {
  Hasher hasher;
  hasher.field("mote dataset 1").field(static_cast<std::uint64_t>(info.modality));
  hasher.field(static_cast<std::uint64_t>(info.element)).field(std::bit_cast<std::uint64_t>(info.rate_hz));
  for (const auto* names : {&info.labels, &info.groups}) {
    hasher.field(std::uint64_t{names->size()});
    for (const std::string& text : *names) hasher.field(text);
  }
  hasher.field(std::uint64_t{records.size()});
  for (const IndexRecord& record : records) {
    ByteWriter line;
    line.append(record.digest.bytes);
    line.u32_le(static_cast<std::uint32_t>(record.label));
    line.u32_le(static_cast<std::uint32_t>(record.group));
    line.u8(static_cast<std::uint8_t>(record.partition));
    hasher.update(line.bytes());
  }
  return hasher.finish();
}

Bytes encode_index(const IndexHeader& header, std::span<const IndexRecord> records, std::string_view sources) {
  ByteWriter names;
  write_name(names, header.info.name);
  for (const std::string& text : header.info.labels) write_name(names, text);
  for (const std::string& text : header.info.groups) write_name(names, text);
  write_name(names, header.info.provenance);
  names.pad_to(8);

  ByteWriter out;
  out.append(kIndexMagic);
  out.u32_le(kIndexVersion);
  out.u8(static_cast<std::uint8_t>(header.info.modality));
  out.u8(static_cast<std::uint8_t>(header.info.element));
  out.u16_le(0);
  out.u64_le(std::bit_cast<std::uint64_t>(header.info.rate_hz));
  out.u64_le(records.size());
  out.u64_le(header.samples_bytes);
  out.append(header.content_hash.bytes);
  out.u32_le(static_cast<std::uint32_t>(header.info.labels.size()));
  out.u32_le(static_cast<std::uint32_t>(header.info.groups.size()));
  out.u64_le(names.bytes().size());
  out.u64_le(sources.size());
  out.append(names.bytes());
  for (const IndexRecord& record : records) write_record(out, record);
  out.append(as_bytes(sources));
  out.append(sha256(out.bytes()).bytes);
  return std::move(out).take();
}

Result<IndexHeader> decode_index(ByteSpan index) {
  MOTE_TRY(IndexHeader header, decode_header(index));
  const std::size_t room = index.size() - kIndexHeaderBytes - kChecksumBytes;
  const std::uint64_t names_bytes = read_le(index, 80, 8);
  header.sources_bytes = read_le(index, 88, 8);
  if (names_bytes > room || header.sources_bytes > room - names_bytes ||
      (room - names_bytes - header.sources_bytes) % kIndexRecordBytes != 0 ||
      (room - names_bytes - header.sources_bytes) / kIndexRecordBytes != header.sample_count) {
    return fail(Code::malformed, "byte 24: the sizes in the header do not add up to the size of the file");
  }
  header.records_offset = kIndexHeaderBytes + static_cast<std::size_t>(names_bytes);
  header.sources_offset = header.records_offset + static_cast<std::size_t>(header.sample_count) * kIndexRecordBytes;

  ByteReader names(index.subspan(kIndexHeaderBytes, static_cast<std::size_t>(names_bytes)));
  MOTE_TRY(header.info.name, read_name(names));
  MOTE_TRY(header.info.labels, read_names(names, read_u32(index, 72)));
  MOTE_TRY(header.info.groups, read_names(names, read_u32(index, 76)));
  MOTE_TRY(header.info.provenance, read_name(names));
  for (std::size_t i = 0; i < header.sample_count; ++i) {
    MOTE_TRY_VOID(check_record(decode_record(index, header, i), i, header));
  }
  return header;
}

IndexRecord decode_record(ByteSpan index, const IndexHeader& header, std::size_t i) {
  const std::size_t at = header.records_offset + i * kIndexRecordBytes;
  IndexRecord record;
  record.offset = read_le(index, at, 8);
  for (std::size_t k = 0; k < kMaxRank; ++k) record.shape.dims[k] = read_u32(index, at + 8 + 4 * k);
  record.shape.rank = index[at + 20];
  record.partition = static_cast<Partition>(index[at + 21]);
  record.label = static_cast<std::int32_t>(read_u32(index, at + 24));
  record.group = static_cast<std::int32_t>(read_u32(index, at + 28));
  record.source_offset = read_le(index, at + 32, 8);
  record.source_bytes = read_u32(index, at + 40);
  std::copy_n(index.begin() + static_cast<std::ptrdiff_t>(at + 48), 32, record.digest.bytes.begin());
  return record;
}

}  // namespace mote::data
