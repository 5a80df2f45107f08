#include "mote/fleet/serial_sender.hpp"

#include <algorithm>

#include "mote/fleet/radio_sender.hpp"
#include "serial_conversation.hpp"

namespace mote::fleet {
namespace {

using serial::Conversation;
using serial::Hello;
using serial::say_hello;
using update::Phase;
using update::SerialRequest;
using update::Status;

Result<void> announce(Conversation& talk, const update::Announcement& parcel, const SerialSenderOptions& options) {
  Bytes body(14);
  std::copy_n(parcel.id, 8, body.begin());
  update::write_little_endian(body.data() + 8, parcel.total_bytes, 4);
  update::write_little_endian(body.data() + 12, parcel.block_bytes, 2);
  for (unsigned poll = 0; poll < options.polls; ++poll) {
    auto answer = talk.ask(SerialRequest::announce, body);
    if (!answer) return tl::unexpected(answer.error());
    if (answer->status == Status::ok) return {};
    if (answer->status == Status::busy)
      return fail(Code::invalid_argument, "the device is busy with another update; try again when that has ended");
    if (answer->status == Status::too_large)
      return fail(Code::too_large,
                  "the device has no room for a parcel of " + std::to_string(parcel.total_bytes) + " bytes");
    if (answer->status != Status::waiting)
      return fail(Code::malformed, std::string("the device refuses to receive: ") + name(answer->status));
  }
  return fail(Code::io, "the device does not get ready to receive");
}

/// Sends what the device lacks. @return whether it has all of it; false when it has stopped receiving.
Result<bool> send_missing(Conversation& talk, ByteSpan parcel, const update::Announcement& announcement,
                          const SerialSenderOptions& options, SerialOutcome& outcome) {
  const std::size_t blocks = (parcel.size() - 1) / announcement.block_bytes + 1;
  std::size_t stored = 0;
  for (std::size_t from = 0; from < blocks;) {
    Bytes number(4);
    update::write_little_endian(number.data(), static_cast<std::uint32_t>(from), 4);
    auto have = talk.ask(SerialRequest::have, number);
    if (!have) return tl::unexpected(have.error());
    if (have->status == Status::waiting) return false;
    const std::size_t count = std::min(blocks - from, 8 * (std::max<std::size_t>(have->body.size(), 4) - 4));
    if (have->status != Status::ok || count == 0)
      return fail(Code::malformed, std::string("the device does not tell what it has: ") + name(have->status));
    for (std::size_t i = 0; i < count; ++i) {
      ++stored;
      if ((have->body[4 + i / 8] >> (i % 8) & 1u) != 0) continue;
      const std::size_t begin = (from + i) * announcement.block_bytes;
      const ByteSpan block =
          parcel.subspan(begin, std::min<std::size_t>(announcement.block_bytes, parcel.size() - begin));
      Bytes body(4);
      update::write_little_endian(body.data(), static_cast<std::uint32_t>(from + i), 4);
      body.insert(body.end(), block.begin(), block.end());
      auto put = talk.ask(SerialRequest::block, body);
      if (!put) return tl::unexpected(put.error());
      if (put->status != Status::ok) return false;
      ++outcome.blocks_sent;
      if (options.progress) options.progress(stored, blocks);
    }
    from += count;
  }
  return true;
}

}  // namespace

Result<SerialOutcome> send_over_serial(ByteLine& line, ByteSpan parcel, const SerialSenderOptions& options) {
  if (parcel.empty()) return fail(Code::invalid_argument, "an empty parcel cannot be sent");
  SerialOutcome outcome;
  Conversation talk(line, options);
  auto hello = say_hello(talk);
  if (!hello) return tl::unexpected(hello.error());
  update::Announcement parcel_is = announcement_of(parcel, std::min(options.block_bytes, hello->most_block_bytes));
  const auto same_as = [](const update::Announcement& parcel_of, const Hello& now) {
    return std::equal(now.id.begin(), now.id.end(), parcel_of.id) && now.total_bytes == parcel_of.total_bytes;
  };
  // What came by radio, say, is gone on with in the radio's blocks.
  if (same_as(parcel_is, *hello)) parcel_is.block_bytes = static_cast<std::uint16_t>(hello->block_bytes);
  if (parcel_is.block_bytes == 0) return fail(Code::malformed, "the device says that it takes blocks of no bytes");
  if (auto ready = announce(talk, parcel_is, options); !ready) return tl::unexpected(ready.error());

  for (unsigned poll = 0; poll < options.polls; ++poll) {
    auto all = send_missing(talk, parcel, parcel_is, options, outcome);
    if (!all) return tl::unexpected(all.error());
    hello = say_hello(talk);
    if (!hello) return tl::unexpected(hello.error());
    outcome.phase = hello->phase;
    outcome.status = hello->last_status;
    outcome.active_sequence = hello->active_sequence;
    outcome.requests_repeated = talk.repeated;
    const bool underway = same_as(parcel_is, *hello) && hello->phase != Phase::idle;
    const bool judging = underway && (hello->phase == Phase::preparing || hello->phase == Phase::receiving ||
                                      hello->phase == Phase::checking);
    if (!judging) return outcome;
    // Nothing is missing: the device is at work on what it has. Its answers must not be waited for in vain meanwhile.
    if (*all) {
      auto noise = line.read(options.poll_interval);
      if (!noise) return tl::unexpected(noise.error());
    }
  }
  return fail(Code::io, "the device does not come to an end with the parcel");
}

}  // namespace mote::fleet
