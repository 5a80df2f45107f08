#pragma once
// The UART that the bench firmware talks over, polled. Which driver and where:
//
// MOTE_UART        0 CMSDK (the virtual board, and QEMU's mps2 and mps3), 1 nRF51 (QEMU's microbit), 2 NS16550 (QEMU's
//                  riscv32 virt), 3 none: the standard streams of a program on a PC
// MOTE_UART_BASE   address of its registers

#include <cstddef>
#include <cstdint>

#include "boards/markers.hpp"

#ifndef MOTE_UART
#define MOTE_UART 0
#endif
#if MOTE_UART == 3
// Of POSIX; device code includes no header of it.
extern "C" {
long read(int file, void* to, std::size_t bytes);
long write(int file, const void* from, std::size_t bytes);
[[noreturn]] void _exit(int status);
}
#endif
#ifndef MOTE_UART_BASE
#define MOTE_UART_BASE 0x40004000
#endif

namespace mote::device {

/// CMSDK APB UART (Arm DDI 0479, section 4.3).
class CmsdkUart {
 public:
  void start() const {
    at(kBaudDivider) = 16;  // the smallest that the block accepts
    at(kControl) = 3;       // transmitter and receiver on
  }
  bool received() const { return (at(kState) & kReceiverFull) != 0; }
  std::uint8_t take() const { return static_cast<std::uint8_t>(at(kData)); }
  void put(std::uint8_t byte) const {
    while ((at(kState) & kTransmitterFull) != 0) {
    }
    at(kData) = byte;
  }

 private:
  enum Register : std::size_t { kData = 0, kState = 4, kControl = 8, kBaudDivider = 16 };
  static constexpr std::uint32_t kTransmitterFull = 1;
  static constexpr std::uint32_t kReceiverFull = 2;
  static volatile std::uint32_t& at(Register offset) {
    return *reinterpret_cast<volatile std::uint32_t*>(MOTE_UART_BASE + offset);
  }
};

/// UART of the nRF51 (nRF51 Series Reference Manual, chapter 29).
class Nrf51Uart {
 public:
  void start() const {
    at(kEnable) = 4;
    at(kStartReceiver) = 1;
    at(kStartTransmitter) = 1;
  }
  bool received() const { return at(kReceiverReady) != 0; }
  std::uint8_t take() const {
    at(kReceiverReady) = 0;  // before the byte is taken: taking it may raise the next
    return static_cast<std::uint8_t>(at(kReceived));
  }
  void put(std::uint8_t byte) const {
    at(kTransmitterReady) = 0;
    at(kTransmitted) = byte;
    while (at(kTransmitterReady) == 0) {
    }
  }

 private:
  enum Register : std::size_t {
    kStartReceiver = 0x000,
    kStartTransmitter = 0x008,
    kReceiverReady = 0x108,
    kTransmitterReady = 0x11c,
    kEnable = 0x500,
    kReceived = 0x518,
    kTransmitted = 0x51c
  };
  static volatile std::uint32_t& at(Register offset) {
    return *reinterpret_cast<volatile std::uint32_t*>(MOTE_UART_BASE + offset);
  }
};

/// NS16550 with a byte a register.
class Ns16550Uart {
 public:
  void start() const {}
  bool received() const { return (at(kLineStatus) & kReceiverFull) != 0; }
  std::uint8_t take() const { return at(kData); }
  void put(std::uint8_t byte) const {
    while ((at(kLineStatus) & kTransmitterEmpty) == 0) {
    }
    at(kData) = byte;
  }

 private:
  enum Register : std::size_t { kData = 0, kLineStatus = 5 };
  static constexpr std::uint8_t kReceiverFull = 1, kTransmitterEmpty = 0x20;
  static volatile std::uint8_t& at(Register offset) {
    return *reinterpret_cast<volatile std::uint8_t*>(MOTE_UART_BASE + offset);
  }
};

#if MOTE_UART == 3
/// Waits for a byte; the program ends with its input.
class StandardStreams {
 public:
  void start() const {}
  bool received() const { return true; }
  std::uint8_t take() const {
    std::uint8_t byte = 0;
    if (::read(0, &byte, 1) != 1) _exit(0);
    return byte;
  }
  void put(std::uint8_t byte) const {
    if (::write(1, &byte, 1) != 1) _exit(1);
  }
};
#endif

#if MOTE_UART == 0
using UartRegisters = CmsdkUart;
#elif MOTE_UART == 1
using UartRegisters = Nrf51Uart;
#elif MOTE_UART == 2
using UartRegisters = Ns16550Uart;
#elif MOTE_UART == 3
using UartRegisters = StandardStreams;
#else
#error "MOTE_UART is 0, 1, 2 or 3"
#endif

class Uart {
 public:
  void start() const { registers_.start(); }

  std::uint8_t read() const {
    while (!registers_.received()) mote_idle();
    return registers_.take();
  }
  void write(std::uint8_t byte) const { registers_.put(byte); }

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
  UartRegisters registers_;
};

}  // namespace mote::device
