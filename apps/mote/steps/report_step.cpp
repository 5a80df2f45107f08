// Gathers what the other steps found into one ReportData.

#include <fmt/format.h>

#include <algorithm>

#include "budgets.hpp"
#include "materials.hpp"
#include "mote/base/file.hpp"
#include "mote/registry/file_digests.hpp"
#include "mote/report/report.hpp"
#include "steps.hpp"

namespace mote::app {
namespace {

struct Found {
  Json import, curves, quantize_curves, bench, evaluation;
};

Result<Json> read_json(pipeline::Context& context, std::string_view input) {
  MOTE_TRY(const auto path, context.input(input));
  MOTE_TRY(const std::string text, read_text(path, std::uint64_t{256} << 20));
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return fail(Code::internal, path.filename().string() + " is not JSON");
  return json;
}

std::string form_of(const data::Dataset& dataset) {
  const auto& about = dataset.about();
  const auto shape = dataset.info(0).shape;
  switch (about.modality) {
    case data::Modality::image:
      return fmt::format("{} x {} images, {} channel{}", shape.dims[1], shape.dims[0], shape.dims[2],
                         shape.dims[2] == 1 ? "" : "s");
    case data::Modality::audio:
      return fmt::format("audio at {:g} Hz", about.rate_hz);
    case data::Modality::series:
      return fmt::format("series of {} channels", shape.dims[1]);
    case data::Modality::strokes:
      return "2-D strokes";
  }
  return "";
}

report::Picture picture_of(const data::Dataset& dataset, std::size_t i) {
  const auto info = dataset.info(i);
  std::vector<float> values(info.shape.count());
  dataset.to_floats(i, values);
  const auto modality = dataset.about().modality;
  if (modality == data::Modality::image) {
    report::GrayImage image{info.shape.dims[1], info.shape.dims[0], {}};
    const std::size_t channels = info.shape.dims[2];
    for (std::size_t p = 0; p < values.size(); p += channels)
      image.pixels.push_back(static_cast<std::uint8_t>(values[p]));
    return image;
  }
  const std::size_t steps = info.shape.dims[0], channels = info.shape.dims[1];
  if (modality == data::Modality::strokes) {
    report::Strokes strokes;
    strokes.lines.emplace_back();
    for (std::size_t t = 0; t < steps; ++t) {
      strokes.lines[0].push_back(
          {static_cast<double>(values[t * channels]), -static_cast<double>(values[t * channels + 1])});
    }
    return strokes;
  }
  report::Waveform wave;
  const std::size_t step = std::max<std::size_t>(1, steps / 160);
  for (std::size_t c = 0; c < std::min<std::size_t>(channels, 3); ++c) {
    wave.channels.emplace_back();
    for (std::size_t t = 0; t < steps; t += step)
      wave.channels.back().push_back(static_cast<double>(values[t * channels + c]));
  }
  return wave;
}

report::DataSummary data_summary(const Project& project, const Materials& m, const Json& import) {
  report::DataSummary out;
  const auto& about = m.dataset.about();
  out.name = about.name;
  out.form = form_of(m.dataset);
  out.source = project.data.value.source;
  out.licence = project.data.value.licence;
  if (!about.groups.empty()) out.group_by = "group";
  for (const data::Part part : {data::Part::train, data::Part::validation, data::Part::test}) {
    if (m.split.part(part).empty()) continue;
    report::Split split;
    split.name = std::string(data::name(part));
    const auto& counts = m.split.class_counts(part);
    split.class_counts.assign(counts.begin(), counts.end());
    std::vector<std::uint64_t> groups(about.groups.size(), 0);
    for (const std::uint32_t i : m.split.part(part)) {
      const auto group = m.dataset.info(i).group;
      if (group >= 0) ++groups[static_cast<std::size_t>(group)];
    }
    for (std::size_t g = 0; g < groups.size(); ++g) {
      if (groups[g] > 0) split.groups.push_back({about.groups[g], groups[g]});
    }
    out.splits.push_back(std::move(split));
  }
  std::vector<int> shown(about.labels.size(), 0);
  for (const std::uint32_t i : m.split.train()) {
    const auto info = m.dataset.info(i);
    if (info.label < 0 || shown[static_cast<std::size_t>(info.label)] >= 2) continue;
    ++shown[static_cast<std::size_t>(info.label)];
    out.samples.push_back({picture_of(m.dataset, i), static_cast<std::uint32_t>(info.label), std::string(info.source)});
    if (out.samples.size() >= 2 * about.labels.size()) break;
  }
  for (const Json& r : import["refused"]) out.refused.push_back({r["file"], r["reason"]});
  return out;
}

report::TrainingPhase phase(std::string name, const Json& curves) {
  report::TrainingPhase out{std::move(name), {}};
  const auto figure = [](double v) { return v < 0.0 ? report::Figure{} : report::Figure{v}; };
  for (const Json& e : curves["epochs"]) {
    out.epochs.push_back({e["loss"].get<double>(), figure(e["validation_loss"]), e["accuracy"].get<double>(),
                          figure(e["validation_accuracy"]), e["learning_rate"].get<double>()});
  }
  return out;
}

report::Evaluation evaluation_of(const Materials& m, const Json& e) {
  report::Evaluation out;
  out.confusion_int8 = e["confusion_int8"].get<std::vector<std::uint64_t>>();
  out.confusion_float = e["confusion_float"].get<std::vector<std::uint64_t>>();
  out.agreement = e["agreement"].get<double>();
  for (const Json& w : e["worst"]) {
    const auto i = w["dataset_index"].get<std::size_t>();
    out.worst.push_back({picture_of(m.dataset, i), w["truth"], w["predicted"], w["confidence"].get<double>(),
                         std::string(m.dataset.info(i).source)});
  }
  return out;
}

report::ArenaMap arena_map(const Json& program, const graph::Graph& int8) {
  report::ArenaMap out;
  out.arena_bytes = program["arena_bytes"];
  // Steps of the plan: views have none, so names come from the buffers' step numbers.
  std::size_t steps = 0;
  for (const Json& b : program["buffers"]) steps = std::max(steps, b["last"].get<std::size_t>() + 1);
  const bool features = !program["steps"].empty() && program["steps"][0]["op_index"].get<int>() < 0;
  for (std::size_t s = 0; s < steps; ++s) {
    const std::size_t op = features ? s - 1 : s;
    out.ops.push_back(features && s == 0 ? "features" : int8.ops()[op].name);
  }
  for (const Json& b : program["buffers"]) {
    report::ArenaTensor t;
    t.name = b["name"];
    for (const Json& a : b["aliases"]) t.name += " = " + a.get<std::string>();
    t.type = "int8";
    for (const graph::Tensor& tensor : int8.tensors()) {
      if (tensor.name == b["name"].get<std::string>())
        t.shape.assign(tensor.shape.dims().begin(), tensor.shape.dims().end());
    }
    t.role = b["scratch"].get<bool>() ? report::TensorRole::scratch : report::TensorRole::activation;
    if (b["name"] == "sensor data" || b["name"] == int8.input().name) t.role = report::TensorRole::input;
    t.offset_bytes = b["offset"];
    t.size_bytes = b["bytes"];
    t.first_op = b["first"];
    t.last_op = b["last"];
    out.tensors.push_back(std::move(t));
  }
  return out;
}

report::LayerProfile profile_of(const Json& bench, const graph::Graph& int8) {
  report::LayerProfile out;
  out.total_cycles = bench["cycles"].get<double>();
  const Json& steps = bench["program"]["steps"];
  for (std::size_t i = 0; i < bench["per_op"].size(); ++i) {
    const Json& p = bench["per_op"][i];
    report::LayerCost cost{
        p["op"], "features", {}, p["macs"], p["cycles"].get<double>(), p["instructions"].get<double>()};
    const int op_index = steps[i]["op_index"];
    if (op_index < 0) {
      out.features = cost;
      continue;
    }
    const graph::Op& op = int8.ops()[static_cast<std::size_t>(op_index)];
    cost.name = op.name;
    cost.op = std::string(graph::op_name(op.attributes));
    const auto dims = int8.tensor(op.outputs[0]).shape.dims();
    cost.shape.assign(dims.begin(), dims.end());
    out.layers.push_back(std::move(cost));
  }
  return out;
}

report::Footprint footprint_of(const Json& bench, const Budgets& budgets) {
  report::Footprint out;
  for (const Json& f : bench["program"]["flash_parts"]) {
    const std::string name = f["name"];
    if (f["code"].get<std::uint64_t>() > 0) out.flash.push_back({"code", name, f["code"]});
    const char* group = name == "features" ? "tables" : name.starts_with("op_") ? "weights" : "header";
    if (f["constants"].get<std::uint64_t>() > 0) out.flash.push_back({group, name, f["constants"]});
  }
  out.ram = {{"arena", "arena", bench["ram"]["arena"]},
             {"stack", "stack", bench["ram"]["stack"]},
             {"static", "static", bench["ram"]["static"]}};
  if (budgets.flash_bytes) out.flash_limit_bytes = static_cast<double>(*budgets.flash_bytes);
  if (budgets.ram_bytes) out.ram_limit_bytes = static_cast<double>(*budgets.ram_bytes);
  return out;
}

std::vector<report::Budget> report_budgets(const std::vector<pipeline::Budget>& budgets, const Json& bench) {
  std::vector<report::Budget> out;
  for (const pipeline::Budget& b : budgets) {
    const auto unit = b.unit == "B"    ? report::Unit::bytes
                      : b.unit == "ms" ? report::Unit::milliseconds
                      : b.unit == "uJ" ? report::Unit::microjoules
                                       : report::Unit::fraction;
    bool estimated = false;
    for (const Json& e : bench["estimated"]) estimated = estimated || e.get<std::string>().starts_with(b.name);
    out.push_back({b.name, unit,
                   b.bound == pipeline::Bound::at_least ? report::Bound::at_least : report::Bound::at_most, b.limit,
                   b.value, estimated});
  }
  return out;
}

void add_settings(report::Provenance& out, const Project& project) {
  for (const std::string* text :
       {&project.data.text, &project.split.text, &project.features.text, &project.model.text, &project.train.text,
        &project.augment.text, &project.quantize.text, &project.target.text, &project.evaluate.text}) {
    std::size_t at = 0;
    while (at < text->size()) {
      const std::size_t end = std::min(text->find('\n', at), text->size());
      const std::string line = text->substr(at, end - at);
      at = end + 1;
      const std::size_t dot = line.find('.'), equals = line.find('=');
      if (dot == std::string::npos || equals == std::string::npos || dot > equals) continue;
      out.settings.push_back({line.substr(0, dot), line.substr(dot + 1, equals - dot - 1), line.substr(equals + 1)});
    }
  }
}

Result<report::ReportData> gather(const Project& project, pipeline::Context& context) {
  Found found;
  MOTE_TRY(found.import, read_json(context, "import"));
  MOTE_TRY(found.curves, read_json(context, "curves"));
  MOTE_TRY(found.quantize_curves, read_json(context, "quantize_curves"));
  MOTE_TRY(found.bench, read_json(context, "bench"));
  MOTE_TRY(found.evaluation, read_json(context, "evaluation"));
  MOTE_TRY(const auto folder, context.input("dataset"));
  MOTE_TRY(const auto int8_file, context.input("int8"));
  MOTE_TRY(const Materials materials, open_materials(project, folder));
  MOTE_TRY(const graph::Graph int8, read_graph(int8_file));

  const board::BoardSpec& board = project.target.value.board;
  report::ReportData out;
  out.project = project.name;
  out.description = project.description;
  out.board = {board.name, board.title, static_cast<double>(board.clock_hz)};
  const Json& e = found.evaluation;
  out.headline.result_float = e["float"].get<double>();
  out.headline.result_int8 = e["int8"].get<double>();
  // A part of the test set has an accuracy of its own; the headline takes the board's only when it ran them all.
  if (e["board_n"] == e["n"]) out.headline.result_board = e["board"].get<double>();
  out.headline.test_samples = e["n"];
  out.headline.latency_ms = found.bench["latency_ms"].get<double>();
  out.headline.energy_uj = found.bench["energy_uj"].get<double>();
  out.headline.flash_bytes = found.bench["flash"]["total"].get<double>();
  out.headline.ram_bytes = found.bench["ram"]["total"].get<double>();
  out.budgets = report_budgets(judge(project.target.value.budgets, found.bench, e), found.bench);
  for (const char* stage : {"dataset", "float", "int8", "module"}) {
    MOTE_TRY(const auto path, context.input(stage));
    MOTE_TRY(const auto artifact, registry::digest_of(path));
    out.lineage.push_back({stage, artifact.id.hex(),
                           std::string(stage) == "dataset" ? fmt::format("{} samples", materials.dataset.size()) : ""});
  }
  out.classes = materials.dataset.about().labels;
  out.data = data_summary(project, materials, found.import);
  out.training.push_back(phase("float", found.curves));
  if (!found.quantize_curves["epochs"].empty())
    out.training.push_back(phase("quantization-aware", found.quantize_curves));
  out.evaluation = evaluation_of(materials, e);
  out.arena = arena_map(found.bench["program"], int8);
  out.profile = profile_of(found.bench, int8);
  out.footprint = footprint_of(found.bench, project.target.value.budgets);
  add_settings(out.provenance, project);
  out.provenance.seeds = {{"train", std::to_string(project.train.value.seed)},
                          {"model", std::to_string(project.model.value.seed)},
                          {"split", std::to_string(project.split.value.seed)}};
  out.provenance.tools = {{"mote", MOTE_VERSION}};
  out.provenance.commands = {"mote run"};
  for (const Json& figure : found.bench["estimated"])
    out.provenance.estimates.push_back({figure, "from the board's catalogue entry"});
  out.provenance.estimates.push_back(
      {"accuracy",
       fmt::format("int8 on the host over {} samples; {} of {} outputs of the emulated board were equal byte for byte",
                   e["n"].get<std::uint64_t>(), e["board_equal"].get<std::uint64_t>(),
                   e["board_n"].get<std::uint64_t>())});
  return out;
}

}  // namespace

Result<void> add_report(pipeline::Graph& graph, const Project& project) {
  auto run = [&project](pipeline::Context& context) -> Result<pipeline::Outputs> {
    MOTE_TRY(const report::ReportData data, gather(project, context));
    for (const std::string& problem : report::problems(data)) context.progress().note("report: " + problem);
    MOTE_TRY_VOID(write_file(context.output("report.html"), report::render_html(data)));
    MOTE_TRY_VOID(write_file(context.output("report.json"), report::to_json(data)));
    return pipeline::Outputs{{"html", context.output("report.html")}, {"data", context.output("report.json")}};
  };
  // Everything the page shows: budgets and texts too.
  const Budgets& b = project.target.value.budgets;
  const auto number = [](auto v) { return v ? fmt::format("{}", *v) : std::string("-"); };
  const std::string limits = fmt::format("report.budgets={} {} {} {} {}\n", number(b.flash_bytes), number(b.ram_bytes),
                                         number(b.latency_ms), number(b.energy_uj), number(b.accuracy));
  const std::string texts = "report.about=" + project.name + " | " + project.description + " | " +
                            project.data.value.source + " | " + project.data.value.licence + "\n";
  const std::string params = materials_text(project) + project.data.text + project.model.text + project.train.text +
                             project.augment.text + project.quantize.text + project.target.text +
                             project.evaluate.text + limits + texts;
  const std::vector<std::string> inputs{"dataset", "import", "curves", "quantize_curves", "float",
                                        "int8",    "module", "bench",  "evaluation"};
  return graph.add(pipeline::make_step({"report", "1", params, inputs, {"html", "data"}}, run),
                   {{"dataset", pipeline::FromStep{"import", "dataset"}},
                    {"import", pipeline::FromStep{"import", "report"}},
                    {"curves", pipeline::FromStep{"train", "curves"}},
                    {"quantize_curves", pipeline::FromStep{"quantize", "curves"}},
                    {"float", pipeline::FromStep{"quantize", "float"}},
                    {"int8", pipeline::FromStep{"quantize", "int8"}},
                    {"module", pipeline::FromStep{"compile", "module"}},
                    {"bench", pipeline::FromStep{"compile", "bench"}},
                    {"evaluation", pipeline::FromStep{"evaluate", "evaluation"}}});
}

}  // namespace mote::app
