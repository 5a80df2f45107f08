#pragma once
// The module of a firmware image and its arena, or several modules that share it: they lie one behind the other, each
// from a multiple of 32 bytes on, and one of them is selected. Included by one source file.
//
// MOTE_MODULE_FILE   path of the module, as a string literal
// MOTE_MODULE_COUNT  modules in that file; 1 unless it is defined
// MOTE_ARENA_BYTES   bytes to reserve for the arena

#include <cstdint>

#include "abi/module.hpp"

#if !defined(MOTE_MODULE_COUNT)
#define MOTE_MODULE_COUNT 1
#endif

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

constexpr std::uint32_t kModuleCount = MOTE_MODULE_COUNT;
constexpr std::uint32_t kModuleAlign = 32;
inline const std::uint8_t* selected_module = mote_module;

/// First byte of the module that is called.
inline const std::uint8_t* module_start() { return kModuleCount == 1 ? mote_module : selected_module; }
inline const ModuleHeader& header() { return *reinterpret_cast<const ModuleHeader*>(module_start()); }

/// @return false: there are not so many; the selection stays.
inline bool select_module(std::uint32_t index) {
  if (index >= kModuleCount) return false;
  const std::uint8_t* start = mote_module;
  for (; index > 0; --index) {
    const std::uint32_t bytes = reinterpret_cast<const ModuleHeader*>(start)->module_bytes;
    start += (bytes + kModuleAlign - 1) / kModuleAlign * kModuleAlign;
  }
  selected_module = start;
  return true;
}

/// The module's entry; its header has been checked.
inline InvokeFunction entry() {
  return reinterpret_cast<InvokeFunction>(reinterpret_cast<std::uintptr_t>(module_start()) + header().entry_offset +
                                          kFunctionBit);
}

/// Makes the states of a module that was checked initial.
inline void reset_module() {
  if (header().reset_offset == 0) return;
  reinterpret_cast<ResetFunction>(reinterpret_cast<std::uintptr_t>(module_start()) + header().reset_offset +
                                  kFunctionBit)(mote_arena);
}

}  // namespace mote::device
