#include "quantized_nodes.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string>

namespace mote::formats::onnx {
namespace {

constexpr int kNone = -1;

/// Where a quantized operator has its inputs; a value is followed by its scale and its zero point.
struct Form {
  std::string_view type, becomes;
  bool microsoft;  ///< of the domain com.microsoft
  std::array<int, 2> values;
  int result;  ///< scale of the result, followed by its zero point
  int bias = kNone;
};

constexpr std::array<Form, 10> kForms{{
    {"QGemm", "Gemm", true, {0, 3}, 7, 6},
    {"QLinearAdd", "Add", true, {0, 3}, 6},
    {"QLinearAveragePool", "AveragePool", true, {0, kNone}, 3},
    {"QLinearConv", "Conv", false, {0, 3}, 6, 8},
    {"QLinearGlobalAveragePool", "GlobalAveragePool", true, {0, kNone}, 3},
    {"QLinearLeakyRelu", "LeakyRelu", true, {0, kNone}, 3},
    {"QLinearMatMul", "MatMul", false, {0, 3}, 6},
    {"QLinearMul", "Mul", true, {0, 3}, 6},
    {"QLinearSigmoid", "Sigmoid", true, {0, kNone}, 3},
    {"QLinearSoftmax", "Softmax", true, {0, kNone}, 3},
}};
/// Any number of values, behind the result's scale and zero point.
constexpr std::string_view kConcat = "QLinearConcat";

constexpr std::string_view kDynamic = "DynamicQuantizeLinear";
/// Products of what kDynamic gives with constants, and the float operators that they stand for.
constexpr std::array<std::array<std::string_view, 2>, 2> kProducts{
    {{"ConvInteger", "Conv"}, {"MatMulInteger", "MatMul"}}};

class Expander {
 public:
  explicit Expander(const schema::Graph& graph) {
    for (const schema::Node& node : graph.node()) {
      if (node.op_type() == kDynamic && node.domain().empty() && node.input_size() == 1 && node.output_size() == 3 &&
          only_multiplied(graph, node))
        dynamic_.emplace(node.output(0), node.input(0));
    }
  }

  void expand(const schema::Node& node, std::size_t index) {
    index_ = index;
    if (node.op_type() == kDynamic && node.output_size() > 0 && dynamic_.contains(node.output(0)))
      return as_it_is(node);
    if (const auto product = product_of(node);
        !product.empty() && node.input_size() > 1 && node.output_size() == 1 && dynamic_.contains(node.input(0)))
      return real_product(node, product);
    const auto* form = std::ranges::find(kForms, node.op_type(), &Form::type);
    const bool microsoft = node.domain() == "com.microsoft";
    if (form != kForms.end() && form->microsoft == microsoft && sound(node, *form)) return by_form(node, *form);
    if (node.op_type() == kConcat && microsoft && node.output_size() == 1 && node.input_size() > 2 &&
        node.input_size() % 3 == 2)
      return concat(node);
    nodes_.push_back({node, index});
  }
  std::vector<NumberedNode> take() && { return std::move(nodes_); }

 private:
  static std::string_view product_of(const schema::Node& node) {
    const auto* found = std::ranges::find(kProducts, node.op_type(), [](const auto& p) { return p[0]; });
    return found == kProducts.end() || !node.domain().empty() ? std::string_view() : (*found)[1];
  }
  /// Whether nobody but products sees that the values are rounded.
  static bool only_multiplied(const schema::Graph& graph, const schema::Node& dynamic) {
    const auto gives = [&](int output) {
      return std::ranges::any_of(graph.output(), [&](const auto& v) { return v.name() == dynamic.output(output); });
    };
    if (gives(0) || gives(1) || gives(2)) return false;
    for (const schema::Node& node : graph.node()) {
      for (int i = 0; i < node.input_size(); ++i) {
        const bool product = !product_of(node).empty();
        if (node.input(i).empty()) continue;
        if (node.input(i) == dynamic.output(0) && !(product && i == 0)) return false;
        if (node.input(i) == dynamic.output(2) && !(product && i == 2)) return false;
      }
    }
    return true;
  }

