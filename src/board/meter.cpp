#include "meter.hpp"

#include <algorithm>

namespace mote::board {
namespace {
constexpr std::uint8_t kPaint = 0xc5;
constexpr std::uint32_t kNowhere = 0xffffffff;
}  // namespace

Meter::Meter(Pipeline& pipeline, const MeterLayout& layout, std::span<std::uint8_t> stack_memory)
    : pipeline_(pipeline),
      layout_(layout),
      stack_memory_(stack_memory),
      arena_touched_(layout.arena_bytes + kSpareBytes, 0) {}

void Meter::arm(std::span<const std::uint32_t> watched, std::function<void(std::size_t watch)> after) {
  after_ = std::move(after);
  for (const std::uint32_t address : watched_) {
    Instruction& i = pipeline_.instruction_at(address);
    i.flags = static_cast<std::uint16_t>(i.flags & ~marked);
  }
  watched_.assign(watched.begin(), watched.end());
  frames_.clear();
  calls_.clear();
  return_address_ = kNowhere;
  window_open_ = complete_ = false;
  std::fill(arena_touched_.begin(), arena_touched_.end(), std::uint8_t{0});
  mark();
}

void Meter::mark() {
  const auto mark_one = [this](std::uint32_t address) {
    Instruction& i = pipeline_.instruction_at(address);
    i.flags = static_cast<std::uint16_t>(i.flags | marked);
  };
  mark_one(layout_.begin);
  mark_one(layout_.end);
  for (const std::uint32_t address : watched_) mark_one(address);
}

void Meter::enter(std::uint32_t address) {
  pipeline_.arrive(address);
  if (address == layout_.begin && !complete_) {
    paint_stack(core_.sp());
    push({FrameKind::begin_marker, core_.lr() & ~1u, core_.sp(), 0, {}});
  } else if (address == layout_.end && window_open_) {
    close_window();
  } else if (window_open_) {
    const auto found = std::find(watched_.begin(), watched_.end(), address);
    if (found == watched_.end()) return;
    calls_.push_back(
        {static_cast<std::size_t>(found - watched_.begin()), static_cast<std::uint32_t>(frames_.size()), {}});
    push({FrameKind::watched, core_.lr() & ~1u, core_.sp(), calls_.size() - 1, pipeline_.counts()});
  }
}

void Meter::push(Frame frame) {
  return_address_ = frame.return_address;
  frames_.push_back(std::move(frame));
}

/// The innermost frame's return address was reached. A recursive call from the same place has another stack pointer; a
/// tail call shares both and ends together with its caller.
void Meter::leave(std::uint32_t address) {
  const std::uint32_t sp = core_.sp();
  pipeline_.arrive(address);
  while (!frames_.empty() && frames_.back().return_address == address && frames_.back().sp == sp) {
    const Frame frame = frames_.back();
    frames_.pop_back();
    if (frame.kind == FrameKind::begin_marker) {
      open_window();
    } else {
      calls_[frame.call].counts = pipeline_.counts() - frame.start;
      if (after_) after_(calls_[frame.call].watch);
    }
  }
  return_address_ = frames_.empty() ? kNowhere : frames_.back().return_address;
}

void Meter::open_window() {
  // Each measurement starts with cold caches, so that it does not depend on what ran before.
  pipeline_.clear_caches();
  window_open_ = true;
  window_start_ = pipeline_.counts();
}

void Meter::close_window() {
  window_ = pipeline_.counts() - window_start_;
  window_open_ = false;
  complete_ = true;
  stack_written_bytes_ = painted_depth();
  frames_.clear();
  return_address_ = kNowhere;
}

void Meter::paint_stack(std::uint32_t sp) {
  sp_at_begin_ = lowest_sp_ = sp;
  const std::size_t free_bytes = sp > layout_.stack_limit ? sp - layout_.stack_limit : 0;
  std::fill_n(stack_memory_.begin(), std::min(free_bytes, stack_memory_.size()), kPaint);
}

std::uint32_t Meter::painted_depth() const {
  const auto free_end = stack_memory_.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(
                                                    sp_at_begin_ - layout_.stack_limit, stack_memory_.size()));
  const auto first_written =
      std::find_if(stack_memory_.begin(), free_end, [](std::uint8_t byte) { return byte != kPaint; });
  return static_cast<std::uint32_t>(free_end - first_written);
}

void Meter::note_stack_pointer() {
  if (window_open_) lowest_sp_ = std::min(lowest_sp_, core_.sp());
}

MeterReading Meter::read() const {
  MeterReading reading;
  reading.complete = complete_;
  reading.counts = window_;
  reading.calls = calls_;
  reading.stack_bytes = sp_at_begin_ - lowest_sp_;
  reading.stack_written_bytes = stack_written_bytes_;
  reading.stack_missing_bytes = lowest_sp_ < layout_.stack_limit ? layout_.stack_limit - lowest_sp_ : 0;
  const std::span<const std::uint8_t> touched(arena_touched_.data(), layout_.arena_bytes);
  reading.arena_touched_bytes = static_cast<std::uint32_t>(std::count(touched.begin(), touched.end(), std::uint8_t{1}));
  const auto last = std::find(touched.rbegin(), touched.rend(), std::uint8_t{1});
  reading.arena_extent_bytes = static_cast<std::uint32_t>(touched.rend() - last);
  return reading;
}

}  // namespace mote::board
