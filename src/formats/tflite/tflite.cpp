#include "mote/formats/tflite.hpp"

#include <algorithm>
#include <map>

#include "model_reader.hpp"
#include "model_writer.hpp"

namespace mote::formats {

Result<graph::Graph> read_tflite(ByteSpan bytes, std::string_view file_name) {
  auto file = tflite::VerifiedModel::open(bytes);
  if (!file) return fail(std::move(file).error(), file_name);
  auto graph = tflite::ModelReader(*file, file_name).read();
  if (!graph) return fail(std::move(graph).error(), file_name);
  return graph;
}

Result<Bytes> write_tflite(const graph::Graph& graph) { return tflite::ModelWriter(graph).write(); }

std::vector<std::string_view> tflite_operators() {
  std::vector<std::string_view> names;
  for (const tflite::OperatorRow* row : tflite::all_rows())
    names.emplace_back(tflite::fb::EnumNameBuiltinOperator(row->code));
  std::ranges::sort(names);
  return names;
}

Result<TfliteSummary> summarize_tflite(ByteSpan bytes, std::string_view file_name) {
  auto file = tflite::VerifiedModel::open(bytes);
  if (!file) return fail(std::move(file).error(), file_name);
  const tflite::fb::Model& model = file->model();
  TfliteSummary summary;
  std::map<std::string, TfliteSummary::Operator> found;
  for (std::uint32_t s = 0; s < tflite::count(model.subgraphs()); ++s) {
    const tflite::fb::SubGraph& subgraph = *model.subgraphs()->Get(s);
    for (std::uint32_t i = 0; i < tflite::count(subgraph.operators()); ++i) {
      const std::uint32_t index = subgraph.operators()->Get(i)->opcode_index();
      if (index >= tflite::count(model.operator_codes())) {
        return fail(Code::malformed, std::string(file_name) + ": operator " + std::to_string(i) + " has code " +
                                         std::to_string(index) + ", which does not exist");
      }
      const tflite::fb::OperatorCode& code = *model.operator_codes()->Get(index);
      auto& entry = found[tflite::operator_name(code)];
      ++entry.count;
      entry.supported = tflite::row_for_code(tflite::operator_number(code)) != nullptr;
    }
  }
  summary.subgraphs = static_cast<std::uint32_t>(tflite::count(model.subgraphs()));
  for (auto& [name, entry] : found) {
    entry.name = name;
    summary.operators.push_back(std::move(entry));
  }
  return summary;
}

}  // namespace mote::formats
