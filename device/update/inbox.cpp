#include "update/inbox.hpp"

#include "update/crc32.hpp"
#include "update/flash.hpp"

namespace mote::update {
namespace {

constexpr std::uint32_t kLeastSpare = 4;
constexpr std::uint32_t kNowhere = 0xffffffff;
constexpr std::uint32_t kRowSeal = 0xfffffffe;  // number of a position that says: what is before was written to its end

/// Behind a block's data, in write units of its own, programmed last.
struct Trailer {
  std::uint32_t number;
  std::uint32_t crc;  // over number, then data as padded to write units
};

constexpr std::uint8_t kErased[1] = {0xff};

std::uint32_t up(std::uint32_t bytes, std::uint32_t unit) { return (bytes + unit - 1) / unit * unit; }

std::uint32_t crc_of(std::uint32_t number, std::uint32_t crc = 0) {
  return crc32({reinterpret_cast<const std::uint8_t*>(&number), sizeof(number)}, crc);
}

}  // namespace

std::uint32_t Inbox::stride(const Layout& layout, std::uint32_t block_bytes) {
  return up(block_bytes, layout.write_unit_bytes) + up(sizeof(Trailer), layout.write_unit_bytes);
}

Status Inbox::check(const Layout& layout, const Announcement& announcement) {
  if (announcement.total_bytes == 0 || announcement.block_bytes < 16 || announcement.block_bytes > kMaxBlockBytes)
    return Status::malformed;
  if (announcement.total_bytes > layout.inbox_bytes) return Status::too_large;  // and no overflow below
  const std::uint32_t blocks = (announcement.total_bytes - 1) / announcement.block_bytes + 1;
  const std::uint32_t positions = layout.inbox_bytes / stride(layout, announcement.block_bytes);
  return blocks + kLeastSpare <= positions ? Status::ok : Status::too_large;
}

void Inbox::open(Port& port, const Announcement& announcement) {
  port_ = &port;
  announcement_ = announcement;
  stride_ = stride(port.layout(), announcement.block_bytes);
  blocks_ = (announcement.total_bytes - 1) / announcement.block_bytes + 1;
  positions_ = port.layout().inbox_bytes / stride_;
  next_spare_ = positions_;
  while (next_spare_ > blocks_ && is_blank(next_spare_ - 1)) --next_spare_;
  found_number_ = kNowhere;
  renew_newest_row();
  missing_ = stored_ = 0;
  for (std::uint32_t i = 0; i < blocks_; ++i) missing_ += has(i) ? 0 : 1;
}

void Inbox::renew_newest_row() {
  std::uint32_t newest = next_spare_;
  do {
    if (newest == blocks_) return;
    --newest;
  } while (!is_sound(newest));
  const std::uint32_t number = number_at(newest);
  if (number < kCodedRows || number == kRowSeal) return;
  const Bytes row{port_->map(offset_of(newest)), announcement_.block_bytes};
  bool copied = false;
  while (!copied && next_spare_ < positions_) copied = write(next_spare_++, number, row);
  if (next_spare_ < positions_) static_cast<void>(write(next_spare_++, kRowSeal, {}));
}

std::uint32_t Inbox::block_size(std::uint32_t number) const {
  if (number >= kCodedRows || number + 1 < blocks_) return announcement_.block_bytes;
  return announcement_.total_bytes - (blocks_ - 1) * announcement_.block_bytes;
}

std::uint32_t Inbox::offset_of(std::uint32_t position) const { return port_->layout().inbox + position * stride_; }

std::uint32_t Inbox::number_at(std::uint32_t position) const {
  std::uint32_t number = 0;
  port_->read(offset_of(position) + up(announcement_.block_bytes, port_->layout().write_unit_bytes),
              {reinterpret_cast<std::uint8_t*>(&number), sizeof(number)});
  return number;
}

bool Inbox::is_blank(std::uint32_t position) const {
  return update::is_blank({port_->map(offset_of(position)), stride_});
}

bool Inbox::is_sound(std::uint32_t position) const {
  const std::uint32_t data_bytes = up(announcement_.block_bytes, port_->layout().write_unit_bytes);
  Trailer trailer{};
  port_->read(offset_of(position) + data_bytes, {reinterpret_cast<std::uint8_t*>(&trailer), sizeof(trailer)});
  return trailer.crc == crc32({port_->map(offset_of(position)), data_bytes}, crc_of(trailer.number));
}

std::uint32_t Inbox::find(std::uint32_t number) const {
  if (number == found_number_) return found_position_;
  std::uint32_t at = number;
  if (number >= blocks_ || number_at(at) != number || !is_sound(at)) {
    for (at = blocks_; at < next_spare_ && !(number_at(at) == number && is_sound(at));) ++at;
    if (at >= next_spare_) return kNowhere;
  }
  found_number_ = number;
  found_position_ = at;
  return at;
}

bool Inbox::has(std::uint32_t number) const { return find(number) != kNowhere; }

std::uint32_t Inbox::next_missing(std::uint32_t from) const {
  if (missing_ == 0) return blocks_;
  while (from < blocks_ && has(from)) ++from;
  return from < blocks_ ? from : blocks_;
}

bool Inbox::write(std::uint32_t position, std::uint32_t number, Bytes data) {
  const std::uint32_t data_bytes = up(announcement_.block_bytes, port_->layout().write_unit_bytes);
  Trailer trailer{number, crc32(data, crc_of(number))};
  for (std::size_t at = data.size; at < data_bytes; ++at) trailer.crc = crc32(kErased, trailer.crc);
  const std::uint32_t offset = offset_of(position);
  return program_padded(*port_, offset, data) &&
         program_padded(*port_, offset + data_bytes,
                        {reinterpret_cast<const std::uint8_t*>(&trailer), sizeof(trailer)}) &&
         is_sound(position);
}

Status Inbox::put(std::uint32_t number, Bytes data) {
  if ((number < kCodedRows && number >= blocks_) || number >= kRowSeal) return Status::malformed;
  if (data.size != block_size(number)) return Status::malformed;
  if (has(number)) return Status::ok;
  bool written = number < blocks_ && is_blank(number) && write(number, number, data);
  while (!written && next_spare_ < positions_) written = write(next_spare_++, number, data);
  if (!written) return Status::store_full;
  ++stored_;
  if (number < blocks_) --missing_;
  return Status::ok;
}

Status Inbox::read_block(std::uint32_t number, std::uint32_t offset, MutableBytes to) const {
  if (offset > block_size(number) || to.size > block_size(number) - offset) return Status::truncated;
  const std::uint32_t position = find(number);
  if (position == kNowhere) return Status::waiting;
  port_->read(offset_of(position) + offset, to);
  return Status::ok;
}

bool Inbox::next_row(std::uint32_t& position, std::uint32_t& number, std::uint32_t mask, std::uint32_t wanted) const {
  if (position < blocks_) position = blocks_;
  for (; position < next_spare_; ++position) {
    const std::uint32_t found = number_at(position);
    if (found < kCodedRows || found >= kRowSeal || (found & mask) != wanted || !is_sound(position)) continue;
    number = found;
    ++position;
    return true;
  }
  return false;
}

Status Inbox::read(std::uint32_t offset, MutableBytes to) {
  if (offset > announcement_.total_bytes || to.size > announcement_.total_bytes - offset) return Status::truncated;
  while (to.size != 0) {
    const std::uint32_t number = offset / announcement_.block_bytes;
    const std::uint32_t within = offset % announcement_.block_bytes;
    const std::uint32_t left = announcement_.block_bytes - within;
    const std::uint32_t count = to.size < left ? static_cast<std::uint32_t>(to.size) : left;
    MOTE_UPDATE_TRY(read_block(number, within, {to.data, count}));
    offset += count;
    to.data += count;
    to.size -= count;
  }
  return Status::ok;
}

}  // namespace mote::update
