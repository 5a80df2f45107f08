#pragma once
// Writes Thumb-2 assembly from C++ values: registers are types, encoding limits are checked, every instruction is 32
// bits wide, or one of a pair of 16 bits (mixed widths misalign hot loops: 0.17 cycles an unaligned wide instruction),
// so that code sizes are known while emitting.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "mote/base/error.hpp"

namespace mote::compile::m4 {

/// Core register. r13 is the stack pointer and never a value.
enum class Reg : std::uint8_t { r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, sp, lr };
/// Single-precision register: the spill file. VMOV costs one cycle and needs no address.
struct Single {
  int number = 0;
};

[[nodiscard]] inline std::string text(Reg r) {
  if (r == Reg::sp) return "sp";
  if (r == Reg::lr) return "lr";
  return fmt::format("r{}", static_cast<int>(r));
}
[[nodiscard]] inline std::string text(Single s) { return fmt::format("s{}", s.number); }

struct Label {
  int number = 0;
};

enum class Condition : std::uint8_t { ne, eq, gt };

class Assembler {
 public:
  explicit Assembler(std::string name) : name_(std::move(name)) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  void comment(std::string_view what) { body_ += fmt::format("  @ {}\n", what); }

  Label new_label() { return {next_label_++}; }
  /// Places a label where a loop begins, on a fetch boundary; or on one of cache lines, for a loop that needs them all.
  void loop(Label l, int boundary = 8) { body_ += fmt::format("  .balign {}\n.L{}_{}:\n", boundary, name_, l.number); }
  void place(Label l) { body_ += fmt::format(".L{}_{}:\n", name_, l.number); }
  void branch(Condition c, Label l) {
    constexpr std::string_view kNames[] = {"ne", "eq", "gt"};
    emit(fmt::format("b{}.w .L{}_{}", kNames[static_cast<std::size_t>(c)], name_, l.number));
  }
  void jump(Label l) { emit(fmt::format("b.w .L{}_{}", name_, l.number)); }

  void ldr(Reg t, Reg base, int offset) { memory("ldr.w", t, base, offset); }
  /// Two words; in two instructions of 16 bits where these reach, which leave what follows aligned.
  void ldr_two(Reg a, int a_offset, Reg b, int b_offset, Reg base) {
    const auto reaches = [&](Reg t, int offset) {
      return t <= Reg::r7 && base <= Reg::r7 && offset >= 0 && offset <= 124 && offset % 4 == 0;
    };
    if (!reaches(a, a_offset) || !reaches(b, b_offset)) {
      ldr(a, base, a_offset);
      ldr(b, base, b_offset);
      return;
    }
    body_ += fmt::format("  ldr.n {0}, [{2}, #{3}]\n  ldr.n {1}, [{2}, #{4}]\n", text(a), text(b), text(base), a_offset,
                         b_offset);
    bytes_ += 4;
  }
  void ldrh(Reg t, Reg base, int offset) { memory("ldrh.w", t, base, offset); }
  void ldrsb(Reg t, Reg base, int offset) { memory("ldrsb.w", t, base, offset); }
  /// base += offset, then loads from it.
  void ldr_pre(Reg t, Reg base, int offset) {
    MOTE_CHECK(offset >= -255 && offset <= 255);
    emit(fmt::format("ldr.w {}, [{}, #{}]!", text(t), text(base), offset));
  }
  /// Loads, then base += offset.
  void ldr_post(Reg t, Reg base, int offset) {
    MOTE_CHECK(offset >= -255 && offset <= 255);
    emit(fmt::format("ldr.w {}, [{}], #{}", text(t), text(base), offset));
  }
  /// base + (index << shift)
  void ldr_at(Reg t, Reg base, Reg index, int shift) {
    emit(fmt::format("ldr.w {}, [{}, {}, lsl #{}]", text(t), text(base), text(index), shift));
  }
  void str(Reg t, Reg base, int offset) { memory("str.w", t, base, offset); }
  void strh(Reg t, Reg base, int offset) { memory("strh.w", t, base, offset); }
  void strb(Reg t, Reg base, int offset) { memory("strb.w", t, base, offset); }
  void strb_post(Reg t, Reg base, int offset) {
    MOTE_CHECK(offset >= -255 && offset <= 255);
    emit(fmt::format("strb.w {}, [{}], #{}", text(t), text(base), offset));
  }
  void str_post(Reg t, Reg base, int offset) {
    MOTE_CHECK(offset >= -255 && offset <= 255);
    emit(fmt::format("str.w {}, [{}], #{}", text(t), text(base), offset));
  }
  /// first..last ascending from base, base += 4 each.
  void ldm(Reg base, Reg first, Reg last) {
    if (first == last) return ldr_post(first, base, 4);
    emit(fmt::format("ldmia.w {}!, {{{}-{}}}", text(base), text(first), text(last)));
  }
  /// Registers in ascending order.
  void ldm(Reg base, std::initializer_list<Reg> registers) {
    std::string list;
    for (const Reg r : registers) list += (list.empty() ? "" : ", ") + text(r);
    emit(fmt::format("ldmia.w {}!, {{{}}}", text(base), list));
  }
  void stm(Reg base, Reg first, Reg last) {
    emit(fmt::format("stmia.w {}!, {{{}-{}}}", text(base), text(first), text(last)));
  }
  void vldm(Reg base, Single first, int count) {
    MOTE_CHECK(count >= 1 && first.number + count <= 32);
    emit(count == 1 ? fmt::format("vldr.32 {}, [{}]", text(first), text(base))
                    : fmt::format("vldmia {}, {{{}-s{}}}", text(base), text(first), first.number + count - 1));
  }

