#include "m4/winograd.hpp"

#include <fmt/format.h>

#include <array>

#include "m4/assembler.hpp"

namespace mote::compile::m4 {
namespace {

using enum Reg;

// What is done for a position fits the instruction cache of 1 KB; a step has 52 bytes, or 56 beyond the first 8. Where
// sums are carried on from one chunk to the next, there is more around them.
constexpr std::int32_t kLongestChunk = 16, kLongestOfMany = 12;
constexpr std::int32_t kShortestChunk = 6;    // else the sums go through memory too often
constexpr std::int32_t kTileBytes = 24 * 16;  // of m
constexpr std::int32_t kQuadBytes = 48;       // of t: 6 rows of 4 channels

std::int32_t line_bytes(const Winograd& w) { return (w.out_w + 2) * w.in_c; }
std::int32_t position_bytes(const Winograd& w) { return w.tiles * w.in_c * 2; }

AssemblyFunction finished(const Assembler& a, const char* job, std::string_view description, std::size_t hot) {
  return {a.name(), job, a.function(description), a.bytes(), hot};
}

// The orders of the members of the jobs in device/kernels/winograd.hpp.
enum ColumnsMember : int { columns_x = 0, columns_x_end = 4, columns_t = 8 };
enum RowsMember : int { rows_t = 0, rows_v = 4, rows_tiles = 8 };
enum ProductsMember : int { products_v = 0, products_u = 4, products_m = 8 };
enum OutputMember : int { output_m = 0, output_y = 4, output_params = 8, output_tiles = 12 };

/// The transform along the height of two channels: d[i] in words[i] (bytes `rotate` and `rotate` + 2), results to t.
///   t0 = 4 d0 - 5 d2 + d4   t1, t2 = (d4 - 4 d2) +- (d3 - 4 d1)   t3, t4 = (d4 - d2) -+ 2 (d1 - d3)
///   t5 = 4 d1 - 5 d3 + d5
void column_of_pair(Assembler& a, const std::array<Reg, 6>& words, const std::array<Reg, 6>& r, Reg t, int rotate) {
  const auto [d2, d4, c, d0, d1, d3] = r;
  const int at = rotate == 0 ? 0 : 4;
  a.sxtb16(d0, words[0], rotate);
  a.sxtb16(d2, words[2], rotate);
  a.sxtb16(d4, words[4], rotate);
  a.ssub16(d0, d0, d2);
  a.ssub16(c, d4, d2);
  a.sadd16(d0, d0, d0);
  a.sadd16(d0, d0, d0);
  a.sadd16(d0, d0, c);
  a.str(d0, t, at);  // t0
  a.sxtb16(d1, words[1], rotate);
  a.sxtb16(d3, words[3], rotate);
  const Reg f = d0;
  a.ssub16(f, d1, d3);
  a.sadd16(f, f, f);
  a.sadd16(c, c, f);
  a.str(c, t, 4 * 8 + at);  // t4
  a.sadd16(f, f, f);
  a.ssub16(c, c, f);
  a.str(c, t, 3 * 8 + at);  // t3
  const Reg d5 = c;
  a.sxtb16(d5, words[5], rotate);
  a.ssub16(d5, d5, d3);
  a.sadd16(d5, d5, f);
  a.str(d5, t, 5 * 8 + at);  // t5
  a.sadd16(d2, d2, d2);
  a.sadd16(d2, d2, d2);
  a.ssub16(d4, d4, d2);
  a.sadd16(d1, d1, d1);
  a.sadd16(d1, d1, d1);
  a.ssub16(d3, d3, d1);
  a.sadd16(d1, d4, d3);
  a.ssub16(d2, d4, d3);
  a.str(d1, t, 1 * 8 + at);  // t1
  a.str(d2, t, 2 * 8 + at);  // t2
}

/// From the sums to results: back from the transformed domain, requantization, eight bytes a tile and channel.
class OutputEmitter {
 public:
  explicit OutputEmitter(const Winograd& w)
      : w_(w), a_(fmt::format("winograd_output_{}of{}{}", w.out_w, w.out_c, end_name(w))) {}

