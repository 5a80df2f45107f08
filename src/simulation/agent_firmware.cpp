#include "agent_firmware.hpp"

// MOTE_AGENT_FIRMWARE_...: paths of the files, as string literals.
#define MOTE_EMBED(name, file)                                                                                \
  __asm__(".section .rodata\n.balign 16\n.global " #name "\n" #name ":\n.incbin \"" file "\"\n.global " #name \
          "_end\n" #name "_end:\n.byte 0\n.previous\n");                                                      \
  extern "C" {                                                                                                \
  extern const unsigned char name[];                                                                          \
  extern const unsigned char name##_end[];                                                                    \
  }

MOTE_EMBED(mote_agent_cortex_m4f, MOTE_AGENT_FIRMWARE_CORTEX_M4F)
MOTE_EMBED(mote_agent_cortex_m33, MOTE_AGENT_FIRMWARE_CORTEX_M33)

namespace mote::simulation {

Result<ByteSpan> agent_firmware(const board::BoardSpec& board) {
  // A Cortex-M7 runs what is built for an M4F, but says that it is another core: its modules are others.
  if (board.core == "cortex-m4f") return ByteSpan(mote_agent_cortex_m4f, mote_agent_cortex_m4f_end);
  if (board.core == "cortex-m33" && board.fpu && board.dsp)
    return ByteSpan(mote_agent_cortex_m33, mote_agent_cortex_m33_end);
  return fail(Code::unsupported, board.name + ": there is no update firmware for its core, " + board.core +
                                     " (there is one for cortex-m4f and cortex-m33)");
}

}  // namespace mote::simulation
