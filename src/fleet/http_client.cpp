// One of the two files that see Boost.Beast.
#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

#include "mote/fleet/remote_reports.hpp"

namespace mote::fleet {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Error = boost::system::error_code;
using Response = http::response<http::string_body>;
using Request = http::request<http::string_body>;

constexpr auto kToResult = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kMaxListBytes = 4u << 20, kMaxReceiptBytes = 1024;

class HttpClient : public RemoteParcels, public RemoteReports {
 public:
  HttpClient(std::string host, std::string port, bool secure, const HttpClientOptions& options)
      : host_(std::move(host)), port_(std::move(port)), options_(options) {
    if (secure) tls_.emplace(asio::ssl::context::tls_client);
  }

  Result<void> load_trust() {
    if (!tls_) return {};
    Error error;
    if (options_.trusted.empty())
      tls_->set_default_verify_paths(error);
    else
      tls_->load_verify_file(options_.trusted.string(), error);
    if (error) return fail(Code::malformed, options_.trusted.string() + ": " + error.message());
    tls_->set_verify_mode(asio::ssl::verify_peer, error);
    return {};
  }

  Result<std::vector<ListedParcel>> list(const ParcelQuery& query) override {
    MOTE_TRY(const Response response, get("/parcels?" + print_query(query), {}, {}, kMaxListBytes));
    if (response.result() != http::status::ok) return refused(response);
    return parcels_from_json(response.body());
  }

  Result<Bytes> read(const ListedParcel& parcel, std::uint64_t offset, std::size_t count) override {
    const std::string range = "bytes=" + std::to_string(offset) + "-" + std::to_string(offset + count - 1);
    const std::string tag = '"' + parcel.digest.hex() + '"';
    // Other bytes under this name come whole, and are not read: they may be long.
    auto response = get("/parcels/" + parcel.name, range, tag, count);
    if (!response && response.error().code() == Code::too_large)
      return fail(Code::not_found, parcel.name + " has been replaced on the server");
    if (!response) return fail(std::move(response).error(), parcel.name);
    const bool is_whole = response->result() == http::status::ok && count == parcel.bytes;
    if (response->result() == http::status::not_found || (*response)[http::field::etag] != tag)
      return fail(Code::not_found, parcel.name + " is not on the server any more");
    if ((response->result() != http::status::partial_content && !is_whole) || response->body().size() != count)
      return refused(*response);
    const ByteSpan body = as_bytes(response->body());
    return Bytes(body.begin(), body.end());
  }

  std::size_t best_read_bytes() const override { return 16 * 1024; }

  Result<ReportReceipt> bring(ByteSpan report) override {
    Request request(http::verb::post, "/reports", 11);
    request.set(http::field::content_type, "application/cose");
    request.body().assign(report.begin(), report.end());
    request.prepare_payload();
    MOTE_TRY(const Response response, send(std::move(request), kMaxReceiptBytes));
    if (response.result() == http::status::not_found || response.result() == http::status::method_not_allowed)
      return fail(Code::not_found, host_ + " takes no reports");
    return receipt_from_json(response.body());
  }

 private:
  static tl::unexpected<mote::Error> refused(const Response& response) {
    return fail(response.result() == http::status::not_found ? Code::not_found : Code::malformed,
                "the server answers " + std::to_string(response.result_int()));
  }

  Result<Response> get(const std::string& target, const std::string& range, const std::string& tag,
                       std::size_t most_bytes) {
    Request request(http::verb::get, target, 11);
    if (!range.empty()) {
      request.set(http::field::range, range);
      request.set(http::field::if_range, tag);
    }
    return send(std::move(request), most_bytes);
  }

  Result<Response> send(Request request, std::size_t most_bytes) {
    request.set(http::field::host, host_);
    // A connection that was kept may have been closed meanwhile: once more with a new one.
    const bool was_open = stream_ != nullptr;
    auto response = exchange(request, most_bytes);
    if (!response && was_open && response.error().code() == Code::io) response = exchange(request, most_bytes);
    return response;
  }

