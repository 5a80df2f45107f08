#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>

#include "import_run.hpp"

namespace mote::data {
namespace {

std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {text.data(), size};
}

}  // namespace

std::string Provenance::json() const {
  nlohmann::ordered_json json;
  json["importer"] = importer_;
  json["settings"] = nlohmann::ordered_json::object();
  for (const auto& [name, value] : settings_) json["settings"][name] = value;
  json["sources"] = nlohmann::ordered_json::array();
  for (const Source& source : sources_) {
    json["sources"].push_back({{"file", source.file}, {"bytes", source.bytes}, {"sha256", source.digest.hex()}});
  }
  json["date"] = utc_now();
  // File names need not be UTF-8; replacing what is not keeps dump from throwing.
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace mote::data
