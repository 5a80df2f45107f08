#include "devices.hpp"

#include "boards/flash_controller.hpp"
#include "boards/sensor_port.hpp"

namespace mote::board {
namespace {
constexpr std::uint32_t kTransmitterOn = 1, kReceiverOn = 2, kReceiverFull = 2;
}

// --- UART: DATA 0, STATE 4, CTRL 8, INTSTATUS 12, BAUDDIV 16
// ----------------------------------------------------------------------

std::uint32_t UartDevice::read(std::uint32_t offset) {
  switch (offset) {
    case 0:
      return waiting() ? 0 : to_board_[next_++];
    case 4:
      return (control_ & kReceiverOn) != 0 && !waiting() ? kReceiverFull : 0;
    case 8:
      return control_;
    case 16:
      return baud_divider_;
    default:
      return 0;
  }
}

void UartDevice::write(std::uint32_t offset, std::uint32_t value) {
  if (offset == 0 && (control_ & kTransmitterOn) != 0) from_board_.push_back(static_cast<std::uint8_t>(value));
  if (offset == 8) control_ = value;
  if (offset == 16) baud_divider_ = value;
  if (waiting()) {
    to_board_.clear();
    next_ = 0;
  }
}

void UartDevice::reset() {
  to_board_.clear();
  next_ = 0;
  from_board_.clear();
  control_ = baud_divider_ = 0;
}

// --- sensor port
// --------------------------------------------------------------------------------------------------------------------

std::uint32_t SensorDevice::base() const { return device::kSensorPortBase; }

std::uint32_t SensorDevice::read(std::uint32_t offset) {
  if (offset == 0) return device::kSensorPortIdentity;
  if (offset == 4) return static_cast<std::uint32_t>(fifo_.size());
  if (offset != 8 || fifo_.empty()) return 0;
  const std::uint8_t sample = fifo_.front();
  fifo_.pop_front();
  return sample;
}

// --- flash controller
// -----------------------------------------------------------------------------------------------------------------

using Flash = device::FlashController;

std::uint32_t FlashDevice::base() const { return device::kFlashControllerBase; }

std::uint32_t FlashDevice::read(std::uint32_t offset) {
  switch (offset / 4) {
    case Flash::kIdentity:
      return device::kFlashControllerIdentity;
    case Flash::kFlashBytes:
      return flash_.geometry().bytes;
    case Flash::kSectorBytes:
      return flash_.geometry().sector_bytes;
    case Flash::kWriteUnitBytes:
      return flash_.geometry().write_unit_bytes;
    case Flash::kAddress:
      return address_;
    case Flash::kSource:
      return source_;
    case Flash::kCount:
      return count_;
    case Flash::kStatus:
      return status_;
    default:
      return 0;
  }
}

void FlashDevice::write(std::uint32_t offset, std::uint32_t value) {
  switch (offset / 4) {
    case Flash::kAddress:
      address_ = value;
      break;
    case Flash::kSource:
      source_ = value;
      break;
    case Flash::kCount:
      count_ = value;
      break;
    case Flash::kCommand:
      status_ = static_cast<std::uint32_t>(run(value) ? Flash::Status::ok : Flash::Status::refused);
      if (!flash_.powered()) power_failed_();
      break;
    default:
      break;
  }
}

bool FlashDevice::run(std::uint32_t command) {
  if (command == Flash::kEraseSector) {
    const bool erased = flash_.erase_sector(address_).has_value();
    ++erased_;
    changed_(address_, flash_.geometry().sector_bytes);
    return erased;
  }
  if (command != Flash::kProgram || count_ > flash_.geometry().bytes) return false;
  Bytes data(count_);
  if (!read_ram_(source_, data.data(), data.size())) return false;
  const bool programmed = flash_.program(address_, data).has_value();
  programmed_ += count_ / flash_.geometry().write_unit_bytes;
  changed_(address_, count_);
  return programmed;
}

// --- cycle counter: DWT_CTRL 0, DWT_CYCCNT 4
// ----------------------------------------------------------------------------------------

std::uint32_t CycleCounterDevice::read(std::uint32_t offset) {
  if (offset == 0) return control_;
  const bool counting = (control_ & 1u) != 0;
  return offset == 4 && counting ? static_cast<std::uint32_t>(now_() - origin_) : 0;
}

void CycleCounterDevice::write(std::uint32_t offset, std::uint32_t value) {
  if (offset == 0) control_ = value;
  if (offset == 4) origin_ = now_() - value;
}

}  // namespace mote::board