  void vmov(Reg d, Single s) { emit(fmt::format("vmov {}, {}", text(d), text(s))); }
  /// Two registers from a pair of consecutive ones: the cycles of two VMOV in the bytes of one.
  void vmov(Reg d, Reg e, Single s) {
    emit(fmt::format("vmov {}, {}, {}, {}", text(d), text(e), text(s), text(Single{s.number + 1})));
  }
  void vmov(Single d, Reg s) { emit(fmt::format("vmov {}, {}", text(d), text(s))); }

  void mov(Reg d, Reg s) { emit(fmt::format("mov.w {}, {}", text(d), text(s))); }
  void movw(Reg d, int value) {
    MOTE_CHECK(value >= 0 && value <= 0xffff);
    emit(fmt::format("movw {}, #{}", text(d), value));
  }
  void movt(Reg d, int value) {
    MOTE_CHECK(value >= 0 && value <= 0xffff);
    emit(fmt::format("movt {}, #{}", text(d), value));
  }
  /// d = s + value; one instruction up to 4095 in size, two up to 65535 (which need `spare`).
  void add(Reg d, Reg s, int value, Reg spare) {
    const int size = value < 0 ? -value : value;
    const char* op = value < 0 ? "sub" : "add";
    if (size <= 4095) return emit(fmt::format("{}w {}, {}, #{}", op, text(d), text(s), size));
    movw(spare, size);
    emit(fmt::format("{}.w {}, {}, {}", op, text(d), text(s), text(spare)));
  }
  void add(Reg d, Reg a, Reg b) { three("add.w", d, a, b); }
  void sub(Reg d, Reg a, Reg b) { three("sub.w", d, a, b); }
  void add_lsl(Reg d, Reg a, Reg b, int shift) {
    emit(fmt::format("add.w {}, {}, {}, lsl #{}", text(d), text(a), text(b), shift));
  }
  void add_asr(Reg d, Reg a, Reg b, int shift) {
    emit(fmt::format("add.w {}, {}, {}, asr #{}", text(d), text(a), text(b), shift));
  }
  void lsl(Reg d, Reg s, int n) { emit(fmt::format("lsl.w {}, {}, #{}", text(d), text(s), n)); }
  void lsl(Reg d, Reg s, Reg n) { three("lsl.w", d, s, n); }
  void asr(Reg d, Reg s, int n) { emit(fmt::format("asr.w {}, {}, #{}", text(d), text(s), n)); }
  void asr(Reg d, Reg s, Reg n) { three("asr.w", d, s, n); }
  void orr_lsl(Reg d, Reg a, Reg b, int n) {
    emit(fmt::format("orr.w {}, {}, {}, lsl #{}", text(d), text(a), text(b), n));
  }
  void subs(Reg d, Reg s, int value) {
    MOTE_CHECK(value >= 0 && value <= 255);
    emit(fmt::format("subs.w {}, {}, #{}", text(d), text(s), value));
  }
  void cmp(Reg a, Reg b) { emit(fmt::format("cmp.w {}, {}", text(a), text(b))); }

