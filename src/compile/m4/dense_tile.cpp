#include "m4/dense_tile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "m4/assembler.hpp"

namespace mote::compile::m4 {
namespace {

using enum Reg;

constexpr Single kInput{0}, kLoopEnd{1}, kProducts{2}, kOutput{3}, kGroupsEnd{4}, kLayer{5};
constexpr Single kLastInputs = kProducts;

// The loop over groups stays in the instruction cache of the STM32L4: 32 lines of 32 bytes, less where the loop begins
// within a line. One that is larger is read anew for every group.
constexpr std::size_t kCacheBytes = 1024, kMostBytesAnywhere = 1000;
constexpr int kLine = 32, kFetch = 8;

/// How the steps are cut: `loops` times `body`, then `tail`.
struct Cut {
  std::int32_t body = 0, loops = 0, tail = 0;
};

/// Body and tail together of at most `most` steps, in as few loops as that allows.
Cut cut_steps(std::int32_t steps, std::int32_t most) {
  if (steps <= most) return {0, 0, steps};
  Cut best{1, steps, 0};
  for (std::int32_t body = 2; body <= most; ++body) {
    if (body + steps % body <= most && steps / body < best.loops) best = {body, steps / body, steps % body};
  }
  return best;
}

class Emitter {
 public:
  /// @param most  steps of code.   @param boundary  of the loop over groups.   @param spread  whether no two lines of
  /// flash are read by one instruction: a line takes 6 cycles, so the second would wait for the first.
  Emitter(const DenseTile& t, std::int32_t most, int boundary, bool spread)
      : t_(t), a_(t.name()), boundary_(boundary), spread_(spread) {
    // Inputs that are no whole word come last, from a register.
    const std::int32_t in_memory = t.steps - (t.partial ? 1 : 0);
    cut_ = cut_steps(in_memory, std::max(most - (t.partial ? 1 : 0), 1));
  }

  AssemblyFunction run() {
    const Label group = a_.new_label();
    enter();
    a_.loop(group, boundary_);
    const std::size_t begin = a_.bytes();
    begin_group();
    if (cut_.loops > 0) {
      const Label loop = a_.new_label();
      a_.loop(loop, kFetch);
      steps(cut_.body);
      a_.vmov(r2, kLoopEnd);
      a_.cmp(r0, r2);
      a_.branch(Condition::ne, loop);
    }
    steps(cut_.tail);
    if (t_.partial) single_step(true);
    finish();
    end_group(group);
    const std::size_t alignment = cut_.loops > 0 ? kFetch - 4 : 0;  // in front of the loop
    const std::size_t hot = a_.bytes() - begin + alignment;
    a_.leave("r4-r11, pc");
    return {a_.name(), "DenseJob", a_.function(describe()), a_.bytes(), hot};
  }

 private:
  [[nodiscard]] std::string describe() const {
    return fmt::format("dense, {} outputs{} over {}{} inputs: {} loops of {} steps and {} more; {}{}", t_.group(),
                       t_.pairs ? " in pairs" : "", t_.partial ? "up to " : "", 4 * t_.steps, cut_.loops, cut_.body,
                       cut_.tail, t_.uniform ? "uniform, " : "",
                       t_.exact   ? (t_.uniform ? fmt::format("exact, shift {}", t_.shift_low) : "exact")
                       : t_.pairs ? fmt::format("shifts {} and {}", t_.shift_high, t_.shift_low)
                                  : fmt::format("shift {}", t_.shift_low));
  }

  [[nodiscard]] Reg sum(std::int32_t c) const { return static_cast<Reg>(static_cast<int>(t_.pairs ? r4 : r6) + c); }
  [[nodiscard]] Reg last_sum() const { return sum(t_.group() - 1); }
  [[nodiscard]] std::int32_t input_bytes() const { return t_.pairs ? 8 : 4; }  // of a step

  void enter() {
    a_.enter("r4-r11, lr");
    // device::DenseJob: groups, end, x, y, products (singles: the last inputs), layer
    a_.ldm(r0, r1, r6);
    if (t_.pairs) a_.add(r3, r3, -4, r12);
    a_.vmov(kInput, r3);
    a_.add(r3, r3, cut_.loops * cut_.body * input_bytes(), r12);
    a_.vmov(kLoopEnd, r3);
    a_.vmov(kOutput, r4);
    a_.vmov(kProducts, r5);
    a_.vmov(kGroupsEnd, r2);
    if (t_.uniform) a_.vldm(r6, kLayer, 3);
  }

