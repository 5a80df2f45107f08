// What a board computed beside what it should be.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "mote/bench/bench.hpp"

namespace mote::bench {
namespace {

constexpr double kFloatTolerance = 1e-5;

double float_at(ByteSpan bytes, std::size_t i) {
  float v = 0.0f;
  std::memcpy(&v, bytes.data() + 4 * i, sizeof v);
  return static_cast<double>(v);
}

}  // namespace

bool is_exact(const graph::Graph& graph, graph::TensorId value) {
  if (graph.tensor(value).dtype != graph::DType::f32) return true;
  // Trees pick what stands in the model, and their scores are computed without contractions.
  return std::ranges::any_of(graph.ops(), [](const graph::Op& op) { return op.as<graph::TreeEnsemble>() != nullptr; });
}

ValueDifference compare_values(const graph::Graph& graph, graph::TensorId value, ByteSpan expected, ByteSpan got) {
  ValueDifference d;
  const auto note = [&](std::size_t i, double e, double g) {
    if (d.different++ > 0) return;
    d.first = i;
    d.expected = e;
    d.got = g;
  };
  if (is_exact(graph, value)) {
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (got[i] != expected[i]) note(i, static_cast<std::int8_t>(expected[i]), static_cast<std::int8_t>(got[i]));
    }
    return d;
  }
  for (std::size_t i = 0; i < expected.size() / 4; ++i) {
    const double e = float_at(expected, i), g = float_at(got, i);
    if (e == g || (std::isnan(e) && std::isnan(g))) continue;
    if (!(std::fabs(e - g) <= kFloatTolerance * std::max(1.0, std::fabs(e)))) note(i, e, g);
  }
  return d;
}

bool outputs_agree(const graph::Graph& graph, ByteSpan expected, ByteSpan got) {
  for (const graph::TensorId id : graph.outputs()) {
    const std::size_t size = graph.tensor(id).size_bytes();
    if (compare_values(graph, id, expected.first(size), got.first(size)).different > 0) return false;
    expected = expected.subspan(size);
    got = got.subspan(size);
  }
  return true;
}

Bytes random_input(const graph::Graph& graph, Rng& rng) {
  Bytes input;
  for (const graph::TensorId id : graph.inputs()) {
    if (is_exact(graph, id)) {
      for (std::size_t i = 0; i < graph.tensor(id).size_bytes(); ++i)
        input.push_back(static_cast<std::uint8_t>(rng.next()));
      continue;
    }
    for (std::size_t i = 0; i < graph.tensor(id).shape.elements(); ++i) {
      const auto v = static_cast<float>(rng.uniform(-1.0, 1.0));
      const ByteSpan raw = bytes_of(std::span<const float>(&v, 1));
      input.insert(input.end(), raw.begin(), raw.end());
    }
  }
  return input;
}

}  // namespace mote::bench
