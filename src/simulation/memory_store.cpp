#include "mote/simulation/memory_store.hpp"

#include <algorithm>

namespace mote::simulation {

using update::Status;

std::uint32_t MemoryStore::block_size(std::uint32_t number) const {
  const std::uint32_t last = (bytes_ - 1) / block_bytes_;
  return number == last ? bytes_ - last * block_bytes_ : block_bytes_;
}

Status MemoryStore::put(std::uint32_t number, update::Bytes data) {
  if (data.size != block_size(number)) return Status::malformed;
  const bool is_new = blocks_.try_emplace(number, data.data, data.data + data.size).second;
  if (is_new && number >= update::kCodedRows) rows_.push_back(number);
  return Status::ok;
}

Status MemoryStore::read_block(std::uint32_t number, std::uint32_t offset, update::MutableBytes to) const {
  const auto found = blocks_.find(number);
  if (found == blocks_.end()) return Status::waiting;
  if (offset > found->second.size() || to.size > found->second.size() - offset) return Status::truncated;
  std::copy_n(found->second.begin() + offset, to.size, to.data);
  return Status::ok;
}

bool MemoryStore::next_row(std::uint32_t& position, std::uint32_t& number, std::uint32_t mask,
                           std::uint32_t wanted) const {
  for (; position < rows_.size(); ++position) {
    if ((rows_[position] & mask) != wanted) continue;
    number = rows_[position++];
    return true;
  }
  return false;
}

Bytes MemoryStore::content() const {
  Bytes all;
  for (const auto& [number, bytes] : blocks_) {
    if (number < update::kCodedRows) all.insert(all.end(), bytes.begin(), bytes.end());
  }
  return all;
}

}  // namespace mote::simulation
