// Any bytes as a report that a server is brought: taken apart, and opened with the device's key. Cryptography is
// assumed.

#include <cstdlib>

#include "mote/package/report.hpp"

using namespace mote;
using namespace mote::package;
using update::Status;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteSpan bytes(data, size);
  Report claimed, opened;
  const Status form = parse_report(bytes, claimed);
  const Status status = open_report(bytes, ReportKey{8}, opened);
  if (status == Status::ok && (form != Status::ok || claimed.number != opened.number)) std::abort();
  if (form != Status::ok) return 0;
  if (!claimed.active_digest.empty() && claimed.active_digest.size() != 32) std::abort();
  // What a server prints of it: only sometimes, since texts take longer than the parser.
  if (claimed.number % 64 == 0 && describe(claimed).empty()) std::abort();
  return 0;
}
