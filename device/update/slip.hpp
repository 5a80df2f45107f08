#pragma once
// Frames on a serial line: SLIP (RFC 1055) with a CRC-32 at the end of each. A reader finds the next frame whatever
// noise came before, and never keeps more than its buffer.

#include "update/crc32.hpp"

namespace mote::update {

namespace slip {
constexpr std::uint8_t kEnd = 0xc0, kEscape = 0xdb, kEscapedEnd = 0xdc, kEscapedEscape = 0xdd;
constexpr std::size_t kCrcBytes = 4;  ///< little-endian, over the frame's bytes before escaping
}  // namespace slip

/// Takes bytes from the line.
class SlipReader {
 public:
  /// @param buffer  for a frame and its CRC; borrowed.
  explicit SlipReader(MutableBytes buffer) : buffer_(buffer) {}

  /// @return a frame without its CRC, valid until the next call; empty: none has ended with this byte, or it was
  ///         damaged, longer than the buffer, or had nothing in it.
  Bytes take(std::uint8_t byte) {
    if (byte == slip::kEnd) return end();
    if (escaped_) {
      escaped_ = false;
      if (byte == slip::kEscapedEnd)
        add(slip::kEnd);
      else if (byte == slip::kEscapedEscape)
        add(slip::kEscape);
      else
        spoiled_ = true;
    } else if (byte == slip::kEscape) {
      escaped_ = true;
    } else {
      add(byte);
    }
    return {};
  }

 private:
  void add(std::uint8_t byte) {
    if (size_ == buffer_.size)
      spoiled_ = true;
    else
      buffer_.data[size_++] = byte;
  }
  Bytes end() {
    const std::size_t size = spoiled_ || escaped_ || size_ <= slip::kCrcBytes ? 0 : size_ - slip::kCrcBytes;
    size_ = 0;
    escaped_ = spoiled_ = false;
    if (size == 0) return {};
    std::uint32_t crc = 0;
    for (std::size_t i = slip::kCrcBytes; i-- > 0;) crc = crc << 8 | buffer_.data[size + i];
    return crc == crc32({buffer_.data, size}) ? Bytes{buffer_.data, size} : Bytes{};
  }

  MutableBytes buffer_;
  std::size_t size_ = 0;
  bool escaped_ = false, spoiled_ = false;
};

/// Puts one frame on the line, piece after piece.
/// @tparam Emit  called with each byte.
template <class Emit>
class SlipWriter {
 public:
  explicit SlipWriter(Emit& emit) : emit_(emit) { emit_(slip::kEnd); }  // ends whatever noise came before
  void add(Bytes piece) {
    crc_ = crc32(piece, crc_);
    for (std::size_t i = 0; i < piece.size; ++i) escape(piece[i]);
  }
  void end() {
    for (unsigned i = 0; i < slip::kCrcBytes; ++i) escape(static_cast<std::uint8_t>(crc_ >> (8 * i)));
    emit_(slip::kEnd);
  }

 private:
  void escape(std::uint8_t byte) {
    if (byte == slip::kEnd || byte == slip::kEscape) {
      emit_(slip::kEscape);
      byte = byte == slip::kEnd ? slip::kEscapedEnd : slip::kEscapedEscape;
    }
    emit_(byte);
  }
  Emit& emit_;
  std::uint32_t crc_ = 0;
};

}  // namespace mote::update
