#pragma once
// The sending side of device/update/radio.hpp: the frames of a parcel for a radio that loses some. Needs no answer:
// round after round, every receiver gets on.

#include <cstdint>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "update/inbox.hpp"

namespace mote::fleet {

struct RadioSenderOptions {
  std::size_t frame_bytes = 51;       ///< largest frame of the link: 20 to 250
  std::uint16_t stretch_blocks = 96;  ///< coded together, at most: receivers have memory for 64 lost of them
  double expected_loss = 0.3;         ///< decides how many coded fragments follow
  double expected_burst = 0;          ///< mean length of a run of lost frames; 0: independent losses
};

/// How a parcel is announced to be sent in blocks of this size, by whatever way.
[[nodiscard]] update::Announcement announcement_of(ByteSpan parcel, std::size_t block_bytes);

/// @param round  from 0. A first round is enough for most receivers; each later one has the parcel again, and other
///               coded fragments.
/// @error invalid_argument  frame size, stretch or loss out of range.   @error too_large  more than 65,535 blocks, or
/// 256 stretches.
[[nodiscard]] Result<std::vector<Bytes>> radio_round(ByteSpan parcel, const RadioSenderOptions& options,
                                                     std::size_t round);

}  // namespace mote::fleet
