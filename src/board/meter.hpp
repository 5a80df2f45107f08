#pragma once
// What is measured of an inference: the window between the two markers, calls of watched functions, stack and arena. It
// is fed by the emulator's hooks, and drives the Pipeline.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "pipeline.hpp"

namespace mote::board {

/// Addresses in the firmware that the meter depends on.
struct MeterLayout {
  std::uint32_t begin = 0, end = 0;  ///< mote_infer_begin and mote_infer_end
  std::uint32_t arena_start = 0, arena_bytes = 0;
  std::uint32_t stack_limit = 0;  ///< lowest address of the stack
};

/// One call of a watched function.
struct MeteredCall {
  std::size_t watch = 0;  ///< index of the watched address
  std::uint32_t depth = 0;
  CycleCounts counts;  ///< until its return, what it calls included
};

struct MeterReading {
  bool complete = false;  ///< the window was opened and closed
  CycleCounts counts;
  std::vector<MeteredCall> calls;
  std::uint32_t stack_bytes = 0;
  std::uint32_t stack_written_bytes = 0;
  std::uint32_t stack_missing_bytes = 0;  ///< how far it grew below its limit, into what lies there
  std::uint32_t arena_extent_bytes = 0;
  std::uint32_t arena_touched_bytes = 0;
};

class Meter {
 public:
  /// The core's registers at this moment, from the emulator.
  struct Core {
    std::function<std::uint32_t()> sp;
    std::function<std::uint32_t()> lr;
  };

  /// `stack_memory` is the host's view of RAM from stack_limit on.
  Meter(Pipeline& pipeline, const MeterLayout& layout, std::span<std::uint8_t> stack_memory);
  void connect(Core core) { core_ = std::move(core); }

  /// Forgets the last reading; the next window counts, and calls of `watched` addresses in it. `after` is told of
  /// their returns.
  void arm(std::span<const std::uint32_t> watched, std::function<void(std::size_t watch)> after = {});
  /// Puts the marks back that Pipeline::forget_program took.
  void mark();
  [[nodiscard]] MeterReading read() const;

  void on_instruction(std::uint32_t address) {
    if (pipeline_.previous().is(writes_sp)) [[unlikely]]
      note_stack_pointer();
    if (address == return_address_) [[unlikely]]
      leave(address);
    const Instruction& i = pipeline_.lookup(address);
    if (i.is(marked)) [[unlikely]]
      enter(address);
    pipeline_.issue(address, i);
  }

  /// False when the core would fault: this instruction needs an aligned address.
  bool on_access(std::uint32_t address, std::uint32_t bytes, bool write) {
    pipeline_.access(address, bytes, write);
    if (window_open_ && address - layout_.arena_start < layout_.arena_bytes)
      touch_arena(address - layout_.arena_start, bytes);
    return (address & 3u) == 0 || !pipeline_.previous().is(word_aligned);
  }

  [[nodiscard]] const CycleCounts& counts() const { return pipeline_.counts(); }

 private:
  static constexpr std::uint32_t kSpareBytes = 8;
  enum class FrameKind { begin_marker, watched };
  struct Frame {
    FrameKind kind;
    std::uint32_t return_address, sp;
    std::size_t call;  // index in calls_
    CycleCounts start;
  };

  void enter(std::uint32_t address);
  void leave(std::uint32_t address);
  void push(Frame frame);
  void open_window();
  void close_window();
  void paint_stack(std::uint32_t sp);
  [[nodiscard]] std::uint32_t painted_depth() const;
  void note_stack_pointer();
  void touch_arena(std::uint32_t offset, std::uint32_t bytes) {
    // An access is at most 8 bytes; the map has as many to spare.
    for (std::uint32_t i = 0; i < bytes; ++i) arena_touched_[offset + i] = 1;
  }

  Pipeline& pipeline_;
  MeterLayout layout_;
  std::span<std::uint8_t> stack_memory_;
  Core core_;
  std::uint32_t return_address_ = 0xffffffff;  // of the innermost frame
  bool window_open_ = false;
  bool complete_ = false;
  std::vector<std::uint32_t> watched_;
  std::function<void(std::size_t watch)> after_;
  std::vector<Frame> frames_;
  std::vector<MeteredCall> calls_;
  CycleCounts window_start_;
  CycleCounts window_;
  std::uint32_t sp_at_begin_ = 0, lowest_sp_ = 0, stack_written_bytes_ = 0;
  std::vector<std::uint8_t> arena_touched_;  // a byte each, and kSpareBytes
};

}  // namespace mote::board
