// Conv2D and Dense. On a Cortex-M4 an assembly tile wherever it is exact (m4/conv_tile.hpp; single outputs:
// m4/dense_tile.hpp), else the portable kernel.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "conv_layer.hpp"
#include "kernels/conv_tiles.hpp"
#include "lower.hpp"
#include "lower_vectors.hpp"
#include "m4/conv_tile.hpp"
#include "m4/elementwise.hpp"
#include "m4/requantizer.hpp"

namespace mote::compile {
namespace {

constexpr std::int32_t kUnlimited = 1 << 30;

/// How a layer's windows are laid out in RAM.
struct Windows {
  enum class Form { columns, rows } form = Form::columns;
  bool vertical = false;     // rows: pairs are neighbours in a column
  std::int32_t block = 2;    // pixels or rows at once
  std::int32_t columns = 0;  // rows: outputs of a row at once
  std::int32_t segments = 1;
  std::int32_t run = 0;    // elements of the window in a segment
  std::int32_t steps = 0;  // pairs of elements a segment, the last perhaps half empty
  bool quads = false;      // elements in the order 0, 2, 1, 3
  std::int32_t scratch_bytes = 0;
};

std::int32_t even(std::int32_t n) { return n & ~1; }

/// As many pixels or rows as fit, in blocks of equal size.
std::int32_t equal_blocks(std::int32_t total, std::int32_t most, bool even_blocks) {
  most = std::clamp(most, even_blocks ? 2 : 1, total);
  std::int32_t block = (total + (total + most - 1) / most - 1) / ((total + most - 1) / most);
  if (even_blocks) block = std::min(even(block + 1), std::max(even(most), 2));
  return block;
}

Windows columns_of(const ConvLayer& layer, std::size_t bytes, const LoweringOptions& options) {
  const device::ConvGeometry& g = layer.g;
  Windows w;
  w.run = layer.window;
  w.steps = (w.run + 1) / 2;
  if (options.share) w.steps = (w.steps + m4::kSharedSteps - 1) / m4::kSharedSteps * m4::kSharedSteps;
  const bool pointwise = g.kernel_h * g.kernel_w == 1 && g.pad_top == 0 && g.pad_left == 0;
  w.quads = g.in_c % 4 == 0 && (pointwise || g.dilation_w == 1);
  const std::int32_t panel = 2 * w.steps;
  w.block = equal_blocks(g.out_h * g.out_w, (static_cast<std::int32_t>(bytes) - panel * 4) / (4 * w.steps) - 1, true);
  // A band may have one pixel more than whole blocks, and takes it into the last.
  const std::int32_t pixels = options.bands ? w.block + 1 : g.out_h * g.out_w;
  w.scratch_bytes = device::conv_columns_scratch_bytes(panel, 2 * w.steps, pixels, w.block);
  return w;
}

Windows rows_of(const ConvLayer& layer, std::size_t bytes, bool bands) {
  const device::ConvGeometry& g = layer.g;
  Windows w;
  w.form = Windows::Form::rows;
  w.vertical = g.out_w % 2 != 0 && g.out_h > 1 && !bands;
  w.segments = g.kernel_h;
  w.run = g.kernel_w * g.in_c;
  w.steps = (w.run + 1) / 2;
  w.quads = g.in_c % 4 == 0;
  const std::int32_t panel = 2 * w.steps * w.segments;
  const auto limit = static_cast<std::int32_t>(bytes);
  const auto scratch = [&](std::int32_t block) {
    return device::conv_rows_scratch_bytes(g, panel, w.vertical, block, w.columns);
  };
  w.columns = g.out_w;
  // Where layers are computed row by row, RAM is short: parts of a row at once, at the price of copying weights again.
  for (std::int32_t parts = 2; bands && scratch(1) > limit && w.columns > 4; ++parts)
    w.columns = even((g.out_w + parts - 1) / parts + 1);
  std::int32_t most = 1;
  while (most < g.out_h && scratch(most + 1) <= limit) ++most;
  w.block = equal_blocks(g.out_h, most, w.vertical);
  w.scratch_bytes = scratch(w.block);
  return w;
}

/// A job of fewer tiles than this spends more on reading straight code than on turns of loops: measured.
constexpr std::int32_t kFewTilesOfColumns = 24, kFewTilesOfRows = 12;

bool few_tiles(const Windows& w, Unroll unroll) {
  switch (unroll) {
    case Unroll::more:
      return false;
    case Unroll::less:
      return true;
    case Unroll::usual:
      break;
  }
  return w.form == Windows::Form::columns ? w.block < 2 * kFewTilesOfColumns
                                          : w.block * w.columns < 2 * kFewTilesOfRows;
}

m4::ConvTile tile_of(const ConvLayer& layer, const Windows& w, Unroll unroll) {
  const device::ConvGeometry& g = layer.g;
  m4::ConvTile t;
  t.few = few_tiles(w, unroll);
  t.segments = w.segments;
  t.steps = w.steps;
  t.channels = std::min(g.out_c, 4);
  t.clamp_low = g.clamp_low;
  t.clamp_high = g.clamp_high;
  if (w.form == Windows::Form::columns) {
    t.step_bytes = 8;
    t.pixel_bytes = 4;
    t.pair_bytes = w.steps * 8;
    t.output_pixel_bytes = g.out_c;
    t.output_pair_bytes = 2 * g.out_c;
    return t;
  }
  const std::int32_t row = device::conv_row_elements(g, w.columns) * 2;
  const std::int32_t pixel = g.stride_w * g.in_c * 2;
  t.segment_bytes = g.kernel_h > 1 ? row * g.dilation_h : 0;
  t.pixel_bytes = w.vertical ? g.stride_h * row : pixel;
  t.pair_bytes = w.vertical ? pixel : 2 * pixel;
  t.output_pixel_bytes = w.vertical ? g.out_w * g.out_c : g.out_c;
  t.output_pair_bytes = w.vertical ? g.out_c : 2 * g.out_c;
  t.rows = g.out_h > 1;
  return t;
}

std::optional<Windows> choose_windows(const ConvLayer& layer, const LoweringOptions& options) {
  const device::ConvGeometry& g = layer.g;
  const std::size_t bytes = options.scratch_bytes;
  const bool least_flash = options.share && options.cycles_a_byte >= kLeastFlash;
  if (g.out_h * g.out_w < 2) return std::nullopt;
  const bool one_by_one = g.kernel_h * g.kernel_w == 1;
  // Flash above all: columns serve every geometry with one function.
  if (!one_by_one && g.dilation_w == 1 && !least_flash && !options.other_layout) {
    Windows rows = rows_of(layer, bytes, options.bands);
    if (m4::can_emit(tile_of(layer, rows, options.unroll))) return rows;
  }
  Windows columns = columns_of(layer, bytes, options);
  if (m4::can_emit(tile_of(layer, columns, options.unroll))) return columns;
  return std::nullopt;
}

/// Weight of element `i` of a segment as the widened inputs lie: zero beyond the run.
std::int32_t weight_at(const ConvLayer& layer, const Windows& w, std::int32_t c, std::int32_t segment, std::int32_t i) {
  if (c >= layer.g.out_c || i >= w.run) return 0;
  const std::int32_t quad = i & ~3;
  const std::int32_t source = w.quads ? quad + (((i & 1) << 1) | ((i & 2) >> 1)) : i;
  return layer.weight(c, segment * w.run + source);
}

struct Panels {
  std::vector<std::int64_t> words;
  std::vector<bool> negated;  // of each pair of channels, two a group: the upper one has its weights' negatives
};

/// Packed words of all groups. A lane 256 * w[c] + w[c+1] does not fit 16 bits where it is 256 * -128 and less; with
/// the upper channel's negatives it does not where it is 256 * 128 and more. Nothing when a pair needs both.
std::optional<Panels> pack_panels(const ConvLayer& layer, const Windows& w) {
  Panels panels;
  const auto lane = [&](std::int32_t c, std::int32_t segment, std::int32_t i, std::int32_t sign) {
    return 256 * sign * weight_at(layer, w, c, segment, i) + weight_at(layer, w, c + 1, segment, i);
  };
  const auto fits = [&](std::int32_t c, std::int32_t sign) {
    for (std::int32_t segment = 0; segment < w.segments; ++segment) {
      for (std::int32_t i = 0; i < 2 * w.steps; ++i) {
        const std::int32_t v = lane(c, segment, i, sign);
        if (v < -32768 || v > 32767) return false;
      }
    }
    return true;
  };
  for (std::int32_t group = 0; group < device::tile_groups(layer.g.out_c); ++group) {
    const std::int32_t c = device::group_channel(group, layer.g.out_c);
    std::array<std::int32_t, 2> signs{1, 1};
    for (std::int32_t pair = 0; pair < 2; ++pair) {
      std::int32_t& sign = signs[static_cast<std::size_t>(pair)];
      if (!fits(c + 2 * pair, 1)) sign = -1;
      if (sign < 0 && !fits(c + 2 * pair, -1)) return std::nullopt;
      panels.negated.push_back(sign < 0);
    }
    for (std::int32_t segment = 0; segment < w.segments; ++segment) {
      for (std::int32_t i = 0; i < 2 * w.steps; i += 2) {
        for (std::int32_t pair = 0; pair < 2; ++pair) {
          const auto half = [&](std::int32_t k) {
            return static_cast<std::uint32_t>(
                       lane(c + 2 * pair, segment, i + k, signs[static_cast<std::size_t>(pair)])) &
                   0xffffu;
          };
          panels.words.push_back(static_cast<std::int64_t>(half(0) | (half(1) << 16)));
        }
      }
    }
  }
  return panels;
}

/// Parameters of the groups, in the form that the tile's end wants.
class GroupParams {
 public:
  /// `common`: only the shift that layers have in common; groups that it does not serve take the exact end.
  GroupParams(const ConvLayer& layer, const Panels& panels, bool common) : layer_(layer), negated_(panels.negated) {
    for (std::int32_t c = 0; c < layer.g.out_c; ++c) {
      rules_.push_back(layer.rule(c));
      live_.push_back(rules_.back().low != rules_.back().high);
      if (live_.back()) least_shift_ = std::min(least_shift_, -rules_.back().shift);
    }
    if (least_shift_ == kUnlimited) least_shift_ = 8;
    for (const std::int32_t shift : m4::shifts_to_try(least_shift_)) {
      shift_ = shift;
      groups_.clear();
      exact_.clear();
      possible_ = true;
      add_groups();
      if (!any_exact() || common) break;
    }
  }

