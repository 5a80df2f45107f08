#pragma once
// Small models for the tests of this module: without training, and without the passes of `optimize`, which stands
// beside this module.

#include "mote/graph/graph.hpp"
#include "mote/graph/zoo.hpp"

namespace mote::formats::test {

/// The graph without batch norm and dropout: another function, but one that every format can express.
[[nodiscard]] graph::Graph without_training_ops(const graph::Graph& graph);

/// int8 form of a float graph; ranges come from the executor on random inputs. Aborts on a graph that does not run.
[[nodiscard]] graph::Graph quantized(const graph::Graph& graph, std::uint64_t seed);

/// Every operator that the format has, on a few values: small enough to damage each of its words in turn.
[[nodiscard]] graph::Graph every_operator();

/// The zoo's architectures on small inputs, ready to write.
[[nodiscard]] std::vector<graph::Graph> small_zoo();

/// `samples` random inputs of the graph, one after the other: int8, or float in [-1, 1).
[[nodiscard]] Bytes random_inputs(const graph::Graph& graph, std::size_t samples, std::uint64_t seed);

/// The executor's outputs for inputs, one sample after the other.
[[nodiscard]] Result<Bytes> run(const graph::Graph& graph, ByteSpan inputs);

}  // namespace mote::formats::test
