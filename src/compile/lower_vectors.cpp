// Layers on a core with vector instructions.

#include "lower_vectors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "kernels/depthwise_vectors.hpp"
#include "vectors/conv_tile.hpp"
#include "vectors/depthwise_tile.hpp"

namespace mote::compile {
namespace {

constexpr std::int32_t kStep = 16;  // bytes
constexpr std::int32_t kChannels = 4;

std::int32_t steps_of(std::int32_t bytes) { return (bytes + kStep - 1) / kStep; }

/// Little-endian words of bytes.
class Words {
 public:
  void byte(std::int32_t value) {
    current_ |= (static_cast<std::uint32_t>(value) & 0xffu) << (8 * filled_);
    if (++filled_ < 4) return;
    words_.push_back(current_);
    current_ = 0;
    filled_ = 0;
  }
  void word(std::int64_t value) { words_.push_back(compile::word(value)); }
  std::vector<std::int64_t> take() { return std::move(words_); }

 private:
  std::vector<std::int64_t> words_;
  std::uint32_t current_ = 0;
  int filled_ = 0;
};

/// How a window is cut.
struct Segments {
  std::int32_t count, run;
  bool rows;    // in place, where no padding is in the window
  bool copies;  // some window is copied
};

bool all_inside(const device::ConvGeometry& g) {
  return g.pad_top <= 0 && g.pad_left <= 0 &&
         (g.out_h - 1) * g.stride_h - g.pad_top + (g.kernel_h - 1) * g.dilation_h < g.in_h &&
         (g.out_w - 1) * g.stride_w - g.pad_left + (g.kernel_w - 1) * g.dilation_w < g.in_w;
}

/// Rows in place take more steps where they are short; copies take about kCopyRow instructions for each row.
Segments segments_of(const device::ConvGeometry& g) {
  constexpr std::int32_t kCopyRow = 40, kStepInstructions = 7;  // a pixel's half of a step
  const std::int32_t row = g.kernel_w * g.in_c;
  const std::int32_t groups = (g.out_c + kChannels - 1) / kChannels;
  const std::int32_t saved = groups * (g.kernel_h * steps_of(row) - steps_of(g.kernel_h * row)) * kStepInstructions;
  const bool rows = g.dilation_w == 1 && (saved <= g.kernel_h * kCopyRow);
  if (rows) return {g.kernel_h, row, true, !all_inside(g)};
  return {1, g.kernel_h * row, false, true};
}

std::ptrdiff_t trail_of(const device::ConvGeometry& g) {
  const std::int32_t pixels = g.out_h * g.out_w;
  const bool one_by_one = g.kernel_h * g.kernel_w == 1 && g.pad_top == 0 && g.pad_left == 0;
  std::ptrdiff_t distance = -(std::ptrdiff_t{1} << 40);
  for (std::int32_t p = 0; p < pixels; ++p) {
    const std::ptrdiff_t line =
        static_cast<std::ptrdiff_t>(std::max(p / g.out_w * g.stride_h - g.pad_top, 0)) * g.in_w * g.in_c;
    const std::ptrdiff_t needed = line + (one_by_one ? std::ptrdiff_t{p % g.out_w} * g.stride_w * g.in_c : 0);
    distance = std::max(distance, std::ptrdiff_t{std::min(p + 2, pixels)} * g.out_c - needed);
  }
  return distance;
}

}  // namespace

vectors::End vector_end(const device::ConvGeometry& g, const graph::ChannelTables& tables) {
  vectors::End end;
  std::set<std::int32_t> right;
  for (const std::int8_t shift : tables.shift) {
    end.left_shifts = end.left_shifts || shift > 0;
    right.insert(std::max(-shift, 0));
  }
  end.common_shift = right.size() == 1 ? *right.begin() : -1;
  end.zero_shifts = end.common_shift < 0 && right.contains(0);
  end.negatives = g.clamp_low < g.output_zero;
  end.output_zero = g.output_zero;
  end.clamp_low = g.clamp_low;
  end.clamp_high = g.clamp_high;
  return end;
}

namespace {

/// What ends four channels: End::vectors() vectors. Channels that do not exist give what is not stored.
/// @param bias  of a channel, less what the zero point adds to its sum. Sums wrap, so that it may, too
template <class Bias>
void add_end(Words& words, const vectors::End& end, const graph::ChannelTables& tables, Bias bias,
             const std::array<std::int32_t, kChannels>& channels) {
  const auto each = [&](auto&& value) {
    for (const std::int32_t c : channels)
      words.word(c < static_cast<std::int32_t>(tables.bias.size()) ? value(static_cast<std::size_t>(c)) : 0);
  };
  each([&](std::size_t c) { return bias(static_cast<std::int32_t>(c)); });
  if (end.left_shifts) each([&](std::size_t c) { return std::max<std::int64_t>(tables.shift[c], 0); });
  each([&](std::size_t c) { return std::int64_t{tables.multiplier[c]}; });
  if (end.common_shift < 0) each([&](std::size_t c) { return std::min<std::int64_t>(tables.shift[c], 0); });
}

std::vector<std::int64_t> panels_of(const ConvLayer& layer, const Segments& s, const vectors::End& end) {
  Words words;
  for (std::int32_t c = 0; c < layer.g.out_c; c += kChannels) {
    for (std::int32_t step = 0; step < s.count * steps_of(s.run); ++step) {
      const std::int32_t begin = step % steps_of(s.run) * kStep, segment = step / steps_of(s.run);
      for (std::int32_t k = 0; k < kChannels; ++k) {
        for (std::int32_t i = begin; i < begin + kStep; ++i)
          words.byte(i < s.run && c + k < layer.g.out_c ? layer.weight(c + k, segment * s.run + i) : 0);
      }
    }
    const auto bias = [&](std::int32_t k) {
      return std::int64_t{layer.tables.bias[static_cast<std::size_t>(k)]} - layer.range(k).zero;
    };
    add_end(words, end, layer.tables, bias, {c, c + 1, c + 2, c + 3});
  }
  return words.take();
}

}  // namespace

std::optional<LoweredOp> vector_conv(const ConvLayer& layer, const std::string& symbol) {
  const device::ConvGeometry& g = layer.g;
  const Segments s = segments_of(g);
  vectors::ConvTile tile{g.out_h * g.out_w > 1 ? 2 : 1, s.count, s.run, g.out_c, vector_end(g, layer.tables)};
  if (!vectors::can_emit(tile)) return std::nullopt;
  LoweredOp lowered = lowered_op(symbol, fmt::format("conv_vectors {}x4", tile.pixels), "kernels/conv_vectors.hpp");
  lowered.geometry = geometry_text(symbol, g);
  lowered.constants.push_back({symbol + "_panels", "std::uint32_t",
                               "groups of 4 channels: weights in steps of 16, biases, multipliers, shifts", 4, true,
                               panels_of(layer, s, tile.end)});
  lowered.functions.push_back(vectors::emit_conv_tile(tile));
  const std::string function = lowered.functions.back().name;
  if (s.copies) {
    lowered.functions.push_back(vectors::emit_padded_run());
    lowered.scratch_bytes = static_cast<std::size_t>(2 * layer.window);
  }
  lowered.kernel += s.rows ? "" : ", windows copied";
  lowered.body = fmt::format("shared_conv_vectors(geometry, vector_layer({}_panels, {}, {}, {}, {}), x0, y, scratch);",
                             symbol, tile.pixels == 2 ? function : "nullptr", tile.pixels == 1 ? function : "nullptr",
                             s.copies ? lowered.functions.back().name : "nullptr", s.rows);
  lowered.row_form = RowForm::convolution;
  lowered.row_step = g.out_w > 1 ? 1 : 0;  // pixels go in pairs
  lowered.trail = trail_of(g);
  return lowered;
}

namespace {

constexpr std::int32_t kLanes = 16;

/// Taps in groups, as few as there can be: no channel's sum of products leaves 16 bits, whatever the inputs.
std::vector<std::int32_t> tap_groups(const DepthwiseLayer& layer) {
  constexpr std::int32_t kMost = 32767 / 128;  // of a group's magnitudes: inputs are -128 to 127
  std::vector<std::int32_t> groups;
  std::vector<std::int32_t> magnitudes(static_cast<std::size_t>(layer.g.out_c));
  for (std::int32_t tap = 0; tap < layer.taps(); ++tap) {
    std::int32_t most = 0;
    for (std::int32_t c = 0; c < layer.g.out_c; ++c)
      most = std::max(most, magnitudes[static_cast<std::size_t>(c)] += std::abs(layer.weight(c, tap)));
    if (groups.empty() || most > kMost) {
      groups.push_back(0);
      for (std::int32_t c = 0; c < layer.g.out_c; ++c)
        magnitudes[static_cast<std::size_t>(c)] = std::abs(layer.weight(c, tap));
    }
    ++groups.back();
  }
  return groups;
}

std::vector<std::int64_t> depthwise_panels(const DepthwiseLayer& layer, bool folded, const vectors::End& end) {
  const std::int32_t channels = folded ? kLanes : layer.g.out_c;
  const auto channel = [&](std::int32_t lane) { return folded ? lane % layer.g.out_c : lane; };
  Words words;
  for (std::int32_t first = 0; first < channels; first += kLanes) {
    for (std::int32_t tap = 0; tap < layer.taps(); ++tap) {
      for (std::int32_t lane = first; lane < first + kLanes; ++lane)
        words.byte(lane < channels ? layer.weight(channel(lane), tap) : 0);
    }
    for (const auto& quad : vectors::kDepthwiseQuads) {
      std::array<std::int32_t, kChannels> lanes{};
      std::transform(std::begin(quad), std::end(quad), lanes.begin(),
                     [&](std::int32_t lane) { return channel(first + lane); });
      add_end(
          words, end, layer.tables, [&](std::int32_t c) { return layer.bias(c); }, lanes);
    }
  }
  return words.take();
}

/// Rows are copied before the first output of theirs is written, or stay where they are until their last.
std::ptrdiff_t depthwise_trail(const device::ConvGeometry& g, bool copies) {
  std::ptrdiff_t distance = -(std::ptrdiff_t{1} << 40);
  for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
    const std::int32_t top = oy * g.stride_h - g.pad_top;
    const std::int32_t needed = std::clamp(copies ? top + device::window_rows(g) : top, 0, g.in_h);
    distance =
        std::max(distance, std::ptrdiff_t{oy + 1} * g.out_w * g.out_c - std::ptrdiff_t{needed} * g.in_w * g.in_c);
  }
  return distance;
}

}  // namespace

