#pragma once
// Small models to update devices with: real ones, compiled for the board, in the kinds that an update can meet.

#include <string>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/board/board_spec.hpp"

namespace mote::simulation {

struct Model {
  std::string name;
  Bytes module;
};

/// All have the same input and output.
struct Models {
  Model first;                      ///< what a device has from the factory
  Model second;                     ///< a calibration of the same network with other data: nearly the same answers
  Model third;                      ///< the same once more
  Model disagreeing;                ///< a network with other weights: passes its self-test, answers otherwise
  Bytes second_delta, third_delta;  ///< of these against `first`
  Model untrue;                     ///< its self-test vectors are not what it computes
  Bytes inputs;                     ///< what devices see, one input after the other
  std::size_t input_bytes = 0;
  std::size_t arena_bytes = 0;     ///< that all of them fit
  std::uint32_t module_bytes = 0;  ///< the same
};

/// Deterministic.  @error as compile::compile.
[[nodiscard]] Result<Models> make_models(const board::BoardSpec& board);

}  // namespace mote::simulation
