#include "vector_unit.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

namespace mote::board {
namespace {

constexpr unsigned kLr = 14;
constexpr unsigned kNoTail = 4;

constexpr unsigned field(unsigned word, unsigned low, unsigned bits) { return (word >> low) & ((1u << bits) - 1u); }

constexpr unsigned element_bytes(unsigned size) { return 1u << size; }

using Q = std::array<std::uint8_t, 16>;

template <class T>
T get(const Q& q, std::size_t lane) {
  T value;
  std::memcpy(&value, q.data() + lane * sizeof(T), sizeof(T));
  return value;
}
template <class T>
void set(Q& q, std::size_t lane, T value) {
  std::memcpy(q.data() + lane * sizeof(T), &value, sizeof(T));
}

template <class T>
T saturate(std::int64_t value) {
  return static_cast<T>(std::clamp<std::int64_t>(value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}

/// x * 2^shift, to the left without saturation, to the right rounded where `rounds` (half up) and else floored.
template <class T>
T shifted(T x, std::int32_t shift, bool rounds) {
  constexpr std::int32_t kBits = 8 * sizeof(T);
  if (shift >= kBits) return 0;
  if (shift >= 0) return static_cast<T>(static_cast<std::uint64_t>(x) << shift);
  const std::int32_t right = std::min(-shift, kBits + 1);
  const std::int64_t half = rounds ? std::int64_t{1} << (right - 1) : 0;
  return static_cast<T>((x + half) >> right);
}

}  // namespace

/// One instruction: its halfwords and what it works on.
struct VectorUnit::Context {
  unsigned a, b;
  std::uint32_t pc;
  VectorUnit& unit;
  VectorRegisters& registers;
  VectorMemory& memory;
  std::uint32_t next;
  std::uint16_t active = 0;  // bytes of a vector that the instruction works on

  [[nodiscard]] Q& qd() const { return registers.q[field(b, 13, 3)]; }
  [[nodiscard]] const Q& qn() const { return registers.q[field(a, 1, 3)]; }
  [[nodiscard]] const Q& qm() const { return registers.q[field(b, 1, 3)]; }
  [[nodiscard]] bool is_active(std::size_t byte) const { return (active >> byte & 1u) != 0; }

  template <class T>
  void store_lane(Q& to, std::size_t lane, T value) const {
    std::uint8_t bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      if (is_active(lane * sizeof(T) + i)) to[lane * sizeof(T) + i] = bytes[i];
    }
  }
  template <class T, class Function>
  Result lanes_of(Function function) {
    const Q n = qn(), m = qm();
    Q& d = qd();
    for (std::size_t lane = 0; lane < 16 / sizeof(T); ++lane)
      store_lane<T>(d, lane, static_cast<T>(function(get<T>(n, lane), get<T>(m, lane), get<T>(d, lane))));
    return Result::done;
  }
  /// qd = function(qn, qm, qd) in lanes of a signed element.
  template <class Function>
  Result lanes(unsigned size, Function function) {
    if (size == 0) return lanes_of<std::int8_t>(function);
    return size == 1 ? lanes_of<std::int16_t>(function) : lanes_of<std::int32_t>(function);
  }
  [[nodiscard]] std::int32_t scalar() const { return static_cast<std::int32_t>(registers.r[field(b, 0, 4)]); }
};

std::uint16_t VectorUnit::active_bytes(const VectorRegisters& registers) const {
  unsigned active = predicated_ > 0 ? predicate_ : 0xffffu;
  if (tail_size_ < kNoTail) {
    const std::uint32_t lanes = 16u >> tail_size_;
    const std::uint32_t left = registers.r[kLr];
    if (left < lanes) active &= (1u << (left << tail_size_)) - 1u;
  }
  return static_cast<std::uint16_t>(active);
}

namespace {

using Result = VectorUnit::Result;

/// Encoding of one instruction.
struct Bits {
  unsigned mask_a, value_a, mask_b, value_b;
};

enum class Op : std::uint8_t {
  load_store,       // VLDR, VSTR of whole lanes, and contiguous ones that widen or narrow
  scatter,          // VSTRB, VSTRH, VSTRW to a base and a vector of offsets, which are bytes
  multiply_across,  // VMLADAV(A).S8
  move_pair,        // VMOV of two lanes from two core registers
  add,
  subtract,
  multiply,
  maximum,
  minimum,
  saturating_add,
  bitwise_and,
  bitwise_or,
  shift_by_vector,
  rounding_shift_by_vector,
  doubling_high,
  add_scalar,
  subtract_scalar,
  multiply_add_scalar,
  doubling_high_scalar,
  shift_right,
  rounding_shift_right,
  shift_left,
  rounding_shift_by_scalar,
  shift_by_scalar,
  saturating_narrow,
  narrow,
  widen,
  multiply_long,
  add_across,
  duplicate,
  tail_predicate,    // VCTP
  predicate_block,   // VPST
  loop_start,        // DLS, DLSTP
  while_loop_start,  // WLS, WLSTP
  loop_end,          // LE, LETP
};

struct Row {
  Bits bits;
  Op op;
};

constexpr Row kRows[] = {
    {{0xfff0, 0xec10, 0x1fe0, 0x0f00}, Op::move_pair},
    {{0xfff0, 0xec80, 0x1e21, 0x0e00}, Op::scatter},
    {{0xfe40, 0xec00, 0x1e00, 0x1e00}, Op::load_store},
    {{0xee40, 0xec00, 0x1e00, 0x0e00}, Op::load_store},
    {{0xfff1, 0xeef0, 0x1fd1, 0x0f00}, Op::multiply_across},
    {{0xffc1, 0xef00, 0x1ff1, 0x0840}, Op::add},
    {{0xffc1, 0xff00, 0x1ff1, 0x0840}, Op::subtract},
    {{0xffc1, 0xef00, 0x1ff1, 0x0950}, Op::multiply},
    {{0xffc1, 0xef00, 0x1ff1, 0x0640}, Op::maximum},
    {{0xffc1, 0xef00, 0x1ff1, 0x0650}, Op::minimum},
    {{0xffc1, 0xef00, 0x1ff1, 0x0050}, Op::saturating_add},
    {{0xfff1, 0xef00, 0x1ff1, 0x0150}, Op::bitwise_and},
    {{0xfff1, 0xef20, 0x1ff1, 0x0150}, Op::bitwise_or},
    {{0xffc1, 0xef00, 0x1ff1, 0x0440}, Op::shift_by_vector},
    {{0xffc1, 0xef00, 0x1ff1, 0x0540}, Op::rounding_shift_by_vector},
    {{0xffc1, 0xff00, 0x1ff1, 0x0b40}, Op::doubling_high},
    {{0xffc1, 0xee01, 0x1ff0, 0x0f40}, Op::add_scalar},
    {{0xffc1, 0xee01, 0x1ff0, 0x1f40}, Op::subtract_scalar},
    {{0xffc1, 0xee01, 0x1ff0, 0x0e40}, Op::multiply_add_scalar},
    {{0xffc1, 0xfe01, 0x1ff0, 0x0e60}, Op::doubling_high_scalar},
    {{0xffc0, 0xef80, 0x1ff1, 0x0050}, Op::shift_right},
    {{0xffc0, 0xef80, 0x1ff1, 0x0250}, Op::rounding_shift_right},
    {{0xffc0, 0xef80, 0x1ff1, 0x0550}, Op::shift_left},
    {{0xfff3, 0xee33, 0x1ff0, 0x1e60}, Op::rounding_shift_by_scalar},
    {{0xfff3, 0xee31, 0x1ff0, 0x1e60}, Op::shift_by_scalar},
    {{0xfff3, 0xee33, 0x0ff1, 0x0e01}, Op::saturating_narrow},
    {{0xfff3, 0xfe31, 0x0ff1, 0x0e81}, Op::narrow},
    {{0xefe7, 0xeea0, 0x0ff1, 0x0f40}, Op::widen},
    {{0xffc1, 0xee01, 0x0ff1, 0x0e00}, Op::multiply_long},
    {{0xfff3, 0xeef1, 0x1fd1, 0x0f00}, Op::add_across},
    {{0xffb1, 0xeea0, 0x0fdf, 0x0b10}, Op::duplicate},
    {{0xffc0, 0xf000, 0xffff, 0xe801}, Op::tail_predicate},
    {{0xffbf, 0xfe31, 0x1fff, 0x0f4d}, Op::predicate_block},
    {{0xff80, 0xf000, 0xffff, 0xe001}, Op::loop_start},
    {{0xff80, 0xf000, 0xf001, 0xc001}, Op::while_loop_start},
    {{0xffef, 0xf00f, 0xf001, 0xc001}, Op::loop_end},
};

const Row* find_row(unsigned a, unsigned b) {
  // DLSTP and WLSTP of register 15 are other instructions; the end of a loop is one.
  const auto fits = [&](const Row& row) {
    return (a & row.bits.mask_a) == row.bits.value_a && (b & row.bits.mask_b) == row.bits.value_b;
  };
  const auto takes_pc = [&](const Row& row) {
    const bool loop = row.op == Op::loop_start || row.op == Op::while_loop_start || row.op == Op::tail_predicate;
    return loop && field(a, 0, 4) == 15;
  };
  for (const Row& row : kRows) {
    if (fits(row) && !takes_pc(row)) return &row;
  }
  return nullptr;
}

}  // namespace

bool VectorUnit::knows(std::uint16_t first, std::uint16_t second) { return find_row(first, second) != nullptr; }

namespace {

/// Contiguous lanes: `memory_bytes` each in memory, `lane_bytes` in the vector.
struct Lanes {
  std::uint32_t address;
  unsigned memory_bytes, lane_bytes;
  bool is_unsigned;
};

template <class Context>
bool load(Context& c, const Lanes& lanes) {
  Q result{};  // lanes that are not active are zero
  if (lanes.memory_bytes == lanes.lane_bytes && c.active == 0xffff) {
    if (!c.memory.read(lanes.address, result.data(), 16)) return false;
  } else {
    for (unsigned i = 0; i < 16 / lanes.lane_bytes; ++i) {
      if (!c.is_active(i * lanes.lane_bytes)) continue;
      std::uint8_t bytes[4] = {0, 0, 0, 0};
      if (!c.memory.read(lanes.address + i * lanes.memory_bytes, bytes, lanes.memory_bytes)) return false;
      const bool negative = !lanes.is_unsigned && (bytes[lanes.memory_bytes - 1] & 0x80u) != 0;
      for (unsigned k = lanes.memory_bytes; k < lanes.lane_bytes; ++k) bytes[k] = negative ? 0xff : 0;
      std::memcpy(result.data() + i * lanes.lane_bytes, bytes, lanes.lane_bytes);
    }
  }
  c.qd() = result;
  return true;
}

template <class Context>
bool store(Context& c, const Lanes& lanes) {
  const Q& from = c.qd();
  if (lanes.memory_bytes == lanes.lane_bytes && c.active == 0xffff)
    return c.memory.write(lanes.address, from.data(), 16);
  for (unsigned i = 0; i < 16 / lanes.lane_bytes; ++i) {
    if (!c.is_active(i * lanes.lane_bytes)) continue;
    if (!c.memory.write(lanes.address + i * lanes.memory_bytes, from.data() + i * lanes.lane_bytes, lanes.memory_bytes))
      return false;
  }
  return true;
}

template <class Context>
Result load_store(Context& c) {
  const bool whole = field(c.b, 12, 1) != 0;
  const unsigned size = field(c.b, 7, 2);
  if (size == 3) return Result::unknown;
  const unsigned memory_size = whole ? size : field(c.a, 3, 1);
  if (!whole && memory_size >= size) return Result::unknown;
  std::uint32_t& base = c.registers.r[field(c.a, 0, whole ? 4 : 3)];
  const bool indexed = field(c.a, 8, 1) != 0, up = field(c.a, 7, 1) != 0, writes_back = field(c.a, 5, 1) != 0;
  if (!indexed && !writes_back) return Result::unknown;
  const std::uint32_t offset = field(c.b, 0, 7) << memory_size;
  const std::uint32_t moved = up ? base + offset : base - offset;
  const Lanes lanes{indexed ? moved : base, element_bytes(memory_size), element_bytes(size), field(c.a, 12, 1) != 0};
  if (lanes.address % lanes.memory_bytes != 0) return Result::bad_access;
  const bool is_load = field(c.a, 4, 1) != 0;
  if (!(is_load ? load(c, lanes) : store(c, lanes))) return Result::bad_access;
  if (writes_back) base = moved;
  return Result::done;
}

template <class Context>
Result scatter(Context& c) {
  const unsigned memory_size = field(c.b, 6, 1) << 1 | field(c.b, 4, 1);
  const unsigned bytes = element_bytes(field(c.b, 7, 2));
  if (memory_size != 0 || bytes > 4) return Result::unknown;
  const Q& offsets = c.qm();
  const Q& from = c.qd();
  for (unsigned i = 0; i < 16 / bytes; ++i) {
    if (!c.is_active(i * bytes)) continue;
    std::uint32_t offset = 0;
    std::memcpy(&offset, offsets.data() + i * bytes, bytes);
    if (!c.memory.write(c.registers.r[field(c.a, 0, 4)] + offset, from.data() + i * bytes, 1))
      return Result::bad_access;
  }
  return Result::done;
}

template <class Context>
Result multiply_across(Context& c) {
  std::uint32_t& to = c.registers.r[field(c.b, 12, 4) & ~1u];
  std::uint32_t sum = field(c.b, 5, 1) != 0 ? to : 0;
  for (std::size_t i = 0; i < 16; ++i) {
    if (c.is_active(i)) sum += static_cast<std::uint32_t>(get<std::int8_t>(c.qn(), i) * get<std::int8_t>(c.qm(), i));
  }
  to = sum;
  return Result::done;
}

template <class Context>
Result add_across(Context& c) {
  std::uint32_t& to = c.registers.r[field(c.b, 12, 4) & ~1u];
  std::uint32_t sum = field(c.b, 5, 1) != 0 ? to : 0;
  const unsigned bytes = element_bytes(field(c.a, 2, 2));
  for (std::size_t i = 0; i < 16 / bytes; ++i) {
    if (!c.is_active(i * bytes)) continue;
    const Q& m = c.qm();
    sum += static_cast<std::uint32_t>(bytes == 1   ? get<std::int8_t>(m, i)
                                      : bytes == 2 ? get<std::int16_t>(m, i)
                                                   : get<std::int32_t>(m, i));
  }
  to = sum;
  return Result::done;
}

template <class Context>
Result move_pair(Context& c) {
  const unsigned lane = field(c.b, 4, 1);
  set<std::uint32_t>(c.qd(), lane, c.registers.r[field(c.b, 0, 4)]);
  set<std::uint32_t>(c.qd(), 2 + lane, c.registers.r[field(c.a, 0, 4)]);
  return Result::done;
}

template <class Context>
Result shift_by_immediate(Context& c, Op op) {
  const unsigned encoded = field(c.a, 0, 6);
  if (encoded < 8) return Result::unknown;
  const unsigned size = encoded >= 32 ? 2 : encoded >= 16 ? 1 : 0;
  const auto bits = static_cast<std::int32_t>(8u << size);
  const auto number = static_cast<std::int32_t>(encoded);
  const std::int32_t shift = op == Op::shift_left ? number - bits : number - 2 * bits;
  return c.lanes(size, [&](auto, auto m, auto) { return shifted(m, shift, op == Op::rounding_shift_right); });
}

/// VQMOVN, VMOVN: lanes of twice the size, to the lower or the upper half of each.
template <class Wide, class Narrow, class Context>
Result narrow_lanes(Context& c, bool saturates) {
  const Q m = c.qm();
  const std::size_t top = field(c.b, 12, 1);
  for (std::size_t i = 0; i < 16 / sizeof(Wide); ++i) {
    const Wide value = get<Wide>(m, i);
    c.template store_lane<Narrow>(c.qd(), 2 * i + top,
                                  saturates ? saturate<Narrow>(value) : static_cast<Narrow>(value));
  }
  return Result::done;
}

template <class Wide, class Narrow, class Context>
Result widen_lanes(Context& c) {
  const Q m = c.qm();
  const std::size_t top = field(c.b, 12, 1);
  for (std::size_t i = 0; i < 16 / sizeof(Wide); ++i)
    c.template store_lane<Wide>(c.qd(), i, static_cast<Wide>(get<Narrow>(m, 2 * i + top)));
  return Result::done;
}

template <class Context>
Result widen(Context& c) {
  const bool is_unsigned = field(c.a, 12, 1) != 0;
  switch (field(c.a, 3, 2)) {
    case 1:
      return is_unsigned ? widen_lanes<std::int16_t, std::uint8_t>(c) : widen_lanes<std::int16_t, std::int8_t>(c);
    case 2:
      return is_unsigned ? widen_lanes<std::int32_t, std::uint16_t>(c) : widen_lanes<std::int32_t, std::int16_t>(c);
    default:
      return Result::unknown;
  }
}

template <class Wide, class Narrow, class Context>
Result multiply_lanes(Context& c) {
  const Q n = c.qn(), m = c.qm();
  const std::size_t top = field(c.b, 12, 1);
  for (std::size_t i = 0; i < 16 / sizeof(Wide); ++i)
    c.template store_lane<Wide>(c.qd(), i,
                                static_cast<Wide>(get<Narrow>(n, 2 * i + top) * get<Narrow>(m, 2 * i + top)));
  return Result::done;
}

template <class Context>
Result duplicate(Context& c) {
  const unsigned size = field(c.a, 6, 1) << 1 | field(c.b, 5, 1);  // 0: words, 1: halfwords, 2: bytes
  if (size == 3) return Result::unknown;
  const std::uint32_t value = c.registers.r[field(c.b, 12, 4)];
  Q& to = c.registers.q[field(c.a, 1, 3)];
  const unsigned bytes = 4u >> size;
  Q all{};
  for (unsigned i = 0; i < 16; i += bytes) std::memcpy(all.data() + i, &value, bytes);
  for (unsigned i = 0; i < 16; ++i) {
    if (c.is_active(i)) to[i] = all[i];
  }
  return Result::done;
}

template <class T>
T doubling_high_of(std::int64_t a, std::int64_t b) {
  constexpr int kBits = 8 * sizeof(T);
  return saturate<T>((a * b + (std::int64_t{1} << (kBits - 2))) >> (kBits - 1));
}

constexpr auto doubling_high_lane = [](auto n, auto m, auto) { return doubling_high_of<decltype(n)>(n, m); };

template <class Context>
Result arithmetic(Context& c, Op op) {
  const unsigned size = field(c.a, 4, 2);
  if (size == 3) return Result::unknown;
  const std::int32_t s = c.scalar();
  const auto wrap = [](auto like, std::int64_t value) { return static_cast<decltype(like)>(value); };
  switch (op) {
    case Op::add:
      return c.lanes(size, [&](auto n, auto m, auto) { return wrap(n, std::int64_t{n} + m); });
    case Op::subtract:
      return c.lanes(size, [&](auto n, auto m, auto) { return wrap(n, std::int64_t{n} - m); });
    case Op::multiply:
      return c.lanes(size, [&](auto n, auto m, auto) { return wrap(n, std::int64_t{n} * m); });
    case Op::maximum:
      return c.lanes(size, [](auto n, auto m, auto) { return std::max(n, m); });
    case Op::minimum:
      return c.lanes(size, [](auto n, auto m, auto) { return std::min(n, m); });
    case Op::saturating_add:
      return c.lanes(size, [](auto n, auto m, auto) { return saturate<decltype(n)>(std::int64_t{n} + m); });
    case Op::shift_by_vector:  // the value is qm
      return c.lanes(size, [](auto n, auto m, auto) { return shifted(m, static_cast<std::int8_t>(n), false); });
    case Op::rounding_shift_by_vector:
      return c.lanes(size, [](auto n, auto m, auto) { return shifted(m, static_cast<std::int8_t>(n), true); });
    case Op::doubling_high:
      return size == 0 ? Result::unknown : c.lanes(size, doubling_high_lane);
    case Op::add_scalar:
      return c.lanes(size, [&](auto n, auto, auto) { return wrap(n, std::int64_t{n} + s); });
    case Op::subtract_scalar:
      return c.lanes(size, [&](auto n, auto, auto) { return wrap(n, std::int64_t{n} - s); });
    case Op::multiply_add_scalar:
      return c.lanes(size, [&](auto n, auto, auto d) { return wrap(n, std::int64_t{n} * s + d); });
    case Op::doubling_high_scalar:
      return c.lanes(size,
                     [&](auto n, auto, auto) { return doubling_high_of<decltype(n)>(n, static_cast<decltype(n)>(s)); });
    default:
      return Result::unknown;
  }
}

}  // namespace

VectorUnit::Result VectorUnit::execute(std::uint32_t pc, std::uint16_t first, std::uint16_t second,
                                       VectorRegisters& registers, VectorMemory& memory, std::uint32_t& next) {
  const Row* const row = find_row(first, second);
  if (row == nullptr) return Result::unknown;
  Context c{first, second, pc, *this, registers, memory, pc + 4, active_bytes(registers)};
  const unsigned a = first, b = second;
  const std::uint32_t distance = field(b, 1, 10) << 2 | field(b, 11, 1) << 1;
  std::uint32_t& lr = registers.r[kLr];
  Result result = Result::done;
  bool counts = true;  // as an instruction of a VPT block
  switch (row->op) {
    case Op::load_store:
      result = load_store(c);
      break;
    case Op::scatter:
      result = scatter(c);
      break;
    case Op::multiply_across:
      result = multiply_across(c);
      break;
    case Op::add_across:
      result = add_across(c);
      break;
    case Op::move_pair:
      result = move_pair(c);
      break;
    case Op::bitwise_and:
      result = c.lanes(2, [](auto n, auto m, auto) { return n & m; });
      break;
    case Op::bitwise_or:
      result = c.lanes(2, [](auto n, auto m, auto) { return n | m; });
      break;
    case Op::shift_right:
    case Op::rounding_shift_right:
    case Op::shift_left:
      result = shift_by_immediate(c, row->op);
      break;
    case Op::rounding_shift_by_scalar:
    case Op::shift_by_scalar: {
      const auto shift = static_cast<std::int8_t>(c.scalar());
      const bool rounds = row->op == Op::rounding_shift_by_scalar;
      result = c.lanes(field(a, 2, 2), [&](auto, auto, auto d) { return shifted(d, shift, rounds); });
      break;
    }
    case Op::saturating_narrow:
    case Op::narrow: {
      const bool saturates = row->op == Op::saturating_narrow;
      const unsigned size = field(a, 2, 2);
      result = size == 0   ? narrow_lanes<std::int16_t, std::int8_t>(c, saturates)
               : size == 1 ? narrow_lanes<std::int32_t, std::int16_t>(c, saturates)
                           : Result::unknown;
      break;
    }
    case Op::widen:
      result = widen(c);
      break;
    case Op::multiply_long: {
      const unsigned size = field(a, 4, 2);
      result = size == 0   ? multiply_lanes<std::int16_t, std::int8_t>(c)
               : size == 1 ? multiply_lanes<std::int32_t, std::int16_t>(c)
                           : Result::unknown;
      break;
    }
    case Op::duplicate:
      result = duplicate(c);
      break;
    case Op::tail_predicate: {
      const std::uint32_t lanes = 16u >> field(a, 4, 2);
      const std::uint32_t left = std::min(registers.r[field(a, 0, 4)], lanes);
      predicate_ = static_cast<std::uint16_t>(((1u << (left << field(a, 4, 2))) - 1u) & c.active);
      break;
    }
    case Op::predicate_block: {
      const unsigned mask = field(a, 6, 1) << 3 | field(b, 13, 3);
      if (std::popcount(mask) != 1) return Result::unknown;  // "else" instructions are not emitted
      predicated_ = static_cast<std::uint8_t>(4 - std::countr_zero(mask));
      counts = false;
      break;
    }
    case Op::loop_start:
    case Op::while_loop_start: {
      const std::uint32_t count = registers.r[field(a, 0, 4)];
      if (row->op == Op::while_loop_start && count == 0) {
        c.next = pc + 4 + distance;
        break;
      }
      lr = count;
      tail_size_ = field(a, 6, 1) != 0 ? std::uint8_t{kNoTail} : static_cast<std::uint8_t>(field(a, 4, 2));
      break;
    }
    case Op::loop_end: {
      const bool tail = field(a, 4, 1) != 0;
      const std::uint32_t step = tail ? 16u >> tail_size_ : 1u;
      if (lr > step) {
        lr -= step;
        c.next = pc + 4 - distance;
      } else if (tail) {
        tail_size_ = kNoTail;
      }
      break;
    }
    default:
      result = arithmetic(c, row->op);
  }
  if (result != Result::done) return result;
  if (counts && predicated_ > 0) --predicated_;
  next = c.next;
  return Result::done;
}

}  // namespace mote::board
