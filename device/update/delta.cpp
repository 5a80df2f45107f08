#include "update/delta.hpp"

namespace mote::update {
namespace {

using delta::Kind;

/// More than a unit or the head of a segment can take: a word has 12 decisions with a chance, of at most 12 bits each,
/// and 4 * 8 bits without.
constexpr unsigned kMostOfUnit = 24;
constexpr std::uint32_t kLeastRange = std::uint32_t{1} << 24;
constexpr std::uint32_t kLeastDelta = delta::kHeaderBytes + 4;  // the range decoder begins with four bytes

std::uint32_t load32(const std::uint8_t* p) {
  return static_cast<std::uint32_t>(p[0]) | static_cast<std::uint32_t>(p[1]) << 8 |
         static_cast<std::uint32_t>(p[2]) << 16 | static_cast<std::uint32_t>(p[3]) << 24;
}

void store32(std::uint8_t* p, std::uint32_t v) {
  for (unsigned i = 0; i < 4; ++i) p[i] = static_cast<std::uint8_t>(v >> (8 * i));
}

/// Puts old bytes and differences together.
void add_unit(std::uint32_t unit, const std::uint8_t* old, const std::int8_t (&values)[4], std::uint8_t* to) {
  if (unit == 4) return store32(to, load32(old) + delta::word_of(values));
  std::uint32_t carry = 0;
  for (std::uint32_t i = 0; i < unit; ++i) {
    to[i] = static_cast<std::uint8_t>(old[i] + static_cast<std::uint32_t>(values[i]) + carry);
    // A negative low half has borrowed one from the high half, in the old pair and in the new one.
    carry = (old[i] >> 7) - static_cast<std::uint32_t>(to[i] >> 7);
  }
}

void advance(MutableBytes& to, std::uint32_t count) { to = {to.data + count, to.size - count}; }

}  // namespace

/// The range decoder in registers.
class DeltaDecoder::Range {
 public:
  [[gnu::always_inline]] explicit Range(DeltaDecoder& decoder)
      : d_(decoder), range_(decoder.range_), code_(decoder.code_) {}
  [[gnu::always_inline]] ~Range() {
    d_.range_ = range_;
    d_.code_ = code_;
  }
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;

  [[gnu::always_inline]] bool bit(delta::Chance& chance, bool, unsigned shift) {
    normalize();
    const std::uint32_t bound = (range_ >> 12) * (chance >> 4);
    const bool decision = code_ >= bound;
    if (decision) {
      code_ -= bound;
      range_ -= bound;
    } else {
      range_ = bound;
    }
    delta::learn(chance, decision, shift);
    return decision;
  }

  [[gnu::always_inline]] std::uint32_t direct(unsigned count) {
    normalize();
    range_ >>= count;
    const std::uint32_t most = (std::uint32_t{1} << count) - 1;
    std::uint32_t value = code_ / range_;
    if (value > most) value = most;  // no encoder's work
    code_ -= value * range_;
    return value;
  }

 private:
  [[gnu::always_inline]] void normalize() {
    while (range_ < kLeastRange) {
      range_ <<= 8;
      code_ = code_ << 8 | d_.next();
    }
  }

  DeltaDecoder& d_;
  std::uint32_t range_, code_;
};

/// What the model asks: functions of their own, so that each has the registers for itself.
struct DeltaDecoder::Coder {
  DeltaDecoder& d;

