#include "vectors/depthwise_tile.hpp"

#include <numeric>

#include "vectors/end.hpp"

namespace mote::compile::vectors {
namespace {

using enum Reg;
using m4::Condition;

constexpr std::int32_t kChannels = 16;
constexpr std::int32_t kMostTaps = 49;
constexpr std::int32_t kMostRows = 16;  // of a window: device::kMostWindowRows

// r0 is free, r1 the output, r2 the panel, r3 the step between pixels, r4 the rows, r5 what is left of a pixel, r6
// pixels, r7 the first panel, r8 and r9 where pixel and vector begin in their rows, r10 the step between taps, r11 the
// tap, r12 the bytes of a pixel, lr the output's zero point.
class Emitter {
 public:
  explicit Emitter(const DepthwiseTile& tile) : tile_(tile), a_(name(tile)) {}

  AssemblyFunction emit() {
    // The order of the members of device::VectorRun.
    enum RunMember : int {
      run_rows = 0,
      run_y = 4,
      run_panels = 8,
      run_pixels = 12,
      run_step = 16,
      run_bytes = 20,
      run_tap = 24
    };
    a_.enter("r4-r11, lr");
    a_.vpush(16, 31);
    a_.ldrd(r4, r1, r0, run_rows);
    a_.ldrd(r7, r6, r0, run_panels);
    a_.ldrd(r3, r12, r0, run_step);
    a_.ldr(r10, r0, run_tap);
    a_.movw(r8, 0);
    if (tile_.end.output_zero != 0) a_.constant(lr, tile_.end.output_zero);
    const Label pixel = a_.new_label(), vector = a_.new_label();
    a_.loop(pixel);
    a_.mov(r9, r8);
    a_.mov(r5, r12);
    if (!tile_.folded) a_.mov(r2, r7);
    a_.loop(vector);
    if (tile_.folded) a_.mov(r2, r7);
    if (tile_.partial) a_.first_bytes(r5);
    sums();
    end();
    a_.add(r9, r9, kChannels, r0);
    a_.subs(r5, r5, kChannels);
    a_.branch(Condition::gt, vector);
    if (tile_.partial) a_.add(r1, r1, r5);  // a partial store moved too far
    a_.add(r8, r8, r3);
    a_.subs(r6, r6, 1);
    a_.branch(Condition::ne, pixel);
    a_.vpop(16, 31);
    a_.leave("r4-r11, pc");
    AssemblyFunction f{a_.name(), "VectorRun", a_.function("pixels in vectors of sixteen channels"), a_.bytes(),
                       a_.bytes()};
    f.vectors = true;
    return f;
  }

 private:
  static std::string name(const DepthwiseTile& tile) {
    std::string groups;
    for (const std::int32_t taps : tile.groups) groups += fmt::format("_{}", taps);
    return fmt::format("depthwise_vectors_{}x{}_t{}{}{}{}_{}", tile.kernel_h, tile.kernel_w, tile.tap_bytes, groups,
                       tile.partial ? "p" : "", tile.folded ? "f" : "", text(tile.end));
  }

  // While there are no more than two groups: the even channels' and the odd channels' sums of 16 bits. Later the sums
  // of 32 bits are in q4, q5, q0, q1, and only one group has room beside them.
  static constexpr Vector kInput = q6, kWeights = q7;

