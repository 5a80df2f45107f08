#include "mote/simulation/native_device.hpp"

#include "abi/module.hpp"

namespace mote::simulation {

update::Port::Runtime native_runtime(const Models& models) {
  update::Port::Runtime runtime;
  runtime.core = static_cast<std::uint32_t>(device::Core::host);
  runtime.arena_bytes = static_cast<std::uint32_t>(models.arena_bytes);
  runtime.arena_align = 64;
  runtime.stack_bytes = 4096;
  runtime.firmware_version = 3;
  return runtime;
}

NativeDevice::NativeDevice(board::NorFlash& flash, const DeviceHardware& hardware, NativeModules& modules,
                           const Models& models)
    : flash_(flash), hardware_(hardware), modules_(modules), models_(models) {}

update::Status NativeDevice::start(update::ResetCause cause) {
  agent_.reset();
  port_.emplace(flash_, hardware_.layout);
  port_->runtime_ = hardware_.runtime;
  port_->battery = hardware_.battery_percent;
  port_->clock = hardware_.clock_s;
  port_->run = [this](ByteSpan slot, bool fresh, ByteSpan input) { return modules_.invoke(slot, fresh, input); };
  agent_.emplace(*port_, hardware_.policy);
  return agent_->start(cause);
}

bool NativeDevice::infer() {
  if (!agent_->has_module()) return false;
  const std::size_t count = models_.inputs.size() / models_.input_bytes;
  const update::Bytes input{models_.inputs.data() + (next_input_++ % count) * models_.input_bytes, models_.input_bytes};
  const std::uint8_t* output = port_->invoke(agent_->module_offset(), false, input);
  if (output == nullptr) {
    agent_->inference_failed();
    return false;
  }
  const auto* header = reinterpret_cast<const device::ModuleHeader*>(port_->map(agent_->module_offset()));
  // The shadow run needs the arena: the answer is taken out of it first.
  const Bytes answer(output, output + header->output_bytes);
  agent_->inferred(input, {answer.data(), answer.size()});
  return true;
}

}  // namespace mote::simulation
