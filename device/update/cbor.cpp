#include "update/cbor.hpp"

namespace mote::update {

std::uint64_t CborReader::next() {
  type_ = CborType::simple;
  if (at_ == end_) fail(Status::truncated);
  if (status_ != Status::ok) return 0;
  const unsigned first = *at_++;
  const auto type = static_cast<CborType>(first >> 5);
  const unsigned more = first & 31u;
  std::uint64_t value = more;
  if (more >= 24) {
    unsigned extra = 1u << (more & 3u);
    if (more > 27 || type == CborType::simple) {
      fail(Status::malformed);  // reserved, an indefinite length, or a float
    } else if (left() < extra) {
      fail(Status::truncated);
    } else {
      // Its upper half would fit into the next shorter form.
      const unsigned shorter = 4 * extra;
      for (value = 0; extra != 0; --extra) value = value << 8 | *at_++;
      if (more == 24 ? value < 24 : value >> shorter == 0) fail(Status::not_canonical);
    }
    if (status_ != Status::ok) return 0;
  }
  type_ = type;
  return value;
}

std::uint64_t CborReader::expect(CborType type) {
  const std::uint64_t value = next();
  if (type_ == type) return value;
  fail(Status::malformed);
  return 0;
}

void CborReader::expect(CborType type, unsigned value) {
  if (expect(type) != value) fail(Status::malformed);
}

std::uint32_t CborReader::unsigned_int(std::uint32_t limit) {
  const std::uint64_t value = unsigned_int();
  if (value <= limit) return static_cast<std::uint32_t>(value);
  fail(Status::too_large);
  return 0;
}

std::int64_t CborReader::integer() {
  const auto value = static_cast<std::int64_t>(next());
  if (value >= 0 && type_ == CborType::unsigned_int) return value;
  if (value >= 0 && type_ == CborType::negative_int) return ~value;
  fail(Status::malformed);
  return 0;
}

std::int32_t CborReader::integer32() {
  const std::int64_t value = integer();
  const auto small = static_cast<std::int32_t>(value);
  if (small == value) return small;
  fail(Status::malformed);
  return 0;
}

std::uint32_t CborReader::counted(CborType type) {
  const std::uint64_t count = expect(type);
  if (count <= (type == CborType::map ? left() / 2 : left())) return static_cast<std::uint32_t>(count);
  fail(Status::truncated);
  return 0;
}

void CborReader::counted(CborType type, unsigned count) {
  if (counted(type) != count) fail(Status::malformed);
}

Bytes CborReader::take(std::uint64_t size) {
  if (size > left()) fail(Status::truncated);
  if (status_ != Status::ok) return {};
  const std::uint8_t* const from = at_;
  at_ += static_cast<std::size_t>(size);
  return {from, static_cast<std::size_t>(size)};
}

Bytes CborReader::string(CborType type) { return take(expect(type)); }

Bytes CborReader::bytes(std::size_t size) {
  const Bytes found = bytes();
  if (found.size == size) return found;
  fail(Status::malformed);
  return {};
}

namespace {

/// The next member of a struct.
template <class T>
void put(std::uint8_t*& to, const T& value) {
  to += (alignof(T) - reinterpret_cast<std::uintptr_t>(to) % alignof(T)) % alignof(T);
  *reinterpret_cast<T*>(to) = value;
  to += sizeof(T);
}

}  // namespace

void CborReader::match(const std::uint8_t* form, void* to) {
  auto* out = static_cast<std::uint8_t*>(to);
  Status otherwise = Status::malformed;
  CborReader wanted({form, 256});  // it ends before
  for (unsigned what; (what = *wanted.at_) != form::kEnd;) {
    ++wanted.at_;
    switch (what) {
      case form::kNumber:
      case form::kPositiveHalf:
        put(out, unsigned_int(what == form::kNumber ? 0xffffffff : 0x7fffffff));
        break;
      case form::kLongNumber:
        put(out, unsigned_int());
        break;
      case form::kInteger:
        put(out, integer32());
        break;
      case form::kBytes:
        put(out, bytes());
        break;
      case form::kBytesOf:
        put(out, bytes(*wanted.at_++));
        break;
      case form::kItem:
        put(out, item());
        break;
      case form::kElse:
        otherwise = static_cast<Status>(*wanted.at_++);
        break;
      default: {
        --wanted.at_;
        const std::uint64_t value = wanted.next();
        bool same = next() == value && type_ == wanted.type_;
        if (type_ == CborType::bytes || type_ == CborType::text) same = same && equal(take(value), wanted.take(value));
        if (!same) fail(otherwise);
        break;
      }
    }
  }
}

void CborReader::match_whole(const Bytes& encoded, const std::uint8_t* form, void* to) {
  CborReader reader(encoded);
  reader.match(form, to);
  fail(reader.finish());
}

Bytes CborReader::item() {
  const std::uint8_t* const from = at_;
  skip();
  return {from, static_cast<std::size_t>(at_ - from)};
}

void CborReader::skip() {
  std::size_t items = 1;
  while (items != 0 && status_ == Status::ok) {
    const std::uint64_t value = next();
    --items;
    std::uint64_t inside = 0;
    if (type_ == CborType::bytes || type_ == CborType::text) take(value);
    if (type_ == CborType::array) inside = value;
    if (type_ == CborType::map) inside = value > left() ? value : 2 * value;
    if (type_ == CborType::tag) inside = 1;
    // Each item takes a byte at least.
    if (inside > left() || items > left()) fail(Status::truncated);
    items += static_cast<std::size_t>(inside);
  }
}

Status CborReader::finish() {
  if (!at_end()) fail(Status::trailing_bytes);
  return status_;
}

void CborReader::fail(Status status) {
  if (status_ == Status::ok) status_ = status;
}

bool CborKeys::next() {
  if (left_ == 0) return false;
  --left_;
  key_ = reader_.integer32();
  // Order of the encoded bytes: unsigned before negative, then by length, then by value.
  const std::uint32_t rank =
      key_ >= 0 ? static_cast<std::uint32_t>(key_) : 0x80000000u + ~static_cast<std::uint32_t>(key_);
  if (rank < least_) reader_.fail(Status::not_canonical);
  least_ = rank + 1;
  return reader_.status() == Status::ok;
}

void CborWriter::put(std::uint8_t byte) {
  if (size_ < to_.size) to_.data[size_] = byte;
  ++size_;
}

void CborWriter::raw(Bytes value) {
  for (std::size_t i = 0; i < value.size; ++i) put(value[i]);
}

void CborWriter::bytes(Bytes value) {
  bytes_head(value.size);
  raw(value);
}

void CborWriter::text(const char* value) {
  const Bytes bytes = bytes_of_text(value);
  head(CborType::text, bytes.size);
  raw(bytes);
}

void CborWriter::head(CborType type, std::uint64_t value) {
  const unsigned major = static_cast<unsigned>(type) << 5;
  unsigned more = static_cast<unsigned>(value);
  unsigned bits = 0;
  if (value >= 24) {
    const unsigned power = value < 0x100 ? 0 : value < 0x10000 ? 1 : value < 0x100000000 ? 2 : 3;
    more = 24 + power;
    bits = 8u << power;
  }
  put(static_cast<std::uint8_t>(major | more));
  for (; bits != 0; bits -= 8) put(static_cast<std::uint8_t>(value >> (bits - 8)));
}

}  // namespace mote::update
