#pragma once
// Private to the module: of measured forms, one for each layer.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace mote::bench {

/// One way to compute a layer.
struct FormCost {
  std::uint64_t cycles = 0;
  std::size_t bytes = 0;                 ///< of flash, its own: constants
  std::vector<std::size_t> functions{};  ///< indices; a function is in flash once, whoever uses it
};

struct FormCosts {
  std::vector<std::vector<FormCost>> layers;  ///< none is empty
  std::vector<std::size_t> function_bytes;
};

struct Selection {
  std::vector<std::size_t> forms;  ///< of each layer
  std::uint64_t cycles = 0;
  std::size_t bytes = 0;  ///< of flash, functions included
};

/// The selections that none beats: by rising bytes, each with fewer cycles than the one before.
///
/// Dynamic programming, layer by layer. What lies behind a layer is summed up by bytes, cycles and those functions in
/// flash that a later layer could use too; of two such states the one that is no better in any is dropped. Where more
/// than `most_states` are left, of those about as large as each other only the fastest stays: below that number the
/// result is exact.
[[nodiscard]] std::vector<Selection> pareto_selections(const FormCosts& costs, std::size_t most_states = 1024);

}  // namespace mote::bench
