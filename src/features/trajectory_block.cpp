// Block `trajectory`.

#include <bit>

#include "block.hpp"
#include "features/trajectory.hpp"

namespace mote::features {
namespace {

class TrajectoryBlock final : public Block {
 public:
  TrajectoryBlock(const TrajectoryConfig& config, const SensorSpec& sensor) : Block(config, sensor) {
    params_ = {static_cast<std::int32_t>(config.points), std::countr_zero(config.delta_gain)};
    shape_ = {config.points, 4};
    scale_ = 1.0 / (1 << device::kTrajectoryFractionBits);
    names_ = {"x", "y", "dx", "dy"};
  }

  void run(const Input& input, std::int16_t* out, std::int32_t*) const override {
    device::trajectory(params_, input.series, out);
  }

  void emit(CodeWriter& code, const device::FeatureQuantization&) const override {
    code.include("features/trajectory.hpp");
    code.line("mote::device::TrajectoryParams p;");
    code.field("points", params_.points);
    code.field("delta_gain_log2", params_.delta_gain_log2);
    code.line("mote::device::trajectory(p, series, features);");
  }

 private:
  device::TrajectoryParams params_{};
};

}  // namespace

BlockResult make_trajectory(const TrajectoryConfig& config, const SensorSpec& sensor) {
  MOTE_TRY_VOID(require_series(config, sensor));
  if (sensor.channels != 2) {
    return fail(Code::invalid_argument, "trajectory: needs points with the 2 channels x and y, but the sensor gives " +
                                            std::to_string(sensor.channels));
  }
  if (sensor.length > device::kTrajectoryMaxLength)
    return fail(Code::invalid_argument, "trajectory: paths have at most 8192 points");
  if (config.points < 2 || config.points > 1024) return bad_parameter(config, "points", "must be 2 to 1024");
  if (!std::has_single_bit(config.delta_gain) || config.delta_gain > 16)
    return bad_parameter(config, "delta_gain", "must be 1, 2, 4, 8 or 16");
  return std::make_shared<TrajectoryBlock>(config, sensor);
}

}  // namespace mote::features
