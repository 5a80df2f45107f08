#include <arpa/inet.h>
#include <netdb.h>

#include <cstring>

#include "coap_common.hpp"
#include "mote/fleet/remote_parcels.hpp"
#include "mote/fleet/remote_reports.hpp"

namespace mote::fleet {
namespace {

constexpr std::uint32_t kMac0Format = 97;  // CoAP Content-Format of COSE_Mac0 (RFC 8152, section 16.10)
constexpr std::size_t kMaxListBytes = 1u << 20;
constexpr unsigned kMostBegun = 8;  // times that a list which changes meanwhile is read from its beginning

/// A request, with the block of it or of its answer.
struct Request {
  coap_request_t method = COAP_REQUEST_GET;
  std::vector<std::string> path;
  std::string query;
  std::uint16_t block_option = COAP_OPTION_BLOCK2;
  std::optional<CoapBlock> block;
  ByteSpan data;
};

struct Received {
  coap_pdu_code_t code{};
  std::optional<CoapBlock> block;  // of the same option
  Bytes tag, data;
};

class CoapClient : public RemoteParcels, public RemoteReports {
 public:
  CoapClient(std::string where, const CoapClientOptions& options) : where_(std::move(where)), options_(options) {}
  ~CoapClient() override {
    if (session_ != nullptr) coap_session_release(session_);
    if (context_ != nullptr) coap_free_context(context_);
  }

  Result<void> connect(const coap_address_t& server) {
    start_libcoap();
    context_ = coap_new_context(nullptr);
    if (context_ != nullptr) session_ = coap_new_client_session(context_, nullptr, &server, COAP_PROTO_UDP);
    if (session_ == nullptr) return fail(Code::io, where_ + ": CoAP cannot be started");
    coap_session_set_app_data(session_, this);
    coap_register_response_handler(context_, on_response);
    coap_register_nack_handler(context_, on_failure);
    return {};
  }

  Result<std::vector<ListedParcel>> list(const ParcelQuery& query) override {
    Bytes all, tag;
    unsigned begun = 1;
    for (CoapBlock block{0, false, options_.block_exponent};;) {
      MOTE_TRY(const Received got, ask(get({"parcels"}, print_query(query), block)));
      if (got.code != COAP_RESPONSE_CODE_CONTENT) return refused(got, "the list of parcels");
      if (!tag.empty() && tag != got.tag) {  // it changed between two blocks
        if (++begun > kMostBegun) return fail(Code::malformed, where_ + ": the list of parcels changes at each block");
        all.clear();
        tag.clear();
        block = {0, false, options_.block_exponent};
        continue;
      }
      tag = got.tag;
      all.insert(all.end(), got.data.begin(), got.data.end());
      if (all.size() > kMaxListBytes) return fail(Code::too_large, where_ + ": the list of parcels has no end");
      if (!got.block || !got.block->more) return parcels_from_cbor(all);
      if (got.data.empty()) return fail(Code::malformed, where_ + ": a block of the list of parcels is empty");
      block = {static_cast<std::uint32_t>(all.size() >> (got.block->exponent + 4)), false, got.block->exponent};
    }
  }

  Result<Bytes> read(const ListedParcel& parcel, std::uint64_t offset, std::size_t count) override {
    Bytes bytes;
    CoapBlock block{0, false, options_.block_exponent};
    while (bytes.size() < count) {
      const std::uint64_t at = offset + bytes.size();
      const std::uint64_t number = at >> (block.exponent + 4);
      if (number > kMaxCoapBlockNumber) return fail(Code::too_large, parcel.name + " has too many blocks for CoAP");
      block.number = static_cast<std::uint32_t>(number);
      MOTE_TRY(const Received got, ask(get({"parcels", parcel.name}, "", block)));
      if (got.code != COAP_RESPONSE_CODE_CONTENT) return refused(got, parcel.name);
      if (!std::equal(got.tag.begin(), got.tag.end(), parcel.digest.bytes.begin(), parcel.digest.bytes.begin() + 8))
        return fail(Code::not_found, parcel.name + " has been replaced on the server");
      // A server may answer in smaller blocks; where they begin is told by its answer.
      const CoapBlock is = got.block.value_or(CoapBlock{});
      if (is.offset() > at || is.offset() + got.data.size() <= at || is.exponent > block.exponent)
        return fail(Code::malformed, where_ + ": the server sends another block of " + parcel.name);
      const std::size_t skip = at - is.offset(), left = count - bytes.size();
      const std::size_t take = std::min(left, got.data.size() - skip);
      bytes.insert(bytes.end(), got.data.begin() + static_cast<std::ptrdiff_t>(skip),
                   got.data.begin() + static_cast<std::ptrdiff_t>(skip + take));
      block.exponent = is.exponent;
    }
    return bytes;
  }

