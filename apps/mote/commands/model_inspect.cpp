// `mote inspect`: what is in a model file, what it costs, and what is odd about it.

#include <fmt/format.h>

#include "graph_drawing.hpp"
#include "model_analysis.hpp"
#include "model_commands.hpp"
#include "model_file.hpp"
#include "mote/base/file.hpp"
#include "mote/compile/compile.hpp"
#include "mote/formats/tflite.hpp"
#include "text_table.hpp"

namespace mote::app {
namespace {

constexpr const char* kLiveMacsMeaning = "macs without those of filters whose weights are all zero";

std::vector<std::int32_t> dims_of(const graph::Shape& shape) { return {shape.dims().begin(), shape.dims().end()}; }

/// Long names keep both ends: the beginning says where, the end says what.
std::string shortened(const std::string& name, std::size_t most = 44) {
  if (name.size() <= most) return name;
  const std::size_t tail = most * 2 / 3;
  return name.substr(0, most - tail - 3) + "..." + name.substr(name.size() - tail);
}

// ---- graphs
// -----------------------------------------------------------------------------------------------------------------------

Json tensor_json(const graph::Tensor& tensor) {
  Json json{{"name", tensor.name},
            {"type", graph::name(tensor.dtype)},
            {"shape", dims_of(tensor.shape)},
            {"bytes", tensor.size_bytes()}};
  if (tensor.quantization.present()) {
    json["scale"] = tensor.quantization.scale();
    json["zero_point"] = tensor.quantization.zero_point();
  }
  return json;
}

std::string tensor_text(const graph::Tensor& tensor) {
  std::string text = fmt::format("{} {} {}", tensor.name, graph::name(tensor.dtype), tensor.shape.text());
  if (tensor.quantization.present())
    text += fmt::format(" scale {:g} zero point {}", tensor.quantization.scale(), tensor.quantization.zero_point());
  return text;
}

const graph::Tensor& result_of(const graph::Graph& graph, const graph::Op& op) {
  return graph.tensor(op.outputs.front());
}

std::string ops_table(const graph::Graph& graph, const ModelFigures& figures) {
  TextTable table({{"#", Align::right},
                   {"operator"},
                   {"name"},
                   {"output"},
                   {"params", Align::right},
                   {"MACs", Align::right},
                   {"activation"}});
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    const graph::Op& op = graph.ops()[i];
    const OpFigures& f = figures.ops[i];
    table.add({std::to_string(i), std::string(graph::op_name(op.attributes)), shortened(op.name),
               result_of(graph, op).shape.text(), grouped(f.parameters), grouped(f.macs), f.activation});
  }
  return table.text();
}

std::string figures_text(const graph::Graph& graph, const ModelFigures& figures) {
  std::string text = fmt::format("macs        {}", grouped(figures.macs));
  if (figures.live_macs != figures.macs)
    text += fmt::format(", live {} ({})", grouped(figures.live_macs), kLiveMacsMeaning);
  text += fmt::format("\nparameters  {}, {} bytes\n", grouped(figures.parameters), grouped(figures.weight_bytes));
  text += fmt::format("peak        {} bytes of activations are live", grouped(figures.peak.bytes));
  if (!graph.ops().empty()) {
    text += fmt::format(" at op {}:", figures.peak.op);
    for (const graph::TensorId id : figures.peak.tensors)
      text += fmt::format(" {} {}", shortened(graph.tensor(id).name), graph.tensor(id).shape.text());
  }
  return text + "\n";
}

Json unsupported_json(const graph::Graph& graph, const ModelFigures& figures) {
  Json list = Json::array();
  for (std::size_t i = 0; i < figures.ops.size(); ++i) {
    if (figures.ops[i].refusal.empty()) continue;
    list.push_back({{"name", graph::op_name(graph.ops()[i].attributes)},
                    {"op", i},
                    {"count", 1},
                    {"reason", figures.ops[i].refusal}});
  }
  return list;
}

Json graph_json(const graph::Graph& graph, const ModelFigures& figures) {
  Json json{{"name", graph.name()}, {"inputs", Json::array()}, {"outputs", Json::array()}, {"ops", Json::array()}};
  for (const graph::TensorId id : graph.inputs()) json["inputs"].push_back(tensor_json(graph.tensor(id)));
  for (const graph::TensorId id : graph.outputs()) json["outputs"].push_back(tensor_json(graph.tensor(id)));
  for (std::size_t i = 0; i < graph.ops().size(); ++i) {
    const graph::Op& op = graph.ops()[i];
    const OpFigures& f = figures.ops[i];
    json["ops"].push_back({{"index", i},
                           {"op", graph::op_name(op.attributes)},
                           {"name", op.name},
                           {"shape", dims_of(result_of(graph, op).shape)},
                           {"params", f.parameters},
                           {"macs", f.macs},
                           {"live_macs", f.live_macs},
                           {"activation", f.activation},
                           {"kernel", f.kernel}});
  }
  json["macs"] = figures.macs;
  json["live_macs"] = figures.live_macs;
  json["live_macs_counts"] = kLiveMacsMeaning;
  json["parameters"] = figures.parameters;
  json["weight_bytes"] = figures.weight_bytes;
  json["peak_live_bytes"] = figures.peak.bytes;
  json["peak_op"] = figures.peak.op;
  json["unsupported"] = unsupported_json(graph, figures);
  json["warnings"] = figures.warnings;
  return json;
}

Outcome describe_graph(const graph::Graph& graph) {
  const ModelFigures figures = analyse(graph);
  Outcome out{{}, graph_json(graph, figures)};
  for (const graph::TensorId id : graph.inputs()) out.text += "input       " + tensor_text(graph.tensor(id)) + "\n";
  for (const graph::TensorId id : graph.outputs()) out.text += "output      " + tensor_text(graph.tensor(id)) + "\n";
  out.text += figures_text(graph, figures) + "\n" + ops_table(graph, figures);
  if (!out.json["unsupported"].empty()) out.text += "\nunsupported:\n";
  for (const OpFigures& f : figures.ops) {
    if (!f.refusal.empty()) out.text += "  " + f.refusal + "\n";
  }
  if (!figures.warnings.empty()) out.text += "\nwarnings:\n";
  for (const std::string& warning : figures.warnings) out.text += "  " + warning + "\n";
  return out;
}

// ---- what is no graph
// ------------------------------------------------------------------------------------------------------------

/// Keys that every format has, for those that know no better.
Json empty_json() {
  return {{"inputs", Json::array()},    {"outputs", Json::array()},
          {"ops", Json::array()},       {"macs", nullptr},
          {"live_macs", nullptr},       {"weight_bytes", nullptr},
          {"peak_live_bytes", nullptr}, {"unsupported", Json::array()},
          {"warnings", Json::array()}};
}

/// A sound TensorFlow Lite file that no graph can hold: which operators stand in the way.
Result<Outcome> describe_unsupported(const ModelFile& file, const std::string& path, const Error& reason) {
  MOTE_TRY(const formats::TfliteSummary summary, formats::summarize_tflite(file.bytes, path));
  Outcome out{{}, empty_json()};
  TextTable table({{"operator"}, {"count", Align::right}, {"supported"}});
  for (const auto& op : summary.operators) {
    table.add({op.name, std::to_string(op.count), op.supported ? "yes" : "no"});
    if (!op.supported)
      out.json["unsupported"].push_back(
          {{"name", op.name}, {"op", nullptr}, {"count", op.count}, {"reason", "mote has no such operator"}});
  }
  // Known operators in a form that is not: the reader's own sentence is all there is to say.
  if (out.json["unsupported"].empty())
    out.json["unsupported"].push_back({{"name", ""}, {"op", nullptr}, {"count", 1}, {"reason", reason.message()}});
  out.json["subgraphs"] = summary.subgraphs;
  out.text = table.text() + "\nunsupported:\n  " + reason.message() + "\n";
  return out;
}

/// A module may come from anywhere: deeper nesting than any schema of ours would overflow the stack where it is
/// printed.
Json parse_schema(const std::string& text) {
  constexpr int kDeepest = 32;
  bool too_deep = false;
  Json schema = Json::parse(
      text,
      [&](int depth, Json::parse_event_t, Json&) {
        too_deep = too_deep || depth > kDeepest;
        return depth <= kDeepest;
      },
      false);
  return too_deep ? Json(Json::value_t::discarded) : schema;
}

Result<Outcome> describe_module(const ModelFile& file, const std::string& path) {
  auto info = compile::read_module(file.bytes);
  if (!info) return fail(std::move(info).error(), path);
  const Json schema = parse_schema(info->schema);
  Outcome out{{}, empty_json()};
  if (schema.is_object()) {
    if (schema.contains("input")) out.json["inputs"].push_back(schema["input"]);
    if (schema.contains("output")) out.json["outputs"].push_back(schema["output"]);
  }
  out.json["module"] = {{"bytes", info->module_bytes},
                        {"code_bytes", info->code_bytes},
                        {"arena_bytes", info->arena_bytes},
                        {"stack_bytes", info->stack_bytes},
                        {"input_bytes", info->input_bytes},
                        {"output_bytes", info->output_bytes},
                        {"vectors", info->vectors.size()},
                        {"digest", info->digest},
                        {"schema", schema.is_discarded() ? Json() : schema}};
  out.text = fmt::format("code        {} of {} bytes\n", grouped(info->code_bytes), grouped(info->module_bytes));
  out.text +=
      fmt::format("arena       {} bytes: input {} at {}, output {} at {}\n", grouped(info->arena_bytes),
                  grouped(info->input_bytes), info->input_offset, grouped(info->output_bytes), info->output_offset);
  out.text +=
      fmt::format("stack       {}\n", info->stack_bytes == 0 ? "not measured" : grouped(info->stack_bytes) + " bytes");
  out.text += fmt::format("self-test   {}\n", counted(info->vectors.size(), "vector"));
  out.text += "digest      " + info->digest + "\n";
  return out;
}

Result<Outcome> describe(const ModelFile& file, const std::string& path) {
  if (file.format == formats::Format::module) return describe_module(file, path);
  const auto graph = graph_of(file, path);
  if (graph) return describe_graph(*graph);
  if (file.format == formats::Format::tflite && graph.error().code() == Code::unsupported)
    return describe_unsupported(file, path, graph.error());
  return fail(graph.error());
}

Result<Outcome> inspect(const std::string& path) {
  MOTE_TRY(const ModelFile file, read_model_file(path));
  MOTE_TRY(const Outcome described, describe(file, path));
  Json json{{"file", path}, {"format", formats::name(file.format)}, {"bytes", file.bytes.size()}};
  json.update(described.json);
  return Outcome{
      fmt::format("{}: {}, {}\n", path, formats::name(file.format), byte_text(file.bytes.size())) + described.text,
      json};
}

}  // namespace

Command inspect_command() {
  return {"inspect", "what is in a model file, what it costs, what is odd about it", "mote inspect model.tflite",
          [](CLI::App& app) -> Action {
            auto file = std::make_shared<std::string>(), svg = std::make_shared<std::string>();
            app.add_option("file", *file,
                           "a .tflite, .onnx, graph text or compiled module; what it is, its content tells")
                ->required();
            app.add_option("--svg", *svg, "also write a picture of the graph to this file");
            return [file, svg](Progress&) -> Result<Outcome> {
              MOTE_TRY(Outcome out, inspect(*file));
              if (svg->empty()) return out;
              MOTE_TRY(const ModelFile model, read_model_file(*file));
              MOTE_TRY(const graph::Graph graph, graph_of(model, *file));
              MOTE_TRY_VOID(write_file(*svg, as_bytes(graph_svg(graph))));
              out.text += "wrote " + *svg + "\n";
              out.json["svg"] = *svg;
              return out;
            };
          }};
}

}  // namespace mote::app
