#pragma once
// Parcels over a serial line: a host asks, the device answers, in SLIP frames (slip.hpp). Requests can be repeated
// without harm, so a host that hears nothing asks again. docs/links.md has the bytes.

#include "update/inbox.hpp"
#include "update/radio.hpp"
#include "update/report.hpp"
#include "update/slip.hpp"

namespace mote::update {

enum class SerialRequest : std::uint8_t {
  hello = 1,     ///< where the device stands
  announce = 2,  ///< an Announcement: id (8 bytes), total bytes (4), block bytes (2)
  block = 3,     ///< number (4), bytes
  have = 4,      ///< number (4): which blocks from there are stored, a bit each, lowest first
  who = 5,       ///< whose device it is, and what it runs
  report = 6,    ///< its own report, one number higher than the one before: a write of the journal each
  held = 7,      ///< offset (4): bytes from there of the parcel that its inbox holds, for whoever passes it on
};
/// An answer repeats the request's first byte with this bit, and its second, which the host chose; then a Status.
constexpr std::uint8_t kSerialAnswer = 0x80;
constexpr std::size_t kSerialRequestHeader = 2, kSerialAnswerHeader = 3, kSerialBlockHeader = 6;
constexpr std::size_t kSerialHelloBytes = 36;                         ///< of an answer's body
constexpr std::size_t kSerialHaveBytes = 32;                          ///< at most, of the bits
constexpr std::size_t kSerialWhoBytes = 100;                          ///< of an answer's body
constexpr std::size_t kSerialHeldHeader = 8, kSerialHeldBytes = 192;  ///< at most, of the parcel
static_assert(kSerialHeldHeader + kSerialHeldBytes <= kMaxReportBytes && kSerialWhoBytes <= kMaxReportBytes &&
                  4 + kSerialHaveBytes <= kMaxReportBytes && kSerialHelloBytes <= kMaxReportBytes,
              "the largest answer is a report");

/// Largest block that a device with a buffer of so many bytes takes.
constexpr std::size_t serial_block_bytes(std::size_t buffer_bytes) {
  const std::size_t overhead = kSerialBlockHeader + slip::kCrcBytes;
  const std::size_t bytes = buffer_bytes > overhead ? buffer_bytes - overhead : 0;
  return bytes < kMaxBlockBytes ? bytes : kMaxBlockBytes;
}

/// The device's end.
/// @tparam Device  an Agent, or what offers the same announce, inbox, held, abandon, report, identity, keys_version,
///                 record, phase and last_status.
template <class Device>
class SerialLink {
 public:
  /// @param buffer  for one frame, borrowed; its size decides how large blocks may be. 64 bytes or more.
  SerialLink(Device& device, MutableBytes buffer) : device_(device), buffer_(buffer), reader_(buffer) {}

  /// @param emit  called with each byte of an answer.
  template <class Emit>
  void take(std::uint8_t byte, Emit emit) {
    const Bytes frame = reader_.take(byte);
    if (frame.size < kSerialRequestHeader) return;
    const std::uint8_t kind = frame[0], tag = frame[1];
    const Bytes body = frame.part(kSerialRequestHeader, frame.size);
    std::uint8_t answer[kMaxReportBytes];
    MutableBytes out{answer, 0};
    Status status = Status::malformed;
    switch (static_cast<SerialRequest>(kind)) {
      case SerialRequest::hello:
        status = hello(answer, out.size);
        break;
      case SerialRequest::announce:
        status = announce(body);
        break;
      case SerialRequest::block:
        status = block(body, answer, out.size);
        break;
      case SerialRequest::have:
        status = have(body, answer, out.size);
        break;
      case SerialRequest::who:
        out.size = who(answer);
        status = Status::ok;
        break;
      case SerialRequest::report:
        out.size = device_.report(MutableBytes(answer));
        status = out.size != 0 ? Status::ok : Status::flash_failed;
        break;
      case SerialRequest::held:
        status = held(body, answer, out.size);
        break;
      default:
        return;
    }
    SlipWriter<Emit> writer(emit);
    const std::uint8_t header[kSerialAnswerHeader] = {static_cast<std::uint8_t>(kind | kSerialAnswer), tag,
                                                      static_cast<std::uint8_t>(status)};
    writer.add(header);
    writer.add(out);
    writer.end();
  }

