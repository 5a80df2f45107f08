#include "idx.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace mote::data {
namespace {

Result<void> read_exactly(ByteStream& stream, std::span<std::uint8_t> out, std::uint64_t offset, const char* what) {
  MOTE_TRY(const std::size_t count, stream.read(out));
  if (count == out.size()) return {};
  return fail(Code::malformed, "byte " + std::to_string(offset + count) + ": truncated in " + what);
}

bool is_known(std::uint8_t type) {
  constexpr std::array<std::uint8_t, 6> kTypes{0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e};
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

std::string hex_byte(std::uint8_t value) { return "0x" + to_hex(std::span(&value, 1)); }

}  // namespace

std::size_t value_bytes(IdxType type) {
  switch (type) {
    case IdxType::u8:
    case IdxType::i8:
      return 1;
    case IdxType::i16:
      return 2;
    case IdxType::i32:
    case IdxType::f32:
      return 4;
    case IdxType::f64:
      return 8;
  }
  return 0;
}

Result<IdxReader> IdxReader::open(std::unique_ptr<ByteStream> stream) {
  IdxReader reader(std::move(stream));
  std::array<std::uint8_t, 4> magic{};
  MOTE_TRY_VOID(read_exactly(*reader.stream_, magic, 0, "the header"));
  if (magic[0] != 0 || magic[1] != 0) {
    return fail(Code::malformed, "byte 0: starts with " + hex_byte(magic[0]) + " " + hex_byte(magic[1]) +
                                     " instead of 0x00 0x00, so this is not an IDX file");
  }
  if (!is_known(magic[2]))
    return fail(Code::malformed, "byte 2: " + hex_byte(magic[2]) + " is not an IDX element type");
  if (magic[3] == 0 || magic[3] > kIdxMaxRank) {
    return fail(Code::unsupported, "byte 3: " + std::to_string(magic[3]) + " dimensions, 1 to " +
                                       std::to_string(kIdxMaxRank) + " are supported");
  }
  reader.type_ = static_cast<IdxType>(magic[2]);
  reader.offset_ = 4;
  std::uint64_t item_bytes = value_bytes(reader.type_);
  for (std::size_t k = 0; k < magic[3]; ++k) {
    std::array<std::uint8_t, 4> raw{};
    MOTE_TRY_VOID(read_exactly(*reader.stream_, raw, reader.offset_, "the header"));
    const std::uint32_t extent =
        (std::uint32_t{raw[0]} << 24) | (std::uint32_t{raw[1]} << 16) | (std::uint32_t{raw[2]} << 8) | raw[3];
    const std::string at = "byte " + std::to_string(reader.offset_) + ": dimension " + std::to_string(k + 1);
    if (extent == 0) return fail(Code::malformed, at + " is 0, there is nothing to import");
    if (k == 0 && extent > kIdxMaxItems) {
      return fail(Code::too_large, at + " says " + std::to_string(extent) + " items, at most " +
                                       std::to_string(kIdxMaxItems) + " are taken");
    }
    // Both factors are below 2^32 here, so the product cannot wrap before it is compared.
    if (k > 0 && (item_bytes *= extent) > kIdxMaxItemBytes) {
      return fail(Code::too_large,
                  at + " makes one item larger than " + std::to_string(kIdxMaxItemBytes >> 20) + " MiB");
    }
    reader.dims_.push_back(extent);
    reader.offset_ += 4;
  }
  reader.item_bytes_ = static_cast<std::size_t>(item_bytes);
  return reader;
}

Result<void> IdxReader::read_items(std::span<std::uint8_t> out) {
  const std::uint64_t header_bytes = 4 + 4 * dims_.size();
  MOTE_TRY(const std::size_t count, stream_->read(out));
  offset_ += count;
  if (count != out.size()) {
    return fail(Code::malformed, "byte " + std::to_string(offset_) + ": truncated in item " +
                                     std::to_string((offset_ - header_bytes) / item_bytes_) + " of " +
                                     std::to_string(items()));
  }
  const std::size_t width = value_bytes(type_);
  for (std::size_t k = 0; width > 1 && k < out.size(); k += width) {
    std::reverse(out.begin() + static_cast<std::ptrdiff_t>(k), out.begin() + static_cast<std::ptrdiff_t>(k + width));
  }
  return {};
}

Result<void> IdxReader::expect_end() {
  std::array<std::uint8_t, 1> extra{};
  MOTE_TRY(const std::size_t count, stream_->read(extra));
  if (count == 0) return {};
  return fail(Code::malformed,
              "byte " + std::to_string(offset_) + ": more bytes follow than the header's dimensions allow");
}

}  // namespace mote::data
