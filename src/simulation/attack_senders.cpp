// Whoever carries parcels: announces too much or nothing, sends blocks that are none, sends slowly or never, and cards
// that read differently the second time.

#include <algorithm>

#include "attack_stage.hpp"

namespace mote::simulation {
namespace {

using update::Announcement;
using update::Phase;
using update::Progress;

constexpr std::uint16_t kBlock = 256;

std::string as(Status got, Status expected) { return got == expected ? "" : name(got); }

/// Announces and waits until blocks may come.
Status open(Stage& s, ByteSpan parcel, std::uint16_t block_bytes = kBlock) {
  const Status status = s.announce(parcel, block_bytes);
  while (s.agent().phase() == Phase::preparing) s.agent().step();
  return status == Status::waiting ? Status::ok : status;
}

Status put(Stage& s, ByteSpan parcel, std::uint32_t number, std::uint16_t block_bytes = kBlock) {
  update::Inbox* inbox = s.agent().inbox();
  if (inbox == nullptr) return Status::busy;
  return inbox->put(number, {parcel.data() + std::size_t{number} * block_bytes, inbox->block_size(number)});
}

void add_announcements(Attacks& all) {
  const auto announced = [&](const char* what, Status expected, std::uint32_t total, std::uint16_t block) {
    all.push_back(scripted(std::string("endless data: ") + what, false, [=](Stage& s) -> std::string {
      Announcement announcement;
      announcement.total_bytes = total == 0xfffffffe ? s.hardware.layout.inbox_bytes + 1 : total;
      announcement.block_bytes = block;
      const std::uint64_t operations = s.flash().operations();
      if (const Status status = s.agent().announce(announcement); status != expected) return name(status);
      return s.flash().operations() == operations ? "" : "flash was written";
    }));
  };
  announced("nothing is announced", Status::malformed, 0, 256);
  announced("4 GiB are announced", Status::too_large, 0xffffffff, 256);
  announced("2 GiB are announced", Status::too_large, 0x80000000, 1024);
  announced("a byte more than the inbox has is announced", Status::too_large, 0xfffffffe, 256);
  announced("blocks of 0 bytes", Status::malformed, 1000, 0);
  announced("blocks of 15 bytes", Status::malformed, 1000, 15);
  announced("blocks of 1025 bytes", Status::malformed, 1000, 1025);
  announced("blocks of 65,535 bytes", Status::malformed, 1000, 0xffff);
  all.push_back(
      scripted("endless data: blocks so small that their trailers do not fit", false, [](Stage& s) -> std::string {
        Announcement announcement;
        announcement.total_bytes = s.hardware.layout.inbox_bytes - 4096;
        announcement.block_bytes = 16;
        return as(s.agent().announce(announcement), Status::too_large);
      }));

  const auto block = [&](const char* what, Status expected, std::function<Status(update::Inbox&, const Bytes&)> act) {
    all.push_back(scripted(std::string("endless data: ") + what, false, [=](Stage& s) -> std::string {
      const Bytes parcel = s.bundle(11);
      if (open(s, parcel) != Status::ok) return "not announced";
      if (const Status status = act(*s.agent().inbox(), parcel); status != expected) return name(status);
      s.agent().abandon(Status::busy);
      return s.running() == kFactorySequence ? "" : "another module runs";
    }));
  };
  block("a block behind the end", Status::malformed, [](update::Inbox& inbox, const Bytes& p) {
    return inbox.put(inbox.block_count(), {p.data(), kBlock});
  });
  block("a block far behind the end", Status::malformed, [](update::Inbox& inbox, const Bytes& p) {
    return inbox.put(0x7fffffff, {p.data(), kBlock});
  });
  block("a number that marks erased flash", Status::malformed, [](update::Inbox& inbox, const Bytes& p) {
    return inbox.put(0xffffffff, {p.data(), kBlock});
  });
  block("a block that is too long", Status::malformed, [](update::Inbox& inbox, const Bytes& p) {
    return inbox.put(0, {p.data(), kBlock + 1});
  });
  block("a block that is too short", Status::malformed, [](update::Inbox& inbox, const Bytes& p) {
    return inbox.put(0, {p.data(), kBlock - 1});
  });
  block("an empty block", Status::malformed, [](update::Inbox& inbox, const Bytes&) { return inbox.put(0, {}); });
  block("a last block as long as the others", Status::malformed, [](update::Inbox& inbox, const Bytes& p) {
    return inbox.put(inbox.block_count() - 1, {p.data(), kBlock});
  });
  block("a flood of coded rows", Status::store_full, [](update::Inbox& inbox, const Bytes& p) {
    Status status = Status::ok;
    for (std::uint32_t i = 0; status == Status::ok && i < 100'000; ++i)
      status = inbox.put(update::kCodedRows + i, {p.data(), kBlock});
    return status;
  });
  all.push_back(scripted("endless data: every block a hundred times", false, [](Stage& s) -> std::string {
    const Bytes parcel = s.bundle(11);
    if (open(s, parcel) != Status::ok) return "not announced";
    static_cast<void>(put(s, parcel, 0));
    const std::uint64_t operations = s.flash().operations();
    for (int i = 0; i < 100; ++i) {
      if (const Status status = put(s, parcel, 0); status != Status::ok) return name(status);
    }
    if (s.flash().operations() != operations) return "flash was written";
    s.agent().abandon(Status::busy);
    return "";
  }));
  all.push_back(
      scripted("several senders: another announcement while a parcel arrives", false, [](Stage& s) -> std::string {
        const Bytes parcel = s.bundle(11), other = s.bundle(12);
        if (open(s, parcel) != Status::ok) return "not announced";
        if (const Status status = s.announce(other); status != Status::busy) return name(status);
        for (std::uint32_t i = 0; s.agent().inbox() != nullptr && i < s.agent().inbox()->block_count(); ++i)
          static_cast<void>(put(s, parcel, i));
        s.run();
        return as(s.agent().last_status(), Status::ok);
      }));
  all.push_back(
      scripted("poisoned blocks: another's content under a good parcel's name", true, [](Stage& s) -> std::string {
        const Bytes parcel = s.bundle(11);
        Bytes poison = parcel;
        for (std::size_t i = poison.size() - 300; i < poison.size(); ++i) poison[i] ^= 0x5a;
        if (open(s, parcel) != Status::ok) return "not announced";
        const std::uint32_t last = s.agent().inbox()->block_count() - 1;
        static_cast<void>(put(s, poison, last));
        for (std::uint32_t i = 0; i <= last; ++i) static_cast<void>(put(s, parcel, i));
        s.run();
        if (s.agent().last_status() != Status::digest_mismatch) return name(s.agent().last_status());
        return as(s.give(parcel, Delivery::inbox), Status::ok);
      }));
  all.push_back(scripted("arbitrary software: refused before its payload arrives", false, [](Stage& s) -> std::string {
    const Bytes parcel = s.bundle(s.models.second.module, s.options(11), {s.cast.outsider});
    if (open(s, parcel) != Status::ok) return "not announced";
    std::uint32_t sent = 0;
    for (; s.agent().inbox() != nullptr && sent < s.agent().inbox()->block_count(); ++sent) {
      static_cast<void>(put(s, parcel, sent));
      s.agent().step();
    }
    if (s.agent().last_status() != Status::unknown_key) return name(s.agent().last_status());
    return sent <= update::kMaxHeadBytes / kBlock ? "" : "after " + std::to_string(sent) + " blocks";
  }));
}

void add_slow(Attacks& all) {
  all.push_back(scripted("slow retrieval: announced and never sent, by the clock", true, [](Stage& s) -> std::string {
    s.device().port().clock = kNow;
    if (open(s, s.bundle(11)) != Status::ok) return "not announced";
    s.device().port().clock += s.hardware.policy.window_s;
    s.agent().step();
    if (s.agent().phase() != Phase::receiving) return "given up too early";
    s.device().port().clock += 1;
    s.agent().step();
    return s.agent().phase() == Phase::idle ? as(s.agent().last_status(), Status::too_slow) : "still waiting";
  }));
  all.push_back(
      scripted("slow retrieval: announced and never sent, without a clock", true, [](Stage& s) -> std::string {
        s.hardware.policy.window_inferences = 500;
        static_cast<void>(s.restart());
        if (open(s, s.bundle(11)) != Status::ok) return "not announced";
        for (int i = 0; i < 501; ++i) {
          s.agent().step();
          if (s.agent().phase() != Phase::receiving) return "given up after " + std::to_string(i) + " inferences";
          s.device().infer();
        }
        s.agent().step();
        return s.agent().phase() == Phase::idle ? as(s.agent().last_status(), Status::too_slow) : "still waiting";
      }));
  all.push_back(
      scripted("slow retrieval: a block each window, which would take for ever", true, [](Stage& s) -> std::string {
        s.hardware.policy.windows = 16;
        s.hardware.clock_s = kNow;
        static_cast<void>(s.restart());
        const Bytes parcel = s.bundle(11);
        if (open(s, parcel, 16) != Status::ok) return "not announced";
        std::uint32_t window = 0;
        for (std::uint32_t number = s.agent().inbox()->block_count() - 1; s.agent().inbox() != nullptr && number > 0;
             --number, ++window) {
          static_cast<void>(put(s, parcel, number - 1, 16));
          s.agent().step();
          s.device().port().clock += s.hardware.policy.window_s;
        }
        if (s.agent().last_status() != Status::too_slow) return name(s.agent().last_status());
        return window <= s.hardware.policy.windows ? "" : "after " + std::to_string(window) + " windows";
      }));
  all.push_back(scripted("slow retrieval: the same block over and over", true, [](Stage& s) -> std::string {
    s.device().port().clock = kNow;
    const Bytes parcel = s.bundle(11);
    if (open(s, parcel) != Status::ok) return "not announced";
    for (int i = 0; i < 40 && s.agent().inbox() != nullptr; ++i) {
      static_cast<void>(put(s, parcel, 3));
      s.agent().step();
      s.device().port().clock += s.hardware.policy.window_s / 10;
    }
    return s.agent().phase() == Phase::idle ? as(s.agent().last_status(), Status::too_slow) : "still waiting";
  }));
  all.push_back(scripted("slow retrieval: all but the last block", true, [](Stage& s) -> std::string {
    s.device().port().clock = kNow;
    const Bytes parcel = s.bundle(11);
    if (open(s, parcel) != Status::ok) return "not announced";
    const std::uint32_t count = s.agent().inbox()->block_count();
    for (std::uint32_t i = 0; i + 1 < count; ++i) {
      static_cast<void>(put(s, parcel, i));
      s.agent().step();
    }
    s.run(200);
    s.device().port().clock += 2ull * s.hardware.policy.window_s;
    s.run(10);
    return s.agent().phase() == Phase::idle ? as(s.agent().last_status(), Status::too_slow) : "still waiting";
  }));
  all.push_back(
      scripted("slow retrieval: a good sender at an hour a block is waited for", true, [](Stage& s) -> std::string {
        s.device().port().clock = kNow;
        const Bytes parcel = s.bundle(11);
        if (open(s, parcel, 64) != Status::ok) return "not announced";
        const std::uint32_t count = s.agent().inbox()->block_count();
        for (std::uint32_t i = 0; i < count; ++i) {
          if (const Status status = put(s, parcel, i, 64); status != Status::ok) return name(status);
          s.agent().step();
          s.device().port().clock += 3600;
        }
        s.run();
        return s.agent().phase() == Phase::idle ? as(s.agent().last_status(), Status::ok) : "still waiting";
      }));
  all.push_back(scripted("slow retrieval: a battery that never recovers", true, [](Stage& s) -> std::string {
    s.hardware.clock_s = kNow;
    s.hardware.battery_percent = 20;
    static_cast<void>(s.restart());
    package::BundleOptions options = s.options(11);
    options.minimum_battery_percent = 50;
    const Bytes parcel = s.bundle(s.models.second.module, options);
    if (open(s, parcel) != Status::ok) return "not announced";
    for (std::uint32_t i = 0; s.agent().inbox() != nullptr && i < s.agent().inbox()->block_count(); ++i)
      static_cast<void>(put(s, parcel, i));
    s.run(2000);
    if (s.agent().phase() == Phase::idle) return name(s.agent().last_status());
    s.device().port().clock += s.hardware.policy.window_s + 1;
    s.run(10);
    return s.agent().phase() == Phase::idle ? as(s.agent().last_status(), Status::battery_low) : "still waiting";
  }));
  all.push_back(scripted(
      "slow retrieval: damage is found while a sender keeps the device waiting", true, [](Stage& s) -> std::string {
        const Bytes parcel = s.bundle(11);
        if (open(s, parcel) != Status::ok) return "not announced";
        s.tamper(
            s.hardware.layout.slot(0) + 700, [](Bytes& b) { b[0] ^= 8; }, 1);
        const std::size_t blocks = s.models.first.module.size() / update::kMacBlockBytes + 1;
        for (std::size_t i = 0; i <= blocks; ++i) s.agent().step();
        if (s.agent().has_module()) return "the damaged module still runs";
        s.agent().abandon(Status::too_slow);
        return as(s.give(s.bundle(s.models.first.module, s.options(kFactorySequence)), Delivery::inbox), Status::ok);
      }));
  all.push_back(scripted(
      "slow retrieval: a delta's base is damaged while its end is awaited", false, [](Stage& s) -> std::string {
        package::BundleOptions options = s.options(11);
        options.delta = package::Delta{s.models.second_delta, s.models.first.module};
        const Bytes parcel = s.bundle(s.models.second.module, options);
        if (open(s, parcel) != Status::ok) return "not announced";
        const std::uint32_t count = s.agent().inbox()->block_count();
        for (std::uint32_t i = 0; i + 1 < count; ++i) static_cast<void>(put(s, parcel, i));
        s.run(100);
        s.tamper(
            s.hardware.layout.slot(0) + 700, [](Bytes& b) { b[0] ^= 8; }, 1);
        for (int i = 0; i < 64; ++i) s.agent().step();
        static_cast<void>(put(s, parcel, count - 1));
        s.run();
        if (s.agent().last_status() != Status::wrong_base) return name(s.agent().last_status());
        return as(s.give(s.bundle(s.models.first.module, s.options(kFactorySequence)), Delivery::inbox), Status::ok);
      }));
}

/// A card whose content an attacker decides anew at each read.
class Trickster : public update::Source {
 public:
  using Read = std::function<Status(std::uint32_t offset, update::MutableBytes to)>;
  Trickster(std::uint32_t size, Read read) : size_(size), read_(std::move(read)) {}
  std::uint32_t bytes() const override { return size_; }
  Status read(std::uint32_t offset, update::MutableBytes to) override { return read_(offset, to); }

 private:
  std::uint32_t size_;
  Read read_;
};

void add_cards(Attacks& all) {
  const auto card =
      [&](const char* what, Status expected,
          std::function<Status(const Bytes& parcel, bool installing, std::uint32_t offset, update::MutableBytes to)>
              read,
          std::uint32_t size = 0) {
        all.push_back(scripted(std::string("card: ") + what, false, [=](Stage& s) -> std::string {
          const Bytes parcel = s.bundle(11);
          Trickster source(size == 0 ? static_cast<std::uint32_t>(parcel.size()) : size,
                           [&](std::uint32_t offset, update::MutableBytes to) {
                             return read(parcel, s.agent().phase() == Phase::installing, offset, to);
                           });
          if (s.agent().offer(source) != Status::ok) return "not taken";
          s.run();
          if (s.agent().phase() != Phase::idle) return "still waiting";
          if (s.agent().last_status() != expected) return name(s.agent().last_status());
          return s.running() == kFactorySequence ? "" : "another module runs";
        }));
      };
  const auto copy_of = [](const Bytes& parcel, std::uint32_t offset, update::MutableBytes to) {
    if (offset > parcel.size() || to.size > parcel.size() - offset) return Status::truncated;
    std::copy_n(parcel.begin() + offset, to.size, to.data);
    return Status::ok;
  };
  card("reads otherwise once it was checked", Status::digest_mismatch,
       [=](const Bytes& parcel, bool installing, std::uint32_t offset, update::MutableBytes to) {
         const Status status = copy_of(parcel, offset, to);
         if (installing) to.data[to.size / 2] ^= 1;
         return status;
       });
  card("of random content once it was checked", Status::digest_mismatch,
       [=](const Bytes& parcel, bool installing, std::uint32_t offset, update::MutableBytes to) {
         const Status status = copy_of(parcel, offset, to);
         for (std::size_t i = 0; installing && i < to.size; ++i)
           to.data[i] = static_cast<std::uint8_t>(i * 73 + offset);
         return status;
       });
  card("is pulled out while it is read", Status::flash_failed,
       [=](const Bytes& parcel, bool installing, std::uint32_t offset, update::MutableBytes to) {
         return installing ? Status::flash_failed : copy_of(parcel, offset, to);
       });
  card("gets shorter", Status::truncated,
       [=](const Bytes& parcel, bool installing, std::uint32_t offset, update::MutableBytes to) {
         return installing && offset > parcel.size() / 2 ? Status::truncated : copy_of(parcel, offset, to);
       });
  card(
      "of 4 GiB of old statements' beginnings", Status::malformed,
      [](const Bytes&, bool, std::uint32_t offset, update::MutableBytes to) {
        for (std::size_t i = 0; i < to.size; ++i) to.data[i] = (offset + i) % 2 == 0 ? 0xd2 : 0x80;
        return Status::ok;
      },
      0xffffffff);
  card(
      "of 4 GiB of ones", Status::malformed,
      [](const Bytes&, bool, std::uint32_t, update::MutableBytes to) {
        std::fill_n(to.data, to.size, std::uint8_t{0xff});
        return Status::ok;
      },
      0xffffffff);
  card(
      "that is empty", Status::truncated,
      [=](const Bytes& parcel, bool, std::uint32_t offset, update::MutableBytes to) {
        return copy_of(parcel, offset, to);
      },
      0);
  all.back().script = [](Stage& s) -> std::string { return as(s.give({}, Delivery::card), Status::truncated); };
  all.push_back(scripted("card: answers wait for ever", true, [](Stage& s) -> std::string {
    s.device().port().clock = kNow;
    Trickster source(5000, [](std::uint32_t, update::MutableBytes) { return Status::waiting; });
    if (s.agent().offer(source) != Status::ok) return "not taken";
    s.run(10);
    if (s.agent().phase() != Phase::checking) return "not waited for";
    s.device().port().clock += s.hardware.policy.window_s + 1;
    s.run(10);
    return s.agent().phase() == Phase::idle ? as(s.agent().last_status(), Status::too_slow) : "still waiting";
  }));
  all.push_back(scripted("card: stops to answer while it is installed", true, [](Stage& s) -> std::string {
    s.device().port().clock = kNow;
    const Bytes parcel = s.bundle(11);
    Trickster source(static_cast<std::uint32_t>(parcel.size()), [&](std::uint32_t offset, update::MutableBytes to) {
      if (s.agent().phase() == Phase::installing && offset > parcel.size() / 2) return Status::waiting;
      std::copy_n(parcel.begin() + offset, to.size, to.data);
      return Status::ok;
    });
    if (s.agent().offer(source) != Status::ok) return "not taken";
    s.run();
    if (s.agent().phase() != Phase::installing) return std::string("stands in ") + update::name(s.agent().phase());
    s.device().port().clock += s.hardware.policy.window_s + 1;
    s.run(10);
    return s.agent().phase() == Phase::idle ? as(s.agent().last_status(), Status::too_slow) : "still waiting";
  }));
}

}  // namespace

void add_senders(Attacks& all) {
  add_announcements(all);
  add_slow(all);
  add_cards(all);
}

}  // namespace mote::simulation
