// Any CoAP requests, of any senders, to where a server takes reports: blocks put together, and the report behind them.
// No device's key is there, so that nothing is written. The input: for each request its sender, its length, and so many
// bytes.

#include <cstdlib>

#include "coap_reports.hpp"
#include "update/report.hpp"

using namespace mote;
using namespace mote::fleet;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  start_libcoap();
  static const auto folder =
      ReportFolder::open(std::filesystem::temp_directory_path(), std::filesystem::temp_directory_path()).value();
  static coap_pdu_t* request = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_POST, 0, 1200);
  CoapReports reports(*folder);
  ByteSpan rest(data, size);
  while (rest.size() > 2) {
    coap_address_t sender;
    if (!make_address("127.0.0.1", rest[0], sender)) std::abort();
    const ByteSpan bytes = rest.subspan(2, std::min<std::size_t>(rest[1], rest.size() - 2));
    rest = rest.subspan(2 + bytes.size());
    if (coap_pdu_parse(COAP_PROTO_UDP, bytes.data(), bytes.size(), request) == 0) continue;
    coap_pdu_t* response = coap_pdu_init(COAP_MESSAGE_ACK, COAP_EMPTY_CODE, 0, 1200);
    reports.answer(sender, request, response);
    if (coap_pdu_get_code(response) == COAP_EMPTY_CODE) std::abort();  // everybody is answered
    coap_delete_pdu(response);
  }
  return 0;
}
