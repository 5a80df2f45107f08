#pragma once
// Forward error correction for links that lose frames: the code of LoRaWAN's Fragmented Data Block Transport
// (TS004-2.0.0, FragAlgo 0). A block of M fragments is sent as it is, then as many coded fragments as wanted, each the
// XOR of M/2 pseudo-random ones. A receiver that lost L of the M needs L coded ones and about two more, whichever they
// are.
//
// The annex can be read in two ways: is a parity line drawn from the fragment's number N, or from N - M? This is N - M,
// with columns drawn until M/2 different ones are set, as LoRa Basics Modem and ChirpStack agreed on when they were
// tested against each other; a test has ChirpStack's fragments.
//
// Memory: of the lost fragments only the triangle of a binary matrix and their numbers, L(L+1)/16 + 2L bytes. Row data
// is in flash, written once: a coded row is stored reduced by the rows before it, and its number says which line it was
// and the how manieth row it is; when there are as many rows as lost fragments, each of these is computed from the last
// to the first and written to its place. After a power cut everything is found again by looking.

#include "update/bytes.hpp"
#include "update/inbox.hpp"
#include "update/status.hpp"

namespace mote::update {

constexpr std::uint16_t kMaxFragments = 0x3fff;  ///< M, and N: 14 bits on the air

/// The reference's generator: additions, not ORs, since a seed may have more than 23 bits.
constexpr std::uint32_t prbs23(std::uint32_t x) { return (x >> 1) + (((x ^ (x >> 5)) & 1u) << 22); }

namespace detail {

/// Walks the draws of one parity line and calls f(column) once for each column in [from, from + 8 * seen.size).
/// Ends after `most_draws` draws or `most_columns` columns. @return how many columns were called for.
template <class F>
std::uint32_t walk_line(std::uint32_t line, std::uint32_t columns, std::uint32_t from, MutableBytes seen,
                        std::uint32_t most_draws, std::uint32_t most_columns, F f) {
  for (std::size_t i = 0; i < seen.size; ++i) seen.data[i] = 0;
  // A power of two and the generator's taps make patterns; the standard draws one column more and drops it.
  const std::uint32_t modulus = (columns & (columns - 1)) == 0 ? columns + 1 : columns;
  std::uint32_t x = 1 + 1001 * line, found = 0;
  for (std::uint32_t draw = 0; draw < most_draws && found < most_columns;) {
    x = prbs23(x);
    const std::uint32_t column = x % modulus;
    if (column >= columns) continue;
    ++draw;
    const std::uint32_t bit = column - from;  // wraps around for columns before the window
    if (bit >= 8 * seen.size || ((seen.data[bit / 8] >> (bit % 8)) & 1u) != 0) continue;
    seen.data[bit / 8] = static_cast<std::uint8_t>(seen.data[bit / 8] | 1u << (bit % 8));
    ++found;
    f(column);
  }
  return found;
}

}  // namespace detail

/// Calls f(column), column from 0, once for each of the M/2 fragments that coded fragment `line` = N - M, from 1,
/// combines; in no particular order. `scratch` holds a bit a fragment, or less: the line is then walked several times.
template <class F>
void for_each_column(std::uint32_t line, std::uint32_t columns, MutableBytes scratch, F f) {
  const std::uint32_t wanted = columns / 2;
  const auto window = static_cast<std::uint32_t>(8 * scratch.size);
  const std::uint32_t kNoLimit = 0xffffffff;
  if (window >= columns) {
    detail::walk_line(line, columns, 0, scratch, kNoLimit, wanted, f);
    return;
  }
  // How many draws the whole line takes: the fewest after which the windows together have enough columns.
  const auto is_enough = [&](std::uint32_t draws) {
    std::uint32_t found = 0;
    for (std::uint32_t from = 0; from < columns; from += window)
      found += detail::walk_line(line, columns, from, scratch, draws, kNoLimit, [](std::uint32_t) {});
    return found >= wanted;
  };
  std::uint32_t low = 0, high = columns;
  while (!is_enough(high)) high *= 2;
  while (low < high) {
    const std::uint32_t middle = (low + high) / 2;
    if (is_enough(middle))
      high = middle;
    else
      low = middle + 1;
  }
  for (std::uint32_t from = 0; from < columns; from += window)
    detail::walk_line(line, columns, from, scratch, high, kNoLimit, f);
}

/// A stretch of a parcel that is coded by itself, one TS004 session. Short stretches keep the number of lost fragments,
/// and with it the memory, small however long the parcel is.
struct Stretch {
  std::uint8_t number = 0;   ///< counts the stretches of a parcel
  std::uint16_t first = 0;   ///< block of the parcel
  std::uint16_t blocks = 0;  ///< M
};

/// Receives one stretch into a store of blocks, which is an `Inbox` or offers the same block_size, has, put, read_block
/// and next_row. Uncoded fragments go to their places until the first coded one comes with at most kMaxLost missing;
/// what is missing then is written down as a list, and all that comes later is a row of the matrix.
template <class Store, unsigned kMaxLost>
class FragmentDecoder {
 public:
  static_assert(kMaxLost <= 128, "a list of them has to fit into few blocks, their numbers into a row's");

