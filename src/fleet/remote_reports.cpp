#include "mote/fleet/remote_reports.hpp"

#include <nlohmann/json.hpp>

#include "status_names.hpp"

namespace mote::fleet {

using Json = nlohmann::ordered_json;

std::string to_json(const ReportReceipt& receipt) {
  return Json{{"status", update::name(receipt.status)}, {"new", receipt.is_new}}.dump() + "\n";
}

Result<ReportReceipt> receipt_from_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("status") || !json["status"].is_string() || !json.contains("new") ||
      !json["new"].is_boolean())
    return fail(Code::malformed, "the server's answer to a report makes no sense");
  const auto status = status_named(json["status"].get<std::string>());
  if (!status) return fail(Code::malformed, "the server's answer to a report names a status that there is not");
  return ReportReceipt{*status, json["new"].get<bool>()};
}

}  // namespace mote::fleet