 private:
  /// Phase, last status, largest block (2), parcel under way (8), its bytes (4), its block bytes (2), blocks missing
  /// (4), sequence of the running module (8), highest one tried (6).
  Status hello(std::uint8_t* to, std::size_t& size) {
    const auto& record = device_.record();
    const bool receiving = device_.inbox() != nullptr;
    const std::uint64_t active = record.active < 2 ? record.slot[record.active].sequence : 0;
    to[0] = static_cast<std::uint8_t>(device_.phase());
    to[1] = static_cast<std::uint8_t>(device_.last_status());
    write_little_endian(to + 2, static_cast<std::uint32_t>(serial_block_bytes(buffer_.size)), 2);
    copy(to + 4, record.inbox_id);
    write_little_endian(to + 12, record.inbox_total_bytes, 4);
    write_little_endian(to + 16, record.inbox_block_bytes, 2);
    write_little_endian(to + 18, receiving ? device_.inbox()->missing_count() : 0, 4);
    for (unsigned i = 0; i < 8; ++i) to[22 + i] = static_cast<std::uint8_t>(active >> (8 * i));
    for (unsigned i = 0; i < 6; ++i) to[30 + i] = static_cast<std::uint8_t>(record.tried_sequence >> (8 * i));
    size = kSerialHelloBytes;
    return Status::ok;
  }

  Status announce(Bytes body) {
    if (body.size != 14) return Status::malformed;
    Announcement parcel;
    copy(parcel.id, body.part(0, 8));
    parcel.total_bytes = little_endian(body.part(8, 4));
    parcel.block_bytes = static_cast<std::uint16_t>(little_endian(body.part(12, 2)));
    if (parcel.block_bytes > serial_block_bytes(buffer_.size)) return Status::too_large;
    return device_.announce(parcel);
  }

  Status block(Bytes body, std::uint8_t* to, std::size_t& size) {
    if (body.size < 4) return Status::malformed;
    copy(to, body.part(0, 4));
    size = 4;
    const std::uint32_t number = little_endian(body.part(0, 4));
    Inbox* inbox = device_.inbox();
    if (inbox == nullptr) return Status::waiting;
    if (number >= inbox->block_count()) return Status::malformed;
    const Status status = inbox->put(number, body.part(4, body.size));
    if (status == Status::store_full) device_.abandon(status);
    return status;
  }

  Status have(Bytes body, std::uint8_t* to, std::size_t& size) {
    if (body.size != 4) return Status::malformed;
    copy(to, body);
    size = 4;
    const std::uint32_t from = little_endian(body);
    Inbox* inbox = device_.inbox();
    if (inbox == nullptr) return Status::waiting;
    if (from >= inbox->block_count()) return Status::malformed;
    for (std::uint32_t i = 0; i < 8 * kSerialHaveBytes && from + i < inbox->block_count(); ++i) {
      if (i % 8 == 0) to[size++] = 0;
      if (inbox->has(from + i)) to[size - 1] = static_cast<std::uint8_t>(to[size - 1] | 1u << (i % 8));
    }
    return Status::ok;
  }

  /// Vendor, class, device (16 each), digest of the running module (32; zeros: none), version of the keys document (4),
  /// time (8), highest sequence that was confirmed (8).
  std::size_t who(std::uint8_t* to) {
    const auto& record = device_.record();
    const auto& identity = device_.identity();
    copy(to, identity.vendor);
    copy(to + 16, identity.klass);
    copy(to + 32, identity.device);
    for (unsigned i = 0; i < 32; ++i) to[48 + i] = record.active < 2 ? record.slot[record.active].digest[i] : 0;
    write_little_endian(to + 80, device_.keys_version(), 4);
    for (unsigned i = 0; i < 8; ++i) to[84 + i] = static_cast<std::uint8_t>(record.time_s >> (8 * i));
    for (unsigned i = 0; i < 8; ++i) to[92 + i] = static_cast<std::uint8_t>(record.confirmed_sequence >> (8 * i));
    return kSerialWhoBytes;
  }

  /// Offset (4), bytes of the whole parcel (4), bytes of it.
  Status held(Bytes body, std::uint8_t* to, std::size_t& size) {
    if (body.size != 4) return Status::malformed;
    const std::uint32_t offset = little_endian(body);
    Inbox* inbox = device_.held();
    if (inbox == nullptr) return Status::waiting;
    if (offset >= inbox->bytes()) return Status::malformed;
    const std::uint32_t left = inbox->bytes() - offset;
    const std::uint32_t count = left < kSerialHeldBytes ? left : static_cast<std::uint32_t>(kSerialHeldBytes);
    MOTE_UPDATE_TRY(inbox->read(offset, {to + kSerialHeldHeader, count}));
    copy(to, body);
    write_little_endian(to + 4, inbox->bytes(), 4);
    size = kSerialHeldHeader + count;
    return Status::ok;
  }

  Device& device_;
  MutableBytes buffer_;
  SlipReader reader_;
};

}  // namespace mote::update
