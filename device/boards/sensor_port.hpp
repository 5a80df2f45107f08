#pragma once
// Driver for the sensor port of mote's virtual board: a FIFO that the host fills with samples.
// Registers: +0 IDENTITY (kSensorPortIdentity), +4 AVAILABLE (bytes waiting), +8 DATA (takes one byte out per read).
// QEMU has no such device; its identity register reads as something else there.

#include <cstddef>
#include <cstdint>

namespace mote::device {

constexpr std::uint32_t kSensorPortBase = 0x40010000;
constexpr std::uint32_t kSensorPortIdentity = 0x726f736e;  // "nsor"

class SensorPort {
 public:
  explicit SensorPort(std::uintptr_t base = kSensorPortBase)
      : registers_(reinterpret_cast<volatile std::uint32_t*>(base)) {}

  bool present() const { return registers_[0] == kSensorPortIdentity; }
  std::uint32_t available_bytes() const { return registers_[1]; }
  void read(std::uint8_t* to, std::size_t count) const {
    for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<std::uint8_t>(registers_[2]);
  }

 private:
  volatile std::uint32_t* registers_;
};

}  // namespace mote::device
