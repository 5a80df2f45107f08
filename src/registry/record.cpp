#include "mote/registry/record.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace mote::registry {
namespace {

using nlohmann::json;

json artifact_json(const Artifact& artifact) {
  return {{"id", artifact.id.hex()}, {"kind", std::string(name(artifact.kind))}, {"bytes", artifact.bytes}};
}

Result<Artifact> artifact_from(const json& object) {
  Artifact artifact;
  MOTE_TRY(artifact.id, parse_digest(object.at("id").get<std::string>()));
  const auto kind = object.at("kind").get<std::string>();
  if (kind != "file" && kind != "folder") return fail(Code::malformed, "kind '" + kind + "' is not file or folder");
  artifact.kind = kind == "file" ? Kind::file : Kind::folder;
  artifact.bytes = object.at("bytes").get<std::uint64_t>();
  return artifact;
}

/// May throw json::exception.
Result<StepRecord> parse(std::string_view text) {
  const json object = json::parse(text);
  StepRecord record;
  MOTE_TRY(record.key, parse_digest(object.at("key").get<std::string>()));
  record.step = object.at("step").get<std::string>();
  record.version = object.at("version").get<std::string>();
  record.params = object.at("params").get<std::string>();
  record.seconds = object.at("seconds").get<double>();
  for (const json& input : object.at("inputs")) {
    MOTE_TRY(Artifact artifact, artifact_from(input));
    record.inputs.push_back({input.at("name").get<std::string>(), artifact, input.value("source", ""), {}});
    if (input.contains("by")) {
      MOTE_TRY(record.inputs.back().producer, parse_digest(input.at("by").get<std::string>()));
    }
  }
  for (const json& output : object.at("outputs")) {
    MOTE_TRY(Artifact artifact, artifact_from(output));
    record.outputs.push_back({output.at("name").get<std::string>(), artifact, output.at("file").get<std::string>()});
  }
  return record;
}

}  // namespace

const OutputRecord* StepRecord::output(std::string_view output_name) const {
  const auto found =
      std::find_if(outputs.begin(), outputs.end(), [&](const OutputRecord& o) { return o.name == output_name; });
  return found == outputs.end() ? nullptr : &*found;
}

std::string to_json(const StepRecord& record) {
  json object{{"key", record.key.hex()}, {"step", record.step},       {"version", record.version},
              {"params", record.params}, {"seconds", record.seconds}, {"inputs", json::array()},
              {"outputs", json::array()}};
  for (const InputRecord& input : record.inputs) {
    json entry = artifact_json(input.artifact);
    entry["name"] = input.name;
    if (!input.source.empty()) entry["source"] = input.source;
    if (input.producer) entry["by"] = input.producer->hex();
    object["inputs"].push_back(std::move(entry));
  }
  for (const OutputRecord& output : record.outputs) {
    json entry = artifact_json(output.artifact);
    entry["name"] = output.name;
    entry["file"] = output.file_name;
    object["outputs"].push_back(std::move(entry));
  }
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<StepRecord> record_from_json(std::string_view text) {
  try {
    return parse(text);
  } catch (const json::exception& error) {
    return fail(Code::malformed, std::string("lineage record: ") + error.what());
  }
}

}  // namespace mote::registry
