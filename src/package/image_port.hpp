#pragma once
// Flash that takes everything, over a byte string: the factory's programmer, and a device in the mind of `mote check`.

#include <algorithm>

#include "mote/base/bytes.hpp"
#include "update/port.hpp"

namespace mote::package {

/// `image` is borrowed. @param runtime  what its firmware can run; nothing, where that is not asked.
class ImagePort : public update::Port {
 public:
  ImagePort(const update::Layout& layout, Bytes& image, const Runtime& runtime = {}) : image_(image) {
    layout_ = layout;
    runtime_ = runtime;
  }
  void read(std::uint32_t offset, update::MutableBytes to) override {
    std::copy_n(image_.begin() + offset, to.size, to.data);
  }
  bool program(std::uint32_t offset, update::Bytes data) override {
    std::copy_n(data.data, data.size, image_.begin() + offset);
    return true;
  }
  bool erase_sector(std::uint32_t offset) override {
    std::fill_n(image_.begin() + offset, layout_.sector_bytes, std::uint8_t{0xff});
    return true;
  }
  const std::uint8_t* map(std::uint32_t offset) override { return image_.data() + offset; }
  const std::uint8_t* invoke(std::uint32_t, bool, update::Bytes) override { return nullptr; }
  unsigned battery_percent() override { return 100; }
  std::uint64_t clock_s() override { return 0; }

 private:
  Bytes& image_;
};

}  // namespace mote::package
