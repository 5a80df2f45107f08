// Firmware around the update agent and nothing else, never run: what the linker keeps of the agent here is what it
// takes in a product (src/simulation/agent_size_test.cpp reads the map). All of its interface is called, with arguments
// that the compiler cannot know; its port does nothing.
//
// MOTE_AGENT_BYTES  of RAM that an Agent has at most

#include <cstddef>
#include <cstdint>

#include "update/agent.hpp"

namespace {

using namespace mote::update;

static_assert(sizeof(Agent) <= MOTE_AGENT_BYTES, "what the test reckons with");

volatile std::uint32_t unknown;

class NoPort : public Port {
 public:
  void read(std::uint32_t offset, MutableBytes) override { unknown = offset; }
  bool program(std::uint32_t offset, Bytes) override { return offset == unknown; }
  bool erase_sector(std::uint32_t offset) override { return offset == unknown; }
  const std::uint8_t* map(std::uint32_t offset) override { return reinterpret_cast<const std::uint8_t*>(offset); }
  const std::uint8_t* invoke(std::uint32_t, bool, Bytes input) override { return input.data; }
  unsigned battery_percent() override { return unknown; }
  std::uint64_t clock_s() override { return unknown; }
};

class NoSource : public Source {
 public:
  std::uint32_t bytes() const override { return unknown; }
  Status read(std::uint32_t offset, MutableBytes) override { return static_cast<Status>(offset); }
};

void use(Agent& agent, Source& source, MutableBytes bytes) {
  Announcement announcement;
  announcement.total_bytes = unknown;
  announcement.block_bytes = static_cast<std::uint16_t>(unknown);
  switch (unknown) {
    case 0:
      unknown = static_cast<std::uint32_t>(agent.start(static_cast<ResetCause>(unknown)));
      break;
    case 1:
      unknown = static_cast<std::uint32_t>(agent.announce(announcement));
      break;
    case 2:
      unknown = static_cast<std::uint32_t>(agent.offer(source));
      break;
    case 3:
      unknown = static_cast<std::uint32_t>(agent.step());
      break;
    case 4:
      if (Inbox* const inbox = agent.inbox()) unknown = static_cast<std::uint32_t>(inbox->put(unknown, bytes));
      break;
    case 5:
      if (Inbox* const inbox = agent.held()) unknown = inbox->next_missing(unknown);
      break;
    case 6:
      agent.inferred(bytes, bytes);
      break;
    case 7:
      agent.inference_failed();
      break;
    case 8:
      agent.abandon(static_cast<Status>(unknown));
      break;
    default:
      unknown = static_cast<std::uint32_t>(agent.report(bytes));
      break;
  }
}

}  // namespace

extern "C" [[noreturn]] void mote_main();

extern "C" void mote_main() {
  NoPort port;
  NoSource source;
#ifdef MOTE_AGREEMENT
  const Policy policy;
#else
  const Policy policy{nullptr};
#endif
  Agent agent(port, policy);
  for (;;) use(agent, source, {reinterpret_cast<std::uint8_t*>(unknown), unknown});
}
