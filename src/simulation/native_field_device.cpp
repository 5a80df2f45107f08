#include "native_field_device.hpp"

#include <algorithm>
#include <optional>

#include "abi/module.hpp"
#include "boards/agent_state.hpp"
#include "mote/package/bytes_source.hpp"
#include "mote/simulation/flash_port.hpp"
#include "mote/simulation/native_modules.hpp"
#include "update/serial.hpp"

namespace mote::simulation {
namespace {

using device::AgentState;
using update::Status;

constexpr std::size_t kArenaBytes = 256 * 1024;

class NativeFieldDevice : public FieldDevice {
 public:
  NativeFieldDevice(board::NorFlash flash, const update::Layout& layout, std::uint32_t stale_after_s)
      : flash_(std::move(flash)), layout_(layout), modules_(kArenaBytes) {
    policy_.stale_after_s = stale_after_s;
  }

  Result<AgentState> start(update::ResetCause cause) override {
    radio_ = {};
    progress_ = update::Progress::idle;
    agent_.reset();
    port_.emplace(flash_, layout_);
    auto& runtime = port_->runtime_;
    runtime.core = static_cast<std::uint32_t>(device::Core::host);
    runtime.arena_bytes = kArenaBytes;
    runtime.arena_align = 64;
    runtime.stack_bytes = 1 << 20;
    runtime.firmware_version = 1;
    port_->battery = battery_;
    port_->clock = clock_s_;
    port_->run = [this](ByteSpan slot, bool fresh, ByteSpan input) { return modules_.invoke(slot, fresh, input); };
    agent_.emplace(*port_, policy_);
    link_.emplace(*agent_, update::MutableBytes(line_));
    return ask([&] { return agent_->start(cause); });
  }
  Result<AgentState> state() override {
    return ask([] { return Status::ok; });
  }
  Result<AgentState> step(std::uint16_t count) override {
    return ask([&] {
      progress_ = update::Progress::worked;
      for (; count > 0 && progress_ == update::Progress::worked; --count) progress_ = agent_->step();
      return Status::ok;
    });
  }
  Result<AgentState> announce(const update::Announcement& announcement) override {
    return ask([&] { return agent_->announce(announcement); });
  }
  Result<AgentState> put(std::uint32_t number, ByteSpan block) override {
    return ask([&] {
      update::Inbox* inbox = agent_->inbox();
      return inbox == nullptr ? Status::waiting : inbox->put(number, {block.data(), block.size()});
    });
  }
  Result<AgentState> radio(ByteSpan frame) override {
    Bytes bytes(frame.begin(), frame.end());
    return ask([&] { return radio_.take(*agent_, {bytes.data(), bytes.size()}, update::MutableBytes(scratch_)); });
  }
  Result<AgentState> offer(ByteSpan parcel) override {
    card_ = package::BytesSource(parcel);
    return ask([&] { return agent_->offer(card_); });
  }
  Result<AgentState> abandon(Status reason) override {
    return ask([&] {
      agent_->abandon(reason);
      return Status::ok;
    });
  }
  Result<AgentState> world(std::uint8_t battery_percent, std::uint64_t clock_s) override {
    port_->battery = battery_ = battery_percent;
    port_->clock = clock_s_ = clock_s;
    return state();
  }
  Result<Bytes> infer(ByteSpan input) override {
    try {
      const std::uint8_t* output = nullptr;
      if (agent_->has_module()) output = port_->invoke(agent_->module_offset(), false, {input.data(), input.size()});
      if (output == nullptr) {
        agent_->inference_failed();
        return Bytes{};
      }
      const auto* header = reinterpret_cast<const device::ModuleHeader*>(port_->map(agent_->module_offset()));
      // The shadow run needs the arena: the answer is taken out of it first.
      Bytes answer(output, output + header->output_bytes);
      agent_->inferred({input.data(), input.size()}, {answer.data(), answer.size()});
      return answer;
    } catch (PowerLost) {
      return power_failed();
    }
  }
  Result<Bytes> report() override {
    try {
      Bytes bytes(update::kMaxReportBytes);
      bytes.resize(agent_->report({bytes.data(), bytes.size()}));
      return bytes;
    } catch (PowerLost) {
      return power_failed();
    }
  }
  Result<Bytes> serial(ByteSpan bytes) override {
    if (!flash_.powered()) return power_failed();
    try {
      Bytes answer;
      for (const std::uint8_t byte : bytes) link_->take(byte, [&](std::uint8_t out) { answer.push_back(out); });
      return answer;
    } catch (PowerLost) {
      return power_failed();
    }
  }
  Result<void> power_on(std::uint64_t seed) override {
    flash_.restore_power(seed);
    return {};
  }
  board::NorFlash& flash() override { return flash_; }
  std::uint32_t update_offset() const override { return 0; }
  Result<void> flip(std::uint32_t offset, unsigned bit) override { return flash_.flip(offset, bit); }

 private:
  static tl::unexpected<Error> power_failed() { return fail(Code::io, "power failed"); }

  template <class F>
  Result<AgentState> ask(F what) {
    if (!flash_.powered()) return power_failed();
    try {
      const Status answer = what();
      return device::agent_state(*agent_, answer, progress_);
    } catch (PowerLost) {
      return power_failed();
    }
  }

  board::NorFlash flash_;
  update::Layout layout_;
  update::Policy policy_;
  NativeModules modules_;
  package::BytesSource card_;
  std::uint8_t battery_ = 100;
  std::uint64_t clock_s_ = 0;
  std::optional<FlashPort> port_;
  std::optional<update::Agent> agent_;
  update::RadioReceiver<update::Agent> radio_;
  std::optional<update::SerialLink<update::Agent>> link_;
  std::uint8_t line_[device::kAgentSerialBytes] = {};
  std::uint8_t scratch_[update::kPageBytes] = {};
  update::Progress progress_ = update::Progress::idle;
};

}  // namespace

Result<std::unique_ptr<FieldDevice>> make_native_field_device(const board::BoardSpec& board,
                                                              const BoardStorage& storage, ByteSpan factory) {
  const update::Layout layout = layout_on(board, storage);
  MOTE_TRY(board::NorFlash flash,
           board::NorFlash::create({layout.end(), layout.sector_bytes, layout.write_unit_bytes, 1}));
  MOTE_TRY_VOID(flash.load(0, factory));
  return std::make_unique<NativeFieldDevice>(std::move(flash), layout, storage.stale_after_s);
}

}  // namespace mote::simulation
