#pragma once
// The vector instructions of Armv8.1-M (Helium) that mote emits, beside those of Thumb-2. What is added here has to be
// known to the virtual board, too (src/board/vector_unit.cpp).

#include <initializer_list>

#include "m4/assembler.hpp"

namespace mote::compile::vectors {

using m4::Label;
using m4::Reg;

/// Vector register of 16 bytes: of q0 to q7 the first four belong to the called function.
struct Vector {
  int number = 0;
};
constexpr Vector q0{0}, q1{1}, q2{2}, q3{3}, q4{4}, q5{5}, q6{6}, q7{7};
[[nodiscard]] inline std::string text(Vector v) { return fmt::format("q{}", v.number); }

/// What assembly that holds such instructions begins with.
constexpr const char* kArchitecture = "  .arch armv8.1-m.main\n  .arch_extension mve\n  .arch_extension fp\n";

class Assembler : public m4::Assembler {
 public:
  using m4::Assembler::add;
  using m4::Assembler::Assembler;

  void ldrd(Reg a, Reg b, Reg base, int offset) {
    MOTE_CHECK(offset >= 0 && offset <= 1020 && offset % 4 == 0);
    emit(fmt::format("ldrd {}, {}, [{}, #{}]", m4::text(a), m4::text(b), m4::text(base), offset));
  }
  /// d = value, in one instruction.
  void constant(Reg d, int value) {
    MOTE_CHECK(value >= -256 && value <= 0xffff);
    if (value >= 0) return movw(d, value);
    emit(fmt::format("mvn.w {}, #{}", m4::text(d), -1 - value));
  }

  // --- memory: an offset behind the bracket is added to the base after the access
  void load_bytes(Vector d, Reg base, int then) { memory("vldrb.u8", d, base, then, 1, 127); }
  void load_words(Vector d, Reg base, int then) { memory("vldrw.u32", d, base, then, 4, 508); }
  void store_bytes(Vector s, Reg base, int then) { memory("vstrb.8", s, base, then, 1, 127); }
  /// Bytes to lanes of 16 or 32 bits and back: base r0 to r7.
  void load_bytes_as_words(Vector d, Reg base, int then) { narrow_memory("vldrb.s32", d, base, then); }
  void store_words_as_bytes(Vector s, Reg base, int then) { narrow_memory("vstrb.32", s, base, then); }
  void load_some_bytes(Vector d, Reg base, int then) { memory("vldrbt.u8", d, base, then, 1, 127); }
  void store_some_bytes(Vector s, Reg base, int then) { memory("vstrbt.8", s, base, then, 1, 127); }
  void store_some_words_as_bytes(Vector s, Reg base, int then) { narrow_memory("vstrbt.32", s, base, then); }
  /// A byte of each word's bottom goes to base + offset.
  void scatter_words_as_bytes(Vector s, Reg base, Vector offsets) {
    emit(fmt::format("vstrb.32 {}, [{}, {}]", text(s), m4::text(base), text(offsets)));
  }

  // --- sums of products over 16 bytes, into an even register
  void multiply_across(Reg d, Vector a, Vector b) { across("vmladav.s8", d, a, b); }
  void multiply_add_across(Reg d, Vector a, Vector b) { across("vmladava.s8", d, a, b); }

  // --- bytes and halfwords: products of bytes, and halfwords as words, of the lower or upper half of each result's
  // lane
  void multiply_low_bytes(Vector d, Vector a, Vector b) { three("vmullb.s8", d, a, b); }
  void multiply_high_bytes(Vector d, Vector a, Vector b) { three("vmullt.s8", d, a, b); }
  void low_halves_as_words(Vector d, Vector s) { two("vmovlb.s16", d, s); }
  void high_halves_as_words(Vector d, Vector s) { two("vmovlt.s16", d, s); }
  void add_halves(Vector d, Vector a, Vector b) { three("vadd.i16", d, a, b); }
  void add_halves_saturating(Vector d, Vector a, Vector b) { three("vqadd.s16", d, a, b); }
  void maximum_of_bytes(Vector d, Vector a, Vector b) { three("vmax.s8", d, a, b); }
  void minimum_of_bytes(Vector d, Vector a, Vector b) { three("vmin.s8", d, a, b); }
  /// Words, halfwords, saturated, become the lower or upper halves of d's.
  void words_to_low_halves(Vector d, Vector s) { two("vqmovnb.s32", d, s); }
  void words_to_high_halves(Vector d, Vector s) { two("vqmovnt.s32", d, s); }
  void halves_to_low_bytes(Vector d, Vector s) { two("vqmovnb.s16", d, s); }
  void halves_to_high_bytes(Vector d, Vector s) { two("vqmovnt.s16", d, s); }
  void every_half(Vector d, Reg s) { emit(fmt::format("vdup.16 {}, {}", text(d), m4::text(s))); }

