// Transposes move behind operators that do not care for the order of elements, until they meet one that undoes them.

#include <algorithm>
#include <map>

#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"
#include "rewrite.hpp"

namespace mote::optimize {
namespace {

using graph::Graph;
using graph::Op;
using graph::TensorId;
using Permutation = std::vector<std::int32_t>;

bool is_elementwise(const Op& op) {
  return op.as<graph::Activate>() != nullptr || op.as<graph::Unary>() != nullptr ||
         op.as<graph::Quantize>() != nullptr || op.as<graph::Dequantize>() != nullptr ||
         op.as<graph::Dropout>() != nullptr;
}
bool takes_two(const Op& op) { return op.as<graph::Add>() != nullptr || op.as<graph::Binary>() != nullptr; }
bool can_sink_into(const Op& op) { return is_elementwise(op) || takes_two(op) || op.as<graph::Concat>() != nullptr; }

class Sinker {
 public:
  explicit Sinker(const Graph& graph) : graph_(graph) {}

  Graph run() {
    std::vector<Op> ops = std::move(graph_.ops());
    graph_.ops().clear();
    find_welcome(ops);
    for (Op& op : ops) {
      if (const auto* t = op.as<graph::Transpose>(); t != nullptr && !graph_.tensor(op.inputs[0]).is_constant())
        transposed_[op.outputs[0]] = {op.inputs[0], t->permutation};
      if (!can_sink_into(op) || !sink(op)) graph_.add_op(std::move(op));
    }
    return std::move(graph_);
  }

 private:
  struct Source {
    TensorId from;
    Permutation permutation;
  };

  /// Transposed tensors all of whose readers are operators that it can move behind: else it would have to stay, too.
  void find_welcome(const std::vector<Op>& ops) {
    for (const Op& op : ops) {
      for (const TensorId id : op.inputs) {
        if (id != graph::kNoTensor && !can_sink_into(op) && op.as<graph::Transpose>() == nullptr)
          unwelcome_.push_back(id);
      }
    }
    for (const TensorId id : graph_.outputs()) unwelcome_.push_back(id);
    for (const graph::State& state : graph_.states()) unwelcome_.push_back(state.written);
    std::ranges::sort(unwelcome_);
  }

  [[nodiscard]] const Source* source_of(TensorId id) const {
    const auto found = transposed_.find(id);
    if (found == transposed_.end() || std::ranges::binary_search(unwelcome_, id)) return nullptr;
    return &found->second;
  }

  /// A constant that goes with transposed values, as it must stand beside those they come from.
  TensorId untransposed(TensorId id, const Permutation& permutation) {
    const graph::Tensor t = graph_.tensor(id);
    if (t.shape.elements() == 1) return id;
    std::vector<std::int32_t> dims(permutation.size() - t.shape.rank(), 1);
    dims.insert(dims.end(), t.shape.dims().begin(), t.shape.dims().end());
    graph::Tensor full = t, turned = t;
    full.name = t.name + "/full" + std::to_string(graph_.tensors().size());
    full.shape = graph::Shape(dims);
    const TensorId full_id = graph_.add_tensor(full);
    Permutation inverse(permutation.size());
    for (std::size_t i = 0; i < permutation.size(); ++i)
      inverse[static_cast<std::size_t>(permutation[i])] = static_cast<std::int32_t>(i);
    std::vector<std::int32_t> shape;
    for (const std::int32_t p : inverse) shape.push_back(dims[static_cast<std::size_t>(p)]);
    turned.name = t.name + "/turned" + std::to_string(graph_.tensors().size());
    turned.shape = graph::Shape(shape);
    turned.data = nullptr;
    const TensorId to = graph_.add_tensor(turned);
    auto folded = graph::fold(graph_, {turned.name, graph::Transpose{inverse}, {full_id}, {to}});
    if (!folded) return graph::kNoTensor;
    graph_.tensor(to).data = std::make_shared<const Bytes>(std::move(*folded));
    return to;
  }

  bool sink(const Op& op) {
    const Permutation* permutation = nullptr;
    for (const TensorId id : op.inputs) {
      if (const Source* s = source_of(id)) permutation = &s->permutation;
    }
    if (permutation == nullptr) return false;
    const Permutation p = *permutation;
    std::vector<TensorId> inputs;
    for (const TensorId id : op.inputs) {
      if (const Source* s = source_of(id); s != nullptr && s->permutation == p) {
        inputs.push_back(s->from);
        continue;
      }
      const graph::Tensor& t = graph_.tensor(id);
      if (!takes_two(op) || !t.is_constant() || t.quantization.per_channel() || t.shape.rank() > p.size()) return false;
      const TensorId turned = untransposed(id, p);
      if (turned == graph::kNoTensor) return false;
      inputs.push_back(turned);
    }
    Op early = op;
    early.inputs = inputs;
    if (auto* concat = std::get_if<graph::Concat>(&early.attributes))
      concat->axis = p[static_cast<std::size_t>(concat->axis)];
    graph::Tensor y = graph_.tensor(op.outputs[0]);
    if (y.shape.rank() != p.size()) return false;
    std::vector<std::int32_t> dims(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) dims[static_cast<std::size_t>(p[i])] = y.shape[i];
    y.shape = graph::Shape(dims);
    y.name += "/before_transpose" + std::to_string(graph_.tensors().size());
    early.outputs = {graph_.add_tensor(y)};
    graph_.add_op({op.name + "/transpose", graph::Transpose{p}, {early.outputs[0]}, op.outputs});
    std::swap(graph_.ops().back(), early);
    graph_.add_op(std::move(early));
    transposed_[op.outputs[0]] = {graph_.ops()[graph_.ops().size() - 2].outputs[0], p};
    return true;
  }

  Graph graph_;
  std::map<TensorId, Source> transposed_;
  std::vector<TensorId> unwelcome_;
};

}  // namespace

Result<Graph> sink_transposes(const Graph& graph) { return remove_unread(Sinker(graph).run()); }

}  // namespace mote::optimize
