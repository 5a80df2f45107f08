#include "mote/fleet/coap_server.hpp"

#include <atomic>
#include <thread>

#include "coap_common.hpp"
#include "coap_reports.hpp"

namespace mote::fleet {
namespace {

constexpr std::uint32_t kCborFormat = 60, kCborSequenceFormat = 63;  // CoAP Content-Formats
constexpr std::uint32_t kPollMs = 50;
constexpr std::string_view kParcels = "parcels";

void refuse(coap_pdu_t* response, coap_pdu_code_t code) { coap_pdu_set_code(response, code); }

/// One block of `bytes`, which one the request says; the first when it does not.
void answer_block(const coap_pdu_t* request, coap_pdu_t* response, ByteSpan bytes, ByteSpan tag, std::uint32_t format) {
  std::optional<CoapBlock> wanted;
  if (!read_block(request, COAP_OPTION_BLOCK2, wanted)) return refuse(response, COAP_RESPONSE_CODE_BAD_OPTION);
  CoapBlock block = wanted.value_or(CoapBlock{});
  const std::uint64_t offset = block.offset();
  if (offset >= bytes.size() && offset != 0) return refuse(response, COAP_RESPONSE_CODE_BAD_OPTION);
  const auto known = coap_option(request, COAP_OPTION_ETAG);
  const bool is_known = known && std::equal(known->begin(), known->end(), tag.begin(), tag.end());
  coap_pdu_set_code(response, is_known ? COAP_RESPONSE_CODE_VALID : COAP_RESPONSE_CODE_CONTENT);
  coap_add_option(response, COAP_OPTION_ETAG, tag.size(), tag.data());
  if (is_known) return;
  const ByteSpan data = bytes.subspan(offset, std::min<std::uint64_t>(block.size(), bytes.size() - offset));
  block.more = offset + data.size() < bytes.size();
  add_number(response, COAP_OPTION_CONTENT_FORMAT, format);
  if (wanted || block.more) {
    add_block(response, COAP_OPTION_BLOCK2, block);
    add_number(response, COAP_OPTION_SIZE2, static_cast<std::uint32_t>(bytes.size()));
  }
  coap_add_data(response, data.size(), data.data());
}

void answer(ParcelFolder& folder, const coap_pdu_t* request, std::string_view query, coap_pdu_t* response) {
  coap_string_t* uri = coap_get_uri_path(request);
  const std::string path = uri == nullptr ? "" : std::string(reinterpret_cast<const char*>(uri->s), uri->length);
  coap_delete_string(uri);
  if (path == kParcels) {
    const auto parsed = parse_query(query);
    if (!parsed) return refuse(response, COAP_RESPONSE_CODE_BAD_REQUEST);
    const Bytes list = to_cbor(folder.list(*parsed));
    const Digest digest = sha256(list);
    return answer_block(request, response, list, ByteSpan(digest.bytes).first(8), kCborFormat);
  }
  if (path.starts_with(kParcels) && path.size() > kParcels.size() + 1 && path[kParcels.size()] == '/') {
    if (const auto parcel = folder.find(std::string_view(path).substr(kParcels.size() + 1)))
      return answer_block(request, response, parcel->bytes, ByteSpan(parcel->digest.bytes).first(8),
                          kCborSequenceFormat);
  }
  refuse(response, COAP_RESPONSE_CODE_NOT_FOUND);
}

void handle(coap_resource_t* resource, coap_session_t*, const coap_pdu_t* request, const coap_string_t* query,
            coap_pdu_t* response) {
  // An exception must not pass through the library.
  try {
    answer(*static_cast<ParcelFolder*>(coap_resource_get_userdata(resource)), request,
           query == nullptr ? std::string_view()
                            : std::string_view(reinterpret_cast<const char*>(query->s), query->length),
           response);
  } catch (const std::exception&) {
    refuse(response, COAP_RESPONSE_CODE_INTERNAL_ERROR);
  }
}

void handle_report(coap_resource_t* resource, coap_session_t* session, const coap_pdu_t* request, const coap_string_t*,
                   coap_pdu_t* response) {
  try {
    static_cast<CoapReports*>(coap_resource_get_userdata(resource))
        ->answer(*coap_session_get_addr_remote(session), request, response);
  } catch (const std::exception&) {
    refuse(response, COAP_RESPONSE_CODE_INTERNAL_ERROR);
  }
}

class Server : public CoapServer {
 public:
  ~Server() override {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    if (context_ != nullptr) coap_free_context(context_);
  }
  std::uint16_t port() const override { return port_; }

  Result<void> listen(ParcelFolder& folder, const CoapServerOptions& options) {
    start_libcoap();
    coap_address_t address;
    if (!make_address(options.address, options.port, address))
      return fail(Code::invalid_argument, options.address + " is no address of this machine");
    context_ = coap_new_context(nullptr);
    if (context_ == nullptr) return fail(Code::io, "CoAP cannot be started");
    coap_context_set_max_idle_sessions(context_, options.most_sessions);
    coap_context_set_session_timeout(context_, 30);
    // The library answers for resources it does not know with this one: all of them.
    coap_resource_t* all = coap_resource_unknown_init2(nullptr, 0);
    coap_register_request_handler(all, COAP_REQUEST_GET, handle);
    coap_resource_set_userdata(all, &folder);
    coap_add_resource(context_, all);
    if (options.reports != nullptr) {
      reports_.emplace(*options.reports);
      coap_resource_t* reports = coap_resource_init(coap_make_str_const("reports"), 0);
      coap_register_request_handler(reports, COAP_REQUEST_POST, handle_report);
      coap_resource_set_userdata(reports, &*reports_);
      coap_add_resource(context_, reports);
    }
    coap_endpoint_t* endpoint = coap_new_endpoint(context_, &address, COAP_PROTO_UDP);
    if (endpoint == nullptr || !read_port(coap_endpoint_str(endpoint)))
      return fail(Code::io, options.address + ":" + std::to_string(options.port) + ": cannot be listened at");
    thread_ = std::thread([this] {
      while (!stopping_) coap_io_process(context_, kPollMs);
    });
    return {};
  }

 private:
  /// The library tells the port that it got only in this text: "127.0.0.1:5683 UDP".
  bool read_port(std::string_view text) {
    const std::size_t end = text.find(' '), colon = text.rfind(':', end);
    if (colon == std::string_view::npos) return false;
    const char* from = text.data() + colon + 1;
    return std::from_chars(from, text.data() + std::min(end, text.size()), port_).ec == std::errc{};
  }

  std::optional<CoapReports> reports_;
  coap_context_t* context_ = nullptr;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<CoapServer>> CoapServer::start(ParcelFolder& folder, const CoapServerOptions& options) {
  auto server = std::make_unique<Server>();
  MOTE_TRY_VOID(server->listen(folder, options));
  return server;
}

}  // namespace mote::fleet
