#pragma once
// Small data of the forms that the examples read. Deterministic.

#include <cstddef>
#include <map>
#include <string>

#include "mote/base/bytes.hpp"

namespace mote::e2e {

/// The first `count` records of an IDX file of bytes.
[[nodiscard]] Bytes first_of_idx(ByteSpan idx, std::size_t count);

/// File name -> WAV: ten labels, two speakers, takes 0 to 9, "<label>_<speaker>_<take>.wav", 0.4 s at 8 kHz; the label
/// is the pitch.
[[nodiscard]] std::map<std::string, Bytes> made_up_digits();

/// File name -> JSON: ten labels, twelve strokes each: arcs of a direction and bend of their own, shaken a little.
[[nodiscard]] std::map<std::string, std::string> made_up_strokes();

}  // namespace mote::e2e
