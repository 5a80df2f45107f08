#include "mote/fleet/http_server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>
#include <thread>

#include "mote/fleet/remote_reports.hpp"
#include "test_parcels.hpp"
#include "test_reports.hpp"

namespace mote::fleet {
namespace {

using namespace std::chrono_literals;

/// A TCP connection that says what it likes.
class Wire {
 public:
  Wire() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {}
  explicit Wire(std::uint16_t port) : Wire() { connect(port); }
  void connect(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Wire() { ::close(socket_); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  void say(std::string_view text) { static_cast<void>(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL)); }
  void say(const Bytes& bytes) { static_cast<void>(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL)); }
  /// Until the server closes, or says nothing for so long.
  std::string hear(std::chrono::milliseconds timeout = 2000ms) {
    std::string all;
    closed_ = false;
    for (pollfd waiting{socket_, POLLIN, 0}; ::poll(&waiting, 1, static_cast<int>(timeout.count())) > 0;) {
      char piece[4096];
      const ssize_t count = ::recv(socket_, piece, sizeof(piece), 0);
      closed_ = count <= 0;
      if (closed_) break;
      all.append(piece, static_cast<std::size_t>(count));
    }
    return all;
  }
  [[nodiscard]] bool was_closed() const { return closed_; }

 private:
  int socket_;
  bool closed_ = false;
};

class Http : public testing::Test {
 protected:
  void start(HttpServerOptions options = {}) {
    options.address = "127.0.0.1";
    auto started = HttpServer::start(*folder.parcels, options);
    ASSERT_TRUE(started) << started.error().message();
    server = *std::move(started);
  }
  [[nodiscard]] std::string url(const char* scheme = "http") const {
    return std::string(scheme) + "://127.0.0.1:" + std::to_string(server->port());
  }
  /// One request on a connection of its own.
  std::string ask(const std::string& head) {
    Wire wire(server->port());
    wire.say(head + "\r\nHost: x\r\nConnection: close\r\n\r\n");
    return wire.hear();
  }
  static std::string body(const std::string& response) { return response.substr(response.find("\r\n\r\n") + 4); }
  static bool has(const std::string& response, std::string_view text) {
    return response.substr(0, response.find("\r\n\r\n") + 2).find(text) != std::string::npos;
  }

