// Couriers between devices without a network and their server: a phone, a gateway, a person with a card. They drop,
// reorder, replay, swap, alter, hold back, and never end; and devices that lie to an honest one.

#include <algorithm>

#include "attack_stage.hpp"
#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"
#include "mote/fleet/courier.hpp"
#include "mote/fleet/report_folder.hpp"
#include "mote/package/report.hpp"
#include "update/serial.hpp"

namespace mote::simulation {
namespace {

using update::Phase;
using update::SerialRequest;

constexpr std::uint16_t kBlock = 128;

std::string as(Status got, Status expected) { return got == expected ? "" : name(got); }

/// The device's serial line in a courier's hands.
class Line : public fleet::ByteLine {
 public:
  explicit Line(Stage& stage) : stage_(stage), link_(stage.agent(), update::MutableBytes(buffer_)) {}

  Result<void> write(ByteSpan bytes) override {
    const auto emit = [&](std::uint8_t byte) { answers_.push_back(byte); };
    for (const std::uint8_t byte : bytes) link_.take(byte, emit);
    stage_.run(50);
    if (lost != 0 && ++count_ % lost == 0) answers_.clear();
    return {};
  }
  Result<Bytes> read(std::chrono::milliseconds) override { return std::exchange(answers_, {}); }

  /// One request and what the device says to it; the answer's body in `body`.
  Status ask(SerialRequest kind, ByteSpan request) {
    Bytes frame;
    const auto emit = [&](std::uint8_t byte) { frame.push_back(byte); };
    update::SlipWriter writer(emit);
    const std::uint8_t header[] = {static_cast<std::uint8_t>(kind), 7};
    writer.add(header);
    writer.add({request.data(), request.size()});
    writer.end();
    MOTE_CHECK(write(frame).has_value());
    std::uint8_t room[512];
    update::SlipReader reader{update::MutableBytes(room)};
    Status status = Status::internal;  // no answer
    for (const std::uint8_t byte : std::exchange(answers_, {})) {
      const update::Bytes answer = reader.take(byte);
      if (answer.size < update::kSerialAnswerHeader) continue;
      status = static_cast<Status>(answer[2]);
      body.assign(answer.data + update::kSerialAnswerHeader, answer.data + answer.size);
    }
    return status;
  }
  /// @param of  whose name is announced.
  Status announce(ByteSpan of, std::size_t bytes) {
    Bytes request(14);
    std::copy_n(sha256(of).bytes.begin(), 8, request.begin());
    update::write_little_endian(request.data() + 8, static_cast<std::uint32_t>(bytes), 4);
    update::write_little_endian(request.data() + 12, kBlock, 2);
    Status status = Status::waiting;
    for (int poll = 0; poll < 100 && status == Status::waiting; ++poll) status = ask(SerialRequest::announce, request);
    return status;
  }
  Status block(ByteSpan parcel, std::uint32_t number, std::size_t bytes = kBlock) {
    Bytes request(4);
    update::write_little_endian(request.data(), number, 4);
    const std::size_t from = std::min(parcel.size(), std::size_t{number} * kBlock);
    const ByteSpan data = parcel.subspan(from, std::min(bytes, parcel.size() - from));
    request.insert(request.end(), data.begin(), data.end());
    request.resize(4 + std::max(data.size(), bytes == kBlock ? 0 : bytes));
    return ask(SerialRequest::block, request);
  }
  static std::uint32_t blocks(ByteSpan parcel) { return static_cast<std::uint32_t>((parcel.size() - 1) / kBlock + 1); }

  Bytes body;
  unsigned lost = 0;  ///< each so manieth answer; 0: none