std::optional<LoweredOp> vector_depthwise(const DepthwiseLayer& layer, const std::string& symbol,
                                          const LoweringOptions& options) {
  const device::ConvGeometry& g = layer.g;
  const bool folded = g.stride_w == 1 && kLanes % g.in_c == 0 && g.in_c < kLanes && g.out_w > 1;
  const bool copies = !all_inside(g);
  const device::PaddedLine line(g);
  if (g.multiplier != 1 || line.count <= 0) return std::nullopt;

  const std::int32_t tap_bytes = g.dilation_w * g.in_c, pixel_bytes = folded ? g.out_w * g.out_c : g.out_c;
  vectors::DepthwiseTile tile{g.kernel_h,
                              g.kernel_w,
                              tap_bytes <= 127 && !options.share ? tap_bytes : 0,
                              tap_groups(layer),
                              pixel_bytes % kLanes != 0,
                              folded,
                              vector_end(g, layer.tables)};
  if (!vectors::can_emit(tile)) return std::nullopt;
  LoweredOp lowered = lowered_op(
      symbol, fmt::format("depthwise_vectors, {} groups of taps{}", tile.groups.size(), folded ? ", rows folded" : ""),
      "kernels/depthwise_vectors.hpp");
  lowered.geometry = geometry_text(symbol, g);
  lowered.constants.push_back({symbol + "_panels", "std::uint32_t",
                               "16 channels: weights of each tap; biases, multipliers, shifts of every fourth", 4, true,
                               depthwise_panels(layer, folded, tile.end)});
  lowered.functions.push_back(vectors::emit_depthwise_tile(tile));
  if (tap_bytes <= 127) {
    const std::int64_t vectors = (pixel_bytes + kLanes - 1) / kLanes * std::int64_t{folded ? 1 : g.out_w} * g.out_h;
    lowered.share_cycles = vectors * g.kernel_h * (g.kernel_w - 1);
  }
  if (copies) {
    lowered.functions.push_back(vectors::emit_padded_run());
    lowered.scratch_bytes = static_cast<std::size_t>(device::window_rows(g) * line.bytes());
  }
  lowered.body =
      fmt::format("shared_depthwise_vectors(geometry, depthwise_vector_layer({}_panels, {}, {}, {}), x0, y, scratch);",
                  symbol, lowered.functions[0].name, copies ? lowered.functions[1].name : "nullptr", folded);
  lowered.row_form = RowForm::convolution;
  lowered.row_step = 1;
  lowered.band_cycles = std::int64_t{device::window_rows(g)} * (40 + line.bytes() / 5);
  lowered.trail = depthwise_trail(g, copies);
  return lowered;
}

}  // namespace mote::compile
