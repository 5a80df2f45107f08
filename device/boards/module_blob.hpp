#pragma once
// The module of a firmware image and its arena. Included by one source file.
//
// MOTE_MODULE_FILE   path of the module, as a string literal
// MOTE_ARENA_BYTES   bytes to reserve for the arena

#include <cstdint>

#include "abi/module.hpp"

// What ends a line of assembly early, so that what gcc appends to a section's name is a comment.
#if defined(__arm__)
#define MOTE_ASM_COMMENT "@"
#else
#define MOTE_ASM_COMMENT "#"
#endif

// 32 bytes is the longest instruction-cache line of the boards in the catalogue.
__asm__(
    ".section .module, \"ax\", %progbits\n"
    ".balign 32\n"
    ".global mote_module\n"
    ".type mote_module, %object\n"
    "mote_module:\n"
    ".incbin \"" MOTE_MODULE_FILE
    "\"\n"
    ".size mote_module, . - mote_module\n"
    ".global mote_module_end\n"
    "mote_module_end:\n"
    ".previous\n");

extern "C" {
extern const std::uint8_t mote_module[];
extern const std::uint8_t mote_module_end[];
[[gnu::section(".arena,\"aw\",%nobits " MOTE_ASM_COMMENT),
  gnu::used]] alignas(32) std::uint8_t mote_arena[MOTE_ARENA_BYTES];
}

namespace mote::device {

#if defined(__thumb__)
constexpr std::uint32_t kFunctionBit = 1;  // of a function's address selects Thumb
#else
constexpr std::uint32_t kFunctionBit = 0;
#endif

inline const ModuleHeader& header() { return *reinterpret_cast<const ModuleHeader*>(mote_module); }
/// The module's entry; its header has been checked.
inline InvokeFunction entry() {
  return reinterpret_cast<InvokeFunction>(reinterpret_cast<std::uintptr_t>(mote_module) + header().entry_offset +
                                          kFunctionBit);
}

/// Makes the states of a module that was checked initial.
inline void reset_module() {
  if (header().reset_offset == 0) return;
  reinterpret_cast<ResetFunction>(reinterpret_cast<std::uintptr_t>(mote_module) + header().reset_offset +
                                  kFunctionBit)(mote_arena);
}

}  // namespace mote::device
