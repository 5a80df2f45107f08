#include "m4/conv_tile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "m4/assembler.hpp"

namespace mote::compile::m4 {
namespace {

using enum Reg;

// The loop over a row's tiles stays in the instruction cache of the STM32L4, the smallest among our boards that have
// one: 32 lines of 32 bytes. What is left is for the loop around it, so that not every row or job begins by reading
// all of it from flash; where a job has few tiles, all of that loop.
constexpr std::size_t kMostHotBytes = 920;
constexpr std::size_t kMostHotBytesOfColumns = 600;  // leaves room for what copies the weights of a group
constexpr std::size_t kMostHotBytesOfFew = 980;
constexpr std::int32_t kMostSteps = 12;  // of a loop's body: 48 bytes each, or up to 56
constexpr std::int32_t kMostFlat = 18;   // steps of several segments without a loop
constexpr std::size_t kMostFlatBytes = 990;
constexpr std::int32_t kMostStraight = 16;  // a window this short has no loop

constexpr Single kInput{1};        // shared: while r5 is the second pixel's output
constexpr Single kPixelBytes{15};  // shared: there are no rows
constexpr Single kPanel{0}, kPanelEnd{1}, kOutput{2}, kOutputEnd{3}, kBias{4}, kLoopEnd{14}, kRowsLeft{15};
// Saturating: s8-s11 multipliers, s12 s13 offsets. Exact: s8-s11 multipliers, s16-s19 roundings, s20-s23 shifts.
constexpr Single kMultiplier{8}, kOffset{12}, kRoundings{16};
/// Of channel c: what its rounding adds, then its shift.
constexpr Single rounding(int c) { return {kRoundings.number + 2 * c}; }
constexpr Single shift(int c) { return {kRoundings.number + 2 * c + 1}; }

/// Two channels: sums R and L of pixels a and b.
struct PairSums {
  Reg ra, rb, la, lb;
};
constexpr std::array<PairSums, 2> kSums{{{r6, r7, r8, r9}, {r10, r11, r12, lr}}};

Single next(Single s, int n) { return {s.number + n}; }

/// How the steps of a segment are cut: `loops` times `body`, then `tail`.
struct Cut {
  std::int32_t body, loops, tail;
};

Cut cut_steps(std::int32_t steps, bool alone) {
  if (alone && steps <= kMostStraight) return {0, 0, steps};
  if (!alone && steps <= kMostSteps) return {0, 0, steps};
  // Least instructions a step: no tail if possible, else the largest body.
  Cut best{8, steps / 8, steps % 8};
  for (std::int32_t body = kMostSteps; body >= 6; --body) {
    if (steps % body == 0) {
      best = {body, steps / body, 0};
      break;
    }
  }
  if (best.loops == 1) return {0, 0, steps};
  return best;
}

/// The same with less code: body and tail together of at most `most` steps, in as few loops as that allows.
Cut cut_steps_within(std::int32_t steps, std::int32_t most) {
  if (steps <= most) return {0, 0, steps};
  Cut best{1, steps, 0};
  for (std::int32_t body = 2; body <= most; ++body) {
    if (body + steps % body <= most && steps / body < best.loops) best = {body, steps / body, steps % body};
  }
  return best;
}

/// Short windows of several segments may run straight: a loop over segments costs 5 cycles more for each.
bool may_be_flat(const ConvTile& t) {
  return !t.shared && t.segments > 1 && t.step_bytes == 4 && t.segments * t.steps <= kMostFlat && !t.few;
}

class Emitter {
 public:
  /// `flat`: the segments run straight, one behind the other.
  Emitter(const ConvTile& t, Cut cut, bool flat) : t_(t), a_(t.name()), cut_(cut), flat_(flat) {}

  AssemblyFunction run() {
    enter();
    const std::size_t whole = a_.bytes();
    begin_group();
    row_ = a_.new_label();
    const Label tile = a_.new_label();
    if (t_.rows) a_.loop(row_);
    a_.loop(tile);
    const std::size_t begin = a_.bytes();
    begin_tile();
    window();
    finish();
    advance(tile);
    std::size_t hot = a_.bytes() - begin;
    next_row();
    if (flat_) hot = a_.bytes() - begin;  // nothing is left for what rows need beside it
    end_group();
    if (t_.few) hot = a_.bytes() - whole;  // all that a group needs
    leave();
    return {a_.name(), "TileJob", a_.function(describe()), a_.bytes(), hot};
  }