  AssemblyFunction run() {
    a_.enter("r4-r11, lr");
    a_.ldr(r1, r0, output_m);
    a_.vmov(kM, r1);
    a_.ldr(r2, r0, output_y);
    a_.vmov(kY, r2);
    a_.ldr(r3, r0, output_params);
    a_.ldr(r4, r0, output_tiles);
    a_.movw(r5, kTileBytes);
    a_.mul(r4, r4, r5);
    a_.add(r4, r4, r1);
    a_.vmov(kEnd, r4);
    a_.movw(r4, 4);
    a_.vmov(kChannels, r4);
    const Label channel = a_.new_label(), tile = a_.new_label();
    a_.loop(channel);
    a_.vldm(r3, kBias, words());
    a_.add(r3, r3, 4 * words(), r4);
    a_.vmov(kParams, r3);
    a_.vmov(r0, kM);
    a_.vmov(r1, kY);
    a_.loop(tile);
    const std::size_t begin = a_.bytes();
    transform();
    w_.exact ? exact_end() : line_end();
    a_.vmov(r2, kEnd);
    a_.add(r0, r0, kTileBytes, r3);
    a_.add(r1, r1, 2 * w_.out_c, r3);
    a_.cmp(r0, r2);
    a_.branch(Condition::ne, tile);
    const std::size_t hot = a_.bytes() - begin;
    next_channel(channel);
    a_.leave("r4-r11, pc");
    return finished(a_, "WinogradOutputJob", "24 sums of a tile and channel to its 4 x 2 results", hot);
  }

 private:
  static constexpr Single kBias{0}, kMultiplier{1}, kRounding{2}, kShift{3};
  static constexpr Single kM{4}, kY{5}, kEnd{6}, kChannels{7}, kParams{8};
  // Sums along the height: s = 1 + 2, d = 1 - 2, u = 3 + 4, v = 3 - 4; then the results of rows 2, 1, 0, 3.
  struct Column {
    Reg s, d, u, v;
  };
  static constexpr Column kA{r4, r5, r6, r7}, kB{r8, r9, r10, r11};

  static std::string end_name(const Winograd& w) {
    if (!w.exact) return fmt::format("_s{}", w.shift);
    return w.clamp_low > -128 || w.clamp_high < 127
               ? fmt::format("_exact_from{}to{}", w.clamp_low + 128, w.clamp_high + 128)
               : "_exact";
  }
  [[nodiscard]] std::int32_t words() const { return w_.exact ? kWinogradExactWords : kWinogradLineWords; }

  /// Row i of the sums, transformed along the width: m0 + m1 + m2 to `a`, m1 - m2 - m3 to `b`.
  void row(int i, Reg a, Reg b) {
    a_.ldr_two(r2, (4 * i) * 16, r3, (4 * i + 1) * 16, r0);
    a_.ldr(r12, r0, (4 * i + 2) * 16);
    a_.ldr(lr, r0, (4 * i + 3) * 16);
    if (i == 1) {  // position 1, 1 counts once in each result: the bias goes there
      a_.vmov(r11, kBias);
      a_.add(r3, r3, r11);
    }
    a_.add(a, r2, r3);
    a_.add(a, a, r12);
    a_.sub(b, r3, r12);
    a_.sub(b, b, lr);
  }

  void transform() {
    row(1, kA.s, kB.s);
    row(2, r2, r3);
    for (const auto& [c, r] : {std::pair{kA, r2}, std::pair{kB, r3}}) {
      a_.sub(c.d, c.s, r);
      a_.add(c.s, c.s, r);
    }
    row(3, kA.u, kB.u);
    row(4, r2, r3);
    for (const auto& [c, r] : {std::pair{kA, r2}, std::pair{kB, r3}}) {
      a_.sub(c.v, c.u, r);
      a_.add(c.u, c.u, r);
    }
    row(0, r2, r3);
    for (const auto& [c, r] : {std::pair{kA, r2}, std::pair{kB, r3}}) {
      a_.add(r, r, c.s);
      a_.add_lsl(c.s, c.s, c.u, 2);  // row 2: s + 4 u
      a_.add(c.u, c.u, r);           // row 0: m0 + s + u
    }
    row(5, r2, r3);
    for (const auto& [c, r] : {std::pair{kA, r2}, std::pair{kB, r3}}) {
      a_.add(r, r, c.d);
      a_.add_lsl(c.d, c.d, c.v, 1);  // row 1: d + 2 v
      a_.add_lsl(c.v, r, c.v, 3);    // row 3: d + 8 v + m5
    }
  }

  template <class F>
  void each(F f) {
    for (const Column& c : {kA, kB}) {
      for (const Reg r : {c.u, c.d, c.s, c.v}) f(r);
    }
  }
  void store() {
    int column = 0;
    for (const Column& c : {kA, kB}) {
      int i = 0;
      for (const Reg r : {c.u, c.d, c.s, c.v}) a_.strb(r, r1, i++ * w_.out_w * w_.out_c + column * w_.out_c);
      ++column;
    }
  }

