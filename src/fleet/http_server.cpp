// One of the two files that see Boost.Beast.
#include "mote/fleet/http_server.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <thread>

#include "mote/fleet/http_range.hpp"
#include "mote/fleet/remote_reports.hpp"
#include "update/report.hpp"

namespace mote::fleet {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr auto kToResult = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t kMaxHeaderBytes = 8192;
constexpr std::size_t kPieceBytes = 16 * 1024;
constexpr std::chrono::milliseconds kAcceptPause{100};
constexpr std::string_view kParcels = "/parcels", kReports = "/reports";

using Request = http::request<http::empty_body>;
using Header = http::response<http::empty_body>;

/// An answer before it is sent: header, and which bytes of what.
struct Answer {
  Header header;
  std::shared_ptr<const StoredParcel> parcel;  // keeps `body` alive, or
  std::string text;                            // this is the body
  ByteSpan body;
};

Answer text_answer(http::status status, std::string type, std::string text) {
  Answer answer;
  answer.header.result(status);
  answer.header.set(http::field::content_type, type);
  answer.text = std::move(text);
  answer.header.content_length(answer.text.size());
  return answer;
}

Answer refuse(http::status status, std::string sentence) {
  return text_answer(status, "text/plain; charset=utf-8", std::move(sentence) + "\n");
}

/// Whether a list of entity tags, or "*", has this one. Weak tags are never the same bytes.
bool names_tag(std::string_view list, std::string_view tag) {
  if (list == "*") return true;
  for (std::size_t at = list.find(tag); at != std::string_view::npos; at = list.find(tag, at + 1)) {
    if (at < 2 || list.substr(at - 2, 2) != "W/") return true;
  }
  return false;
}

Answer parcel_answer(const Request& request, std::shared_ptr<const StoredParcel> parcel) {
  const std::string tag = '"' + parcel->digest.hex() + '"';
  const ByteSpan bytes = parcel->bytes;
  Answer answer;
  answer.parcel = std::move(parcel);
  answer.header.set(http::field::etag, tag);
  answer.header.set(http::field::accept_ranges, "bytes");
  answer.header.set(http::field::cache_control, "no-transform");
  if (names_tag(request[http::field::if_none_match], tag)) {
    answer.header.result(http::status::not_modified);
    return answer;
  }
  RangeAnswer range;
  const auto wanted = request.find(http::field::range);
  const auto condition = request.find(http::field::if_range);
  // If-Range with a date cannot hold: no Last-Modified is sent.
  if (wanted != request.end() && (condition == request.end() || condition->value() == tag))
    range = parse_range(wanted->value(), bytes.size());
  const std::string of_size = "/" + std::to_string(bytes.size());
  switch (range.kind) {
    case RangeAnswer::Kind::whole:
      answer.header.result(http::status::ok);
      answer.body = bytes;
      break;
    case RangeAnswer::Kind::part:
      answer.header.result(http::status::partial_content);
      answer.header.set(http::field::content_range,
                        "bytes " + std::to_string(range.first) + "-" + std::to_string(range.last) + of_size);
      answer.body = bytes.subspan(range.first, range.last - range.first + 1);
      break;
    case RangeAnswer::Kind::unsatisfiable:
      answer.header.result(http::status::range_not_satisfiable);
      answer.header.set(http::field::content_range, "bytes *" + of_size);
      break;
  }
  answer.header.set(http::field::content_type, "application/cbor-seq");
  answer.header.content_length(answer.body.size());
  return answer;
}

Answer answer_to(const Request& request, ParcelFolder& folder) {
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    Answer answer = refuse(http::status::method_not_allowed, "only GET and HEAD");
    answer.header.set(http::field::allow, "GET, HEAD");
    return answer;
  }
  std::string_view target = request.target();
  const std::size_t question = target.find('?');
  const std::string_view query = question == std::string_view::npos ? "" : target.substr(question + 1);
  target = target.substr(0, question);
  if (target == kParcels) {
    const auto parsed = parse_query(query);
    if (!parsed) return refuse(http::status::bad_request, parsed.error().message());
    return text_answer(http::status::ok, "application/json", to_json(folder.list(*parsed)));
  }
  if (target.starts_with(kParcels) && target.substr(kParcels.size()).starts_with('/')) {
    if (auto parcel = folder.find(target.substr(kParcels.size() + 1))) return parcel_answer(request, std::move(parcel));
  }
  return refuse(http::status::not_found, "no such parcel");
}

