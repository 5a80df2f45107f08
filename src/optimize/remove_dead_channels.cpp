// Channels whose values do not depend on the input, and channels that nobody reads, leave the model; what they added to
// later sums goes into biases.
//
// Forward, every channel of every int8 tensor is either live or a known plane: its filter is all zero, or reads only
// known planes. A plane goes through depthwise layers with their borders, so it need not be uniform. Backward, a
// channel is needed when something live reads it that cannot take its effect for a constant: a convolution can when the
// plane is uniform and padding does not cut it off (or equals it), a dense layer always. A channel that is known but
// not foldable stays and is computed as before. Where tensors must have the same channels (depthwise, pooling,
// addition), they keep them together.

#include <algorithm>
#include <optional>

#include "kernels/pool.hpp"
#include "kernels/requantize.hpp"
#include "mote/graph/integer_params.hpp"
#include "mote/optimize/passes.hpp"

namespace mote::optimize {
namespace {

using graph::Graph;
using graph::Op;
using graph::Tensor;
using graph::TensorId;

/// Kernels work on groups of four channels: a tensor that loses channels keeps a multiple of this, some of them empty.
constexpr std::size_t kGranularity = 4;

using Plane = std::vector<std::int8_t>;

class DeadChannels {
 public:
  explicit DeadChannels(const Graph& graph)
      : graph_(graph),
        known_(graph.tensors().size()),
        needed_(graph.tensors().size()),
        present_(graph.tensors().size()) {
    for (TensorId id = 0; id < static_cast<TensorId>(graph.tensors().size()); ++id) {
      known_[at(id)].resize(channels(id));
      needed_[at(id)].resize(channels(id), false);
    }
  }

  Graph run() {
    if (!std::ranges::all_of(graph_.ops(), [&](const Op& op) { return known_kind(op); })) return graph_;
    for (const Op& op : graph_.ops()) find_planes(op);
    find_needed();
    choose_present();
    if (std::ranges::all_of(present_, [](const std::vector<bool>& p) { return p.empty(); })) return graph_;
    return rebuild();
  }

 private:
  static std::size_t at(TensorId id) { return static_cast<std::size_t>(id); }
  [[nodiscard]] const Tensor& tensor(TensorId id) const { return graph_.tensor(id); }
  [[nodiscard]] std::size_t channels(TensorId id) const {
    const graph::Shape& shape = tensor(id).shape;
    return shape.rank() == 0 ? 1 : static_cast<std::size_t>(shape.back());
  }
  [[nodiscard]] std::size_t plane_size(TensorId id) const { return tensor(id).shape.elements() / channels(id); }
  [[nodiscard]] static bool is_conv(const Op& op) { return op.as<graph::Conv2D>() != nullptr; }
  [[nodiscard]] static bool is_dense(const Op& op) { return op.as<graph::Dense>() != nullptr; }
  [[nodiscard]] static bool is_depthwise(const Op& op) { return op.as<graph::DepthwiseConv2D>() != nullptr; }
  [[nodiscard]] static bool has_weights(const Op& op) { return is_conv(op) || is_dense(op) || is_depthwise(op); }

  /// Operators whose channels this pass follows: int8, and no constants but weights.
  [[nodiscard]] bool known_kind(const Op& op) const {
    if (tensor(op.inputs[0]).dtype != graph::DType::i8 || tensor(op.outputs[0]).dtype != graph::DType::i8 ||
        tensor(op.inputs[0]).is_constant())
      return false;
    if (op.as<graph::Add>() != nullptr &&
        (tensor(op.inputs[1]).is_constant() || tensor(op.inputs[0]).shape != tensor(op.inputs[1]).shape))
      return false;
    if (op.as<graph::Concat>() != nullptr &&
        std::ranges::any_of(op.inputs, [&](TensorId id) { return tensor(id).is_constant(); }))
      return false;
    if (op.as<graph::Binary>() != nullptr && tensor(op.inputs[1]).is_constant()) return false;
    return op.as<graph::BatchNorm>() == nullptr && op.as<graph::Dropout>() == nullptr;
  }
  /// Output channel c comes from input channel c alone: both tensors have the same channels, before and after.
  [[nodiscard]] bool is_channelwise(const Op& op) const {
    if (const auto* d = op.as<graph::DepthwiseConv2D>()) return d->multiplier == 1;
    if (op.as<graph::Reshape>() != nullptr) return channels(op.inputs[0]) == channels(op.outputs[0]);
    return op.as<graph::Pool2D>() != nullptr || op.as<graph::Add>() != nullptr || op.as<graph::Activate>() != nullptr ||
           op.as<graph::Quantize>() != nullptr;
  }

