#pragma once
// Reports that devices post over CoAP: blocks put together (RFC 7959, Block1), and the answer to each.

#include <deque>

#include "coap_common.hpp"
#include "mote/fleet/report_folder.hpp"

namespace mote::fleet {

class CoapReports {
 public:
  /// `folder` is borrowed.
  explicit CoapReports(ReportFolder& folder) : folder_(folder) {}

  /// Of a POST from `sender`: takes its block, and the report when it was the last one. A block that comes twice is
  /// answered twice.
  void answer(const coap_address_t& sender, const coap_pdu_t* request, coap_pdu_t* response);

 private:
  /// What came of a report so far. Whoever sends many halves under many addresses pushes others out, who are told to
  /// begin anew: it costs them time, and this server no memory.
  struct Partial {
    coap_address_t sender;
    Bytes bytes;
  };
  static constexpr std::size_t kMostPartials = 64;

  Partial& partial_of(const coap_address_t& sender);
  void take(ByteSpan report, coap_pdu_t* response);

  ReportFolder& folder_;
  std::deque<Partial> partials_;  // the newest sender last
};

}  // namespace mote::fleet
