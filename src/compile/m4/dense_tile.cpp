#include "m4/dense_tile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "m4/assembler.hpp"

namespace mote::compile::m4 {
namespace {

using enum Reg;

constexpr Single kInput{0}, kLoopEnd{1}, kParams{2}, kOutput{3}, kGroupsLeft{4}, kLayer{5};

struct PairSums {
  Reg r, l;
};
constexpr std::array<PairSums, 4> kSums{{{r4, r5}, {r6, r7}, {r8, r9}, {r10, r11}}};

// The loop over groups stays in the instruction cache of the STM32L4: 32 lines of 32 bytes, wherever in its line the
// loop begins. One that is larger is read anew for every group.
constexpr std::size_t kMostHotBytes = 1000;

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
  Emitter(const DenseTile& t, Cut cut) : t_(t), a_(t.name()), body_(cut.body), loops_(cut.loops), tail_(cut.tail) {}

  AssemblyFunction run() {
    const Label group = a_.new_label();
    enter();
    a_.loop(group);
    const std::size_t begin = a_.bytes();
    begin_group();
    if (loops_ > 0) {
      const Label loop = a_.new_label();
      a_.loop(loop);
      steps(body_);
      a_.vmov(r2, kLoopEnd);
      a_.cmp(r0, r2);
      a_.branch(Condition::ne, loop);
    }
    if (tail_ > 0) steps(tail_);
    finish();
    end_group(group);
    const std::size_t hot = a_.bytes() - begin;
    a_.leave("r4-r11, pc");
    return {a_.name(), "DenseJob", a_.function(describe()), a_.bytes(), hot};
  }

 private:
  // The order of the members of device::DenseJob.
  enum JobMember : int { job_weights = 0, job_x = 4, job_y = 8, job_params = 12, job_layer = 16, job_groups = 20 };

  [[nodiscard]] std::string describe() const {
    return fmt::format("dense, 8 outputs over {} inputs: {} loops of {} steps and {} more; {}{}", 4 * t_.steps, loops_,
                       body_, tail_, t_.uniform ? "uniform, " : "",
                       t_.exact ? "exact" : fmt::format("shifts {} and {}", t_.shift_high, t_.shift_low));
  }

  void enter() {
    a_.enter("r4-r11, lr");
    a_.ldr(r1, r0, job_weights);
    a_.ldr(r2, r0, job_x);
    a_.ldr(r3, r0, job_y);
    a_.ldr(r4, r0, job_params);
    a_.ldr(r5, r0, job_groups);
    if (t_.uniform) {
      a_.ldr(r6, r0, job_layer);
      a_.vldm(r6, kLayer, kDenseLayerWords);
    }
    a_.add(r1, r1, -4, r12);
    a_.add(r2, r2, -4, r12);
    a_.vmov(kInput, r2);
    a_.add(r2, r2, loops_ * body_ * 8, r12);
    a_.vmov(kLoopEnd, r2);
    a_.vmov(kOutput, r3);
    a_.vmov(kParams, r4);
    a_.vmov(kGroupsLeft, r5);
  }

  void begin_group() {
    a_.vmov(r12, kParams);
    a_.vmov(r0, kInput);
    a_.ldm(r12, r4, r11);
    a_.vmov(kParams, r12);
  }

  /// Two pairs of channels with the inputs in `x`: R += w x, L += low bytes of w x.
  void products(std::size_t pair, Reg x) {
    const PairSums &p = kSums[pair], &q = kSums[pair + 1];
    a_.smlad(p.r, r2, x, p.r);
    a_.sxtb16(r2, r2);
    a_.smlad(q.r, r3, x, q.r);
    a_.sxtb16(r3, r3);
    a_.smlad(p.l, r2, x, p.l);
    a_.smlad(q.l, r3, x, q.l);
  }

  void step(std::int32_t i, bool last) {
    const std::int32_t w = 32 * i + 4, x = 8 * i + 4;
    a_.ldr(r12, r0, x);
    last ? a_.ldr_pre(lr, r0, x + 4) : a_.ldr(lr, r0, x + 4);
    a_.ldr_two(r2, w, r3, w + 4, r1);
    products(0, r12);
    a_.ldr_two(r2, w + 8, r3, w + 12, r1);
    products(2, r12);
    a_.ldr_two(r2, w + 16, r3, w + 20, r1);
    products(0, lr);
    a_.ldr(r2, r1, w + 24);
    last ? a_.ldr_pre(r3, r1, w + 28) : a_.ldr(r3, r1, w + 28);
    products(2, lr);
  }
  void steps(std::int32_t count) {
    for (std::int32_t i = 0; i < count; ++i) step(i, i + 1 == count);
  }