 private:
  Stage& stage_;
  std::uint8_t buffer_[256];
  update::SerialLink<update::Agent> link_;
  Bytes answers_;
  unsigned count_ = 0;
};

/// How the device ends a parcel that is given to it over the line.
Status given(Stage& s, ByteSpan parcel) {
  Line line(s);
  const auto outcome = fleet::send_over_serial(line, parcel);
  if (!outcome) return outcome.error().code() == Code::too_large ? Status::too_large : Status::internal;
  s.run();
  return s.agent().last_status();
}

void add_carried(Attacks& all) {
  const auto carried = [&](const char* what, Status expected, std::function<Bytes(Stage&)> parcel) {
    all.push_back(scripted(std::string("courier: ") + what, false, [=](Stage& s) -> std::string {
      const std::uint64_t before = s.running();
      if (const Status status = given(s, parcel(s)); status != expected) return name(status);
      return s.running() == before ? "" : "another module runs";
    }));
  };
  carried("brings half of a parcel as a whole one", Status::truncated, [](Stage& s) {
    Bytes parcel = s.bundle(11);
    parcel.resize(parcel.size() / 2);
    return parcel;
  });
  carried("alters the head", Status::digest_mismatch, [](Stage& s) {
    Bytes parcel = s.bundle(11);
    parcel[300] ^= 1;  // within the manifest
    return parcel;
  });
  carried("alters the module", Status::digest_mismatch, [](Stage& s) {
    Bytes parcel = s.bundle(11);
    parcel.back() ^= 1;
    return parcel;
  });
  carried("brings another device's parcel", Status::wrong_device, [](Stage& s) {
    package::BundleOptions options = s.options(11);
    options.device = package::Uuid{9, 9, 9};
    return s.bundle(s.models.second.module, options);
  });
  carried("brings another class's parcel", Status::wrong_class, [](Stage& s) {
    package::BundleOptions options = s.options(11);
    options.klass = s.cast.other_class;
    return s.bundle(s.models.second.module, options);
  });
  carried("brings a parcel encrypted for another group", Status::decryption_failed, [](Stage& s) {
    package::BundleOptions options = s.options(11);
    options.encryption = package::EncryptionOptions{};
    options.encryption->groups = {package::GroupKey{0x44}};
    return s.bundle(s.models.second.module, options);
  });
  carried("signs by itself", Status::unknown_key,
          [](Stage& s) { return s.bundle(s.models.second.module, s.options(11), {s.cast.outsider}); });
  carried("puts a time in front of a parcel of its own", Status::unknown_key, [](Stage& s) {
    return Stage::join({package::write_time({kNow, s.cast.klass, 0}, s.cast.outsider), s.bundle(11)});
  });
  carried("brings an older time again", Status::replayed, [](Stage& s) {
    if (given(s, s.cast.time_message(kNow + 10)) != Status::ok) return Bytes{1};
    return s.cast.time_message(kNow);
  });
  carried("brings a report as a parcel", Status::malformed, [](Stage& s) {
    Line line(s);
    static_cast<void>(line.ask(SerialRequest::report, {}));
    return line.body;
  });
  all.push_back(scripted("courier: keeps an old bundle until it is outdated", false, [](Stage& s) -> std::string {
    const Bytes old = s.bundle(11);
    package::BundleOptions newer = s.options(12);
    if (const Status status = given(s, s.bundle(s.good_module, newer)); status != Status::ok) return name(status);
    if (const Status status = given(s, old); status != Status::rollback) return name(status);
    return s.running() == 12 ? "" : "another module runs";
  }));
  all.push_back(scripted("courier: holds the new bundle back and brings the one before", true, [](Stage& s) {
    // A time statement, by whatever way, names what the class should have.
    if (const Status status = given(s, s.cast.time_message(kNow, 20)); status != Status::ok)
      return std::string(name(status));
    return as(given(s, s.bundle(11)), Status::stale);
  }));
}

void add_line(Attacks& all) {
  const auto scene = [&](const char* what, bool detected, std::function<std::string(Stage&, Line&)> act) {
    all.push_back(scripted(std::string("courier: ") + what, detected, [=](Stage& s) -> std::string {
      Line line(s);
      return act(s, line);
    }));
  };
  scene("drops every third answer", true, [](Stage& s, Line& line) -> std::string {
    line.lost = 3;
    const auto outcome = fleet::send_over_serial(line, s.bundle(11));
    if (!outcome) return outcome.error().message();
    if (outcome->requests_repeated == 0) return "nothing was lost: this shows nothing";
    s.run();
    return as(s.agent().last_status(), Status::ok);
  });
  scene("brings blocks in any order, each three times", true, [](Stage& s, Line& line) -> std::string {
    const Bytes parcel = s.bundle(11);
    if (const Status status = line.announce(parcel, parcel.size()); status != Status::ok) return name(status);
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < 3 * Line::blocks(parcel); ++i) order.push_back(i / 3);
    Rng rng(5);
    for (std::size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[rng.below(static_cast<std::uint32_t>(i))]);
    for (const std::uint32_t number : order) {
      if (s.agent().phase() != Phase::receiving) break;
      if (const Status status = line.block(parcel, number); status != Status::ok) return name(status);
    }
    s.run();
    return as(s.agent().last_status(), Status::ok);
  });
  scene("brings another parcel's blocks under this one's name", false, [](Stage& s, Line& line) -> std::string {
    const Bytes parcel = s.bundle(11), other = s.bundle(12);
    if (parcel.size() != other.size()) return "these are of two lengths";
    if (const Status status = line.announce(parcel, parcel.size()); status != Status::ok) return name(status);
    const std::uint32_t last = Line::blocks(parcel) - 1;
    // The head of one, the rest of the other with a byte changed: as a mix of two modules.
    Bytes mixed = parcel;
    for (std::size_t i = mixed.size() / 2; i < mixed.size(); ++i) mixed[i] = static_cast<std::uint8_t>(other[i] ^ 1);
    for (std::uint32_t i = 0; i <= last && s.agent().phase() == Phase::receiving; ++i)
      static_cast<void>(line.block(mixed, i));
    s.run();
    return as(s.agent().last_status(), Status::digest_mismatch);
  });
  scene("announces another parcel while one is received", false, [](Stage& s, Line& line) -> std::string {
    const Bytes parcel = s.bundle(11), other = s.bundle(12);
    if (const Status status = line.announce(parcel, parcel.size()); status != Status::ok) return name(status);
    for (std::uint32_t i = 0; i < Line::blocks(parcel) / 2; ++i) static_cast<void>(line.block(parcel, i));
    if (const Status status = line.announce(other, other.size()); status != Status::busy) return name(status);
    return as(given(s, parcel), Status::ok);
  });
  scene("brings blocks of no parcel, behind the end, too long", false, [](Stage& s, Line& line) -> std::string {
    const Bytes parcel = s.bundle(11);
    if (const Status status = line.block(parcel, 0); status != Status::waiting) return name(status);
    if (const Status status = line.announce(parcel, parcel.size()); status != Status::ok) return name(status);
    if (const Status status = line.block(parcel, Line::blocks(parcel)); status != Status::malformed)
      return name(status);
    if (const Status status = line.block(parcel, 0xffffffff); status != Status::malformed) return name(status);
    if (const Status status = line.block(parcel, 1, kBlock + 1); status != Status::malformed) return name(status);
    return as(given(s, parcel), Status::ok);
  });
  scene("sends data without end", false, [](Stage& s, Line& line) -> std::string {
    const std::uint64_t operations = s.flash().operations();
    Rng rng(6);
    for (int i = 0; i < 300; ++i) {
      Bytes noise(1000);
      for (std::uint8_t& byte : noise) byte = i % 3 == 0 ? 0xdb : static_cast<std::uint8_t>(rng.below(0xc0));
      if (!line.write(noise)) return "the line ends";
    }
    if (s.flash().operations() != operations) return "flash was written";
    // An end: what came before is no frame, and the next one is heard.
    const std::uint8_t end[] = {update::slip::kEnd};
    if (!line.write(end)) return "the line ends";
    return as(line.ask(SerialRequest::hello, {}), Status::ok);
  });
  scene("announces more than there is room for", false, [](Stage& s, Line& line) -> std::string {
    if (const Status status = line.announce(s.bundle(11), 0xffffffff); status != Status::too_large) return name(status);
    return as(line.announce(s.bundle(11), s.hardware.layout.inbox_bytes), Status::too_large);
  });
}

/// A server with the keys of two devices; the second is not there, but its key is.
class Office {
 public:
  explicit Office(const Cast& cast) {
    const auto keys = folder_.path() / "keys";
    MOTE_CHECK(make_folder(keys).has_value());
    MOTE_CHECK(package::write_report_key(keys / (to_hex(cast.device) + ".key"), cast.device_key).has_value());
    package::ReportKey other = cast.device_key;
    other[0] ^= 1;
    MOTE_CHECK(package::write_report_key(keys / (to_hex(kOther) + ".key"), other).has_value());
    reports = fleet::ReportFolder::open(folder_.path() / "reports", keys).value();
  }
  Status take(ByteSpan report) { return reports->take(report).value().status; }
  static constexpr package::Uuid kOther{5, 5, 5};

