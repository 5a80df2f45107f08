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
constexpr std::int32_t kMostRows = 16;      // of a window: device::kMostWindowRows
constexpr std::int32_t kMostGathers = 32;   // vectors of a window

// Even registers are the sums, r1 and r3 the inputs, r5 weights, r7 rows or output, r9 the step between pixels, r11
// counts.
constexpr std::array<Reg, 8> kSums{r0, r2, r4, r6, r8, r10, r12, lr};

// What a run keeps on the stack.
enum Frame : int { at_y = 0, at_y_end = 4, at_pixels = 8, at_panels = 12, at_windows = 16, at_rows = 20 };

class Emitter {
 public:
  explicit Emitter(const ConvTile& tile)
      : tile_(tile),
        a_(fmt::format("conv_vectors_p{}_{}x{}_k{}{}_c{}_{}", tile.pixels, tile.segments, tile.run, tile.kernel_h,
                       tile.gathers == 0 ? std::string()
                                         : fmt::format("g{}x{}s{}", tile.gathers, tile.gathered_run, tile.gather_step),
                       tile.out_c, text(tile.end))) {}

  AssemblyFunction emit() {
    // The order of the members of device::VectorRun.
    enum RunMember : int { run_rows = 0, run_y = 4, run_panels = 8, run_pixels = 12, run_step = 16, run_windows = 28 };
    const int frame = (at_rows + 4 * tile_.kernel_h + 7) & ~7;
    const std::int32_t group_bytes = (tile_.out_c + 3) & ~3;
    a_.enter("r4-r11, lr");
    a_.add(sp, sp, -frame, r1);
    a_.ldrd(r1, r2, r0, run_rows);
    a_.str(r2, sp, at_y);
    a_.ldrd(r2, r3, r0, run_panels);
    a_.str(r2, sp, at_panels);
    a_.str(r3, sp, at_pixels);
    a_.ldr(r9, r0, run_step);
    if (tile_.gathers > 0) {
      a_.ldr(r2, r0, run_windows);
      a_.str(r2, sp, at_windows);
    }
    for (std::int32_t ky = 0; ky < tile_.kernel_h; ++ky) {
      a_.ldr(r2, r1, 4 * ky);
      a_.str(r2, sp, row(ky));
    }
    const Label pixels = a_.new_label(), group = a_.new_label(), done = a_.new_label();
    a_.loop(pixels);
    a_.ldr(r5, sp, at_panels);
    a_.ldr(r7, sp, at_y);
    a_.add(r0, r7, group_bytes, r1);
    a_.str(r0, sp, at_y_end);
    gather();
    a_.loop(group);
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
    if (segments_are_turns()) a_.ldr(r7, sp, at_y);
    a_.ldr(r1, sp, at_y_end);
    store();
    if (segments_are_turns()) a_.str(r7, sp, at_y);
    a_.cmp(r7, r1);
    a_.branch(Condition::ne, group);
    next_pixels(group_bytes, done);
    a_.jump(pixels);
    a_.place(done);
    a_.add(sp, sp, frame, r0);
    a_.leave("r4-r11, pc");
    AssemblyFunction f{a_.name(), "VectorRun", a_.function("pixels in groups of four channels"), a_.bytes(),
                       a_.bytes()};
    f.vectors = true;
    return f;
  }

 private:
  [[nodiscard]] std::int32_t tail() const { return tile_.run % kStep; }
  [[nodiscard]] std::int32_t whole_steps() const { return tile_.run / kStep; }
  [[nodiscard]] std::int32_t all_steps() const { return tile_.segments * (whole_steps() + (tail() > 0 ? 1 : 0)); }

