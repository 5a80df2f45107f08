#include "mote/fleet/coap_server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mote/fleet/remote_parcels.hpp"
#include "test_parcels.hpp"

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

}  // namespace
}  // namespace mote::fleet