  void make_exact() {
    groups_.clear();
    exact_.clear();
    shift_ = -1;  // no saturating form
    add_groups();
  }
  [[nodiscard]] bool possible() const { return possible_; }
  [[nodiscard]] bool any_exact() const { return std::ranges::count(exact_, 1) != 0; }
  [[nodiscard]] bool all_exact() const { return std::ranges::count(exact_, 0) == 0; }
  [[nodiscard]] const std::vector<std::int64_t>& exact_groups() const { return exact_; }
  [[nodiscard]] std::int32_t shift_low() const { return shift_; }
  [[nodiscard]] std::int32_t shift_high() const { return shift_ + 8; }
  [[nodiscard]] std::int32_t words_a_group() const { return all_exact() ? m4::kExactWords : m4::kSaturatingWords; }
  static_assert(m4::kExactWords <= m4::kSaturatingWords);

  [[nodiscard]] std::vector<std::int64_t> words() const {
    std::vector<std::int64_t> all;
    for (const auto& group : groups_) {
      all.insert(all.end(), group.begin(), group.end());
      all.resize(all.size() + static_cast<std::size_t>(words_a_group()) - group.size(), 0);
    }
    return all;
  }

 private:
  using Words = std::vector<std::int64_t>;

  void add_groups() {
    for (std::int32_t i = 0; i < device::tile_groups(layer_.g.out_c); ++i) {
      const std::int32_t first = device::group_channel(i, layer_.g.out_c);
      const std::array<bool, 2> negated{negated_[static_cast<std::size_t>(2 * i)],
                                        negated_[static_cast<std::size_t>(2 * i + 1)]};
      std::optional<Words> group = saturating(first, negated);
      const bool exact = !group;
      // The exact end rounds by the sign of a sum.
      if (exact && !negated[0] && !negated[1]) group = exact_form(first);
      possible_ = possible_ && group.has_value();
      groups_.push_back(group ? *group : Words{});
      exact_.push_back(exact ? 1 : 0);
    }
  }

