#pragma once
// The module: what a model becomes on a device. A module is a position-independent blob of header, code and constants
// that runs from wherever it lies in flash and keeps all its state in an arena that the caller gives it. Byte-level
// description: docs/formats/module.md.
//
// Freestanding C++17; the host includes the same header.

#include <cstdint>

namespace mote::device {

constexpr std::uint32_t kModuleMagic = 0x65746f6d;  // "mote" in little-endian memory order
constexpr std::uint16_t kModuleAbi = 1;
constexpr std::uint32_t kOpSet = 2;  // 2: modules with state

/// Cores a module may be built for.
enum class Core : std::uint32_t {
  host = 0,
  cortex_m4f = 1,
  cortex_m0 = 2,  // and M0+: Armv6-M
  cortex_m3 = 3,
  cortex_m4 = 4,  // without an FPU
  cortex_m7 = 5,
  cortex_m33 = 6,        // with DSP extension and FPU; runs on the M55, too
  cortex_m33_plain = 7,  // with neither
  rv32imc = 8,
  cortex_m55 = 9,  // with Helium for integers
  avr5 = 10,       // ATmega with 16 to 64 KiB of flash; the module lies at kAvrModuleBase
};

/// An AVR runs code and reads constants at fixed addresses: its module is linked for this one in flash, the firmware
/// lies below.
constexpr std::uint32_t kAvrModuleBase = 1024;

/// Extensions a module needs; a device refuses a module that needs what it lacks.
enum IsaFeature : std::uint32_t {
  isa_dsp = 1u << 0,         // Armv7E-M DSP instructions
  isa_fpu_single = 1u << 1,  // single-precision FPU registers are used
  isa_vectors = 1u << 2,     // Armv8.1-M vector instructions for integers (Helium)
};

/// First bytes of every module. Little-endian; offsets count from the header's first byte. All reserved bytes are zero.
struct ModuleHeader {
  std::uint32_t magic;
  std::uint16_t abi;
  std::uint16_t header_bytes;
  std::uint32_t module_bytes;  // header + code + constants
  std::uint32_t code_bytes;    // of these: instructions
  std::uint32_t core;          // Core
  std::uint32_t isa_features;  // IsaFeature bits
  std::uint32_t op_set;        // highest op-set version used
  std::uint32_t entry_offset;  // std::int32_t invoke(void* arena); bit 0 clear, also where it is a Thumb function
  std::uint32_t arena_bytes;   // exact
  std::uint32_t arena_align;   // power of two
  std::uint32_t stack_bytes;   // measured on the virtual board, below the caller of invoke; 0 while unknown
  std::uint32_t input_offset;  // in the arena: the caller writes the input here before invoke
  std::uint32_t input_bytes;
  std::uint32_t output_offset;  // in the arena: the result lies here after invoke
  std::uint32_t output_bytes;
  std::uint32_t schema_offset;  // UTF-8 JSON: tensors, quantization, features, sensor
  std::uint32_t schema_bytes;
  std::uint32_t vectors_offset;  // self-test: vectors_count x (input bytes, output bytes)
  std::uint32_t vectors_count;
  std::uint8_t feature_schema[8];  // first bytes of the SHA-256 of the feature configuration; zero for none
  std::uint8_t sensor_schema[8];   // the same of the sensor's element type, shape and rate
  std::uint32_t
      reset_offset;  // Thumb function: void reset(void* arena), to be called before the first invoke; 0: no state
  std::uint8_t digest[32];  // SHA-256 of the whole module with this field zero
};
static_assert(sizeof(ModuleHeader) == 128, "the header's layout is part of the ABI");

/// What invoke returns.
enum class Status : std::int32_t { ok = 0, bad_argument = 1 };

using InvokeFunction = std::int32_t (*)(void* arena);
using ResetFunction = void (*)(void* arena);

}  // namespace mote::device