  [[nodiscard]] std::int8_t weight(const Op& op, std::size_t i) const {
    return tensor(op.inputs[1]).values<std::int8_t>()[i];
  }
  /// A dense layer reads input element i, which lies in channel i % channels.
  [[nodiscard]] std::size_t dense_inputs(const Op& op) const {
    return static_cast<std::size_t>(tensor(op.inputs[1]).shape[1]);
  }

  // Forward.

  void find_planes(const Op& op) {
    const TensorId y = op.outputs[0];
    if (op.as<graph::Softmax>() != nullptr) return;
    if (has_weights(op)) {
      if (is_depthwise(op) && !is_channelwise(op)) return;
      const auto g = graph::conv_geometry(graph_, op);
      const auto tables = graph::channel_tables(graph_, op);
      for (std::size_t c = 0; c < channels(y); ++c) known_[at(y)][c] = weighted_plane(op, g, tables, c);
      return;
    }
    if (!is_channelwise(op)) return;
    for (std::size_t c = 0; c < channels(y); ++c) {
      const auto& a = known_[at(op.inputs[0])][c];
      if (!a) continue;
      if (op.as<graph::Reshape>() != nullptr) known_[at(y)][c] = *a;
      if (op.as<graph::Pool2D>() != nullptr) known_[at(y)][c] = pooled(op, *a);
      // Sums and requantized planes are rare: such channels stay.
    }
  }

  [[nodiscard]] std::optional<Plane> weighted_plane(const Op& op, const device::ConvGeometry& g,
                                                    const graph::ChannelTables& tables, std::size_t c) const {
    const std::vector<std::optional<Plane>>& inputs = known_[at(op.inputs[0])];
    const auto window = static_cast<std::size_t>(g.kernel_h * g.kernel_w);
    const std::size_t in_c = channels(op.inputs[0]);
    // Non-zero weights: {tap, input channel, weight}.
    struct Term {
      std::size_t tap, channel;
      std::int32_t w;
    };
    std::vector<Term> terms;
    if (is_dense(op)) {
      for (std::size_t i = 0; i < dense_inputs(op); ++i) {
        const std::int32_t w = weight(op, c * dense_inputs(op) + i);
        if (w != 0) terms.push_back({i / in_c, i % in_c, w});
      }
    } else {
      for (std::size_t tap = 0; tap < window; ++tap) {
        for (std::size_t k = 0; k < (is_depthwise(op) ? 1 : in_c); ++k) {
          const std::int32_t w = is_depthwise(op) ? weight(op, tap * channels(op.outputs[0]) + c)
                                                  : weight(op, (c * window + tap) * in_c + k);
          if (w != 0) terms.push_back({tap, is_depthwise(op) ? c : k, w});
        }
      }
    }
    if (!std::ranges::all_of(terms, [&](const Term& t) { return inputs[t.channel].has_value(); })) return std::nullopt;
    const device::ChannelParams params{tables.bias.data(), tables.multiplier.data(), tables.shift.data()};
    Plane plane(plane_size(op.outputs[0]));
    for (std::size_t p = 0; p < plane.size(); ++p) {
      std::uint32_t sum = static_cast<std::uint32_t>(tables.bias[c]);
      for (const Term& t : terms) {
        std::size_t source = t.tap;
        if (!is_dense(op)) {
          const auto oy = static_cast<std::int32_t>(p) / g.out_w, ox = static_cast<std::int32_t>(p) % g.out_w;
          const auto ky = static_cast<std::int32_t>(t.tap) / g.kernel_w,
                     kx = static_cast<std::int32_t>(t.tap) % g.kernel_w;
          const std::int32_t iy = oy * g.stride_h - g.pad_top + ky * g.dilation_h,
                             ix = ox * g.stride_w - g.pad_left + kx * g.dilation_w;
          if (iy < 0 || iy >= g.in_h || ix < 0 || ix >= g.in_w) continue;
          source = static_cast<std::size_t>(iy * g.in_w + ix);
        }
        sum += static_cast<std::uint32_t>(t.w * ((*inputs[t.channel])[source] - g.input_zero));
      }
      plane[p] = device::requantize(static_cast<std::int32_t>(sum), params, static_cast<std::int32_t>(c), g.output_zero,
                                    g.clamp_low, g.clamp_high);
    }
    return plane;
  }

