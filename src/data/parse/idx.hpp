#pragma once
// IDX, the format of MNIST: 00 00 <type> <rank>, then `rank` big-endian u32 extents, then big-endian values.

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "byte_stream.hpp"
#include "mote/base/error.hpp"

namespace mote::data {

enum class IdxType : std::uint8_t { u8 = 0x08, i8 = 0x09, i16 = 0x0b, i32 = 0x0c, f32 = 0x0d, f64 = 0x0e };
[[nodiscard]] std::size_t value_bytes(IdxType type);

inline constexpr std::size_t kIdxMaxRank = 4;
inline constexpr std::uint64_t kIdxMaxItemBytes = std::uint64_t{64} << 20;
inline constexpr std::uint32_t kIdxMaxItems = 1u << 30;

/// Reads items (the first dimension) one block after another; never holds more than the caller's buffer.
class IdxReader {
 public:
  /// @error malformed, too_large, io  with the byte of the unpacked file.
  [[nodiscard]] static Result<IdxReader> open(std::unique_ptr<ByteStream> stream);

  [[nodiscard]] IdxType type() const { return type_; }
  /// All extents; dims()[0] is the number of items.
  [[nodiscard]] const std::vector<std::uint32_t>& dims() const { return dims_; }
  [[nodiscard]] std::uint32_t items() const { return dims_[0]; }
  [[nodiscard]] std::size_t item_bytes() const { return item_bytes_; }

  /// Reads the next items, converted to little-endian.
  /// @param out  a whole number of items, at most as many as are left.
  /// @error malformed  truncated, with byte and item.   @error io
  [[nodiscard]] Result<void> read_items(std::span<std::uint8_t> out);
  /// After the last item: checks that nothing follows (and the gzip checksum).
  [[nodiscard]] Result<void> expect_end();

 private:
  IdxReader(std::unique_ptr<ByteStream> stream) : stream_(std::move(stream)) {}
  std::unique_ptr<ByteStream> stream_;
  IdxType type_ = IdxType::u8;
  std::vector<std::uint32_t> dims_;
  std::size_t item_bytes_ = 0;
  std::uint64_t offset_ = 0;
};

}  // namespace mote::data
