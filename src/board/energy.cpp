#include "mote/board/energy.hpp"

namespace mote::board {

Energy energy(const BoardSpec& board, std::uint64_t cycles) {
  Energy result;
  const double seconds = static_cast<double>(cycles) / board.clock_hz;
  result.latency_ms = seconds * 1e3;
  result.known = board.run_current_ma > 0 && board.supply_volts > 0;
  // mA x V = mW; mW x s = mJ.
  result.energy_uj = board.supply_volts * board.run_current_ma * seconds * 1e3;
  const bool time_estimated = !board.calibration.fitted;
  if (time_estimated) result.estimated.push_back("latency_ms");
  const bool power_estimated = board.is_estimated("run_current_ma") || board.is_estimated("supply_volts");
  if (!result.known || time_estimated || power_estimated) result.estimated.push_back("energy_uj");
  return result;
}

}  // namespace mote::board