  Result<Response> exchange(const Request& request, std::size_t most_bytes) {
    Result<Response> result = fail(Code::io, "no answer from " + host_);
    context_.restart();
    asio::co_spawn(
        context_, [&]() -> asio::awaitable<void> { result = co_await talk(request, most_bytes); },
        [](std::exception_ptr) {});
    context_.run();
    if (!result || !result->keep_alive()) stream_ = nullptr;
    return result;
  }

  asio::awaitable<Result<Response>> talk(const Request& request, std::size_t most_bytes) {
    if (!stream_) {
      const auto connected = co_await connect();
      if (connected) co_return fail(Code::io, host_ + ":" + port_ + ": " + connected.message());
    }
    beast::tcp_stream& below = stream_->next_layer();
    http::response_parser<http::string_body> parser;
    parser.body_limit(most_bytes);
    below.expires_after(options_.timeout);
    const Error error = tls_ ? co_await ask(*stream_, request, parser) : co_await ask(below, request, parser);
    if (error == http::error::body_limit) co_return fail(Code::too_large, "the answer is longer than what was asked");
    if (error) co_return fail(Code::io, host_ + ":" + port_ + ": " + error.message());
    co_return parser.release();
  }

  template <class Stream, class Parser>
  asio::awaitable<Error> ask(Stream& stream, const Request& request, Parser& parser) {
    const auto [not_sent, sent] = co_await http::async_write(stream, request, kToResult);
    if (not_sent) co_return not_sent;
    const auto [error, received] = co_await http::async_read(stream, buffer_, parser, kToResult);
    co_return error;
  }

  asio::awaitable<Error> connect() {
    tcp::resolver resolver(context_);
    const auto [unknown, addresses] = co_await resolver.async_resolve(host_, port_, kToResult);
    if (unknown) co_return unknown;
    buffer_.clear();
    stream_ = std::make_unique<Stream>(beast::tcp_stream(context_), tls_ ? *tls_ : plain_);
    beast::tcp_stream& below = stream_->next_layer();
    below.expires_after(options_.timeout);
    const auto [refused, endpoint] = co_await below.async_connect(addresses, kToResult);
    if (refused || !tls_) co_return refused;
    SSL_set_tlsext_host_name(stream_->native_handle(), host_.c_str());
    stream_->set_verify_callback(asio::ssl::host_name_verification(host_));
    const auto [untrusted] = co_await stream_->async_handshake(asio::ssl::stream_base::client, kToResult);
    co_return untrusted;
  }

  using Stream = beast::ssl_stream<beast::tcp_stream>;  // of which plain HTTP uses what is below

  std::string host_, port_;
  HttpClientOptions options_;
  asio::io_context context_{1};
  std::optional<asio::ssl::context> tls_;
  asio::ssl::context plain_{asio::ssl::context::tls_client};
  std::unique_ptr<Stream> stream_;
  beast::flat_buffer buffer_;
};

Result<std::unique_ptr<HttpClient>> client_of(std::string_view url, const HttpClientOptions& options) {
  const bool secure = url.starts_with("https://");
  if (!secure && !url.starts_with("http://"))
    return fail(Code::invalid_argument, std::string(url) + " is not http://host:port or https://host:port");
  std::string_view rest = url.substr(url.find("//") + 2);
  while (rest.ends_with('/')) rest.remove_suffix(1);
  const std::size_t colon = rest.rfind(':');
  std::string host(rest.substr(0, colon));
  std::string port(colon == std::string_view::npos ? (secure ? "443" : "80") : rest.substr(colon + 1));
  if (host.empty() || port.empty() || rest.find('/') != std::string_view::npos)
    return fail(Code::invalid_argument, std::string(url) + " is not http://host:port or https://host:port");
  auto client = std::make_unique<HttpClient>(std::move(host), std::move(port), secure, options);
  MOTE_TRY_VOID(client->load_trust());
  return client;
}

}  // namespace

Result<std::unique_ptr<RemoteParcels>> http_parcels(std::string_view url, const HttpClientOptions& options) {
  MOTE_TRY(auto client, client_of(url, options));
  return client;
}

Result<std::unique_ptr<RemoteReports>> http_reports(std::string_view url, const HttpClientOptions& options) {
  MOTE_TRY(auto client, client_of(url, options));
  return client;
}

}  // namespace mote::fleet
