// Whoever can write the flash: flipped bits, copied and moved pieces, erased records. What is detected, and how the
// device goes on. And reports that are not a device's own, or old.

#include <algorithm>
#include <cstring>

#include "attack_stage.hpp"
#include "mote/base/rng.hpp"
#include "mote/package/bytes_source.hpp"
#include "mote/package/report.hpp"
#include "update/block_macs.hpp"
#include "update/crc32.hpp"

namespace mote::simulation {
namespace {

using update::Phase;

std::string as(Status got, Status expected) { return got == expected ? "" : name(got); }

/// Looks at every block once, as idle devices do, and says whether the damage was found.
bool notices(Stage& s) {
  const std::size_t blocks = s.models.first.module.size() / update::kMacBlockBytes + 2;
  for (std::size_t i = 0; i < blocks && s.agent().has_module(); ++i) s.agent().step();
  return !s.agent().has_module() && s.agent().last_status() == Status::module_damaged;
}

std::string repaired(Stage& s) {
  const Status status = s.give(s.bundle(s.models.first.module, s.options(kFactorySequence)), Delivery::inbox);
  if (status != Status::ok) return std::string("the repair ends with ") + name(status);
  return s.running() == kFactorySequence ? "" : "the repaired module does not run";
}

void add_flips(Attacks& all) {
  for (unsigned bits = 1; bits <= 10; ++bits) {
    all.push_back(scripted("flash: " + std::to_string(bits) + (bits == 1 ? " bit flips" : " bits flip") +
                               " in the running module, found before all blocks are looked at twice",
                           true, [bits](Stage& s) -> std::string {
                             Rng rng(bits);
                             const std::size_t size = s.models.first.module.size();
                             for (int round = 0; round < 8; ++round) {
                               std::vector<std::size_t> places;
                               while (places.size() < bits) {
                                 const std::size_t place = rng.below(8 * size);
                                 if (std::find(places.begin(), places.end(), place) == places.end())
                                   places.push_back(place);
                               }
                               s.tamper(
                                   s.hardware.layout.slot(s.agent().record().active),
                                   [&](Bytes& b) {
                                     for (const std::size_t place : places)
                                       b[place / 8] = static_cast<std::uint8_t>(b[place / 8] ^ (1u << (place % 8)));
                                   },
                                   size);
                               if (!notices(s)) return "not noticed";
                               if (std::string got = repaired(s); !got.empty()) return got;
                             }
                             return "";
                           }));
  }
  const auto changed = [&](const char* what, std::function<void(Stage&)> change) {
    all.push_back(scripted(std::string("flash: ") + what, true, [change](Stage& s) -> std::string {
      change(s);
      return notices(s) ? repaired(s) : "not noticed";
    }));
  };
  changed("the module's last byte is another", [](Stage& s) {
    const std::uint32_t last = static_cast<std::uint32_t>(s.models.first.module.size()) - 1;
    s.tamper(
        s.hardware.layout.slot(0) + last, [](Bytes& b) { b[0] ^= 0x80; }, 1);
  });
  changed("a block and its code are another block's", [](Stage& s) {
    // Block 1 and its code are put in the place of block 0.
    const std::uint32_t slot = s.hardware.layout.slot(0), table = s.hardware.layout.table(0) + 64;
    const ByteSpan flash = s.flash().bytes();
    const Bytes block(flash.begin() + slot + 1024, flash.begin() + slot + 2048);
    const Bytes code(flash.begin() + table + 8, flash.begin() + table + 16);
    s.tamper(
        slot, [&](Bytes& b) { b = block; }, block.size());
    s.tamper(
        table, [&](Bytes& b) { b = code; }, code.size());
  });
  changed("an outsider's module with codes under an outsider's key", [](Stage& s) {
    package::FactoryOptions other = s.factory;
    other.device_key.fill(0x66);
    other.module = s.models.second.module;
    const Bytes image = package::factory_image(s.hardware.layout, other).value();
    const std::uint32_t slot = s.hardware.layout.slot(0);
    s.tamper(
        slot, [&](Bytes& b) { std::copy_n(image.begin() + slot, b.size(), b.begin()); }, s.hardware.layout.slot_bytes);
  });
  changed("the module is erased", [](Stage& s) {
    s.tamper(
        s.hardware.layout.slot(0), [](Bytes& b) { std::fill(b.begin(), b.end(), std::uint8_t{0xff}); },
        s.models.first.module.size());
  });
  // The module is the one that was confirmed: its digest decides, and nothing is given up.
  const auto unchanged = [&](const char* what, std::function<void(Stage&)> change) {
    all.push_back(scripted(std::string("flash: ") + what, true, [change](Stage& s) -> std::string {
      change(s);
      if (notices(s)) return "the module is given up";
      if (s.restart() != Status::ok) return "it does not start";
      return s.running() == kFactorySequence ? "" : "another module runs";
    }));
  };
  unchanged("a code of a block is another, its module the same", [](Stage& s) {
    s.tamper(
        s.hardware.layout.table(0) + sizeof(update::TableHeader), [](Bytes& b) { b[3] ^= 2; }, 8);
  });
  unchanged("slots copied from another device of the same module", [](Stage& s) {
    package::FactoryOptions other = s.factory;
    other.device_key.fill(0x66);
    const Bytes image = package::factory_image(s.hardware.layout, other).value();
    const std::uint32_t slot = s.hardware.layout.slot(0);
    s.tamper(
        slot, [&](Bytes& b) { std::copy_n(image.begin() + slot, b.size(), b.begin()); }, s.hardware.layout.slot_bytes);
  });
  all.push_back(scripted("flash: a changed module is not run after a start", true, [](Stage& s) -> std::string {
    s.tamper(
        s.hardware.layout.slot(0) + 200, [](Bytes& b) { b[0] ^= 1; }, 1);
    if (s.restart() != Status::waiting) return "it starts";
    if (s.agent().has_module()) return "it is run";
    return repaired(s);
  }));
  // Of two modules one is on its way: what it was written as does not say what it is after a night without power.
  const auto interrupted = [&](const char* what, Phase phase, bool is_old_one_whole) {
    all.push_back(scripted(std::string("flash: ") + what, true, [=](Stage& s) -> std::string {
      const Bytes parcel = s.bundle(11);
      package::BytesSource card(parcel);
      if (s.agent().offer(card) != Status::ok) return "not taken";
      for (int i = 0; i < 5000 && s.agent().phase() != phase; ++i) {
        if (s.agent().step() == update::Progress::waiting) s.device().infer();
      }
      if (s.agent().phase() != phase) return std::string("stands in ") + update::name(s.agent().phase());
      const auto last = static_cast<std::uint32_t>(s.models.second.module.size()) - 1;
      s.tamper(
          s.hardware.layout.slot(1) + last, [](Bytes& b) { b[0] ^= 0x10; }, 1);
      if (!is_old_one_whole)
        s.tamper(
            s.hardware.layout.slot(0) + 700, [](Bytes& b) { b[0] ^= 0x10; }, 1);
      const Status started = s.restart();
      if (s.agent().last_status() != Status::module_damaged) return name(s.agent().last_status());
      if (s.agent().phase() != Phase::idle) return "it goes on to be tried";
      if (is_old_one_whole) return s.running() == kFactorySequence ? "" : "the module before does not run";
      if (started != Status::waiting || s.agent().has_module()) return "a damaged module runs";
      return repaired(s);
    }));
  };
  interrupted("the new module changes while its own vectors are run", Phase::testing, true);
  interrupted("the new module changes while it runs beside the old one", Phase::shadowing, true);
  interrupted("the new module changes in its trial", Phase::trial, true);
  interrupted("both modules change in a trial", Phase::trial, false);
  all.push_back(
      scripted("flash: an outsider's module on a device whose records are erased", true, [](Stage& s) -> std::string {
        package::FactoryOptions other = s.factory;
        other.device_key.fill(0x66);
        other.sequence = 500;
        const Bytes image = package::factory_image(s.hardware.layout, other).value();
        const update::Layout& layout = s.hardware.layout;
        s.tamper(
            layout.slot(1), [&](Bytes& b) { std::copy_n(image.begin() + layout.slot(0), b.size(), b.begin()); },
            layout.slot_bytes);
        s.tamper(
            layout.journal, [](Bytes& b) { std::fill(b.begin(), b.end(), std::uint8_t{0xff}); },
            2 * layout.journal_area_bytes);
        if (s.restart() != Status::ok) return "it does not start";
        return s.running() == kFactorySequence ? "" : std::to_string(s.running()) + " runs";
      }));
}

void add_records(Attacks& all) {
  all.push_back(scripted("flash: erased records do not bring an older number back", true, [](Stage& s) -> std::string {
    if (const Status status = s.give(s.bundle(11), Delivery::inbox); status != Status::ok) return name(status);
    s.tamper(
        s.hardware.layout.journal, [](Bytes& b) { std::fill(b.begin(), b.end(), std::uint8_t{0xff}); },
        2 * s.hardware.layout.journal_area_bytes);
    if (s.restart() != Status::ok) return "it does not start";
    if (s.running() != 11) return std::to_string(s.running()) + " runs";
    return as(s.give(s.bundle(s.models.first.module, s.options(kFactorySequence)), Delivery::card), Status::rollback);
  }));
  all.push_back(scripted("flash: records with flipped bits", true, [](Stage& s) -> std::string {
    Rng rng(3);
    s.tamper(
        s.hardware.layout.journal,
        [&](Bytes& b) {
          for (std::uint8_t& byte : b) byte = static_cast<std::uint8_t>(byte ^ rng.below(256));
        },
        2 * s.hardware.layout.journal_area_bytes);
    if (s.restart() != Status::ok) return "it does not start";
    return s.running() == kFactorySequence ? "" : "another module runs";
  }));
  Attack keys = scripted(
      "flash: damaged keys fall back to the factory's, and a parcel brings them again", true,
      [](Stage& s) -> std::string {
        const Bytes parcel = s.cast.keys_message(s.cast.rotated(2), {s.cast.root1, s.cast.root2});
        if (const Status status = s.give(parcel, Delivery::card); status != Status::ok) return name(status);
        for (int area = 0; area < 2; ++area)
          s.tamper(
              s.hardware.layout.keys + static_cast<std::uint32_t>(area) * s.hardware.layout.keys_area_bytes + 60,
              [](Bytes& b) { b[0] ^= 1; }, 1);
        if (s.restart() != Status::ok) return "it does not start";
        if (s.agent().keys_version() != 1) return "damaged keys are in force";
        return as(s.give(parcel, Delivery::card), Status::ok);
      });
  keys.good_signers = [](const Cast& cast) { return std::vector<SigningKey>{cast.later_release}; };
  all.push_back(keys);
  // A block in the inbox is changed between the check of the parcel and its installation.
  const auto in_inbox = [&](const char* what, Status expected, bool mends_crc) {
    all.push_back(scripted(
        std::string("flash: a block of the inbox changed after its check, ") + what, true,
        [=](Stage& s) -> std::string {
          s.device().port().clock = kNow;
          const Bytes parcel = s.bundle(11);
          if (s.announce(parcel) != Status::waiting) return "not announced";
          while (s.agent().phase() == Phase::preparing) s.agent().step();
          const std::uint32_t count = s.agent().inbox()->block_count();
          for (std::uint32_t i = 0; i < count; ++i)
            static_cast<void>(s.agent().inbox()->put(i, {parcel.data() + 256 * i, s.agent().inbox()->block_size(i)}));
          while (s.agent().phase() == Phase::receiving) s.agent().step();
          if (s.agent().phase() != Phase::installing) return name(s.agent().last_status());
          constexpr std::uint32_t kBlock = 9, kStride = 256 + 8;
          s.tamper(
              s.hardware.layout.inbox + kBlock * kStride,
              [&](Bytes& b) {
                b[0] ^= 1;
                if (!mends_crc) return;
                const std::uint32_t crc = update::crc32({b.data(), 256}, update::crc32({b.data() + 256, 4}));
                std::memcpy(b.data() + 260, &crc, sizeof(crc));
              },
              kStride);
          s.run();
          s.device().port().clock += s.hardware.policy.window_s + 1;
          s.run();
          if (s.agent().phase() != Phase::idle) return std::string("stands in ") + update::name(s.agent().phase());
          return as(s.agent().last_status(), expected);
        }));
  };
  in_inbox("with its check sum", Status::digest_mismatch, true);
  in_inbox("without its check sum", Status::too_slow, false);
  all.push_back(scripted("flash: the identity of another vendor does not start", true, [](Stage& s) -> std::string {
    const std::uint32_t identity = s.hardware.layout.identity;
    const ByteSpan flash = s.flash().bytes();
    const Bytes before(flash.begin() + identity, flash.begin() + identity + 64);
    s.tamper(
        identity + 8, [](Bytes& b) { b[0] ^= 1; }, 1);
    if (const Status status = s.restart(); status != Status::malformed) return name(status);
    s.tamper(
        identity, [&](Bytes& b) { b = before; }, before.size());
    return as(s.restart(), Status::ok);
  }));
}

void add_reports(Attacks& all) {
  const auto report = [](Stage& s) {
    Bytes bytes(update::kMaxReportBytes);
    bytes.resize(s.agent().report({bytes.data(), bytes.size()}));
    return bytes;
  };
  const auto refusal = [](const Result<package::Report>& read, const char* expected) -> std::string {
    if (read) return "the report is accepted";
    return read.error().message().starts_with(expected) ? "" : read.error().message();
  };
  all.push_back(scripted("report: replayed", false, [=](Stage& s) -> std::string {
    const Bytes first = report(s), second = report(s);
    const auto read = package::read_report(second, s.cast.device_key, 0);
    if (!read) return read.error().message();
    if (std::string got = refusal(package::read_report(second, s.cast.device_key, read->number), "replayed");
        !got.empty())
      return got;
    return refusal(package::read_report(first, s.cast.device_key, read->number), "replayed");
  }));
  all.push_back(scripted("report: replayed after the device was switched off", false, [=](Stage& s) -> std::string {
    const Bytes first = report(s);
    static_cast<void>(s.restart());
    const auto later = package::read_report(report(s), s.cast.device_key, 0);
    if (!later) return later.error().message();
    return refusal(package::read_report(first, s.cast.device_key, later->number), "replayed");
  }));
  all.push_back(scripted("report: every bit flipped in turn", false, [=](Stage& s) -> std::string {
    const Bytes good = report(s);
    for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
      Bytes changed = good;
      changed[bit / 8] = static_cast<std::uint8_t>(changed[bit / 8] ^ (1u << (bit % 8)));
      if (package::read_report(changed, s.cast.device_key, 0)) return "bit " + std::to_string(bit) + " is accepted";
    }
    return "";
  }));
  all.push_back(scripted("report: cut at every byte", false, [=](Stage& s) -> std::string {
    const Bytes good = report(s);
    for (std::size_t size = 0; size < good.size(); ++size) {
      if (package::read_report(ByteSpan(good).first(size), s.cast.device_key, 0))
        return std::to_string(size) + " bytes are accepted";
    }
    return "";
  }));
  all.push_back(scripted("report: another device's", false, [=](Stage& s) -> std::string {
    std::array<std::uint8_t, 32> other = s.cast.device_key;
    other[31] ^= 1;
    return refusal(package::read_report(report(s), other, 0), "bad_signature");
  }));
  all.push_back(refused("report: given to a device as a parcel", Status::malformed,
                        [](const Stage&) { return Bytes{0xd1, 0x84, 0x43, 0xa1, 0x01, 0x05, 0xa0, 0x40, 0x40}; }));
}

}  // namespace

void add_flash(Attacks& all) {
  add_flips(all);
  add_records(all);
  add_reports(all);
}

}  // namespace mote::simulation
