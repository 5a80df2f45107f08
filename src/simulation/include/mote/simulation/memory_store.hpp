#pragma once
// The interface of device/update's inbox over memory, for experiments that have no flash.

#include <map>
#include <vector>

#include "mote/base/bytes.hpp"
#include "update/inbox.hpp"

namespace mote::simulation {

class MemoryStore {
 public:
  MemoryStore(std::uint32_t bytes, std::uint32_t block_bytes) : bytes_(bytes), block_bytes_(block_bytes) {}

  [[nodiscard]] std::uint32_t block_size(std::uint32_t number) const;
  [[nodiscard]] bool has(std::uint32_t number) const { return blocks_.contains(number); }
  [[nodiscard]] update::Status put(std::uint32_t number, update::Bytes data);
  [[nodiscard]] update::Status read_block(std::uint32_t number, std::uint32_t offset, update::MutableBytes to) const;
  [[nodiscard]] bool next_row(std::uint32_t& position, std::uint32_t& number, std::uint32_t mask = 0,
                              std::uint32_t wanted = 0) const;

  /// The blocks that are there, one after the other.
  [[nodiscard]] Bytes content() const;
  [[nodiscard]] std::size_t row_count() const { return rows_.size(); }

 private:
  std::uint32_t bytes_, block_bytes_;
  std::map<std::uint32_t, Bytes> blocks_;
  std::vector<std::uint32_t> rows_;  // in the order in which they came
};

}  // namespace mote::simulation
