#pragma once
// How the answer of `why` is found in the records; no file is touched here.

#include <functional>
#include <vector>

#include "mote/registry/lineage.hpp"

namespace mote::registry {

/// @param members  gives the files of a stored folder, so that a single file finds the data sets that contain it.
/// @error not_found  no record and no folder mentions `id`.
[[nodiscard]] Result<Lineage> trace(const Digest& id, const std::vector<StepRecord>& records,
                                    const std::function<Result<Manifest>(const Digest&)>& members);

}  // namespace mote::registry