  // --- lanes of 32 bits
  void lanes(Vector d, Reg lane0, Reg lane1, Reg lane2, Reg lane3) {
    emit(fmt::format("vmov {0}[2], {0}[0], {1}, {2}", text(d), m4::text(lane0), m4::text(lane2)));
    emit(fmt::format("vmov {0}[3], {0}[1], {1}, {2}", text(d), m4::text(lane1), m4::text(lane3)));
  }
  void every_word(Vector d, Reg s) { emit(fmt::format("vdup.32 {}, {}", text(d), m4::text(s))); }
  void every_byte(Vector d, Reg s) { emit(fmt::format("vdup.8 {}, {}", text(d), m4::text(s))); }
  void add(Vector d, Vector a, Vector b) { three("vadd.i32", d, a, b); }
  void add(Vector d, Vector a, Reg b) { emit(fmt::format("vadd.i32 {}, {}, {}", text(d), text(a), m4::text(b))); }
  void multiply(Vector d, Vector a, Vector b) { three("vmul.i32", d, a, b); }
  void add_saturating(Vector d, Vector a, Vector b) { three("vqadd.s32", d, a, b); }
  void bitwise_and(Vector d, Vector a, Vector b) { three("vand", d, a, b); }
  void shift(Vector d, Vector a, Vector by) { three("vshl.s32", d, a, by); }
  void shift_rounding(Vector d, Vector a, Vector by) { three("vrshl.s32", d, a, by); }
  void shift_right(Vector d, Vector a, int by) { emit(fmt::format("vshr.s32 {}, {}, #{}", text(d), text(a), by)); }
  void shift_right_rounding(Vector d, Vector a, int by) {
    MOTE_CHECK(by >= 1 && by <= 32);
    emit(fmt::format("vrshr.s32 {}, {}, #{}", text(d), text(a), by));
  }
  void shift_left(Vector d, Vector a, int by) { emit(fmt::format("vshl.i32 {}, {}, #{}", text(d), text(a), by)); }
  void doubling_high(Vector d, Vector a, Vector b) { three("vqrdmulh.s32", d, a, b); }
  void doubling_high(Vector d, Vector a, Reg b) {
    emit(fmt::format("vqrdmulh.s32 {}, {}, {}", text(d), text(a), m4::text(b)));
  }
  void maximum(Vector d, Vector a, Vector b) { three("vmax.s32", d, a, b); }
  void minimum(Vector d, Vector a, Vector b) { three("vmin.s32", d, a, b); }
  /// Each word's bottom byte is the word, saturated.
  void saturate_to_bytes(Vector v) {
    words_to_low_halves(v, v);
    halves_to_low_bytes(v, v);
  }

  // --- predicates
  void first_bytes(Reg count) { emit(fmt::format("vctp.8 {}", m4::text(count))); }
  void first_words(Reg count) { emit(fmt::format("vctp.32 {}", m4::text(count))); }
  /// The next instruction, or two, work on active lanes only.
  void where_active(int instructions) {
    MOTE_CHECK(instructions == 1 || instructions == 2);
    emit(instructions == 1 ? "vpst" : "vpstt");
  }

  // --- low-overhead loops, which count in lr
  /// For `count` bytes, in vectors of which the last may be partial; none where it is 0.
  void while_bytes(Reg count, Label begin, Label end) {
    emit(fmt::format("wlstp.8 lr, {}, {}", m4::text(count), text_of(end)));
    place(begin);
  }
  void end_bytes(Label begin, Label end) {
    emit(fmt::format("letp lr, {}", text_of(begin)));
    place(end);
  }

 private:
  void memory(std::string_view op, Vector v, Reg base, int then, int multiple, int most) {
    MOTE_CHECK(then >= -most && then <= most && then % multiple == 0);
    emit(then == 0 ? fmt::format("{} {}, [{}]", op, text(v), m4::text(base))
                   : fmt::format("{} {}, [{}], #{}", op, text(v), m4::text(base), then));
  }
  void narrow_memory(std::string_view op, Vector v, Reg base, int then) {
    MOTE_CHECK(base <= Reg::r7);
    memory(op, v, base, then, 1, 127);
  }
  void across(std::string_view op, Reg d, Vector a, Vector b) {
    MOTE_CHECK(d == Reg::lr || static_cast<int>(d) % 2 == 0);
    emit(fmt::format("{} {}, {}, {}", op, m4::text(d), text(a), text(b)));
  }
  void two(std::string_view op, Vector d, Vector s) { emit(fmt::format("{} {}, {}", op, text(d), text(s))); }
  void three(std::string_view op, Vector d, Vector a, Vector b) {
    emit(fmt::format("{} {}, {}, {}", op, text(d), text(a), text(b)));
  }
};

}  // namespace mote::compile::vectors