 private:
  // The order of the members of device::TileJob.
  enum JobMember : int {
    job_panel = 0,
    job_x = 4,
    job_y = 8,
    job_y_end = 12,
    job_params = 16,
    job_rows = 20,
    job_x_row = 24,
    job_y_row = 28,
    job_panel_bytes = 32,
    job_y_pixel = 36,
    job_two_zero_one = 40,
    job_source = 44,
    job_groups = 48,
    job_param_bytes = 52
  };

  [[nodiscard]] std::int32_t panel_bytes() const { return t_.segments * t_.steps * 8; }
  [[nodiscard]] std::string describe() const {
    if (t_.shared)
      return fmt::format("2 pixels x 4 channels, {} steps a loop, any length and any number of channels", kSharedSteps);
    return fmt::format("2 pixels x 4 channels over {} x {} steps; {} loops of {} and {} more a segment; {}",
                       t_.segments, t_.steps, cut_.loops, cut_.body, cut_.tail,
                       t_.exact ? "exact end with signs"
                                : fmt::format("saturating end, shifts {} and {}", t_.shift_high, t_.shift_low));
  }

  void enter() {
    a_.enter("r0, r4-r11, lr");
    if (t_.exact) a_.vpush(16, 23);
    group_ = a_.new_label();
    a_.loop(group_);
  }

  /// The group's weights from flash to the panel; the job's source moves on to the next group's.
  void copy_panel() {
    a_.ldr(r1, r0, job_source);
    a_.ldr(r2, r0, job_panel);
    const std::int32_t words = panel_bytes() / 4;
    if (t_.shared || words >= 8) {
      const Label loop = a_.new_label();
      if (t_.shared) {  // whole turns
        a_.ldr(r3, r0, job_panel_bytes);
        a_.add(r3, r3, r2);
      } else {
        a_.add(r3, r2, words / 8 * 32, r4);
      }
      a_.loop(loop);
      a_.ldm(r1, r4, r11);
      a_.stm(r2, r4, r11);
      a_.cmp(r2, r3);
      a_.branch(Condition::ne, loop);
    }
    if (!t_.shared && words % 8 != 0) {
      const auto last = static_cast<Reg>(static_cast<int>(r4) + words % 8 - 1);
      a_.ldm(r1, r4, last);
      a_.stm(r2, r4, last);
    }
    a_.str(r1, r0, job_source);
  }

  void begin_group() {
    copy_panel();
    a_.ldr(r1, r0, job_params);
    a_.vldm(r1, kBias, t_.exact ? 8 : kSaturatingWords);
    if (t_.exact) roundings();
    a_.ldr(r4, r0, job_panel);
    a_.ldr(r5, r0, job_x);
    a_.ldr(r2, r0, job_y);
    a_.ldr(r3, r0, job_y_end);
    a_.add(r4, r4, -4, r1);  // the loops' loads are pre-indexed: both pointers lag by a word
    a_.add(r5, r5, -4, r1);
    a_.vmov(kPanel, r4);
    a_.vmov(kOutput, r2);
    a_.vmov(kOutputEnd, r3);
    if (t_.rows) {
      a_.ldr(r1, r0, job_rows);
      a_.vmov(kRowsLeft, r1);
    }
    if (t_.shared) {
      a_.ldr(r1, r0, job_panel_bytes);
      a_.ldr(r2, r0, job_y_pixel);
      a_.add(r4, r4, r1);
      a_.vmov(kLoopEnd, r4);
      a_.vmov(kPixelBytes, r2);
    } else if (flat_) {
      // No loop has an end.
    } else if (t_.segments > 1) {
      a_.add(r4, r4, panel_bytes(), r1);
      a_.vmov(kPanelEnd, r4);
    } else if (cut_.loops > 0) {
      a_.add(r4, r4, cut_.loops * cut_.body * 8, r1);
      a_.vmov(kLoopEnd, r4);
    }
  }

