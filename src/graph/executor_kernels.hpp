#pragma once
// Private to the module: one prepared call per operator.

#include <functional>
#include <vector>

#include "mote/graph/graph.hpp"

namespace mote::graph::executor {

/// A call that computes `op` from `inputs` to `output`; parameters are prepared once.
[[nodiscard]] Result<std::function<void()>> prepare(const Graph& graph, const Op& op,
                                                    const std::vector<const std::uint8_t*>& inputs,
                                                    std::uint8_t* output);

/// The same for float operators (reference loops) and int8 operators (the device's portable kernels).
[[nodiscard]] Result<std::function<void()>> prepare_float(const Graph& graph, const Op& op,
                                                          const std::vector<const std::uint8_t*>& inputs,
                                                          std::uint8_t* output);
[[nodiscard]] Result<std::function<void()>> prepare_int8(const Graph& graph, const Op& op,
                                                         const std::vector<const std::uint8_t*>& inputs,
                                                         std::uint8_t* output);

/// Arithmetic on i32 and i64, which stands in models for shapes: add, binary, abs, neg.
[[nodiscard]] Result<std::function<void()>> prepare_integers(const Graph& graph, const Op& op,
                                                             const std::vector<const std::uint8_t*>& inputs,
                                                             std::uint8_t* output);

[[nodiscard]] Result<std::function<void()>> prepare_int16(const Graph& graph, const Op& op,
                                                          const std::vector<const std::uint8_t*>& inputs,
                                                          std::uint8_t* output);

[[nodiscard]] std::function<void()> prepare_top_k(const Graph& graph, const Op& op,
                                                  const std::vector<const std::uint8_t*>& inputs, std::uint8_t* output);

/// Quantize, Dequantize and Cast, of any types they have.
[[nodiscard]] Result<std::function<void()>> prepare_conversion(const Graph& graph, const Op& op,
                                                               const std::vector<const std::uint8_t*>& inputs,
                                                               std::uint8_t* output);

[[nodiscard]] Result<std::function<void()>> prepare_compare(const Graph& graph, const Op& op,
                                                            const std::vector<const std::uint8_t*>& inputs,
                                                            std::uint8_t* output);
[[nodiscard]] Result<std::function<void()>> prepare_select(const Graph& graph, const Op& op,
                                                           const std::vector<const std::uint8_t*>& inputs,
                                                           std::uint8_t* output);
[[nodiscard]] Result<std::function<void()>> prepare_matmul(const Graph& graph, const Op& op,
                                                           const std::vector<const std::uint8_t*>& inputs,
                                                           std::uint8_t* output);

[[nodiscard]] std::function<void()> prepare_recurrent(const Graph& graph, const Op& op,
                                                      const std::vector<const std::uint8_t*>& inputs,
                                                      std::uint8_t* output);

/// Ensembles of trees and what is done with their scores.
[[nodiscard]] Result<std::function<void()>> prepare_trees(const Graph& graph, const Op& op,
                                                          const std::vector<const std::uint8_t*>& inputs,
                                                          float* output);
[[nodiscard]] std::function<void()> prepare_scores(std::size_t outputs, ScoreKind kind, const float* input,
                                                   float* output);

/// Operators that move elements, of any type.
[[nodiscard]] std::function<void()> prepare_moves(const Graph& graph, const Op& op,
                                                  const std::vector<const std::uint8_t*>& inputs, std::uint8_t* output);

}  // namespace mote::graph::executor
