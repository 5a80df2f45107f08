#pragma once
// Cuts the power at every flash operation of every scenario on every kind of flash, then again while the device
// recovers, and judges what is left. What runs is the shipping agent.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "mote/simulation/scenario.hpp"

namespace mote::simulation {

struct TortureOptions {
  std::uint64_t seed = 1;
  std::uint64_t stride = 1;     ///< every how manieth operation is cut; 1: each
  std::uint64_t most_cuts = 0;  ///< stop after about so many; 0: no limit
  update::PlantedBug planted = update::PlantedBug::none;
  std::string scenario, flash;  ///< only those whose name contains it
  unsigned threads = 1;
};

struct Finding {
  std::string what;  ///< "bricked", "lost update", "downgrade"
  std::string flash, scenario;
  std::uint64_t operation = 0;
  std::string detail;
};

struct TortureReport {
  std::uint64_t cuts = 0;  ///< first ones and second ones
  std::uint64_t second_cuts = 0;
  std::uint64_t operations = 0;  ///< of the whole scenarios, together
  std::size_t scenarios = 0, flashes = 0;
  std::uint64_t bricked = 0, lost_updates = 0, downgrades = 0;
  std::vector<Finding> findings;   ///< the first ones of each kind
  std::vector<std::string> kinds;  ///< kinds of cuts

  void note(Finding finding);
  void add(TortureReport part);
};

/// @param progress  called with the cuts so far.
/// @error as make_scenarios.
[[nodiscard]] Result<TortureReport> torture(const Models& models, const TortureOptions& options,
                                            const std::function<void(std::uint64_t)>& progress = {});

/// A sample of the same on an emulated board: its firmware takes the scenarios' updates, and power is cut while the
/// processor waits for its flash. `stride`, `flash` and `planted` mean nothing here; `most_cuts` 0: a thousand.
/// @error as make_models, BoardDevice.
[[nodiscard]] Result<TortureReport> torture_on(const board::BoardSpec& board, const TortureOptions& options);

}  // namespace mote::simulation