  /// Then r7 walks over the rows, and the output waits on the stack.
  [[nodiscard]] bool segments_are_turns() const {
    return all_steps() > kStepsUnrolled && tile_.segments > 1 && all_steps() / tile_.segments <= kStepsUnrolled;
  }

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
  [[nodiscard]] static int row(std::int32_t ky) { return at_rows + 4 * ky; }
  /// The inputs of segment s, or of the one at r7, which moves on.
  void segment(std::int32_t s) {
    if (tile_.gathers > 0) {
      a_.ldr(r1, sp, at_windows);
      if (tile_.pixels == 2) a_.add(r3, r1, tile_.run, r11);
      return;
    }
    a_.ldr(r1, sp, row(s));
    if (tile_.pixels == 2) a_.add(r3, r1, r9);
  }
  void segment_at_r7() {
    a_.ldr_post(r1, r7, 4);
    if (tile_.pixels == 2) a_.add(r3, r1, r9);
  }

  /// The windows of the pixels, one behind the other: runs end in whole vectors, of which the next one writes over what
  /// is too much.
  void gather() {
    if (tile_.gathers == 0) return;
    const std::int32_t rest = tile_.gathered_run % kStep;
    if (rest > 0) {
      a_.constant(r11, rest);
      a_.first_bytes(r11);
    }
    a_.ldr(r3, sp, at_windows);
    for (int p = 0; p < tile_.pixels; ++p) {
      for (std::int32_t ky = 0; ky < tile_.kernel_h; ++ky) {
        for (std::int32_t i = 0; i < tile_.gathers; ++i) {
          a_.ldr(r1, sp, row(ky));
          if (p == 1) a_.add(r1, r1, r9);
          if (i > 0) a_.add(r1, r1, i * tile_.gather_step, r11);
          for (std::int32_t k = 0; k < tile_.gathered_run / kStep; ++k) {
            a_.load_bytes(q0, r1, kStep);
            a_.store_bytes(q0, r3, kStep);
          }
          if (rest == 0) continue;
          a_.where_active(1);
          a_.load_some_bytes(q0, r1, 0);
          a_.store_bytes(q0, r3, rest);
        }
      }
    }
  }

  /// Of an odd number the last but one again.
  void next_pixels(std::int32_t group_bytes, Label done) {
    a_.ldr(r0, sp, at_pixels);
    a_.subs(r0, r0, tile_.pixels);
    a_.branch(Condition::eq, done);
    a_.add(r7, r7, tile_.pixels * tile_.out_c - group_bytes, r2);
    if (tile_.pixels == 2) {
      const Label even = a_.new_label();
      a_.lsl(r2, r9, 1);
      a_.cmp(r0, 1);
      a_.branch(Condition::ne, even);
      a_.mov(r2, r9);
      a_.add(r7, r7, -tile_.out_c, r0);
      a_.movw(r0, 2);
      a_.place(even);
    } else {
      a_.mov(r2, r9);
    }
    a_.str(r0, sp, at_pixels);
    a_.str(r7, sp, at_y);
    for (std::int32_t ky = 0; ky < tile_.kernel_h; ++ky) {
      a_.ldr(r1, sp, row(ky));
      a_.add(r1, r1, r2);
      a_.str(r1, sp, row(ky));
    }
  }

  void sums() {
    if (all_steps() <= kStepsUnrolled) {
      bool first = true;
      for (std::int32_t s = 0; s < tile_.segments; ++s) {
        segment(s);
        for (std::int32_t i = 0; i < whole_steps(); ++i, first = false) step(first, false);
        if (tail() > 0) step(first, true);
        first = false;
      }
      return;
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(4 * tile_.pixels); ++i) a_.movw(kSums[i], 0);
    if (segments_are_turns()) {
      a_.add(r7, sp, at_rows, r11);
      turns(tile_.segments, [&] {
        segment_at_r7();
        for (std::int32_t i = 0; i < whole_steps(); ++i) step(false, false);
        if (tail() > 0) step(false, true);
      });
      return;
    }
    for (std::int32_t s = 0; s < tile_.segments; ++s) {
      segment(s);
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
  const std::int32_t gathered = tile.kernel_h * tile.gathers * ((tile.gathered_run + kStep - 1) / kStep);
  return tile.kernel_h <= kMostRows && gathered <= kMostGathers && tile.gathers * tile.gather_step <= 0xffff &&
         tile.run / kStep / kStepsATurn <= 0xffff && tile.out_c <= 0x3fff;
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
