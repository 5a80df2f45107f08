// Bench firmware: a module, or several that run in turns, one arena, and the UART protocol of README.md.
//
// MOTE_CORE   the Core (abi/module.hpp) that this firmware is for, as a number

#include <cstddef>
#include <cstdint>

#include "abi/misfit.hpp"
#include "boards/markers.hpp"
#include "boards/module_blob.hpp"
#include "boards/protocol.hpp"
#include "boards/sensor_port.hpp"
#include "boards/uart.hpp"

namespace {

using namespace mote::device;

/// What the compiler was told about this core.
constexpr std::uint32_t kIsaFeatures = 0
#if defined(__ARM_FEATURE_DSP)
                                       | isa_dsp
#endif
#if defined(__ARM_FP)
                                       | isa_fpu_single
#endif
#if defined(MOTE_VECTORS)  // the compiler is told of a core without
                                       | isa_vectors
#endif
    ;

/// Whether the module may be called: a BenchStatus has the numbers of Misfit.
BenchStatus check_module() {
  const auto present_bytes = static_cast<std::uint32_t>(mote_module_end - module_start());
  const Misfit found =
      misfit(header(), present_bytes, {MOTE_CORE, kIsaFeatures, sizeof mote_arena, alignof(mote_arena)});
  return found == Misfit::none ? BenchStatus::ok
                               : static_cast<BenchStatus>(kModuleRefused + static_cast<std::uint32_t>(found));
}

std::uint32_t invoke_module() {
  mote_infer_begin();
  const std::int32_t status = entry()(mote_arena);
  mote_infer_end();
  return static_cast<std::uint32_t>(status);
}

static_assert(kModuleCount <= 32, "Bench has a word of flags");

class Bench {
 public:
  [[noreturn]] void serve() {
    uart_.start();
    for (;;) {
      switch (static_cast<BenchRequest>(uart_.read())) {
        case BenchRequest::run_input:
          run_input();
          break;
        case BenchRequest::run_sensor:
          run_sensor();
          break;
        case BenchRequest::run_memory:
          run_memory();
          break;
        case BenchRequest::identify:
          identify();
          break;
        case BenchRequest::select:
          if constexpr (kModuleCount > 1) {
            select();
            break;
          }
          [[fallthrough]];
        default:
          reply(static_cast<std::uint32_t>(BenchStatus::unknown_request));
          break;
      }
    }
  }

 private:
  void reply(std::uint32_t status) const {
    const std::uint32_t length = status == 0 ? header().output_bytes : 0;
    uart_.write(static_cast<std::uint8_t>(BenchReply::output));
    uart_.write_u32(status);
    uart_.write_u32(length);
    if (length > 0) uart_.write(mote_arena + header().output_offset, length);
  }
  void reply(BenchStatus status) const { reply(static_cast<std::uint32_t>(status)); }

  /// States are initial before the first run after power-on; their bytes are not those of the input.
  BenchStatus check_run(std::uint32_t length) {
    const BenchStatus module = check_module();
    if (module != BenchStatus::ok) return module;
    const std::uint32_t selected = kModuleCount == 1 ? 1u : 1u << selected_;
    if ((states_ready_ & selected) == 0) reset_module();
    states_ready_ |= selected;
    return length == header().input_bytes ? BenchStatus::ok : BenchStatus::wrong_input_length;
  }

  void run_input() {
    const std::uint32_t length = uart_.read_u32();
    const BenchStatus ready = check_run(length);
    if (ready != BenchStatus::ok) {
      // The host has sent the bytes already; taking them keeps both sides in step.
      for (std::uint32_t i = 0; i < length; ++i) uart_.read();
      return reply(ready);
    }
    uart_.read(mote_arena + header().input_offset, length);
    reply(invoke_module());
  }

  void run_sensor() {
    const std::uint32_t length = uart_.read_u32();
    const BenchStatus ready = check_run(length);
    if (ready != BenchStatus::ok) return reply(ready);
    if (!sensor_.present()) return reply(BenchStatus::no_sensor);
    if (sensor_.available_bytes() < length) return reply(BenchStatus::sensor_empty);
    sensor_.read(mote_arena + header().input_offset, length);
    reply(invoke_module());
  }

  void run_memory() {
    const std::uint32_t address = uart_.read_u32();
    const std::uint32_t length = uart_.read_u32();
    const BenchStatus ready = check_run(length);
    if (ready != BenchStatus::ok) return reply(ready);
    __builtin_memcpy(mote_arena + header().input_offset, reinterpret_cast<const void*>(std::uintptr_t{address}),
                     length);
    reply(invoke_module());
  }

  void select() {
    const std::uint32_t index = uart_.read_u32();
    const bool known = select_module(index);
    if (known) selected_ = index;
    identify(known ? check_module() : BenchStatus::no_such_module);
  }

  void identify() const { identify(check_module()); }
  void identify(BenchStatus status) const {
    BenchIdentity identity{kBenchProtocol, static_cast<std::uint32_t>(status), sizeof mote_arena, 0, 0, 0};
    if (status == BenchStatus::ok) {
      identity.arena_bytes = header().arena_bytes;
      identity.input_bytes = header().input_bytes;
      identity.output_bytes = header().output_bytes;
    }
    uart_.write(static_cast<std::uint8_t>(BenchReply::identity));
    uart_.write_u32(sizeof identity);
    uart_.write(&identity, sizeof identity);
  }

  Uart uart_;
  SensorPort sensor_;
  std::uint32_t selected_ = 0;
  std::uint32_t states_ready_ = 0;  // a bit for each module
};

}  // namespace

extern "C" [[noreturn]] void mote_main();

extern "C" void mote_main() {
  Bench bench;
  bench.serve();
}
