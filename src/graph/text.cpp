// Text form of a graph. One line a tensor, one line an operator:
//
//   graph "fashion"
//   value input f32 [1,28,28,1]
//   const stem/weights i8 [16,3,3,1] quant axis 0 scale 0x1.8p-6 ... zero 0 ... data AAEC...
//   op conv2d "stem" (input, stem/weights, stem/bias) -> stem/out {stride_h 1, pads 1 1 1 1, activation relu}
//   state "history" becomes "history/next" data AAEC...
//   inputs input
//   outputs probabilities
//
// Floats are printed in hexadecimal, so that reading them back is exact.

#include <charconv>
#include <cstdio>
#include <map>
#include <sstream>

#include "mote/graph/graph.hpp"

namespace mote::graph {
namespace {

std::string exact(float v) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%a", static_cast<double>(v));
  return buffer;
}

/// Names may hold anything; outside a plain alphabet they are quoted with hex escapes.
std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u >= 0x7f || c == '"' || c == '\\') {
      char buffer[8];
      std::snprintf(buffer, sizeof buffer, "\\%02x", u);
      out += buffer;
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// ---- printing
// -------------------------------------------------------------------------------------------------------------------

std::string value_text(std::int32_t v) { return std::to_string(v); }
std::string value_text(float v) { return exact(v); }
std::string value_text(Activation v) { return std::string(name(v)); }
std::string value_text(PoolKind v) { return std::string(name(v)); }
std::string value_text(UnaryKind v) { return std::string(name(v)); }
std::string value_text(BinaryKind v) { return std::string(name(v)); }
std::string value_text(CompareKind v) { return std::string(name(v)); }
std::string value_text(ReduceKind v) { return std::string(name(v)); }
std::string value_text(ArgKind v) { return std::string(name(v)); }
std::string value_text(ResizeMode v) { return std::string(name(v)); }
std::string value_text(TreeAggregate v) { return std::string(name(v)); }
std::string value_text(ScoreKind v) { return std::string(name(v)); }
std::string value_text(const std::vector<std::int32_t>& v) {
  std::string out;
  for (const std::int32_t x : v) out += (out.empty() ? "" : " ") + std::to_string(x);
  return out;
}
std::string value_text(const Pads& v) {
  return std::to_string(v.top) + " " + std::to_string(v.bottom) + " " + std::to_string(v.left) + " " +
         std::to_string(v.right);
}

std::string attributes_text(const Attributes& attributes) {
  std::string out;
  std::visit(
      [&](const auto& op) {
        std::remove_cvref_t<decltype(op)>::fields(op, [&](std::string_view field, const auto& value) {
          out += (out.empty() ? "" : ", ") + std::string(field) + " " + value_text(value);
        });
      },
      attributes);
  return out;
}

std::string tensor_text(const Tensor& tensor, bool with_data) {
  std::string out = (tensor.is_constant() ? "const " : "value ") + quote(tensor.name) + " " +
                    std::string(name(tensor.dtype)) + " " + tensor.shape.text();
  const Quantization& q = tensor.quantization;
  if (q.present()) {
    out += " quant axis " + std::to_string(q.axis) + " scale";
    for (const float s : q.scales) out += " " + exact(s);
    out += " zero";
    for (const std::int32_t z : q.zero_points) out += " " + std::to_string(z);
  }
  if (tensor.is_constant() && with_data) out += " data " + to_base64(*tensor.data);
  return out + "\n";
}

std::string graph_text(const Graph& graph, bool with_data) {
  const auto list = [&](const std::vector<TensorId>& ids, std::string_view separator) {
    std::string out;
    for (const TensorId id : ids) {
      out += (out.empty() ? std::string() : std::string(separator)) +
             (id == kNoTensor ? "-" : quote(graph.tensor(id).name));
    }
    return out;
  };
  std::string out = "graph " + quote(graph.name()) + "\n";
  for (const Tensor& tensor : graph.tensors()) out += tensor_text(tensor, with_data);
  for (const Op& op : graph.ops()) {
    out += "op " + std::string(op_name(op.attributes)) + " " + quote(op.name) + " (" + list(op.inputs, ", ") + ") -> " +
           list(op.outputs, ", ") + " {" + attributes_text(op.attributes) + "}\n";
  }
  for (const State& state : graph.states()) {
    out += "state " + list({state.read}, "") + " becomes " + list({state.written}, "");
    out += (with_data ? " data " + to_base64(*state.initial) : "") + "\n";
  }
  out += "inputs " + list(graph.inputs(), " ") + "\n";
  out += "outputs " + list(graph.outputs(), " ") + "\n";
  return out;
}

// ---- parsing
// --------------------------------------------------------------------------------------------------------------------

/// Words and punctuation of one line.
class Line {
 public:
  Line(std::string_view text, std::size_t number) : rest_(text), number_(number) {}

  [[nodiscard]] tl::unexpected<Error> refuse(const std::string& what) const {
    return fail(Code::malformed, "line " + std::to_string(number_) + ": " + what);
  }
  [[nodiscard]] bool empty() {
    skip();
    return rest_.empty();
  }
  [[nodiscard]] bool accept(std::string_view token) {
    skip();
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  [[nodiscard]] Result<void> expect(std::string_view token) {
    if (accept(token)) return {};
    return refuse("'" + std::string(token) + "' is expected");
  }
  [[nodiscard]] std::string_view word() {
    skip();
    std::size_t n = 0;
    while (n < rest_.size() && rest_[n] != ' ' && rest_[n] != ',' && rest_[n] != '}' && rest_[n] != ')') ++n;
    const std::string_view taken = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return taken;
  }
  [[nodiscard]] Result<std::string> string() {
    MOTE_TRY_VOID(expect("\""));
    std::string out;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') {
        if (rest_.size() < 3) return refuse("an escape is cut off");
        MOTE_TRY(const Bytes byte, from_hex(rest_.substr(1, 2)));
        out += static_cast<char>(byte[0]);
        rest_.remove_prefix(3);
      } else {
        out += rest_.front();
        rest_.remove_prefix(1);
      }
    }
    MOTE_TRY_VOID(expect("\""));
    return out;
  }
  [[nodiscard]] Result<std::int32_t> integer() {
    const std::string_view text = word();
    std::int32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      return refuse("'" + std::string(text) + "' is not an integer");
    return value;
  }
  [[nodiscard]] Result<float> real() {
    const std::string text(word());
    char* end = nullptr;
    const float value = std::strtof(text.c_str(), &end);
    if (text.empty() || *end != '\0') return refuse("'" + text + "' is not a number");
    return value;
  }
  [[nodiscard]] bool at_number() {
    skip();
    return !rest_.empty() && (rest_.front() == '-' || (rest_.front() >= '0' && rest_.front() <= '9') ||
                              rest_.front() == 'i' || rest_.front() == 'n');
  }

 private:
  void skip() {
    while (!rest_.empty() && rest_.front() == ' ') rest_.remove_prefix(1);
  }
  std::string_view rest_;
  std::size_t number_;
};

