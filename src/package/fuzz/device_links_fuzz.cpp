// Any traffic by radio and serial line against what a device puts at their ends, with an inbox in flash behind them:
// offers, setups, fragments; hello, announce, block, have, who, report, held. links_fuzz.cpp has a whole agent there.
//
// The input is a list of events: a byte that says which and, above that, how long, then what it takes.

#include <cstddef>
#include <initializer_list>

#include "fuzzed_device.hpp"
#include "update/radio.hpp"
#include "update/serial.hpp"

using namespace mote::update;

namespace {

/// Of an Agent, what links ask: a parcel that is announced takes the place of the one before.
class Receiver {
 public:
  explicit Receiver(fuzz::Device& device) : device_(device) {}

  Status announce(const Announcement& announcement) {
    const bool same = inbox_.is_open() && equal(announcement.id, record_.inbox_id) &&
                      announcement.total_bytes == record_.inbox_total_bytes &&
                      announcement.block_bytes == record_.inbox_block_bytes;
    if (same) return Status::ok;
    const Layout& layout = device_.flash.layout();
    MOTE_UPDATE_TRY(Inbox::check(layout, announcement));
    for (std::uint32_t at = 0; inbox_.is_open() && at < layout.inbox_bytes; at += layout.sector_bytes) {
      if (!device_.flash.erase_sector(layout.inbox + at)) std::abort();
    }
    copy(record_.inbox_id, announcement.id);
    record_.inbox_total_bytes = announcement.total_bytes;
    record_.inbox_block_bytes = announcement.block_bytes;
    inbox_.open(device_.flash, announcement);
    return Status::ok;
  }
  /// After a power cut.
  void reopen() {
    Announcement announcement;
    copy(announcement.id, record_.inbox_id);
    announcement.total_bytes = record_.inbox_total_bytes;
    announcement.block_bytes = record_.inbox_block_bytes;
    if (inbox_.is_open()) inbox_.open(device_.flash, announcement);
  }
  Inbox* inbox() { return inbox_.is_open() ? &inbox_ : nullptr; }
  Inbox* held() { return inbox(); }
  void abandon(Status reason) {
    record_.last_status = reason;
    set_zero(record_.inbox_id);
    inbox_.close();
    const Layout& layout = device_.flash.layout();
    for (std::uint32_t at = 0; at < layout.inbox_bytes; at += layout.sector_bytes) {
      if (!device_.flash.erase_sector(layout.inbox + at)) std::abort();
    }
  }
  std::size_t report(MutableBytes to) {
    ReportContent content;
    content.number = ++record_.report_number;
    content.device = identity().device;
    return write_report(content, identity().device_key, to);
  }
  const Record& record() const { return record_; }
  const Identity& identity() const { return device_.trust.identity(); }
  std::uint32_t keys_version() const { return device_.trust.keys().version; }
  Phase phase() const { return inbox_.is_open() ? Phase::receiving : Phase::idle; }
  Status last_status() const { return record_.last_status; }

 private:
  fuzz::Device& device_;
  Record record_;
  Inbox inbox_;
};

class Events {
 public:
  explicit Events(Bytes bytes) : bytes_(bytes) {}
  bool more() const { return bytes_.size != 0; }
  std::uint8_t byte() { return take(1)[0]; }
  Bytes take(std::size_t size) {
    const Bytes taken = bytes_.part(0, size);
    bytes_ = bytes_.part(taken.size, bytes_.size);
    return taken;
  }

 private:
  Bytes bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::Device device;
  if (device.flash.changed) std::memset(device.flash.bytes + fuzz::kLayout.inbox, 0xff, fuzz::kLayout.inbox_bytes);
  device.flash.changed = false;
  Receiver receiver(device);
  RadioReceiver<Receiver, 16> radio;
  std::uint8_t buffer[64], scratch[64], frame[64];
  std::size_t answered = 0;
  const auto emit = [&](std::uint8_t) { ++answered; };
  SerialLink<Receiver> serial(receiver, MutableBytes(buffer));
  Events events({data, size});
  while (events.more()) {
    const std::uint8_t event = events.byte();
    const Bytes bytes = events.take(event >> 2);
    answered = 0;
    switch (event & 3u) {
      case 0:  // a radio frame
        copy(frame, bytes);
        static_cast<void>(radio.take(receiver, {frame, bytes.size}, MutableBytes(scratch)));
        break;
      case 1: {  // a frame on the line, with its CRC
        auto send = [&](std::uint8_t byte) { serial.take(byte, emit); };
        SlipWriter writer(send);
        writer.add(bytes);
        writer.end();
        break;
      }
      case 2:  // bytes on the line
        for (std::size_t i = 0; i < bytes.size; ++i) serial.take(bytes[i], emit);
        break;
      default:
        receiver.reopen();
        break;
    }
    if (answered > 2 * (kSerialAnswerHeader + kMaxReportBytes + slip::kCrcBytes + 2) * (1 + bytes.size)) std::abort();
  }
  return 0;
}
