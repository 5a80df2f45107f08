#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "conv_layer.hpp"
#include "m4/dense_tile.hpp"

namespace mote::compile {
namespace {

using Words = std::vector<std::int64_t>;

/// A layer in one of the two forms of m4/dense_tile.hpp.
class DenseLayer {
 public:
  DenseLayer(const ConvLayer& layer, bool pairs) : layer_(layer) {
    for (std::int32_t c = 0; c < outputs(); ++c) rules_.push_back(layer.rule(c));
    tile_.pairs = pairs;
    tile_.steps = (layer.window + 3) / 4;
    tile_.partial = !pairs && layer.window % 4 != 0;
    tile_.channels = std::min(outputs(), pairs ? 8 : 4);
    for (std::int32_t c = 0; c < outputs(); c += tile_.group())
      starts_.push_back(std::min(c, std::max(outputs() - tile_.group(), 0)));
    tile_.body = m4::dense_body(tile_, groups());
    tile_.uniform = std::ranges::all_of(rules_, [&](const m4::ChannelRule& r) {
      return r.multiplier == rules_[0].multiplier && r.shift == rules_[0].shift;
    });
  }

  /// Words of the layer and of its groups, or nothing where the form is not exact. Chooses the tile's end.
  std::optional<Words> words() {
    if (tile_.pairs && !lanes_fit()) return std::nullopt;
    const std::array shifts = m4::shifts_to_try(least_shift());
    // Layers that are computed one behind the other share a function in the instruction cache, too: first a multiple of
    // eight, which leaves the multiplier 24 bits or more.
    for (const std::int32_t shift : {(least_shift() - 1) & ~7, shifts[0], shifts[1]}) {
      if (shift < 0 || shift > 23) break;
      tile_.shift_low = shift;
      tile_.shift_high = shift + 8;
      if (auto words = tile_.uniform ? saturating_uniform() : saturating()) return words;
    }
    tile_.exact = true;
    tile_.clamp_low = layer_.g.clamp_low;
    tile_.clamp_high = layer_.g.clamp_high;
    tile_.shift_high = 0;
    tile_.shift_low = tile_.uniform ? -rules_[0].shift : 0;
    return exact();
  }

  [[nodiscard]] const m4::DenseTile& tile() const { return tile_; }
  [[nodiscard]] std::int32_t groups() const { return static_cast<std::int32_t>(starts_.size()); }

 private:
  [[nodiscard]] std::int32_t outputs() const { return layer_.g.out_c; }
  [[nodiscard]] bool exists(std::int32_t c) const { return c < outputs(); }
  [[nodiscard]] const m4::ChannelRule& rule(std::int32_t c) const { return rules_[static_cast<std::size_t>(c)]; }
  [[nodiscard]] bool is_high(std::int32_t k) const { return tile_.pairs && k % 2 == 0; }
  [[nodiscard]] std::int32_t weight(std::int32_t c, std::int32_t i) const {
    return exists(c) && i < layer_.window ? layer_.weight(c, i) : 0;
  }

  /// 256 * w[c] + w[c+1]
  [[nodiscard]] std::int32_t lane(std::int32_t c, std::int32_t i) const {
    return 256 * weight(c, i) + weight(c + 1, i);
  }
  [[nodiscard]] bool lanes_fit() const {
    for (const std::int32_t first : starts_) {
      for (std::int32_t c = first; c < first + tile_.group(); c += 2) {
        for (std::int32_t i = 0; i < layer_.window; ++i) {
          if (lane(c, i) < -32768) return false;
        }
      }
    }
    return true;
  }

  [[nodiscard]] std::int32_t least_shift() const {
    std::int32_t least = 32;
    for (const m4::ChannelRule& r : rules_) {
      if (r.low != r.high) least = std::min(least, -r.shift);
    }
    return least == 32 ? 8 : least;
  }

  /// What the weights of output `c` add to the products of sums.
  [[nodiscard]] std::int64_t weight_products(std::int32_t c) const {
    std::int64_t sum = 0;
    for (std::int32_t i = 0; i < layer_.window; i += 2) sum += std::int64_t{weight(c, i)} * weight(c, i + 1);
    return sum;
  }