  [[nodiscard]] bool exists(std::int32_t c) const { return c < layer_.g.out_c; }

  [[nodiscard]] std::optional<Words> saturating(std::int32_t first, const std::array<bool, 2>& negated) const {
    if (shift_ < 0 || shift_ > 23) return std::nullopt;
    std::array<m4::LineForm, 4> lines{};
    for (std::int32_t k = 0; k < 4 && exists(first + k); ++k) {
      const bool high = k % 2 == 0;
      const auto line = m4::find_line(rules_[static_cast<std::size_t>(first + k)], high ? 256 : 1,
                                      high ? shift_high() : shift_low(), !high);
      if (!line) return std::nullopt;
      m4::LineForm& form = lines[static_cast<std::size_t>(k)];
      form = *line;
      if (!high || !negated[static_cast<std::size_t>(k / 2)]) continue;
      // Both factors of the one multiplication change their signs.
      const m4::ChannelRule& r = rules_[static_cast<std::size_t>(first + k)];
      if (form.bias == INT32_MIN || 256 * r.low + form.bias <= INT32_MIN) return std::nullopt;
      form.bias = -form.bias;
      form.multiplier = -form.multiplier;
    }
    Words words;
    for (const std::size_t k : {0u, 2u}) {
      words.push_back(word(std::int64_t{lines[k].bias} + lines[k + 1].bias));
      words.push_back(word(lines[k + 1].bias));
    }
    for (const auto& l : lines) words.push_back(word(l.multiplier));
    for (const std::size_t k : {1u, 3u}) words.push_back(word(lines[k].offset));
    return words;
  }

