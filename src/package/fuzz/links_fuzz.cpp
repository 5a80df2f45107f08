// Any traffic by radio and serial line against a whole agent, with its steps and restarts in between. Whatever comes,
// the module that runs is not touched, and what is accepted was signed: nothing here can sign, so the only bundle that
// may ever be tried is the one among the seeds.
//
// The input is a list of events: a byte that says which, then what it takes.

#include <cstdlib>
#include <optional>

#include "../module_of_test.hpp"
#include "image_port.hpp"
#include "mote/base/hash.hpp"
#include "update/agent.hpp"
#include "update/radio.hpp"
#include "update/serial.hpp"

using namespace mote;
using namespace mote::package;
using update::Agent;

namespace {

/// A device with a module, and with what it takes to make it.
struct Factory {
  Factory() {
    FactoryOptions options;
    const BundleOptions bundle = bundle_options();
    options.vendor = bundle.vendor;
    options.klass = bundle.klass;
    const SigningKey signers[] = {key(1), key(2)};
    options.keys = write_keys(keys_options(), signers).value();
    options.module = small_module(0x11);
    options.sequence = 3;
    image = factory_image(layout, options).value();
    image.resize(layout.end(), 0xff);
  }
  update::Layout layout = update::arrange(1024, 8, 1024, 4096);
  Bytes image;
};

class Events {
 public:
  explicit Events(ByteSpan bytes) : bytes_(bytes) {}
  [[nodiscard]] bool more() const { return !bytes_.empty(); }
  std::uint8_t byte() { return take(1)[0]; }
  Bytes take(std::size_t size) {
    Bytes taken(size);  // zeros behind the end
    const std::size_t there = std::min(size, bytes_.size());
    std::copy_n(bytes_.begin(), there, taken.begin());
    bytes_ = bytes_.subspan(there);
    return taken;
  }

 private:
  ByteSpan bytes_;
};

class Device {
 public:
  explicit Device(const Factory& factory)
      : layout_(factory.layout), before_(factory.image), image_(factory.image), port_(layout_, image_, runtime()) {
    start();
  }

  void start() {
    serial_.reset();
    agent_.emplace(port_);
    radio_.emplace();
    // Also after a restart: an update that is not proven never takes the place of the module.
    if (agent_->start(update::ResetCause::power_on) != update::Status::ok) std::abort();
    serial_.emplace(*agent_, update::MutableBytes(buffer_));
  }
  void radio(Bytes frame) {
    static_cast<void>(radio_->take(*agent_, {frame.data(), frame.size()}, update::MutableBytes(scratch_)));
  }
  void serial(std::uint8_t byte) {
    serial_->take(byte, [](std::uint8_t) {});
  }
  void step() { static_cast<void>(agent_->step()); }

  void check() const {
    const std::uint32_t slot = layout_.slot(0);
    if (agent_->record().active != 0 ||
        !std::equal(before_.begin() + slot, before_.begin() + layout_.slot(1), image_.begin() + slot))
      std::abort();
  }

 private:
  static update::Port::Runtime runtime() {
    update::Port::Runtime runtime;
    runtime.arena_bytes = 4096;
    runtime.arena_align = 16;
    return runtime;
  }

  update::Layout layout_;
  const Bytes& before_;
  Bytes image_;
  ImagePort port_;
  std::optional<Agent> agent_;
  std::optional<update::RadioReceiver<Agent>> radio_;
  std::optional<update::SerialLink<Agent>> serial_;
  std::uint8_t buffer_[300], scratch_[256];
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Factory factory;
  Device device(factory);
  Events events({data, size});
  while (events.more()) {
    const std::uint8_t event = events.byte();
    switch (event & 7u) {
      case 0:  // a radio frame
        device.radio(events.take(events.byte()));
        break;
      case 1: {  // a frame on the line, with its CRC
        const Bytes frame = events.take(events.byte());
        auto emit = [&](std::uint8_t byte) { device.serial(byte); };
        update::SlipWriter writer(emit);
        writer.add({frame.data(), frame.size()});
        writer.end();
        break;
      }
      case 2:  // bytes on the line
        for (const std::uint8_t byte : events.take(event >> 3)) device.serial(byte);
        break;
      case 3:  // power fails between two operations
        device.start();
        break;
      default:
        for (unsigned i = 0; i <= event >> 3; ++i) device.step();
        break;
    }
  }
  device.check();
  return 0;
}
