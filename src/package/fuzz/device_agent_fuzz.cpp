// A device in the hands of somebody who can sign everything: parcels by card, radio and serial line, inferences, starts
// for any cause, power that is cut within any operation of flash. Whatever comes, the device starts, and a module that
// was confirmed once is not lost. Cryptography is assumed.
//
// The input is a list of events: a byte that says which and, above that, an argument, then what it takes.

#include <cstddef>
#include <initializer_list>
#include <new>
#include <optional>

#include "fuzzed_device.hpp"
#include "update/agent.hpp"
#include "update/radio.hpp"
#include "update/serial.hpp"

using namespace mote::update;

namespace {

class Events {
 public:
  explicit Events(Bytes bytes) : bytes_(bytes) {}
  bool more() const { return bytes_.size != 0; }
  unsigned byte() {
    const Bytes taken = take(1);
    return taken.size != 0 ? taken[0] : 0;
  }
  /// Fewer at the end.
  Bytes take(std::size_t size) {
    const Bytes taken = bytes_.part(0, size);
    bytes_ = bytes_.part(taken.size, bytes_.size);
    return taken;
  }

 private:
  Bytes bytes_;
};

class Card : public Source {
 public:
  void put(Bytes parcel) { parcel_ = parcel; }
  std::uint32_t bytes() const override { return static_cast<std::uint32_t>(parcel_.size); }
  Status read(std::uint32_t offset, MutableBytes to) override {
    if (offset > parcel_.size || to.size > parcel_.size - offset) return Status::truncated;
    std::memcpy(to.data, parcel_.data + offset, to.size);
    return Status::ok;
  }

 private:
  Bytes parcel_;
};

class Running {
 public:
  explicit Running(fuzz::Device& device) : flash_(device.flash) { start(ResetCause::power_on); }

  void take(Events& events) {
    const bool was_proven = is_proven();
    try {
      take_event(events);
    } catch (const fuzz::PowerCut&) {
      flash_.operations_left = 0;
      start(ResetCause::power_on);
    }
    if (was_proven && !agent_->has_module()) std::abort();
  }

 private:
  void start(ResetCause cause) {
    serial_.reset();
    radio_.emplace();
    agent_.emplace(flash_);
    const Status status = agent_->start(cause);
    if (status != Status::ok && status != Status::waiting) std::abort();
    serial_.emplace(*agent_, MutableBytes(buffer_));
  }

  bool is_proven() const { return agent_->has_module() && agent_->record().slot[agent_->record().active].proven != 0; }

  void take_event(Events& events) {
    const unsigned event = events.byte(), argument = event >> 3;
    switch (event & 7u) {
      case 0: {  // a radio frame
        const Bytes bytes = events.take(events.byte());
        copy(frame_, bytes);
        static_cast<void>(radio_->take(*agent_, {frame_, bytes.size}, MutableBytes(scratch_)));
        break;
      }
      case 1: {  // a frame on the line, with its CRC
        const Bytes bytes = events.take(events.byte());
        auto send = [&](std::uint8_t byte) { serial_->take(byte, [](std::uint8_t) {}); };
        SlipWriter writer(send);
        writer.add(bytes);
        writer.end();
        break;
      }
      case 2: {  // a card
        const std::size_t size = events.byte() + argument * 256;
        const Bytes parcel = events.take(size);
        if (agent_->phase() != Phase::idle) break;
        card_.put(parcel);
        static_cast<void>(agent_->offer(card_));
        break;
      }
      case 3:
        flash_.operations_left = argument + 1;
        break;
      case 4:
        start(static_cast<ResetCause>(argument % 3));
        break;
      case 5:
        for (unsigned i = 0; i <= argument && agent_->has_module(); ++i) agent_->inferred(kInput, kOutput);
        break;
      case 6:
        agent_->inference_failed();
        break;
      default:
        for (unsigned i = 0; i <= argument; ++i) static_cast<void>(agent_->step());
        break;
    }
  }

  static constexpr std::uint8_t kInput[16] = {}, kOutput[16] = {};
  decltype(fuzz::Device::flash)& flash_;
  Card card_;
  std::optional<Agent> agent_;
  std::optional<RadioReceiver<Agent, 16>> radio_;
  std::optional<SerialLink<Agent>> serial_;
  std::uint8_t buffer_[300], scratch_[256], frame_[256];
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Device factory;
  static fuzz::Device device;
  std::memcpy(device.flash.bytes, factory.flash.bytes, sizeof(device.flash.bytes));
  device.flash.operations_left = 0;
  Running running(device);
  Events events({data, size});
  for (unsigned i = 0; i < 40 && events.more(); ++i) running.take(events);
  return 0;
}
