#include <nlohmann/json.hpp>

#include <algorithm>

#include "mote/base/file.hpp"
#include "steps.hpp"

namespace mote::app {

Result<void> add_import(pipeline::Graph& graph, const Project& project) {
  const DataSettings& data = project.data.value;
  std::map<std::string, pipeline::Binding> bindings;
  std::vector<std::string> inputs;
  for (std::size_t i = 0; i < data.sources.size(); ++i) {
    inputs.push_back("source" + std::to_string(i + 1));
    bindings[inputs.back()] = pipeline::Source{data.sources[i]};
  }
  auto run = [&project](pipeline::Context& context) -> Result<pipeline::Outputs> {
    const auto folder = context.output("dataset");
    MOTE_TRY(const data::ImportReport report, data::import(project.data.value.spec, folder, context.progress()));
    nlohmann::ordered_json json{
        {"samples", report.samples}, {"files_used", report.files_used}, {"notes", report.notes}};
    json["refused"] = nlohmann::ordered_json::array();
    for (const data::Refusal& r : report.refused) json["refused"].push_back({{"file", r.file}, {"reason", r.reason}});
    MOTE_TRY_VOID(
        write_file(context.output("import.json"), json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace)));
    for (std::size_t i = 0; i < std::min<std::size_t>(report.refused.size(), 5); ++i) {
      context.progress().note("refused: " + report.refused[i].sentence());
    }
    if (report.refused.size() > 5)
      context.progress().note("refused: " + std::to_string(report.refused.size() - 5) + " more, listed in the report");
    return pipeline::Outputs{{"dataset", folder}, {"report", context.output("import.json")}};
  };
  return graph.add(pipeline::make_step({"import", "1", project.data.text, inputs, {"dataset", "report"}}, run),
                   std::move(bindings));
}

}  // namespace mote::app
