// Any bytes as a keys document, a time statement, a report or a message of a parcel. First byte: bits 0 and 1 say what
// the rest is: a whole message, or the payload of a keys document, time statement or report that is signed here by
// whoever may.

#include <cstdlib>

#include "cbor.hpp"
#include "image_port.hpp"
#include "mote/package/documents.hpp"
#include "mote/package/report.hpp"
#include "signatures.hpp"
#include "update/message.hpp"
#include "update/report.hpp"

using namespace mote;
using namespace mote::package;
using update::Status;

namespace {

const SigningKey& key() {
  static const SigningKey made = SigningKey::from_seed({1});
  return made;
}

KeysOptions keys_options() {
  KeysOptions options;
  options.vendor = vendor_id("example.com");
  options.root = options.release = options.time = {1, {key().public_key()}};
  options.not_after_s = 2'000'000'000;
  options.highest_sequence = 1000;
  return options;
}

/// A device of the factory.
struct Device {
  Device() {
    FactoryOptions factory;
    factory.vendor = vendor_id("example.com");
    const SigningKey signers[] = {key()};
    factory.keys = write_keys(keys_options(), signers).value();
    image = factory_image(layout, factory).value();
    if (trust.load(port, update::kNoSlot) != Status::ok) std::abort();
  }
  update::Layout layout = update::arrange(4096, 8, 4096, 0);
  Bytes image;
  ImagePort port{layout, image};
  update::Trust trust;
};

Bytes signed_keys(ByteSpan payload) {
  return cbor([&](update::CborWriter& w) {
    w.tag(update::kTagSign);
    w.array(4);
    w.bytes({});
    w.map(0);
    w.bytes(view(payload));
    w.array(1);
    w.raw(view(sign_document(payload, kKeysAad, key())));
  });
}

constexpr std::array<std::uint8_t, 32> kDeviceKey{8};

Bytes report_of(ByteSpan payload) {
  std::uint8_t tag[32];
  update::report_tag(view(kDeviceKey), view(payload), tag);
  return cbor([&](update::CborWriter& w) {
    w.tag(update::kTagMac0);
    w.array(4);
    w.bytes(update::kReportHeader);
    w.map(0);
    w.bytes(view(payload));
    w.bytes(tag);
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Device device;
  if (size == 0) return 0;
  const ByteSpan rest(data + 1, size - 1);
  Bytes message(rest.begin(), rest.end());
  if (data[0] % 4 == 1) message = signed_keys(rest);
  if (data[0] % 4 == 2) message = sign1(rest, false, kTimeAad, key());
  if (data[0] % 4 == 3) message = report_of(rest);
  const update::Bytes given = view(message);

  update::Message told;
  if (update::read_message(given, static_cast<std::uint32_t>(message.size() + data[0] / 4u), told) == Status::ok &&
      told.bytes > message.size())
    std::abort();

  // What a device takes, the host can read back.
  const auto document = read_keys(message);
  if (device.trust.verify_keys(given) == Status::ok) {
    if (!document || document->content.version != device.trust.keys().version + 1) std::abort();
    Device other;
    if (other.trust.store_keys(other.port, 0, given) != Status::ok) std::abort();
    if (other.trust.load(other.port, 0) != Status::ok || other.trust.keys().version != document->content.version)
      std::abort();
  }
  const auto time = read_time(message);
  update::TimeStatement statement;
  if (device.trust.read_time(given, statement) == Status::ok &&
      (!time || time->content.time_s != statement.time_s || statement.time_s > 2'000'000'000))
    std::abort();
  const auto report = read_report(message, kDeviceKey, 3);
  if (report && report->number <= 3) std::abort();
  Report claimed;
  if (report && (parse_report(message, claimed) != Status::ok || claimed.number != report->number)) std::abort();
  if (document) static_cast<void>(add_signature(message, SigningKey::from_seed({2})));
  return 0;
}