  void load_input(std::int32_t then) {
    if (!tile_.partial) return a_.load_bytes(kInput, r11, then);
    a_.where_active(1);
    a_.load_some_bytes(kInput, r11, then);
  }
  /// Adds the tap's products to `even` and `odd`.
  void add_tap(std::int32_t tap, bool first, bool has_spare, Vector even, Vector odd) {
    const std::int32_t ky = tap / tile_.kernel_w, kx = tap % tile_.kernel_w;
    if (kx == 0) {
      a_.ldr(r11, r4, 4 * ky);
      a_.add(r11, r11, r9);
    }
    const std::int32_t then = kx + 1 < tile_.kernel_w ? tile_.tap_bytes : 0;
    const bool twice = !first && !has_spare;
    load_input(twice ? 0 : then);
    a_.load_bytes(kWeights, r2, kChannels);
    if (first) {
      a_.multiply_low_bytes(even, kInput, kWeights);
      a_.multiply_high_bytes(odd, kInput, kWeights);
    } else {
      const Vector low = twice ? kInput : q5;
      a_.multiply_low_bytes(low, kInput, kWeights);
      a_.add_halves(even, even, low);
      if (twice) load_input(then);
      a_.multiply_high_bytes(kInput, kInput, kWeights);
      a_.add_halves(odd, odd, kInput);
    }
    if (tile_.tap_bytes == 0 && kx + 1 < tile_.kernel_w) a_.add(r11, r11, r10);
  }

  /// Sums of channels 0, 4, ... in q4, 1, 5, ... in q5, 2, 6, ... in q0 and 3, 7, ... in q1.
  void sums() {
    std::int32_t tap = 0;
    for (std::size_t group = 0; group < tile_.groups.size(); ++group) {
      const Vector even = group == 0 ? q0 : q2, odd = group == 0 ? q1 : q3;
      for (std::int32_t i = 0; i < tile_.groups[group]; ++i, ++tap) add_tap(tap, i == 0, group < 2, even, odd);
      if (group == 1 || tile_.groups.size() == 1) {
        a_.low_halves_as_words(q4, q0);
        a_.high_halves_as_words(q0, q0);
        a_.low_halves_as_words(q5, q1);
        a_.high_halves_as_words(q1, q1);
      }
      if (group > 0) {
        add_widened(q4, q0, q2);
        add_widened(q5, q1, q3);
      }
    }
  }
  void add_widened(Vector low, Vector high, Vector halves) {
    a_.low_halves_as_words(q6, halves);
    a_.add(low, low, q6);
    a_.high_halves_as_words(halves, halves);
    a_.add(high, high, halves);
  }

  void end() {
    for (const Vector quad : {q4, q5, q0, q1}) emit_scaling(a_, tile_.end, std::span(&quad, 1), r2);
    a_.words_to_low_halves(q4, q4);
    a_.words_to_high_halves(q4, q0);
    a_.words_to_low_halves(q5, q5);
    a_.words_to_high_halves(q5, q1);
    if (tile_.end.output_zero != 0) {
      a_.every_half(q2, lr);
      a_.add_halves_saturating(q4, q4, q2);
      a_.add_halves_saturating(q5, q5, q2);
    }
    a_.halves_to_low_bytes(q4, q4);
    a_.halves_to_high_bytes(q4, q5);
    if (tile_.end.clamp_low > -128) {
      a_.constant(r0, tile_.end.clamp_low);
      a_.every_byte(q2, r0);
      a_.maximum_of_bytes(q4, q4, q2);
    }
    if (tile_.end.clamp_high < 127) {
      a_.constant(r0, tile_.end.clamp_high);
      a_.every_byte(q2, r0);
      a_.minimum_of_bytes(q4, q4, q2);
    }
    if (tile_.partial) {
      a_.where_active(1);
      a_.store_some_bytes(q4, r1, kChannels);
    } else {
      a_.store_bytes(q4, r1, kChannels);
    }
  }

  const DepthwiseTile& tile_;
  Assembler a_;
};

}  // namespace

bool can_emit(const DepthwiseTile& tile) {
  const std::int32_t taps = tile.kernel_h * tile.kernel_w;
  MOTE_CHECK(std::accumulate(tile.groups.begin(), tile.groups.end(), 0) == taps);
  return taps <= kMostTaps && tile.kernel_h <= kMostRows && tile.tap_bytes <= 127;
}

AssemblyFunction emit_depthwise_tile(const DepthwiseTile& tile) { return Emitter(tile).emit(); }

}  // namespace mote::compile::vectors
