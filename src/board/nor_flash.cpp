#include "mote/board/nor_flash.hpp"

#include <algorithm>
namespace mote::board {
namespace {

constexpr std::uint8_t kErased = 0xff;

/// A byte in which each bit is set with probability progress/255.
std::uint8_t random_bits(Rng& rng, std::uint8_t progress) {
  std::uint8_t bits = 0;
  for (unsigned bit = 0; bit < 8; ++bit)
    bits = static_cast<std::uint8_t>(bits | (rng.below(255) < progress ? 1u << bit : 0u));
  return bits;
}

}  // namespace

Result<NorFlash> NorFlash::create(const NorGeometry& geometry) {
  const std::uint32_t unit = geometry.write_unit_bytes;
  const bool sound = unit != 0 && (unit & (unit - 1)) == 0 && geometry.sector_bytes != 0 &&
                     geometry.sector_bytes % unit == 0 && geometry.bytes != 0 &&
                     geometry.bytes % geometry.sector_bytes == 0;
  if (!sound) {
    return fail(Code::invalid_argument, "flash of " + std::to_string(geometry.bytes) + " bytes with sectors of " +
                                            std::to_string(geometry.sector_bytes) + " and write units of " +
                                            std::to_string(unit) +
                                            ": sizes must divide each other and the unit be a power of two");
  }
  return NorFlash(geometry);
}

NorFlash::NorFlash(const NorGeometry& geometry)
    : geometry_(geometry), bytes_(geometry.bytes, kErased), programs_(geometry.bytes / geometry.write_unit_bytes, 0) {}

Result<void> NorFlash::check_range(std::uint32_t offset, std::size_t size, std::uint32_t multiple) const {
  if (offset > bytes_.size() || size > bytes_.size() - offset) {
    return fail(Code::invalid_argument, "flash: byte " + std::to_string(offset) + ": " + std::to_string(size) +
                                            " bytes lie outside of the " + std::to_string(bytes_.size()) +
                                            " there are");
  }
  if (offset % multiple != 0 || size % multiple != 0) {
    return fail(Code::invalid_argument, "flash: byte " + std::to_string(offset) + ": an operation on " +
                                            std::to_string(size) + " bytes does not fit the unit of " +
                                            std::to_string(multiple) + " bytes");
  }
  return {};
}

/// Counts an operation; false when power fails in it.
bool NorFlash::begin_operation(const FlashOperation& operation) {
  if (observer_.call) observer_.call(*this, operation);
  const bool cut_now = cut_ && cut_->operation == operations_;
  ++operations_;
  if (cut_now) powered_ = false;
  return !cut_now;
}

void NorFlash::tear(std::uint32_t offset, std::uint8_t wanted, Rng& rng) {
  std::uint8_t& byte = bytes_[offset];
  const auto changing = static_cast<std::uint8_t>(byte ^ wanted);
  if (changing == 0) return;
  const auto changed = static_cast<std::uint8_t>(changing & random_bits(rng, cut_->progress));
  byte = static_cast<std::uint8_t>(byte ^ changed);
  if (cut_->unstable == 0) return;
  if (unstable_.empty()) unstable_.resize(bytes_.size(), 0);
  unstable_[offset] = static_cast<std::uint8_t>(unstable_[offset] | (changing & random_bits(rng, cut_->unstable)));
}

void NorFlash::program_unit(std::uint32_t offset, ByteSpan data) {
  for (std::size_t i = 0; i < data.size(); ++i) {
    bytes_[offset + i] = static_cast<std::uint8_t>(bytes_[offset + i] & data[i]);
    if (!unstable_.empty()) unstable_[offset + i] = static_cast<std::uint8_t>(unstable_[offset + i] & data[i]);
  }
}

Result<void> NorFlash::program(std::uint32_t offset, ByteSpan data) {
  const std::uint32_t unit = geometry_.write_unit_bytes;
  MOTE_TRY_VOID(check_range(offset, data.size(), unit));
  for (std::size_t at = 0; at < data.size(); at += unit) {
    const auto place = static_cast<std::uint32_t>(offset + at);
    if (!powered_) return fail(Code::io, "flash: byte " + std::to_string(place) + ": power is off");
    if (geometry_.programs_per_unit != 0 && programs_[place / unit] >= geometry_.programs_per_unit) {
      return fail(Code::invalid_argument, "flash: byte " + std::to_string(place) + ": this unit was programmed " +
                                              std::to_string(geometry_.programs_per_unit) +
                                              " times since its erase; erase the sector first");
    }
    const ByteSpan part = data.subspan(at, unit);
    const bool whole = begin_operation({FlashOperation::Kind::program, place, part});
    std::uint8_t& programs = programs_[place / unit];
    if (programs != 255) ++programs;
    if (whole) {
      program_unit(place, part);
      continue;
    }
    Rng rng(mix(cut_->seed, place));
    for (std::uint32_t i = 0; i < unit; ++i)
      tear(place + i, static_cast<std::uint8_t>(bytes_[place + i] & part[i]), rng);
    return fail(Code::io, "flash: byte " + std::to_string(place) + ": power failed while programming");
  }
  return {};
}

Result<void> NorFlash::erase_sector(std::uint32_t offset) {
  MOTE_TRY_VOID(check_range(offset, geometry_.sector_bytes, geometry_.sector_bytes));
  if (!powered_) return fail(Code::io, "flash: byte " + std::to_string(offset) + ": power is off");
  if (begin_operation({FlashOperation::Kind::erase, offset, {}})) {
    std::fill_n(bytes_.begin() + offset, geometry_.sector_bytes, kErased);
    std::fill_n(programs_.begin() + offset / geometry_.write_unit_bytes,
                geometry_.sector_bytes / geometry_.write_unit_bytes, std::uint8_t{0});
    if (!unstable_.empty()) std::fill_n(unstable_.begin() + offset, geometry_.sector_bytes, std::uint8_t{0});
    return {};
  }
  Rng rng(mix(cut_->seed, offset));
  for (std::uint32_t i = 0; i < geometry_.sector_bytes; ++i) tear(offset + i, kErased, rng);
  return fail(Code::io, "flash: byte " + std::to_string(offset) + ": power failed while erasing");
}

Result<void> NorFlash::load(std::uint32_t offset, ByteSpan data) {
  MOTE_TRY_VOID(check_range(offset, data.size(), 1));
  std::copy(data.begin(), data.end(), bytes_.begin() + offset);
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (data[i] != kErased) programs_[(offset + i) / geometry_.write_unit_bytes] = 1;
  }
  return {};
}

Result<void> NorFlash::flip(std::uint32_t offset, unsigned bit) {
  MOTE_TRY_VOID(check_range(offset, 1, 1));
  bytes_[offset] = static_cast<std::uint8_t>(bytes_[offset] ^ 1u << bit % 8);
  return {};
}

void NorFlash::restore_power(std::uint64_t seed) {
  powered_ = true;
  cut_.reset();
  // Marginal cells move together with temperature and supply: at some starts all of them read as erased, at some all as
  // programmed, and at others each for itself.
  Rng rng(mix(seed, 0x756e7374));
  const std::uint64_t together = rng.below(4);
  for (std::size_t i = 0; i < unstable_.size(); ++i) {
    if (unstable_[i] == 0) continue;
    const std::uint8_t drawn = together == 0   ? std::uint8_t{0}
                               : together == 1 ? kErased
                                               : static_cast<std::uint8_t>(rng.below(256));
    bytes_[i] = static_cast<std::uint8_t>((bytes_[i] & ~unstable_[i]) | (drawn & unstable_[i]));
  }
}

}  // namespace mote::board
