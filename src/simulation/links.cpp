#include "mote/simulation/links.hpp"

namespace mote::simulation {

bool Radio::loses() {
  if (options_.burst <= 0) return rng_.chance(options_.loss);
  // A frame in the bad state is lost, one in the good state arrives; the two stay in balance at the share of loss.
  const double to_good = 1 / options_.burst;
  const double to_bad = options_.loss / (1 - options_.loss) * to_good;
  bad_ = sent_ == 1 ? rng_.chance(options_.loss) : rng_.chance(bad_ ? 1 - to_good : to_bad);
  return bad_;
}

std::vector<Bytes> Radio::send(ByteSpan frame) {
  ++sent_;
  std::vector<Bytes> arriving;
  const bool lost = loses();
  if (lost || frame.size() > options_.mtu) {
    ++lost_;
  } else {
    Bytes bytes(frame.begin(), frame.end());
    if (!bytes.empty() && options_.corrupt > 0 && rng_.chance(options_.corrupt))
      bytes[rng_.below(bytes.size())] ^= static_cast<std::uint8_t>(1u << rng_.below(8));
    if (!held_ && options_.reorder > 0 && rng_.chance(options_.reorder)) {
      held_ = std::move(bytes);
      return arriving;
    }
    if (options_.duplicate > 0 && rng_.chance(options_.duplicate)) arriving.push_back(bytes);
    arriving.push_back(std::move(bytes));
  }
  if (held_) arriving.push_back(*std::exchange(held_, std::nullopt));
  return arriving;
}

Bytes SerialLine::send(ByteSpan bytes) {
  Bytes arriving;
  for (const std::uint8_t byte : bytes) {
    if (!rng_.chance(options_.drop)) {
      const unsigned change = rng_.chance(options_.flip) ? 1u << rng_.below(8) : 0u;
      arriving.push_back(static_cast<std::uint8_t>(byte ^ change));
    }
    if (rng_.chance(options_.insert)) arriving.push_back(static_cast<std::uint8_t>(rng_.below(256)));
  }
  return arriving;
}

}  // namespace mote::simulation
