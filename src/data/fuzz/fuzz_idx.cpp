#include <algorithm>

#include "parse/idx.hpp"

/// Plain and gzip input; reads every item, as an import does.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mote::data;
  auto stream = gunzip_if_packed(stream_of({data, size}));
  if (!stream) return 0;
  auto reader = IdxReader::open(std::move(*stream));
  if (!reader) return 0;
  std::vector<std::uint8_t> item(std::min<std::size_t>(reader->item_bytes(), 1 << 20));
  if (item.size() != reader->item_bytes()) return 0;
  for (std::uint32_t k = 0; k < reader->items(); ++k) {
    if (!reader->read_items(item)) return 0;
  }
  static_cast<void>(reader->expect_end());
  return 0;
}
