#include "coap_reports.hpp"

#include "mote/fleet/remote_reports.hpp"
#include "update/report.hpp"

namespace mote::fleet {
namespace {

constexpr std::uint32_t kCborFormat = 60;  // CoAP Content-Format

coap_pdu_code_t coap_code(const ReportReceipt& receipt) {
  switch (receipt.status) {
    case update::Status::ok:
      return receipt.is_new ? COAP_RESPONSE_CODE_CREATED : COAP_RESPONSE_CODE_CHANGED;
    case update::Status::unknown_key:
    case update::Status::bad_signature:
      return COAP_RESPONSE_CODE_FORBIDDEN;
    case update::Status::store_full:
      return COAP_RESPONSE_CODE_SERVICE_UNAVAILABLE;
    default:
      return COAP_RESPONSE_CODE_BAD_REQUEST;
  }
}

}  // namespace

CoapReports::Partial& CoapReports::partial_of(const coap_address_t& sender) {
  for (Partial& partial : partials_) {
    if (coap_address_equals(&partial.sender, &sender) != 0) return partial;
  }
  if (partials_.size() == kMostPartials) partials_.pop_front();
  return partials_.emplace_back(Partial{sender, {}});
}

void CoapReports::answer(const coap_address_t& sender, const coap_pdu_t* request, coap_pdu_t* response) {
  const auto refuse = [&](coap_pdu_code_t code) { coap_pdu_set_code(response, code); };
  std::size_t size = 0;
  const std::uint8_t* data = nullptr;
  coap_get_data(request, &size, &data);
  std::optional<CoapBlock> block;
  if (!read_block(request, COAP_OPTION_BLOCK1, block)) return refuse(COAP_RESPONSE_CODE_BAD_OPTION);
  if (block) add_block(response, COAP_OPTION_BLOCK1, *block);
  const std::uint64_t offset = block ? block->offset() : 0;
  if (offset + size > update::kMaxReportBytes) {
    add_number(response, COAP_OPTION_SIZE1, update::kMaxReportBytes);
    return refuse(COAP_RESPONSE_CODE_REQUEST_TOO_LARGE);
  }
  if (!block || (offset == 0 && !block->more)) return take({data, size}, response);
  if (block->more && size != block->size()) return refuse(COAP_RESPONSE_CODE_BAD_REQUEST);
  Bytes& bytes = partial_of(sender).bytes;
  if (offset == 0) bytes.clear();
  const bool came_before = offset + size <= bytes.size();
  const bool fits = came_before ? std::equal(data, data + size, bytes.begin() + static_cast<std::ptrdiff_t>(offset))
                                : offset == bytes.size();
  if (!fits) return refuse(COAP_RESPONSE_CODE_INCOMPLETE);
  if (!came_before) bytes.insert(bytes.end(), data, data + size);
  if (block->more) return refuse(COAP_RESPONSE_CODE_CONTINUE);
  take(ByteSpan(bytes).first(offset + size), response);
}

void CoapReports::take(ByteSpan report, coap_pdu_t* response) {
  const auto receipt = folder_.take(report);
  if (!receipt) return coap_pdu_set_code(response, COAP_RESPONSE_CODE_INTERNAL_ERROR);
  coap_pdu_set_code(response, coap_code(*receipt));
  const Bytes said = to_cbor(*receipt);
  add_number(response, COAP_OPTION_CONTENT_FORMAT, kCborFormat);
  coap_add_data(response, said.size(), said.data());
}

}  // namespace mote::fleet