  /// Biases that the group's sums begin with, from those of its outputs in units of what the ends take: 256 x and x in
  /// pairs.
  void add_biases(Words& words, std::int32_t first, const std::vector<std::int64_t>& biases) const {
    for (std::int32_t k = 0; k < tile_.group(); ++k) {
      const auto i = static_cast<std::size_t>(k);
      words.push_back(word(is_high(k) ? biases[i] + biases[i + 1] : biases[i] - weight_products(first + k)));
    }
  }

  void add_weights(Words& words, std::int32_t first) const {
    const auto four = [](std::int32_t a, std::int32_t b) {
      return static_cast<std::int64_t>((static_cast<std::uint32_t>(a) & 0xffffu) | static_cast<std::uint32_t>(b) << 16);
    };
    for (std::int32_t i = 0; i < 4 * tile_.steps; i += 4) {
      for (std::int32_t c = first; c < first + tile_.group(); c += tile_.pairs ? 2 : 1) {
        if (tile_.pairs) {
          words.push_back(four(lane(c, i), lane(c, i + 2)));
          words.push_back(four(lane(c, i + 1), lane(c, i + 3)));
        } else {
          const auto byte = [&](std::int32_t k) { return weight(c, i + k) & 0xff; };
          words.push_back(four(byte(0) | byte(1) << 8, byte(2) | byte(3) << 8));
        }
      }
    }
  }

  std::optional<m4::LineForm> line(const m4::ChannelRule& r, bool high) const {
    return m4::find_line(r, high ? 256 : 1, high ? tile_.shift_high : tile_.shift_low, !high);
  }

  /// One line for a channel without bias whose sums reach as far as those of all: the others are shifted by their
  /// biases.
  [[nodiscard]] std::optional<Words> saturating_uniform() const {
    m4::ChannelRule all = rules_[0];
    all.bias = 0;
    all.low = all.high = 0;
    for (const m4::ChannelRule& r : rules_) {
      all.low = std::min(all.low, r.low + r.bias);
      all.high = std::max(all.high, r.high + r.bias);
    }
    const auto low = line(all, false);
    const auto high = tile_.pairs ? line(all, true) : m4::LineForm{};
    if (!high || !low) return std::nullopt;
    Words words{word(high->multiplier), word(low->multiplier), word(low->offset), 0};
    for (const std::int32_t first : starts_) {
      std::vector<std::int64_t> biases;
      for (std::int32_t k = 0; k < tile_.group(); ++k) {
        const std::int64_t bias = exists(first + k) ? rule(first + k).bias : 0;
        biases.push_back(is_high(k) ? high->bias + 256 * bias : low->bias + bias);
      }
      add_biases(words, first, biases);
      add_weights(words, first);
    }
    return words;
  }

  [[nodiscard]] std::optional<Words> saturating() const {
    Words words;
    for (const std::int32_t first : starts_) {
      std::vector<m4::LineForm> lines(static_cast<std::size_t>(tile_.group()));
      std::vector<std::int64_t> biases(lines.size(), 0);
      for (std::int32_t k = 0; k < tile_.channels; ++k) {
        const auto found = line(rule(first + k), is_high(k));
        if (!found) return std::nullopt;
        lines[static_cast<std::size_t>(k)] = *found;
        biases[static_cast<std::size_t>(k)] = found->bias;
      }
      add_biases(words, first, biases);
      add_weights(words, first);
      // A pair's low channel may be one that does not exist.
      for (std::int32_t k = 0; k < tile_.channels || (tile_.pairs && k % 2 != 0); ++k) {
        const m4::LineForm& l = lines[static_cast<std::size_t>(k)];
        words.push_back(word(l.multiplier));
        if (!is_high(k)) words.push_back(word(l.offset));
      }
    }
    return words;
  }

