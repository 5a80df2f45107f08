/* Firmware around one module on an AVR. The host puts the input into the arena while the program stands at mote_idle, and finds the
   result there at mote_infer_end.

   MOTE_ARENA_BYTES   bytes of the arena
   MOTE_ENTRY         byte address of the module's entry in flash */
#include <stdint.h>

__asm__(
    ".section .module, \"ax\", @progbits\n"
    ".global mote_module\n"
    "mote_module:\n"
    ".incbin \"module.bin\"\n"
    ".previous\n");

uint8_t mote_arena[MOTE_ARENA_BYTES];
volatile int32_t mote_status;

__attribute__((noinline, used)) void mote_idle(void) { __asm__ volatile("" ::: "memory"); }
__attribute__((noinline, used)) void mote_infer_begin(void) { __asm__ volatile("" ::: "memory"); }
__attribute__((noinline, used)) void mote_infer_end(void) { __asm__ volatile("" ::: "memory"); }

int main(void) {
  /* A function pointer counts words. */
  int32_t (*const invoke)(void*) = (int32_t(*)(void*))(MOTE_ENTRY / 2);
  for (;;) {
    mote_idle();
    mote_infer_begin();
    mote_status = invoke(mote_arena);
    mote_infer_end();
  }
}
