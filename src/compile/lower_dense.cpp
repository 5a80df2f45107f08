#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "conv_layer.hpp"
#include "m4/dense_tile.hpp"

namespace mote::compile {
namespace {

constexpr std::int32_t kGroup = m4::kDenseGroup;
using Words = std::vector<std::int64_t>;

/// First outputs of the groups; the last ends with the last output.
std::vector<std::int32_t> group_starts(std::int32_t outputs) {
  std::vector<std::int32_t> starts;
  for (std::int32_t c = 0; c < outputs; c += kGroup) starts.push_back(std::min(c, std::max(outputs - kGroup, 0)));
  return starts;
}

/// Nothing when a lane 256 * w[c] + w[c+1] does not fit 16 bits.
std::optional<Words> pack_weights(const ConvLayer& layer) {
  Words words;
  bool fits = true;
  const auto weight = [&](std::int32_t c, std::int32_t i) {
    return c < layer.g.out_c && i < layer.window ? layer.weight(c, i) : 0;
  };
  const auto packed = [&](std::int32_t c, std::int32_t low, std::int32_t high) {
    const auto lane = [&](std::int32_t i) {
      const std::int32_t v = 256 * weight(c, i) + weight(c + 1, i);
      fits = fits && v >= -32768;
      return static_cast<std::uint32_t>(v) & 0xffffu;
    };
    return static_cast<std::int64_t>(lane(low) | (lane(high) << 16));
  };
  for (const std::int32_t first : group_starts(layer.g.out_c)) {
    for (std::int32_t i = 0; i < layer.window; i += 4) {
      for (std::int32_t pair = 0; pair < kGroup; pair += 2) words.push_back(packed(first + pair, i, i + 2));
      for (std::int32_t pair = 0; pair < kGroup; pair += 2) words.push_back(packed(first + pair, i + 1, i + 3));
    }
  }
  if (!fits) return std::nullopt;
  return words;
}

/// Chooses the end of the tile and writes its parameters.
class Params {
 public:
  explicit Params(const ConvLayer& layer) : layer_(layer) {
    for (std::int32_t c = 0; c < layer.g.out_c; ++c) rules_.push_back(layer.rule(c));
    tile_.steps = (layer.window + 3) / 4;
    tile_.channels = std::min(layer.g.out_c, kGroup);
    // A step is 136 bytes, a turn costs 4 cycles: with six steps the loop over groups just fits the instruction cache
    // of 1 KB, one is enough for a few outputs.
    tile_.body = layer.g.out_c > 4 * kGroup ? 6 : 1;
    tile_.uniform = layer.g.out_c > kGroup && std::ranges::all_of(rules_, [&](const m4::ChannelRule& r) {
                      return r.multiplier == rules_[0].multiplier && r.shift == rules_[0].shift;
                    });
    std::int32_t least = 32;
    for (const m4::ChannelRule& r : rules_) {
      if (r.low != r.high) least = std::min(least, -r.shift);
    }
    least_shift_ = least == 32 ? 8 : least;
  }

  /// The words, or nothing when neither form is exact. Sets the tile's end.
  std::optional<Words> find() {
    for (const std::int32_t shift : m4::shifts_to_try(least_shift_)) {
      if (shift < 0 || shift > 23) break;
      tile_.shift_low = shift;
      tile_.shift_high = shift + 8;
      if (auto words = tile_.uniform ? saturating_uniform() : saturating()) return words;
    }
    tile_.exact = true;
    tile_.clamp_low = layer_.g.clamp_low;
    tile_.clamp_high = layer_.g.clamp_high;
    return exact();
  }
  [[nodiscard]] const m4::DenseTile& tile() const { return tile_; }

 private:
  [[nodiscard]] const m4::ChannelRule* rule(std::int32_t c) const {
    return c < layer_.g.out_c ? &rules_[static_cast<std::size_t>(c)] : nullptr;
  }

  static void add_bias_pair(Words& words, std::int64_t high, std::int64_t low) {
    words.push_back(word(high + low));
    words.push_back(word(low));
  }

  /// One line for a channel without bias whose sums reach as far as those of all: the others are shifted by their
  /// biases.
  std::optional<Words> saturating_uniform() const {
    m4::ChannelRule all = rules_[0];
    all.bias = 0;
    all.low = all.high = 0;
    for (const m4::ChannelRule& r : rules_) {
      all.low = std::min(all.low, r.low + r.bias);
      all.high = std::max(all.high, r.high + r.bias);
    }
    const auto high = m4::find_line(all, 256, tile_.shift_high, false);
    const auto low = m4::find_line(all, 1, tile_.shift_low, true);
    if (!high || !low) return std::nullopt;
    Words words{word(high->multiplier), word(low->multiplier), word(low->offset)};
    for (const std::int32_t first : group_starts(layer_.g.out_c)) {
      for (std::int32_t c = first; c < first + kGroup; c += 2)
        add_bias_pair(words, high->bias + 256 * std::int64_t{rule(c)->bias},
                      low->bias + std::int64_t{rule(c + 1)->bias});
    }
    return words;
  }

