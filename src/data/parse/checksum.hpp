#pragma once
// The CRC of gzip and PNG (zlib's).

#include <cstdint>

#include "mote/base/bytes.hpp"

namespace mote::data {

[[nodiscard]] std::uint32_t crc32_of(ByteSpan bytes);

}  // namespace mote::data