  /// From the shift e of each channel: what its second rounding adds, 2^(e-1) + zero * 2^e = (2 zero + 1) << (e - 1).
  void roundings() {
    a_.ldr(r1, r1, 32);
    a_.ldr(r2, r0, job_two_zero_one);
    for (int c = 0; c < 4; ++c) {
      a_.ubfx8(r3, r1, 8 * c);
      a_.vmov(shift(c), r3);
      a_.add(r3, r3, -1, r4);
      a_.lsl(r3, r2, r3);
      a_.vmov(rounding(c), r3);
    }
  }

  void begin_tile() {
    a_.comment("sums start at the biases");
    a_.vmov(r4, kPanel);
    for (int p = 0; p < 2; ++p) {
      a_.vmov(kSums[p].ra, kSums[p].la, next(kBias, 2 * p));
      a_.vmov(kSums[p].rb, kSums[p].lb, next(kBias, 2 * p));
    }
  }

  /// `last`: its loads move the pointers on by the whole run.
  void step(std::int32_t i, bool last) {
    const std::int32_t x = t_.step_bytes * i + 4, w = 8 * i + 4;
    step_at(x, w, last);
  }

  /// @param x, w  offsets of the input and of the weights. `last`: these move the pointers.
  void step_at(std::int32_t x, std::int32_t w, bool last) {
    // Interleaved pixels: b's word follows a's, and the pointer stays a word behind the next.
    if (last && t_.step_bytes == 4) {
      a_.ldr(r3, r5, x + t_.pixel_bytes);
      a_.ldr_pre(r2, r5, x);
    } else {
      a_.ldr_two(r3, x + t_.pixel_bytes, r2, x, r5);
    }
    if (last) {
      a_.ldr(r0, r4, w);
      a_.ldr_pre(r1, r4, w + 4);
    } else {
      a_.ldr_two(r0, w, r1, w + 4, r4);
    }
    const auto& [p, q] = kSums;
    a_.smlad(p.ra, r0, r2, p.ra);
    a_.smlad(p.rb, r0, r3, p.rb);
    a_.sxtb16(r0, r0);
    a_.smlad(q.ra, r1, r2, q.ra);
    a_.smlad(q.rb, r1, r3, q.rb);
    a_.sxtb16(r1, r1);
    a_.smlad(p.la, r0, r2, p.la);
    a_.smlad(p.lb, r0, r3, p.lb);
    a_.smlad(q.la, r1, r2, q.la);
    a_.smlad(q.lb, r1, r3, q.lb);
  }

  /// `count` steps; leaves both pointers behind them.
  void steps(std::int32_t count) {
    for (std::int32_t i = 0; i < count; ++i) step(i, i + 1 == count);
    if (t_.step_bytes != 4) a_.add(r5, r5, t_.step_bytes * count, r0);
  }

  void segment() {
    if (cut_.loops > 0) {
      const Label loop = a_.new_label();
      a_.loop(loop);
      steps(cut_.body);
      a_.vmov(r0, kLoopEnd);
      a_.cmp(r4, r0);
      a_.branch(Condition::ne, loop);
    }
    if (cut_.tail > 0) steps(cut_.tail);
  }

  void window() {
    if (flat_) {
      for (std::int32_t s = 0; s < t_.segments; ++s) {
        if (s > 0) a_.add(r5, r5, t_.segment_bytes, r0);
        for (std::int32_t i = 0; i < t_.steps; ++i) step_at(4 * i + 4, 8 * (s * t_.steps + i) + 4, false);
      }
      return;
    }
    if (t_.segments == 1) return segment();
    const Label again = a_.new_label();
    a_.loop(again);
    if (cut_.loops > 0) set_loop_end();
    segment();
    a_.vmov(r0, kPanelEnd);
    a_.add(r5, r5, t_.segment_bytes - run_bytes(), r1);
    a_.cmp(r4, r0);
    a_.branch(Condition::ne, again);
  }
  void set_loop_end() {
    a_.add(r1, r4, cut_.loops * cut_.body * 8, r2);
    a_.vmov(kLoopEnd, r1);
  }

