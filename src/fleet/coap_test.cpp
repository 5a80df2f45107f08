#include "mote/fleet/coap_server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "coap_common.hpp"
#include "mote/fleet/remote_parcels.hpp"
#include "mote/fleet/remote_reports.hpp"
#include "test_parcels.hpp"
#include "test_reports.hpp"

namespace mote::fleet {
namespace {

using namespace std::chrono_literals;

class Coap : public testing::Test {
 protected:
  Coap() : server(CoapServer::start(*folder.parcels, {"127.0.0.1", 0, 16}).value()) {}
  [[nodiscard]] std::string url() const { return "coap://127.0.0.1:" + std::to_string(server->port()); }

  /// One datagram, and what comes back.
  Bytes exchange(const Bytes& datagram, int timeout_ms = 1000) const {
    const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::sendto(socket, datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    Bytes answer(2000);
    pollfd waiting{socket, POLLIN, 0};
    const ssize_t count = ::poll(&waiting, 1, timeout_ms) > 0 ? ::recv(socket, answer.data(), answer.size(), 0) : 0;
    answer.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    ::close(socket);
    return answer;
  }

  TestFolder folder;
  std::unique_ptr<CoapServer> server;
};

/// A GET by RFC 7252: confirmable, no token, Uri-Path "parcels", "p", then Block2.
Bytes get_block(std::uint8_t block_byte) {
  Bytes datagram{0x40, 0x01, 0x12, 0x34, 0xb7, 'p', 'a', 'r', 'c', 'e', 'l', 's', 0x01, 'p'};
  datagram.push_back(0xc1);  // 23 - 11, one byte
  datagram.push_back(block_byte);
  return datagram;
}

TEST_F(Coap, a_block_has_the_rfcs_bytes) {
  const Bytes bytes = folder.add("p", random_bytes(100, 1));
  const Bytes answer = exchange(get_block(0x20 | 1));  // number 2 of blocks of 32
  const Digest digest = sha256(bytes);
  Bytes expected{0x60, 0x45, 0x12, 0x34, 0x48};  // ACK, 2.05, ETag of 8 bytes
  expected.insert(expected.end(), digest.bytes.begin(), digest.bytes.begin() + 8);
  expected.insert(expected.end(), {0x81, 63, 0xb1, 0x29, 0x51, 100, 0xff});  // Content-Format, Block2 2/1/32, Size2
  expected.insert(expected.end(), bytes.begin() + 64, bytes.begin() + 96);
  EXPECT_EQ(to_hex(answer), to_hex(expected));
}

TEST_F(Coap, blocks_behind_the_end_and_of_no_size_are_bad_options) {
  folder.add("p", random_bytes(100, 1));
  EXPECT_EQ(exchange(get_block(0x30 | 1)).at(1), 0x45) << "the last one, of 4 bytes";
  EXPECT_EQ(exchange(get_block(0x40 | 1)).at(1), 0x82);
  EXPECT_EQ(exchange(get_block(0x07)).at(1), 0x82);
  Bytes other = get_block(0x01);
  other[13] = 'q';
  EXPECT_EQ(exchange(other).at(1), 0x84) << "4.04";
  Bytes put = get_block(0x01);
  put[1] = 0x03;
  EXPECT_EQ(exchange(put).at(1) >> 5, 4);
}

TEST_F(Coap, the_client_reads_any_bytes_in_blocks_of_any_size) {
  const Bytes bytes = folder.add("p", random_bytes(5000, 1));
  const ListedParcel parcel = folder.listed("p");
  for (unsigned exponent = 0; exponent <= 6; exponent += 2) {
    CoapClientOptions options;
    options.block_exponent = exponent;
    const auto client = coap_parcels(url(), options).value();
    for (const auto& [offset, count] : {std::pair{0u, 1u}, {4999u, 1u}, {1234u, 999u}, {1024u, 1024u}}) {
      const auto part = client->read(parcel, offset, count);
      ASSERT_TRUE(part) << part.error().message();
      EXPECT_EQ(*part, Bytes(bytes.begin() + offset, bytes.begin() + offset + count)) << offset << " " << exponent;
    }
  }
}

TEST_F(Coap, lists_longer_than_a_block_come_whole) {
  for (int i = 0; i < 25; ++i)
    folder.add("parcel-number-" + std::to_string(i), bundle(bundle_options(static_cast<std::uint64_t>(i + 1))));
  const auto client = coap_parcels(url()).value();
  ParcelQuery query;
  query.vendor = bundle_options(1).vendor;
  query.klass = bundle_options(1).klass;
  query.sequence = 2;
  const auto list = client->list(query);
  ASSERT_TRUE(list) << list.error().message();
  ASSERT_EQ(list->size(), 23u);
  EXPECT_EQ((*list)[0].name, "parcel-number-24");
  EXPECT_EQ((*list)[0].digest, sha256(bundle(bundle_options(25))));
}

TEST_F(Coap, another_parcel_under_the_name_is_noticed) {
  folder.add("p", random_bytes(3000, 1));
  const ListedParcel parcel = folder.listed("p");
  const auto client = coap_parcels(url()).value();
  ASSERT_TRUE(client->read(parcel, 0, 100));
  folder.add("p", random_bytes(3000, 2));
  EXPECT_EQ(client->read(parcel, 100, 100).error().code(), Code::not_found);
  std::filesystem::remove(folder.path() / "p");
  EXPECT_EQ(client->read(parcel, 100, 100).error().code(), Code::not_found);
}

class CoapReportsTest : public Coap {
 protected:
  CoapReportsTest() {
    CoapServerOptions options{"127.0.0.1", 0, 16};
    options.reports = place.reports.get();
    server = CoapServer::start(*folder.parcels, options).value();
  }
  [[nodiscard]] std::unique_ptr<RemoteReports> office(unsigned exponent) const {
    CoapClientOptions options;
    options.block_exponent = exponent;
    return coap_reports(url(), options).value();
  }
  TestReports place;
};

/// A POST by RFC 7252: confirmable, no token, Uri-Path "reports", Block1 if any, payload.
Bytes post_block(ByteSpan data, std::optional<std::uint8_t> block_byte = std::nullopt) {
  Bytes datagram{0x40, 0x02, 0x12, 0x35, 0xb7, 'r', 'e', 'p', 'o', 'r', 't', 's'};
  if (block_byte) datagram.insert(datagram.end(), {0xd1, 27 - 11 - 13, *block_byte});
  if (!data.empty()) datagram.push_back(0xff);
  datagram.insert(datagram.end(), data.begin(), data.end());
  return datagram;
}

TEST_F(CoapReportsTest, a_report_in_one_block_or_several_is_kept_once) {
  std::uint32_t number = 0;
  for (const unsigned exponent : {0u, 2u, 3u, 4u, 6u}) {
    const Bytes report = report_of(1, ++number);
    const auto first = office(exponent)->bring(report);
    ASSERT_TRUE(first) << first.error().message();
    EXPECT_EQ(first->status, update::Status::ok);
    EXPECT_TRUE(first->is_new);
    const auto again = office(4)->bring(report);
    ASSERT_TRUE(again) << again.error().message();
    EXPECT_EQ(again->status, update::Status::ok);
    EXPECT_FALSE(again->is_new) << "a replay adds nothing";
  }
  const auto devices = place.reports->devices();
  ASSERT_EQ(devices.size(), 1u);
  EXPECT_EQ(devices[0].reports, number);
  EXPECT_EQ(devices[0].duplicates, 0u);
}

TEST_F(CoapReportsTest, what_is_not_authentic_is_refused_by_name) {
  for (const unsigned exponent : {2u, 6u}) {
    EXPECT_EQ(office(exponent)->bring(report_of(1, 8, 2))->status, update::Status::bad_signature);
    EXPECT_EQ(office(exponent)->bring(report_of(9, 8))->status, update::Status::unknown_key);
    EXPECT_EQ(office(exponent)->bring(Bytes(100, 1))->status, update::Status::malformed);
  }
  EXPECT_TRUE(place.reports->devices().empty());
  const Bytes forged = report_of(1, 8, 2);
  EXPECT_EQ(exchange(post_block(forged)).at(1), 0x83) << "4.03";
  EXPECT_EQ(exchange(post_block(Bytes(20, 1))).at(1), 0x80) << "4.00";
  EXPECT_EQ(exchange(post_block({})).at(1), 0x80);
}

TEST_F(CoapReportsTest, blocks_have_the_rfcs_answers) {
  const Bytes report = report_of(1, 7);
  ASSERT_GT(report.size(), 96u);
  ASSERT_LE(report.size(), 128u);
  const auto part = [&](std::size_t at) {
    return ByteSpan(report).subspan(at, std::min<std::size_t>(32, report.size() - at));
  };
  const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);  // blocks belong together by their sender's address
  const auto from_there = [&](const Bytes& datagram) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(server->port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::sendto(socket, datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
    Bytes answer(2000);
    pollfd waiting{socket, POLLIN, 0};
    const ssize_t count = ::poll(&waiting, 1, 2000) > 0 ? ::recv(socket, answer.data(), answer.size(), 0) : 0;
    answer.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return answer;
  };
  const Bytes first = post_block(part(0), std::uint8_t{0x00 | 8 | 1});
  // ACK, 2.31 Continue, Block1 0/1/32 as option 27 (13 + 14).
  EXPECT_EQ(to_hex(from_there(first)), "605f1235d10e09");
  EXPECT_EQ(from_there(post_block(part(64), std::uint8_t{0x20 | 8 | 1})).at(1), 0x88) << "4.08: one is missing between";
  const Bytes second = post_block(part(32), std::uint8_t{0x10 | 8 | 1});
  EXPECT_EQ(from_there(second).at(1), 0x5f);
  EXPECT_EQ(from_there(second).at(1), 0x5f) << "its answer was lost, and it comes again";
  Bytes other = second;
  other.back() ^= 1;
  EXPECT_EQ(from_there(other).at(1), 0x88) << "another report's";
  EXPECT_EQ(from_there(post_block(part(64), std::uint8_t{0x20 | 8 | 1})).at(1), 0x5f);
  const Bytes last = post_block(part(96), std::uint8_t{0x30 | 1});
  EXPECT_EQ(exchange(last).at(1), 0x88) << "another sender's";
  EXPECT_EQ(from_there(last).at(1), 0x41) << "2.01";
  EXPECT_EQ(from_there(last).at(1), 0x44) << "2.04: it is here already";
  EXPECT_EQ(from_there(post_block(part(0).first(31), std::uint8_t{0x00 | 8 | 1})).at(1), 0x80)
      << "a block that is not full";
  EXPECT_EQ(from_there(post_block(part(0), std::uint8_t{0x07})).at(1), 0x82) << "a block of no size";
  ::close(socket);
  EXPECT_EQ(place.reports->devices().size(), 1u);
}

TEST_F(CoapReportsTest, is_bounded_in_what_it_takes_and_remembers) {
  const Bytes answer = exchange(post_block(Bytes(225, 1)));
  EXPECT_EQ(to_hex(answer), "608d1235d12fe0") << "4.13, Size1 = 224";
  EXPECT_EQ(exchange(post_block(Bytes(256, 1), std::uint8_t{0x08 | 4})).at(1), 0x8d);
  EXPECT_EQ(exchange(post_block(Bytes(64, 1), std::uint8_t{0x80 | 8 | 2})).at(1), 0x8d) << "far behind the end";
  // Halves of more senders than it remembers: the others are served all the same.
  const Bytes report = report_of(1, 7);
  for (int i = 0; i < 70; ++i)
    EXPECT_EQ(exchange(post_block(ByteSpan(report).first(64), std::uint8_t{8 | 2})).at(1), 0x5f) << i;
  EXPECT_TRUE(office(2)->bring(report)->is_new);
}

TEST_F(CoapReportsTest, libcoaps_own_blocks_are_understood) {
  start_libcoap();
  coap_address_t address;
  ASSERT_TRUE(make_address("127.0.0.1", server->port(), address));
  coap_context_t* context = coap_new_context(nullptr);
  coap_context_set_block_mode(context, COAP_BLOCK_USE_LIBCOAP);
  coap_session_t* session = coap_new_client_session(context, nullptr, &address, COAP_PROTO_UDP);
  coap_session_set_mtu(session, 96);  // so that the library cuts the report into blocks
  static coap_pdu_code_t code;
  code = COAP_EMPTY_CODE;
  coap_register_response_handler(context, [](coap_session_t*, const coap_pdu_t*, const coap_pdu_t* pdu, coap_mid_t) {
    code = coap_pdu_get_code(pdu);
    return COAP_RESPONSE_OK;
  });
  coap_pdu_t* request = coap_new_pdu(COAP_MESSAGE_CON, COAP_REQUEST_CODE_POST, session);
  coap_add_option(request, COAP_OPTION_URI_PATH, 7, reinterpret_cast<const std::uint8_t*>("reports"));
  const Bytes report = report_of(3, 1);
  ASSERT_GT(report.size(), 96u);
  ASSERT_TRUE(coap_add_data_large_request(session, request, report.size(), report.data(), nullptr, nullptr));
  ASSERT_NE(coap_send(session, request), COAP_INVALID_MID);
  for (int i = 0; i < 100 && code == COAP_EMPTY_CODE; ++i) coap_io_process(context, 50);
  EXPECT_EQ(code, COAP_RESPONSE_CODE_CREATED);
  coap_session_release(session);
  coap_free_context(context);
  ASSERT_EQ(place.reports->devices().size(), 1u);
  EXPECT_EQ(place.reports->devices()[0].latest.device, device_id(3));
}

TEST_F(Coap, a_server_without_a_place_for_reports_takes_none) {
  const auto brought = coap_reports(url()).value()->bring(report_of(1, 1));
  ASSERT_FALSE(brought);
  EXPECT_EQ(brought.error().code(), Code::not_found);
  EXPECT_NE(brought.error().message().find("takes no reports"), std::string::npos) << brought.error().message();
}

TEST_F(Coap, survives_garbage) {
  folder.add("p", random_bytes(100, 1));
  Rng rng(1);
  for (std::uint64_t i = 0; i < 300; ++i) {
    Bytes datagram = i % 2 == 0 ? random_bytes(rng.below(60), i) : get_block(static_cast<std::uint8_t>(i));
    for (std::uint64_t changes = rng.below(4); changes != 0 && !datagram.empty(); --changes)
      datagram[rng.below(datagram.size())] = static_cast<std::uint8_t>(rng.below(256));
    static_cast<void>(exchange(datagram, 0));
  }
  // The socket's buffer may have been too full for the first one.
  Bytes answer;
  for (int tries = 0; tries < 10 && answer.size() < 2; ++tries) answer = exchange(get_block(0x01), 200);
  ASSERT_GE(answer.size(), 2u);
  EXPECT_EQ(answer[1], 0x45);
}

TEST_F(Coap, a_client_without_a_server_says_so) {
  CoapClientOptions options;
  options.timeout = 200ms;
  const std::string nowhere = url();
  server = nullptr;
  const auto client = coap_parcels(nowhere, options).value();
  EXPECT_EQ(client->list({}).error().code(), Code::io);
  for (const char* bad : {"", "http://x", "coap://", "coap://x/y"}) EXPECT_FALSE(coap_parcels(bad)) << bad;
}

/// A server that answers each request with a block of a list, of which there are always more.
class EndlessServer {
 public:
  /// @param new_tags  each block is of another list.   @param payload  of each block.
  EndlessServer(bool new_tags, Bytes payload) : socket_(::socket(AF_INET, SOCK_DGRAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, new_tags, payload = std::move(payload)] { serve(new_tags, payload); });
  }
  ~EndlessServer() {
    ::shutdown(socket_, SHUT_RDWR);
    stopping_ = true;
    thread_.join();
    ::close(socket_);
  }
  [[nodiscard]] std::string url() const { return "coap://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] unsigned answers() const { return answers_; }

 private:
  void serve(bool new_tags, const Bytes& payload) {
    while (!stopping_) {
      pollfd waiting{socket_, POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      std::uint8_t request[1500];
      sockaddr_in from{};
      socklen_t size = sizeof(from);
      const ssize_t count = ::recvfrom(socket_, request, sizeof(request), 0, reinterpret_cast<sockaddr*>(&from), &size);
      if (count < 4 || answers_ > 1000) continue;  // enough: whoever still asks gets no answer
      const std::size_t token = request[0] & 15u;
      Bytes answer{static_cast<std::uint8_t>(0x60 | token), 0x45};
      answer.insert(answer.end(), request + 2, request + 4 + token);
      Bytes tag(8);
      if (new_tags)
        for (unsigned i = 0; i < 4; ++i) tag[i] = static_cast<std::uint8_t>(answers_ >> (8 * i));
      answer.push_back(0x48);
      answer.insert(answer.end(), tag.begin(), tag.end());
      answer.insert(answer.end(), {0xd1, 0x06, 0x0e});  // Block2: number 0, more, 1,024 bytes
      if (!payload.empty()) answer.push_back(0xff);
      answer.insert(answer.end(), payload.begin(), payload.end());
      ++answers_;
      ::sendto(socket_, answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&from), size);
    }
  }

  int socket_;
  std::uint16_t port_ = 0;
  std::atomic<unsigned> answers_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

TEST(CoapClient, a_list_that_never_ends_is_given_up) {
  CoapClientOptions options;
  options.timeout = 300ms;
  const EndlessServer changing(true, Bytes(1024, 1)), empty(false, {});
  for (const EndlessServer* server : {&changing, &empty}) {
    const auto list = coap_parcels(server->url(), options).value()->list({});
    ASSERT_FALSE(list);
    EXPECT_EQ(list.error().code(), Code::malformed) << list.error().message();
    EXPECT_LT(server->answers(), 20u);
  }
}

}  // namespace
}  // namespace mote::fleet