  void cmp(Reg a, int value) {
    MOTE_CHECK(value >= 0 && value <= 255);
    emit(fmt::format("cmp.w {}, #{}", text(a), value));
  }

  void mul(Reg d, Reg a, Reg b) { three("mul", d, a, b); }
  void sadd16(Reg d, Reg a, Reg b) { three("sadd16", d, a, b); }
  void ssub16(Reg d, Reg a, Reg b) { three("ssub16", d, a, b); }
  void smlad(Reg d, Reg a, Reg b, Reg acc) { four("smlad", d, a, b, acc); }
  void smuad(Reg d, Reg a, Reg b) { three("smuad", d, a, b); }
  void smlabb(Reg d, Reg a, Reg b, Reg acc) { four("smlabb", d, a, b, acc); }
  void smlabt(Reg d, Reg a, Reg b, Reg acc) { four("smlabt", d, a, b, acc); }
  void smlatb(Reg d, Reg a, Reg b, Reg acc) { four("smlatb", d, a, b, acc); }
  void smlatt(Reg d, Reg a, Reg b, Reg acc) { four("smlatt", d, a, b, acc); }
  void smmul(Reg d, Reg a, Reg b) { three("smmul", d, a, b); }
  void smmulr(Reg d, Reg a, Reg b) { three("smmulr", d, a, b); }
  void smmla(Reg d, Reg a, Reg b, Reg c) { four("smmla", d, a, b, c); }
  void smmlar(Reg d, Reg a, Reg b, Reg c) { four("smmlar", d, a, b, c); }
  void sxtb16(Reg d, Reg s, int rotate = 0) {
    MOTE_CHECK(rotate == 0 || rotate == 8);
    emit(rotate == 0 ? fmt::format("sxtb16 {}, {}", text(d), text(s))
                     : fmt::format("sxtb16 {}, {}, ror #8", text(d), text(s)));
  }
  void uxtb16(Reg d, Reg s, int rotate = 0) {
    MOTE_CHECK(rotate == 0 || rotate == 8);
    emit(rotate == 0 ? fmt::format("uxtb16 {}, {}", text(d), text(s))
                     : fmt::format("uxtb16 {}, {}, ror #8", text(d), text(s)));
  }
  /// Halfwords of c plus bytes 0 and 2 of s, sign-extended; rotated: bytes 1 and 3.
  void sxtab16(Reg d, Reg c, Reg s, int rotate = 0) {
    MOTE_CHECK(rotate == 0 || rotate == 8);
    emit(fmt::format("sxtab16 {}, {}, {}{}", text(d), text(c), text(s), rotate == 0 ? "" : ", ror #8"));
  }
  /// d = low half of a, high half of b.
  void pkhbt_high(Reg d, Reg a, Reg b) { emit(fmt::format("pkhbt {}, {}, {}", text(d), text(a), text(b))); }
  /// Eight bits from `low` on.
  void ubfx8(Reg d, Reg s, int low) { emit(fmt::format("ubfx {}, {}, #{}, #8", text(d), text(s), low)); }
  void lsr(Reg d, Reg s, int n) { emit(fmt::format("lsr.w {}, {}, #{}", text(d), text(s), n)); }
  /// d = low half of a, low half of b shifted up.
  void pkhbt(Reg d, Reg a, Reg b) { emit(fmt::format("pkhbt {}, {}, {}, lsl #16", text(d), text(a), text(b))); }
  /// d = high half of a stays, low half is the high half of b.
  void pkhtb(Reg d, Reg a, Reg b) { emit(fmt::format("pkhtb {}, {}, {}, asr #16", text(d), text(a), text(b))); }
  void ssat8(Reg d, Reg s, int shift = 0) {
    MOTE_CHECK(shift >= 0 && shift <= 31);
    emit(shift == 0 ? fmt::format("ssat {}, #8, {}", text(d), text(s))
                    : fmt::format("ssat {}, #8, {}, asr #{}", text(d), text(s), shift));
  }

