// From reset to mote_main on any Cortex-M core with this folder's linker script: vector table, FPU, .data, .bss, fault
// report.

#include <cstdint>

#include "boards/protocol.hpp"
#include "boards/uart.hpp"

extern "C" {

// The program, in another file.
[[noreturn]] void mote_main();

// Placed by bench.ld.
extern std::uint32_t mote_stack_top[];
extern const std::uint32_t mote_data_load[];
extern std::uint32_t mote_data_start[], mote_data_end[], mote_bss_start[], mote_bss_end[];

[[noreturn]] void mote_reset();
[[noreturn]] void mote_fault();
[[noreturn]] void mote_report_fault(const std::uint32_t* frame);

[[noreturn, gnu::used]] void mote_reset() {
#if defined(__ARM_FP)
  // Coprocessors 10 and 11 are the FPU (Armv7-M ARM, CPACR); it is off after reset.
  *reinterpret_cast<volatile std::uint32_t*>(0xe000ed88) |= 0xfu << 20;
  __asm__ volatile("dsb\n isb" ::: "memory");
#endif
  const std::uint32_t* from = mote_data_load;
  for (std::uint32_t* to = mote_data_start; to < mote_data_end;) *to++ = *from++;
  for (std::uint32_t* to = mote_bss_start; to < mote_bss_end;) *to++ = 0;
  mote_main();
}

/// `frame` is what the core pushed: r0-r3, r12, lr, pc, xpsr.
[[noreturn, gnu::used]] void mote_report_fault(const std::uint32_t* frame) {
  const mote::device::Uart uart;
  uart.write(static_cast<std::uint8_t>(mote::device::BenchReply::fault));
  uart.write_u32(sizeof(mote::device::BenchFault));
  uart.write_u32(frame[6]);
#if __ARM_ARCH >= 7
  uart.write_u32(*reinterpret_cast<const volatile std::uint32_t*>(0xe000ed28));
  uart.write_u32(*reinterpret_cast<const volatile std::uint32_t*>(0xe000ed38));
#else
  uart.write_u32(0);  // Armv6-M does not say why
  uart.write_u32(0);
#endif
  for (;;) mote_idle();
}

[[noreturn, gnu::naked, gnu::used]] void mote_fault() {
  __asm__ volatile(
      "mov r0, sp\n"
      "bl mote_report_fault\n");
}

using Handler = void (*)();
union Vector {
  std::uint32_t* stack;
  Handler handler;
};

[[gnu::section(".vectors"), gnu::used]] extern const Vector mote_vectors[16] = {
    {mote_stack_top},
    {.handler = mote_reset},
    {.handler = mote_fault},
    {.handler = mote_fault},
    {.handler = mote_fault},
    {.handler = mote_fault},
    {.handler = mote_fault},
    {nullptr},
    {nullptr},
    {nullptr},
    {nullptr},
    {.handler = mote_fault},
    {.handler = mote_fault},
    {nullptr},
    {.handler = mote_fault},
    {.handler = mote_fault},
};

}  // extern "C"
