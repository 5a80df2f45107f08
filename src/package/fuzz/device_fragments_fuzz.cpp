// Any fragments, coded and not, of a stretch, in any order, with power cuts in between: the decoder never leaves its
// store's blocks, and what it says is complete is there. The store is an array: this is the code, not the flash.
//
// The input: M, bytes a block, then frames of a number (2 bytes) and as many bytes as a block has. Number 0xffff: a
// power cut.

#include <cstdlib>
#include <cstring>

#include "update/fragments.hpp"

using namespace mote::update;

namespace {

constexpr unsigned kMostBlocks = 24, kMostBytes = 8, kMostRows = 24, kMostLost = 12;

class Store {
 public:
  void begin(unsigned blocks, unsigned block_bytes) {
    blocks_ = blocks;
    block_bytes_ = block_bytes;
    rows_ = 0;
    has_ = 0;
  }
  std::uint32_t block_size(std::uint32_t) const { return block_bytes_; }
  bool has(std::uint32_t number) const {
    if (number < kCodedRows) return number < blocks_ && (has_ >> number & 1u) != 0;
    return find(number) != nullptr;
  }
  Status put(std::uint32_t number, Bytes data) {
    if (data.size != block_bytes_) std::abort();
    if (number < kCodedRows) {
      if (number >= blocks_) std::abort();
      if (!has(number)) copy(data_[number], data);
      has_ |= 1u << number;
      return Status::ok;
    }
    if (has(number)) return Status::ok;
    if (rows_ == kMostRows) return Status::store_full;
    row_[rows_].number = number;
    copy(row_[rows_++].data, data);
    return Status::ok;
  }
  Status read_block(std::uint32_t number, std::uint32_t offset, MutableBytes to) const {
    if (offset > block_bytes_ || to.size > block_bytes_ - offset) return Status::truncated;
    if (!has(number)) return Status::waiting;
    copy(to.data, {(number < kCodedRows ? data_[number] : find(number)) + offset, to.size});
    return Status::ok;
  }
  bool next_row(std::uint32_t& position, std::uint32_t& number, std::uint32_t mask = 0,
                std::uint32_t wanted = 0) const {
    for (; position < rows_; ++position) {
      if ((row_[position].number & mask) != wanted) continue;
      number = row_[position++].number;
      return true;
    }
    return false;
  }

 private:
  struct Row {
    std::uint32_t number;
    std::uint8_t data[kMostBytes];
  };
  const std::uint8_t* find(std::uint32_t number) const {
    for (unsigned i = 0; i < rows_; ++i) {
      if (row_[i].number == number) return row_[i].data;
    }
    return nullptr;
  }

  std::uint32_t blocks_ = 0, block_bytes_ = 0, rows_ = 0, has_ = 0;
  std::uint8_t data_[kMostBlocks][kMostBytes];
  Row row_[kMostRows];
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const unsigned blocks = 1 + data[0] % kMostBlocks, bytes = 2 + data[1] % (kMostBytes - 1);
  static Store store;
  store.begin(blocks, bytes);
  const Stretch stretch{7, 0, static_cast<std::uint16_t>(blocks)};
  FragmentDecoder<Store, kMostLost> decoder;
  std::uint8_t scratch[kMostBytes], payload[kMostBytes];
  Status status = decoder.open(store, stretch, MutableBytes(scratch));
  for (std::size_t at = 2; at + 2 <= size;) {
    const auto number = static_cast<std::uint16_t>(data[at] | data[at + 1] << 8);
    at += 2;
    if (number == 0xffff) {
      status = decoder.open(store, stretch, MutableBytes(scratch));
    } else {
      const std::size_t there = size - at < bytes ? size - at : bytes;
      std::memset(payload, 0, sizeof(payload));
      std::memcpy(payload, data + at, there);
      at += there;
      status = decoder.take(number, {payload, bytes}, MutableBytes(scratch));
    }
    if (status == Status::flash_failed || status == Status::store_full) return 0;  // begins anew
    for (unsigned i = 0; status == Status::ok && i < blocks; ++i) {
      if (!store.has(i)) std::abort();
    }
  }
  return 0;
}
