#include "mote/optimize/passes.hpp"

#include <algorithm>

namespace mote::optimize {

const std::vector<Pass>& passes() {
  static const std::vector<Pass> all{
      {"remove_training_ops", "drop dropout", remove_training_ops},
      {"fold_constants", "compute what does not depend on the input", fold_constants},
      {"sink_transposes", "move transposes towards those that undo them", sink_transposes},
      {"remove_identity", "drop operators that hand on what they got", remove_identity},
      {"common_subexpressions", "do once what is done twice", common_subexpressions},
      {"remove_unread", "drop operators whose output nobody reads", remove_unread},
      {"fuse_pad", "let convolutions pad", fuse_pad},
      {"fold_batch_norm", "multiply batch norms into the weights in front", fold_batch_norm},
      {"fuse_activation", "let the producer clamp", fuse_activation},
      {"remove_reshape", "drop reshapes that change nothing", remove_reshape},
      {"depthwise_to_conv", "make convolutions of depthwise layers with one input channel", depthwise_to_conv},
      {"pack_interface", "make one input and one output of several", pack_interface},
      {"remove_dead_channels", "drop channels that do not depend on the input or that nobody reads",
       remove_dead_channels},
      {"order_for_memory", "run first what frees the most memory", order_for_memory},
  };
  return all;
}

Result<Optimized> simplify(const graph::Graph& graph, const std::vector<std::string>& disabled) {
  for (const std::string& name : disabled) {
    if (std::ranges::none_of(passes(), [&](const Pass& p) { return p.name == name; })) {
      std::string known;
      for (const Pass& p : passes()) known += (known.empty() ? "" : ", ") + std::string(p.name);
      return fail(Code::invalid_argument, "pass '" + name + "' is unknown; known are " + known);
    }
  }
  Optimized result{graph, {}};
  for (const Pass& pass : passes()) {
    if (std::ranges::find(disabled, pass.name) != disabled.end()) continue;
    const auto start = std::chrono::steady_clock::now();
    const std::size_t before = result.graph.ops().size();
    auto changed = pass.run(result.graph);
    if (!changed) return fail(std::move(changed).error(), "pass " + std::string(pass.name));
    if (const auto verified = graph::verify(*changed); !verified) {
      return fail(Code::internal, "pass " + std::string(pass.name) + " broke the model: " + verified.error().message());
    }
    result.graph = std::move(*changed);
    result.reports.push_back(
        {std::string(pass.name), before, result.graph.ops().size(),
         std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start)});
  }
  return result;
}

}  // namespace mote::optimize
