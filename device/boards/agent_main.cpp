// Update firmware: the agent of device/update over the virtual board's flash controller, with the module that it
// manages. It has no module of its own. The host plays the world (agent_protocol.hpp).
//
// MOTE_CORE         the Core (abi/module.hpp) that this firmware is for, as a number
// MOTE_ARENA_BYTES  bytes to reserve for modules

#include <cstddef>
#include <cstdint>

#include "abi/misfit.hpp"
#include "boards/agent_protocol.hpp"
#include "boards/agent_state.hpp"
#include "boards/flash_controller.hpp"
#include "boards/markers.hpp"
#include "boards/uart.hpp"
#include "update/agent.hpp"
#include "update/radio.hpp"
#include "update/serial.hpp"

namespace {

using namespace mote;
using device::AgentReply;
using device::AgentRequest;
using update::Bytes;
using update::MutableBytes;
using update::Status;

alignas(32) std::uint8_t arena[MOTE_ARENA_BYTES];

constexpr std::uint32_t kIsaFeatures = 0
#if defined(__ARM_FEATURE_DSP)
                                       | device::isa_dsp
#endif
#if defined(__ARM_FP)
                                       | device::isa_fpu_single
#endif
    ;
#if defined(__thumb__)
constexpr std::uint32_t kFunctionBit = 1;
#else
constexpr std::uint32_t kFunctionBit = 0;
#endif

const device::AgentBoard& board() { return *reinterpret_cast<const device::AgentBoard*>(device::kAgentBoardOffset); }

class BoardPort : public update::Port {
 public:
  BoardPort() {
    layout_ = update::arrange(controller_.sector_bytes(), controller_.write_unit_bytes(), board().module_bytes,
                              board().inbox_bytes);
    runtime_.core = MOTE_CORE;
    runtime_.isa_features = kIsaFeatures;
    runtime_.arena_bytes = sizeof(arena);
    runtime_.arena_align = alignof(arena);
    runtime_.stack_bytes = 8192;
    runtime_.firmware_version = 1;
  }

  void read(std::uint32_t offset, MutableBytes to) override { update::copy(to.data, {map(offset), to.size}); }
  bool program(std::uint32_t offset, Bytes data) override {
    return controller_.program(board().update_offset + offset, data.data, static_cast<std::uint32_t>(data.size)) ==
           device::FlashController::Status::ok;
  }
  bool erase_sector(std::uint32_t offset) override {
    return controller_.erase_sector(board().update_offset + offset) == device::FlashController::Status::ok;
  }
  const std::uint8_t* map(std::uint32_t offset) override {
    return reinterpret_cast<const std::uint8_t*>(std::uintptr_t{board().update_offset} + offset);
  }
  const std::uint8_t* invoke(std::uint32_t offset, bool fresh, Bytes input) override {
    const std::uintptr_t base = std::uintptr_t{board().update_offset} + offset;
    const auto& header = *reinterpret_cast<const device::ModuleHeader*>(base);
    if (input.size != header.input_bytes) return nullptr;
    if (fresh && header.reset_offset != 0)
      reinterpret_cast<device::ResetFunction>(base + header.reset_offset + kFunctionBit)(arena);
    update::copy(arena + header.input_offset, input);
    mote_infer_begin();
    const std::int32_t status =
        reinterpret_cast<device::InvokeFunction>(base + header.entry_offset + kFunctionBit)(arena);
    mote_infer_end();
    return status == 0 ? arena + header.output_offset : nullptr;
  }
  unsigned battery_percent() override { return battery; }
  std::uint64_t clock_s() override { return clock; }

  std::uint8_t battery = 100;
  std::uint64_t clock = 0;

 private:
  device::FlashController controller_;
};

/// A parcel that the host holds, as a card in a slot.
class Card : public update::Source {
 public:
  Card(const device::Uart& uart) : uart_(uart) {}
  std::uint32_t bytes() const override { return size; }
  Status read(std::uint32_t offset, MutableBytes to) override {
    if (offset > size || to.size > size - offset) return Status::truncated;
    uart_.write(static_cast<std::uint8_t>(AgentReply::read));
    uart_.write_u32(offset);
    uart_.write(static_cast<std::uint8_t>(to.size));
    uart_.write(static_cast<std::uint8_t>(to.size >> 8));
    uart_.read(to.data, to.size);
    return Status::ok;
  }
  std::uint32_t size = 0;

 private:
  const device::Uart& uart_;
};

class Firmware {
 public:
  [[noreturn]] void serve() {
    uart_.start();
    *reinterpret_cast<volatile std::uint32_t*>(0xe000edfc) |= 1u << 24;  // DEMCR.TRCENA
    *reinterpret_cast<volatile std::uint32_t*>(0xe0001000) |= 1u;        // DWT_CTRL.CYCCNTENA
    for (;;) handle(static_cast<AgentRequest>(uart_.read()));
  }

 private:
  std::uint32_t read_u16() {
    const std::uint32_t low = uart_.read();
    return low | std::uint32_t{uart_.read()} << 8;
  }
  void write_u16(std::size_t value) {
    uart_.write(static_cast<std::uint8_t>(value));
    uart_.write(static_cast<std::uint8_t>(value >> 8));
  }