  Result<ReportReceipt> bring(ByteSpan report) override {
    CoapBlock block{0, false, options_.block_exponent};
    for (std::size_t sent = 0;;) {
      const ByteSpan data = report.subspan(sent, std::min(block.size(), report.size() - sent));
      block.number = static_cast<std::uint32_t>(sent >> (block.exponent + 4));
      block.more = sent + data.size() < report.size();
      Request request;
      request.method = COAP_REQUEST_POST;
      request.path = {"reports"};
      request.block_option = COAP_OPTION_BLOCK1;
      request.data = data;
      if (sent != 0 || block.more) request.block = block;
      MOTE_TRY(const Received got, ask(request));
      if (got.code == COAP_RESPONSE_CODE_NOT_FOUND || got.code == COAP_RESPONSE_CODE_NOT_ALLOWED)
        return fail(Code::not_found, where_ + " takes no reports");
      if (block.more && got.code == COAP_RESPONSE_CODE_CONTINUE) {
        sent += data.size();
        // A server may want smaller blocks from here on.
        if (got.block && got.block->exponent < block.exponent) block.exponent = got.block->exponent;
        continue;
      }
      if (got.data.empty()) return refused(got, "a report");
      return receipt_from_cbor(got.data);
    }
  }

  std::size_t best_read_bytes() const override { return CoapBlock{0, false, options_.block_exponent}.size(); }

 private:
  tl::unexpected<mote::Error> refused(const Received& got, const std::string& what) const {
    const auto code = static_cast<unsigned>(got.code);
    const Code kind = got.code == COAP_RESPONSE_CODE_NOT_FOUND ? Code::not_found : Code::malformed;
    return fail(kind, where_ + ": " + what + ": the server answers " + std::to_string(code >> 5) + "." +
                          (code % 32 < 10 ? "0" : "") + std::to_string(code % 32));
  }

  static Request get(std::vector<std::string> path, std::string query, const CoapBlock& block) {
    Request request;
    request.path = std::move(path);
    request.query = std::move(query);
    request.block = block;
    return request;
  }

  Result<Received> ask(const Request& wanted) {
    block_option_ = wanted.block_option;
    coap_pdu_t* request = coap_pdu_init(COAP_MESSAGE_CON, static_cast<coap_pdu_code_t>(wanted.method),
                                        coap_new_message_id(session_), coap_session_max_pdu_size(session_));
    if (request == nullptr) return fail(Code::io, where_ + ": no memory for a request");
    std::size_t token_size = 0;
    std::uint8_t token[8];
    coap_session_new_token(session_, &token_size, token);
    coap_add_token(request, token_size, token);
    token_.assign(token, token + token_size);
    for (const std::string& part : wanted.path)
      coap_add_option(request, COAP_OPTION_URI_PATH, part.size(), reinterpret_cast<const std::uint8_t*>(part.data()));
    if (wanted.method == COAP_REQUEST_POST) add_number(request, COAP_OPTION_CONTENT_FORMAT, kMac0Format);
    for (std::string_view rest = wanted.query; !rest.empty();) {
      const std::string_view part = rest.substr(0, rest.find('&'));
      coap_add_option(request, COAP_OPTION_URI_QUERY, part.size(), reinterpret_cast<const std::uint8_t*>(part.data()));
      rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    }
    if (wanted.block) add_block(request, wanted.block_option, *wanted.block);
    if (!wanted.data.empty()) coap_add_data(request, wanted.data.size(), wanted.data.data());
    received_.reset();
    failed_ = false;
    if (coap_send(session_, request) == COAP_INVALID_MID) return fail(Code::io, where_ + ": a request cannot be sent");
    const auto deadline = std::chrono::steady_clock::now() + options_.timeout;
    while (!received_ && !failed_) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
      if (left <= 0 || coap_io_process(context_, static_cast<std::uint32_t>(left)) < 0) break;
    }
    if (!received_) return fail(Code::io, where_ + ": no answer");
    return *std::move(received_);
  }

