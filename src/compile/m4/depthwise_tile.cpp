#include "m4/depthwise_tile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <span>

#include "m4/assembler.hpp"

namespace mote::compile::m4 {
namespace {

using enum Reg;

constexpr std::int32_t kTile = 4;        // outputs at once
constexpr std::int32_t kMostTiles = 2;   // in a loop's body: about 220 bytes each, which every channel reads anew
constexpr std::int32_t kHotBytes = 920;  // of these: more would leave the instruction cache
constexpr std::int32_t kRegisters = 6;   // for weights
constexpr std::int32_t kSingles = 20;    // for weights that find no register
constexpr std::int32_t kReach = 4095;    // of a load's or store's offset

constexpr Single kOutput{0}, kBias{1}, kMultiplier{2}, kRounding{3}, kShift{4}, kLinesLeft{5}, kParams{6},
    kChannelsLeft{7}, kPlane{8}, kChannelOutput{9}, kTilesLeft{10}, kJob{11};
constexpr Single kPlaceBytes{12}, kLineJump{13};  // shared
/// First of the singles that hold weights.
Single weight_singles(const DepthwiseTile& t) { return {t.shared ? 14 : 12}; }
constexpr std::array<Reg, 4> kSums{r7, r8, r9, r10};
constexpr std::array<Reg, 3> kInputs{r11, r12, lr};
constexpr std::array<Reg, 6> kWeights{r0, r1, r2, r3, r4, r5};

std::int32_t tile_bytes(const DepthwiseTile& t);

/// A line's outputs: `loops` times a body of `tiles` whole tiles, then `more` whole tiles and a rest.
struct Cut {
  std::int32_t tiles, loops, more, rest;
};

Cut cut_line(const DepthwiseTile& t) {
  const std::int32_t hot = tile_bytes(t) * kMostTiles <= kHotBytes ? kMostTiles : 1;
  const std::int32_t most = t.shared ? hot : std::clamp(kReach / (kTile * std::max(t.output_place_bytes, 1)), 1, hot);
  const std::int32_t whole = t.places / kTile;
  const Cut straight{0, 0, whole, t.places % kTile};
  if (whole <= most) return straight;
  for (std::int32_t tiles = most; tiles > 1; --tiles) {
    if (whole % tiles == 0) return {tiles, whole / tiles, 0, straight.rest};
  }
  return {most, whole / most, whole % most, straight.rest};
}

/// A kernel line in parts of four places, the last one of up to five: as many words of inputs as there are registers.
struct Part {
  std::int32_t first, width;  // places
};
constexpr std::int32_t kPart = 4;
std::int32_t parts_of_line(const DepthwiseTile& t) { return std::max(1, (t.kernel_places - 2) / kPart + 1); }
Part part_of_line(const DepthwiseTile& t, std::int32_t i) {
  const bool last = i + 1 == parts_of_line(t);
  return {kPart * i, last ? t.kernel_places - kPart * i : kPart};
}

std::int32_t odd_words(const DepthwiseTile& t, const Part& part);

/// The words of a part: (w0, w1), (w2, w3).. for outputs at even places, (w1, w2), (w3, w4).. for odd ones.
std::int32_t even_words(const DepthwiseTile& t, const Part& part) {
  // Where there are odd places the last weight of an odd part is in an odd word.
  return odd_words(t, part) > 0 ? part.width / 2 : (part.width + 1) / 2;
}
std::int32_t odd_words(const DepthwiseTile& t, const Part& part) {
  const bool odd_places = t.stride_places % 2 != 0 || t.phase != 0;
  return odd_places ? (part.width - 1) / 2 : 0;
}
std::int32_t part_words(const DepthwiseTile& t, const Part& part) { return even_words(t, part) + odd_words(t, part); }
std::int32_t line_words(const DepthwiseTile& t) {
  std::int32_t words = 0;
  for (std::int32_t i = 0; i < parts_of_line(t); ++i) words += part_words(t, part_of_line(t, i));
  return words;
}

/// About the code of a whole tile: moves of weights, loads, products, and 20 instructions around them.
std::int32_t tile_bytes(const DepthwiseTile& t) {
  std::int32_t a_line = 0;
  for (std::int32_t i = 0; i < parts_of_line(t); ++i) {
    const Part part = part_of_line(t, i);
    const std::int32_t even_products = (part.width + 1) / 2, odd_products = part.width / 2 + 1;
    const bool odd_places = t.stride_places % 2 != 0;
    a_line += weight_words(t) > kRegisters ? part_words(t, part) : 0;
    a_line += 2 * (even_products + (odd_places ? odd_products : even_products));
    a_line += 3 * t.stride_places / 2 + even_products;
  }
  return 4 * (t.kernel_lines * a_line + 20);
}

class Emitter {
 public:
  explicit Emitter(const DepthwiseTile& t)
      : t_(t), a_(t.name()), cut_(cut_line(t)), in_registers_(weight_words(t) <= kRegisters) {}