  void begin_group() {
    for (std::int32_t c = 0; spread_ && c < t_.group(); c += 2) a_.ldm(r1, sum(c), std::min(sum(c + 1), last_sum()));
    if (!spread_) a_.ldm(r1, sum(0), last_sum());
    a_.vmov(r0, kInput);
    if (t_.pairs) {
      a_.vmov(r2, kProducts);
      for (std::int32_t c = 1; c < t_.group(); c += 2) a_.sub(sum(c), sum(c), r2);
    } else {
      a_.movw(r10, 0);
    }
  }

  void pair_step(std::int32_t i, bool last) {
    const Reg even = r12, odd = lr;
    a_.ldr(even, r0, 8 * i + 4);
    last ? a_.ldr_pre(odd, r0, 8 * i + 8) : a_.ldr(odd, r0, 8 * i + 8);
    for (std::int32_t c = 0; c < t_.group(); c += 2) {
      const Reg whole = sum(c), low = sum(c + 1);
      a_.ldm(r1, r2, r3);
      a_.smlad(whole, r2, even, whole);
      a_.sxtab16(r2, odd, r2);
      a_.smlad(whole, r3, odd, whole);
      a_.sxtab16(r3, even, r3);
      a_.smlad(low, r2, r3, low);
    }
  }

  void single_step(bool from_register) {
    const Reg even = r11, odd = r12, products = r10;
    from_register ? a_.vmov(even, kLastInputs) : a_.ldr_post(even, r0, 4);
    const auto weights = [&](std::int32_t c) { return static_cast<Reg>(static_cast<int>(r2) + c); };
    a_.ldm(r1, r2, weights(std::min(t_.group(), 2) - 1));
    a_.sxtb16(odd, even, 8);
    a_.sxtb16(even, even);
    a_.smlad(products, even, odd, products);
    for (std::int32_t c = 0; c < t_.group(); ++c) {
      if (c == 2) a_.ldm(r1, weights(2), weights(t_.group() - 1));
      a_.sxtab16(lr, odd, weights(c));
      a_.sxtab16(weights(c), even, weights(c), 8);
      a_.smlad(sum(c), lr, weights(c), sum(c));
    }
  }

  void steps(std::int32_t count) {
    for (std::int32_t i = 0; i < count; ++i) t_.pairs ? pair_step(i, i + 1 == count) : single_step(false);
  }

  void channel(std::int32_t c) {
    const Reg s = sum(c);
    const bool high = t_.pairs && c % 2 == 0;
    if (t_.exact) {
      high ? a_.asr(s, s, 7) : a_.lsl(s, s, 1);  // 2 x
      if (!t_.uniform) a_.ldm(r1, {r0, r2, r3});
      a_.smmlar(lr, s, r0, r2);
      a_.add_asr(s, lr, s, 31);
      if (!t_.uniform) a_.asr(s, s, r3);
      a_.ssat8(s, s, t_.uniform ? t_.shift_low : 0);
      if (t_.clamp_low > -128) a_.at_least(s, t_.clamp_low);
      if (t_.clamp_high < 127) a_.at_most(s, t_.clamp_high);
      return;
    }
    if (!t_.uniform && high) a_.ldm(r1, {r0, r2, r3});
    if (!t_.uniform && !t_.pairs) a_.ldm(r1, r2, r3);
    high ? a_.smmul(s, s, r0) : a_.smmla(s, s, r2, r3);
    a_.ssat8(s, s, high ? t_.shift_high : t_.shift_low);
  }

  void finish() {
    if (t_.uniform) {
      if (t_.exact || t_.pairs) a_.vmov(r0, kLayer);
      a_.vmov(r2, Single{kLayer.number + 1});
      if (!t_.exact) a_.vmov(r3, Single{kLayer.number + 2});
    }
    for (std::int32_t c = 0; c < t_.channels; ++c) {
      if (!t_.pairs)
        a_.sub(sum(c), sum(c), r10);
      else if (c % 2 == 0)
        a_.sub(sum(c), sum(c), sum(c + 1));
      channel(c);
    }
  }

