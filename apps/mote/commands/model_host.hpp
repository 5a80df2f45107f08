#pragma once
// What the host computes of a module's inputs.

#include <optional>
#include <utility>

#include "features_file.hpp"
#include "mote/graph/executor.hpp"

namespace mote::app {

/// One inference after the other, with the features in front if there are any.
class ModelHost {
 public:
  static Result<ModelHost> create(const graph::Graph& graph, std::optional<FeatureStream> features) {
    MOTE_TRY(auto executor, graph::Executor::create(graph));
    return ModelHost(std::move(executor), std::move(features), graph::output_bytes(graph));
  }
  Result<Bytes> next(ByteSpan input) {
    Bytes model_input(input.begin(), input.end()), output(output_bytes_);
    if (features_) {
      MOTE_TRY(model_input, features_->next(input));
    }
    MOTE_TRY_VOID(executor_.run(model_input, output));
    return output;
  }

 private:
  ModelHost(graph::Executor executor, std::optional<FeatureStream> features, std::size_t output_bytes)
      : executor_(std::move(executor)), features_(std::move(features)), output_bytes_(output_bytes) {}
  graph::Executor executor_;
  std::optional<FeatureStream> features_;
  std::size_t output_bytes_;
};

}  // namespace mote::app
