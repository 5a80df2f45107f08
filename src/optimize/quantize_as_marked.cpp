// Models that say of every value how it is quantized, in Quantize and Dequantize between float operators ("QDQ"),
// become integer operators. Each pair is taken out and remembered as a mark of the value it stood on.

#include <set>
#include <utility>

#include "mote/graph/logic.hpp"
#include "mote/graph/moves.hpp"
#include "mote/optimize/passes.hpp"
#include "quantizer.hpp"
#include "rewrite.hpp"

namespace mote::optimize {
namespace {

using graph::DType;
using graph::Graph;
using graph::Op;
using graph::Quantization;
using graph::Tensor;
using graph::TensorId;

/// What stands for an operator that only rescales, until the model is integer.
const graph::Activate kRescales{graph::Activation::none};

class Marks {
 public:
  explicit Marks(const Graph& graph) : graph_(graph) {}

  /// The float model without Quantize and Dequantize.
  Graph take() {
    find_truths();
    for (Op& op : std::exchange(graph_.ops(), {})) {
      for (TensorId& id : op.inputs) id = resolved(id);
      const TensorId x = op.inputs[0], y = op.outputs[0];
      if (op.as<graph::Dequantize>() != nullptr && !truths_.contains(x)) {
        if (!marks_.contains(name(x))) marks_.emplace(name(x), graph_.tensor(x).quantization);
        stands_for_[y] = x;
        continue;
      }
      if (op.as<graph::Quantize>() != nullptr) {
        if (!quantize(x, y)) continue;
        op.attributes = kRescales;
      } else if (graph_.tensor(y).dtype == DType::i8 && !truths_.contains(y)) {  // moves int8 values
        marks_.emplace(name(y), graph_.tensor(y).quantization);
      }
      graph_.add_op(std::move(op));
    }
    for (const Op& op : graph_.ops()) {
      for (const TensorId id : op.outputs) to_float(id);
    }
    for (const TensorId id : graph_.inputs()) to_float(id);
    std::vector<TensorId> outputs = graph_.outputs();
    for (TensorId& id : outputs) {
      const TensorId stands = resolved(id);
      if (stands != id && graph_.producer(stands) >= 0) exchange_names(id, stands);
      id = stands;
    }
    graph_.set_outputs(outputs);
    graph_.remove_unused_tensors();
    return std::move(graph_);
  }
  [[nodiscard]] Quantizations& found() { return marks_; }

 private:
  [[nodiscard]] const std::string& name(TensorId id) const { return graph_.tensor(id).name; }
  [[nodiscard]] TensorId resolved(TensorId id) const {
    const auto found = stands_for_.find(id);
    return found == stands_for_.end() ? id : found->second;
  }
  /// Whether the value is quantized in another way already, so that it is rescaled here.
  bool quantize(TensorId x, TensorId y) {
    const Quantization q = graph_.tensor(y).quantization;
    const bool integer = graph_.tensor(x).dtype == DType::i8 && !marks_.contains(name(x));
    if (integer) marks_.emplace(name(x), graph_.tensor(x).quantization);
    const auto [known, fresh] = marks_.emplace(name(x), q);
    if (fresh || known->second == q) {
      stands_for_[y] = x;
      return false;
    }
    marks_.emplace(name(y), q);
    return true;
  }
  /// An output of the model keeps its name.
  void exchange_names(TensorId id, TensorId stands) {
    auto mark = marks_.extract(name(stands));
    std::swap(graph_.tensor(id).name, graph_.tensor(stands).name);
    if (mark.empty()) return;
    mark.key() = name(stands);
    marks_.insert(std::move(mark));
  }
  void to_float(TensorId id) {
    Tensor& t = graph_.tensor(id);
    if (t.dtype != DType::i8 || truths_.contains(id)) return;
    t.dtype = DType::f32;
    t.quantization = {};
  }

