#pragma once
// Budgets: a limit, what a result needs of it, and who needs most. The sentences that `mote run` ends with.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/error.hpp"

namespace mote::pipeline {

enum class Bound {
  at_most,   ///< flash, RAM, latency, energy
  at_least,  ///< accuracy
};

struct Contributor {
  std::string name;  ///< "weights of conv2", "code", "activation pool1"
  double value = 0;  ///< in the unit of its budget
};

struct Budget {
  std::string name;  ///< "flash"
  double limit = 0;
  double value = 0;
  std::string unit;  ///< "B", "ms", "uJ", "%" (a ratio, 0 to 1), "/day", or any other word
  Bound bound = Bound::at_most;
  std::vector<Contributor> contributors;

  /// False also when the value is not a number: what could not be measured does not fit.
  [[nodiscard]] bool ok() const;
  /// How much too much (or too little) it is, in `unit`; 0 when it holds.
  [[nodiscard]] double excess() const;
};

/// "flash: 69.6 KiB of 64 KiB, 5.56 KiB (8.7 %) too much; largest: weights of conv2 32 KiB, code 12.1 KiB"
/// or "flash: 40 KiB of 64 KiB". At most three contributors are named.
[[nodiscard]] std::string sentence(const Budget& budget);

/// @error budget  some are broken; the message holds the sentence of each, separated by "; ".
[[nodiscard]] Result<void> require_all(std::span<const Budget> budgets);

/// JSON list of {name, limit, value, unit, ok, contributors[{name, value}]}, contributors largest first.
[[nodiscard]] std::string to_json(std::span<const Budget> budgets);

}  // namespace mote::pipeline
