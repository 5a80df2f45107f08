#pragma once
// Driver for the CMSDK APB UART (Arm DDI 0479, section 4.3): the UART0 of mps2-an386, and of the virtual board. Polled.

#include <cstddef>
#include <cstdint>

#include "boards/markers.hpp"

namespace mote::device {

class Uart {
 public:
  explicit Uart(std::uintptr_t base = 0x40004000) : registers_(reinterpret_cast<volatile std::uint32_t*>(base)) {}

  void start() const {
    registers_[kBaudDivider] = 16;  // the smallest that the block accepts
    registers_[kControl] = 3;       // transmitter and receiver on
  }

  std::uint8_t read() const {
    while ((registers_[kState] & kReceiverFull) == 0) mote_idle();
    return static_cast<std::uint8_t>(registers_[kData]);
  }
  void write(std::uint8_t byte) const {
    while ((registers_[kState] & kTransmitterFull) != 0) {
    }
    registers_[kData] = byte;
  }

  void read(std::uint8_t* to, std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i) to[i] = read();
  }
  void write(const void* from, std::size_t count) const {
    const auto* bytes = static_cast<const std::uint8_t*>(from);
    for (std::size_t i = 0; i < count; ++i) write(bytes[i]);
  }
  std::uint32_t read_u32() const {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 32; shift += 8) value |= static_cast<std::uint32_t>(read()) << shift;
    return value;
  }
  void write_u32(std::uint32_t value) const {
    for (unsigned shift = 0; shift < 32; shift += 8) write(static_cast<std::uint8_t>(value >> shift));
  }

 private:
  enum Register : std::size_t { kData = 0, kState = 1, kControl = 2, kBaudDivider = 4 };
  static constexpr std::uint32_t kTransmitterFull = 1;
  static constexpr std::uint32_t kReceiverFull = 2;
  volatile std::uint32_t* registers_;
};

}  // namespace mote::device