  [[nodiscard]] std::int32_t run_bytes() const { return t_.steps * t_.step_bytes; }
  /// What the window has moved the input pointer by.
  [[nodiscard]] std::int32_t walked() const {
    if (flat_) return (t_.segments - 1) * t_.segment_bytes;
    return t_.segments == 1 ? run_bytes() : t_.segments * t_.segment_bytes;
  }

  /// One channel of both pixels: sums in `a` and `b`.
  void channel(int c, Reg a, Reg b) {
    if (c >= t_.channels) return;
    const bool high = c % 2 == 0;
    a_.vmov(r0, next(kMultiplier, c));
    if (t_.exact) {
      a_.vmov(r1, r2, rounding(c));
      for (const Reg s : {a, b}) {
        high ? a_.asr(s, s, 7) : a_.lsl(s, s, 1);  // 2 x
        a_.smmlar(r3, s, r0, r1);
        a_.add_asr(s, r3, s, 31);
        a_.asr(s, s, r2);
        a_.ssat8(s, s);
        if (t_.clamp_low > -128) a_.at_least(s, t_.clamp_low);
        if (t_.clamp_high < 127) a_.at_most(s, t_.clamp_high);
      }
    } else {
      if (!high) a_.vmov(r1, next(kOffset, c / 2));
      for (const Reg s : {a, b}) high ? a_.smmul(s, s, r0) : a_.smmla(s, s, r0, r1);
      for (const Reg s : {a, b}) a_.ssat8(s, s, high ? t_.shift_high : t_.shift_low);
    }
    a_.strb(a, r4, c);
    t_.shared ? a_.strb(b, r5, c) : a_.strb(b, r4, t_.output_pixel_bytes + c);
  }

  void finish() {
    a_.comment("H = R - L; results");
    a_.vmov(r4, kOutput);
    if (t_.shared) {
      a_.vmov(kInput, r5);
      a_.vmov(r5, kPixelBytes);
      a_.add(r5, r4, r5);
    }
    for (int p = 0; p < 2; ++p) {
      const PairSums& s = kSums[p];
      a_.sub(s.ra, s.ra, s.la);
      a_.sub(s.rb, s.rb, s.lb);
      channel(2 * p, s.ra, s.rb);
      channel(2 * p + 1, s.la, s.lb);
    }
  }

  void advance(Label tile) {
    a_.vmov(r0, kOutputEnd);
    if (t_.shared) {
      a_.vmov(r1, kPixelBytes);
      a_.add(r4, r5, r1);
      a_.vmov(r5, kInput);
    } else {
      a_.add(r4, r4, t_.output_pair_bytes, r1);
    }
    if (!t_.shared && t_.pair_bytes != walked()) a_.add(r5, r5, t_.pair_bytes - walked(), r1);
    a_.vmov(kOutput, r4);
    a_.cmp(r4, r0);
    a_.branch(Condition::ne, tile);
  }

  /// The job moves on to the next four channels.
  void end_group() {
    a_.ldr(r0, sp, t_.exact ? 32 : 0);
    for (const int member : {static_cast<int>(job_y), static_cast<int>(job_y_end)}) {
      a_.ldr(r1, r0, member);
      a_.add(r1, r1, 4, r3);
      a_.str(r1, r0, member);
    }
    a_.ldr(r1, r0, job_params);
    a_.ldr(r2, r0, job_param_bytes);
    a_.ldr(r3, r0, job_groups);
    a_.add(r1, r1, r2);
    a_.str(r1, r0, job_params);
    a_.subs(r3, r3, 1);
    a_.str(r3, r0, job_groups);
    a_.branch(Condition::ne, group_);
  }