  [[nodiscard]] Plane pooled(const Op& op, const Plane& in) const {
    device::PoolGeometry g = graph::pool_geometry(graph_, op);
    g.channels = 1;
    Plane out(plane_size(op.outputs[0]));
    if (op.as<graph::Pool2D>()->kind == graph::PoolKind::max)
      device::max_pool2d(g, in.data(), out.data());
    else
      device::average_pool2d(g, in.data(), out.data());
    return out;
  }

  // Backward.

  [[nodiscard]] static bool is_uniform(const Plane& plane) {
    return std::ranges::all_of(plane, [&](std::int8_t v) { return v == plane.front(); });
  }
  [[nodiscard]] static bool has_pads(const graph::Pads& p) {
    return p.top != 0 || p.bottom != 0 || p.left != 0 || p.right != 0;
  }

  /// Whether what channel c adds to each of the operator's sums is the same everywhere.
  [[nodiscard]] bool can_fold(const Op& op, std::size_t c) const {
    const auto& plane = known_[at(op.inputs[0])][c];
    if (!plane) return false;
    if (is_dense(op)) return true;
    const auto* conv = op.as<graph::Conv2D>();
    if (conv == nullptr || !is_uniform(*plane)) return false;
    return !has_pads(conv->pads) || plane->front() == tensor(op.inputs[0]).quantization.zero_point();
  }

  [[nodiscard]] bool reads(const Op& op, std::size_t output, std::size_t input) const {
    const std::size_t in_c = channels(op.inputs[0]);
    const std::size_t filter = tensor(op.inputs[1]).shape.elements() / channels(op.outputs[0]);
    for (std::size_t i = input; i < filter; i += in_c) {
      if (weight(op, output * filter + i) != 0) return true;
    }
    return false;
  }

  void find_needed() {
    const auto need_all = [&](TensorId id) { std::fill(needed_[at(id)].begin(), needed_[at(id)].end(), true); };
    std::ranges::for_each(graph_.inputs(), need_all);
    std::ranges::for_each(graph_.outputs(), need_all);
    for (const graph::State& state : graph_.states()) {
      need_all(state.read);
      need_all(state.written);
    }
    for (bool changed = true; changed;) {
      changed = false;
      const auto need = [&](TensorId id, std::size_t c) {
        if (needed_[at(id)][c]) return;
        needed_[at(id)][c] = true;
        changed = true;
      };
      for (std::size_t i = graph_.ops().size(); i-- > 0;) {
        const Op& op = graph_.ops()[i];
        const TensorId y = op.outputs[0];
        if (is_conv(op) || is_dense(op)) {
          for (std::size_t c = 0; c < channels(op.inputs[0]); ++c) {
            if (needed_[at(op.inputs[0])][c] || can_fold(op, c)) continue;
            for (std::size_t o = 0; o < channels(y); ++o) {
              if (needed_[at(y)][o] && reads(op, o, c)) {
                need(op.inputs[0], c);
                break;
              }
            }
          }
        } else if (is_channelwise(op)) {
          const std::size_t sides = op.as<graph::Add>() != nullptr ? 2 : 1;
          for (std::size_t c = 0; c < channels(y); ++c) {
            bool any = needed_[at(y)][c];
            for (std::size_t k = 0; k < sides; ++k) any = any || needed_[at(op.inputs[k])][c];
            if (!any) continue;
            need(y, c);
            for (std::size_t k = 0; k < sides; ++k) need(op.inputs[k], c);
          }
        } else {
          for (const TensorId x : op.inputs) {
            if (x == graph::kNoTensor || tensor(x).is_constant()) continue;
            for (std::size_t c = 0; c < channels(x); ++c) need(x, c);
          }
          for (std::size_t c = 0; c < channels(y); ++c) need(y, c);
        }
      }
    }
  }