  TestFolder folder;
  std::unique_ptr<HttpServer> server;
};

TEST_F(Http, ranges_conditions_and_head_are_answered_as_the_rfc_says) {
  const Bytes bytes = folder.add("p", random_bytes(1000, 1));
  const std::string content(bytes.begin(), bytes.end()), tag = '"' + sha256(bytes).hex() + '"';
  start();
  std::string answer = ask("GET /parcels/p HTTP/1.1");
  EXPECT_TRUE(has(answer, "HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(has(answer, "ETag: " + tag + "\r\n"));
  EXPECT_TRUE(has(answer, "Accept-Ranges: bytes\r\n"));
  EXPECT_TRUE(has(answer, "Content-Length: 1000\r\n"));
  EXPECT_EQ(body(answer), content);
  answer = ask("HEAD /parcels/p HTTP/1.1");
  EXPECT_TRUE(has(answer, "200 OK\r\n"));
  EXPECT_TRUE(has(answer, "Content-Length: 1000\r\n"));
  EXPECT_EQ(body(answer), "");
  answer = ask("GET /parcels/p HTTP/1.1\r\nRange: bytes=10-19");
  EXPECT_TRUE(has(answer, "206 Partial Content\r\n"));
  EXPECT_TRUE(has(answer, "Content-Range: bytes 10-19/1000\r\n"));
  EXPECT_TRUE(has(answer, "Content-Length: 10\r\n"));
  EXPECT_EQ(body(answer), content.substr(10, 10));
  answer = ask("GET /parcels/p HTTP/1.1\r\nRange: bytes=-1");
  EXPECT_EQ(body(answer), content.substr(999));
  answer = ask("GET /parcels/p HTTP/1.1\r\nRange: bytes=1000-");
  EXPECT_TRUE(has(answer, "416 Range Not Satisfiable\r\n"));
  EXPECT_TRUE(has(answer, "Content-Range: bytes */1000\r\n"));
  EXPECT_EQ(body(answer), "");
  answer = ask("GET /parcels/p HTTP/1.1\r\nRange: bytes=10-19\r\nIf-Range: " + tag);
  EXPECT_TRUE(has(answer, "206 "));
  for (const std::string& condition :
       {std::string("\"other\""), "W/" + tag, std::string("Wed, 21 Oct 2015 07:28:00 GMT")}) {
    answer = ask("GET /parcels/p HTTP/1.1\r\nRange: bytes=10-19\r\nIf-Range: " + condition);
    EXPECT_TRUE(has(answer, "200 OK\r\n")) << condition;
    EXPECT_EQ(body(answer), content);
  }
  answer = ask("GET /parcels/p HTTP/1.1\r\nIf-None-Match: \"x\", " + tag);
  EXPECT_TRUE(has(answer, "304 Not Modified\r\n"));
  EXPECT_EQ(body(answer), "");
  EXPECT_TRUE(has(ask("GET /parcels/p HTTP/1.0"), "200 OK\r\n"));
}

TEST_F(Http, refuses_what_is_not_there_or_not_allowed) {
  folder.add("p", random_bytes(10, 1));
  start();
  for (const char* target :
       {"/", "/parcels/", "/parcels/q", "/parcels/../p", "/parcels/%70", "/parcels/p/", "/parcelsp", "*"})
    EXPECT_TRUE(has(ask(std::string("GET ") + target + " HTTP/1.1"), "404 Not Found\r\n")) << target;
  EXPECT_TRUE(has(ask("DELETE /parcels/p HTTP/1.1"), "405 Method Not Allowed\r\n"));
  EXPECT_TRUE(has(ask("DELETE /parcels/p HTTP/1.1"), "Allow: GET, HEAD\r\n"));
  EXPECT_TRUE(has(ask("GET /parcels?vendor=1 HTTP/1.1"), "400 Bad Request\r\n"));
  EXPECT_TRUE(has(ask("GET /parcels HTTP/9.9"), "400 Bad Request\r\n"));
  EXPECT_TRUE(has(ask("GET /parcels HTTP/1.1\r\nX: " + std::string(9000, 'x')), "400 Bad Request\r\n"));
  EXPECT_TRUE(has(ask("GET /parcels HTTP/1.1\r\nContent-Length: 5"), "400 Bad Request\r\n"));
}

TEST_F(Http, takes_reports_and_is_bounded_in_what_it_reads_of_them) {
  TestReports place;
  HttpServerOptions options;
  options.reports = place.reports.get();
  options.request_timeout = 150ms;
  start(options);
  const auto post = [&](const Bytes& body, const std::string& target = "/reports") {
    Wire wire(server->port());
    wire.say("POST " + target + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: " +
             std::to_string(body.size()) + "\r\n\r\n");
    wire.say(body);
    return wire.hear();
  };
  const Bytes report = report_of(1, 7);
  std::string answer = post(report);
  EXPECT_TRUE(has(answer, "201 Created\r\n"));
  EXPECT_EQ(body(answer), "{\"status\":\"ok\",\"new\":true}\n");
  answer = post(report);
  EXPECT_TRUE(has(answer, "200 OK\r\n"));
  EXPECT_EQ(body(answer), "{\"status\":\"ok\",\"new\":false}\n");
  EXPECT_TRUE(has(post(report_of(1, 8, 2)), "403 Forbidden\r\n"));
  EXPECT_TRUE(has(post(report_of(9, 8)), "403 Forbidden\r\n"));
  EXPECT_TRUE(has(post(Bytes(20, 1)), "400 Bad Request\r\n"));
  EXPECT_TRUE(has(post({}), "405 Method Not Allowed\r\n"));
  EXPECT_TRUE(has(post(Bytes(225)), "413 Payload Too Large\r\n"));
  EXPECT_TRUE(has(post(Bytes(100'000)), "413 Payload Too Large\r\n"));
  EXPECT_TRUE(has(post(report, "/parcels"), "400 Bad Request\r\n"));
  EXPECT_TRUE(has(ask("GET /reports HTTP/1.1"), "404 Not Found\r\n")) << "nobody reads them here";

  Wire endless(server->port());
  endless.say("POST /reports HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 8; ++i) endless.say("40\r\n" + std::string(64, 'x') + "\r\n");
  EXPECT_TRUE(has(endless.hear(), "413 Payload Too Large\r\n"));
  Wire slow(server->port());
  slow.say("POST /reports HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx");
  EXPECT_EQ(slow.hear(), "");
  EXPECT_TRUE(slow.was_closed());

  const auto office = http_reports(url()).value();
  EXPECT_TRUE(office->bring(report_of(2, 1)).value().is_new);
  EXPECT_EQ(office->bring(report_of(2, 2, 1)).value().status, update::Status::bad_signature);
  EXPECT_FALSE(office->bring(report_of(2, 1)).value().is_new) << "over one connection";
  EXPECT_EQ(place.reports->devices().size(), 2u);
}

TEST_F(Http, a_server_without_a_place_for_reports_takes_none) {
  start();
  EXPECT_TRUE(has(ask("POST /reports HTTP/1.1\r\nContent-Length: 1"), "404 Not Found\r\n"));
  const auto brought = http_reports(url()).value()->bring(report_of(1, 1));
  ASSERT_FALSE(brought);
  EXPECT_NE(brought.error().message().find("takes no reports"), std::string::npos) << brought.error().message();
}

TEST_F(Http, a_connection_carries_many_requests_even_at_once) {
  folder.add("p", Bytes(3, 'a'));
  HttpServerOptions options;
  options.most_requests = 3;
  start(options);
  Wire wire(server->port());
  const std::string request = "GET /parcels/p HTTP/1.1\r\nHost: x\r\n\r\n";
  wire.say(request + request + request + request);
  const std::string answers = wire.hear();
  std::size_t count = 0;
  for (std::size_t at = answers.find("200 OK"); at != std::string::npos; at = answers.find("200 OK", at + 1)) ++count;
  EXPECT_EQ(count, 3u);
  EXPECT_TRUE(wire.was_closed());
}

TEST_F(Http, garbage_and_slow_clients_cost_nothing_but_their_connection) {
  folder.add("p", Bytes(3, 'a'));
  HttpServerOptions options;
  options.request_timeout = 150ms;
  options.most_connections = 40;
  start(options);
  Rng rng(1);
  for (int i = 0; i < 60; ++i) {
    Wire wire(server->port());
    Bytes noise = random_bytes(rng.below(400), mix(2, static_cast<std::uint64_t>(i)));
    if (i % 2 == 0) {
      const std::string valid = "GET /parcels/p HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\n\r\n";
      noise.assign(valid.begin(), valid.end());
      for (std::uint64_t changes = 1 + rng.below(4); changes != 0; --changes)
        noise[rng.below(noise.size())] = static_cast<std::uint8_t>(rng.below(256));
    }
    wire.say(noise);
    if (i % 3 == 0) static_cast<void>(wire.hear(20ms));
  }
  std::vector<std::unique_ptr<Wire>> slow;
  for (int i = 0; i < 30; ++i) {
    slow.push_back(std::make_unique<Wire>(server->port()));
    slow.back()->say("GET /parcels/p HT");
  }
  EXPECT_TRUE(has(ask("GET /parcels/p HTTP/1.1"), "200 OK\r\n")) << "beside the slow ones";
  for (auto& wire : slow) {
    wire->hear();
    EXPECT_TRUE(wire->was_closed());
  }
  EXPECT_TRUE(has(ask("GET /parcels/p HTTP/1.1"), "200 OK\r\n"));
}

TEST_F(Http, more_connections_than_allowed_are_closed) {
  HttpServerOptions options;
  options.most_connections = 2;
  start(options);
  Wire first(server->port()), second(server->port());
  first.say("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
  second.say("GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_TRUE(has(first.hear(40ms), "404"));
  EXPECT_TRUE(has(second.hear(40ms), "404"));
  Wire third(server->port());
  EXPECT_EQ(third.hear(), "");
  EXPECT_TRUE(third.was_closed());
}

TEST_F(Http, a_reader_that_stops_reading_is_let_go) {
  folder.add("big", Bytes(8u << 20, 'a'));
  HttpServerOptions options;
  options.write_timeout = 50ms;
  options.most_connections = 1;
  start(options);
  Wire wire(server->port());
  wire.say("GET /parcels/big HTTP/1.1\r\nHost: x\r\n\r\n");
  std::string answer;
  for (int i = 0; i < 50 && answer.empty(); ++i) {
    ::usleep(10'000);
    answer = ask("HEAD /parcels/big HTTP/1.1");
  }
  EXPECT_TRUE(has(answer, "200 OK\r\n")) << "its place is free again";
}

TEST_F(Http, the_client_reads_lists_and_ranges_and_notices_another_parcel) {
  const Bytes bytes = folder.add("p", random_bytes(5000, 1));
  folder.add("v1", bundle(bundle_options(1)));
  start();
  auto client = http_parcels(url());
  ASSERT_TRUE(client) << client.error().message();
  const auto list = (*client)->list({});
  ASSERT_TRUE(list) << list.error().message();
  ASSERT_EQ(list->size(), 1u);
  EXPECT_EQ((*list)[0].name, "v1");
  const ListedParcel parcel = folder.listed("p");
  for (const auto& [offset, count] : {std::pair{0u, 1u}, {0u, 5000u}, {4999u, 1u}, {1234u, 999u}}) {
    const auto part = (*client)->read(parcel, offset, count);
    ASSERT_TRUE(part) << part.error().message();
    EXPECT_TRUE(std::equal(part->begin(), part->end(), bytes.begin() + offset)) << offset;
    EXPECT_EQ(part->size(), count);
  }
  for (const std::size_t size : {5000u, 100u, 50000u}) {
    folder.add("p", random_bytes(size, 9));
    const auto part = (*client)->read(parcel, 10, 100);
    ASSERT_FALSE(part);
    EXPECT_EQ(part.error().code(), Code::not_found) << part.error().message();
  }
  std::filesystem::remove(folder.path() / "p");
  EXPECT_EQ((*client)->read(parcel, 10, 100).error().code(), Code::not_found);
  server = nullptr;
  EXPECT_EQ((*client)->read(parcel, 10, 100).error().code(), Code::io);
  for (const char* bad : {"", "ftp://x", "http://", "http://x:1/y"}) EXPECT_FALSE(http_parcels(bad)) << bad;
}

/// A certificate for 127.0.0.1 that signs itself, and its key.
TlsFiles make_certificate(const std::filesystem::path& folder) {
  TlsFiles files{folder / "cert.pem", folder / "key.pem"};
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(certificate, key, EVP_sha256());
  FILE* file = std::fopen(files.certificate.c_str(), "w");
  PEM_write_X509(file, certificate);
  std::fclose(file);
  file = std::fopen(files.key.c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return files;
}

TEST_F(Http, tls_carries_the_same_and_a_client_trusts_only_what_it_should) {
  const auto secrets = TemporaryFolder::create("tls").value();
  const Bytes bytes = folder.add("p", random_bytes(40000, 1));
  HttpServerOptions options;
  options.tls = make_certificate(secrets.path());
  options.request_timeout = 1000ms;
  start(options);
  const auto trusting = http_parcels(url("https"), {5000ms, options.tls->certificate}).value();
  const auto part = trusting->read(folder.listed("p"), 100, 30000);
  ASSERT_TRUE(part) << part.error().message();
  EXPECT_TRUE(std::equal(part->begin(), part->end(), bytes.begin() + 100));
  const auto distrusting = http_parcels(url("https")).value();
  EXPECT_FALSE(distrusting->read(folder.listed("p"), 100, 100));
  Wire wire(server->port());
  wire.say("GET /parcels/p HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(wire.hear().find("200 OK"), std::string::npos) << "in the clear";
  EXPECT_TRUE(trusting->read(folder.listed("p"), 0, 10));
}

TEST_F(Http, says_why_it_cannot_start) {
  start();
  HttpServerOptions options;
  options.address = "127.0.0.1";
  options.port = server->port();
  EXPECT_EQ(HttpServer::start(*folder.parcels, options).error().code(), Code::io);
  options.address = "nowhere";
  EXPECT_EQ(HttpServer::start(*folder.parcels, options).error().code(), Code::invalid_argument);
  options.address = "127.0.0.1";
  options.port = 0;
  options.tls = TlsFiles{folder.path() / "none", folder.path() / "none"};
  EXPECT_EQ(HttpServer::start(*folder.parcels, options).error().code(), Code::malformed);
}

TEST_F(Http, waits_when_no_descriptors_are_left_and_serves_when_there_are) {
  start();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  Wire wire;
  const int next = ::dup(0);  // the lowest that is free: all below are taken
  ASSERT_GE(next, 0);
  ::close(next);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(next);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  wire.connect(server->port());
  const std::clock_t began = std::clock();
  std::this_thread::sleep_for(400ms);
  const double used = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_LT(used, 0.02) << "of processor time: it asks again and again";
  wire.say("GET /parcels HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(wire.hear().starts_with("HTTP/1.1 200")) << "who waited is served";
}

}  // namespace
}  // namespace mote::fleet
