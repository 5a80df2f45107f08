#pragma once
// Parcels over frames of 20 to 250 bytes of which some get lost, with or without an answer. Each stretch of a parcel is
// one session of TS004-2.0.0 (messages of port 201); an offer of mote's own says which parcel it is. docs/links.md has
// the bytes.
//
// The link itself drops damaged frames (LoRaWAN's MIC, a radio's CRC). What it lets through by mistake is found by the
// parcel's digests, at the cost of the parcel.

#include "update/fragments.hpp"

namespace mote::update {

enum class RadioMessage : std::uint8_t {
  frag_session_setup = 0x02,
  data_fragment = 0x08,
  offer = 0x80,  ///< of the identifiers that the standard leaves free
};

/// FragSessionSetupReq.
struct SessionSetup {
  std::uint8_t index = 0;           ///< FragIndex, 0 to 3
  std::uint8_t groups = 0;          ///< McGroupBitMask
  std::uint16_t fragments = 0;      ///< NbFrag
  std::uint8_t fragment_bytes = 0;  ///< FragSize
  std::uint8_t control = 0;         ///< AckReception, FragAlgo, BlockAckDelay
  std::uint8_t padding = 0;
  std::uint32_t descriptor = 0;
  std::uint16_t session_count = 0;
  std::uint8_t mic[4] = {};
};
constexpr std::size_t kSessionSetupBytes = 17;
constexpr std::size_t kDataFragmentHeader = 3;  ///< identifier, FragIndex and N
constexpr std::size_t kRadioOfferBytes = 14;
constexpr std::uint8_t kFragAlgoMask = 0x38;

constexpr std::uint32_t little_endian(Bytes bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = bytes.size; i-- > 0;) value = value << 8 | bytes[i];
  return value;
}
constexpr void write_little_endian(std::uint8_t* to, std::uint32_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) to[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

/// @return malformed  not this message, or another size.
[[nodiscard]] constexpr Status read_setup(Bytes frame, SessionSetup& out) {
  if (frame.size != kSessionSetupBytes || frame[0] != std::uint8_t(RadioMessage::frag_session_setup))
    return Status::malformed;
  out.index = (frame[1] >> 4) & 3u;
  out.groups = frame[1] & 15u;
  out.fragments = static_cast<std::uint16_t>(little_endian(frame.part(2, 2)));
  out.fragment_bytes = frame[4];
  out.control = frame[5];
  out.padding = frame[6];
  out.descriptor = little_endian(frame.part(7, 4));
  out.session_count = static_cast<std::uint16_t>(little_endian(frame.part(11, 2)));
  for (std::size_t i = 0; i < 4; ++i) out.mic[i] = frame[13 + i];
  return Status::ok;
}

constexpr void write_setup(const SessionSetup& setup, std::uint8_t (&frame)[kSessionSetupBytes]) {
  frame[0] = std::uint8_t(RadioMessage::frag_session_setup);
  frame[1] = static_cast<std::uint8_t>((setup.index & 3u) << 4 | (setup.groups & 15u));
  write_little_endian(frame + 2, setup.fragments, 2);
  frame[4] = setup.fragment_bytes;
  frame[5] = setup.control;
  frame[6] = setup.padding;
  write_little_endian(frame + 7, setup.descriptor, 4);
  write_little_endian(frame + 11, setup.session_count, 2);
  for (std::size_t i = 0; i < 4; ++i) frame[13 + i] = setup.mic[i];
}

/// What mote puts into a setup: the stretch, and by which six bytes of the parcel's id to know the parcel. The MIC's
/// place is free for them: who sent the parcel is told by its signatures.
constexpr SessionSetup setup_of(const Stretch& stretch, const Announcement& parcel) {
  SessionSetup setup;
  setup.index = stretch.number & 3u;
  setup.fragments = stretch.blocks;
  setup.fragment_bytes = static_cast<std::uint8_t>(parcel.block_bytes);
  const std::uint32_t end = (std::uint32_t{stretch.first} + stretch.blocks) * parcel.block_bytes;
  setup.padding = static_cast<std::uint8_t>(end > parcel.total_bytes ? end - parcel.total_bytes : 0);
  setup.descriptor = stretch.first | std::uint32_t{parcel.id[0]} << 16 | std::uint32_t{parcel.id[1]} << 24;
  setup.session_count = stretch.number;
  for (std::size_t i = 0; i < 4; ++i) setup.mic[i] = parcel.id[2 + i];
  return setup;
}

constexpr void write_offer(const Announcement& parcel, std::uint8_t (&frame)[kRadioOfferBytes]) {
  frame[0] = std::uint8_t(RadioMessage::offer);
  for (std::size_t i = 0; i < 8; ++i) frame[1 + i] = parcel.id[i];
  write_little_endian(frame + 9, parcel.total_bytes, 4);
  frame[13] = static_cast<std::uint8_t>(parcel.block_bytes);
}

/// The device's end.
/// @tparam Device  an Agent, or what offers the same announce, inbox, abandon, record and last_status.
template <class Device, unsigned kMaxLost = 64>
class RadioReceiver {
 public:
  /// @param frame    overwritten.
  /// @param scratch  a block's size or more, better a page.
  /// @return ok  of use, or not for us; waiting: more fragments are needed, or the inbox is not there yet; what
  /// announce
  ///         and FragmentDecoder::take return.
  [[nodiscard]] Status take(Device& device, MutableBytes frame, MutableBytes scratch) {
    if (frame.size == 0) return Status::malformed;
    switch (static_cast<RadioMessage>(frame.data[0])) {
      case RadioMessage::offer:
        return take_offer(device, frame);
      case RadioMessage::frag_session_setup:
        return take_setup(device, frame, scratch);
      case RadioMessage::data_fragment:
        return take_fragment(device, frame, scratch);
    }
    return Status::ok;  // another message of the link
  }

 private:
  Status take_offer(Device& device, Bytes frame) {
    if (frame.size != kRadioOfferBytes) return Status::malformed;
    Announcement parcel;
    copy(parcel.id, frame.part(1, 8));
    parcel.total_bytes = little_endian(frame.part(9, 4));
    parcel.block_bytes = frame[13];
    // A sender repeats its offers: a parcel that was received and ended is not received again, unless the device had no
    // room for it, or has lost a module since.
    const bool ended = equal(announced_, parcel.id) && !equal(device.record().inbox_id, parcel.id);
    const Status last = device.last_status();
    if (ended && last != Status::store_full && last != Status::flash_failed && last != Status::module_damaged)
      return Status::ok;
    if (device.inbox() == nullptr)
      is_open_ = false;  // whatever stretch was open, it was of an inbox that is erased now
    const Status status = device.announce(parcel);
    if (status == Status::ok || status == Status::waiting) copy(announced_, parcel.id);
    return status;
  }

  /// The parcel that is being received, when `setup` may be about it.
  static bool is_of_parcel(const Device& device, const SessionSetup& setup) {
    Announcement parcel;
    copy(parcel.id, device.record().inbox_id);
    parcel.total_bytes = device.record().inbox_total_bytes;
    parcel.block_bytes = device.record().inbox_block_bytes;
    const SessionSetup ours = setup_of(
        {static_cast<std::uint8_t>(setup.session_count), static_cast<std::uint16_t>(setup.descriptor), setup.fragments},
        parcel);
    return setup.index == ours.index && setup.descriptor == ours.descriptor && equal(setup.mic, ours.mic) &&
           setup.fragment_bytes == ours.fragment_bytes && setup.padding == ours.padding && parcel.block_bytes <= 255 &&
           setup.session_count <= 255;
  }

  Status take_setup(Device& device, Bytes frame, MutableBytes scratch) {
    SessionSetup setup;
    MOTE_UPDATE_TRY(read_setup(frame, setup));
    Inbox* inbox = device.inbox();
    if (inbox == nullptr) return Status::waiting;
    if (!is_of_parcel(device, setup)) return Status::ok;
    if ((setup.control & kFragAlgoMask) != 0) return Status::unsupported_algorithm;
    const Stretch stretch{static_cast<std::uint8_t>(setup.session_count), static_cast<std::uint16_t>(setup.descriptor),
                          setup.fragments};
    if (std::uint32_t{stretch.first} + stretch.blocks > inbox->block_count()) return Status::malformed;
    if (is_open_ && stretch.number == stretch_.number && stretch.first == stretch_.first &&
        stretch.blocks == stretch_.blocks && equal(setup.mic, {parcel_, sizeof(parcel_)}))
      return Status::ok;
    const Status opened = decoder_.open(*inbox, stretch, scratch);
    is_open_ = opened == Status::ok || opened == Status::waiting;
    stretch_ = stretch;
    copy(parcel_, setup.mic);
    return keep_going(device, opened);
  }

  Status take_fragment(Device& device, MutableBytes frame, MutableBytes scratch) {
    Inbox* inbox = device.inbox();
    if (inbox == nullptr || !is_open_) return Status::waiting;
    if (!equal({device.record().inbox_id + 2, sizeof(parcel_)}, {parcel_, sizeof(parcel_)})) {
      is_open_ = false;  // another parcel has taken the place of the one that this stretch is of
      return Status::ok;
    }
    if (frame.size < kDataFragmentHeader) return Status::malformed;
    const std::uint32_t header = little_endian({frame.data + 1, 2});
    if (header >> 14 != (stretch_.number & 3u)) return Status::ok;  // of another stretch, whose setup got lost
    const MutableBytes payload{frame.data + kDataFragmentHeader, frame.size - kDataFragmentHeader};
    return keep_going(device, decoder_.take(static_cast<std::uint16_t>(header & kMaxFragments), payload, scratch));
  }

  /// What can only be received anew is given up; the next offer begins it.
  Status keep_going(Device& device, Status status) {
    if (status != Status::store_full && status != Status::flash_failed) return status;
    is_open_ = false;
    device.abandon(status);
    return status;
  }

  FragmentDecoder<Inbox, kMaxLost> decoder_;
  Stretch stretch_;
  std::uint8_t parcel_[4] = {};     // of the stretch: bytes 2 to 5 of its id
  std::uint8_t announced_[8] = {};  // last parcel that this receiver began
  bool is_open_ = false;
};

}  // namespace mote::update
