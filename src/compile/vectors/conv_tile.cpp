#include "vectors/conv_tile.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "vectors/end.hpp"

namespace mote::compile::vectors {
namespace {

using enum Reg;
using m4::Condition;

constexpr std::int32_t kStep = 16;          // bytes of a window that a step multiplies
constexpr std::int32_t kStepsUnrolled = 9;  // of a window; more are a loop
constexpr std::int32_t kStepsATurn = 4;     // of that loop
constexpr std::int32_t kMostSegments = 16;

// Even registers are the sums, r1 and r3 the inputs, r5 weights, r7 output, r9 the jump between segments, r11 counts.
constexpr std::array<Reg, 8> kSums{r0, r2, r4, r6, r8, r10, r12, lr};

class Emitter {
 public:
  explicit Emitter(const ConvTile& tile)
      : tile_(tile),
        a_(fmt::format("conv_vectors_p{}_{}x{}_c{}_{}", tile.pixels, tile.segments, tile.run, tile.out_c,
                       text(tile.end))) {}

  AssemblyFunction emit() {
    // The order of the members of device::VectorConvJob.
    enum JobMember : int { job_x = 0, job_x_second = 4, job_y = 8, job_y_end = 12, job_panels = 16, job_jump = 20 };
    a_.enter("r4-r11, lr");
    a_.ldrd(r1, r2, r0, job_x);
    a_.ldrd(r7, r3, r0, job_y);
    a_.ldrd(r5, r9, r0, job_panels);
    a_.enter("r1-r3");  // the inputs and the outputs' end wait on the stack
    const Label group = a_.new_label();
    a_.loop(group);
    a_.ldrd(r1, r3, sp, 0);
    if (tail() > 0) {
      a_.constant(r11, tail());
      a_.first_bytes(r11);
    }
    sums();
    std::vector<Vector> values;
    a_.lanes(q0, kSums[0], kSums[1], kSums[2], kSums[3]);
    values.push_back(q0);
    if (tile_.pixels == 2) {
      a_.lanes(q1, kSums[4], kSums[5], kSums[6], kSums[7]);
      values.push_back(q1);
    }
    emit_end(a_, tile_.end, values, r5, r11);
    a_.ldr(r1, sp, 8);
    store();
    a_.cmp(r7, r1);
    a_.branch(Condition::ne, group);
    a_.add(sp, sp, 12, r0);
    a_.leave("r4-r11, pc");
    AssemblyFunction f{a_.name(), "VectorConvJob", a_.function("pixels in groups of four channels"), a_.bytes(),
                       a_.bytes()};
    f.vectors = true;
    return f;
  }

 private:
  [[nodiscard]] std::int32_t tail() const { return tile_.run % kStep; }
  [[nodiscard]] std::int32_t whole_steps() const { return tile_.run / kStep; }
  [[nodiscard]] std::int32_t all_steps() const { return tile_.segments * (whole_steps() + (tail() > 0 ? 1 : 0)); }

  void step(bool first, bool partial) {
    if (partial) {
      a_.where_active(tile_.pixels);
      a_.load_some_bytes(q0, r1, kStep);
      if (tile_.pixels == 2) a_.load_some_bytes(q1, r3, kStep);
    } else {
      a_.load_bytes(q0, r1, kStep);
      if (tile_.pixels == 2) a_.load_bytes(q1, r3, kStep);
    }
    for (std::size_t c = 0; c < 4; ++c) {
      const Vector weights = c % 2 == 0 ? q2 : q3;
      a_.load_bytes(weights, r5, kStep);
      for (int p = 0; p < tile_.pixels; ++p) {
        const Reg sum = kSums[c + (p == 0 ? 0 : 4)];
        if (first)
          a_.multiply_across(sum, p == 0 ? q0 : q1, weights);
        else
          a_.multiply_add_across(sum, p == 0 ? q0 : q1, weights);
      }
    }
  }
  void next_segment() {
    a_.add(r1, r1, r9);
    if (tile_.pixels == 2) a_.add(r3, r3, r9);
  }

