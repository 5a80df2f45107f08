#include "update/cbor.hpp"

namespace mote::update {

CborHead CborReader::head() {
  CborHead head;
  if (status_ == Status::ok && at_ == bytes_.size) fail(Status::truncated);
  if (status_ != Status::ok) return head;
  const unsigned first = bytes_[at_++];
  const unsigned more = first & 31u;
  std::uint64_t value = more;
  if (more >= 24) {
    const unsigned extra = 1u << (more & 3u);
    if (more > 27 || first >> 5 == static_cast<unsigned>(CborType::simple)) {
      fail(Status::malformed);  // reserved, an indefinite length, or a float
    } else if (bytes_.size - at_ < extra) {
      fail(Status::truncated);
    } else {
      value = 0;
      for (unsigned i = 0; i < extra; ++i) value = value << 8 | bytes_[at_++];
      // Its upper half would fit into the next shorter form.
      if (more == 24 ? value < 24 : value >> (4 * extra) == 0) fail(Status::not_canonical);
    }
    if (status_ != Status::ok) return head;
  }
  head.type = static_cast<CborType>(first >> 5);
  head.value = value;
  return head;
}

std::uint64_t CborReader::expect(CborType type) {
  const CborHead found = head();
  if (found.type != type) fail(Status::malformed);
  return status_ == Status::ok ? found.value : 0;
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
  const CborHead found = head();
  const auto value = static_cast<std::int64_t>(found.value);
  if (value >= 0 && found.type == CborType::unsigned_int) return value;
  if (value >= 0 && found.type == CborType::negative_int) return ~value;
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
  const std::size_t left = bytes_.size - at_;
  if (count <= (type == CborType::map ? left / 2 : left)) return static_cast<std::uint32_t>(count);
  fail(Status::truncated);
  return 0;
}

void CborReader::counted(CborType type, unsigned count) {
  if (counted(type) != count) fail(Status::malformed);
}

Bytes CborReader::take(std::uint64_t size) {
  if (size > bytes_.size - at_) fail(Status::truncated);
  if (status_ != Status::ok) return {};
  const Bytes found{bytes_.data + at_, static_cast<std::size_t>(size)};
  at_ += found.size;
  return found;
}

Bytes CborReader::string(CborType type) { return take(expect(type)); }

Bytes CborReader::bytes(std::size_t size) {
  const Bytes found = bytes();
  if (found.size == size) return found;
  fail(Status::malformed);
  return {};
}

Bytes CborReader::wrapped_with_head() {
  const std::size_t from = at_;
  bytes();
  return bytes_.part(from, at_ - from);
}

void CborReader::skip() {
  std::size_t left = 1;
  while (left != 0 && status_ == Status::ok) {
    const CborHead found = head();
    --left;
    std::uint64_t inside = 0;
    if (found.type == CborType::bytes || found.type == CborType::text) take(found.value);
    if (found.type == CborType::array) inside = found.value;
    if (found.type == CborType::map) inside = found.value > bytes_.size ? found.value : 2 * found.value;
    if (found.type == CborType::tag) inside = 1;
    // Each item takes a byte at least.
    if (inside > bytes_.size - at_ || left > bytes_.size - at_) fail(Status::truncated);
    left += static_cast<std::size_t>(inside);
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