  /// Takes up a stretch where an earlier start left it.
  /// @param scratch  a block's size or more: for the length of the call; the more, the quicker lines are drawn.
  /// @return ok: it is complete; waiting.   @return malformed  a stretch that cannot be.
  /// @return flash_failed  rows in the store contradict each other: the parcel has to be received anew.
  [[nodiscard]] Status open(Store& store, const Stretch& stretch, MutableBytes scratch) {
    if (stretch.blocks == 0 || stretch.blocks > kMaxFragments) return Status::malformed;
    if (scratch.size < store.block_size(kCodedRows)) return Status::internal;
    store_ = &store;
    stretch_ = stretch;
    lost_count_ = 0;
    for (std::uint8_t& bits : matrix_) bits = 0;
    if (is_complete()) return Status::ok;
    if (!find_list()) return Status::waiting;
    MOTE_UPDATE_TRY(replay(scratch));
    return go_on(scratch);
  }

  /// @param number   N: 1 to M uncoded, above M coded.
  /// @param payload  FragSize bytes, the last uncoded one padded; overwritten.
  /// @return ok  the stretch is complete.   @return waiting  more are needed, whether this one was of use or not.
  /// @return malformed  not a fragment of this stretch.   @return store_full, flash_failed
  [[nodiscard]] Status take(std::uint16_t number, MutableBytes payload, MutableBytes scratch) {
    const std::uint32_t bytes = store_->block_size(kCodedRows);
    if (number == 0 || number > kMaxFragments || payload.size != bytes || scratch.size < bytes)
      return Status::malformed;
    if (lost_count_ == 0) {
      if (number <= stretch_.blocks) {
        MOTE_UPDATE_TRY(put(number - 1u, payload));
        return is_complete(number) ? Status::ok : Status::waiting;
      }
      if (is_complete()) return Status::ok;
      MOTE_UPDATE_TRY(write_list(scratch));
    }
    if (number <= stretch_.blocks && lost_index(number - 1u) == kNone) {
      // It was here when the list was written. Perhaps a power cut had left bits of it that read differently now.
      MOTE_UPDATE_TRY(put(number - 1u, payload));
    } else if (rank() < lost_count_) {
      MOTE_UPDATE_TRY(add_row(number, payload, scratch));
    }
    return go_on(payload);
  }

  /// How many coded fragments, or lost ones that come after all, are still needed; 0 while that is not known.
  [[nodiscard]] unsigned rows_needed() const { return lost_count_ - rank(); }