  /// Saturates to `bits`, signed or unsigned.
  void ssat(Reg d, int bits, Reg s) { emit(fmt::format("ssat {}, #{}, {}", text(d), bits, text(s))); }
  void usat(Reg d, int bits, Reg s) { emit(fmt::format("usat {}, #{}, {}", text(d), bits, text(s))); }

  /// d = max(d, value), d = min(d, value)
  void at_least(Reg d, int value) { limit(d, value, "lt"); }
  void at_most(Reg d, int value) { limit(d, value, "gt"); }
  void at_most(Reg d, Reg value) {
    cmp(d, value);
    body_ += "  it gt\n";
    bytes_ += 2;
    emit(fmt::format("movgt.w {}, {}", text(d), text(value)));
  }

  /// Saves r4-r11 and lr, and `extra` of r0-r3 below them.
  void enter(std::string_view registers) { emit(fmt::format("push.w {{{}}}", registers)); }
  void leave(std::string_view registers) { emit(fmt::format("pop.w {{{}}}", registers)); }
  void vpush(int first, int last) { emit(fmt::format("vpush {{s{}-s{}}}", first, last)); }
  void vpop(int first, int last) { emit(fmt::format("vpop {{s{}-s{}}}", first, last)); }

  /// The function as text for an assembly file.
  [[nodiscard]] std::string function(std::string_view description) const {
    std::string head = fmt::format("\n@ {}\n", description);
    head += fmt::format(
        "  .section .text.{0}, \"ax\", %progbits\n  .balign 8\n  .global {0}\n  .hidden {0}\n  .thumb_func\n  .type "
        "{0}, %function\n{0}:\n",
        name_);
    return head + body_ + fmt::format("  .size {0}, . - {0}\n", name_);
  }

 protected:
  void emit(std::string_view line) {
    body_ += fmt::format("  {}\n", line);
    bytes_ += 4;
  }
  [[nodiscard]] std::string text_of(Label l) const { return fmt::format(".L{}_{}", name_, l.number); }

 private:
  void limit(Reg d, int value, std::string_view condition) {
    emit(fmt::format("cmp.w {}, #{}", text(d), value));
    body_ += fmt::format("  it {}\n", condition);
    bytes_ += 2;
    emit(fmt::format("mov{}.w {}, #{}", condition, text(d), value));
  }
  void memory(std::string_view op, Reg t, Reg base, int offset) {
    MOTE_CHECK(offset >= -255 && offset <= 4095);
    emit(fmt::format("{} {}, [{}, #{}]", op, text(t), text(base), offset));
  }
  void three(std::string_view op, Reg d, Reg a, Reg b) {
    emit(fmt::format("{} {}, {}, {}", op, text(d), text(a), text(b)));
  }
  void four(std::string_view op, Reg d, Reg a, Reg b, Reg c) {
    emit(fmt::format("{} {}, {}, {}, {}", op, text(d), text(a), text(b), text(c)));
  }

  std::string name_;
  std::string body_;
  std::size_t bytes_ = 0;
  int next_label_ = 0;
};

}  // namespace mote::compile::m4
