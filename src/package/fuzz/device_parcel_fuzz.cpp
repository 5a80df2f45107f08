// Any bytes as a parcel that lies on a card: a device without a module takes it, from the first message to an installed
// module or a refusal. Whatever comes, it ends, and the device starts again afterwards (looked at for few
// of them: it takes longer). Cryptography is assumed, so that everything behind signatures and digests is reached.

#include <cstddef>
#include <initializer_list>
#include <new>

#include "fuzzed_device.hpp"
#include "update/agent.hpp"

using namespace mote::update;

namespace {

class Card : public Source {
 public:
  explicit Card(Bytes parcel) : parcel_(parcel) {}
  std::uint32_t bytes() const override { return static_cast<std::uint32_t>(parcel_.size); }
  Status read(std::uint32_t offset, MutableBytes to) override {
    if (offset > parcel_.size || to.size > parcel_.size - offset) return Status::truncated;
    std::memcpy(to.data, parcel_.data + offset, to.size);
    return Status::ok;
  }

 private:
  Bytes parcel_;
};

/// Started once: each run begins with a copy of the bytes of that agent at its own place, and of the flash.
class Started {
 public:
  Started() : agent_(new (agent_room_) Agent(device_.flash)) {
    if (agent_->start(ResetCause::power_on) != Status::waiting) std::abort();
    std::memcpy(agent_bytes_, agent_room_, sizeof(Agent));
    std::memcpy(flash_bytes_, device_.flash.bytes, sizeof(flash_bytes_));
    device_.flash.changed = false;
  }
  Agent& again() {
    if (device_.flash.changed) std::memcpy(device_.flash.bytes, flash_bytes_, sizeof(flash_bytes_));
    device_.flash.changed = false;
    std::memcpy(static_cast<void*>(agent_), agent_bytes_, sizeof(Agent));
    return *agent_;
  }
  bool starts() {
    Agent after(device_.flash);
    const Status status = after.start(ResetCause::power_on);
    return status == Status::ok || status == Status::waiting;
  }

 private:
  fuzz::Device device_;
  alignas(Agent) std::uint8_t agent_room_[sizeof(Agent)], agent_bytes_[sizeof(Agent)];
  std::uint8_t flash_bytes_[fuzz::kLayout.end()];
  Agent* agent_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Started started;
  Agent& agent = started.again();
  Card card({data, size});
  if (agent.offer(card) != Status::ok) std::abort();
  for (unsigned steps = 0; agent.phase() != Phase::idle && agent.step() == Progress::worked; ++steps) {
    if (steps > 1000) std::abort();
  }
  if (size > 1 && (data[size / 2] ^ data[size - 1]) == 0x55 && !started.starts()) std::abort();
  return 0;
}
