#pragma once
// Builds float graphs layer by layer with initialised weights. Shapes are inferred; names are made unique from the
// layer's.

#include <cstdint>
#include <string>
#include <string_view>

#include "mote/base/rng.hpp"
#include "mote/graph/graph.hpp"

namespace mote::graph {

class Builder {
 public:
  /// @param seed  of the weights' initial values (He normal for convolutions and dense layers).
  Builder(std::string name, std::uint64_t seed);

  [[nodiscard]] TensorId input(std::string_view name, Shape shape);

  struct Window {
    std::int32_t kernel_h = 3, kernel_w = 3, stride_h = 1, stride_w = 1;
    bool same = true;  ///< SAME padding; false is VALID
  };
  /// Convolution without bias, to be followed by batch_norm; or with bias when `bias`.
  [[nodiscard]] TensorId conv(std::string_view name, TensorId x, std::int32_t channels, Window window,
                              bool bias = false);
  [[nodiscard]] TensorId depthwise(std::string_view name, TensorId x, Window window, bool bias = false);
  [[nodiscard]] TensorId dense(std::string_view name, TensorId x, std::int32_t units);
  [[nodiscard]] TensorId batch_norm(std::string_view name, TensorId x);
  [[nodiscard]] TensorId activate(std::string_view name, TensorId x, Activation activation = Activation::relu);
  [[nodiscard]] TensorId add(std::string_view name, TensorId a, TensorId b);
  [[nodiscard]] TensorId pool(std::string_view name, TensorId x, PoolKind kind, Window window);
  [[nodiscard]] TensorId global_average_pool(std::string_view name, TensorId x);
  [[nodiscard]] TensorId dropout(std::string_view name, TensorId x, float rate);
  [[nodiscard]] TensorId reshape(std::string_view name, TensorId x, Shape shape);
  [[nodiscard]] TensorId softmax(std::string_view name, TensorId x);

  [[nodiscard]] const Shape& shape(TensorId id) const { return graph_.tensor(id).shape; }
  /// The finished graph with these outputs.
  [[nodiscard]] Graph finish(TensorId output) &&;

 private:
  [[nodiscard]] TensorId constant(std::string name, Shape shape, float deviation, float mean = 0.0f);
  [[nodiscard]] TensorId append(std::string_view name, Attributes attributes, std::vector<TensorId> inputs,
                                Shape shape);
  Graph graph_;
  Rng rng_;
};

}  // namespace mote::graph
