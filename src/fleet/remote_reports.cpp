#include "mote/fleet/remote_reports.hpp"

#include <nlohmann/json.hpp>

#include "mote/package/cbor_value.hpp"
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

Bytes to_cbor(const ReportReceipt& receipt) {
  return package::write_cbor(
      package::CborValue::array({package::CborValue::unsigned_int(static_cast<std::uint64_t>(receipt.status)),
                                 package::CborValue::unsigned_int(receipt.is_new ? 1 : 0)}));
}

Result<ReportReceipt> receipt_from_cbor(ByteSpan bytes) {
  const auto answer = package::read_cbor(bytes);
  if (!answer || !answer->is(update::CborType::array) || answer->items.size() != 2 ||
      !answer->items[0].is(update::CborType::unsigned_int) || !answer->items[1].is(update::CborType::unsigned_int) ||
      answer->items[1].number > 1)
    return fail(Code::malformed, "the server's answer to a report makes no sense");
  const std::uint64_t number = answer->items[0].number;
  const auto status = static_cast<update::Status>(number);
  if (number > 255 || !status_named(update::name(status)))
    return fail(Code::malformed, "the server's answer to a report names a status that there is not");
  return ReportReceipt{status, answer->items[1].number == 1};
}

}  // namespace mote::fleet
