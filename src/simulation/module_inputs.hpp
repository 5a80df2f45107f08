#pragma once
// What a virtual device's sensor shows.

#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/rng.hpp"

namespace mote::simulation {

/// The inputs of a module's own test vectors, and random ones until there are 16.
[[nodiscard]] std::vector<Bytes> module_inputs(ByteSpan module, Rng& rng);

}  // namespace mote::simulation