  static coap_response_t on_response(coap_session_t* session, const coap_pdu_t*, const coap_pdu_t* pdu, coap_mid_t) {
    auto& self = *static_cast<CoapClient*>(coap_session_get_app_data(session));
    const coap_bin_const_t token = coap_pdu_get_token(pdu);
    if (token.length != self.token_.size() || std::memcmp(token.s, self.token_.data(), token.length) != 0)
      return COAP_RESPONSE_OK;  // to a request that was given up
    Received got;
    got.code = coap_pdu_get_code(pdu);
    if (!read_block(pdu, self.block_option_, got.block)) return COAP_RESPONSE_FAIL;
    got.tag.assign(8, 0);
    if (const auto tag = coap_option(pdu, COAP_OPTION_ETAG))
      std::copy_n(tag->begin(), std::min(tag->size(), got.tag.size()), got.tag.begin());
    std::size_t size = 0;
    const std::uint8_t* data = nullptr;
    if (coap_get_data(pdu, &size, &data) != 0) got.data.assign(data, data + size);
    self.received_ = std::move(got);
    return COAP_RESPONSE_OK;
  }
  static void on_failure(coap_session_t* session, const coap_pdu_t*, coap_nack_reason_t, coap_mid_t) {
    static_cast<CoapClient*>(coap_session_get_app_data(session))->failed_ = true;
  }

  std::string where_;
  CoapClientOptions options_;
  coap_context_t* context_ = nullptr;
  coap_session_t* session_ = nullptr;
  Bytes token_;
  std::uint16_t block_option_ = COAP_OPTION_BLOCK2;
  std::optional<Received> received_;
  bool failed_ = false;
};

Result<coap_address_t> resolve(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0 || found == nullptr)
    return fail(Code::invalid_argument, host + ":" + port + " has no address");
  coap_address_t address;
  coap_address_init(&address);
  address.size = std::min<socklen_t>(found->ai_addrlen, sizeof(address.addr));
  std::memcpy(&address.addr, found->ai_addr, address.size);
  freeaddrinfo(found);
  return address;
}

Result<std::unique_ptr<CoapClient>> connected(std::string_view url, const CoapClientOptions& options) {
  constexpr std::string_view kScheme = "coap://";
  std::string_view rest = url.starts_with(kScheme) ? url.substr(kScheme.size()) : "";
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const std::size_t colon = rest.rfind(':');
  const std::string host(rest.substr(0, colon));
  const std::string port(colon == std::string_view::npos ? "5683" : rest.substr(colon + 1));
  if (host.empty() || port.empty() || rest.find('/') != std::string_view::npos || options.block_exponent > 6)
    return fail(Code::invalid_argument, std::string(url) + " is not coap://host:port");
  MOTE_TRY(const coap_address_t address, resolve(host, port));
  auto client = std::make_unique<CoapClient>(host + ":" + port, options);
  MOTE_TRY_VOID(client->connect(address));
  return client;
}

}  // namespace

Result<std::unique_ptr<RemoteParcels>> coap_parcels(std::string_view url, const CoapClientOptions& options) {
  return connected(url, options);
}

Result<std::unique_ptr<RemoteReports>> coap_reports(std::string_view url, const CoapClientOptions& options) {
  return connected(url, options);
}

}  // namespace mote::fleet
