// Layers on a core with vector instructions.

#include "lower_vectors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "kernels/vector_rows.hpp"
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

bool all_inside(const device::ConvGeometry& g) {
  return g.pad_top <= 0 && g.pad_left <= 0 &&
         (g.out_h - 1) * g.stride_h - g.pad_top + (g.kernel_h - 1) * g.dilation_h < g.in_h &&
         (g.out_w - 1) * g.stride_w - g.pad_left + (g.kernel_w - 1) * g.dilation_w < g.in_w;
}

/// What a row of pixels is, and the geometry that the loop sees then.
struct Run {
  device::RunOf of = device::RunOf::rows;
  device::ConvGeometry g;
  bool copies = false;            // rows are copied, with padding around them
  std::size_t scratch_bytes = 0;  // for that

  Run(const device::ConvGeometry& layer, const LoweringOptions& options) : g(layer), copies(!all_inside(layer)) {
    const bool pixelwise = g.kernel_h * g.kernel_w == 1 && g.stride_h * g.stride_w == 1 && g.in_w == g.out_w;
    if (pixelwise && !copies) {
      take(device::RunOf::plane);
    } else if (g.in_w == 1 && g.out_w == 1 && g.kernel_w == 1 && g.pad_left == 0 && g.out_h > 1) {
      const auto lying = run_geometry(layer, device::RunOf::column);
      // The whole layer is a row: not where its copy is large.
      if (!copies || ring_bytes(lying) <= options.scratch_bytes) take(device::RunOf::column);
    }
    if (copies) scratch_bytes = ring_bytes(g);
  }
  void take(device::RunOf kind) {
    g = run_geometry(g, kind);
    of = kind;
  }
  [[nodiscard]] static std::size_t ring_bytes(const device::ConvGeometry& geometry) {
    return static_cast<std::size_t>(device::row_ring_bytes(geometry));
  }
  /// Of a window that the loop can read: some row of the layer's input has elements.
  [[nodiscard]] bool reads_input() const { return device::PaddedLine(g).count > 0; }
  [[nodiscard]] std::string text() const {
    using enum device::RunOf;
    return of == rows ? "rows" : of == column ? "column" : of == plane ? "plane" : "folded";
  }

  /// Rows are copied before the first output of theirs is written; or they are read where they are, while outputs are
  /// written no more than `ahead` pixels behind the first of a window.
  [[nodiscard]] std::ptrdiff_t trail(std::int32_t ahead) const {
    std::ptrdiff_t distance = -(std::ptrdiff_t{1} << 40);
    const auto written_before_needed = [&](std::int32_t pixels, std::int32_t row, std::int32_t column) {
      distance = std::max(distance, std::ptrdiff_t{std::min(pixels, g.out_h * g.out_w)} * g.out_c -
                                        (std::ptrdiff_t{row} * g.in_w + column) * g.in_c);
    };
    for (std::int32_t oy = 0; oy < g.out_h; ++oy) {
      const std::int32_t top = oy * g.stride_h - g.pad_top;
      if (copies) {
        written_before_needed((oy + 1) * g.out_w, std::clamp(top + device::window_rows(g), 0, g.in_h), 0);
        continue;
      }
      for (std::int32_t ox = 0; ox < g.out_w; ++ox)
        written_before_needed(oy * g.out_w + ox + ahead, top, ox * g.stride_w - g.pad_left);
    }
    return distance;
  }
};

/// How a convolution's loop reads windows: rows where they lie take more steps where they are short, gathering takes
/// instructions before.
vectors::ConvTile conv_tile(const device::ConvGeometry& g, bool whole_input) {
  vectors::ConvTile tile;
  if (whole_input) {
    tile.pixels = 1;
    tile.run = g.in_h * g.in_w * g.in_c;
    tile.out_c = g.out_c;
    return tile;
  }
  tile.pixels = g.out_w > 1 ? 2 : 1;
  tile.kernel_h = g.kernel_h;
  tile.out_c = g.out_c;
  const std::int32_t row = g.kernel_w * g.in_c, groups = (g.out_c + kChannels - 1) / kChannels;
  const bool runs_are_rows = g.dilation_w == 1 || g.kernel_w == 1;
  const std::int32_t gathers = runs_are_rows ? 1 : g.kernel_w, gathered_run = runs_are_rows ? row : g.in_c;
  constexpr std::int32_t kStepInstructions = 14, kSegmentInstructions = 2, kGatherInstructions = 10;
  const std::int32_t in_place = groups * g.kernel_h * (steps_of(row) * kStepInstructions + kSegmentInstructions);
  const std::int32_t gathered = groups * (steps_of(g.kernel_h * row) * kStepInstructions + kSegmentInstructions) +
                                g.kernel_h * gathers * (2 + steps_of(gathered_run)) * kGatherInstructions / 3;
  tile.segments = g.kernel_h;
  tile.run = row;
  if (runs_are_rows && in_place <= gathered) return tile;
  vectors::ConvTile gathering = tile;
  gathering.segments = 1;
  gathering.run = g.kernel_h * row;
  gathering.gathers = gathers;
  gathering.gathered_run = gathered_run;
  gathering.gather_step = runs_are_rows ? 0 : g.dilation_w * g.in_c;
  return runs_are_rows && !vectors::can_emit(gathering) ? tile : gathering;
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

std::vector<std::int64_t> conv_panels(const ConvLayer& layer, const vectors::ConvTile& s) {
  Words words;
  for (std::int32_t c = 0; c < layer.g.out_c; c += kChannels) {
    for (std::int32_t step = 0; step < s.segments * steps_of(s.run); ++step) {
      const std::int32_t begin = step % steps_of(s.run) * kStep, segment = step / steps_of(s.run);
      for (std::int32_t k = 0; k < kChannels; ++k) {
        for (std::int32_t i = begin; i < begin + kStep; ++i)
          words.byte(i < s.run && c + k < layer.g.out_c ? layer.weight(c + k, segment * s.run + i) : 0);
      }
    }
    const auto bias = [&](std::int32_t k) {
      return std::int64_t{layer.tables.bias[static_cast<std::size_t>(k)]} - layer.range(k).zero;
    };
    add_end(words, s.end, layer.tables, bias, {c, c + 1, c + 2, c + 3});
  }
  return words.take();
}

/// What convolutions and depthwise layers have in common.
/// @param ahead  pixels that the loop writes before it reads the next ones
LoweredOp lower_run(const std::string& symbol, const std::string& kernel, const device::ConvGeometry& layer,
                    const Run& run, std::int32_t ahead, AssemblyFunction loop, ConstantArray panels) {
  LoweredOp lowered = lowered_op(symbol, fmt::format("{}, {}", kernel, run.text()), "kernels/vector_rows.hpp");
  lowered.geometry = geometry_text(symbol, layer);
  lowered.body = fmt::format("shared_vector_rows(geometry, vector_layer({}, {}, {}, RunOf::{}), x0, y, scratch);",
                             panels.name, loop.name, run.copies ? "padded_run_vectors" : "nullptr", run.text());
  lowered.constants.push_back(std::move(panels));
  lowered.functions.push_back(std::move(loop));
  if (run.copies) lowered.functions.push_back(vectors::emit_padded_run());
  lowered.scratch_bytes = run.scratch_bytes;
  lowered.row_form = RowForm::convolution;
  if (run.copies)
    lowered.band_cycles = std::int64_t{device::window_rows(run.g)} * (40 + device::PaddedLine(run.g).bytes() / 5);
  lowered.trail = run.trail(ahead);
  return lowered;
}

}  // namespace

