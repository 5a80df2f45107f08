#pragma once
// Which bytes a Range header asks for (RFC 9110, section 14.2).

#include <cstdint>
#include <string_view>

namespace mote::fleet {

struct RangeAnswer {
  enum class Kind { whole, part, unsatisfiable } kind = Kind::whole;
  std::uint64_t first = 0, last = 0;  ///< of a part, both included
};

/// One range of bytes is answered with a part. A header that is malformed, of another unit or with several ranges is
/// passed over, as the RFC allows: the answer is the whole.
[[nodiscard]] RangeAnswer parse_range(std::string_view header, std::uint64_t size);

}  // namespace mote::fleet
