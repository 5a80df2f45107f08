#pragma once
// What the bench firmware and its host say to each other over the UART. All numbers little-endian. Described in
// README.md.
//
// Freestanding C++17; the host includes the same header.

#include <cstdint>

namespace mote::device {

constexpr std::uint32_t kBenchProtocol = 1;

/// First byte of a request.
enum class BenchRequest : std::uint8_t {
  run_input = 'I',   // u32 length, input bytes
  run_sensor = 'S',  // u32 length; the firmware fetches the input from the sensor port
  run_memory =
      'A',  // u32 address, u32 length; the input lies there already (shared memory of an emulator, or a debugger)
  identify = '?',
  select = 'N',  // u32 index; of several modules the one that is run from now on; answered as identify
};

/// First byte of a reply.
enum class BenchReply : std::uint8_t {
  output = 'O',    // u32 status, u32 length, output bytes (none unless status is 0)
  identity = 'M',  // u32 length, BenchIdentity
  fault = 'F',     // u32 length, BenchFault; the core has stopped
};

constexpr std::uint32_t kModuleRefused = 0x80000000;  ///< plus a Misfit (abi/misfit.hpp)

/// Status of a run. Below 2^31 it is what the module's invoke returned; above, the firmware refused to call it.
enum class BenchStatus : std::uint32_t {
  ok = 0,
  bad_magic = 0x80000001,
  wrong_abi = 0x80000002,
  wrong_core = 0x80000003,
  missing_isa_feature = 0x80000004,
  bad_layout = 0x80000005,       // an offset of the header lies outside of the module or the arena
  arena_too_small = 0x80000006,  // arena_bytes or arena_align exceed what the firmware reserves
  wrong_input_length = 0x80000007,
  no_sensor = 0x80000008,
  sensor_empty = 0x80000009,
  unknown_request = 0x8000000a,
  no_such_module = 0x8000000b,
};

struct BenchIdentity {
  std::uint32_t protocol;        // kBenchProtocol
  std::uint32_t module_status;   // BenchStatus: ok, or why the module would be refused
  std::uint32_t arena_capacity;  // bytes the firmware reserves
  std::uint32_t arena_bytes;     // bytes the module wants
  std::uint32_t input_bytes;
  std::uint32_t output_bytes;
};
static_assert(sizeof(BenchIdentity) == 24, "part of the protocol");

struct BenchFault {
  std::uint32_t pc;
  std::uint32_t cfsr;     // Configurable Fault Status Register, Armv7-M ARM B3.2.15
  std::uint32_t address;  // BFAR; meaningful when CFSR says so
};
static_assert(sizeof(BenchFault) == 12, "part of the protocol");

}  // namespace mote::device