  std::unique_ptr<fleet::ReportFolder> reports;

 private:
  TemporaryFolder folder_ = TemporaryFolder::create("attack").value();
};

Bytes report_of(Stage& s) {
  Line line(s);
  MOTE_CHECK(line.ask(SerialRequest::report, {}) == Status::ok);
  return line.body;
}

/// In the name of another device.
Bytes renamed(const Stage& s, Bytes report, const package::Uuid& name) {
  const auto place = std::search(report.begin(), report.end(), s.cast.device.begin(), s.cast.device.end());
  MOTE_CHECK(place != report.end());
  std::copy(name.begin(), name.end(), place);
  return report;
}

void add_reports(Attacks& all) {
  const auto brought = [&](const char* what, Status expected, std::function<Bytes(Stage&)> report) {
    all.push_back(scripted(std::string("courier: ") + what, false, [=](Stage& s) -> std::string {
      Office office(s.cast);
      if (const Status status = office.take(report(s)); status != expected) return name(status);
      return office.reports->devices().empty() ? "" : "something was kept";
    }));
  };
  brought("alters a report", Status::bad_signature, [](Stage& s) {
    Bytes report = report_of(s);
    report.back() ^= 1;
    return report;
  });
  brought("gives one device's report as another's", Status::bad_signature,
          [](Stage& s) { return renamed(s, report_of(s), Office::kOther); });
  brought("gives a report as an unknown device's", Status::unknown_key, [](Stage& s) {
    return renamed(s, report_of(s), package::Uuid{6, 6, 6});
  });
  brought("cuts a report", Status::truncated, [](Stage& s) {
    Bytes report = report_of(s);
    report.resize(report.size() - 1);
    return report;
  });
  brought("puts two reports into one", Status::too_large, [](Stage& s) {
    Bytes report = report_of(s);
    const Bytes second = report_of(s);
    report.insert(report.end(), second.begin(), second.end());
    return report;
  });
  brought("brings a bundle as a report", Status::malformed, [](Stage& s) {
    Bytes bundle = s.bundle(11);
    bundle.resize(update::kMaxReportBytes);
    return bundle;
  });
  all.push_back(scripted("courier: brings a report again and again", true, [](Stage& s) -> std::string {
    Office office(s.cast);
    const Bytes report = report_of(s);
    if (!office.reports->take(report)->is_new) return "the first is known";
    for (int i = 0; i < 20; ++i) {
      if (office.reports->take(report)->is_new) return "a repeated one counts";
    }
    return office.reports->devices().at(0).reports == 1 ? "" : "it was kept twice";
  }));
  all.push_back(scripted("courier: drops a report, and brings an old one last", true, [](Stage& s) -> std::string {
    Office office(s.cast);
    const Bytes first = report_of(s);
    static_cast<void>(report_of(s));
    const Bytes third = report_of(s);
    if (const Status status = office.take(third); status != Status::ok) return name(status);
    if (const Status status = office.take(first); status != Status::ok) return name(status);
    const fleet::ReportedDevice device = office.reports->devices().at(0);
    if (device.latest.number != 3) return "an old one counts as the newest";
    return device.missing == 1 ? "" : std::to_string(device.missing) + " are said to be missing";
  }));
}

/// A device that says what it likes: to each request an answer by `speak`.
class Liar : public fleet::ByteLine {
 public:
  using Speak = std::function<Bytes(SerialRequest request, ByteSpan body)>;
  explicit Liar(Speak speak) : speak_(std::move(speak)), reader_(update::MutableBytes(buffer_)) {}
  Result<void> write(ByteSpan bytes) override {
    for (const std::uint8_t byte : bytes) {
      const update::Bytes frame = reader_.take(byte);
      if (frame.size < update::kSerialRequestHeader) continue;
      const Bytes body = speak_(static_cast<SerialRequest>(frame[0]), ByteSpan(frame.data, frame.size).subspan(2));
      const auto emit = [&](std::uint8_t out) { answers_.push_back(out); };
      update::SlipWriter writer(emit);
      const std::uint8_t header[] = {static_cast<std::uint8_t>(frame[0] | update::kSerialAnswer), frame[1], 0};
      writer.add(header);
      writer.add({body.data(), body.size()});
      writer.end();
    }
    return {};
  }
  Result<Bytes> read(std::chrono::milliseconds) override { return std::exchange(answers_, {}); }

