#pragma once
// A forward-only source of bytes: memory, a file, or what gzip makes of either.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote::data {

class ByteStream {
 public:
  virtual ~ByteStream() = default;
  /// Fills `out`; returns fewer bytes only at the end of the stream.
  /// @error io, malformed
  [[nodiscard]] virtual Result<std::size_t> read(std::span<std::uint8_t> out) = 0;
};

/// Borrows `bytes`.
[[nodiscard]] std::unique_ptr<ByteStream> stream_of(ByteSpan bytes);

/// Unpacks gzip (RFC 1952, several members allowed), checking CRC and length at the end of each member.
/// Errors name the byte of the compressed stream. Memory use does not depend on the input.
[[nodiscard]] std::unique_ptr<ByteStream> gunzip(std::unique_ptr<ByteStream> packed);

/// `packed` itself, or gunzip of it when it starts like gzip.
/// @error io
[[nodiscard]] Result<std::unique_ptr<ByteStream>> gunzip_if_packed(std::unique_ptr<ByteStream> packed);

/// Opens a file and unpacks it when it is gzip.
/// @error not_found, io
[[nodiscard]] Result<std::unique_ptr<ByteStream>> open_stream(const std::filesystem::path& path);

}  // namespace mote::data
