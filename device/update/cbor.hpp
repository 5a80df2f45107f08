#pragma once
// CBOR (RFC 8949) as far as COSE and SUIT need it: a reader that pulls items out of untrusted bytes, and a writer. Both
// know deterministic encoding only (section 4.2.1: shortest heads, definite lengths, keys in ascending order of their
// bytes): what has two encodings has none. Absent: floating point, indefinite lengths.

#include "update/bytes.hpp"
#include "update/status.hpp"

namespace mote::update {

enum class CborType : std::uint8_t {
  unsigned_int = 0,
  negative_int = 1,
  bytes = 2,
  text = 3,
  array = 4,
  map = 5,
  tag = 6,
  simple = 7
};

struct CborHead {
  CborType type = CborType::simple;
  std::uint64_t value = 0;  ///< number, length, count, tag, or simple value
};

constexpr std::uint64_t kCborNull = 22;

/// A form for CborReader::match: CBOR as it has to be, with holes for what is taken out of it, up to kEnd. Holes begin
/// with bytes that begin no item.
namespace form {
constexpr std::uint8_t kNumber = 0x1c;        ///< std::uint32_t
constexpr std::uint8_t kLongNumber = 0x1d;    ///< std::uint64_t
constexpr std::uint8_t kPositiveHalf = 0x1e;  ///< std::uint32_t, below 2^31
constexpr std::uint8_t kInteger = 0x3c;       ///< std::int32_t
constexpr std::uint8_t kBytes = 0x5c;         ///< Bytes: a byte string
constexpr std::uint8_t kBytesOf = 0x5d;  ///< Bytes: a byte string of as many bytes as the next byte of the form says
constexpr std::uint8_t kItem = 0x7c;     ///< Bytes: any item, with its head
constexpr std::uint8_t kElse = 0xdc;     ///< from here on the Status in the next byte, if it is not as it has to be
constexpr std::uint8_t kEnd = 0xff;
}  // namespace form

/// Reads items one after the other. The first thing that is wrong stays: later reads give the same status and zeros, so
/// that a caller may check once, before it uses what it read.
class CborReader {
 public:
  explicit CborReader(Bytes bytes) : begin_(bytes.data), at_(bytes.data), end_(bytes.data + bytes.size) {}

  [[nodiscard]] Status status() const { return status_; }
  [[nodiscard]] std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }
  [[nodiscard]] bool at_end() const { return at_ == end_; }
  [[nodiscard]] Bytes rest() const { return {at_, left()}; }

  /// The next head. @return through status(): truncated, not_canonical, malformed.
  CborHead head() {
    const std::uint64_t value = next();
    return {type_, value};
  }

  std::uint64_t unsigned_int() { return expect(CborType::unsigned_int); }
  /// @return through status(): too_large, above `limit`.
  std::uint32_t unsigned_int(std::uint32_t limit);
  std::int64_t integer();
  /// One of 32 bits: keys, algorithms, commands. @return through status(): malformed, beyond them.
  std::int32_t integer32();
  /// Counts are limited by the bytes that are left, so a loop over them ends.
  std::uint32_t array() { return counted(CborType::array); }
  std::uint32_t map() { return counted(CborType::map); }
  std::uint64_t tag() { return expect(CborType::tag); }
  /// These must be what comes: an array or a map of so many, the number itself, a small one.
  void array(unsigned count) { counted(CborType::array, count); }
  void map(unsigned count) { counted(CborType::map, count); }
  void number(unsigned value) { expect(CborType::unsigned_int, value); }
  void null() { expect(CborType::simple, kCborNull); }
  /// Of a byte string: how many follow.
  std::uint64_t bytes_head() { return expect(CborType::bytes); }

  Bytes bytes() { return string(CborType::bytes); }
  Bytes text() { return string(CborType::text); }
  /// A byte string of one length.
  Bytes bytes(std::size_t size);
  /// A byte string of the length of `to`, which it fills.
  void copy_bytes(MutableBytes to) { copy(to.data, bytes(to.size)); }

  /// Reads what has this form. What its holes take goes to `to`, a struct of theirs in their order.
  /// @return through status(): malformed, where something else stands; as the readers above. Then what holes took is
  ///         zeros.
  void match(const std::uint8_t* form, void* to);
  /// The same of bytes that hold it and nothing else.
  void match_whole(const Bytes& encoded, const std::uint8_t* form, void* to);

  /// Passes over one item, whatever it is. No recursion: counts what is left to pass.
  void skip();
  /// The same item as it is encoded.
  Bytes item();

  [[nodiscard]] CborType peek() const { return at_ != end_ ? static_cast<CborType>(*at_ >> 5) : CborType::simple; }
  [[nodiscard]] bool peek_null() const { return at_ != end_ && *at_ == 0xf6; }

  /// Nothing may follow. @return status(), trailing_bytes.
  [[nodiscard]] Status finish();

  void fail(Status status);

 private:
  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  std::uint64_t next();  // the value of the next head, whose type is type_ then
  std::uint64_t expect(CborType type);
  void expect(CborType type, unsigned value);
  std::uint32_t counted(CborType type);
  void counted(CborType type, unsigned count);
  Bytes string(CborType type);
  Bytes take(std::uint64_t size);

  const std::uint8_t* begin_;
  const std::uint8_t* at_;
  const std::uint8_t* end_;
  Status status_ = Status::ok;
  CborType type_;
};

/// Goes over the integer keys of a map: ascending in the order of their encodings, none twice.
///   for (CborKeys keys(reader); keys.next();) switch (keys.key()) { case 1: ... default: reader.fail(...); }
class CborKeys {
 public:
  explicit CborKeys(CborReader& reader) : reader_(reader), left_(reader.map()) {}

  bool next();
  [[nodiscard]] std::int32_t key() const { return key_; }

 private:
  CborReader& reader_;
  std::uint32_t left_;
  std::int32_t key_ = 0;
  std::uint32_t least_ = 0;  // rank of the next key
};

/// Writes items into a buffer; what does not fit is counted, not written.
class CborWriter {
 public:
  explicit CborWriter(MutableBytes to) : to_(to) {}

  void unsigned_int(std::uint64_t value) { head(CborType::unsigned_int, value); }
  void integer(std::int64_t value) {
    if (value >= 0) return head(CborType::unsigned_int, static_cast<std::uint64_t>(value));
    head(CborType::negative_int, static_cast<std::uint64_t>(-1 - value));
  }
  void array(std::uint64_t count) { head(CborType::array, count); }
  void map(std::uint64_t count) { head(CborType::map, count); }
  void tag(std::uint64_t number) { head(CborType::tag, number); }
  void null() { head(CborType::simple, kCborNull); }
  void bytes(Bytes value);
  void text(const char* value);
  /// Head of a byte string whose bytes are written by raw.
  void bytes_head(std::uint64_t size) { head(CborType::bytes, size); }
  void raw(Bytes value);

  /// What a number, tag or simple value is, or begins a string, array or map.
  void head(CborType type, std::uint64_t value);

  /// Bytes that were to be written; more than the buffer has: it did not fit.
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool fits() const { return size_ <= to_.size; }
  [[nodiscard]] Bytes written() const { return {to_.data, size_ < to_.size ? size_ : to_.size}; }

 private:
  void put(std::uint8_t byte);

  MutableBytes to_;
  std::size_t size_ = 0;
};

}  // namespace mote::update