  [[gnu::noinline]] unsigned size(delta::SizeTree& tree, unsigned) {
    Range range(d);
    return delta::code_size(range, tree, 0);
  }
  [[gnu::noinline]] std::uint32_t direct(std::uint32_t, unsigned count) {
    Range range(d);
    return range.direct(count);
  }
};

/// Of the delta. Where it ends early, zeros: that is found out before they are used.
[[gnu::always_inline]] inline std::uint8_t DeltaDecoder::next() {
  if (input_count_ == 0) {
    status_ = Status::truncated;
    return 0;
  }
  const std::uint8_t byte = input_[input_first_];
  input_first_ = static_cast<std::uint8_t>((input_first_ + 1u) % sizeof(input_));
  --input_count_;
  return byte;
}

void DeltaDecoder::begin(std::uint32_t room) {
  room_ = room;
  base_bytes_ = module_bytes_ = taken_ = written_ = 0;
  delta_bytes_ = kLeastDelta;  // no more is taken before the head says how long it is
  range_ = code_ = 0;
  input_first_ = input_count_ = 0;
  left_ = 0;
  shift_ = 0;
  kind_ = Kind::copy;
  period_ = 2;
  status_ = Status::waiting;
  model_.reset();
}

Status DeltaDecoder::decode(Bytes base, Bytes& delta, MutableBytes& module) {
  if (status_ == Status::waiting) {
    const Status result = run(base, delta, module);
    if (status_ == Status::waiting) status_ = result;
  }
  return status_;
}

void DeltaDecoder::refill(Bytes& delta) {
  std::size_t used = 0;
  while (input_count_ < sizeof(input_) && used < delta.size && taken_ < delta_bytes_) {
    input_[(input_first_ + input_count_) % sizeof(input_)] = delta[used];
    ++input_count_;
    ++used;
    ++taken_;
  }
  delta = delta.part(used, delta.size);
}

/// Whether a unit or the head of a segment can be decoded.
bool DeltaDecoder::is_ready() const { return input_count_ >= kMostOfUnit || taken_ == delta_bytes_; }

Status DeltaDecoder::run(Bytes base, Bytes& delta, MutableBytes& module) {
  for (;;) {
    refill(delta);
    if (module_bytes_ == 0) {
      if (input_count_ < kLeastDelta) return Status::waiting;
      MOTE_UPDATE_TRY(read_head(base));
      continue;
    }
    if (base.size != base_bytes_) return Status::wrong_base;
    if (written_ == module_bytes_) {
      if (input_count_ != 0 || taken_ != delta_bytes_) return Status::trailing_bytes;
      return code_ == 0 ? Status::ok : Status::malformed;  // an encoder's last bytes leave nothing
    }
    if (left_ == 0) {
      if (!is_ready()) return Status::waiting;
      MOTE_UPDATE_TRY(read_segment());
    }
    if (module.size < unit_of(kind_)) return Status::waiting;
    MOTE_UPDATE_TRY(kind_ == Kind::copy ? copy_run(base, module) : decode_run(base, delta, module));
  }
}

Status DeltaDecoder::read_head(Bytes base) {
  const std::uint8_t* const head = input_;  // its first bytes: nothing was used before
  if (head[0] != delta::kMagic[0] || head[1] != delta::kMagic[1]) return Status::malformed;
  if (head[2] != delta::kVersion) return Status::unsupported_version;
  const std::uint32_t base_bytes = load32(head + 4), module_bytes = load32(head + 8), delta_bytes = load32(head + 12);
  if (head[3] != 0 || module_bytes == 0 || delta_bytes < kLeastDelta) return Status::malformed;
  if (base_bytes != base.size) return Status::wrong_base;
  if (module_bytes > room_) return Status::module_too_large;
  base_bytes_ = base_bytes;
  module_bytes_ = module_bytes;
  delta_bytes_ = delta_bytes;
  range_ = 0xffffffff;
  for (unsigned i = 0; i < 4; ++i) code_ = code_ << 8 | input_[delta::kHeaderBytes + i];
  input_count_ = 0;
  return Status::ok;
}

Status DeltaDecoder::read_segment() {
  Coder coder{*this};
  const delta::Segment segment = delta::code_segment(coder, {}, shift_);
  if (status_ != Status::waiting) return status_;
  if (!delta::is_kind(segment.kind)) return Status::malformed;
  kind_ = static_cast<Kind>(segment.kind);
  period_ = static_cast<std::uint8_t>(segment.period);
  shift_ = segment.shift;
  const std::uint32_t unit = delta::unit_of(kind_);
  if (written_ % unit != 0 || segment.units > (module_bytes_ - written_) / unit) return Status::malformed;
  left_ = segment.units * unit;
  if (!delta::has_base(kind_)) return Status::ok;
  const std::int64_t from = std::int64_t{written_} + shift_;
  return from >= 0 && from + left_ <= base_bytes_ ? Status::ok : Status::malformed;
}

Status DeltaDecoder::copy_run(Bytes base, MutableBytes& module) {
  const std::uint32_t count = module.size < left_ ? static_cast<std::uint32_t>(module.size) : left_;
  copy(module.data, base.part(written_ + static_cast<std::uint32_t>(shift_), count));
  written_ += count;
  left_ -= count;
  advance(module, count);
  return Status::ok;
}

Status DeltaDecoder::decode_run(Bytes base, Bytes& delta, MutableBytes& module) {
  static constexpr std::uint8_t kZeros[4] = {};
  const bool based = delta::has_base(kind_);
  const std::uint32_t unit = delta::unit_of(kind_);
  const std::uint32_t room = module.size < left_ ? static_cast<std::uint32_t>(module.size) : left_;
  const std::uint32_t count = room & ~(unit - 1);
  const std::uint8_t* old = based ? base.data + (written_ + static_cast<std::uint32_t>(shift_)) : kZeros;
  Coder coder{*this};
  std::uint32_t done = 0;
  for (; done < count; done += unit) {
    if (!is_ready()) refill(delta);
    if (!is_ready()) break;
    std::int8_t values[4] = {};
    delta::code_unit(coder, model_, kind_, written_ + done, period_, values);
    if (status_ != Status::waiting) break;
    add_unit(unit, old, values, module.data + done);
    if (based) old += unit;
  }
  written_ += done;
  left_ -= done;
  advance(module, done);
  if (status_ != Status::waiting) return status_;
  return done == count ? Status::ok : Status::waiting;
}

}  // namespace mote::update
