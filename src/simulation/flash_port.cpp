#include "mote/simulation/flash_port.hpp"

#include <algorithm>

namespace mote::simulation {

void FlashPort::read(std::uint32_t offset, update::MutableBytes to) {
  MOTE_CHECK(offset <= flash_.bytes().size() && to.size <= flash_.bytes().size() - offset);
  std::copy_n(flash_.bytes().begin() + offset, to.size, to.data);
}

bool FlashPort::program(std::uint32_t offset, update::Bytes data) {
  const auto done = flash_.program(offset, {data.data, data.size});
  if (!done && done.error().code() == Code::io) throw PowerLost{};
  return done.has_value();
}

bool FlashPort::erase_sector(std::uint32_t offset) {
  const auto done = flash_.erase_sector(offset);
  if (!done && done.error().code() == Code::io) throw PowerLost{};
  return done.has_value();
}

const std::uint8_t* FlashPort::invoke(std::uint32_t offset, bool fresh, update::Bytes input) {
  if (!run) return nullptr;
  return run(flash_.bytes().subspan(offset, layout_.slot_bytes), fresh, {input.data, input.size});
}

}  // namespace mote::simulation
