#include "mote/bench/bench.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>

#include "mote/base/hash.hpp"
#include "mote/base/parallel.hpp"
#include "mote/board/avr_board.hpp"
#include "mote/board/core.hpp"
#include "mote/board/elf.hpp"
#include "mote/board/energy.hpp"
#include "mote/board/native_board.hpp"
#include "mote/board/qemu_board.hpp"
#include "mote/graph/executor.hpp"

namespace mote::bench {
namespace {

/// Selects the module of a firmware that holds several, and makes its functions known to the board.
Result<void> prepare(board::VirtualBoard& board, const compile::CompiledModel& model) {
  MOTE_TRY(const board::ElfFile module, board::ElfFile::parse(model.module_elf));
  const board::ElfSymbol* base = board.elf().find_symbol("mote_module");
  if (base == nullptr) return fail(Code::internal, "the firmware has no symbol mote_module");
  board.add_symbols(module, base->address + static_cast<std::uint32_t>(model.firmware_offset));
  if (model.firmware_index == 0) return {};
  MOTE_TRY_VOID(board.select(static_cast<std::uint32_t>(model.firmware_index)));
  return {};
}

std::vector<StepCost> step_costs(const compile::CompiledModel& model, const graph::Graph& graph,
                                 const board::Measurement& measured) {
  std::vector<StepCost> costs;
  std::size_t call = 0;
  for (std::size_t i = 0; i < model.program.steps.size(); ++i) {
    const compile::Step& step = model.program.steps[i];
    StepCost cost{step.name, step.summary, step.kernel, step.op_index};
    if (step.op_index >= 0) {
      const auto last = static_cast<std::size_t>(step.op_index);
      const std::size_t first =
          step.row_group < 0 ? last : model.program.row_groups[static_cast<std::size_t>(step.row_group)].first();
      for (std::size_t op = first; op <= last; ++op) cost.macs += graph::macs(graph, graph.ops()[op]);
    }
    while (call < measured.calls.size() && measured.calls[call].function != model.step_symbols[i]) ++call;
    if (call < measured.calls.size()) {
      cost.cycles = measured.calls[call].cycles;
      cost.instructions = measured.calls[call].counts.instructions;
      cost.fetch_stalls = measured.calls[call].counts.fetch_stalls;
      ++call;
    }
    costs.push_back(std::move(cost));
  }
  return costs;
}

Result<board::Measurement> measured_on(const board::BoardSpec& spec, const board::CoreSpec& core,
                                       const compile::CompiledModel& model, ByteSpan input) {
  if (core.avr()) {
    MOTE_TRY(auto avr, board::AvrBoard::create(spec, model.firmware));
    MOTE_TRY(const board::ElfFile module, board::ElfFile::parse(model.module_elf));
    MOTE_TRY(board::Measurement measured, avr.measure(input, model.step_symbols, module));
    measured.arena_extent_bytes = static_cast<std::uint32_t>(model.program.arena_bytes);  // not watched
    return measured;
  }
  MOTE_TRY(auto virtual_board, board::VirtualBoard::create(spec, model.firmware));
  MOTE_TRY_VOID(prepare(virtual_board, model));
  return virtual_board.measure(input, model.step_symbols);
}

}  // namespace

Result<BenchResult> measure(const compile::CompiledModel& model, const graph::Graph& graph,
                            const board::BoardSpec& spec, ByteSpan input) {
  BenchResult result;
  result.model = graph.name();
  result.board = spec.name;
  result.macs = result.live_macs = graph::macs(graph);
  result.ram.arena = model.program.arena_bytes;
  result.flash.code = model.code_bytes;
  result.flash.constants = model.constant_bytes;
  result.arena_planned = model.program.arena_bytes;
  MOTE_TRY(const board::CoreSpec* core, board::core_of(spec));
  if (core->native()) {
    MOTE_TRY(auto native, board::NativeBoard::create(model.firmware));
    if (model.firmware_index > 0) MOTE_TRY_VOID(native.select(static_cast<std::uint32_t>(model.firmware_index)));
    MOTE_TRY(const Bytes output, native.infer(input));
    result.counted = false;
    result.steps = step_costs(model, graph, {});
    result.output = output;
    result.output_sha256 = sha256(output).hex();
    return result;
  }
  MOTE_TRY(const board::Measurement measured, measured_on(spec, *core, model, input));
  const board::Energy energy = board::energy(spec, measured.cycles);
  result.counts = measured.counts;
  result.cycles = measured.cycles;
  result.latency_ms = energy.latency_ms;
  result.energy_uj = energy.energy_uj;
  result.ram.stack = std::max(measured.stack_bytes, measured.stack_written_bytes);
  // The host writes the input; the module need not read the last of it (a stride may step over it).
  result.arena_touched =
      std::max<std::size_t>(measured.arena_extent_bytes, model.program.input_offset + model.program.input_bytes);
  result.steps = step_costs(model, graph, measured);
  result.output = measured.output;
  result.output_sha256 = sha256(measured.output).hex();
  result.estimated = energy.estimated;
  if (measured.cycles_estimated) result.estimated.push_back("cycles");
  if (result.arena_touched != result.arena_planned) {
    return fail(Code::internal, fmt::format("the module touched {} bytes of an arena planned with {}",
                                            result.arena_touched, result.arena_planned));
  }
  return result;
}

Result<std::optional<StepDifference>> first_difference(const compile::CompiledModel& model, const graph::Graph& graph,
                                                       const board::BoardSpec& spec, ByteSpan input) {
  MOTE_TRY(const board::CoreSpec* core, board::core_of(spec));
  if (core->avr()) return fail(Code::unsupported, "layer by layer is not compared on an AVR, only the result");
  MOTE_TRY(auto executor, graph::Executor::create(graph));
  Bytes expected(graph::output_bytes(graph));
  MOTE_TRY_VOID(executor.run(input, expected));
  MOTE_TRY(auto virtual_board, board::VirtualBoard::create(spec, model.firmware));
  MOTE_TRY_VOID(prepare(virtual_board, model));
  const board::ElfSymbol* arena = virtual_board.elf().find_symbol("mote_arena");
  if (arena == nullptr) return fail(Code::internal, "the firmware has no symbol mote_arena");
  std::optional<StepDifference> found;
  const auto after = [&](std::size_t index) {
    const compile::Step& step = model.program.steps[index];
    if (found || step.op_index < 0) return;
    const graph::TensorId id = graph.ops()[static_cast<std::size_t>(step.op_index)].outputs[0];
    const ByteSpan want = executor.value(id);
    const auto got = virtual_board.read_memory(arena->address + static_cast<std::uint32_t>(step.output),
                                               static_cast<std::uint32_t>(want.size()));
    if (!got) return;
    const ValueDifference d = compare_values(graph, id, want, *got);
    if (d.different > 0) found = StepDifference{d, step.name, graph.tensor(id).name};
  };
  MOTE_TRY_VOID(virtual_board.measure(input, model.step_symbols, after));
  return found;
}

namespace {

/// A board that runs a firmware, of whichever kind.
Result<std::function<Result<Bytes>(ByteSpan)>> make_runner(const board::BoardSpec& spec, ByteSpan firmware) {
  MOTE_TRY(const board::CoreSpec* core, board::core_of(spec));
  if (core->native()) {
    MOTE_TRY(auto made, board::NativeBoard::create(firmware));
    return
        [board = std::make_shared<board::NativeBoard>(std::move(made))](ByteSpan input) { return board->infer(input); };
  }
  if (core->avr()) {
    MOTE_TRY(auto made, board::AvrBoard::create(spec, firmware));
    return [board = std::make_shared<board::AvrBoard>(std::move(made))](ByteSpan input) { return board->infer(input); };
  }
  MOTE_TRY(auto made, board::VirtualBoard::create(spec, firmware));
  return
      [board = std::make_shared<board::VirtualBoard>(std::move(made))](ByteSpan input) { return board->infer(input); };
}

/// On as many boards as there are workers; one takes the inputs in their order.
Result<std::vector<Bytes>> run_on_boards(ByteSpan firmware, const board::BoardSpec& spec, std::size_t count,
                                         const std::function<Result<Bytes>(std::size_t)>& input, Progress& progress,
                                         std::size_t workers) {
  std::vector<Bytes> outputs(count);
  std::vector<std::function<Result<Bytes>(ByteSpan)>> boards(workers);
  std::mutex mutex;
  std::optional<Error> failure;
  std::atomic<std::size_t> done{0};
  std::atomic<bool> stop{false};
  const auto one = [&](std::size_t i, std::size_t worker) -> Result<void> {
    if (!boards[worker]) {
      MOTE_TRY(boards[worker], make_runner(spec, firmware));
    }
    MOTE_TRY(const Bytes in, input(i));
    MOTE_TRY(outputs[i], boards[worker](in));
    return {};
  };
  parallel_for(
      count,
      [&](std::size_t i, std::size_t worker) {
        if (stop) return;
        auto result = one(i, worker);
        const std::size_t finished = ++done;
        const std::scoped_lock lock(mutex);
        if (!result && !failure) failure = std::move(result).error();
        if (!result || progress.cancelled()) stop = true;
        progress.step("board", finished, count, "");
      },
      workers);
  if (failure) return fail(std::move(*failure));
  if (stop) return fail(Code::cancelled, "stopped");
  return outputs;
}

/// One that runs one of several modules.
using SelectAndRun = std::function<Result<Bytes>(std::uint32_t module, ByteSpan input)>;

template <class Board>
SelectAndRun run_selected(Board made) {
  return [board = std::make_shared<Board>(std::move(made))](std::uint32_t module, ByteSpan input) -> Result<Bytes> {
    MOTE_TRY_VOID(board->select(module));
    return board->infer(input);
  };
}

Result<SelectAndRun> make_select_and_run(const board::BoardSpec& spec, ByteSpan firmware) {
  MOTE_TRY(const board::CoreSpec* core, board::core_of(spec));
  if (core->native()) {
    MOTE_TRY(auto made, board::NativeBoard::create(firmware));
    return run_selected(std::move(made));
  }
  MOTE_TRY(auto made, board::VirtualBoard::create(spec, firmware));
  return run_selected(std::move(made));
}

}  // namespace

Result<std::vector<Bytes>> run_in_turns(ByteSpan firmware, const board::BoardSpec& spec,
                                        std::span<const TurnInput> turns, Progress& progress) {
  MOTE_TRY(const SelectAndRun run, make_select_and_run(spec, firmware));
  std::vector<Bytes> outputs;
  for (const TurnInput& turn : turns) {
    if (progress.cancelled()) return fail(Code::cancelled, "stopped");
    MOTE_TRY(Bytes output, run(static_cast<std::uint32_t>(turn.module), turn.input));
    outputs.push_back(std::move(output));
    progress.step("board", outputs.size(), turns.size(), "");
  }
  return outputs;
}

Result<std::vector<Bytes>> run_on_board(ByteSpan firmware, const board::BoardSpec& spec, std::size_t count,
                                        const std::function<Result<Bytes>(std::size_t)>& input, Progress& progress) {
  // A program that is being written while another thread starts one cannot be started: one process on this machine.
  const std::size_t workers = spec.emulated() ? std::min(core_count(), std::max<std::size_t>(count, 1)) : 1;
  return run_on_boards(firmware, spec, count, input, progress, workers);
}

Result<std::vector<Bytes>> run_stream_on_board(ByteSpan firmware, const board::BoardSpec& spec, std::size_t count,
                                               const std::function<Result<Bytes>(std::size_t)>& input,
                                               Progress& progress) {
  return run_on_boards(firmware, spec, count, input, progress, 1);
}

Result<std::vector<Bytes>> run_on_qemu(ByteSpan firmware, const board::BoardSpec& spec, std::size_t count,
                                       const std::function<Result<Bytes>(std::size_t)>& input, Progress& progress) {
  MOTE_TRY(const Bytes there, compile::qemu_firmware(firmware, spec));
  MOTE_TRY(auto qemu, board::QemuBoard::create(spec, there));
  std::vector<Bytes> outputs;
  for (std::size_t i = 0; i < count; ++i) {
    if (progress.cancelled()) return fail(Code::cancelled, "stopped");
    MOTE_TRY(const Bytes in, input(i));
    MOTE_TRY(Bytes out, qemu.infer(in));
    outputs.push_back(std::move(out));
    progress.step("QEMU", i + 1, count, "");
  }
  return outputs;
}

}  // namespace mote::bench