Result<void> parse_value(Line& line, std::int32_t& out) {
  MOTE_TRY(out, line.integer());
  return {};
}
Result<void> parse_value(Line& line, float& out) {
  MOTE_TRY(out, line.real());
  return {};
}
Result<void> parse_value(Line& line, Pads& out) {
  for (std::int32_t* side : {&out.top, &out.bottom, &out.left, &out.right}) {
    MOTE_TRY(*side, line.integer());
  }
  return {};
}
/// As many integers as stand there.
Result<void> parse_value(Line& line, std::vector<std::int32_t>& out) {
  out.clear();
  while (line.at_number()) {
    MOTE_TRY(const std::int32_t value, line.integer());
    out.push_back(value);
  }
  return {};
}
/// Kinds without gaps, numbered from zero.
template <class Enum>
Result<void> parse_kind(Line& line, Enum& out, std::size_t count) {
  const std::string_view text = line.word();
  for (std::size_t i = 0; i < count; ++i) {
    if (name(static_cast<Enum>(i)) != text) continue;
    out = static_cast<Enum>(i);
    return {};
  }
  return line.refuse("'" + std::string(text) + "' is not known here");
}
Result<void> parse_value(Line& line, UnaryKind& out) { return parse_kind(line, out, kUnaryKinds); }
Result<void> parse_value(Line& line, BinaryKind& out) { return parse_kind(line, out, kBinaryKinds); }
Result<void> parse_value(Line& line, CompareKind& out) { return parse_kind(line, out, kCompareKinds); }
Result<void> parse_value(Line& line, ReduceKind& out) { return parse_kind(line, out, kReduceKinds); }
Result<void> parse_value(Line& line, ArgKind& out) { return parse_kind(line, out, kArgKinds); }
Result<void> parse_value(Line& line, ResizeMode& out) { return parse_kind(line, out, kResizeModes); }
Result<void> parse_value(Line& line, TreeAggregate& out) { return parse_kind(line, out, kTreeAggregates); }
Result<void> parse_value(Line& line, ScoreKind& out) { return parse_kind(line, out, kScoreKinds); }
template <class Enum>
Result<void> parse_enum(Line& line, Enum& out, std::initializer_list<Enum> all) {
  const std::string_view text = line.word();
  for (const Enum candidate : all) {
    if (name(candidate) == text) {
      out = candidate;
      return {};
    }
  }
  return line.refuse("'" + std::string(text) + "' is not known here");
}
Result<void> parse_value(Line& line, Activation& out) {
  return parse_enum(line, out, {Activation::none, Activation::relu, Activation::relu6, Activation::relu_n1_to_1});
}
Result<void> parse_value(Line& line, PoolKind& out) {
  return parse_enum(line, out, {PoolKind::average, PoolKind::max});
}

