#pragma once
// For tests of the ways of arriving: what an agent offers to them, with an inbox over flash and no judgement.

#include "mote/board/nor_flash.hpp"
#include "mote/simulation/flash_port.hpp"
#include "update/inbox.hpp"
#include "update/journal.hpp"
#include "update/trust.hpp"

namespace mote::simulation {

class ReceivingDevice {
 public:
  ReceivingDevice(std::uint32_t inbox_bytes, std::uint32_t sector_bytes, std::uint32_t unit_bytes)
      : layout_(update::arrange(sector_bytes, unit_bytes, 512, inbox_bytes)),
        flash(board::NorFlash::create({layout_.end(), sector_bytes, unit_bytes, 1}).value()),
        port_(flash, layout_) {}

  update::Status announce(const update::Announcement& parcel) {
    if (auto fits = update::Inbox::check(layout_, parcel); fits != update::Status::ok) return fits;
    const bool same = update::equal(parcel.id, record_.inbox_id) && record_.inbox_total_bytes == parcel.total_bytes &&
                      record_.inbox_block_bytes == parcel.block_bytes;
    if (record_.phase == update::Phase::receiving) return same ? update::Status::ok : update::Status::busy;
    for (std::uint32_t at = 0; at < layout_.inbox_bytes; at += layout_.sector_bytes)
      if (!port_.erase_sector(layout_.inbox + at)) return update::Status::flash_failed;
    update::copy(record_.inbox_id, parcel.id);
    record_.inbox_total_bytes = parcel.total_bytes;
    record_.inbox_block_bytes = parcel.block_bytes;
    record_.phase = update::Phase::receiving;
    ++sessions;
    restart();
    return update::Status::ok;
  }
  update::Inbox* inbox() { return record_.phase == update::Phase::receiving ? &inbox_ : nullptr; }
  update::Inbox* held() { return inbox(); }
  const update::Identity& identity() const { return identity_; }
  std::uint32_t keys_version() const { return 1; }
  std::size_t report(update::MutableBytes) { return 0; }
  void abandon(update::Status reason) {
    record_ = {};
    record_.last_status = reason;
    inbox_.close();
  }
  const update::Record& record() const { return record_; }
  update::Phase phase() const { return record_.phase; }
  update::Status last_status() const { return record_.last_status; }

  /// As an agent does when its journal tells of a parcel that is being received.
  void restart() {
    if (record_.phase != update::Phase::receiving) return;
    update::Announcement parcel;
    update::copy(parcel.id, record_.inbox_id);
    parcel.total_bytes = record_.inbox_total_bytes;
    parcel.block_bytes = record_.inbox_block_bytes;
    inbox_.open(port_, parcel);
  }
  /// The parcel, when it is whole: it is taken out.
  Bytes take_parcel() {
    Bytes parcel(record_.inbox_total_bytes);
    if (inbox() == nullptr || inbox_.missing_count() != 0 ||
        inbox_.read(0, {parcel.data(), parcel.size()}) != update::Status::ok)
      return {};
    abandon(update::Status::ok);
    return parcel;
  }

 private:
  update::Layout layout_;

 public:
  board::NorFlash flash;
  unsigned sessions = 0;

 private:
  FlashPort port_;
  update::Inbox inbox_;
  update::Record record_;
  update::Identity identity_;
};

}  // namespace mote::simulation
