// Any bytes as a CoAP request: the library takes it apart, ours are the block option, the tag, the path and the query.

#include <arpa/inet.h>

#include <cstdlib>

#include "coap_common.hpp"
#include "mote/fleet/parcel_list.hpp"

using namespace mote::fleet;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  start_libcoap();
  static coap_pdu_t* pdu = coap_pdu_init(COAP_MESSAGE_CON, COAP_REQUEST_CODE_GET, 0, 1200);
  if (coap_pdu_parse(COAP_PROTO_UDP, data, size, pdu) == 0) return 0;
  for (const std::uint16_t option : {std::uint16_t{COAP_OPTION_BLOCK1}, std::uint16_t{COAP_OPTION_BLOCK2}}) {
    std::optional<CoapBlock> block;
    if (read_block(pdu, option, block) && block && (block->exponent > 6 || block->number > kMaxCoapBlockNumber))
      std::abort();
  }
  static_cast<void>(mote::fleet::coap_option(pdu, COAP_OPTION_ETAG));
  coap_string_t* path = coap_get_uri_path(pdu);
  coap_delete_string(path);
  if (coap_string_t* query = coap_get_query(pdu)) {
    static_cast<void>(parse_query({reinterpret_cast<const char*>(query->s), query->length}));
    coap_delete_string(query);
  }
  return 0;
}
