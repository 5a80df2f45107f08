#include "update/journal.hpp"

#include "update/crc32.hpp"
#include "update/flash.hpp"

namespace mote::update {
namespace {

constexpr std::uint32_t kAreaMagic = 0x314a454d;  // "MEJ1"
constexpr std::uint32_t kSeal = 0x4c414553;       // "SEAL"
constexpr std::uint32_t kBlankWord = 0xffffffff;

struct AreaHeader {
  std::uint32_t magic;
  std::uint32_t generation;
  std::uint32_t crc;
};

}  // namespace

std::uint32_t Journal::up(std::uint32_t bytes) const {
  const std::uint32_t unit = port_->layout().write_unit_bytes;
  return (bytes + unit - 1) / unit * unit;
}
std::uint32_t Journal::area_offset(unsigned area) const {
  return port_->layout().journal + area * port_->layout().journal_area_bytes;
}
std::uint32_t Journal::commit_offset(unsigned area) const { return area_offset(area) + up(sizeof(AreaHeader)); }
std::uint32_t Journal::entry_offset(unsigned area, std::uint32_t entry) const {
  return commit_offset(area) + up(sizeof(kSeal)) + entry * (kEntryBytes + up(sizeof(kSeal)));
}
std::uint32_t Journal::entry_count() const {
  return (port_->layout().journal_area_bytes - up(sizeof(AreaHeader)) - up(sizeof(kSeal))) /
         (kEntryBytes + up(sizeof(kSeal)));
}

void Journal::read_area(unsigned area, Area& found) {
  AreaHeader header{};
  port_->read(area_offset(area), into(header));
  if (header.magic != kAreaMagic || header.crc != crc32(bytes_of(header, 8))) return;
  found.begun = true;
  found.generation = header.generation;
  std::uint32_t newest = 0;  // entry of the newest record, from 1
  bool sealed = false;
  std::uint32_t offset = entry_offset(area, 0);
  for (std::uint32_t i = 1; i <= entry_count(); ++i, offset += kEntryBytes + up(sizeof(kSeal))) {
    std::uint32_t seal = 0;
    port_->read(offset, into(draft_));
    port_->read(offset + kEntryBytes, into(seal));
    if (!is_blank(bytes_of(draft_)) || seal != kBlankWord) found.next = i;
    if (draft_.crc != crc32(bytes_of(draft_.record))) continue;
    newest = i;
    sealed = seal != kBlankWord;
    found.newest = draft_.record;
  }
  std::uint32_t commit = 0;
  port_->read(commit_offset(area), into(commit));
  found.complete = newest > 1 || (newest == 1 && commit != kBlankWord);
  // With the first entry alone, the commit unit itself may be in doubt.
  found.certain = newest > 1 && sealed && newest == found.next;
}

Status Journal::seal(std::uint32_t offset) {
  return program_padded(*port_, offset, bytes_of(kSeal)) ? Status::ok : Status::flash_failed;
}

/// Writes the draft.
Status Journal::append(unsigned area, std::uint32_t entry_index) {
  const std::uint32_t offset = entry_offset(area, entry_index);
  if (!port_->program(offset, bytes_of(draft_)) || !equal({port_->map(offset), kEntryBytes}, bytes_of(draft_)))
    return Status::flash_failed;
  return seal(offset + kEntryBytes);
}

Status Journal::begin_area(unsigned area, std::uint32_t generation) {
  if (!erase(*port_, area_offset(area), port_->layout().journal_area_bytes)) return Status::flash_failed;
  MOTE_UPDATE_TRY(append(area, 0));
  AreaHeader header{kAreaMagic, generation, 0};
  header.crc = crc32(bytes_of(header, 8));
  if (!program_padded(*port_, area_offset(area), bytes_of(header))) return Status::flash_failed;
  MOTE_UPDATE_TRY(seal(commit_offset(area)));
  area_ = area;
  generation_ = generation;
  next_ = 1;
  return Status::ok;
}

// What makes a later start find the same record as this one, whatever bits of an interrupted write read as next time:
// - An area counts when its commit unit is not blank (it is begun only after the header was written to its end) or when
//   it has a record besides the first. If it does not count, the other area does, and it is never appended to while
//   this one has a header: the next commit erases this one first.
// - A record counts when its CRC is right. It is certain when its seal is not blank, because that was begun later. An
//   uncertain one, or a torn one behind the newest, is covered by writing the newest again before anybody acts on it.
// - The first blank entry may have been begun with nothing to be seen; it is skipped.
Status Journal::mount(Port& port) {
  port_ = &port;
  record_ = Record{};
  Area areas[2];
  for (unsigned i = 0; i < 2; ++i) read_area(i, areas[i]);
  unsigned best = 2;
  for (unsigned i = 0; i < 2; ++i) {
    if (!areas[i].complete) continue;
    if (best == 2 || static_cast<std::int32_t>(areas[i].generation - areas[best].generation) > 0) best = i;
  }
  if (best == 2) {
    // Nothing to keep: the first commit begins an area.
    area_ = 1;
    generation_ = 0;
    next_ = entry_count();
    return Status::malformed;
  }
  const Area& other = areas[1 - best];
  record_ = areas[best].newest;
  area_ = best;
  generation_ = areas[best].generation;
  next_ = areas[best].next + 1;
  const bool abandoned = other.begun && static_cast<std::int32_t>(other.generation - generation_) > 0;
  if (abandoned) next_ = entry_count();
  if (areas[best].certain && !abandoned) return Status::ok;
  edit();
  return commit();
}

Record& Journal::edit() {
  draft_.record = record_;
  draft_.reserved = 0xffffffff;
  return draft_.record;
}

Status Journal::commit() {
  draft_.record.number = record_.number + 1;
  draft_.crc = crc32(bytes_of(draft_.record));
  Status status = Status::flash_failed;
  // An entry that does not read back as written is left behind.
  while (next_ < entry_count() && status != Status::ok) status = append(area_, next_++);
  if (status != Status::ok) status = begin_area(1 - area_, generation_ + 1);
  if (status == Status::ok) record_ = draft_.record;
  return status;
}

}  // namespace mote::update