  void line_end() {
    a_.vmov(r2, r3, kMultiplier);
    each([&](Reg r) { a_.smmla(r, r, r2, r3); });
    each([&](Reg r) { a_.ssat8(r, r, w_.shift); });
    store();
  }

  void exact_end() {
    // 48 x to 2 x: a third is a product with the inverse of 3 modulo 2^32.
    a_.movw(r2, 0xaaab);
    a_.movt(r2, 0xaaaa);
    each([&](Reg r) { a_.asr(r, r, 3); });
    each([&](Reg r) { a_.mul(r, r, r2); });
    a_.vmov(r2, r3, kMultiplier);
    a_.vmov(r12, kShift);
    each([&](Reg r) {
      a_.smmlar(lr, r, r2, r3);
      a_.add_asr(r, lr, r, 31);
      a_.asr(r, r, r12);
      a_.ssat8(r, r);
      if (w_.clamp_low > -128) a_.at_least(r, w_.clamp_low);
      if (w_.clamp_high < 127) a_.at_most(r, w_.clamp_high);
    });
    store();
  }

  void next_channel(Label channel) {
    for (const Single s : {kM, kEnd}) {
      a_.vmov(r2, s);
      a_.add(r2, r2, 4, r4);
      a_.vmov(s, r2);
    }
    a_.vmov(r2, kY);
    a_.add(r2, r2, 1, r4);
    a_.vmov(kY, r2);
    a_.vmov(r3, kParams);
    a_.vmov(r2, kChannels);
    a_.subs(r2, r2, 1);
    a_.vmov(kChannels, r2);
    a_.branch(Condition::ne, channel);
  }

  const Winograd& w_;
  Assembler a_;
};

/// Sums over the channels: pairs of tiles times four output channels, position by position.
class ProductsEmitter {
 public:
  explicit ProductsEmitter(const Winograd& w)
      : w_(w),
        a_(fmt::format("winograd_products_{}x{}", w.tiles, w.in_c)),
        chunk_(winograd_chunk(w.in_c)),
        chunks_(w.in_c / 2 / chunk_) {}

  AssemblyFunction run() {
    a_.enter("r4-r11, lr");
    a_.ldr(r1, r0, products_u);
    a_.ldr(r2, r0, products_m);
    a_.ldr(r0, r0, products_v);
    a_.vmov(kM, r2);
    a_.movw(r3, kWinogradPositions);
    a_.vmov(kPositionsLeft, r3);
    const Label position = a_.new_label(), chunk = a_.new_label();
    a_.loop(position);
    if (chunks_ > 1) {
      a_.movw(r3, 0);
      a_.vmov(kChunk, r3);
      a_.loop(chunk);
    }
    const std::size_t hot = pairs();
    a_.add(r1, r1, chunk_ * 16, r3);
    if (chunks_ > 1) {
      // The next chunk of the channels begins at the first tile again.
      a_.vmov(r3, kChunk);
      a_.add(r0, r0, chunk_ * 4 - position_bytes(w_), r2);
      a_.add(r3, r3, 1, r2);
      a_.vmov(kChunk, r3);
      a_.cmp(r3, chunks_);
      a_.branch(Condition::ne, chunk);
      a_.add(r0, r0, position_bytes(w_) - w_.in_c * 2, r2);
    }
    a_.vmov(r2, kM);
    a_.vmov(r3, kPositionsLeft);
    a_.add(r2, r2, 16, r4);
    a_.vmov(kM, r2);
    a_.subs(r3, r3, 1);
    a_.vmov(kPositionsLeft, r3);
    a_.branch(Condition::ne, position);
    a_.leave("r4-r11, pc");
    return finished(a_, "WinogradProductsJob",
                    fmt::format("24 positions, {} tiles x 4 channels over {} channels", w_.tiles, w_.in_c), hot);
  }

 private:
  static constexpr Single kM{0}, kPositionsLeft{1}, kChunk{2}, kSums{3}, kEnd{4};
  static constexpr std::array<Reg, 4> kTileA{r4, r5, r6, r7}, kTileB{r8, r9, r10, r11};

  /// A step is 8 SMLAD and 6 loads: 16 cycles for 16 products.
  void step(std::int32_t i) {
    const bool first = i == 0 && chunks_ == 1;
    const auto add = [&](Reg sum, Reg u, Reg v) { first ? a_.smuad(sum, u, v) : a_.smlad(sum, u, v, sum); };
    a_.ldr(r12, r0, 4 * i);
    a_.ldr(lr, r0, 4 * i + w_.in_c * 2);
    for (const std::size_t c : {0u, 2u}) {
      const int u = 16 * i + 4 * static_cast<int>(c);
      a_.ldr_two(r2, u, r3, u + 4, r1);
      add(kTileA[c], r2, r12);
      add(kTileB[c], r2, lr);
      add(kTileA[c + 1], r3, r12);
      add(kTileB[c + 1], r3, lr);
    }
  }

