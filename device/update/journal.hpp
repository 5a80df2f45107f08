#pragma once
// The one record of what a device knows about itself, in flash, replaced as a whole at each change: a power cut leaves
// the old record or the new one. docs/updates.md, "Journal", says why each rule is there.

#include "update/port.hpp"

namespace mote::update {

enum class Phase : std::uint8_t {
  idle = 0,
  preparing = 1,  ///< the inbox is being erased
  receiving = 2,
  checking = 3,  ///< in memory only: after a reset a parcel is judged again
  installing = 4,
  testing = 5,
  shadowing = 6,
  trial = 7,
};

constexpr const char* name(Phase phase) {
  switch (phase) {
    case Phase::idle:
      return "idle";
    case Phase::preparing:
      return "preparing";
    case Phase::receiving:
      return "receiving";
    case Phase::checking:
      return "checking";
    case Phase::installing:
      return "installing";
    case Phase::testing:
      return "testing";
    case Phase::shadowing:
      return "shadowing";
    case Phase::trial:
      return "trial";
  }
  return "unknown";
}

constexpr std::uint8_t kNoSlot = 0xff;
constexpr unsigned kFailedCount = 4;

struct SlotRecord {
  std::uint64_t sequence = 0;  ///< of the bundle that brought the module; 0: the slot holds nothing usable
  std::uint32_t module_bytes = 0;
  std::uint32_t proven = 0;      ///< 1: this module was confirmed on this device
  std::uint8_t digest[32] = {};  ///< SHA-256 of the module
};

/// Little-endian in flash, without padding; a change of it needs a new journal magic.
struct Record {
  std::uint32_t number = 0;  ///< counts commits
  Phase phase = Phase::idle;
  std::uint8_t active = kNoSlot;
  std::uint8_t keys_area = kNoSlot;      ///< kNoSlot: the keys document of the identity
  std::uint8_t starts = 0;               ///< of a trial, since it last made progress
  std::uint64_t confirmed_sequence = 0;  ///< highest that proved itself
  std::uint64_t tried_sequence = 0;      ///< highest that was installed, confirmed or not
  std::uint64_t time_s = 0;              ///< never goes back, but by a keys document
  SlotRecord slot[2];
  std::uint8_t failed[kFailedCount][8] = {};  ///< first bytes of the digests of modules that failed here, newest first
  std::uint32_t report_number = 0;
  std::uint32_t reserved = 0;
  std::uint64_t expected_sequence = 0;  ///< what the newest time statement says this class should have

  // The update under way.
  std::uint8_t inbox_id[8] = {};        ///< zeros: it has ended
  std::uint32_t inbox_total_bytes = 0;  ///< of this or the last parcel that the inbox holds; 0: it never held one
  std::uint16_t inbox_block_bytes = 0;  ///< of that
  std::uint8_t from_inbox = 0;
  std::uint8_t progress = 0;         ///< eighths of the module that are written
  std::uint32_t message_offset = 0;  ///< of the message being worked on, in the parcel
  std::uint16_t shadow_wanted = 0;   ///< inferences
  std::uint16_t shadow_permille = 0;
  std::uint16_t trial_wanted = 0;  ///< inferences
  std::uint16_t done = 0;          ///< inferences of the shadow run or of the trial, noted every eighth
  std::uint16_t agreed = 0;        ///< of these, with the same first class as the old module
  std::uint8_t faults = 0;         ///< resets by watchdog or fault during the trial; never forgotten within it

  Status last_status = Status::ok;  ///< of the last update that ended
  std::uint64_t last_sequence = 0;  ///< of that update, as far as it was known
};
static_assert(sizeof(Record) == 216, "the record has no padding and its layout is that of the flash");

class Journal {
 public:
  /// Finds the record. An area that was never finished, or whose bits are worn, does not count.
  /// @return ok; malformed: no area holds a record (a new device, or both areas are damaged): `record()` is the initial
  ///         one; flash_failed.
  [[nodiscard]] Status mount(Port& port);

  [[nodiscard]] const Record& record() const { return record_; }

  /// A copy of the record, to be changed and then committed. The next call begins anew.
  Record& edit();
  /// What edit() returned last.
  Record& draft() { return draft_.record; }
  /// Puts the edited record in place of the one before; its number is set here. When this returns ok, the new one is
  /// what every later start finds.
  /// @return flash_failed  both areas refuse; the old record stays.
  [[nodiscard]] Status commit();

 private:
  struct Area {
    bool begun = false;     // has a header
    bool complete = false;  // and its commit followed, or a later entry
    bool certain = false;   // the newest record was certainly written to its end
    std::uint32_t generation = 0;
    std::uint32_t next = 0;  // behind the last entry that is not blank
    Record newest;
  };
  /// As it lies in flash, in whole write units of any size.
  struct Entry {
    Record record;
    std::uint32_t crc = 0;
    std::uint32_t reserved = 0xffffffff;
  };
  static constexpr std::uint32_t kEntryBytes = 224;
  static_assert(sizeof(Entry) == kEntryBytes && kEntryBytes % 32 == 0, "whole write units of any size");

  void read_area(unsigned area, Area& found);
  Status append(unsigned area, std::uint32_t entry);
  Status begin_area(unsigned area, std::uint32_t generation);
  Status seal(std::uint32_t offset);
  std::uint32_t area_offset(unsigned area) const;
  std::uint32_t commit_offset(unsigned area) const;
  std::uint32_t entry_offset(unsigned area, std::uint32_t entry) const;
  std::uint32_t entry_count() const;
  std::uint32_t up(std::uint32_t bytes) const;  // to whole write units

  Port* port_ = nullptr;
  Record record_;
  Entry draft_;
  unsigned area_ = 0;
  std::uint32_t generation_ = 0;
  std::uint32_t next_ = 0;
};

}  // namespace mote::update
