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

/// Reads items one after the other. The first thing that is wrong stays: later reads give the same status and zeros, so
/// that a caller may check once, before it uses what it read.
class CborReader {
 public:
  explicit CborReader(Bytes bytes) : bytes_(bytes) {}

  [[nodiscard]] Status status() const { return status_; }
  [[nodiscard]] std::size_t offset() const { return at_; }
  [[nodiscard]] bool at_end() const { return at_ == bytes_.size; }
  [[nodiscard]] Bytes rest() const { return bytes_.part(at_, bytes_.size - at_); }

  /// The next head. @return through status(): truncated, not_canonical, malformed.
  CborHead head() {
    CborHead head;
    if (status_ != Status::ok) return head;
    if (at_ == bytes_.size) return fail(Status::truncated);
    const std::uint8_t first = bytes_[at_];
    const unsigned more = first & 31u;
    head.type = static_cast<CborType>(first >> 5);
    head.value = more;
    std::size_t extra = 0;
    if (more >= 24) {
      if (more > 27) return fail(Status::malformed);  // reserved, or an indefinite length
      extra = std::size_t{1} << (more - 24);
      if (bytes_.size - at_ - 1 < extra) return fail(Status::truncated);
      head.value = 0;
      for (std::size_t i = 0; i < extra; ++i) head.value = head.value << 8 | bytes_[at_ + 1 + i];
      const std::uint64_t least = more == 24 ? 24 : std::uint64_t{1} << (4 * extra);
      if (head.value < least) return fail(Status::not_canonical);
      if (head.type == CborType::simple) return fail(Status::malformed);
    }
    at_ += 1 + extra;
    return head;
  }

  std::uint64_t unsigned_int() { return expect(CborType::unsigned_int); }
  std::uint64_t unsigned_int(std::uint64_t limit) {
    const std::uint64_t value = unsigned_int();
    if (value > limit) fail(Status::too_large);
    return status_ == Status::ok ? value : 0;
  }
  std::int64_t integer() {
    const CborHead found = head();
    if (status_ != Status::ok) return 0;
    if ((found.type != CborType::unsigned_int && found.type != CborType::negative_int) || found.value >> 63 != 0) {
      fail(Status::malformed);
      return 0;
    }
    const auto value = static_cast<std::int64_t>(found.value);
    return found.type == CborType::unsigned_int ? value : -1 - value;
  }
  /// Counts are limited by the bytes that are left, so a loop over them ends.
  std::uint64_t array() { return counted(CborType::array, 1); }
  std::uint64_t map() { return counted(CborType::map, 2); }
  std::uint64_t tag() { return expect(CborType::tag); }
  Bytes bytes() { return string(CborType::bytes); }
  Bytes text() { return string(CborType::text); }
  /// A byte string of one length.
  Bytes bytes(std::size_t size) {
    const Bytes found = bytes();
    if (status_ == Status::ok && found.size != size) fail(Status::malformed);
    return status_ == Status::ok ? found : Bytes{};
  }
  void null() {
    if (expect(CborType::simple) != kCborNull) fail(Status::malformed);
  }

  /// A byte string that holds one item; its head included, as SUIT hashes it.
  Bytes wrapped_with_head() {
    const std::size_t from = at_;
    bytes();
    return status_ == Status::ok ? bytes_.part(from, at_ - from) : Bytes{};
  }

  /// Passes over one item, whatever it is. No recursion: counts what is left to pass.
  void skip() {
    std::uint64_t left = 1;
    while (left != 0 && status_ == Status::ok) {
      const CborHead found = head();
      --left;
      std::uint64_t inside = 0;
      switch (found.type) {
        case CborType::bytes:
        case CborType::text:
          take(found.value);
          break;
        case CborType::array:
          inside = found.value;
          break;
        case CborType::map:
          inside = found.value > bytes_.size ? found.value : 2 * found.value;
          break;
        case CborType::tag:
          inside = 1;
          break;
        case CborType::unsigned_int:
        case CborType::negative_int:
        case CborType::simple:
          break;
      }
      // Each item takes a byte at least.
      if (inside > bytes_.size - at_ || left > bytes_.size - at_) fail(Status::truncated);
      left += inside;
    }
  }