  AssemblyFunction run() {
    const Label channel = a_.new_label(), line = a_.new_label();
    enter();
    a_.loop(channel);
    begin_channel();
    a_.loop(line);
    const std::size_t begin = a_.bytes();
    whole_line();
    end_line(line);
    const std::size_t hot = a_.bytes() - begin;
    end_channel(channel);
    if (!in_registers_) a_.vpop(16, 31);
    a_.leave("r4-r11, pc");
    return {a_.name(), "DepthwiseJob", a_.function(describe()), a_.bytes(), hot};
  }

 private:
  // The order of the members of device::DepthwiseJob.
  enum JobMember : int {
    job_planes = 0,
    job_y = 4,
    job_params = 8,
    job_channels = 12,
    job_lines = 16,
    job_plane_bytes = 20,
    job_place_bytes = 24,
    job_line_jump = 28
  };

  [[nodiscard]] std::string describe() const {
    return fmt::format("depthwise {}x{}, stride {}x{}, {} outputs a line: {} times {} tiles of 4, {} more, rest {}; {}",
                       t_.kernel_lines, t_.kernel_places, t_.stride_lines, t_.stride_places, t_.places, cut_.loops,
                       cut_.tiles, cut_.more, cut_.rest, t_.exact ? "exact" : fmt::format("shift {}", t_.shift));
  }

  void enter() {
    a_.enter("r4-r11, lr");
    if (!in_registers_) a_.vpush(16, 31);
    a_.vmov(kJob, r0);
    a_.ldr(r1, r0, job_planes);
    a_.ldr(r2, r0, job_y);
    a_.ldr(r3, r0, job_params);
    a_.ldr(r4, r0, job_channels);
    a_.vmov(kPlane, r1);
    a_.vmov(kChannelOutput, r2);
    a_.vmov(kParams, r3);
    a_.vmov(kChannelsLeft, r4);
    if (!t_.shared) return;
    a_.ldr(r1, r0, job_place_bytes);
    a_.ldr(r2, r0, job_line_jump);
    a_.vmov(kPlaceBytes, r1);
    a_.vmov(kLineJump, r2);
  }

  void begin_channel() {
    a_.comment("parameters of the channel");
    a_.vmov(r6, kParams);
    const std::int32_t words = t_.bytes ? t_.kernel_lines : weight_words(t_);
    if (t_.bytes) {
      for (std::int32_t k = 0; k < words; ++k) a_.ldr(kSums[static_cast<std::size_t>(k)], r6, 4 * k);
      for (std::int32_t k = 0; k < words; ++k) unpack(k, kSums[static_cast<std::size_t>(k)]);
      a_.add(r6, r6, 4 * words, r12);
    } else if (in_registers_) {
      for (std::int32_t i = 0; i < words; ++i) a_.ldr(kWeights[static_cast<std::size_t>(i)], r6, 4 * i);
      a_.add(r6, r6, 4 * words, r12);
    } else {
      a_.vldm(r6, weight_singles(t_), words);
      a_.add(r6, r6, 4 * words, r12);
    }
    const std::int32_t rest = t_.exact ? 4 : 2;
    a_.vldm(r6, kBias, rest);
    a_.add(r6, r6, 4 * rest, r12);
    a_.vmov(r12, kJob);
    a_.vmov(kParams, r6);
    a_.ldr(r11, r12, job_lines);
    a_.vmov(r6, kPlane);
    a_.vmov(r12, kChannelOutput);
    a_.vmov(kLinesLeft, r11);
    a_.vmov(kOutput, r12);
  }

