// Seeds for the fuzz targets: one folder a target below the given one.

#include <cstdio>
#include <string>

#include "../module_of_test.hpp"
#include "assumed_crypto.hpp"
#include "cbor.hpp"
#include "fuzzed_device.hpp"
#include "mote/base/file.hpp"
#include "mote/base/hash.hpp"
#include "mote/package/cbor_value.hpp"
#include "mote/package/delta.hpp"
#include "mote/package/encryption.hpp"
#include "update/radio.hpp"
#include "update/report.hpp"
#include "update/serial.hpp"

using namespace mote;
using namespace mote::package;

namespace {

class Corpus {
 public:
  explicit Corpus(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// @param first  bytes that tell the target what follows.
  void add(const std::string& target, const Bytes& seed, const Bytes& first = {}) {
    Bytes bytes = first;
    bytes.insert(bytes.end(), seed.begin(), seed.end());
    std::filesystem::create_directories(folder_ / target);
    if (!write_file(folder_ / target / std::to_string(count_++), bytes)) std::abort();
  }

 private:
  std::filesystem::path folder_;
  int count_ = 0;
};

/// The content of a byte string, without its head.
Bytes unwrapped(const Bytes& item) { return read_cbor(item).value().bytes; }

std::vector<BundleOptions> kinds_of_bundles() {
  std::vector<BundleOptions> all(4, bundle_options());
  all[1].device = Uuid{1};
  all[1].use_before_s = 1'800'000'000;
  all[1].minimum_battery_percent = 30;
  const Bytes base(512, 3);
  all[2].delta = Delta{encode_delta(base, small_module()).value(), base};
  all[3].encryption = EncryptionOptions{};
  all[3].encryption->groups = {GroupKey{1}};
  all[3].encryption->devices = {agreement_public_key({5})};
  all[3].encryption->seed = std::array<std::uint8_t, 32>{7};
  return all;
}

/// Against the bases of delta_fuzz.cpp and device_delta_fuzz.cpp: differences of bytes, pairs and words, small and
/// large, and moved parts.
void write_deltas(Corpus& corpus) {
  Bytes base(256);
  for (std::size_t i = 0; i < base.size(); ++i) base[i] = static_cast<std::uint8_t>(i * 37);
  const Bytes whole = base;
  for (unsigned trial = 0; trial < 12; ++trial) {
    Bytes module = base;
    for (std::size_t i = 0; i < module.size(); i += 1 + trial % 4)
      module[i] = static_cast<std::uint8_t>(module[i] + (i * i * (trial + 1) >> 3) % (1u << (trial % 8 + 1)));
    if (trial % 3 == 0) module.insert(module.begin() + 8 * trial, base.begin(), base.begin() + 60);
    corpus.add("delta", encode_delta(base, module).value(), {static_cast<std::uint8_t>(trial * 7)});
    base.resize(64);
    module.resize(64 + trial);
    corpus.add("device_delta", encode_delta(base, module).value(), {static_cast<std::uint8_t>(trial * 7)});
    base = whole;
  }
}

void replace(Bytes& in, ByteSpan what, std::uint8_t by) {
  for (auto at = in.begin(); (at = std::search(at, in.end(), what.begin(), what.end())) != in.end();)
    at = std::fill_n(at, what.size(), by);
}

/// What assumed_crypto.cpp takes for right, made of what is right: other keys, ids, digests and signatures, all of the
/// sizes that they had.
class Assumed {
 public:
  /// @param digests_of  what is hashed in it.
  Bytes operator()(Bytes message, const std::vector<Bytes>& digests_of = {}) const {
    std::uint8_t fill = update::fuzz::kRootKey;
    for (const SigningKey& each :
         {SigningKey::from_seed({1}), SigningKey::from_seed({2}), key(1), key(2), key(3), key(4), key(9)}) {
      replace(message, each.public_key(), fill);
      replace(message, each.id(), fill);
      fill = static_cast<std::uint8_t>(fill + 2);  // root, release, time, others
    }
    for (const Bytes& hashed : digests_of) replace(message, sha256(hashed).bytes, update::fuzz::kDigest);
    replace(message, bundle_options().vendor, update::fuzz::kVendor);
    replace(message, bundle_options().klass, update::fuzz::kClass);
    make_right(message, {0x58, 64});                    // signatures
    make_right(message, {0x58, 40});                    // wrapped keys
    make_right(message, {0x01, 0x04, 0x21, 0x58, 32});  // points
    return message;
  }

