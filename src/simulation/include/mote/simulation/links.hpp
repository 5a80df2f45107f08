#pragma once
// What lies between a sender and a virtual device: a radio that loses, repeats, reorders and spoils frames, and a
// serial line that loses, spoils and invents bytes. Everything by seed.

#include <optional>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/rng.hpp"

namespace mote::simulation {

struct RadioOptions {
  double loss = 0;       ///< share of the frames that do not arrive
  double burst = 0;      ///< mean length of a run of lost frames (Gilbert and Elliott's two states); 0: independent
  double duplicate = 0;  ///< share that arrives twice
  double reorder = 0;    ///< share that arrives behind the next one
  double corrupt = 0;    ///< share that arrives with a bit changed: a radio without a checksum of its own
  std::size_t mtu = 250;
};

class Radio {
 public:
  Radio(const RadioOptions& options, std::uint64_t seed) : options_(options), rng_(seed) {}

  /// @param frame  longer than the MTU: lost.   @return what arrives, in this order.
  [[nodiscard]] std::vector<Bytes> send(ByteSpan frame);
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t lost() const { return lost_; }

 private:
  bool loses();

  RadioOptions options_;
  Rng rng_;
  bool bad_ = false;           // the channel's state
  std::optional<Bytes> held_;  // to be overtaken
  std::uint64_t sent_ = 0, lost_ = 0;
};

struct SerialOptions {
  double flip = 0;    ///< share of the bytes with a bit changed
  double drop = 0;    ///< that do not arrive
  double insert = 0;  ///< behind which a byte of noise arrives
};

class SerialLine {
 public:
  SerialLine(const SerialOptions& options, std::uint64_t seed) : options_(options), rng_(seed) {}
  [[nodiscard]] Bytes send(ByteSpan bytes);

 private:
  SerialOptions options_;
  Rng rng_;
};

}  // namespace mote::simulation