  /// Bytes w0 w1 w2 of a kernel line to the lanes 256 * w of its words.
  void unpack(std::int32_t line, Reg bytes) {
    a_.uxtb16(r11, bytes);     // w0, w2
    a_.uxtb16(r12, bytes, 8);  // w1, 0
    const Reg w0 = kWeights[static_cast<std::size_t>(2 * line)], w1 = kWeights[static_cast<std::size_t>(2 * line + 1)];
    a_.pkhbt(w0, r11, r12);
    odd_words(t_, part_of_line(t_, 0)) > 0 ? a_.pkhbt_high(w1, r12, r11) : a_.lsr(w1, r11, 16);  // (w1, w2) or (w2, 0)
    for (const Reg w : {w0, w1}) a_.lsl(w, w, 8);
  }

  void whole_line() {
    moved_ = 0;
    if (cut_.loops > 0) {
      a_.movw(r11, cut_.loops);
      a_.vmov(kTilesLeft, r11);
      const Label loop = a_.new_label();
      a_.loop(loop);
      for (std::int32_t i = 0; i < cut_.tiles; ++i) tile(kTile * i, kTile);
      const std::int32_t outputs = kTile * cut_.tiles;
      a_.vmov(r11, kTilesLeft);
      a_.add(r6, r6, outputs * t_.stride_places * 2, lr);
      if (!t_.shared) {
        a_.vmov(r12, kOutput);
        a_.add(r12, r12, outputs * t_.output_place_bytes, lr);
        a_.vmov(kOutput, r12);
      }
      a_.subs(r11, r11, 1);
      a_.vmov(kTilesLeft, r11);
      a_.branch(Condition::ne, loop);
      moved_ = outputs * cut_.loops;
    }
    for (std::int32_t i = 0; i < cut_.more; ++i) tile(kTile * i, kTile);
    if (cut_.rest > 0) tile(kTile * cut_.more, cut_.rest);
  }

  void end_line(Label line) {
    a_.vmov(r12, kOutput);
    a_.vmov(r11, kLinesLeft);
    if (t_.shared) {
      a_.vmov(lr, kLineJump);
      a_.add(r12, r12, lr);
    } else {
      a_.add(r12, r12, t_.output_line_bytes - moved_ * t_.output_place_bytes, lr);
    }
    a_.add(r6, r6, t_.stride_lines * t_.line_bytes - moved_ * t_.stride_places * 2, lr);
    a_.vmov(kOutput, r12);
    a_.subs(r11, r11, 1);
    a_.vmov(kLinesLeft, r11);
    a_.branch(Condition::ne, line);
  }

  void end_channel(Label channel) {
    a_.vmov(r11, kJob);
    a_.vmov(lr, kPlane);
    a_.ldr(r12, r11, job_plane_bytes);
    a_.vmov(r11, kChannelOutput);
    a_.add(lr, lr, r12);
    a_.add(r11, r11, 1, r12);
    a_.vmov(kPlane, lr);
    a_.vmov(kChannelOutput, r11);
    a_.vmov(r11, kChannelsLeft);
    a_.subs(r11, r11, 1);
    a_.vmov(kChannelsLeft, r11);
    a_.branch(Condition::ne, channel);
  }

  /// First word of inputs that output `j` of a tile reads, and how many.
  [[nodiscard]] std::int32_t first_word(std::int32_t j) const { return (j * t_.stride_places + t_.phase) / 2; }
  [[nodiscard]] bool at_odd_place(std::int32_t j) const { return (j * t_.stride_places + t_.phase) % 2 != 0; }
  [[nodiscard]] std::int32_t words_of(const Part& part, std::int32_t j) const {
    return at_odd_place(j) ? part.width / 2 + 1 : (part.width + 1) / 2;
  }

