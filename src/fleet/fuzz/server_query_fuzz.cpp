// Any text as the query of a request for the list of parcels, and as a Range header. First byte: bit 0 which of them;
// the others make the size that a range is of.

#include <cstdlib>

#include "mote/fleet/http_range.hpp"
#include "mote/fleet/parcel_list.hpp"

using namespace mote::fleet;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 1u) == 0) {
    const std::uint64_t of = static_cast<std::uint64_t>(data[0] >> 3) << (8 * (data[0] >> 1 & 3u));
    const RangeAnswer range = parse_range(text, of);
    if (range.kind == RangeAnswer::Kind::part && (range.first > range.last || range.last >= of)) std::abort();
    return 0;
  }
  const auto query = parse_query(text);
  if (!query) return 0;
  const auto again = parse_query(print_query(*query));
  if (!again || again->sequence != query->sequence || again->vendor != query->vendor || again->klass != query->klass ||
      again->device != query->device || again->base != query->base)
    std::abort();
  return 0;
}
