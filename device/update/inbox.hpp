#pragma once
// Where a parcel gathers: blocks of one size, in any order, in a region of flash. Which blocks are there is found by
// looking at the flash, so that a power cut loses at most the block that was being written. docs/updates.md, "Inbox".
//
// A block is stored at the position of its number. Where a cut spoiled that position, it goes to a spare position at
// the end, of which there are as many as the region leaves; forward error correction keeps its coded rows there, too.

#include "update/port.hpp"

namespace mote::update {

/// What a way of arriving announces before the first block.
struct Announcement {
  std::uint8_t id[8] = {};  ///< first bytes of the SHA-256 of the parcel
  std::uint32_t total_bytes = 0;
  std::uint16_t block_bytes = 0;  ///< 16 to kMaxBlockBytes
};

constexpr std::uint16_t kMaxBlockBytes = 1024;
/// Numbers from here on are rows of an error-correcting code, not blocks of the parcel.
constexpr std::uint32_t kCodedRows = 0x80000000;

class Inbox : public Source {
 public:
  /// Takes up a session whose region has been erased. Looks through the region; writes the newest coded row once more,
  /// since a cut may have left bits of it that read differently after the next start, when others build on it.
  void open(Port& port, const Announcement& announcement);
  void close() { port_ = nullptr; }
  [[nodiscard]] bool is_open() const { return port_ != nullptr; }

  /// Whether a parcel can be received at all. Spare positions for cuts are part of the reckoning.
  /// @return too_large; malformed: a block size that is not allowed, or nothing to receive.
  [[nodiscard]] static Status check(const Layout& layout, const Announcement& announcement);

  [[nodiscard]] std::uint32_t block_count() const { return blocks_; }
  [[nodiscard]] std::uint32_t missing_count() const { return missing_; }
  /// Blocks and coded rows that were stored since `open`: whether a sender gets on.
  [[nodiscard]] std::uint32_t stored_count() const { return stored_; }
  /// Bytes in block `number`: the last one is shorter.
  [[nodiscard]] std::uint32_t block_size(std::uint32_t number) const;

  [[nodiscard]] bool has(std::uint32_t number) const;
  /// First missing block at or behind `from`; block_count() when there is none.
  [[nodiscard]] std::uint32_t next_missing(std::uint32_t from) const;

  /// Stores a block, or a coded row, which always has block_bytes. One that is there already is left alone: ok.
  /// @return malformed  number or size out of range.   @return store_full  spoiled positions used up all spare ones:
  /// the
  ///         session has to begin anew.
  [[nodiscard]] Status put(std::uint32_t number, Bytes data);

  /// Reads part of a block or coded row. @return waiting  it is not there.
  [[nodiscard]] Status read_block(std::uint32_t number, std::uint32_t offset, MutableBytes to) const;

  /// Numbers of the coded rows that are stored, in the order in which they were: for a decoder that takes up its work
  /// after a start. Only those for which (number & mask) == wanted.
  /// @return false  no more. `position` begins with 0 and is moved on.
  [[nodiscard]] bool next_row(std::uint32_t& position, std::uint32_t& number, std::uint32_t mask = 0,
                              std::uint32_t wanted = 0) const;

  std::uint32_t bytes() const override { return announcement_.total_bytes; }
  [[nodiscard]] Status read(std::uint32_t offset, MutableBytes to) override;

 private:
  static std::uint32_t stride(const Layout& layout, std::uint32_t block_bytes);
  std::uint32_t offset_of(std::uint32_t position) const;
  std::uint32_t number_at(std::uint32_t position) const;  // by the trailer alone
  bool is_blank(std::uint32_t position) const;
  bool is_sound(std::uint32_t position) const;  // the CRC, too
  std::uint32_t find(std::uint32_t number) const;
  bool write(std::uint32_t position, std::uint32_t number, Bytes data);
  void renew_newest_row();

  Port* port_ = nullptr;
  Announcement announcement_;
  std::uint32_t stride_ = 0;
  std::uint32_t blocks_ = 0;
  std::uint32_t positions_ = 0;
  std::uint32_t missing_ = 0;
  std::uint32_t stored_ = 0;
  std::uint32_t next_spare_ = 0;  // behind the last that is not blank: never before one that was written earlier
  // The block that was found last: small reads one after the other do not compute its CRC again.
  mutable std::uint32_t found_number_ = 0xffffffff;
  mutable std::uint32_t found_position_ = 0;
};

}  // namespace mote::update
