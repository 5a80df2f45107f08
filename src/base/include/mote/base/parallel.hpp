#pragma once
// Splits independent work over the machine's cores. Results do not depend on how many there are.

#include <cstddef>
#include <functional>

namespace mote {

/// Number of cores this process may use (at least 1).
[[nodiscard]] std::size_t core_count();

/// Calls `body(index, worker)` once for each index in [0, count), on up to `workers` threads (0 means core_count()).
/// `worker` in [0, workers) names the calling thread, for per-thread scratch. Returns when all are done.
void parallel_for(std::size_t count, const std::function<void(std::size_t index, std::size_t worker)>& body,
                  std::size_t workers = 0);

}  // namespace mote
