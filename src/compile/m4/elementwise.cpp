#include "m4/elementwise.hpp"

#include <fmt/format.h>

#include <array>

#include "m4/assembler.hpp"

namespace mote::compile::m4 {

using enum Reg;

AssemblyFunction emit_widen_pairs() {
  // The order of the members of device::WidenJob.
  enum JobMember : int {
    job_x = 0,
    job_out = 4,
    job_pixel_bytes = 8,
    job_quads = 12,
    job_padding = 16,
    job_pairs = 20
  };
  Assembler a("widen_pairs");
  a.enter("r4-r11, lr");
  a.ldr(r1, r0, job_x);
  a.ldr(r3, r0, job_out);
  a.ldr(r8, r0, job_pixel_bytes);
  a.ldr(r9, r0, job_quads);
  a.ldr(r10, r0, job_padding);
  a.ldr(r11, r0, job_pairs);
  const Label pair = a.new_label(), quad = a.new_label(), pad = a.new_label(), done = a.new_label();
  a.loop(pair);
  a.add(r2, r1, r8);  // the second pixel
  a.mov(r12, r9);
  a.loop(quad);
  a.ldr_post(r6, r1, 4);
  a.ldr_post(r7, r2, 4);
  a.sxtb16(r4, r6);
  a.sxtb16(r5, r7);
  a.sxtb16(r6, r6, 8);
  a.sxtb16(r7, r7, 8);
  a.stm(r3, r4, r7);
  a.subs(r12, r12, 1);
  a.branch(Condition::ne, quad);
  a.cmp(r10, 0);
  a.mov(r12, r10);
  a.branch(Condition::eq, done);
  a.movw(r4, 0);
  a.place(pad);
  a.str_post(r4, r3, 4);
  a.subs(r12, r12, 1);
  a.branch(Condition::ne, pad);
  a.place(done);
  a.mov(r1, r2);
  a.subs(r11, r11, 1);
  a.branch(Condition::ne, pair);
  a.leave("r4-r11, pc");
  return {a.name(),  "WidenJob", a.function("pairs of pixels to int16, a word of each in turns"),
          a.bytes(), a.bytes(),  true};
}

AssemblyFunction emit_add_tables(std::int32_t shift) {
  // The order of the members of device::AddJob.
  enum JobMember : int { job_a = 0, job_b = 4, job_y = 8, job_tables = 12, job_multiplier = 16, job_quads = 20 };
  Assembler a(fmt::format("add_tables_s{}", shift));
  a.enter("r4-r11, lr");
  a.ldr(r1, r0, job_a);
  a.ldr(r2, r0, job_b);
  a.ldr(r3, r0, job_y);
  a.ldr(r4, r0, job_multiplier);
  a.vmov(Single{0}, r4);
  a.ldr(r4, r0, job_quads);
  a.vmov(Single{1}, r4);
  a.ldr(r0, r0, job_tables);
  const Label loop = a.new_label();
  const std::array<Reg, 4> sums{r4, r5, r6, r7}, others{r8, r9, r10, r11};
  a.loop(loop);
  a.ldr_post(r7, r1, 4);
  a.ldr_post(r11, r2, 4);
  for (const auto& bytes : {sums, others}) {
    for (int i = 0; i < 3; ++i) a.ubfx8(bytes[static_cast<std::size_t>(i)], bytes[3], 8 * i);
    a.lsr(bytes[3], bytes[3], 24);
  }
  for (const Reg r : sums) a.ldr_at(r, r0, r, 2);
  a.add(r0, r0, 1024, r12);
  for (const Reg r : others) a.ldr_at(r, r0, r, 2);
  a.add(r0, r0, -1024, r12);
  a.vmov(r12, Single{0});
  for (std::size_t i = 0; i < 4; ++i) a.add(sums[i], sums[i], others[i]);
  for (const Reg r : sums) a.smmul(r, r, r12);
  a.vmov(r12, Single{1});
  for (const Reg r : sums) a.ssat8(r, r, shift);
  for (int i = 0; i < 3; ++i) a.strb(sums[static_cast<std::size_t>(i)], r3, i);
  a.strb(r7, r3, 3);
  a.add(r3, r3, 4, lr);
  a.subs(r12, r12, 1);
  a.vmov(Single{1}, r12);
  a.branch(Condition::ne, loop);
  a.leave("r4-r11, pc");
  return {a.name(), "AddJob", a.function("addition through two tables"), a.bytes(), a.bytes(), true};
}

}  // namespace mote::compile::m4