Answer too_long() { return refuse(http::status::payload_too_large, "no report is as long as this"); }

http::status http_status(const ReportReceipt& receipt) {
  switch (receipt.status) {
    case update::Status::ok:
      return receipt.is_new ? http::status::created : http::status::ok;
    case update::Status::unknown_key:
    case update::Status::bad_signature:
      return http::status::forbidden;
    case update::Status::store_full:
      return http::status::insufficient_storage;
    default:
      return http::status::bad_request;
  }
}

Answer answer_to_report(ByteSpan report, ReportFolder& reports) {
  const auto receipt = reports.take(report);
  if (!receipt) return refuse(http::status::internal_server_error, "the report could not be kept; bring it again");
  return text_answer(http_status(*receipt), "application/json", to_json(*receipt));
}

class Server : public HttpServer {
 public:
  Server(ParcelFolder& folder, const HttpServerOptions& options) : folder_(folder), options_(options) {}
  ~Server() override {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }
  std::uint16_t port() const override { return acceptor_.local_endpoint().port(); }

  Result<void> listen() {
    boost::system::error_code error;
    if (options_.tls) MOTE_TRY_VOID(load_tls());
    const auto address = asio::ip::make_address(options_.address, error);
    if (error) return fail(Code::invalid_argument, options_.address + " is no address of this machine");
    const tcp::endpoint endpoint(address, options_.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) return fail(Code::io, options_.address + ":" + std::to_string(options_.port) + ": " + error.message());
    asio::co_spawn(context_, accept(), asio::detached);
    thread_ = std::thread([this] {
      // A conversation that throws (memory ran out) ends; the others go on.
      for (bool ended = false; !ended;) {
        try {
          context_.run();
          ended = true;
        } catch (const std::exception&) {
        }
      }
    });
    return {};
  }

