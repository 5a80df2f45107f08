#pragma once
// The virtual board's peripherals, as plain register blocks: no emulator in here.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>

#include "mote/base/bytes.hpp"
#include "mote/board/nor_flash.hpp"

namespace mote::board {

/// A block of memory-mapped registers.
class Device {
 public:
  virtual ~Device() = default;
  [[nodiscard]] virtual std::uint32_t base() const = 0;
  /// A multiple of 4096.
  [[nodiscard]] virtual std::uint32_t bytes() const { return 4096; }
  virtual std::uint32_t read(std::uint32_t offset) = 0;
  virtual void write(std::uint32_t offset, std::uint32_t value) = 0;
  virtual void reset() {}
};

/// Through which the host talks to the program.
class HostPort {
 public:
  virtual ~HostPort() = default;
  /// Whether the program has taken all that was sent.
  [[nodiscard]] virtual bool waiting() const = 0;
};

/// CMSDK APB UART. Bytes move at once in both directions.
class UartDevice final : public Device, public HostPort {
 public:
  [[nodiscard]] std::uint32_t base() const override { return 0x40004000; }
  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  void reset() override;

  void send(ByteSpan bytes) { to_board_.insert(to_board_.end(), bytes.begin(), bytes.end()); }
  [[nodiscard]] bool waiting() const override { return next_ == to_board_.size(); }
  [[nodiscard]] Bytes take_output() { return std::exchange(from_board_, {}); }

 private:
  Bytes to_board_;
  std::size_t next_ = 0;  // of to_board_
  Bytes from_board_;
  std::uint32_t control_ = 0, baud_divider_ = 0;
};

/// FIFO of samples; registers in device/boards/sensor_port.hpp.
class SensorDevice final : public Device {
 public:
  [[nodiscard]] std::uint32_t base() const override;
  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t, std::uint32_t) override {}
  void reset() override { fifo_.clear(); }
  void push(ByteSpan samples) { fifo_.insert(fifo_.end(), samples.begin(), samples.end()); }

 private:
  std::deque<std::uint8_t> fifo_;
};

/// Flash controller; registers in device/boards/flash_controller.hpp.
class FlashDevice final : public Device {
 public:
  /// `read_ram` copies bytes the program points at (false: no such memory); `changed` hears of each range that was
  /// changed.
  FlashDevice(NorFlash& flash, std::function<bool(std::uint32_t address, std::uint8_t* to, std::size_t bytes)> read_ram,
              std::function<void(std::uint32_t offset, std::uint32_t bytes)> changed,
              std::function<void()> power_failed)
      : flash_(flash),
        read_ram_(std::move(read_ram)),
        changed_(std::move(changed)),
        power_failed_(std::move(power_failed)) {}
  [[nodiscard]] std::uint32_t base() const override;
  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  void reset() override { address_ = source_ = count_ = status_ = 0; }
  /// That the flash was busy in all, by these times: the processor waits for it.
  [[nodiscard]] double busy_s(double erase_s, double program_s) const {
    return static_cast<double>(erased_) * erase_s + static_cast<double>(programmed_) * program_s;
  }

 private:
  [[nodiscard]] bool run(std::uint32_t command);

  NorFlash& flash_;
  std::function<bool(std::uint32_t, std::uint8_t*, std::size_t)> read_ram_;
  std::function<void(std::uint32_t, std::uint32_t)> changed_;
  std::function<void()> power_failed_;
  std::uint32_t address_ = 0, source_ = 0, count_ = 0, status_ = 0;
  std::uint64_t erased_ = 0, programmed_ = 0;  // sectors and write units, since creation
};

/// Data Watchpoint and Trace unit: only its cycle counter (Armv7-M ARM C1.8.8). Counts modelled cycles while measuring.
class CycleCounterDevice final : public Device {
 public:
  explicit CycleCounterDevice(std::function<std::uint64_t()> now) : now_(std::move(now)) {}
  [[nodiscard]] std::uint32_t base() const override { return 0xe0001000; }
  std::uint32_t read(std::uint32_t offset) override;
  void write(std::uint32_t offset, std::uint32_t value) override;
  void reset() override { control_ = 0, origin_ = 0; }

 private:
  std::function<std::uint64_t()> now_;
  std::uint32_t control_ = 0;
  std::uint64_t origin_ = 0;
};

/// System Control Space: registers keep what is written and do nothing, which is enough for CPACR and DEMCR.
class SystemControlDevice final : public Device {
 public:
  [[nodiscard]] std::uint32_t base() const override { return 0xe000e000; }
  std::uint32_t read(std::uint32_t offset) override { return offset / 4 < kRegisters ? registers_[offset / 4] : 0; }
  void write(std::uint32_t offset, std::uint32_t value) override {
    if (offset / 4 < kRegisters) registers_[offset / 4] = value;
  }
  void reset() override { std::fill(std::begin(registers_), std::end(registers_), 0u); }

 private:
  static constexpr std::uint32_t kRegisters = 1024;
  std::uint32_t registers_[kRegisters] = {};
};

}  // namespace mote::board
