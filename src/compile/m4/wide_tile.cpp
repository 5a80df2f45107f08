#include "m4/wide_tile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "m4/assembler.hpp"

namespace mote::compile::m4 {
namespace {

using enum Reg;

constexpr Single kInput{0}, kParams{2}, kOutput{3}, kGroupsLeft{4}, kSegmentsLeft{5}, kLoopEnd{6};
constexpr std::array<Reg, 6> kSums{r4, r5, r6, r7, r8, r9};

// With seven steps of 108 bytes the loop over groups stays in the instruction cache of 1 KB.
constexpr std::int32_t kMostSteps = 7;

/// How a segment's whole steps are cut: `loops` times `body`, then `tail`.
struct Cut {
  std::int32_t body = 0, loops = 0, tail = 0;
};
Cut cut_steps(std::int32_t steps) {
  if (steps <= kMostSteps) return {0, 0, steps};
  Cut best{1, steps, 0};
  for (std::int32_t body = 2; body <= kMostSteps; ++body) {
    if (body + steps % body <= kMostSteps && steps / body < best.loops) best = {body, steps / body, steps % body};
  }
  return best;
}

class Emitter {
 public:
  explicit Emitter(const WideTile& t) : t_(t), a_(t.name()), cut_(cut_steps(t.elements / 4)) {}

  AssemblyFunction run() {
    const Label group = a_.new_label();
    enter();
    a_.loop(group);
    const std::size_t begin = a_.bytes();
    begin_group();
    if (t_.segments == 1) {
      segment();
    } else {
      const Label next = a_.new_label();
      a_.movw(r2, t_.segments);
      a_.vmov(kSegmentsLeft, r2);
      a_.loop(next);
      segment();
      a_.vmov(r2, kSegmentsLeft);
      a_.add(r0, r0, t_.segment_bytes - 8 * cut_.loops * cut_.body, r3);
      a_.subs(r2, r2, 1);
      a_.vmov(kSegmentsLeft, r2);
      a_.branch(Condition::ne, next);
    }
    finish();
    end_group(group);
    const std::size_t hot = a_.bytes() - begin;
    a_.leave("r4-r11, pc");
    return {a_.name(), "WideJob", a_.function(describe()), a_.bytes(), hot};
  }

 private:
  // The order of the members of device::WideJob.
  enum JobMember : int { job_weights = 0, job_x = 4, job_y = 8, job_params = 12, job_groups = 16 };

  [[nodiscard]] std::string describe() const {
    return fmt::format("16x8, {} pixels x {} channels over {} runs of {}: {} loops of {} steps and {} more", t_.pixels,
                       t_.channels, t_.segments, t_.elements, cut_.loops, cut_.body, cut_.tail);
  }
  [[nodiscard]] Reg sum(std::int32_t pixel, std::int32_t channel) const {
    return kSums[static_cast<std::size_t>(pixel * t_.channels + channel)];
  }

  void enter() {
    a_.enter("r4-r11, lr");
    a_.ldr(r1, r0, job_weights);
    a_.ldr(r2, r0, job_x);
    a_.ldr(r3, r0, job_y);
    a_.ldr(r4, r0, job_params);
    a_.ldr(r5, r0, job_groups);
    a_.vmov(kInput, r2);
    a_.vmov(kOutput, r3);
    a_.vmov(kParams, r4);
    a_.vmov(kGroupsLeft, r5);
  }

  void begin_group() {
    a_.vmov(r12, kParams);
    a_.vmov(r0, kInput);
    for (std::int32_t c = 0; c < t_.channels; ++c) a_.ldr(sum(0, c), r12, 4 * c);
    for (std::int32_t p = 1; p < t_.pixels; ++p) {
      for (std::int32_t c = 0; c < t_.channels; ++c) a_.mov(sum(p, c), sum(0, c));
    }
  }

  void load_input(Reg x, std::int32_t pixel, std::int32_t offset, std::int32_t elements) {
    const std::int32_t at = pixel * t_.pixel_bytes + offset;
    elements == 2 ? a_.ldr(x, r0, at) : a_.ldrh(x, r0, at);  // a lone one meets a weight and, above it, zero
  }
  void multiply(Reg x, std::int32_t pixel, Reg w0, Reg w1) {
    a_.smlad(sum(pixel, 0), w0, x, sum(pixel, 0));
    if (t_.channels > 1) a_.smlad(sum(pixel, 1), w1, x, sum(pixel, 1));
  }

  /// Inputs 0 and 1, then 2 and 3, of several pixels.
  void step_of_pixels(std::int32_t i, std::int32_t elements) {
    const std::int32_t w = 4 * t_.channels * i, x = 8 * i;
    const std::int32_t first = std::min(elements, 2), second = elements - first;
    a_.ldr(r2, r1, w);
    if (t_.channels > 1) a_.ldr(r3, r1, w + 4);
    load_input(r12, 0, x, first);
    load_input(lr, 1, x, first);
    a_.sxtb16(r10, r2);
    if (t_.channels > 1) a_.sxtb16(r11, r3);
    multiply(r12, 0, r10, r11);
    if (t_.pixels > 2) load_input(r12, 2, x, first);
    multiply(lr, 1, r10, r11);
    if (t_.pixels > 2) multiply(r12, 2, r10, r11);
    if (second == 0) return;
    load_input(r12, 0, x + 4, second);
    load_input(lr, 1, x + 4, second);
    if (t_.pixels > 2) load_input(r10, 2, x + 4, second);
    a_.sxtb16(r2, r2, 8);
    if (t_.channels > 1) a_.sxtb16(r3, r3, 8);
    multiply(r12, 0, r2, r3);
    multiply(lr, 1, r2, r3);
    if (t_.pixels > 2) multiply(r10, 2, r2, r3);
  }

