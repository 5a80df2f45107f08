#include "stm32_devices.hpp"

namespace mote::board {
namespace {

constexpr std::uint32_t kBusBase = 0x40000000, kBusBytes = 0x30000;

// Offsets from kBusBase.
constexpr std::uint32_t kTim5 = 0x0c00, kPower = 0x7000, kLpuart1 = 0x8000, kClocks = 0x21000, kFlash = 0x22000;
constexpr std::uint32_t kTimCounter = kTim5 + 0x24, kTimPrescaler = kTim5 + 0x28;
constexpr std::uint32_t kPowerControl1 = kPower + 0x00, kPowerControl5 = kPower + 0x80;
constexpr std::uint32_t kUartControl1 = kLpuart1 + 0x00, kUartStatus = kLpuart1 + 0x1c, kUartReceived = kLpuart1 + 0x24,
                        kUartSent = kLpuart1 + 0x28;
constexpr std::uint32_t kClockControl = kClocks + 0x00, kClockSwitch = kClocks + 0x08, kBackup = kClocks + 0x90,
                        kStandby = kClocks + 0x94, kRecovery = kClocks + 0x98;
constexpr std::uint32_t kFlashControl = kFlash + 0x14;

constexpr std::uint32_t kReceiveInterrupt = 1u << 5;                       // CR1: RXNEIE
constexpr std::uint32_t kReceiverFull = 1u << 5;                           // ISR: RXNE
constexpr std::uint32_t kTransmitterReady = 1u << 6 | 1u << 7 | 3u << 21;  // ISR: TC, TXE, TEACK, REACK

/// Each clock's ready flag stands right above its switch.
std::uint32_t with_ready(std::uint32_t value, std::uint32_t switches) { return value | (value & switches) << 1; }

}  // namespace

Stm32l4Buses::Stm32l4Buses(std::function<std::uint64_t()> now)
    : RegisterBlock(kBusBase, kBusBytes), now_(std::move(now)) {
  // Values at reset that programs depend on.
  RegisterBlock::write(kClockControl, 0x63);    // the 4 MHz oscillator runs
  RegisterBlock::write(kPowerControl1, 0x200);  // voltage range 1
  RegisterBlock::write(kPowerControl5, 0x100);  // without boost
  RegisterBlock::write(kFlashControl, 0xc0000000);
}

std::uint32_t Stm32l4Buses::read(std::uint32_t offset) {
  const std::uint32_t value = RegisterBlock::read(offset);
  switch (offset) {
    case kClockControl:
      // MSI, HSE, the three PLLs; the 16 MHz oscillator has its flag two places above (HSION 8, HSIRDY 10).
      return with_ready(value, 1u << 0 | 1u << 16 | 1u << 24 | 1u << 26 | 1u << 28) | (value & 1u << 8) << 2;
    case kClockSwitch:  // the clock in use is the one chosen
      return (value & ~0xcu) | (value & 3u) << 2;
    case kBackup:
    case kStandby:
    case kRecovery:
      return with_ready(value, 1u);
    case kUartStatus:
      return kTransmitterReady | (receiver_full_ ? kReceiverFull : 0);
    case kUartReceived:
      receiver_full_ = false;
      return value;
    case kTimCounter:
      return static_cast<std::uint32_t>(now_() / (RegisterBlock::read(kTimPrescaler) + 1));
    default:
      return value;
  }
}

void Stm32l4Buses::write(std::uint32_t offset, std::uint32_t value) {
  RegisterBlock::write(offset, value);
  if (offset == kUartSent) sent_.push_back(static_cast<char>(value));
}

bool Stm32l4Buses::listens() { return (RegisterBlock::read(kUartControl1) & kReceiveInterrupt) != 0; }

void Stm32l4Buses::receive(std::uint8_t byte) {
  RegisterBlock::write(kUartReceived, byte);
  receiver_full_ = true;
}

}  // namespace mote::board