  [[nodiscard]] std::optional<Words> exact() const {
    // 256 x fits 32 bits, or 2 x.
    const std::int64_t limit = std::int64_t{1} << (tile_.pairs ? 23 : 30);
    for (const m4::ChannelRule& r : rules_) {
      if (-r.shift < m4::kExactShiftLow || -r.shift > m4::kExactShiftHigh || r.low + r.bias <= -limit ||
          r.high + r.bias >= limit)
        return std::nullopt;
    }
    const auto end = [](const m4::ChannelRule& r) {
      return Words{word(r.multiplier),
                   word((std::int64_t{1} << (-r.shift - 1)) + (std::int64_t{r.output_zero} << -r.shift)), -r.shift};
    };
    Words words;
    if (tile_.uniform) {
      words = end(rules_[0]);
      words.resize(m4::kDenseLayerWords);
    }
    for (const std::int32_t first : starts_) {
      std::vector<std::int64_t> biases(static_cast<std::size_t>(tile_.group()), 0);
      for (std::int32_t k = 0; k < tile_.channels; ++k)
        biases[static_cast<std::size_t>(k)] = std::int64_t{rule(first + k).bias} * (is_high(k) ? 256 : 1);
      add_biases(words, first, biases);
      add_weights(words, first);
      if (tile_.uniform) continue;
      for (std::int32_t k = 0; k < tile_.channels; ++k) {
        const Words channel = end(rule(first + k));
        words.insert(words.end(), channel.begin(), channel.end());
      }
    }
    return words;
  }

  const ConvLayer& layer_;
  std::vector<m4::ChannelRule> rules_;
  std::vector<std::int32_t> starts_;  // first outputs of the groups; the last ends with the last output
  m4::DenseTile tile_;
};

/// The faster form of those that are exact.
struct Chosen {
  m4::DenseTile tile;
  Words words;
  std::int32_t groups = 0;
  std::int64_t cycles = 0;
};
std::optional<Chosen> choose(const ConvLayer& layer, bool weights_in_ram) {
  std::optional<Chosen> best;
  for (const bool pairs : {true, false}) {
    DenseLayer dense(layer, pairs);
    auto words = dense.words();
    if (!words) continue;
    const std::int64_t cycles = m4::dense_cycles(dense.tile(), dense.groups(), weights_in_ram);
    if (!best || cycles < best->cycles) best = Chosen{dense.tile(), std::move(*words), dense.groups(), cycles};
  }
  return best;
}

}  // namespace

std::optional<LoweredOp> lower_dense_tiles(const ConvLayer& layer, const std::string& symbol,
                                           const LoweringOptions& options) {
  const device::ConvGeometry& g = layer.g;
  const bool whole =
      g.out_h == 1 && g.out_w == 1 && g.kernel_h == g.in_h && g.kernel_w == g.in_w && g.pad_top == 0 && g.pad_left == 0;
  if (!whole || !layer.biases_fit()) return std::nullopt;
  auto chosen = choose(layer, options.weights_in_ram);
  if (!chosen) return std::nullopt;
  const m4::DenseTile& tile = chosen->tile;
  LoweredOp lowered;
  lowered.symbol = symbol;
  lowered.includes = {"kernels/dense_tiles.hpp"};
  lowered.functions = {m4::emit_dense_tile(tile)};
  lowered.constants.push_back({symbol + "_words", "std::uint32_t",
                               fmt::format("of each group of {} outputs: biases, weights{}, parameters", tile.group(),
                                           tile.pairs ? " (256 * w[c] + w[c+1] in each half)" : ""),
                               4, true, std::move(chosen->words), 8, options.weights_in_ram});
  lowered.kernel = fmt::format("dense_tiles 1x{} {}{}{}", tile.group(), tile.pairs ? "pairs, " : "",
                               tile.exact ? "exact" : "saturating", tile.uniform ? ", uniform" : "");
  lowered.cycles = chosen->cycles;
  const std::int32_t layer_words = tile.uniform ? m4::kDenseLayerWords : 0;
  const std::string call = fmt::format("{}, {}_words, {}, {}, ", lowered.functions[0].name, symbol, layer_words,
                                       m4::dense_group_words(tile));
  if (tile.pairs) {
    lowered.scratch_bytes = static_cast<std::size_t>(8 * tile.steps);
    lowered.body = fmt::format(
        "const std::int32_t products = shared_widen_fours(x0, scratch, {});\n"
        "  dense_pairs({}scratch, products, y, {});",
        layer.window, call, g.out_c);
  } else {
    lowered.body = fmt::format("dense_singles({}x0, {}, y, {});", call, layer.window, g.out_c);
  }
  // All inputs are read before the first output is written.
  if (tile.pairs || chosen->groups == 1) lowered.trail = -(std::ptrdiff_t{1} << 40);
  return lowered;
}

}  // namespace mote::compile