  /// @param weights  those of the part
  void products(const Part& part, std::span<const Reg> weights, std::int32_t j) {
    const Reg sum = kSums[static_cast<std::size_t>(j)];
    const std::int32_t even_count = even_words(t_, part), odd_count = odd_words(t_, part), width = part.width;
    const auto input = [&](std::int32_t i) { return kInputs[static_cast<std::size_t>((first_word(j) + i) % 3)]; };
    const auto even = [&](std::int32_t i) { return weights[static_cast<std::size_t>(i)]; };
    const auto odd = [&](std::int32_t i) { return weights[static_cast<std::size_t>(even_count + i)]; };
    if (!at_odd_place(j)) {
      for (std::int32_t i = 0; i < width / 2; ++i) a_.smlad(sum, even(i), input(i), sum);
      if (width % 2 == 0) return;
      if (even_count > width / 2) return a_.smlabb(sum, even(width / 2), input(width / 2), sum);
      return a_.smlatb(sum, odd(odd_count - 1), input(width / 2), sum);
    }
    a_.smlabt(sum, even(0), input(0), sum);
    for (std::int32_t i = 0; i < odd_count; ++i) a_.smlad(sum, odd(i), input(i + 1), sum);
    if (width % 2 == 0) a_.smlatb(sum, even(even_count - 1), input(width / 2), sum);
  }

  void tile(std::int32_t first, std::int32_t outputs) {
    for (std::int32_t j = 0; j < outputs; ++j) a_.vmov(kSums[static_cast<std::size_t>(j)], kBias);
    std::int32_t word = 0;  // of the channel's weights
    for (std::int32_t ky = 0; ky < t_.kernel_lines; ++ky) {
      for (std::int32_t p = 0; p < parts_of_line(t_); ++p) {
        const Part part = part_of_line(t_, p);
        const std::int32_t offset =
            ky * t_.dilation_lines * t_.line_bytes + (first * t_.stride_places + part.first) * 2;
        const std::int32_t words = part_words(t_, part);
        if (!in_registers_) {
          for (std::int32_t i = 0; i < words; ++i)
            a_.vmov(kWeights[static_cast<std::size_t>(i)], Single{weight_singles(t_).number + word + i});
        }
        const std::span<const Reg> weights = std::span(kWeights).subspan(
            static_cast<std::size_t>(in_registers_ ? word : 0), static_cast<std::size_t>(words));
        word += words;
        products_of_part(part, weights, offset, outputs);
      }
    }
    results(first, outputs);
  }
  void products_of_part(const Part& part, std::span<const Reg> weights, std::int32_t offset, std::int32_t outputs) {
    const std::int32_t words = first_word(outputs - 1) + words_of(part, outputs - 1);
    std::int32_t loaded = 0;
    for (std::int32_t j = 0; j < outputs; ++j) {
      // Three words live at once: as many as are free are loaded together.
      if (first_word(j) + words_of(part, j) > loaded) {
        for (; loaded < std::min(words, first_word(j) + 3); ++loaded)
          a_.ldr(kInputs[static_cast<std::size_t>(loaded % 3)], r6, offset + 4 * loaded);
      }
      products(part, weights, j);
    }
  }

  void results(std::int32_t first, std::int32_t outputs) {
    a_.vmov(r12, kMultiplier);
    if (t_.exact) a_.vmov(r11, kRounding);
    for (std::int32_t j = 0; j < outputs; ++j) {
      const Reg sum = kSums[static_cast<std::size_t>(j)];
      if (t_.exact) {
        a_.smmlar(lr, sum, r12, r11);
        a_.add_asr(sum, lr, sum, 31);
      } else {
        a_.smmul(sum, sum, r12);
      }
    }
    if (t_.exact) a_.vmov(r12, kShift);
    a_.vmov(lr, kOutput);
    for (std::int32_t j = 0; j < outputs; ++j) {
      const Reg sum = kSums[static_cast<std::size_t>(j)];
      if (t_.exact) a_.asr(sum, sum, r12);
      a_.ssat8(sum, sum, t_.exact ? 0 : t_.shift);
      if (t_.exact && t_.clamp_low > -128) a_.at_least(sum, t_.clamp_low);
      if (t_.exact && t_.clamp_high < 127) a_.at_most(sum, t_.clamp_high);
    }
    if (!t_.shared) {
      for (std::int32_t j = 0; j < outputs; ++j)
        a_.strb(kSums[static_cast<std::size_t>(j)], lr, (first + j) * t_.output_place_bytes);
      return;
    }
    a_.vmov(r12, kPlaceBytes);
    for (std::int32_t j = 0; j < outputs; ++j) {
      a_.strb(kSums[static_cast<std::size_t>(j)], lr, 0);
      a_.add(lr, lr, r12);
    }
    a_.vmov(kOutput, lr);
  }