  std::optional<Words> saturating() const {
    Words words(m4::kDenseLayerWords, 0);
    for (const std::int32_t first : group_starts(layer_.g.out_c)) {
      std::vector<m4::LineForm> lines(kGroup);
      for (std::int32_t k = 0; k < kGroup; ++k) {
        if (rule(first + k) == nullptr) continue;
        const bool high = k % 2 == 0;
        const auto line =
            m4::find_line(*rule(first + k), high ? 256 : 1, high ? tile_.shift_high : tile_.shift_low, !high);
        if (!line) return std::nullopt;
        lines[static_cast<std::size_t>(k)] = *line;
      }
      for (std::size_t k = 0; k < kGroup; k += 2) add_bias_pair(words, lines[k].bias, lines[k + 1].bias);
      for (std::size_t k = 0; k < kGroup; ++k) {
        words.push_back(word(lines[k].multiplier));
        if (k % 2 != 0) words.push_back(word(lines[k].offset));
      }
    }
    return words;
  }

  std::optional<Words> exact() const {
    const std::int64_t limit = std::int64_t{1} << 23;  // 256 x fits 32 bits
    const auto rounding = [](const m4::ChannelRule& r) {
      return word((std::int64_t{1} << (-r.shift - 1)) + (std::int64_t{r.output_zero} << -r.shift));
    };
    for (const m4::ChannelRule& r : rules_) {
      if (-r.shift < m4::kExactShiftLow || -r.shift > m4::kExactShiftHigh || r.low + r.bias <= -limit ||
          r.high + r.bias >= limit)
        return std::nullopt;
    }
    Words words{word(rules_[0].multiplier), rounding(rules_[0]), -rules_[0].shift};
    for (const std::int32_t first : group_starts(layer_.g.out_c)) {
      const auto bias = [&](std::int32_t c) { return rule(c) == nullptr ? 0 : std::int64_t{rule(c)->bias}; };
      for (std::int32_t c = first; c < first + kGroup; c += 2) add_bias_pair(words, 256 * bias(c), bias(c + 1));
      if (tile_.uniform) continue;
      for (std::int32_t c = first; c < first + kGroup && rule(c) != nullptr; ++c) {
        words.insert(words.end(), {word(rule(c)->multiplier), rounding(*rule(c)), -rule(c)->shift});
      }
    }
    return words;
  }

  const ConvLayer& layer_;
  std::vector<m4::ChannelRule> rules_;
  m4::DenseTile tile_;
  std::int32_t least_shift_ = 0;
};

}  // namespace

std::optional<LoweredOp> lower_dense_tiles(const ConvLayer& layer, const std::string& symbol,
                                           const LoweringOptions& options) {
  const device::ConvGeometry& g = layer.g;
  const bool whole =
      g.out_h == 1 && g.out_w == 1 && g.kernel_h == g.in_h && g.kernel_w == g.in_w && g.pad_top == 0 && g.pad_left == 0;
  if (!whole || !layer.biases_fit()) return std::nullopt;
  const auto weights = pack_weights(layer);
  Params params(layer);
  const auto words = params.find();
  if (!weights || !words) return std::nullopt;
  const m4::DenseTile& tile = params.tile();
  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.includes = {"kernels/dense_tiles.hpp"};
  lowered.functions = {m4::emit_dense_tile(tile)};
  lowered.constants.push_back({symbol + "_weights", "std::uint32_t",
                               "256 * w[c] + w[c+1] in each half; groups of 8 outputs", 4, true, *weights});
  lowered.constants.back().in_ram = options.weights_in_ram;
  lowered.constants.push_back({symbol + "_params", "std::uint32_t",
                               "of the layer, then of each group of 8 outputs: biases, multipliers, offsets", 4, true,
                               *words});
  lowered.kernel =
      fmt::format("dense_tiles 1x8 {}{}", tile.exact ? "exact" : "saturating", tile.uniform ? ", uniform" : "");
  lowered.scratch_bytes = static_cast<std::size_t>(2 * ((layer.window + 3) & ~3));
  lowered.body = fmt::format("shared_dense_tiles({0}, {1}_weights, {1}_params, {2}, {3}, x0, y, scratch, {4}, {5});",
                             lowered.functions[0].name, symbol, m4::kDenseLayerWords, m4::dense_group_words(tile),
                             layer.window, g.out_c);
  lowered.trail = -(std::ptrdiff_t{1} << 40);  // all inputs are read before the first output is written
  return lowered;
}

}  // namespace mote::compile