  void channel(std::int32_t c, Reg sum) {
    const bool high = c % 2 == 0;
    if (c >= t_.channels) return;
    if (t_.exact) {
      high ? a_.asr(sum, sum, 7) : a_.lsl(sum, sum, 1);  // 2 x
      if (!t_.uniform) {
        a_.ldr_post(r0, r12, 4);
        a_.ldr_post(r2, r12, 4);
        a_.ldr_post(r3, r12, 4);
      }
      a_.smmlar(lr, sum, r0, r2);
      a_.add_asr(sum, lr, sum, 31);
      a_.asr(sum, sum, r3);
      a_.ssat8(sum, sum);
      if (t_.clamp_low > -128) a_.at_least(sum, t_.clamp_low);
      if (t_.clamp_high < 127) a_.at_most(sum, t_.clamp_high);
      return;
    }
    if (!t_.uniform) {
      a_.ldr_post(r2, r12, 4);
      if (!high) a_.ldr_post(r3, r12, 4);
    }
    if (high)
      a_.smmul(sum, sum, t_.uniform ? r0 : r2);
    else
      a_.smmla(sum, sum, r2, r3);
    a_.ssat8(sum, sum, high ? t_.shift_high : t_.shift_low);
  }

  void finish() {
    if (!t_.uniform) a_.vmov(r12, kParams);
    if (t_.uniform) {
      a_.vmov(r0, kLayer);
      a_.vmov(r2, Single{kLayer.number + 1});
      a_.vmov(r3, Single{kLayer.number + 2});
    }
    for (std::size_t p = 0; p < kSums.size(); ++p) {
      a_.sub(kSums[p].r, kSums[p].r, kSums[p].l);
      channel(static_cast<std::int32_t>(2 * p), kSums[p].r);
      channel(static_cast<std::int32_t>(2 * p + 1), kSums[p].l);
    }
    a_.vmov(lr, kOutput);
    for (std::int32_t c = 0; c < t_.channels; ++c) {
      const PairSums& p = kSums[static_cast<std::size_t>(c / 2)];
      a_.strb(c % 2 == 0 ? p.r : p.l, lr, c);
    }
  }

  void end_group(Label group) {
    a_.vmov(r2, kGroupsLeft);
    a_.add(lr, lr, kDenseGroup, r3);
    if (!t_.uniform) a_.vmov(kParams, r12);
    a_.vmov(kOutput, lr);
    a_.subs(r2, r2, 1);
    a_.vmov(kGroupsLeft, r2);
    a_.branch(Condition::ne, group);
  }

  const DenseTile& t_;
  Assembler a_;
  std::int32_t body_, loops_, tail_;
};

}  // namespace

std::string DenseTile::name() const {
  std::string text = fmt::format("dense_tile_{}by{}{}", steps, body, uniform ? "_uniform" : "");
  if (channels < kDenseGroup) text += fmt::format("_c{}", channels);
  if (exact && (clamp_low > -128 || clamp_high < 127))
    text += fmt::format("_from{}to{}", clamp_low + 128, clamp_high + 128);
  return text + (exact ? "_exact" : fmt::format("_s{}_{}", shift_high, shift_low));
}

std::int32_t dense_group_words(const DenseTile& t) {
  if (t.uniform) return kDenseGroup;
  return kDenseGroup + (t.exact ? 3 * kDenseGroup : kDenseGroup + kDenseGroup / 2);
}

AssemblyFunction emit_dense_tile(const DenseTile& tile) {
  AssemblyFunction function = Emitter(tile, cut_steps(tile.steps, tile.body)).run();
  for (std::int32_t most = tile.body - 1; function.hot_bytes > kMostHotBytes && most >= 1; --most)
    function = Emitter(tile, cut_steps(tile.steps, most)).run();
  return function;
}

}  // namespace mote::compile::m4