  const DepthwiseTile& t_;
  Assembler a_;
  Cut cut_;
  bool in_registers_;
  std::int32_t moved_ = 0;  // outputs by which a line's loop has moved the pointers
};

}  // namespace

std::string DepthwiseTile::name() const {
  std::string text = fmt::format("depthwise_tile_{}x{}_s{}x{}_d{}p{}_n{}_l{}", kernel_lines, kernel_places,
                                 stride_lines, stride_places, dilation_lines, phase, places, line_bytes);
  text += shared ? "_shared" : fmt::format("_y{}_{}", output_place_bytes, output_line_bytes);
  if (bytes) text += "_bytes";
  if (exact && (clamp_low > -128 || clamp_high < 127))
    text += fmt::format("_from{}to{}", clamp_low + 128, clamp_high + 128);
  return text + (exact ? "_exact" : fmt::format("_s{}", shift));
}

std::int32_t weight_words(const DepthwiseTile& t) { return t.kernel_lines * line_words(t); }

WeightPair weight_pair(const DepthwiseTile& t, std::int32_t i) {
  for (std::int32_t p = 0; p < parts_of_line(t); ++p) {
    const Part part = part_of_line(t, p);
    if (i >= part_words(t, part)) {
      i -= part_words(t, part);
      continue;
    }
    const auto inside = [&](std::int32_t place) { return place < part.width ? part.first + place : -1; };
    const std::int32_t odd = i - even_words(t, part);
    return odd < 0 ? WeightPair{inside(2 * i), inside(2 * i + 1)}
                   : WeightPair{inside(2 * odd + 1), inside(2 * odd + 2)};
  }
  return {-1, -1};
}

bool can_be_bytes(const DepthwiseTile& t) { return t.kernel_places == 3 && t.kernel_lines <= 3 && !t.exact; }

std::int32_t depthwise_words(const DepthwiseTile& t) {
  return (t.bytes ? t.kernel_lines : weight_words(t)) + (t.exact ? 4 : 2);
}

std::int32_t tiles_of_line(const DepthwiseTile& t) { return (t.places + kTile - 1) / kTile; }

bool can_emit(const DepthwiseTile& t) {
  const Cut cut = cut_line(t);
  if (t.shared && weight_words(t) > kSingles - 2) return false;
  if (t.stride_places > 2 || t.stride_lines > 255 || weight_words(t) > kSingles) return false;
  const std::int32_t outputs = std::max(kTile * cut.tiles, kTile * cut.more + cut.rest);
  const std::int32_t load =
      (t.kernel_lines - 1) * t.dilation_lines * t.line_bytes + (outputs * t.stride_places + t.kernel_places + 2) * 2;
  const std::int32_t jump = std::max(t.stride_lines * t.line_bytes, t.places * t.stride_places * 2);
  const std::int32_t move = std::max({t.output_line_bytes, t.places * t.output_place_bytes, t.output_place_bytes});
  return load <= kReach && (t.shared || (outputs - 1) * t.output_place_bytes <= kReach) && jump <= 65535 &&
         move <= 65535;
}

AssemblyFunction emit_plane_gather() {
  // The order of the members of device::PlaneJob.
  enum JobMember : int {
    job_source = 0,
    job_place_bytes = 4,
    job_line_bytes = 8,
    job_planes = 12,
    job_plane_bytes = 16,
    job_zero = 20,
    job_lines = 24,
    job_left = 28,
    job_quads = 32,
    job_pairs = 36,
    job_singles = 40,
    job_right = 44
  };
  constexpr Single source{0}, line_bytes{1}, zero{2}, lines{3}, left{4}, quads{5}, pairs{6}, singles{7}, right{8};
  Assembler a("plane_gather");
  a.enter("r4-r11, lr");
  for (const auto& [member, single] : {std::pair{job_source, source},
                                       {job_line_bytes, line_bytes},
                                       {job_zero, zero},
                                       {job_lines, lines},
                                       {job_left, left},
                                       {job_quads, quads},
                                       {job_pairs, pairs},
                                       {job_singles, singles},
                                       {job_right, right}}) {
    a.ldr(r1, r0, member);
    a.vmov(single, r1);
  }
  a.ldr(r3, r0, job_planes);
  a.ldr(r12, r0, job_plane_bytes);
  a.ldr(r1, r0, job_place_bytes);
  a.add(r4, r3, r12);
  a.add(r5, r4, r12);
  a.add(r6, r5, r12);
  a.add_lsl(r2, r1, r1, 1);  // three places
  const auto store = [&](Reg c0, Reg c1, Reg c2, Reg c3) {
    a.str_post(c0, r3, 4);
    a.str_post(c1, r4, 4);
    a.str_post(c2, r5, 4);
    a.str_post(c3, r6, 4);
  };
  /// A loop of `count` turns, which may be none.
  const auto times = [&](Single count, auto&& body) {
    const Label again = a.new_label(), done = a.new_label();
    a.vmov(r7, count);
    a.cmp(r7, 0);
    a.branch(Condition::eq, done);
    a.loop(again);
    body();
    a.subs(r7, r7, 1);
    a.branch(Condition::ne, again);
    a.place(done);
  };
  const auto padding = [&] {
    a.vmov(r8, zero);
    store(r8, r8, r8, r8);
  };
  /// Words x and y of two places, channels 0 1 2 3, into the four planes.
  const auto two_places = [&](Reg x, Reg y) {
    a.pkhbt(r12, x, y);  // channels 0 1 of x, then of y
    a.pkhtb(lr, y, x);   // channels 2 3
    a.sxtb16(x, r12);
    a.sxtb16(y, r12, 8);
    a.sxtb16(r12, lr);
    a.sxtb16(lr, lr, 8);
    store(x, y, r12, lr);
  };
  const Label line = a.new_label();
  a.loop(line);
  a.vmov(r0, source);
  times(left, padding);
  times(quads, [&] {
    a.ldr(r8, r0, 0);
    a.ldr_at(r9, r0, r1, 0);
    a.ldr_at(r10, r0, r1, 1);
    a.ldr_at(r11, r0, r2, 0);
    a.add_lsl(r0, r0, r1, 2);
    two_places(r8, r9);
    two_places(r10, r11);
  });
  times(pairs, [&] {
    a.ldr(r8, r0, 0);
    a.ldr_at(r9, r0, r1, 0);
    a.add_lsl(r0, r0, r1, 1);
    two_places(r8, r9);
  });
  times(singles, [&] {  // the last place of an odd line, and padding
    a.ldr(r8, r0, 0);
    a.vmov(r12, zero);
    a.sxtb16(r9, r8);
    a.sxtb16(r8, r8, 8);
    a.pkhtb(r10, r12, r9);
    a.pkhtb(r11, r12, r8);
    a.pkhbt(r9, r9, r12);
    a.pkhbt(r8, r8, r12);
    store(r9, r8, r10, r11);
  });
  times(right, padding);
  a.vmov(r0, source);
  a.vmov(r12, line_bytes);
  a.vmov(r7, lines);
  a.add(r0, r0, r12);
  a.vmov(source, r0);
  a.subs(r7, r7, 1);
  a.vmov(lines, r7);
  a.branch(Condition::ne, line);
  a.leave("r4-r11, pc");
  return {a.name(),  "PlaneJob", a.function("lines of four channels into four planes of int16"),
          a.bytes(), a.bytes(),  true};
}

AssemblyFunction emit_depthwise_tile(const DepthwiseTile& tile) {
  MOTE_CHECK(can_emit(tile));
  return Emitter(tile).run();
}

}  // namespace mote::compile::m4
