#pragma once
// Budgets that a person gave, and what a compiled model takes of them.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "command.hpp"

namespace mote::app {

/// Bytes that are allowed and needed.
struct Budget {
  std::string name;         ///< "flash", "ram"
  std::uint64_t limit = 0;  ///< 0: none was given
  std::size_t value = 0;
};

/// Adds "budgets" to the answer, and a line for each that is not met: the result then does not hold.
void add_budgets(const std::vector<Budget>& budgets, Outcome& out);

}  // namespace mote::app