template <std::size_t I = 0>
Result<Attributes> attributes_named(Line& line, std::string_view kind) {
  if constexpr (I == std::variant_size_v<Attributes>) {
    return line.refuse("'" + std::string(kind) + "' is not an operator");
  } else {
    using T = std::variant_alternative_t<I, Attributes>;
    if (T::kName == kind) return Attributes(T{});
    return attributes_named<I + 1>(line, kind);
  }
}

Result<void> parse_fields(Line& line, Attributes& attributes) {
  MOTE_TRY_VOID(line.expect("{"));
  while (!line.accept("}")) {
    const std::string field(line.word());
    Result<void> result = line.refuse("'" + field + "' is not an attribute of " + std::string(op_name(attributes)));
    std::visit(
        [&](auto& op) {
          std::remove_cvref_t<decltype(op)>::fields(op, [&](std::string_view known, auto& value) {
            if (known == field) result = parse_value(line, value);
          });
        },
        attributes);
    MOTE_TRY_VOID(std::move(result));
    static_cast<void>(line.accept(","));
  }
  return {};
}

class GraphParser {
 public:
  Result<Graph> run(std::string_view text) {
    std::size_t number = 0;
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      Line line(text.substr(0, end), ++number);
      text = end == std::string_view::npos ? "" : text.substr(end + 1);
      if (line.empty()) continue;
      MOTE_TRY_VOID(statement(line));
      if (!line.empty()) return line.refuse("there is more than a statement");
    }
    MOTE_TRY_VOID(verify(graph_));
    return std::move(graph_);
  }

 private:
  Result<void> statement(Line& line) {
    const std::string_view keyword = line.word();
    if (keyword == "graph") {
      MOTE_TRY(std::string graph_name, line.string());
      graph_.rename(std::move(graph_name));
      return {};
    }
    if (keyword == "value" || keyword == "const") return tensor(line, keyword == "const");
    if (keyword == "op") return op(line);
    if (keyword == "state") return state(line);
    if (keyword == "inputs" || keyword == "outputs") {
      std::vector<TensorId> ids;
      while (!line.empty()) {
        MOTE_TRY(const TensorId id, reference(line));
        ids.push_back(id);
      }
      keyword == "inputs" ? graph_.set_inputs(std::move(ids)) : graph_.set_outputs(std::move(ids));
      return {};
    }
    return line.refuse("'" + std::string(keyword) + "' starts no statement");
  }

  Result<void> tensor(Line& line, bool constant) {
    Tensor tensor;
    MOTE_TRY(tensor.name, line.string());
    const std::string_view type = line.word();
    const auto dtype = dtype_from_name(type);
    if (!dtype) return line.refuse("'" + std::string(type) + "' is not an element type");
    tensor.dtype = *dtype;
    MOTE_TRY_VOID(line.expect("["));
    std::vector<std::int32_t> dims;
    while (!line.accept("]")) {
      // word() stops at ',' but not at ']', so the last dimension is cut out by hand.
      MOTE_TRY(const std::int32_t d, dimension(line));
      dims.push_back(d);
      static_cast<void>(line.accept(","));
    }
    tensor.shape = Shape(std::move(dims));
    if (line.accept("quant axis")) {
      Quantization& q = tensor.quantization;
      MOTE_TRY(q.axis, line.integer());
      MOTE_TRY_VOID(line.expect("scale"));
      while (line.at_number()) {
        MOTE_TRY(const float s, line.real());
        q.scales.push_back(s);
      }
      MOTE_TRY_VOID(line.expect("zero"));
      while (line.at_number()) {
        MOTE_TRY(const std::int32_t z, line.integer());
        q.zero_points.push_back(z);
      }
    }
    if (constant) {
      MOTE_TRY_VOID(line.expect("data"));
      auto data = from_base64(line.word());
      if (!data) return line.refuse(data.error().message());
      tensor.data = std::make_shared<const Bytes>(std::move(*data));
    }
    if (ids_.contains(tensor.name)) return line.refuse("two tensors are named '" + tensor.name + "'");
    const std::string tensor_name = tensor.name;
    ids_[tensor_name] = graph_.add_tensor(std::move(tensor));
    return {};
  }

  static Result<std::int32_t> dimension(Line& line) {
    std::int32_t value = 0;
    bool any = false;
    for (char digit = '0'; !line.empty();) {
      for (digit = '0'; digit <= '9'; ++digit) {
        if (line.accept(std::string_view(&digit, 1))) break;
      }
      if (digit > '9') break;
      any = true;
      if (value > 200'000'000) return line.refuse("a dimension is too large");
      value = value * 10 + (digit - '0');
    }
    if (!any) return line.refuse("a dimension is expected");
    return value;
  }

  Result<void> op(Line& line) {
    Op op;
    MOTE_TRY(op.attributes, attributes_named(line, line.word()));
    MOTE_TRY(op.name, line.string());
    MOTE_TRY_VOID(line.expect("("));
    while (!line.accept(")")) {
      MOTE_TRY(const TensorId id, reference(line));
      op.inputs.push_back(id);
      static_cast<void>(line.accept(","));
    }
    MOTE_TRY_VOID(line.expect("->"));
    do {
      MOTE_TRY(const TensorId id, reference(line));
      op.outputs.push_back(id);
    } while (line.accept(","));
    MOTE_TRY_VOID(parse_fields(line, op.attributes));
    graph_.add_op(std::move(op));
    return {};
  }

  Result<void> state(Line& line) {
    State state;
    MOTE_TRY(state.read, reference(line));
    MOTE_TRY_VOID(line.expect("becomes"));
    MOTE_TRY(state.written, reference(line));
    MOTE_TRY_VOID(line.expect("data"));
    auto data = from_base64(line.word());
    if (!data) return line.refuse(data.error().message());
    state.initial = std::make_shared<const Bytes>(std::move(*data));
    graph_.add_state(std::move(state));
    return {};
  }

  Result<TensorId> reference(Line& line) {
    if (line.accept("-")) return kNoTensor;
    MOTE_TRY(const std::string tensor_name, line.string());
    const auto found = ids_.find(tensor_name);
    if (found == ids_.end()) return line.refuse("no tensor is named '" + tensor_name + "'");
    return found->second;
  }

  Graph graph_;
  std::map<std::string, TensorId, std::less<>> ids_;
};

}  // namespace

std::string print(const Graph& graph) { return graph_text(graph, true); }
std::string print_summary(const Graph& graph) { return graph_text(graph, false); }
Result<Graph> parse(std::string_view text) { return GraphParser().run(text); }

}  // namespace mote::graph