  /// Where sums are carried on from the chunk before: from memory, and from zero in the first.
  void begin_sums() {
    const Label begun = a_.new_label(), fresh = a_.new_label();
    a_.vmov(r3, kChunk);
    a_.vmov(r2, kSums);
    a_.cmp(r3, 0);
    a_.branch(Condition::eq, fresh);
    for (int c = 0; c < 4; ++c) a_.ldr(kTileA[static_cast<std::size_t>(c)], r2, 4 * c);
    for (int c = 0; c < 4; ++c) a_.ldr(kTileB[static_cast<std::size_t>(c)], r2, kTileBytes + 4 * c);
    a_.jump(begun);
    a_.place(fresh);
    for (const auto& tile : {kTileA, kTileB}) {
      for (const Reg r : tile) a_.movw(r, 0);
    }
    a_.place(begun);
  }

  std::size_t pairs() {
    const Label pair = a_.new_label();
    a_.vmov(r2, kM);
    a_.vmov(kSums, r2);
    a_.add(r2, r0, position_bytes(w_), r3);
    a_.vmov(kEnd, r2);
    a_.loop(pair);
    const std::size_t begin = a_.bytes();
    if (chunks_ > 1) begin_sums();
    for (std::int32_t i = 0; i < chunk_; ++i) step(i);
    a_.vmov(r2, kSums);
    a_.vmov(r3, kEnd);
    for (int c = 0; c < 4; ++c) a_.str(kTileA[static_cast<std::size_t>(c)], r2, 4 * c);
    for (int c = 0; c < 4; ++c) a_.str(kTileB[static_cast<std::size_t>(c)], r2, kTileBytes + 4 * c);
    a_.add(r2, r2, 2 * kTileBytes, r4);
    a_.vmov(kSums, r2);
    a_.add(r0, r0, w_.in_c * 4, r4);
    a_.cmp(r0, r3);
    a_.branch(Condition::ne, pair);
    return a_.bytes() - begin;
  }

