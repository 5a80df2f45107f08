// Runs a model in a peer's firmware and in mote's, on one emulated board, with the same inputs, and prints what both
// cost. A peer's firmware speaks the protocol of device/boards and carries the same model file; README.md.
//
//   mote_peers FIRMWARE.elf MODEL.tflite [FIRMWARE.elf MODEL.tflite ...]

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"
#include "mote/board/elf.hpp"
#include "mote/board/virtual_board.hpp"
#include "mote/compile/compile.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/optimize/passes.hpp"

namespace {

using namespace mote;

constexpr std::size_t kInputs = 16;  ///< on which outputs are compared; the first is measured

/// The first is the noise that `mote bench` measures with. Values of the others lie between two random bounds: noise
/// alone would look the same to most models.
std::vector<Bytes> make_inputs(std::size_t bytes) {
  Rng rng(1);
  std::vector<Bytes> inputs(1, Bytes(bytes));
  for (auto& b : inputs.front()) b = static_cast<std::uint8_t>(rng.next());
  while (inputs.size() < kInputs) {
    const std::uint64_t range = 1 + rng.next() % 256, low = rng.next() % 256;
    Bytes input(bytes);
    for (auto& b : input)
      b = static_cast<std::uint8_t>(static_cast<int>(std::min<std::uint64_t>(low + rng.next() % range, 255)) - 128);
    inputs.push_back(std::move(input));
  }
  return inputs;
}

/// A firmware, measured: the same code for both sides.
struct Side {
  board::Measurement measured;
  board::MemoryUse memory;
  std::uint32_t arena_bytes = 0;
  std::vector<Bytes> outputs;

  [[nodiscard]] std::uint32_t stack_bytes() const {
    return std::max(measured.stack_bytes, measured.stack_written_bytes);
  }
  [[nodiscard]] std::uint32_t ram_bytes() const { return arena_bytes + memory.ram_static_bytes + stack_bytes(); }
};

Result<Side> measure(const board::BoardSpec& spec, ByteSpan firmware, const std::vector<Bytes>& inputs) {
  MOTE_TRY(auto virtual_board, board::VirtualBoard::create(spec, firmware));
  Side side;
  MOTE_TRY(const board::FirmwareIdentity identity, virtual_board.identify());
  side.arena_bytes = identity.arena_bytes;
  side.memory = board::memory_use(virtual_board.elf());
  MOTE_TRY(side.measured, virtual_board.measure(inputs.front()));
  for (const Bytes& input : inputs) {
    MOTE_TRY(Bytes output, virtual_board.infer(input));
    side.outputs.push_back(std::move(output));
  }
  if (side.outputs.front() != side.measured.output)
    return fail(Code::internal, "the firmware gives other bytes at the second run on the same input");
  return side;
}

Result<Bytes> compile_model(const board::BoardSpec& spec, const graph::Graph& graph) {
  MOTE_TRY(const optimize::Optimized simple, optimize::simplify(graph));
  MOTE_TRY(compile::CompiledModel model, compile::compile(simple.graph, spec, {}));
  return std::move(model.firmware);
}

void print_row(const char* name, std::uint64_t peer, std::uint64_t ours) {
  fmt::print("  {:<26}{:>14}{:>14}", name, peer, ours);
  if (peer > 0) fmt::print("{:>9.3f}", static_cast<double>(ours) / static_cast<double>(peer));
  fmt::print("\n");
}

void print_costs(const Side& peer, const Side& ours) {
  fmt::print("  {:<26}{:>14}{:>14}{:>9}\n", "", "peer", "mote", "ratio");
  print_row("cycles", peer.measured.cycles, ours.measured.cycles);
  print_row("  without waiting", peer.measured.counts.core_cycles, ours.measured.counts.core_cycles);
  print_row("instructions", peer.measured.counts.instructions, ours.measured.counts.instructions);
  print_row("RAM", peer.ram_bytes(), ours.ram_bytes());
  print_row("  arena", peer.arena_bytes, ours.arena_bytes);
  print_row("  static", peer.memory.ram_static_bytes, ours.memory.ram_static_bytes);
  print_row("  stack", peer.stack_bytes(), ours.stack_bytes());
  print_row("flash", peer.memory.flash_bytes(), ours.memory.flash_bytes());
  print_row("  model, or module", peer.memory.flash_module_bytes, ours.memory.flash_module_bytes);
}

/// @return whether all outputs are the same bytes.
bool print_outputs(const Side& peer, const Side& ours) {
  std::size_t equal = 0, different_values = 0;
  int largest = 0;
  for (std::size_t i = 0; i < ours.outputs.size(); ++i) {
    if (peer.outputs[i].size() != ours.outputs[i].size()) {
      fmt::print("  outputs: {} bytes of the peer, {} of mote\n", peer.outputs[i].size(), ours.outputs[i].size());
      return false;
    }
    equal += peer.outputs[i] == ours.outputs[i] ? 1 : 0;
    for (std::size_t n = 0; n < ours.outputs[i].size(); ++n) {
      const int difference =
          static_cast<std::int8_t>(peer.outputs[i][n]) - static_cast<std::int8_t>(ours.outputs[i][n]);
      different_values += difference != 0 ? 1 : 0;
      largest = std::max(largest, std::abs(difference));
    }
  }
  const std::set<Bytes> distinct(ours.outputs.begin(), ours.outputs.end());
  fmt::print("  outputs: the same bytes for {} of {} inputs, which give {} different outputs", equal,
             ours.outputs.size(), distinct.size());
  if (different_values > 0) fmt::print("; {} values differ, by at most {}", different_values, largest);
  fmt::print("\n");
  return equal == ours.outputs.size();
}

Result<bool> compare(const board::BoardSpec& spec, const std::string& firmware, const std::string& file) {
  MOTE_TRY(const Bytes elf, read_file(firmware));
  MOTE_TRY(const Bytes model, read_file(file));
  MOTE_TRY(const graph::Graph graph, formats::read_tflite(model, file));
  MOTE_TRY(const Bytes own_firmware, compile_model(spec, graph));
  const std::vector<Bytes> inputs = make_inputs(graph::input_bytes(graph));
  auto peer = measure(spec, elf, inputs);
  if (!peer) return fail(std::move(peer).error(), firmware);
  MOTE_TRY(const Side ours, measure(spec, own_firmware, inputs));
  fmt::print("{} on {}\n", std::filesystem::path(file).filename().string(), spec.name);
  print_costs(*peer, ours);
  return print_outputs(*peer, ours);
}

Result<bool> run(const std::vector<std::string>& arguments) {
  MOTE_TRY(const board::BoardSpec spec, board::find_board("nucleo-l4r5zi"));
  bool same = true;
  for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
    MOTE_TRY(const bool these, compare(spec, arguments[i], arguments[i + 1]));
    same = same && these;
  }
  return same;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty() || arguments.size() % 2 != 0) {
    fmt::print(stderr, "usage: mote_peers FIRMWARE.elf MODEL.tflite ...; bench/peers/README.md\n");
    return 2;
  }
  const auto same = run(arguments);
  if (!same) fmt::print(stderr, "{}\n", same.error().message());
  return same && *same ? 0 : 1;
}
