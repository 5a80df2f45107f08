// A server, a courier and a device without a network, each a program of its own: a module goes out, reports come back.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sandbox.hpp"

namespace mote::e2e {
namespace {

using nlohmann::json;
using testing::HasSubstr;

/// Waits for what a program that goes on prints first. $1: its log, $2: how that begins.
constexpr const char* kFunctions = R"sh(
set -e
first() { for i in $(seq 300); do found=$(grep -o "$2[^ ]*" "$1" | head -n 1); [ -n "$found" ] && echo "$found" && return; sleep 0.1; done; cat "$1" >&2; exit 3; }
plug() { $MOTE device plug m/module.bin --board host --vendor example.com --class buoy --device $DEVICE --keys keys.cose --report-key report-keys/$DEVICE.key --flash device.flash >plug.out 2>plug.log & device=$!; port=$(first plug.log /dev/pts/); }
unplug() { kill -INT $device; wait $device; rm plug.log; cat plug.out; }
)sh";

TEST(Courier, takes_a_module_to_a_device_without_a_network_and_its_reports_to_the_server) {
  const Sandbox box;
  const auto run = [&](const std::string& script) {
    const ProcessResult result =
        box.run({"bash", "-c",
                 "MOTE=" MOTE_BINARY "; DEVICE=000000000000000000000000000000d1" + std::string(kFunctions) + script});
    EXPECT_EQ(result.exit_code, 0) << result.diagnostics;
    return result.output;
  };
  run(R"sh(
    $MOTE compile small.mote --board host --out m
    for key in root release time; do $MOTE keys new $key; done
    mkdir bundles report-keys
    $MOTE keys new report-keys/$DEVICE --for report
    $MOTE keys document keys.cose --vendor example.com --root root.pub.pem --release release.pub.pem --time time.pub.pem --not-after 2040-12-31 --highest-sequence 99 --sign root.pem
    $MOTE keys time bundles/time --vendor example.com --class buoy --sign time.pem
    $MOTE pack m/module.bin --out bundles/v2.parcel --sequence 2 --vendor example.com --class buoy --sign release.pem)sh");

  const json answers = json::parse(run(R"sh(
    $MOTE serve --bundles bundles --http 0 --address 127.0.0.1 --reports reports --report-keys report-keys 2>serve.log >&2 & server=$!
    url=$(first serve.log http://127.0.0.1: | sed s,/parcels,,)
    $MOTE courier fetch pouch --server $url --vendor example.com --class buoy >&2
    kill -INT $server; wait $server
    # Days later, at the device.
    plug
    $MOTE courier visit pouch --port $port --json --quiet >visit.json
    sleep 3
    unplug >&2
    # And again: what it holds lasted.
    plug
    $MOTE courier visit pouch --port $port --json --quiet >again.json
    unplug >&2
    rm serve.log
    $MOTE serve --bundles bundles --coap 0 --address 127.0.0.1 --reports reports --report-keys report-keys 2>serve.log >&2 & server=$!
    url=$(first serve.log coap://127.0.0.1: | sed s,/parcels,,)
    $MOTE courier deliver pouch --server $url --json --quiet >deliver.json
    kill -INT $server; wait $server
    $MOTE fleet reports reports --report-keys report-keys --json --quiet >reports.json
    printf '[%s,%s,%s,%s]' "$(cat visit.json)" "$(cat again.json)" "$(cat deliver.json)" "$(cat reports.json)")sh"));
  EXPECT_EQ(answers[0]["handovers"].size(), 2u) << answers[0];
  EXPECT_EQ(answers[0]["handovers"][0]["status"], "ok") << "the time";
  EXPECT_EQ(answers[1]["active_sequence"], 2) << answers[1];
  EXPECT_EQ(answers[1]["handovers"].size(), 0u);
  EXPECT_EQ(answers[2]["brought"], 3) << answers[2];
  EXPECT_EQ(answers[3]["devices"][0]["confirmed_sequence"], 2) << answers[3];
  EXPECT_EQ(answers[3]["devices"][0]["missing"], 0);

  const std::string said =
      run("for report in pouch/delivered/*; do $MOTE check $report --report-key report-keys/$DEVICE.key; done");
  EXPECT_THAT(said, HasSubstr("number 3 of device 000000000000000000000000000000d1: runs sequence 2"));
  EXPECT_THAT(said, HasSubstr("; authentic"));
}

}  // namespace
}  // namespace mote::e2e
