#pragma once
// Small sound data files of every kind that mote imports, and makers of broken ones. Integers only: the same bytes on
// every machine.

#include <cstdint>
#include <map>
#include <string>

#include "mote/base/bytes.hpp"

namespace mote::e2e {

/// Relative path -> content:
///   idx/images.idx, idx/labels.idx      24 pictures of 8x8, three classes; idx/test-*.idx 6 more
///   wav/<label>_<speaker>_<index>.wav   two labels, three speakers, four takes; 0.1 s at 8 kHz
///   pictures/<class>/<n>.png            two classes, three RGB pictures of 6x5 each
///   walks.csv                           t,x,y,z,activity,person: two activities, two persons, 80 rows
///   wand.json                           six strokes, two labels
[[nodiscard]] std::map<std::string, Bytes> sample_files();

/// Class `k` of `classes` is a bar of another direction; deterministic noise.
[[nodiscard]] Bytes make_idx_images(std::uint32_t count, std::uint32_t classes, std::uint64_t seed);
[[nodiscard]] Bytes make_idx_labels(std::uint32_t count, std::uint32_t classes);

/// 16 bit mono PCM: a triangle wave that fades.
[[nodiscard]] Bytes make_wav(std::uint32_t samples, std::uint32_t rate_hz, std::uint32_t period);
/// Stored without compression, with right checksums.
[[nodiscard]] Bytes make_png(std::uint32_t width, std::uint32_t height, std::uint64_t seed);

/// Overwrites bytes at an offset: how headers are made to lie.
[[nodiscard]] Bytes patched(Bytes bytes, std::size_t offset, std::initializer_list<std::uint8_t> with);
[[nodiscard]] Bytes cut(Bytes bytes, std::size_t size);
[[nodiscard]] Bytes garbage(std::size_t size, std::uint64_t seed);

}  // namespace mote::e2e