  /// Values that are only rounded on the way: the scale by which the product is multiplied is 1.
  void as_it_is(const schema::Node& node) {
    auto& one = *add("Constant", node.output(1)).add_attribute();
    one.set_name("value_float");
    one.set_f(1.0f);
  }
  void real_product(const schema::Node& node, std::string_view type) {
    const std::string weights = node.output(0) + "/real1", one = node.output(0) + "/one";
    auto& value = *add("Constant", one).add_attribute();
    value.set_name("value_float");
    value.set_f(1.0f);
    schema::Node& d = add("DequantizeLinear", weights);
    d.add_input(node.input(1));
    d.add_input(one);
    if (node.input_size() > 3 && !node.input(3).empty()) d.add_input(node.input(3));
    schema::Node& product = add(type, node.output(0));
    product.add_input(dynamic_.find(node.input(0))->second);
    product.add_input(weights);
    *product.mutable_attribute() = node.attribute();
  }

  static bool has_one(const schema::Node& node, std::string_view attribute) {
    return std::ranges::any_of(node.attribute(), [&](const auto& a) { return a.name() == attribute && a.i() != 0; });
  }
  static bool sound(const schema::Node& node, const Form& form) {
    return !has_one(node, "channels_last") && node.output_size() == 1 && !node.output(0).empty() &&
           node.input_size() > std::max(form.values[1], 0) + 2 &&
           (form.type == "QGemm" || (node.input_size() > form.result && !node.input(form.result).empty()));
  }

  /// @param axis  of scales for each channel
  std::string real(const schema::Node& node, int at, int axis) {
    const std::string name = node.output(0) + "/real" + std::to_string(at);
    schema::Node& d = add("DequantizeLinear", name);
    for (int i = 0; i < 3; ++i) d.add_input(node.input(at + i));
    // A zero point that is left out is 0 of the value's own type.
    if (d.input(2).empty()) d.mutable_input()->RemoveLast();
    set_axis(d, axis);
    return name;
  }

  void by_form(const schema::Node& node, const Form& form) {
    std::vector<std::string> inputs;
    const bool rows = form.becomes == "Conv" || has_one(node, "transB");
    for (const int at : form.values) {
      if (at != kNone) inputs.push_back(real(node, at, rows ? 0 : -1));
    }
    if (form.bias != kNone && node.input_size() > form.bias && !node.input(form.bias).empty()) {
      // Its scale is the product of the others'.
      const std::string scale = node.output(0) + "/bias_scale", bias = node.output(0) + "/bias";
      schema::Node& product = add("Mul", scale);
      product.add_input(node.input(form.values[0] + 1));
      product.add_input(node.input(form.values[1] + 1));
      schema::Node& d = add("DequantizeLinear", bias);
      d.add_input(node.input(form.bias));
      d.add_input(scale);
      set_axis(d, -1);
      inputs.push_back(bias);
    }
    float_node(node, form.becomes, inputs, form.result);
  }

  void concat(const schema::Node& node) {
    std::vector<std::string> inputs;
    for (int at = 2; at < node.input_size(); at += 3) inputs.push_back(real(node, at, 0));
    float_node(node, "Concat", inputs, 0);
  }

  void float_node(const schema::Node& node, std::string_view type, const std::vector<std::string>& inputs, int result) {
    const bool quantized = node.input_size() > result && !node.input(result).empty();
    const std::string name = quantized ? node.output(0) + "/real" : node.output(0);
    schema::Node& real = add(type, name);
    for (const std::string& input : inputs) real.add_input(input);
    *real.mutable_attribute() = node.attribute();
    if (!quantized) return;
    schema::Node& q = add("QuantizeLinear", node.output(0));
    q.add_input(name);
    for (int i = result; i < std::min(result + 2, node.input_size()); ++i) q.add_input(node.input(i));
  }

  schema::Node& add(std::string_view type, const std::string& output) {
    nodes_.push_back({{}, index_});
    schema::Node& node = nodes_.back().node;
    node.set_op_type(std::string(type));
    node.add_output(output);
    return node;
  }
  static void set_axis(schema::Node& node, int axis) {
    auto& a = *node.add_attribute();
    a.set_name("axis");
    a.set_i(axis);
  }

  std::map<std::string, std::string, std::less<>> dynamic_;  ///< rounded values, and what they come from
  std::vector<NumberedNode> nodes_;
  std::size_t index_ = 0;
};

}  // namespace

std::vector<NumberedNode> without_quantized_nodes(const schema::Graph& graph) {
  Expander expander(graph);
  for (int i = 0; i < graph.node_size(); ++i) expander.expand(graph.node(i), static_cast<std::size_t>(i));
  return std::move(expander).take();
}

std::vector<std::string_view> quantized_node_types() {
  std::vector<std::string_view> types{kConcat, kDynamic};
  for (const auto& product : kProducts) types.push_back(product[0]);
  for (const Form& form : kForms) types.push_back(form.type);
  std::ranges::sort(types);
  return types;
}

}  // namespace mote::formats::onnx