  /// Two channels at a time.
  void step_of_channels(std::int32_t i, std::int32_t elements) {
    const std::int32_t w = 4 * t_.channels * i, x = 8 * i;
    const std::int32_t first = std::min(elements, 2), second = elements - first;
    load_input(r12, 0, x, first);
    if (second > 0) load_input(lr, 0, x + 4, second);
    for (std::int32_t c = 0; c < t_.channels; c += 2) {
      const bool two = c + 1 < t_.channels;
      a_.ldr(r2, r1, w + 4 * c);
      if (two) a_.ldr(r3, r1, w + 4 * c + 4);
      a_.sxtb16(r10, r2);
      if (two) a_.sxtb16(r11, r3);
      a_.smlad(sum(0, c), r10, r12, sum(0, c));
      if (two) a_.smlad(sum(0, c + 1), r11, r12, sum(0, c + 1));
      if (second == 0) continue;
      a_.sxtb16(r2, r2, 8);
      if (two) a_.sxtb16(r3, r3, 8);
      a_.smlad(sum(0, c), r2, lr, sum(0, c));
      if (two) a_.smlad(sum(0, c + 1), r3, lr, sum(0, c + 1));
    }
  }
  void step(std::int32_t i, std::int32_t elements) {
    t_.pixels > 1 ? step_of_pixels(i, elements) : step_of_channels(i, elements);
  }

  /// Leaves r1 behind its weights, and r0 behind what the loop has read.
  void segment() {
    if (cut_.loops > 0) {
      const Label loop = a_.new_label();
      a_.add(r2, r0, 8 * cut_.loops * cut_.body, r3);
      a_.vmov(kLoopEnd, r2);
      a_.loop(loop);
      for (std::int32_t i = 0; i < cut_.body; ++i) step(i, 4);
      a_.vmov(r2, kLoopEnd);
      a_.add(r0, r0, 8 * cut_.body, r3);
      a_.add(r1, r1, 4 * t_.channels * cut_.body, r3);
      a_.cmp(r0, r2);
      a_.branch(Condition::ne, loop);
    }
    const std::int32_t rest = t_.elements % 4;
    for (std::int32_t i = 0; i < cut_.tail; ++i) step(i, 4);
    if (rest > 0) step(cut_.tail, rest);
    a_.add(r1, r1, 4 * t_.channels * (cut_.tail + (rest > 0 ? 1 : 0)), r3);
  }

  void finish() {
    a_.vmov(r12, kParams);
    a_.vmov(lr, kOutput);
    if (t_.clamp_high < 32767) a_.movw(r10, t_.clamp_high);
    for (std::int32_t c = 0; c < t_.channels; ++c) {
      a_.ldr(r2, r12, 4 * (t_.channels + c));
      for (std::int32_t p = 0; p < t_.pixels; ++p) a_.smmulr(sum(p, c), sum(p, c), r2);
      for (std::int32_t p = 0; p < t_.pixels; ++p) {
        t_.clamp_low == 0 ? a_.usat(sum(p, c), 15, sum(p, c)) : a_.ssat(sum(p, c), 16, sum(p, c));
        if (t_.clamp_high < 32767) a_.at_most(sum(p, c), r10);
      }
      for (std::int32_t p = 0; p < t_.pixels; ++p) a_.strh(sum(p, c), lr, p * t_.output_bytes + 2 * c);
    }
  }

  void end_group(Label group) {
    a_.vmov(r2, kGroupsLeft);
    a_.add(r12, r12, 8 * t_.channels, r3);
    a_.add(lr, lr, 2 * t_.channels, r3);
    a_.vmov(kParams, r12);
    a_.vmov(kOutput, lr);
    a_.subs(r2, r2, 1);
    a_.vmov(kGroupsLeft, r2);
    a_.branch(Condition::ne, group);
  }

  const WideTile& t_;
  Assembler a_;
  Cut cut_;
};

}  // namespace

std::string WideTile::name() const {
  std::string text = fmt::format("wide_tile_{}x{}_{}runs{}", pixels, channels, segments, elements);
  if (segments > 1) text += fmt::format("_every{}", segment_bytes);
  if (pixels > 1) text += fmt::format("_from{}to{}", pixel_bytes, output_bytes);
  if (clamp_low == 0) text += "_relu";
  if (clamp_high < 32767) text += fmt::format("_most{}", clamp_high);
  return text;
}

bool WideTile::encodes() const {
  const std::int32_t steps = std::min(elements / 4, kMostSteps) + 1;
  return (pixels - 1) * pixel_bytes + 8 * steps <= 4095 && (pixels - 1) * output_bytes + 2 * channels <= 4095 &&
         segments <= 65535 && 2 * elements <= 65535 && segment_bytes <= 65535;
}

AssemblyFunction emit_wide_tile(const WideTile& tile) {
  MOTE_CHECK(tile.encodes() && tile.pixels * tile.channels <= static_cast<std::int32_t>(kSums.size()) &&
             tile.channels <= (tile.pixels > 1 ? 2 : 4));
  return Emitter(tile).run();
}

}  // namespace mote::compile::m4