  [[nodiscard]] std::optional<Words> exact_form(std::int32_t first) const {
    std::array<std::int64_t, 4> bias{}, multiplier{};
    std::int64_t shifts = 0;
    for (std::int32_t k = 0; k < 4 && exists(first + k); ++k) {
      const m4::ChannelRule& r = rules_[static_cast<std::size_t>(first + k)];
      const std::int32_t e = -r.shift;
      const std::int64_t limit = std::int64_t{1} << 23;  // 256 x fits 32 bits
      if (e < m4::kExactShiftLow || e > m4::kExactShiftHigh || r.low + r.bias <= -limit || r.high + r.bias >= limit)
        return std::nullopt;
      const auto i = static_cast<std::size_t>(k);
      bias[i] = r.bias;
      multiplier[i] = r.multiplier;
      shifts |= std::int64_t{e} << (8 * k);
    }
    for (std::int32_t k = 0; k < 4; ++k) {
      if (!exists(first + k)) shifts |= std::int64_t{1} << (8 * k);
    }
    Words words;
    for (const std::size_t k : {0u, 2u}) {
      words.push_back(word(256 * bias[k] + bias[k + 1]));
      words.push_back(word(bias[k + 1]));
    }
    for (const std::int64_t v : multiplier) words.push_back(word(v));
    words.push_back(shifts);
    return words;
  }

