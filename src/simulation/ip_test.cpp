// Parcels over HTTP and CoAP into a device's inbox, interrupted and taken up in other orders and by other ways.

#include <gtest/gtest.h>

#include "mote/base/file.hpp"
#include "mote/fleet/coap_server.hpp"
#include "mote/fleet/http_server.hpp"
#include "mote/fleet/radio_sender.hpp"
#include "mote/fleet/remote_parcels.hpp"
#include "receiving_device.hpp"

namespace mote::simulation {
namespace {

using fleet::FetchOrder;

/// A server that stops answering after some reads.
class Unreliable : public fleet::RemoteParcels {
 public:
  Unreliable(fleet::RemoteParcels& server, std::size_t reads) : server_(server), reads_(reads) {}
  Result<std::vector<fleet::ListedParcel>> list(const fleet::ParcelQuery& query) override {
    return server_.list(query);
  }
  Result<Bytes> read(const fleet::ListedParcel& parcel, std::uint64_t offset, std::size_t count) override {
    if (reads_-- == 0) return fail(Code::io, "gone");
    return server_.read(parcel, offset, count);
  }
  std::size_t best_read_bytes() const override { return 1000; }

 private:
  fleet::RemoteParcels& server_;
  std::size_t reads_;
};

TEST(IpTransports, carry_a_parcel_with_interruptions_in_any_order_and_by_turns) {
  const auto folder = TemporaryFolder::create("ip").value();
  Rng rng(3);
  Bytes bytes(9001);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.below(256));
  ASSERT_TRUE(write_file(folder.path() / "p", bytes));
  const auto parcels = fleet::ParcelFolder::open(folder.path()).value();
  fleet::HttpServerOptions local;
  local.address = "127.0.0.1";
  const auto http_server = fleet::HttpServer::start(*parcels, local).value();
  const auto coap_server = fleet::CoapServer::start(*parcels, {"127.0.0.1", 0, 16}).value();
  const auto http = fleet::http_parcels("http://127.0.0.1:" + std::to_string(http_server->port())).value();
  const auto coap = fleet::coap_parcels("coap://127.0.0.1:" + std::to_string(coap_server->port())).value();
  const fleet::ListedParcel listed{"p", 0, bytes.size(), sha256(bytes), std::nullopt};

  for (const unsigned block_bytes : {16u, 48u, 256u, 1024u}) {
    ReceivingDevice device(32 * 1024, 2048, 8);
    ASSERT_EQ(device.announce(fleet::announcement_of(bytes, block_bytes)), update::Status::ok);
    std::size_t stored = 0;
    for (unsigned turn = 0; device.inbox()->missing_count() != 0; ++turn) {
      ASSERT_LT(turn, 100u);
      Unreliable server(turn % 2 == 0 ? *http : *coap, 1 + rng.below(3));
      const auto order = static_cast<FetchOrder>(turn % 3);
      const std::uint32_t before = device.inbox()->missing_count();
      const auto fetched = fleet::fetch_missing(server, listed, *device.inbox(), order);
      EXPECT_TRUE(fetched || fetched.error().code() == Code::io);
      EXPECT_LT(device.inbox()->missing_count(), before);
      stored += before - device.inbox()->missing_count();
      device.restart();  // and the power goes in between
    }
    EXPECT_EQ(stored, (bytes.size() - 1) / block_bytes + 1) << "nothing came twice";
    EXPECT_EQ(device.take_parcel(), bytes) << block_bytes;
  }
}

}  // namespace
}  // namespace mote::simulation
