#pragma once
// Private to the module: the steps of compile(), for those who compile several models.

#include <array>
#include <cstdint>
#include <span>

#include "abi/module.hpp"
#include "mote/board/core.hpp"
#include "mote/compile/compile.hpp"

namespace mote::compile {

/// Of each module in a firmware that holds several (device/boards/module_blob.hpp).
constexpr std::size_t kModuleAlign = 32;
[[nodiscard]] constexpr std::size_t module_stride(std::size_t module_bytes) {
  return (module_bytes + kModuleAlign - 1) / kModuleAlign * kModuleAlign;
}

/// A way to need less flash.
struct FlashRung {
  std::int64_t cycles_a_byte;
  bool small;  ///< C++ is compiled for size
  bool compact = false;
};
/// What is tried one after the other until a budget is met: fewer functions of their own, C++ for size, at last the
/// compact kernels.
constexpr std::array<FlashRung, 5> kFlashRungs{
    {{100, false}, {400, false}, {kLeastFlash, false}, {kLeastFlash, true}, {kLeastFlash, false, true}}};
void apply(const FlashRung& rung, CompileOptions& options);

/// The module and its parts; no firmware yet.  @error too_large  the arena is larger than the board's RAM.
[[nodiscard]] Result<CompiledModel> link_program(const graph::Graph& graph, const board::BoardSpec& board,
                                                 const board::CoreSpec& core, const CompileOptions& options,
                                                 Program program, bool small);

/// What a budget of flash leaves goes to forms that are faster for it. `out` stays as it is where none fit.
[[nodiscard]] Result<void> spend_flash(const graph::Graph& graph, const board::BoardSpec& board,
                                       const board::CoreSpec& core, CompileOptions options, std::size_t budget,
                                       CompiledModel& out);

/// @error malformed  with the rule that is broken; the digest is not looked at.
[[nodiscard]] Result<device::ModuleHeader> checked_header(ByteSpan module);

}  // namespace mote::compile
