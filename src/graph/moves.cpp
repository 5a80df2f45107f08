#include "mote/graph/moves.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace mote::graph {
namespace {

/// A loop over elements: distances in elements.
struct Loop {
  std::int32_t count, from, to;
};

std::vector<std::int32_t> dense_strides(const Shape& shape) {
  std::vector<std::int32_t> strides(shape.rank(), 1);
  for (std::size_t d = shape.rank(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

/// Without loops of one turn, and with neighbours joined that walk as one.
std::vector<Loop> joined(const std::vector<Loop>& loops) {
  std::vector<Loop> out;
  for (const Loop& loop : loops) {
    if (loop.count == 1) continue;
    if (!out.empty() && out.back().from == loop.from * loop.count && out.back().to == loop.to * loop.count) {
      out.back() = {out.back().count * loop.count, loop.from, loop.to};
    } else {
      out.push_back(loop);
    }
  }
  return out;
}

/// Adds the copies of nested loops: more than the kernel has are unrolled from the outside.
void add_moves(std::vector<Move>& moves, std::size_t input, std::int32_t element, std::int32_t from, std::int32_t to,
               std::vector<Loop> loops) {
  std::int32_t run = element;
  if (!loops.empty() && loops.back().from == 1 && loops.back().to == 1) {
    run = loops.back().count * element;
    loops.pop_back();
  }
  if (loops.size() > device::kMoveLoops) {
    const Loop outer = loops.front();
    if (run != element) loops.push_back({run / element, 1, 1});
    loops.erase(loops.begin());
    for (std::int32_t i = 0; i < outer.count; ++i)
      add_moves(moves, input, element, from + i * outer.from, to + i * outer.to, loops);
    return;
  }
  Move move{input, {}};
  move.geometry.run = run;
  move.geometry.from_begin = from * element;
  move.geometry.to_begin = to * element;
  const std::size_t missing = device::kMoveLoops - loops.size();
  for (std::size_t i = 0; i < device::kMoveLoops; ++i) {
    const Loop loop = i < missing ? Loop{1, 0, 0} : loops[i - missing];
    move.geometry.count[i] = loop.count;
    move.geometry.from[i] = loop.from * element;
    move.geometry.to[i] = loop.to * element;
  }
  moves.push_back(move);
}

class MoveMaker {
 public:
  MoveMaker(const Graph& graph, const Op& op)
      : graph_(graph),
        op_(op),
        y_(graph.tensor(op.outputs[0])),
        to_(dense_strides(y_.shape)),
        element_(static_cast<std::int32_t>(size_bytes(y_.dtype))) {}

  std::vector<Move> operator()(const Concat& a) {
    const auto axis = static_cast<std::size_t>(a.axis);
    std::int32_t place = 0;
    for (std::size_t i = 0; i < op_.inputs.size(); ++i) {
      const Shape& x = in(i);
      add(i, 0, place * to_[axis], x, dense_strides(x));
      place += x[axis];
    }
    return std::move(moves_);
  }
  std::vector<Move> operator()(const Slice& a) {
    std::vector<std::int32_t> strides = dense_strides(in(0));
    std::int32_t begin = 0;
    for (std::size_t d = 0; d < strides.size(); ++d) {
      begin += a.begin[d] * strides[d];
      strides[d] *= a.stride[d];
    }
    add(0, begin, 0, y_.shape, strides);
    return std::move(moves_);
  }
  std::vector<Move> operator()(const Transpose& a) {
    const std::vector<std::int32_t> strides = dense_strides(in(0));
    std::vector<std::int32_t> from;
    for (const std::int32_t d : a.permutation) from.push_back(strides[static_cast<std::size_t>(d)]);
    add(0, 0, 0, y_.shape, from);
    return std::move(moves_);
  }
  std::vector<Move> operator()(const Pad& a) {
    std::int32_t begin = 0;
    for (std::size_t d = 0; d < to_.size(); ++d) {
      begin += a.before[d] * to_[d];
      if (!a.between.empty()) to_[d] *= a.between[d] + 1;
    }
    add(0, 0, begin, in(0), dense_strides(in(0)));
    return std::move(moves_);
  }
  std::vector<Move> operator()(const Broadcast&) {
    std::vector<std::int32_t> strides = dense_strides(in(0));
    for (std::size_t d = 0; d < strides.size(); ++d) strides[d] = in(0)[d] == 1 ? 0 : strides[d];
    add(0, 0, 0, y_.shape, strides);
    return std::move(moves_);
  }
  std::vector<Move> operator()(const Shift& a) {
    const auto axis = static_cast<std::size_t>(a.axis);
    const std::int32_t kept = in(0)[axis] - in(1)[axis];
    std::vector<std::int32_t> dims(in(0).dims().begin(), in(0).dims().end());
    dims[axis] = kept;
    if (kept > 0) add(0, in(1)[axis] * to_[axis], 0, Shape(dims), to_);
    add(1, 0, kept * to_[axis], in(1), dense_strides(in(1)));
    return std::move(moves_);
  }
  template <class Other>
  std::vector<Move> operator()(const Other&) {
    return {};
  }

 private:
  [[nodiscard]] const Shape& in(std::size_t i) const { return graph_.tensor(op_.inputs[i]).shape; }
  void add(std::size_t input, std::int32_t from_begin, std::int32_t to_begin, const Shape& counts,
           const std::vector<std::int32_t>& from) {
    std::vector<Loop> loops;
    for (std::size_t d = 0; d < counts.rank(); ++d) loops.push_back({counts[d], from[d], to_[d]});
    add_moves(moves_, input, element_, from_begin, to_begin, joined(loops));
  }

  const Graph& graph_;
  const Op& op_;
  const Tensor& y_;
  std::vector<std::int32_t> to_;
  std::int32_t element_;
  std::vector<Move> moves_;
};

}  // namespace

bool is_move(const Op& op) {
  return op.as<Concat>() != nullptr || op.as<Slice>() != nullptr || op.as<Transpose>() != nullptr ||
         op.as<Pad>() != nullptr || op.as<Broadcast>() != nullptr || op.as<Gather>() != nullptr ||
         op.as<Shift>() != nullptr;
}

std::vector<Move> moves(const Graph& graph, const Op& op) { return std::visit(MoveMaker(graph, op), op.attributes); }

Bytes pad_element(const Graph& graph, const Op& op) {
  const float value = op.as<Pad>()->value;
  const Tensor& y = graph.tensor(op.outputs[0]);
  const Quantization& q = y.quantization;
  Bytes bytes(size_bytes(y.dtype));
  if (y.dtype == DType::f32) {
    std::memcpy(bytes.data(), &value, sizeof value);
  } else {
    const float scaled = q.present() ? std::round(value / q.scale()) + static_cast<float>(q.zero_point()) : value;
    const float high = y.dtype == DType::i8 ? 127.0f : y.dtype == DType::i16 ? 32767.0f : 1e9f;
    const auto integer = static_cast<std::int64_t>(std::clamp(scaled, -high - 1.0f, high));
    std::memcpy(bytes.data(), &integer, bytes.size());
  }
  return bytes;
}

device::GatherGeometry gather_geometry(const Graph& graph, const Op& op) {
  const auto axis = static_cast<std::size_t>(op.as<Gather>()->axis);
  const Tensor& x = graph.tensor(op.inputs[0]);
  device::GatherGeometry g{1, x.shape[axis], graph.tensor(op.inputs[1]).shape[0],
                           static_cast<std::int32_t>(size_bytes(x.dtype))};
  for (std::size_t d = 0; d < axis; ++d) g.outer *= x.shape[d];
  for (std::size_t d = axis + 1; d < x.shape.rank(); ++d) g.slice_bytes *= x.shape[d];
  return g;
}

device::ShiftGeometry shift_geometry(const Graph& graph, const Op& op) {
  const auto axis = static_cast<std::size_t>(op.as<Shift>()->axis);
  const Shape &window = graph.tensor(op.inputs[0]).shape, &rows = graph.tensor(op.inputs[1]).shape;
  auto row_bytes = static_cast<std::int32_t>(size_bytes(graph.tensor(op.inputs[0]).dtype));
  for (std::size_t d = axis + 1; d < window.rank(); ++d) row_bytes *= window[d];
  device::ShiftGeometry g{1, (window[axis] - rows[axis]) * row_bytes, rows[axis] * row_bytes};
  for (std::size_t d = 0; d < axis; ++d) g.outer *= window[d];
  return g;
}

std::optional<device::BroadcastGeometry> broadcast_geometry(const Shape& a, const Shape& b, const Shape& y) {
  struct PairLoop {
    std::int32_t count, a, b;
  };
  std::vector<PairLoop> loops;  // innermost first
  std::int32_t stride_a = 1, stride_b = 1;
  for (std::size_t d = 0; d < y.rank(); ++d) {
    const std::int32_t count = y.back(d), na = d < a.rank() ? a.back(d) : 1, nb = d < b.rank() ? b.back(d) : 1;
    const PairLoop loop{count, na == 1 ? 0 : stride_a, nb == 1 ? 0 : stride_b};
    stride_a *= na;
    stride_b *= nb;
    if (count == 1) continue;
    if (!loops.empty() && loop.a == loops.back().a * loops.back().count &&
        loop.b == loops.back().b * loops.back().count) {
      loops.back().count *= count;
    } else {
      loops.push_back(loop);
    }
  }
  if (loops.size() > device::kBroadcastLoops) return std::nullopt;
  device::BroadcastGeometry g{};
  for (std::size_t i = 0; i < device::kBroadcastLoops; ++i) {
    const std::size_t from_inside = device::kBroadcastLoops - 1 - i;
    const PairLoop loop = from_inside < loops.size() ? loops[from_inside] : PairLoop{1, 0, 0};
    g.count[i] = loop.count;
    g.a[i] = loop.a;
    g.b[i] = loop.b;
  }
  return g;
}

}  // namespace mote::graph