 private:
  Speak speak_;
  std::uint8_t buffer_[2048];
  update::SlipReader reader_;
  Bytes answers_;
};

void add_liars(Attacks& all) {
  const auto lie = [&](const char* what, std::function<std::string(Stage&)> act) {
    all.push_back(scripted(std::string("courier: is lied to by a device ") + what, false, std::move(act)));
  };
  lie("that takes blocks of no bytes", [](Stage& s) -> std::string {
    Liar liar([](SerialRequest, ByteSpan) { return Bytes(update::kSerialHelloBytes); });
    const auto sent = fleet::send_over_serial(liar, s.bundle(11));
    if (sent) return "it was sent something";
    return sent.error().code() == Code::malformed ? "" : sent.error().message();
  });
  lie("that has the parcel half, in blocks of no bytes", [](Stage& s) -> std::string {
    const Bytes parcel = s.bundle(11);
    Liar liar([&](SerialRequest request, ByteSpan) {
      Bytes body(update::kSerialHelloBytes);
      if (request != SerialRequest::hello) return body;
      body[2] = 128;
      std::copy_n(sha256(parcel).bytes.begin(), 8, body.begin() + 4);
      update::write_little_endian(body.data() + 12, static_cast<std::uint32_t>(parcel.size()), 4);
      return body;
    });
    const auto sent = fleet::send_over_serial(liar, parcel);
    if (sent) return "it was sent something";
    return sent.error().code() == Code::malformed ? "" : sent.error().message();
  });
  lie("whose parcel has no end", [](Stage&) -> std::string {
    Liar liar([](SerialRequest, ByteSpan body) {
      Bytes answer(update::kSerialHeldHeader + 1, 0xff);
      std::copy_n(body.begin(), 4, answer.begin());
      return answer;
    });
    const auto held = fleet::take_held(liar, fleet::ParcelFolder::kMaxParcelBytes);
    if (held) return "it was taken";
    return held.error().code() == Code::too_large ? "" : held.error().message();
  });
  lie("that gives another one's report", [](Stage& s) -> std::string {
    const TemporaryFolder folder = TemporaryFolder::create("attack").value();
    fleet::Pouch pouch = fleet::Pouch::open(folder.path()).value();
    const package::Uuid poser{6, 6, 6};
    const auto added = pouch.add_report(report_of(s), &poser);
    if (added) return "it was taken";
    return added.error().code() == Code::malformed && pouch.reports().empty() ? "" : added.error().message();
  });
}

}  // namespace

void add_couriers(Attacks& all) {
  add_carried(all);
  add_line(all);
  add_reports(all);
  add_liars(all);
}

}  // namespace mote::simulation
