#include "mote/fleet/remote_parcels.hpp"

#include <algorithm>

#include "mote/base/rng.hpp"

namespace mote::fleet {
namespace {

struct Run {
  std::uint32_t first = 0, count = 0;  // blocks
};

/// Missing blocks that lie side by side, no more than are read at once.
std::vector<Run> missing_runs(const update::Inbox& inbox, std::size_t best_bytes) {
  std::vector<Run> runs;
  const std::uint32_t most = static_cast<std::uint32_t>(std::max<std::size_t>(1, best_bytes / inbox.block_size(0)));
  for (std::uint32_t at = inbox.next_missing(0); at < inbox.block_count(); at = inbox.next_missing(at + 1)) {
    if (!runs.empty() && runs.back().first + runs.back().count == at && runs.back().count < most)
      ++runs.back().count;
    else
      runs.push_back({at, 1});
  }
  return runs;
}

}  // namespace

Result<std::size_t> fetch_missing(RemoteParcels& server, const ListedParcel& parcel, update::Inbox& inbox,
                                  FetchOrder order) {
  std::vector<Run> runs = missing_runs(inbox, server.best_read_bytes());
  if (order == FetchOrder::descending) std::reverse(runs.begin(), runs.end());
  if (order == FetchOrder::scattered) Rng(parcel.bytes).shuffle(std::span(runs));
  const std::uint64_t block_bytes = inbox.block_count() == 1 ? inbox.bytes() : inbox.block_size(0);
  std::size_t stored = 0;
  for (const Run& run : runs) {
    const std::uint64_t offset = run.first * block_bytes;
    std::size_t bytes = 0;
    for (std::uint32_t i = 0; i < run.count; ++i) bytes += inbox.block_size(run.first + i);
    MOTE_TRY(const Bytes data, server.read(parcel, offset, bytes));
    const std::uint8_t* from = data.data();
    for (std::uint32_t i = 0; i < run.count; ++i) {
      const std::size_t size = inbox.block_size(run.first + i);
      const update::Status status = inbox.put(run.first + i, {from, size});
      if (status != update::Status::ok)
        return fail(Code::too_large, std::string("the device cannot store a block: ") + update::name(status));
      from += size;
      ++stored;
    }
  }
  return stored;
}

}  // namespace mote::fleet