  /// Needed channels, and empty ones up to the granularity; the same for tensors that must agree. An empty entry:
  /// nothing leaves.
  void choose_present() {
    std::vector<TensorId> first(graph_.tensors().size());
    for (TensorId id = 0; id < static_cast<TensorId>(first.size()); ++id) first[at(id)] = id;
    const auto root = [&](TensorId id) {
      while (first[at(id)] != id) id = first[at(id)];
      return id;
    };
    for (const Op& op : graph_.ops()) {
      if (!is_channelwise(op)) continue;
      first[at(root(op.outputs[0]))] = root(op.inputs[0]);
      if (op.as<graph::Add>() != nullptr) first[at(root(op.inputs[1]))] = root(op.inputs[0]);
    }
    for (TensorId id = 0; id < static_cast<TensorId>(first.size()); ++id) {
      if (tensor(id).is_constant() || all_needed(id)) continue;
      std::vector<bool> kept = needed_[at(id)];  // equal for all tensors of a root
      auto count = static_cast<std::size_t>(std::ranges::count(kept, true));
      for (std::size_t c = 0; c < kept.size() && (count == 0 || count % kGranularity != 0); ++c) {
        if (kept[c]) continue;
        kept[c] = true;
        ++count;
      }
      if (count != kept.size()) present_[at(id)] = std::move(kept);
    }
  }

  [[nodiscard]] bool all_needed(TensorId id) const {
    return std::ranges::find(needed_[at(id)], false) == needed_[at(id)].end();
  }

  // The smaller model.

  [[nodiscard]] std::vector<std::size_t> kept(TensorId id) const {
    std::vector<std::size_t> list;
    for (std::size_t c = 0; c < channels(id); ++c) {
      if (present_[at(id)].empty() || present_[at(id)][c]) list.push_back(c);
    }
    return list;
  }

  Graph rebuild() {
    Graph out = graph_;
    for (TensorId id = 0; id < static_cast<TensorId>(present_.size()); ++id) {
      if (present_[at(id)].empty()) continue;
      std::vector<std::int32_t> dims(tensor(id).shape.dims().begin(), tensor(id).shape.dims().end());
      dims.back() = static_cast<std::int32_t>(kept(id).size());
      out.tensor(id).shape = graph::Shape(dims);
    }
    for (std::size_t i = 0; i < graph_.ops().size(); ++i) {
      const Op& op = graph_.ops()[i];
      if (!has_weights(op)) continue;
      // Also where a channel stays as an empty one: its weights and readers must agree on that.
      if (all_needed(op.inputs[0]) && all_needed(op.outputs[0])) continue;
      if (!shrink_weights(op, out.ops()[i], out)) return graph_;
    }
    out.remove_unused_tensors();
    return out;
  }