  const ConvLayer& layer_;
  const std::vector<bool>& negated_;
  std::vector<m4::ChannelRule> rules_;
  std::vector<bool> live_;
  std::int32_t least_shift_ = kUnlimited;
  std::int32_t shift_ = 0;  // of low channels
  std::vector<Words> groups_;
  std::vector<std::int64_t> exact_;
  bool possible_ = true;
};

/// How far below the input the output must begin: after each block but the last, its end may not pass what the next
/// block reads first.
std::ptrdiff_t trail_of(const device::ConvGeometry& g, const Windows& w) {
  std::ptrdiff_t distance = -(std::ptrdiff_t{1} << 40);
  const auto line = [&](std::int32_t oy) {
    return static_cast<std::ptrdiff_t>(std::max(oy * g.stride_h - g.pad_top, 0)) * g.in_w * g.in_c;
  };
  if (w.form == Windows::Form::rows) {
    for (std::int32_t end = device::next_block(g.out_h, w.block, w.vertical); end < g.out_h;
         end += device::next_block(g.out_h - end, w.block, w.vertical)) {
      distance = std::max(distance, std::ptrdiff_t{end} * g.out_w * g.out_c - line(end));
    }
    return distance;
  }
  const std::int32_t pixels = g.out_h * g.out_w;
  const bool one_by_one = g.kernel_h * g.kernel_w == 1 && g.pad_top == 0 && g.pad_left == 0;
  for (std::int32_t end = device::next_block(pixels, w.block, true); end < pixels;
       end += device::next_block(pixels - end, w.block, true)) {
    const std::ptrdiff_t needed =
        line(end / g.out_w) + (one_by_one ? std::ptrdiff_t{end % g.out_w} * g.stride_w * g.in_c : 0);
    distance = std::max(distance, std::ptrdiff_t{end} * g.out_c - needed);
  }
  return distance;
}

/// Jobs that a layer is cut into, and what they bring to RAM.
struct Work {
  std::int64_t blocks = 0, jobs = 0;  // a block of an odd number of pixels or rows in pairs has two jobs
  std::int64_t elements = 0;          // of int16 that are written
};
Work work_of(const device::ConvGeometry& g, const Windows& w) {
  Work work;
  const bool columns = w.form == Windows::Form::columns, pairs = columns || w.vertical;
  const std::int32_t total = columns ? g.out_h * g.out_w : g.out_h;
  const std::int32_t parts = columns ? 1 : (g.out_w + w.columns - 1) / w.columns;
  for (std::int32_t left = total, count = 0; left > 0; left -= count) {
    count = device::next_block(left, w.block, pairs);
    const bool odd = pairs ? count % 2 != 0 : w.columns % 2 != 0;
    work.blocks += parts;
    work.jobs += parts * (odd ? 2 : 1);
    work.elements += columns ? (count + 1) / 2 * 4 * w.steps
                             : parts * ((count - 1) * g.stride_h + (g.kernel_h - 1) * g.dilation_h + 1) *
                                   device::conv_row_elements(g, w.columns);
  }
  return work;
}

/// Cycles of a layer. The factors are fitted to some 450 measured forms of convolutions (docs/engine.md): root mean
/// square 1.8 %, where in_c is a multiple of 4.
std::int64_t cycles_of(const ConvLayer& layer, const Windows& w, const m4::ConvTile& tile, std::int64_t exact_groups) {
  const device::ConvGeometry& g = layer.g;
  const Work work = work_of(g, w);
  const std::int64_t groups = device::tile_groups(g.out_c), tiles = (g.out_h * g.out_w + 1) / 2;
  const std::int64_t panel_words = 2 * w.steps * w.segments;
  const std::int64_t common = tiles * (groups * m4::tile_cycles(tile, w.steps) + exact_groups * 36);
  if (w.form == Windows::Form::rows)
    return common + work.elements * 26 / 10 + work.jobs * groups * (panel_words * 54 / 10 + 440) + work.blocks * 1560;
  const bool pointwise = g.kernel_h * g.kernel_w == 1;
  const bool contiguous = pointwise && g.stride_h == 1 && g.stride_w == 1;
  const std::int64_t element_tenths = g.in_c % 4 != 0 ? 150 : contiguous ? 25 : pointwise ? 58 : 49;
  return common + work.elements * element_tenths / 10 + work.jobs * groups * (panel_words * 47 / 10 + 140) +
         work.blocks * 850;
}

std::optional<LoweredOp> tiled(const ConvLayer& layer, const std::string& symbol, const LoweringOptions& options) {
  const device::ConvGeometry& g = layer.g;
  const std::optional<Windows> windows = choose_windows(layer, options);
  if (!windows || !layer.biases_fit()) return std::nullopt;
  const auto panels = pack_panels(layer, *windows);
  if (!panels) return std::nullopt;
  const std::int64_t tiles = std::int64_t{(g.out_h * g.out_w + 1) / 2} * device::tile_groups(g.out_c);
  GroupParams params(layer, *panels, options.share);
  // The exact end costs 36 cycles a tile; a second function for the groups that do without has to earn its flash.
  const bool mixed = params.any_exact() && !params.all_exact();
  if (mixed && windows->form == Windows::Form::rows && tiles * 36 < 1000 * options.cycles_a_byte) params.make_exact();
  if (!params.possible()) return std::nullopt;

  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.includes = {"kernels/conv_tiles.hpp"};
  lowered.geometry = geometry_text(symbol, g);
  lowered.constants.push_back({symbol + "_panels", "std::uint32_t",
                               "256 * w[c] + w[c+1] in each half; groups of 4 channels", 4, true, panels->words});
  lowered.constants.push_back({symbol + "_params", "std::uint32_t",
                               "biases, multipliers and offsets of each group of 4 channels", 4, true, params.words()});
  m4::ConvTile tile = tile_of(layer, *windows, options.unroll);
  if (windows->form == Windows::Form::columns) {
    m4::ConvTile shared = tile;
    shared.shared = true;
    if (m4::can_emit(shared)) {
      const std::int64_t slower =
          m4::tile_cycles(shared, (layer.window + 1) / 2) - m4::tile_cycles(tile, (layer.window + 1) / 2);
      // Layers have one shift in common; groups that it does not serve take the exact end.
      const auto exact_groups = [](const GroupParams& p) { return std::ranges::count(p.exact_groups(), 1); };
      const std::int64_t more_exact = exact_groups(GroupParams(layer, *panels, true)) - exact_groups(params);
      lowered.share_cycles = tiles * slower + tiles / device::tile_groups(g.out_c) * more_exact * 36;
      tile.shared = options.share;
    }
  }
  m4::ConvTile counted = tile;
  counted.exact = params.all_exact();
  lowered.cycles =
      cycles_of(layer, *windows, counted, counted.exact ? 0 : std::ranges::count(params.exact_groups(), 1));
  std::string fast = "nullptr", exact = "nullptr", groups = "nullptr";
  if (!params.all_exact()) {
    m4::ConvTile saturating = tile;
    saturating.clamp_low = -128;
    saturating.clamp_high = 127;
    saturating.shift_high = params.shift_high();
    saturating.shift_low = params.shift_low();
    lowered.functions.push_back(m4::emit_conv_tile(saturating));
    fast = lowered.functions.back().name;
  }
  if (params.all_exact()) {
    tile.exact = true;
    lowered.functions.push_back(m4::emit_conv_tile(tile));
    fast = lowered.functions.back().name;
  } else if (params.any_exact()) {
    tile.exact = true;
    lowered.functions.push_back(m4::emit_conv_tile(tile));
    exact = lowered.functions.back().name;
    lowered.constants.push_back(
        {symbol + "_exact", "std::uint8_t", "groups that need the exact end", 1, false, params.exact_groups()});
    groups = symbol + "_exact";
  }
  lowered.scratch_bytes = static_cast<std::size_t>(windows->scratch_bytes);
  // Parts of rows are written while others are still to be read.
  if (windows->columns == g.out_w || windows->form == Windows::Form::columns) lowered.trail = trail_of(g, *windows);
  lowered.row_form = RowForm::convolution;
  const std::string layer_text =
      fmt::format("tile_layer({0}_panels, {0}_params, {1}, {2}, {3}, {4}, {5})", symbol, groups, fast, exact,
                  2 * windows->steps * windows->segments, params.words_a_group());
  // A band copies the weights of each group anew.
  const std::int64_t panel_cycles =
      device::tile_groups(g.out_c) * (std::int64_t{9} * windows->steps * windows->segments + 100);
  const std::string end =
      params.all_exact()   ? "exact"
      : params.any_exact() ? fmt::format("saturating ({} groups exact)", std::ranges::count(params.exact_groups(), 1))
                           : "saturating";
  if (windows->form == Windows::Form::columns) {
    const bool pointwise = g.kernel_h * g.kernel_w == 1 && g.pad_top == 0 && g.pad_left == 0 && windows->quads &&
                           g.stride_h == 1 && g.stride_w == 1 && g.in_w == g.out_w;
    if (pointwise) lowered.functions.push_back(m4::emit_widen_pairs());
    lowered.kernel = fmt::format("conv_columns 2x4 {}, {} pixels a block", end, windows->block);
    lowered.body = fmt::format("shared_conv_columns(geometry, {}, {}, x0, y, scratch, {}, {});", layer_text,
                               pointwise ? "widen_pairs" : "nullptr", 2 * windows->steps, windows->block);
    lowered.row_step = g.out_w > 1 ? 1 : 0;  // pixels go in pairs
    lowered.band_cycles = panel_cycles * std::max(g.out_w / windows->block, 1);
    if (pointwise && g.out_c <= g.in_c) lowered.may_reuse_inputs = {0};
  } else {
    lowered.kernel = fmt::format("conv_rows 2x4 {}, {} rows a block{}{}", end, windows->block,
                                 windows->vertical ? ", vertical pairs" : "",
                                 windows->columns < g.out_w ? fmt::format(" of {} columns", windows->columns) : "");
    lowered.body = fmt::format("shared_conv_rows(geometry, {}, x0, y, scratch, {}, {}, {});", layer_text,
                               windows->vertical, windows->block, windows->columns);
    lowered.row_step = g.out_w > 1 && !windows->vertical ? 1 : 0;
    lowered.band_cycles = panel_cycles * ((g.out_w + windows->columns - 1) / windows->columns);
  }
  return lowered;
}

/// Plain C++: on a core without DSP instructions the form made for those, else the definition. `narrow`:
/// narrow_requantize_applies().
LoweredOp portable(const ConvLayer& layer, const std::string& symbol, Target target, bool narrow) {
  const bool lean = target == Target::portable && layer.g.weight_zero == 0;
  LoweredOp lowered = lean ? lowered_op(symbol, "conv2d lean", "kernels/conv2d_lean.hpp")
                           : lowered_op(symbol, "conv2d portable", "kernels/conv2d.hpp");
  lowered.geometry = geometry_text(symbol, layer.g);
  lowered.constants.push_back({symbol + "_weights",
                               "std::int8_t",
                               "[out_c, kernel_h, kernel_w, in_c]",
                               1,
                               false,
                               {layer.weights.begin(), layer.weights.end()}});
  const std::string params = add_channel_arrays(lowered, layer.tables);
  lowered.body = fmt::format("{2}({0}_geometry, x0, {0}_weights, {1}, y);", symbol, params,
                             !lean    ? "conv2d"
                             : narrow ? "conv2d_lean<true>"
                                      : "conv2d_lean");
  return lowered;
}

}  // namespace

LoweredOp lower_conv(const graph::Graph& graph, const graph::Op& op, const std::string& symbol,
                     const LoweringOptions& options) {
  const device::ConvGeometry g = graph::conv_geometry(graph, op);
  const ConvLayer layer{g, device_tables(graph, op, g), graph.tensor(op.inputs[1]).values<std::int8_t>(),
                        g.kernel_h * g.kernel_w * g.in_c};
  const bool narrow = g.weight_zero == 0 && narrow_requantize_applies(graph, op, layer.tables);
  if (g.weight_zero != 0) return portable(layer, symbol, options.target, narrow);
  if (options.target == Target::armv81m) {
    if (auto lowered = vector_conv(layer, symbol, options)) return std::move(*lowered);
  }
  if (options.runs_m4_kernels() && options.compact) {
    if (auto lowered = compact_conv(graph, op, symbol, options)) return std::move(*lowered);
  } else if (options.runs_m4_kernels()) {
    if (auto lowered = lower_dense_tiles(layer, symbol, options)) return std::move(*lowered);
    if (options.winograd && !options.share) {
      if (auto lowered = lower_winograd(layer, symbol, options)) return std::move(*lowered);
    }
    if (auto lowered = tiled(layer, symbol, options)) return std::move(*lowered);
  }
  return portable(layer, symbol, options.target, narrow);
}

}  // namespace mote::compile