  /// Truth values are int8 and nobody's quantization: what is compared, and what is made of such alone.
  void find_truths() {
    for (const TensorId id : graph_.inputs()) {
      const auto read_as_number = [&](std::int32_t op) {
        return graph_.ops()[static_cast<std::size_t>(op)].as<graph::Dequantize>() != nullptr;
      };
      if (graph::may_be_truth(graph_.tensor(id)) && std::ranges::none_of(graph_.consumers(id), read_as_number))
        truths_.insert(id);
    }
    for (const Op& op : graph_.ops()) {
      const bool selects = op.as<graph::Select>() != nullptr;
      const bool of_truths = std::ranges::all_of(op.inputs, [&](const TensorId& id) {
        const bool constant = id == graph::kNoTensor || graph_.tensor(id).is_constant();
        return (selects && &id == &op.inputs[0]) || constant || truths_.contains(id);
      });
      if (op.as<graph::Compare>() != nullptr || (of_truths && graph::may_be_truth(graph_.tensor(op.outputs[0]))))
        truths_.insert(op.outputs[0]);
    }
  }

  Graph graph_;
  std::set<TensorId> truths_;
  Quantizations marks_;
  std::map<TensorId, TensorId> stands_for_;
};

bool only_moves(const Op& op) {
  return (graph::is_move(op) && op.as<graph::Concat>() == nullptr) || op.as<graph::Reshape>() != nullptr;
}

/// Values that are only moved keep their quantization.
void spread_forward(const Graph& graph, Quantizations& marks) {
  for (const Op& op : graph.ops()) {
    const auto known = marks.find(graph.tensor(op.inputs[0]).name);
    if (known == marks.end() || !only_moves(op)) continue;
    const Quantization q = known->second;
    marks.emplace(graph.tensor(op.outputs[0]).name, q);
  }
}

/// Values that are only handed on, clamped or joined with others have the quantization of what they become.
void spread_back(const Graph& graph, Quantizations& marks) {
  for (std::size_t i = graph.ops().size(); i-- > 0;) {
    const Op& op = graph.ops()[i];
    const auto known = marks.find(graph.tensor(op.outputs[0]).name);
    const bool clamps = op.as<graph::Activate>() != nullptr && *op.as<graph::Activate>() != kRescales;
    if (known == marks.end() || !(passes_values_on(op) || joins_values(op) || clamps)) continue;
    const Quantization q = known->second;
    for (const TensorId id : op.inputs) {
      if (!graph.tensor(id).is_constant() && graph.tensor(id).dtype == DType::f32)
        marks.emplace(graph.tensor(id).name, q);
    }
  }
}

/// Averages of whole planes that have a scale of their own: sums that are rescaled, not pooling.
void rescale_averages(Graph& graph, const Quantizations& marks) {
  for (Op& op : graph.ops()) {
    const auto* pool = op.as<graph::Pool2D>();
    if (pool == nullptr || pool->kind != graph::PoolKind::average) continue;
    const Tensor &x = graph.tensor(op.inputs[0]), &y = graph.tensor(op.outputs[0]);
    const auto before = marks.find(x.name), after = marks.find(y.name);
    const bool whole = pool->pads == graph::Pads{} && pool->kernel_h == x.shape[1] && pool->kernel_w == x.shape[2];
    const bool same = before == marks.end() || after == marks.end() || before->second == after->second;
    if (whole && !same && pool->activation == graph::Activation::none)
      op.attributes = graph::Reduce{graph::ReduceKind::mean, {1, 2}};
  }
}

}  // namespace

bool is_marked(const Graph& graph) {
  return std::ranges::any_of(graph.ops(), [&](const Op& op) {
    return op.as<graph::Dequantize>() != nullptr && !graph.consumers(op.outputs[0]).empty();
  });
}

Result<Graph> quantize_as_marked(const Graph& graph) {
  // Clamps and batch norms join the layers that they stand behind without a mark between.
  MOTE_TRY(const Optimized simple, simplify(graph, {"pack_interface", "remove_dead_channels"}));
  Marks marks(simple.graph);
  Graph real = marks.take();
  spread_forward(real, marks.found());
  spread_back(real, marks.found());
  rescale_averages(real, marks.found());
  MOTE_TRY(Graph integer, quantized_by(real, marks.found(), Origin::marked));
  for (Op& op : integer.ops()) {
    if (op.as<graph::Activate>() != nullptr && *op.as<graph::Activate>() == kRescales)
      op.attributes = graph::Quantize{};
  }
  return integer;
}

}  // namespace mote::optimize
