// mote-simavr: runs an AVR program under simavr until it has made one inference, and tells what that took. A program of
// its own: mote itself does not link simavr.
//
//   mote-simavr MCU HZ FLASH INPUT OUTPUT INPUT-ADDRESS OUTPUT-ADDRESS OUTPUT-BYTES IDLE BEGIN END HEAP STATUS
//   [FUNCTION...]
//
// Addresses are decimal, of flash in bytes. OUTPUT: u32 status, u32 stack bytes, u64 cycles and u64 instructions
// between BEGIN's return and END's call, the output, then for each call of a FUNCTION: u32 which, u64 cycles, u64
// instructions. Little-endian.

#include <simavr/sim_avr.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

namespace {

using Bytes = std::vector<unsigned char>;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

Bytes read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail("a file cannot be read");
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

void put(Bytes& to, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to.push_back(static_cast<unsigned char>(value >> (8 * i)));
}

void no_log(avr_t*, const int, const char*, va_list) {}

constexpr std::uint64_t kMostCycles = 4'000'000'000;
constexpr unsigned char kPaint = 0xa5;

struct Call {
  std::uint32_t which;
  std::uint64_t cycles, instructions;
};

}  // namespace

int main(int count, char** arguments) {
  if (count < 14) fail("usage: mote-simavr MCU HZ FLASH INPUT OUTPUT ADDRESSES...");
  const auto number = [&](int i) { return static_cast<std::uint32_t>(std::strtoul(arguments[i], nullptr, 10)); };
  avr_global_logger_set(no_log);
  avr_t* avr = avr_make_mcu_by_name(arguments[1]);
  if (avr == nullptr) fail("simavr does not know this microcontroller");
  avr_init(avr);
  avr->frequency = number(2);
  avr->run_cycle_limit = 1;  // one instruction a call
  Bytes flash = read(arguments[3]);
  const Bytes input = read(arguments[4]);
  if (flash.size() > avr->flashend + 1u) fail("the program is larger than the flash");
  avr_loadcode(avr, flash.data(), static_cast<std::uint32_t>(flash.size()), 0);
  avr->codeend = static_cast<avr_flashaddr_t>(flash.size());
  avr->pc = 0;
  const std::uint32_t input_at = number(6), output_at = number(7), output_bytes = number(8), idle = number(9),
                      begin = number(10), end = number(11), heap = number(12), status_at = number(13);
  const std::uint32_t ram_end = avr->ramend + 1u;
  if (input_at + input.size() > ram_end || output_at + output_bytes > ram_end || status_at + 4 > ram_end ||
      heap > ram_end)
    fail("the arena lies outside of the RAM");
  const auto stack = [&] { return static_cast<std::uint32_t>(avr->data[R_SPL] | avr->data[R_SPH] << 8); };

  std::uint64_t instructions = 0;
  const auto step = [&] {
    const int state = avr_run(avr);
    ++instructions;
    if (state == cpu_Crashed) fail("the program crashed");
    if (state == cpu_Done || state == cpu_Sleeping) fail("the program stopped");
    if (avr->cycle > kMostCycles) fail("the program did not come to its end within 4,000,000,000 cycles");
  };
  // To the return of BEGIN, with the input in place.
  while (avr->pc != idle) step();
  std::memcpy(avr->data + input_at, input.data(), input.size());
  while (avr->pc != begin) step();
  const std::uint32_t inside = stack();
  while (stack() <= inside) step();
  const std::uint32_t base = stack();
  std::memset(avr->data + heap, kPaint, base - heap + 1);
  const std::uint64_t first_cycle = avr->cycle, first_instruction = instructions;
  std::vector<Call> calls;
  struct Open {
    std::uint32_t which, stack;
    std::uint64_t cycle, instruction;
  };
  std::vector<Open> open;
  while (avr->pc != end) {
    for (int i = 14; i < count; ++i) {
      if (avr->pc == number(i)) open.push_back({static_cast<std::uint32_t>(i - 14), stack(), avr->cycle, instructions});
    }
    step();
    while (!open.empty() && stack() > open.back().stack) {
      const Open& o = open.back();
      calls.push_back({o.which, avr->cycle - o.cycle, instructions - o.instruction});
      open.pop_back();
    }
  }
  // What END's call itself took (rcall: 3, call: 4) is left in: a constant.
  std::uint32_t lowest = heap;
  while (lowest <= base && avr->data[lowest] == kPaint) ++lowest;
  Bytes out;
  std::uint32_t status;
  std::memcpy(&status, avr->data + status_at, 4);
  put(out, status, 4);
  put(out, base - lowest + 1, 4);
  put(out, avr->cycle - first_cycle, 8);
  put(out, instructions - first_instruction, 8);
  out.insert(out.end(), avr->data + output_at, avr->data + output_at + output_bytes);
  for (const Call& call : calls) {
    put(out, call.which, 4);
    put(out, call.cycles, 8);
    put(out, call.instructions, 8);
  }
  std::ofstream file(arguments[5], std::ios::binary);
  file.write(reinterpret_cast<const char*>(out.data()), static_cast<std::streamsize>(out.size()));
  return file.good() ? 0 : 1;
}
