#pragma once
// A peer: a runtime of others, with a model, in a firmware that mote_peers measures. peer_main.cpp calls these two
// functions; the peer's own file defines them. Freestanding C++17.

#include <cstddef>
#include <cstdint>

namespace mote::peer {

struct Peer {
  std::uint8_t* input = nullptr;
  std::uint32_t input_bytes = 0;
  const std::uint8_t* output = nullptr;
  std::uint32_t output_bytes = 0;
  std::uint32_t arena_bytes = 0;  ///< that the peer needs, as it says itself
};

/// Makes the model ready. Called once after reset; global constructors have not run.
/// @param model        the model file as it is, in flash, aligned to 32 bytes
/// @param arena_bytes  as many as the build reserves; more than any model needs
/// @return 0, or a number below 2^31 that says what failed.
std::uint32_t start(Peer& peer, const std::uint8_t* model, std::uint8_t* arena, std::size_t arena_bytes);

/// One inference on what lies at the input. The same status.
std::uint32_t invoke();

}  // namespace mote::peer
