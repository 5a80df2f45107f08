// From reset to mote_main on a 32-bit RISC-V core with this folder's linker script: stack, trap vector, .data, .bss,
// fault report. The first instruction is the first byte of flash.

#include <cstdint>

#include "boards/protocol.hpp"
#include "boards/uart.hpp"

extern "C" {

// The program, in another file.
[[noreturn]] void mote_main();

// Placed by bench.ld.
extern const std::uint32_t mote_data_load[];
extern std::uint32_t mote_data_start[], mote_data_end[], mote_bss_start[], mote_bss_end[];

[[noreturn]] void mote_reset();
[[noreturn]] void mote_report_fault(std::uint32_t cause, std::uint32_t pc, std::uint32_t value);

// Trap handlers are aligned to 4 (RISC-V Privileged Architecture, mtvec). One that faults itself stays where it is.
__asm__(
    ".section .vectors, \"ax\", %progbits\n"
    ".option push\n"
    ".option arch, +zicsr\n"
    ".balign 4\n"
    "  la sp, mote_stack_top\n"
    "  la t0, mote_fault\n"
    "  csrw mtvec, t0\n"
    "  j mote_reset\n"
    ".balign 4\n"
    "mote_fault:\n"
    "  la t0, 1f\n"
    "  csrw mtvec, t0\n"
    "  csrr a0, mcause\n"
    "  csrr a1, mepc\n"
    "  csrr a2, mtval\n"
    "  j mote_report_fault\n"
    ".balign 4\n"
    "1:\n"
    "  j 1b\n"
    ".option pop\n"
    ".previous\n");

[[noreturn, gnu::used]] void mote_reset() {
  const std::uint32_t* from = mote_data_load;
  for (std::uint32_t* to = mote_data_start; to < mote_data_end;) *to++ = *from++;
  for (std::uint32_t* to = mote_bss_start; to < mote_bss_end;) *to++ = 0;
  mote_main();
}

[[noreturn, gnu::used]] void mote_report_fault(std::uint32_t cause, std::uint32_t pc, std::uint32_t value) {
  const mote::device::Uart uart;
  uart.write(static_cast<std::uint8_t>(mote::device::BenchReply::fault));
  uart.write_u32(sizeof(mote::device::BenchFault));
  uart.write_u32(pc);
  uart.write_u32(cause);
  uart.write_u32(value);
  for (;;) mote_idle();
}

}  // extern "C"