 private:
  struct Coefficients {
    std::uint8_t bits[(kMaxLost + 7) / 8] = {};
    bool get(unsigned i) const { return ((bits[i / 8] >> (i % 8)) & 1u) != 0; }
    void flip(unsigned i) { bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] ^ 1u << (i % 8)); }
  };
  static constexpr unsigned kNone = 0xff;

  // Numbers in the store: 1, is a list, stretch (8 bits), row or count of lost ones (8), N or piece (14).
  static constexpr std::uint32_t kList = kCodedRows | 0x40000000;
  std::uint32_t row_number(unsigned row, std::uint16_t number) const {
    return kCodedRows | std::uint32_t{stretch_.number} << 22 | row << 14 | number;
  }
  std::uint32_t list_number(unsigned lost, std::uint32_t piece) const {
    return kList | std::uint32_t{stretch_.number} << 22 | lost << 14 | piece;
  }
  unsigned lost_per_piece() const { return store_->block_size(kCodedRows) / 2; }

  // The upper triangle, row after row. Row i leads to lost fragment i: these are put into the order of their rows. The
  // diagonal says whether there is a row.
  static constexpr std::uint32_t at(unsigned i, unsigned j) { return i * kMaxLost - i * (i + 1) / 2 + j; }
  bool coefficient(unsigned i, unsigned j) const { return ((matrix_[at(i, j) / 8] >> (at(i, j) % 8)) & 1u) != 0; }
  void flip(unsigned i, unsigned j) {
    matrix_[at(i, j) / 8] = static_cast<std::uint8_t>(matrix_[at(i, j) / 8] ^ 1u << (at(i, j) % 8));
  }
  unsigned rank() const {
    unsigned rows = 0;
    while (rows < lost_count_ && coefficient(rows, rows)) ++rows;
    return rows;
  }

  bool is_complete(std::uint32_t from = 0) const {
    for (std::uint32_t i = 0; i < stretch_.blocks; ++i) {
      if (!store_->has(stretch_.first + (from + i) % stretch_.blocks)) return false;
    }
    return true;
  }
  Status put(std::uint32_t fragment, Bytes payload) {
    const std::uint32_t block = stretch_.first + fragment;
    return store_->put(block, payload.part(0, store_->block_size(block)));
  }

  /// Index among the lost of a fragment, from 0; kNone: it was there.
  unsigned lost_index(std::uint32_t fragment) const {
    for (unsigned i = 0; i < lost_count_; ++i) {
      if (lost_[i] == fragment) return i;
    }
    return kNone;
  }

  /// Adds block or row `number` to `sum`; the padding of a parcel's last block is zeros.
  Status add(MutableBytes sum, std::uint32_t number) const {
    std::uint8_t piece[32];
    const std::uint32_t bytes = store_->block_size(number);
    for (std::uint32_t from = 0; from < bytes; from += sizeof(piece)) {
      const std::uint32_t count = bytes - from < sizeof(piece) ? bytes - from : std::uint32_t{sizeof(piece)};
      MOTE_UPDATE_TRY(store_->read_block(number, from, {piece, count}));
      for (std::uint32_t i = 0; i < count; ++i) sum.data[from + i] = sum.data[from + i] ^ piece[i];
    }
    return Status::ok;
  }
  /// Number and position of a stored row. Of several the last: a power cut spoiled the others, however they read now,
  /// or they are copies.
  bool find_row(unsigned row, std::uint32_t& number, std::uint32_t& position) const {
    bool found = false;
    for (std::uint32_t at = 0, next = 0;
         store_->next_row(at, next, ~std::uint32_t{kMaxFragments}, row_number(row, 0));) {
      number = next;
      position = at;
      found = true;
    }
    return found;
  }
  Status add_stored_row(MutableBytes sum, unsigned row) const {
    std::uint32_t number = 0, position = 0;
    return find_row(row, number, position) ? add(sum, number) : Status::flash_failed;
  }

  /// Goes through what fragment `number` combines: notes the lost ones in `lost`, or adds the others to `known`.
  Status take_apart(std::uint16_t number, MutableBytes scratch, Coefficients* lost, MutableBytes known) const {
    Status status = Status::ok;
    const auto visit = [&](std::uint32_t fragment) {
      const unsigned index = lost_index(fragment);
      if (lost != nullptr && index != kNone) lost->flip(index);
      if (lost == nullptr && index == kNone && status == Status::ok) status = add(known, stretch_.first + fragment);
    };
    if (number <= stretch_.blocks) {
      if (lost != nullptr) visit(number - 1u);
    } else {
      for_each_column(number - std::uint32_t{stretch_.blocks}, stretch_.blocks, scratch, visit);
    }
    return status;
  }
  /// Adds rows of the matrix to `row` until none of their lost fragments is left in it; notes in `added` which ones.
  /// @return the first other one, or kNone: the row says nothing new.
  unsigned reduce(Coefficients& row, Coefficients& added) const {
    const unsigned rows = rank();
    for (unsigned i = 0; i < rows; ++i) {
      if (!row.get(i)) continue;
      for (unsigned j = i; j < lost_count_; ++j) {
        if (coefficient(i, j)) row.flip(j);
      }
      added.flip(i);
    }
    for (unsigned i = rows; i < lost_count_; ++i) {
      if (row.get(i)) return i;
    }
    return kNone;
  }
  /// The next row of the matrix, which leads to `lost`: that one changes places with the row's own.
  void keep(unsigned lost, const Coefficients& row) {
    const unsigned next = rank();
    const std::uint16_t fragment = lost_[lost];
    lost_[lost] = lost_[next];
    lost_[next] = fragment;
    for (unsigned i = 0; i < next; ++i) {
      if (coefficient(i, next) == coefficient(i, lost)) continue;
      flip(i, next);
      flip(i, lost);
    }
    for (unsigned j = next; j < lost_count_; ++j) {
      if (row.get(j == next ? lost : j == lost ? next : j)) flip(next, j);
    }
  }

  Status add_row(std::uint16_t number, MutableBytes payload, MutableBytes scratch) {
    Coefficients row, added;
    MOTE_UPDATE_TRY(take_apart(number, scratch, &row, {}));
    const unsigned lost = reduce(row, added);
    if (lost == kNone) return Status::ok;  // says nothing new: no flash is read for it

    const Status known = take_apart(number, scratch, nullptr, payload);
    if (known == Status::waiting) return Status::ok;  // one that was here is not any more, until it comes again
    MOTE_UPDATE_TRY(known);
    for (unsigned i = 0; i < lost_count_; ++i) {
      if (added.get(i)) MOTE_UPDATE_TRY(add_stored_row(payload, i));
    }
    MOTE_UPDATE_TRY(store_->put(row_number(rank(), number), payload));
    keep(lost, row);
    return Status::ok;
  }

  /// @param buffer  of a block or more, overwritten.
  Status go_on(MutableBytes buffer) {
    if (rank() < lost_count_) return Status::waiting;
    MOTE_UPDATE_TRY(solve({buffer.data, store_->block_size(kCodedRows)}));
    return is_complete() ? Status::ok : Status::waiting;
  }

  /// From the last lost fragment to the first; those that are there already were computed before a power cut.
  Status solve(MutableBytes sum) {
    for (unsigned i = lost_count_; i-- > 0;) {
      if (store_->has(std::uint32_t{stretch_.first} + lost_[i])) continue;
      for (std::size_t b = 0; b < sum.size; ++b) sum.data[b] = 0;
      MOTE_UPDATE_TRY(add_stored_row(sum, i));
      for (unsigned j = i + 1; j < lost_count_; ++j) {
        if (coefficient(i, j)) MOTE_UPDATE_TRY(add(sum, std::uint32_t{stretch_.first} + lost_[j]));
      }
      MOTE_UPDATE_TRY(put(lost_[i], sum));
    }
    return Status::ok;
  }

  /// @return waiting  more are missing than there is memory for: only uncoded fragments help.
  Status write_list(MutableBytes scratch) {
    unsigned lost = 0;
    for (std::uint32_t i = 0; i < stretch_.blocks; ++i) {
      if (store_->has(stretch_.first + i)) continue;
      if (lost == kMaxLost) return Status::waiting;
      lost_[lost++] = static_cast<std::uint16_t>(i);
    }
    for (unsigned piece = 0; piece * lost_per_piece() < lost; ++piece) {
      const MutableBytes block{scratch.data, store_->block_size(kCodedRows)};
      for (std::size_t b = 0; b < block.size; ++b) {
        const std::size_t entry = piece * lost_per_piece() + b / 2;
        block.data[b] = static_cast<std::uint8_t>(entry < lost ? lost_[entry] >> (8 * (b % 2)) : 0);
      }
      MOTE_UPDATE_TRY(store_->put(list_number(lost, piece), block));
    }
    lost_count_ = static_cast<std::uint8_t>(lost);
    return Status::ok;
  }

  /// The list of an earlier start: the last one that is whole. Rows were stored only after it.
  bool find_list() {
    const std::uint32_t kOfStretch = 0xffc00000 | kMaxFragments;  // whatever the count of lost ones
    std::uint32_t position = 0, number = 0;
    bool found = false;
    while (store_->next_row(position, number, kOfStretch, list_number(0, 0))) {
      if (is_list_whole((number >> 14) & 0xffu)) found = read_list((number >> 14) & 0xffu);
    }
    return found;
  }
  bool is_list_whole(unsigned lost) const {
    if (lost == 0 || lost > kMaxLost) return false;
    for (unsigned piece = 0; piece * lost_per_piece() < lost; ++piece) {
      if (!store_->has(list_number(lost, piece))) return false;
    }
    return true;
  }
  bool read_list(unsigned lost) {
    for (unsigned i = 0; i < lost; ++i) {
      std::uint8_t entry[2];
      const std::uint32_t piece = list_number(lost, i / lost_per_piece());
      if (store_->read_block(piece, i % lost_per_piece() * 2, entry) != Status::ok) return false;
      lost_[i] = static_cast<std::uint16_t>(entry[0] | entry[1] << 8);
      if (lost_[i] >= stretch_.blocks || (i != 0 && lost_[i] <= lost_[i - 1])) return false;
    }
    lost_count_ = static_cast<std::uint8_t>(lost);
    return lost != 0;
  }

  /// The matrix, from the stored rows.
  Status replay(MutableBytes scratch) {
    std::uint32_t number = 0, position = 0, before = 0;
    for (unsigned next = 0; next < lost_count_; ++next) {
      if (!find_row(next, number, position)) break;
      Coefficients row, added;
      MOTE_UPDATE_TRY(take_apart(static_cast<std::uint16_t>(number & kMaxFragments), scratch, &row, {}));
      const unsigned lost = reduce(row, added);
      // A row that was lost to worn flash takes those with it that were reduced by it.
      if (lost == kNone || position <= before) return Status::flash_failed;
      keep(lost, row);
      before = position;
    }
    return rank() < lost_count_ && find_row(rank() + 1, number, position) ? Status::flash_failed : Status::ok;
  }

  Store* store_ = nullptr;
  Stretch stretch_;
  std::uint8_t lost_count_ = 0;  ///< 0: no list yet
  std::uint16_t lost_[kMaxLost] = {};
  std::uint8_t matrix_[(kMaxLost * (kMaxLost + 1) / 2 + 7) / 8] = {};
};

}  // namespace mote::update