 private:
  Result<void> load_tls() {
    boost::system::error_code error;
    tls_.emplace(asio::ssl::context::tls_server);
    tls_->set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1, error);
    if (!error) tls_->use_certificate_chain_file(options_.tls->certificate.string(), error);
    if (error) return fail(Code::malformed, options_.tls->certificate.string() + ": " + error.message());
    tls_->use_private_key_file(options_.tls->key.string(), asio::ssl::context::pem, error);
    if (error) return fail(Code::malformed, options_.tls->key.string() + ": " + error.message());
    return {};
  }

  asio::awaitable<void> accept() {
    for (;;) {
      auto [error, socket] = co_await acceptor_.async_accept(kToResult);
      if (error == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
      if (error) {
        // Most likely no descriptors are left. Who waits is still there: asking again at once would never end.
        asio::steady_timer pause(context_, kAcceptPause);
        static_cast<void>(co_await pause.async_wait(kToResult));
        continue;
      }
      if (connections_ >= options_.most_connections) continue;  // the socket closes with its scope
      asio::co_spawn(context_, serve(std::move(socket)), asio::detached);
    }
  }

  asio::awaitable<void> serve(tcp::socket socket) {
    const Counted counted(connections_);
    if (!tls_) {
      beast::tcp_stream stream(std::move(socket));
      co_await converse(stream, stream);
      co_return;
    }
    beast::ssl_stream<beast::tcp_stream> stream(std::move(socket), *tls_);
    beast::tcp_stream& below = stream.next_layer();
    below.expires_after(options_.request_timeout);
    const auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, kToResult);
    if (!error) co_await converse(stream, below);
  }

  /// Requests one after the other. @param below  the TCP of `stream`, which has the clock.
  template <class Stream>
  asio::awaitable<void> converse(Stream& stream, beast::tcp_stream& below) {
    beast::flat_buffer buffer(2 * kMaxHeaderBytes);
    for (std::size_t i = 0; i < options_.most_requests; ++i) {
      http::request_parser<http::empty_body> parser;
      parser.header_limit(kMaxHeaderBytes);
      parser.body_limit(update::kMaxReportBytes);
      below.expires_after(options_.request_timeout);
      const auto [error, bytes] = co_await http::async_read_header(stream, buffer, parser, kToResult);
      const bool has_body = !error && !parser.is_done();
      const Request request = parser.get();
      const bool brings_report = has_body && options_.reports != nullptr && request.method() == http::verb::post &&
                                 request.target() == kReports;
      if (error || (has_body && !brings_report)) {
        if (has_body || is_malformed(error)) {
          const bool is_report = has_body && request.method() == http::verb::post && request.target() == kReports;
          Answer answer = error == http::error::body_limit ? too_long()
                          : is_report ? refuse(http::status::not_found, "this server takes no reports")
                                      : refuse(http::status::bad_request, "not a request that this server understands");
          answer.header.keep_alive(false);
          co_await send(stream, below, answer, false);
        }
        break;
      }
      Answer answer;
      if (brings_report) {
        http::request_parser<http::string_body> whole(std::move(parser));
        whole.body_limit(update::kMaxReportBytes);
        const auto [broken, more] = co_await http::async_read(stream, buffer, whole, kToResult);
        if (broken == http::error::body_limit) {
          answer = too_long();
          answer.header.keep_alive(false);
          co_await send(stream, below, answer, false);
        }
        if (broken) break;
        answer = answer_to_report(as_bytes(whole.get().body()), *options_.reports);
      } else {
        answer = answer_to(request, folder_);
      }
      answer.header.version(request.version());
      const bool goes_on = request.keep_alive() && i + 1 < options_.most_requests;
      answer.header.keep_alive(goes_on);
      if (!co_await send(stream, below, answer, request.method() == http::verb::head) || !goes_on) break;
    }
    boost::system::error_code ignored;
    below.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  /// What an HTTP parser says of bytes, as opposed to what the network says.
  static bool is_malformed(const boost::system::error_code& error) {
    return error.category() == http::make_error_code(http::error::bad_method).category() &&
           error != http::error::end_of_stream && error != http::error::partial_message;
  }

  /// @return whether it was sent to its end.
  template <class Stream>
  asio::awaitable<bool> send(Stream& stream, beast::tcp_stream& below, Answer& answer, bool header_only) {
    answer.header.set(http::field::server, "mote");
    http::response_serializer<http::empty_body> serializer(answer.header);
    below.expires_after(options_.write_timeout);
    const auto [error, sent] = co_await http::async_write_header(stream, serializer, kToResult);
    // A serializer of an empty body says that it is at its end by this.
    if (error && error != http::error::end_of_stream) co_return false;
    ByteSpan body = answer.parcel ? answer.body : as_bytes(answer.text);
    if (header_only) co_return true;
    while (!body.empty()) {
      const ByteSpan piece = body.subspan(0, std::min(body.size(), kPieceBytes));
      below.expires_after(options_.write_timeout);
      const auto [broken, written] =
          co_await asio::async_write(stream, asio::buffer(piece.data(), piece.size()), kToResult);
      if (broken) co_return false;
      body = body.subspan(written);
    }
    co_return true;
  }

  struct Counted {
    explicit Counted(std::size_t& count) : count_(count) { ++count_; }
    ~Counted() { --count_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    std::size_t& count_;
  };

  ParcelFolder& folder_;
  HttpServerOptions options_;
  std::optional<asio::ssl::context> tls_;
  std::size_t connections_ = 0;  // of the one thread
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(ParcelFolder& folder, const HttpServerOptions& options) {
  auto server = std::make_unique<Server>(folder, options);
  MOTE_TRY_VOID(server->listen());
  return server;
}

}  // namespace mote::fleet
