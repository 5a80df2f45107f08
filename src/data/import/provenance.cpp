#include <nlohmann/json.hpp>

#include "import_run.hpp"

namespace mote::data {
std::string Provenance::json() const {
  nlohmann::ordered_json json;
  json["importer"] = importer_;
  json["settings"] = nlohmann::ordered_json::object();
  for (const auto& [name, value] : settings_) json["settings"][name] = value;
  json["sources"] = nlohmann::ordered_json::array();
  for (const Source& source : sources_) {
    json["sources"].push_back({{"file", source.file}, {"bytes", source.bytes}, {"sha256", source.digest.hex()}});
  }
  // File names need not be UTF-8; replacing what is not keeps dump from throwing.
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace mote::data