 private:
  static void make_right(Bytes& in, const Bytes& head) {
    for (auto at = in.begin(); (at = std::search(at, in.end(), head.begin(), head.end())) != in.end();) {
      at += static_cast<std::ptrdiff_t>(head.size());
      if (at != in.end()) *at |= 1;
    }
  }
};

using Frames = std::vector<Bytes>;

update::Announcement announcement_of(const Bytes& parcel, std::uint16_t block_bytes) {
  update::Announcement announcement;
  std::copy_n(sha256(parcel).bytes.begin(), sizeof(announcement.id), announcement.id);
  announcement.total_bytes = static_cast<std::uint32_t>(parcel.size());
  announcement.block_bytes = block_bytes;
  return announcement;
}

/// A block of a parcel; the last one filled up with zeros.
Bytes block_of(const Bytes& parcel, std::size_t number, std::size_t block_bytes) {
  Bytes block(block_bytes);
  const std::size_t from = number * block_bytes;
  std::copy_n(parcel.begin() + static_cast<std::ptrdiff_t>(from), std::min(block_bytes, parcel.size() - from),
              block.begin());
  return block;
}

Frames radio_frames(const Bytes& parcel) {
  constexpr std::uint16_t kBlock = 200;
  const update::Announcement announcement = announcement_of(parcel, kBlock);
  const std::size_t blocks = (parcel.size() + kBlock - 1) / kBlock;
  const update::Stretch stretch{1, 0, static_cast<std::uint16_t>(blocks)};
  std::uint8_t offer[update::kRadioOfferBytes], setup[update::kSessionSetupBytes];
  update::write_offer(announcement, offer);
  update::write_setup(update::setup_of(stretch, announcement), setup);
  Frames frames{Bytes(std::begin(offer), std::end(offer)), {}, Bytes(std::begin(setup), std::end(setup))};
  for (std::size_t i = 0; i < blocks; ++i) {
    Bytes frame(update::kDataFragmentHeader);
    frame[0] = static_cast<std::uint8_t>(update::RadioMessage::data_fragment);
    update::write_little_endian(frame.data() + 1, static_cast<std::uint32_t>((i + 1) | 1u << 14),
                                2);  // numbers count from 1
    const Bytes block = block_of(parcel, i, kBlock);
    frame.insert(frame.end(), block.begin(), block.end());
    frames.push_back(frame);
  }
  return frames;
}

Frames serial_frames(const Bytes& parcel) {
  constexpr std::uint16_t kBlock = 240;
  const update::Announcement announcement = announcement_of(parcel, kBlock);
  Bytes announce{static_cast<std::uint8_t>(update::SerialRequest::announce), 1};
  announce.insert(announce.end(), std::begin(announcement.id), std::end(announcement.id));
  announce.resize(16);
  update::write_little_endian(announce.data() + 10, announcement.total_bytes, 4);
  update::write_little_endian(announce.data() + 14, kBlock, 2);
  Frames frames{{static_cast<std::uint8_t>(update::SerialRequest::hello), 0}, announce, {}};
  for (std::size_t from = 0; from < parcel.size(); from += kBlock) {
    Bytes frame{static_cast<std::uint8_t>(update::SerialRequest::block), 2, 0, 0, 0, 0};
    update::write_little_endian(frame.data() + 2, static_cast<std::uint32_t>(from / kBlock), 4);
    frame.insert(frame.end(), parcel.begin() + static_cast<std::ptrdiff_t>(from),
                 parcel.begin() + static_cast<std::ptrdiff_t>(std::min(from + kBlock, parcel.size())));
    frames.push_back(frame);
  }
  frames.push_back({static_cast<std::uint8_t>(update::SerialRequest::have), 3, 0, 0, 0, 0});
  return frames;
}

/// Events of device_links_fuzz.cpp: an offer, a setup and fragments that are lost by one, then what serial lines are
/// asked. @param fragments  that the setup announces; 7 are right.
Bytes events_of_links(std::uint16_t fragments) {
  Bytes parcel(100);
  for (std::size_t i = 0; i < parcel.size(); ++i) parcel[i] = static_cast<std::uint8_t>(i * 7);
  constexpr std::uint16_t kBlock = 16;
  const update::Announcement announcement = announcement_of(parcel, kBlock);
  std::uint8_t offer[update::kRadioOfferBytes], setup[update::kSessionSetupBytes];
  update::write_offer(announcement, offer);
  update::write_setup(update::setup_of({1, 0, fragments}, announcement), setup);
  Bytes events;
  const auto add = [&](unsigned kind, ByteSpan bytes) {
    events.push_back(static_cast<std::uint8_t>(bytes.size() << 2 | kind));
    events.insert(events.end(), bytes.begin(), bytes.end());
  };
  add(0, offer);
  add(0, setup);
  for (unsigned i = 0; i < 9; ++i) {
    if (i == 3) continue;
    Bytes frame{static_cast<std::uint8_t>(update::RadioMessage::data_fragment), static_cast<std::uint8_t>(i + 1), 0x40};
    const Bytes block = i < 7 ? block_of(parcel, i, kBlock) : Bytes(kBlock, 0x77);
    frame.insert(frame.end(), block.begin(), block.end());
    add(0, frame);
  }
  for (std::uint8_t request = 1; request <= 7; ++request) {
    Bytes frame{request, 9};
    if (request == 2) {
      frame.insert(frame.end(), std::begin(announcement.id), std::end(announcement.id));
      frame.insert(frame.end(), {100, 0, 0, 0, 16, 0});
    }
    if (request == 3) frame.resize(6 + kBlock);
    if (request == 4 || request == 7) frame.resize(6);
    add(1, frame);
  }
  add(3, {});
  return events;
}

/// Of device_fragments_fuzz.cpp: a stretch of which each `loss`th fragment is lost, and twice as many coded ones.
Bytes fragments(unsigned blocks, unsigned loss) {
  constexpr unsigned kBlock = 4;
  Bytes input{static_cast<std::uint8_t>(blocks - 1), kBlock - 2};
  for (unsigned number = 1; number <= blocks + 2 * (blocks / loss + 1); ++number) {
    if (number <= blocks && number % loss == 0) continue;
    input.insert(input.end(), {static_cast<std::uint8_t>(number), 0});
    for (unsigned i = 0; i < kBlock; ++i) input.push_back(static_cast<std::uint8_t>(number * 31 + i));
  }
  return input;
}

/// Frames as events of links_fuzz.cpp, and steps; an empty frame stands for steps alone.
Bytes events_of(const Frames& frames, std::uint8_t event) {
  Bytes events;
  for (const Bytes& frame : frames) {
    if (!frame.empty()) {
      events.push_back(event);
      events.push_back(static_cast<std::uint8_t>(frame.size()));
      events.insert(events.end(), frame.begin(), frame.end());
    }
    events.push_back(0xfc);  // 32 steps
  }
  return events;
}

/// Events of device_agent_fuzz.cpp: a card with this, its installation and trial; then a start.
Bytes agent_events(const Bytes& parcel) {
  Bytes events{static_cast<std::uint8_t>(parcel.size() / 256 * 8 + 2), static_cast<std::uint8_t>(parcel.size() % 256)};
  events.insert(events.end(), parcel.begin(), parcel.end());
  events.insert(events.end(), {0xff, 0xff, 0xfd, 0xfd, 0xff, 0xff, 0x04, 0xff});
  return events;
}

/// For the device of fuzzed_device.hpp: each kind of bundle, as short as it gets.
void write_device_bundles(Corpus& corpus) {
  const Assumed kAssumed;
  const SigningKey signers[] = {SigningKey::from_seed({2})};
  Bytes module = small_module();
  module.resize(sizeof(device::ModuleHeader) + 16);
  const auto module_bytes = static_cast<std::uint32_t>(module.size());
  std::memcpy(module.data() + offsetof(device::ModuleHeader, module_bytes), &module_bytes, sizeof(module_bytes));
  for (BundleOptions options : kinds_of_bundles()) {
    if (options.delta) options.delta->bytes = encode_delta(options.delta->base, module).value();
    const UnsignedBundle made = write_manifest(module, options).value();
    const std::vector<Bytes> hashed{made.manifest, made.payload, module};
    const Bytes bundle = kAssumed(sign_bundle(made, signers), hashed);
    corpus.add("device_parcel", bundle);
    corpus.add("device_agent", agent_events(bundle));
    corpus.add("device_bundle", bundle, {0});
    corpus.add("device_bundle", kAssumed(unwrapped(made.manifest), hashed), {1});
  }
}

/// What the device of fuzzed_device.hpp takes after its first.
KeysOptions next_keys_options() {
  const PublicKeyBytes keys[] = {SigningKey::from_seed({1}).public_key(), SigningKey::from_seed({2}).public_key(),
                                 key(1).public_key()};
  KeysOptions options = keys_options();
  options.version = 2;
  options.root = {1, {keys[0]}};
  options.release = {1, {keys[1]}};
  options.time = {1, {keys[2]}};
  return options;
}

void write(Corpus& corpus) {
  const SigningKey signers[] = {SigningKey::from_seed({1}), SigningKey::from_seed({2})};
  const Assumed kAssumed;
  for (const BundleOptions& options : kinds_of_bundles()) {
    const UnsignedBundle made = write_manifest(small_module(), options).value();
    const Bytes bundle = sign_bundle(made, signers);
    const Bytes manifest = unwrapped(made.manifest);
    for (const char* target : {"cbor", "parcel"}) corpus.add(target, bundle);
    for (const char* target : {"bundle", "suit"}) {
      corpus.add(target, bundle, {0});
      corpus.add(target, manifest, {1});
    }
    for (const char* target : {"cbor", "device_cbor"}) corpus.add(target, manifest);
    if (options.encryption) {
      const Bytes info = encrypt_payload(small_module(), *options.encryption).value().info;
      corpus.add("encryption_info", info);
      corpus.add("device_encryption", kAssumed(info));
      for (std::uint8_t choice = 0; choice < 84; choice = static_cast<std::uint8_t>(choice + 7))
        corpus.add("cose", info, {choice});
    }
  }
  write_deltas(corpus);
  write_device_bundles(corpus);
  KeysOptions keys = keys_options();
  keys.version = 2;
  const Bytes document = write_keys(keys, signers).value();
  const Bytes time = write_time({1'700'000'000, Uuid{3}, 7}, signers[0]);
  const Bytes device_keys = kAssumed(write_keys(next_keys_options(), signers).value());
  const Bytes device_time = kAssumed(write_time({1'700'000'000, bundle_options().klass, 7}, key(1)));
  for (const Bytes& message : {device_keys, device_time}) {
    corpus.add("device_statements", message, {0});
    corpus.add("device_cose", message);
    corpus.add("device_cbor", message);
  }
  corpus.add("device_parcel", join(std::vector<Bytes>{device_keys, device_time}));
  const auto payload_of = [](const Bytes& message) { return read_cbor(message).value().items[0].items[2].bytes; };
  corpus.add("statements", document, {0});
  corpus.add("statements", time, {0});
  corpus.add("statements", payload_of(document), {1});
  corpus.add("statements", payload_of(time), {2});
  const std::array<std::uint8_t, 32> device_key{8};
  update::ReportContent content;
  content.number = 4;
  content.device = view(keys.vendor);
  std::uint8_t report[update::kMaxReportBytes];
  const std::size_t report_bytes = update::write_report(content, view(device_key), report);
  const Bytes report_message(report, report + report_bytes);
  corpus.add("statements", report_message, {0});
  corpus.add("statements", payload_of(report_message), {3});
  // The tag is a MAC of whoever has the key; assumed, it is that of a digest.
  Bytes assumed_report = report_message;
  std::fill(assumed_report.end() - 32, assumed_report.end(), update::fuzz::kDigest);
  corpus.add("server_report", assumed_report);
  const SigningKey releasers[] = {key(3)};
  for (std::uint8_t good = 0; good < 2; ++good) {
    BundleOptions options = bundle_options();
    options.sequence = 4;
    options.firmware_version = 1u - good;  // the other one does not fit
    const Bytes update = write_bundle(small_module(), options, releasers).value();
    corpus.add("links", events_of(radio_frames(update), 0));
    corpus.add("links", events_of(serial_frames(update), 1));
  }
  for (const std::uint16_t announced : {7, 0}) corpus.add("device_links", events_of_links(announced));
  for (const unsigned blocks : {1u, 6u, 16u, 24u}) {
    for (const unsigned loss : {2u, 3u, 9u}) corpus.add("device_fragments", fragments(blocks, loss));
  }
  const Bytes parcel[] = {document, time, write_bundle(small_module(), bundle_options(), signers).value()};
  corpus.add("parcel", join(parcel));
  for (const Bytes& message : {document, time}) {
    corpus.add("cbor", message);
    for (std::uint8_t choice = 0; choice < 84; choice = static_cast<std::uint8_t>(choice + 7))
      corpus.add("cose", message, {choice});
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_package_corpus FOLDER\n");
    return 2;
  }
  Corpus corpus(argv[1]);
  write(corpus);
  return 0;
}