  void end_group(Label group) {
    a_.vmov(lr, kOutput);
    a_.vmov(r2, kGroupsEnd);
    a_.strb_post(sum(0), lr, t_.channels);
    for (std::int32_t c = 1; c < t_.channels; ++c) a_.strb(sum(c), lr, c - t_.channels);
    a_.vmov(kOutput, lr);
    a_.cmp(r1, r2);
    a_.branch(Condition::ne, group);
  }

  const DenseTile& t_;
  Assembler a_;
  int boundary_;
  bool spread_;
  Cut cut_;
};

// Per step: instructions, and cycles with and without what flash adds.
std::int64_t step_instructions(const DenseTile& t) {
  return t.pairs ? 26 : 5 + 3 * t.group() + (t.group() > 2 ? 1 : 0);
}
std::int64_t step_cycles(const DenseTile& t) { return t.pairs ? 35 : 6 + 4 * t.group() + (t.group() > 2 ? 1 : 0); }
constexpr std::int64_t kTurnCycles = 4;
// Straight code: 6 cycles for every 8 bytes, in which two instructions work.
constexpr std::int64_t kFetchCyclesAnInstruction = 2;

}  // namespace

std::string DenseTile::name() const {
  std::string text = fmt::format("dense_{}_{}by{}{}{}", pairs ? "pairs" : "singles", steps, body,
                                 partial ? "_partial" : "", uniform ? "_uniform" : "");
  if (channels < (pairs ? 8 : 4)) text += fmt::format("_c{}", channels);
  if (exact && (clamp_low > -128 || clamp_high < 127))
    text += fmt::format("_from{}to{}", clamp_low + 128, clamp_high + 128);
  if (exact) return text + (uniform ? fmt::format("_exact{}", shift_low) : "_exact");
  return text + (pairs ? fmt::format("_s{}_{}", shift_high, shift_low) : fmt::format("_s{}", shift_low));
}

std::int32_t dense_group_words(const DenseTile& t) {
  const std::int32_t sums_and_weights = t.group() * (1 + t.steps);
  if (t.uniform) return sums_and_weights;
  if (t.exact) return sums_and_weights + 3 * t.channels;
  return sums_and_weights + (t.pairs ? 3 * ((t.channels + 1) / 2) : 2 * t.channels);
}

std::int32_t dense_body(const DenseTile& t, std::int32_t groups) {
  // kTurnCycles * groups * steps / body turns, against fetching `body` steps.
  const double body = std::sqrt(static_cast<double>(kTurnCycles * groups * t.steps) /
                                static_cast<double>(kFetchCyclesAnInstruction * step_instructions(t)));
  return std::clamp(static_cast<std::int32_t>(std::lround(body)), 1, t.pairs ? 8 : 12);
}

std::int64_t dense_cycles(const DenseTile& t, std::int32_t groups, bool weights_in_ram) {
  const std::int64_t body = std::min(t.body, t.steps);
  const std::int64_t end = t.channels * (t.exact ? 6 : 3) + (t.uniform ? 0 : 4 * t.channels) + 20;
  const std::int64_t flash = weights_in_ram ? 0 : dense_group_words(t) * std::int64_t{395} / 200;
  const std::int64_t group = t.steps * step_cycles(t) + t.steps / body * kTurnCycles + end + flash;
  const std::int64_t around = t.pairs ? t.steps * 8 + 200 : 40;  // inputs widened, calls
  const std::int64_t code = body * step_instructions(t) + t.channels * (t.exact ? 7 : 4) + 40;
  return groups * group + around + kFetchCyclesAnInstruction * code;
}

AssemblyFunction emit_dense_tile(const DenseTile& tile) {
  for (std::int32_t most = tile.body;; --most) {
    for (const bool spread : {true, false}) {
      AssemblyFunction function = Emitter(tile, most, kFetch, spread).run();
      if (function.hot_bytes <= kMostBytesAnywhere || (most == 1 && !spread)) return function;
      if (function.hot_bytes <= kCacheBytes) return Emitter(tile, most, kLine, spread).run();
    }
  }
}

}  // namespace mote::compile::m4