  /// The job says by how much input and output jump from the end of a row to the begin of the next.
  void next_row() {
    if (!t_.rows) return;
    const Label done = a_.new_label();
    a_.vmov(r1, kRowsLeft);
    a_.subs(r1, r1, 1);
    a_.branch(Condition::eq, done);
    a_.vmov(kRowsLeft, r1);
    a_.ldr(r2, sp, t_.exact ? 32 : 0);  // the job
    a_.ldr(r1, r2, job_x_row);
    a_.ldr(r3, r2, job_y_row);
    a_.add(r5, r5, r1);
    a_.ldr(r1, r2, job_y);
    a_.ldr(r2, r2, job_y_end);
    a_.sub(r2, r2, r1);  // bytes of a row
    a_.add(r4, r4, r3);
    a_.vmov(kOutput, r4);
    a_.add(r4, r4, r2);
    a_.vmov(kOutputEnd, r4);
    a_.jump(row_);
    a_.place(done);
  }

  void leave() {
    if (t_.exact) a_.vpop(16, 23);
    a_.leave("r0, r4-r11, pc");
  }

  const ConvTile& t_;
  Assembler a_;
  Cut cut_;
  bool flat_;
  Label row_, group_;
};

}  // namespace

std::string ConvTile::name() const {
  if (shared) return exact ? "conv_tile_shared_exact" : fmt::format("conv_tile_shared_s{}_{}", shift_high, shift_low);
  std::string text = fmt::format("conv_tile_{}x{}", segments, steps);
  if (segments > 1) text += fmt::format("_by{}", segment_bytes);
  text += fmt::format("_x{}_{}_{}_y{}_{}{}", step_bytes, pixel_bytes, pair_bytes, output_pixel_bytes, output_pair_bytes,
                      rows ? "_rows" : "");
  if (channels < 4) text += fmt::format("_c{}", channels);
  if (few) text += "_few";
  if (clamp_low > -128 || clamp_high < 127) text += fmt::format("_from{}to{}", clamp_low + 128, clamp_high + 128);
  return text + (exact ? "_exact" : fmt::format("_s{}_{}", shift_high, shift_low));
}

std::int32_t tile_cycles(const ConvTile& t, std::int32_t steps) {
  const std::int32_t end = 50 + (t.exact ? 36 : 0);
  if (t.shared) return end + 6 + (steps + kSharedSteps - 1) / kSharedSteps * (15 * kSharedSteps + 5);
  const Cut cut = cut_steps(steps, t.segments == 1);
  return end +
         t.segments * (15 * steps + 4 * cut.loops + (t.step_bytes == 8 ? cut.loops + 1 : 0) + (t.segments > 1 ? 6 : 0));
}

bool can_emit(const ConvTile& t) {
  if (t.shared)
    return t.segments == 1 && t.step_bytes == 8 && t.channels == 4 && !t.rows && t.clamp_low == -128 &&
           t.clamp_high == 127;
  const Cut cut = cut_steps(t.steps, t.segments == 1);
  const std::int32_t run = std::max(cut.body, cut.tail);
  const bool loads = t.step_bytes * run + 4 + t.pixel_bytes <= 4095 && t.pixel_bytes >= 0 &&
                     (t.step_bytes != 4 || 4 * run + 4 <= 255) && 8 * run + 8 <= 255;
  const bool advances = t.segments * t.steps * 8 <= 65535 && t.segment_bytes <= 65535 && t.pair_bytes <= 65535 &&
                        t.output_pair_bytes <= 65535;
  return t.steps > 0 && loads && advances && t.output_pixel_bytes + 3 <= 4095;
}

AssemblyFunction emit_conv_tile(const ConvTile& tile) {
  MOTE_CHECK(can_emit(tile));
  if (tile.shared) return Emitter(tile, {kSharedSteps, 1, 0}, false).run();
  if (may_be_flat(tile)) {
    AssemblyFunction flat = Emitter(tile, {0, 0, tile.steps}, true).run();
    if (flat.hot_bytes <= kMostFlatBytes) return flat;
  }
  AssemblyFunction function = Emitter(tile, cut_steps(tile.steps, tile.segments == 1), false).run();
  const std::size_t most_bytes = tile.few             ? kMostHotBytesOfFew
                                 : tile.segments == 1 ? kMostHotBytesOfColumns
                                                      : kMostHotBytes;
  for (std::int32_t most = kMostStraight - 1; function.hot_bytes > most_bytes && most >= 4; --most) {
    function = Emitter(tile, cut_steps_within(tile.steps, most), false).run();
  }
  return function;
}

}  // namespace mote::compile::m4