  /// New weights, scales and biases. False when a bias would not fit int32: then the model stays as it is.
  bool shrink_weights(const Op& op, Op& new_op, Graph& out) const {
    const TensorId x = op.inputs[0], y = op.outputs[0];
    const Tensor& old = tensor(op.inputs[1]);
    const std::vector<std::size_t> inputs = kept(x), outputs = kept(y);
    const std::size_t in_c = channels(x), out_c = channels(y);
    const std::size_t filter =
        is_depthwise(op) ? old.shape.elements() / out_c : old.shape.elements() / out_c / in_c;  // taps
    const std::int32_t zero = tensor(x).quantization.zero_point();
    const auto old_bias = graph::channel_tables(graph_, op).bias;
    std::vector<std::int8_t> weights;
    std::vector<std::int32_t> biases;
    const auto empty = [&](TensorId id, std::size_t c) { return !needed_[at(id)][c]; };

    if (is_depthwise(op)) {
      for (std::size_t tap = 0; tap < filter; ++tap) {
        for (const std::size_t c : outputs)
          weights.push_back(empty(y, c) ? std::int8_t{0} : weight(op, tap * out_c + c));
      }
      for (const std::size_t c : outputs) biases.push_back(empty(y, c) ? 0 : old_bias[c]);
    } else {
      for (const std::size_t o : outputs) {
        std::int64_t bias = old_bias[o];
        for (std::size_t tap = 0; tap < filter; ++tap) {
          for (std::size_t c = 0; c < in_c; ++c) {
            const std::int8_t w = weight(op, (o * filter + tap) * in_c + c);
            const bool folded = empty(x, c);
            if (folded && w != 0 && !empty(y, o))
              bias += std::int64_t{w} * ((*known_[at(x)][c])[is_dense(op) ? tap : 0] - zero);
            if (present_[at(x)].empty() || present_[at(x)][c])
              weights.push_back(folded || empty(y, o) ? std::int8_t{0} : w);
          }
        }
        if (empty(y, o)) bias = 0;
        if (bias != static_cast<std::int32_t>(bias)) return false;
        biases.push_back(static_cast<std::int32_t>(bias));
      }
    }

    Tensor w = old;
    std::vector<std::int32_t> dims(old.shape.dims().begin(), old.shape.dims().end());
    const auto new_out = static_cast<std::int32_t>(outputs.size());
    if (is_depthwise(op)) {
      dims[3] = new_out;
    } else {
      dims[0] = new_out;
      dims.back() =
          is_dense(op) ? static_cast<std::int32_t>(filter * inputs.size()) : static_cast<std::int32_t>(inputs.size());
    }
    w.shape = graph::Shape(dims);
    w.data = graph::constant_data(std::span<const std::int8_t>(weights));
    if (old.quantization.per_channel()) {
      w.quantization.scales.clear();
      w.quantization.zero_points.assign(outputs.size(), 0);
      for (const std::size_t c : outputs) w.quantization.scales.push_back(old.quantization.scales[c]);
      if (outputs.size() == 1) w.quantization.axis = 0;
    }
    Tensor b;
    b.name = tensor(y).name + "/live_bias";
    b.dtype = graph::DType::i32;
    if (op.inputs.size() > 2 && op.inputs[2] != graph::kNoTensor) b = tensor(op.inputs[2]);
    b.shape = graph::Shape{new_out};
    b.quantization = {};
    b.data = graph::constant_data(std::span<const std::int32_t>(biases));
    // Constants may be shared between operators: each gets its own.
    w.name += "/live" + std::to_string(out.tensors().size());
    b.name += "/live" + std::to_string(out.tensors().size());
    new_op.inputs.resize(3);
    new_op.inputs[1] = out.add_tensor(std::move(w));
    new_op.inputs[2] = out.add_tensor(std::move(b));
    return true;
  }

  const Graph& graph_;
  std::vector<std::vector<std::optional<Plane>>> known_;
  std::vector<std::vector<bool>> needed_, present_;
};

}  // namespace

Result<graph::Graph> remove_dead_channels(const graph::Graph& graph) {
  // A weight of 0 is not nothing where the zero point is another.
  const bool shifted = std::ranges::any_of(graph.ops(), [&](const Op& op) {
    const bool weighted = op.as<graph::Conv2D>() != nullptr || op.as<graph::DepthwiseConv2D>() != nullptr ||
                          op.as<graph::Dense>() != nullptr;
    return weighted && graph.tensor(op.inputs[1]).quantization.zero_point() != 0;
  });
  return shifted ? graph : DeadChannels(graph).run();
}

}  // namespace mote::optimize