  void handle(AgentRequest request) {
    switch (request) {
      case AgentRequest::start:
        return reply(agent_.start(static_cast<update::ResetCause>(uart_.read())));
      case AgentRequest::step: {
        progress_ = update::Progress::worked;
        for (std::uint32_t left = read_u16(); left > 0 && progress_ == update::Progress::worked; --left) {
          const std::uint32_t begin = cycles();
          progress_ = agent_.step();
          const std::uint32_t took = cycles() - begin;
          if (took > longest_step_cycles_) longest_step_cycles_ = took;
        }
        return reply(Status::ok);
      }
      case AgentRequest::infer:
        return infer();
      case AgentRequest::radio: {
        const std::uint8_t length = uart_.read();
        uart_.read(frame_, length);
        return reply(radio_.take(agent_, {frame_, length}, MutableBytes(scratch_)));
      }
      case AgentRequest::announce: {
        update::Announcement announcement;
        uart_.read(announcement.id, sizeof(announcement.id));
        announcement.total_bytes = uart_.read_u32();
        announcement.block_bytes = static_cast<std::uint16_t>(read_u16());
        return reply(agent_.announce(announcement));
      }
      case AgentRequest::block:
        return block();
      case AgentRequest::source:
        card_.size = uart_.read_u32();
        return reply(agent_.offer(card_));
      case AgentRequest::abandon:
        agent_.abandon(static_cast<Status>(uart_.read()));
        return reply(Status::ok);
      case AgentRequest::world:
        port_.battery = uart_.read();
        port_.clock = uart_.read_u32();
        port_.clock |= std::uint64_t{uart_.read_u32()} << 32;
        return reply(Status::ok);
      case AgentRequest::report: {
        const std::size_t bytes = agent_.report(MutableBytes(report_));
        uart_.write(static_cast<std::uint8_t>(AgentReply::report));
        write_u16(bytes);
        return uart_.write(report_, bytes);
      }
      case AgentRequest::serial:
        return serial();
      case AgentRequest::state:
      default:
        return reply(Status::ok);
    }
  }

  void reply(Status answer) {
    device::AgentState state = device::agent_state(agent_, answer, progress_);
    state.longest_step_cycles = longest_step_cycles_;
    longest_step_cycles_ = 0;
    uart_.write(static_cast<std::uint8_t>(AgentReply::state));
    uart_.write(&state, sizeof(state));
  }

  void infer() {
    const std::uint32_t length = read_u16();
    for (std::uint32_t i = 0; i < length; ++i) {
      const std::uint8_t byte = uart_.read();
      if (i < sizeof(input_)) input_[i] = byte;
    }
    const Bytes input{input_, length};
    const std::uint8_t* output =
        agent_.has_module() && length <= sizeof(input_) ? port_.invoke(agent_.module_offset(), false, input) : nullptr;
    std::size_t output_bytes = 0;
    if (output != nullptr) {
      const auto* header = reinterpret_cast<const device::ModuleHeader*>(port_.map(agent_.module_offset()));
      output_bytes = header->output_bytes < sizeof(output_) ? header->output_bytes : sizeof(output_);
      update::copy(output_, {output, output_bytes});
    }
    uart_.write(static_cast<std::uint8_t>(AgentReply::output));
    uart_.write(output != nullptr ? 1 : 0);
    write_u16(output_bytes);
    uart_.write(output_, output_bytes);
    if (output != nullptr)
      agent_.inferred(input, {output_, output_bytes});
    else
      agent_.inference_failed();
  }

  /// DWT_CYCCNT (Armv7-M ARM, C1.8.8).
  static std::uint32_t cycles() { return *reinterpret_cast<const volatile std::uint32_t*>(0xe0001004); }

  void block() {
    const std::uint32_t number = uart_.read_u32();
    const std::uint32_t length = read_u16();
    for (std::uint32_t i = 0; i < length; ++i) {
      const std::uint8_t byte = uart_.read();
      if (i < sizeof(input_)) input_[i] = byte;
    }
    update::Inbox* inbox = agent_.inbox();
    if (inbox == nullptr) return reply(Status::waiting);
    reply(length <= sizeof(input_) ? inbox->put(number, {input_, length}) : Status::too_large);
  }

  void serial() {
    std::size_t answered = 0;
    for (std::uint32_t left = read_u16(); left > 0; --left)
      link_.take(uart_.read(), [&](std::uint8_t byte) {
        if (answered < sizeof(answer_)) answer_[answered++] = byte;
      });
    uart_.write(static_cast<std::uint8_t>(AgentReply::serial));
    write_u16(answered);
    uart_.write(answer_, answered);
  }

  device::Uart uart_;
  BoardPort port_;
  static update::Policy policy() {
    update::Policy policy;
    policy.stale_after_s = board().stale_after_s;
    return policy;
  }

  update::Agent agent_{port_, policy()};
  Card card_{uart_};
  update::Progress progress_ = update::Progress::idle;
  update::RadioReceiver<update::Agent> radio_;
  std::uint8_t line_[device::kAgentSerialBytes], answer_[device::kAgentSerialBytes];
  update::SerialLink<update::Agent> link_{agent_, MutableBytes(line_)};
  std::uint8_t frame_[255], scratch_[update::kPageBytes];
  std::uint32_t longest_step_cycles_ = 0;
  std::uint8_t report_[update::kMaxReportBytes];
  std::uint8_t input_[4096], output_[256];
};

}  // namespace

extern "C" [[noreturn]] void mote_main();

extern "C" void mote_main() {
  Firmware firmware;
  firmware.serve();
}
