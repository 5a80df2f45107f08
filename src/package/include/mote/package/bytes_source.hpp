#pragma once
// A parcel or payload in memory, as the device's readers want it: a card in its slot, an inbox that is full.

#include <algorithm>

#include "mote/base/bytes.hpp"
#include "update/port.hpp"

namespace mote::package {

/// The bytes are borrowed.
class BytesSource : public update::Source {
 public:
  explicit BytesSource(ByteSpan bytes = {}) : bytes_(bytes) {}
  [[nodiscard]] std::uint32_t bytes() const override { return static_cast<std::uint32_t>(bytes_.size()); }
  update::Status read(std::uint32_t offset, update::MutableBytes to) override {
    if (offset > bytes_.size() || to.size > bytes_.size() - offset) return update::Status::truncated;
    std::copy_n(bytes_.begin() + offset, to.size, to.data);
    return update::Status::ok;
  }

 private:
  ByteSpan bytes_;
};

}  // namespace mote::package
