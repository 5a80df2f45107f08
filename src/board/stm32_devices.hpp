#pragma once
// Peripherals of an STM32L4 as far as firmware needs them to boot and to talk: RM0432 (STM32L4+). Most registers keep
// what is written and do nothing.

#include <functional>
#include <string>
#include <vector>

#include "devices.hpp"

namespace mote::board {

/// Registers from `base` on that keep what is written.
class RegisterBlock : public Device {
 public:
  RegisterBlock(std::uint32_t base, std::uint32_t bytes) : base_(base), registers_(bytes / 4) {}
  [[nodiscard]] std::uint32_t base() const override { return base_; }
  [[nodiscard]] std::uint32_t bytes() const override { return static_cast<std::uint32_t>(registers_.size() * 4); }
  std::uint32_t read(std::uint32_t offset) override { return registers_[offset / 4]; }
  void write(std::uint32_t offset, std::uint32_t value) override { registers_[offset / 4] = value; }

 private:
  std::uint32_t base_;
  std::vector<std::uint32_t> registers_;
};

/// APB1, APB2 and AHB1: with the reset and clock controller, whose clocks are ready as soon as they are switched on,
/// the power controller, LPUART1 and TIM5.
class Stm32l4Buses final : public RegisterBlock, public HostPort {
 public:
  /// `now`: cycles since power-on, for the timer.
  explicit Stm32l4Buses(std::function<std::uint64_t()> now);
  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;

  /// Whether LPUART1's received byte was taken.
  [[nodiscard]] bool waiting() const override { return !receiver_full_; }
  /// Whether a received byte raises LPUART1's interrupt.
  [[nodiscard]] bool listens();
  void receive(std::uint8_t byte);
  [[nodiscard]] std::string take_output() { return std::exchange(sent_, {}); }

 private:
  std::function<std::uint64_t()> now_;
  bool receiver_full_ = false;
  std::string sent_;
};

}  // namespace mote::board