  [[nodiscard]] CborType peek() const {
    return at_ < bytes_.size ? static_cast<CborType>(bytes_[at_] >> 5) : CborType::simple;
  }
  [[nodiscard]] bool peek_null() const { return at_ < bytes_.size && bytes_[at_] == 0xf6; }

  /// Nothing may follow. @return status(), trailing_bytes.
  [[nodiscard]] Status finish() {
    if (status_ == Status::ok && !at_end()) fail(Status::trailing_bytes);
    return status_;
  }

  CborHead fail(Status status) {
    if (status_ == Status::ok) status_ = status;
    return {};
  }

 private:
  std::uint64_t expect(CborType type) {
    const CborHead found = head();
    if (status_ == Status::ok && found.type != type) fail(Status::malformed);
    return status_ == Status::ok ? found.value : 0;
  }
  std::uint64_t counted(CborType type, unsigned items) {
    const std::uint64_t count = expect(type);
    if (count > (bytes_.size - at_) / items) fail(Status::truncated);
    return status_ == Status::ok ? count : 0;
  }
  Bytes string(CborType type) { return take(expect(type)); }
  Bytes take(std::uint64_t size) {
    if (status_ != Status::ok) return {};
    if (size > bytes_.size - at_) {
      fail(Status::truncated);
      return {};
    }
    const Bytes found = bytes_.part(at_, static_cast<std::size_t>(size));
    at_ += found.size;
    return found;
  }

  Bytes bytes_;
  std::size_t at_ = 0;
  Status status_ = Status::ok;
};

/// Goes over the integer keys of a map: ascending in the order of their encodings, none twice.
///   for (CborKeys keys(reader); keys.next();) switch (keys.key()) { case 1: ... default: reader.fail(...); }
class CborKeys {
 public:
  explicit CborKeys(CborReader& reader) : reader_(reader), left_(reader.map()) {}

  bool next() {
    if (left_ == 0 || reader_.status() != Status::ok) return false;
    --left_;
    key_ = reader_.integer();
    // Order of the encoded bytes: unsigned before negative, then by length, then by value.
    const std::uint64_t magnitude = static_cast<std::uint64_t>(key_ >= 0 ? key_ : -1 - key_);
    const std::uint64_t rank = (key_ < 0 ? std::uint64_t{1} << 63 : 0) | magnitude;
    if (any_ && rank <= last_) reader_.fail(Status::not_canonical);
    any_ = true;
    last_ = rank;
    return reader_.status() == Status::ok;
  }
  [[nodiscard]] std::int64_t key() const { return key_; }

 private:
  CborReader& reader_;
  std::uint64_t left_;
  std::int64_t key_ = 0;
  std::uint64_t last_ = 0;
  bool any_ = false;
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
  void bytes(Bytes value) {
    head(CborType::bytes, value.size);
    raw(value);
  }
  void text(const char* value) {
    std::size_t size = 0;
    while (value[size] != 0) ++size;
    head(CborType::text, size);
    raw({reinterpret_cast<const std::uint8_t*>(value), size});
  }
  /// Head of a byte string whose bytes are written by raw.
  void bytes_head(std::uint64_t size) { head(CborType::bytes, size); }
  void raw(Bytes value) {
    for (std::size_t i = 0; i < value.size; ++i) put(value[i]);
  }

  /// What a number, tag or simple value is, or begins a string, array or map.
  void head(CborType type, std::uint64_t value) {
    const auto major = static_cast<std::uint8_t>(static_cast<unsigned>(type) << 5);
    if (value < 24) return put(static_cast<std::uint8_t>(major | value));
    const unsigned power = value < 0x100 ? 0 : value < 0x10000 ? 1 : value < 0x100000000 ? 2 : 3;
    put(static_cast<std::uint8_t>(major | (24 + power)));
    for (unsigned shift = 8u << power; shift != 0; shift -= 8) put(static_cast<std::uint8_t>(value >> (shift - 8)));
  }

  /// Bytes that were to be written; more than the buffer has: it did not fit.
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool fits() const { return size_ <= to_.size; }
  [[nodiscard]] Bytes written() const { return {to_.data, size_ < to_.size ? size_ : to_.size}; }

 private:
  void put(std::uint8_t byte) {
    if (size_ < to_.size) to_.data[size_] = byte;
    ++size_;
  }

  MutableBytes to_;
  std::size_t size_ = 0;
};

}  // namespace mote::update