  void sums() {
    if (all_steps() <= kStepsUnrolled) {
      bool first = true;
      for (std::int32_t s = 0; s < tile_.segments; ++s) {
        if (s > 0) next_segment();
        for (std::int32_t i = 0; i < whole_steps(); ++i, first = false) step(first, false);
        if (tail() > 0) step(first, true);
        first = false;
      }
      return;
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(4 * tile_.pixels); ++i) a_.movw(kSums[i], 0);
    const bool segments_are_turns = tile_.segments > 1 && all_steps() / tile_.segments <= kStepsUnrolled;
    if (segments_are_turns) {
      turns(tile_.segments, [&] {
        for (std::int32_t i = 0; i < whole_steps(); ++i) step(false, false);
        if (tail() > 0) step(false, true);
        next_segment();
      });
      return;
    }
    for (std::int32_t s = 0; s < tile_.segments; ++s) {
      if (s > 0) next_segment();
      turns(whole_steps() / kStepsATurn, [&] {
        for (std::int32_t i = 0; i < kStepsATurn; ++i) step(false, false);
      });
      for (std::int32_t i = 0; i < whole_steps() % kStepsATurn; ++i) step(false, false);
      if (tail() > 0) step(false, true);
    }
  }
  template <class Body>
  void turns(std::int32_t count, Body body) {
    if (count == 0) return;
    const Label loop = a_.new_label();
    a_.movw(r11, count);
    a_.loop(loop);
    body();
    a_.subs(r11, r11, 1);
    a_.branch(Condition::ne, loop);
  }

  /// r1: the outputs' end.
  void store() {
    const std::int32_t missing = -tile_.out_c & 3;
    if (tile_.pixels == 2) a_.add(r0, r7, tile_.out_c, r2);
    if (missing > 0) {  // the last group is partial
      a_.sub(r11, r1, r7);
      a_.subs(r11, r11, missing);
      a_.first_words(r11);
      a_.where_active(tile_.pixels);
      a_.store_some_words_as_bytes(q0, r7, 4);
      if (tile_.pixels == 2) a_.store_some_words_as_bytes(q1, r0, 0);
      return;
    }
    a_.store_words_as_bytes(q0, r7, 4);
    if (tile_.pixels == 2) a_.store_words_as_bytes(q1, r0, 0);
  }

  const ConvTile& tile_;
  Assembler a_;
};

}  // namespace

bool can_emit(const ConvTile& tile) {
  return tile.segments <= kMostSegments && tile.run / kStep / kStepsATurn <= 0xffff && tile.out_c <= 0xffff;
}

AssemblyFunction emit_conv_tile(const ConvTile& tile) { return Emitter(tile).emit(); }

AssemblyFunction emit_padded_run() {
  // The order of the members of device::PaddedRun.
  enum JobMember : int { job_to = 0, job_from = 4, job_before = 8, job_count = 12, job_after = 16, job_padding = 20 };
  Assembler a("padded_run_vectors");
  a.enter("r4, lr");
  a.ldrd(r1, r2, r0, job_to);
  a.ldrd(r3, r4, r0, job_before);
  a.ldr(r12, r0, job_padding);
  a.ldr(r0, r0, job_after);
  a.every_byte(q0, r12);
  // Stores of a last, partial vector move their address too far: each part has its own.
  const auto part = [&](Reg count, auto&& body) {
    const Label begin = a.new_label(), end = a.new_label();
    a.while_bytes(count, begin, end);
    body();
    a.end_bytes(begin, end);
  };
  a.add(r12, r1, r3);
  part(r3, [&] { a.store_bytes(q0, r1, 16); });
  a.add(r3, r12, r4);
  part(r4, [&] {
    a.load_bytes(q1, r2, 16);
    a.store_bytes(q1, r12, 16);
  });
  part(r0, [&] { a.store_bytes(q0, r3, 16); });
  a.leave("r4, pc");
  AssemblyFunction f{a.name(),  "PaddedRun", a.function("a row of a window, with its padding"),
                     a.bytes(), a.bytes(),   true};
  f.vectors = true;
  return f;
}

}  // namespace mote::compile::vectors