  const Winograd& w_;
  Assembler a_;
  std::int32_t chunk_, chunks_;
};

}  // namespace

std::int32_t winograd_chunk(std::int32_t in_c) {
  const std::int32_t pairs = in_c / 2;
  if (in_c % 4 != 0) return 0;
  if (pairs <= kLongestChunk) return pairs;
  for (std::int32_t chunk = kLongestOfMany; chunk >= kShortestChunk; --chunk) {
    if (pairs % chunk == 0) return chunk;
  }
  return 0;
}

bool can_emit(const Winograd& w) {
  return winograd_chunk(w.in_c) > 0 && w.out_c >= 4 && w.tiles >= 2 && w.tiles % 2 == 0 && 5 * line_bytes(w) <= 4095 &&
         3 * w.in_c / 4 * kQuadBytes + kQuadBytes <= 4095 && 3 * position_bytes(w) + 4 <= 4095 &&
         3 * w.out_w * w.out_c + w.out_c <= 4095 && 2 * w.in_c + 4 * 16 <= 4095 &&
         (w.exact || (w.shift >= 0 && w.shift <= 31));
}

AssemblyFunction emit_winograd_columns(const Winograd& w) {
  const std::int32_t line = line_bytes(w);
  Assembler a(fmt::format("winograd_columns_by{}", line));
  a.enter("r4-r11, lr");
  a.ldr(r1, r0, columns_t);
  a.ldr(r2, r0, columns_x_end);
  a.vmov(Single{0}, r2);
  a.ldr(r0, r0, columns_x);
  const Label quad = a.new_label();
  a.loop(quad);
  const std::size_t begin = a.bytes();
  const std::array<Reg, 6> words{r2, r3, r4, r5, r6, r7}, sums{r8, r9, r10, r11, r12, lr};
  for (int i = 0; i < 6; ++i) a.ldr(words[static_cast<std::size_t>(i)], r0, i * line);
  column_of_pair(a, words, sums, r1, 0);
  column_of_pair(a, words, sums, r1, 8);
  a.vmov(r2, Single{0});
  a.add(r0, r0, 4, r3);
  a.add(r1, r1, kQuadBytes, r3);
  a.cmp(r0, r2);
  a.branch(Condition::ne, quad);
  const std::size_t hot = a.bytes() - begin;
  a.leave("r4-r11, pc");
  return finished(a, "WinogradColumnsJob", "6 lines, transformed along the height, four channels a turn", hot);
}

AssemblyFunction emit_winograd_rows(const Winograd& w) {
  const std::int32_t column = w.in_c / 4 * kQuadBytes, position = position_bytes(w);
  Assembler a(fmt::format("winograd_rows_{}x{}", w.tiles, w.in_c));
  a.enter("r4-r11, lr");
  a.ldr(r1, r0, rows_v);
  a.ldr(r2, r0, rows_tiles);
  a.vmov(Single{1}, r2);
  a.ldr(r0, r0, rows_t);
  const Label tile = a.new_label(), quad = a.new_label();
  a.loop(tile);
  const std::size_t begin = a.bytes();
  a.movw(r2, w.in_c / 4);
  a.vmov(Single{0}, r2);
  a.loop(quad);
  for (int i = 0; i < 6; ++i) {
    const std::array<Reg, 8> d{r2, r3, r4, r5, r6, r7, r8, r9};  // columns 0 to 3, each a pair (0, 2) and (1, 3)
    for (int j = 0; j < 4; ++j) {
      for (int p = 0; p < 2; ++p) a.ldr(d[static_cast<std::size_t>(2 * j + p)], r0, j * column + 8 * i + 4 * p);
    }
    for (std::size_t p = 0; p < 2; ++p) {
      const Reg d0 = d[p], d1 = d[2 + p], d2 = d[4 + p], d3 = d[6 + p];
      a.ssub16(d0, d0, d2);
      a.ssub16(d3, d1, d3);
      a.sadd16(p == 0 ? r10 : r11, d1, d2);
      a.ssub16(d2, d2, d1);
    }
    for (int p = 0; p < 2; ++p) {
      const auto k = static_cast<std::size_t>(p);
      a.str(d[k], r1, 4 * p);
      a.str(p == 0 ? r10 : r11, r1, position + 4 * p);
      a.str(d[4 + k], r1, 2 * position + 4 * p);
      a.str(d[6 + k], r1, 3 * position + 4 * p);
    }
    if (i < 5) a.add(r1, r1, 4 * position, r12);
  }
  a.add(r1, r1, 8 - 20 * position, r12);
  a.add(r0, r0, kQuadBytes, r12);
  a.vmov(r2, Single{0});
  a.subs(r2, r2, 1);
  a.vmov(Single{0}, r2);
  a.branch(Condition::ne, quad);
  a.add(r0, r0, column, r12);  // tiles are two columns apart
  a.vmov(r2, Single{1});
  a.subs(r2, r2, 1);
  a.vmov(Single{1}, r2);
  a.branch(Condition::ne, tile);
  const std::size_t hot = a.bytes() - begin;
  a.leave("r4-r11, pc");
  return finished(a, "WinogradRowsJob", "4 columns of a tile, transformed along the width", hot);
}

AssemblyFunction emit_winograd_products(const Winograd& w) { return ProductsEmitter(w).run(); }
AssemblyFunction emit_winograd_output(const Winograd& w) { return OutputEmitter(w).run(); }

std::int64_t winograd_cycles(const Winograd& w, const WinogradCount& n) {
  const std::int64_t groups = (w.out_c + 3) / 4, chunks = w.in_c / 2 / winograd_chunk(w.in_c);
  const std::int64_t filter_bytes = std::int64_t{kWinogradPositions} * w.in_c * 8;
  // 3/4 a channel: words of v that begin in the middle of a fetch.
  const std::int64_t pair = 8 * w.in_c + w.in_c * 3 / 4 + 16 * chunks + (chunks > 1 ? 14 * chunks : 0);
  // Products and output are straight code, more than the instruction cache together: read from flash for each group of
  // channels of each strip. These and the 60 cycles a tile: fitted to 17 measured strips of 2 to 32 tiles, within 2 %.
  constexpr std::int64_t kFetch = 500, kTile = 60;
  std::int64_t cycles = n.columns * std::int64_t{w.in_c / 4} * 76;
  cycles += n.tiles * std::int64_t{w.in_c / 4} * 168;
  cycles += groups * (std::int64_t{n.tiles} / 2 * kWinogradPositions * pair + n.tiles * kTile);
  cycles += groups * n.strips *
            (kWinogradPositions * (16 + 16 * chunks) + filter_bytes / 2 + kFetch);  // 3.95 cycles for 8 bytes
  cycles += 4 * groups * n.tiles * (w.exact ? 134 : 108);
  return cycles;
}

}  // namespace mote::compile::m4
