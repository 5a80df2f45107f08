#pragma once
// A field device that runs natively: agent, flash and modules in this process.

#include "mote/simulation/field_device.hpp"

namespace mote::simulation {

[[nodiscard]] Result<std::unique_ptr<FieldDevice>> make_native_field_device(const board::BoardSpec& board,
                                                                            const BoardStorage& storage,
                                                                            ByteSpan factory);

}  // namespace mote::simulation