std::optional<LoweredOp> vector_conv(const ConvLayer& layer, const std::string& symbol,
                                     const LoweringOptions& options) {
  const Run run(layer.g, options);
  const device::ConvGeometry& g = layer.g;
  const bool whole_input = !run.copies && g.kernel_h == g.in_h && g.kernel_w == g.in_w;
  vectors::ConvTile tile = conv_tile(run.g, whole_input);
  tile.end = vector_end(layer.g, layer.tables);
  if (!vectors::can_emit(tile) || !run.reads_input()) return std::nullopt;
  LoweredOp lowered = lower_run(
      symbol, fmt::format("conv_vectors {}x4{}", tile.pixels, tile.gathers > 0 ? ", gathered" : ""), layer.g, run,
      tile.pixels, vectors::emit_conv_tile(tile),
      {symbol + "_panels", "std::uint32_t", "groups of 4 channels: weights in steps of 16, biases, multipliers, shifts",
       4, true, conv_panels(layer, tile)});
  if (whole_input) {
    lowered.body =
        fmt::format("shared_vector_pixel({}_panels, {}, {}, x0, y);", symbol, lowered.functions[0].name, g.out_c);
    lowered.geometry.clear();
    lowered.row_form = RowForm::none;
  }
  if (tile.gathers > 0) lowered.scratch_bytes += static_cast<std::size_t>(2 * layer.window + 16);
  // A band has at least the pixels that the loop takes at once.
  lowered.row_step = tile.pixels == 2 && layer.g.out_w == 1 ? 0 : 1;
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

}  // namespace

std::optional<LoweredOp> vector_depthwise(const DepthwiseLayer& layer, const std::string& symbol,
                                          const LoweringOptions& options) {
  Run run(layer.g, options);
  if (layer.g.multiplier != 1 || !run.reads_input()) return std::nullopt;
  const device::ConvGeometry& g = run.g;
  const bool repeats = g.stride_w == 1 && g.in_c < kLanes && kLanes % g.in_c == 0 && g.out_w > 1;
  if (repeats && run.of == device::RunOf::rows) run.of = device::RunOf::folded;
  const bool folded = run.of == device::RunOf::folded;
  const std::int32_t tap_bytes = g.dilation_w * g.in_c, pixel_bytes = folded ? g.out_w * g.out_c : g.out_c;
  const bool can_be_immediate = tap_bytes <= 127;
  const vectors::DepthwiseTile tile{g.kernel_h,
                                    g.kernel_w,
                                    can_be_immediate && !options.share ? tap_bytes : 0,
                                    tap_groups(layer),
                                    pixel_bytes % kLanes != 0,
                                    folded,
                                    vector_end(g, layer.tables)};
  if (!vectors::can_emit(tile)) return std::nullopt;
  LoweredOp lowered = lower_run(symbol, fmt::format("depthwise_vectors, {} groups of taps", tile.groups.size()),
                                layer.g, run, folded ? kLanes / g.in_c : 1, vectors::emit_depthwise_tile(tile),
                                {symbol + "_panels", "std::uint32_t",
                                 "16 channels: weights of each tap; biases, multipliers, shifts of every fourth", 4,
                                 true, depthwise_panels(layer, folded, tile.end)});
  if (can_be_immediate) {
    const std::int64_t vectors = (pixel_bytes + kLanes - 1) / kLanes * std::int64_t{folded ? 1 : g.out_w} * g.out_h;
    lowered.share_cycles = vectors * g.kernel_h * (g.kernel_w - 1);
  }
  return lowered;
}

}  // namespace mote::compile
