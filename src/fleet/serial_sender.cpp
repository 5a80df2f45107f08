#include "mote/fleet/serial_sender.hpp"

#include <algorithm>

#include "mote/fleet/radio_sender.hpp"
#include "update/serial.hpp"

namespace mote::fleet {
namespace {

using update::Phase;
using update::SerialRequest;
using update::Status;

struct Answer {
  Status status;
  Bytes body;
};

struct Hello {
  Phase phase;
  Status last_status;
  std::size_t most_block_bytes;
  Bytes id;
  std::uint32_t total_bytes;
  std::size_t block_bytes;
  std::uint64_t active_sequence;
};

update::Bytes view(ByteSpan bytes) { return {bytes.data(), bytes.size()}; }

class Conversation {
 public:
  Conversation(ByteLine& line, const SerialSenderOptions& options)
      : line_(line), options_(options), reader_({buffer_.data(), buffer_.size()}) {}

  /// Asks until there is an answer to just this request.
  Result<Answer> ask(SerialRequest kind, ByteSpan body) {
    ++tag_;
    Bytes request;
    const auto emit = [&](std::uint8_t byte) { request.push_back(byte); };
    update::SlipWriter writer(emit);
    const std::uint8_t header[] = {static_cast<std::uint8_t>(kind), tag_};
    writer.add(header);
    writer.add(view(body));
    writer.end();
    for (unsigned attempt = 0; attempt < options_.attempts; ++attempt) {
      repeated += attempt != 0 ? 1 : 0;
      if (auto written = line_.write(request); !written) return tl::unexpected(written.error());
      const auto deadline = std::chrono::steady_clock::now() + options_.answer_timeout;
      for (;;) {
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
        auto bytes = line_.read(std::max(left, std::chrono::milliseconds(0)));
        if (!bytes) return tl::unexpected(bytes.error());
        Answer answer;
        if (find_answer(*bytes, kind, answer)) return answer;
        if (bytes->empty() || left.count() <= 0) break;
      }
    }
    return fail(Code::io, "the device does not answer; is it connected, and does its firmware take updates here?");
  }

  std::size_t repeated = 0;

 private:
  bool find_answer(ByteSpan bytes, SerialRequest kind, Answer& answer) {
    bool found = false;
    for (const std::uint8_t byte : bytes) {
      const update::Bytes frame = reader_.take(byte);
      if (frame.size < update::kSerialAnswerHeader || frame[1] != tag_ ||
          frame[0] != (static_cast<std::uint8_t>(kind) | update::kSerialAnswer))
        continue;
      answer.status = static_cast<Status>(frame[2]);
      answer.body.assign(frame.data + update::kSerialAnswerHeader, frame.data + frame.size);
      found = true;
    }
    return found;
  }

  ByteLine& line_;
  const SerialSenderOptions& options_;
  Bytes buffer_ = Bytes(4096);
  update::SlipReader reader_;
  std::uint8_t tag_ = 0;
};

Result<Hello> say_hello(Conversation& talk) {
  auto answer = talk.ask(SerialRequest::hello, {});
  if (!answer) return tl::unexpected(answer.error());
  const update::Bytes body = view(answer->body);
  if (answer->status != Status::ok || body.size != update::kSerialHelloBytes)
    return fail(Code::malformed, "the device's answer makes no sense; is it another version?");
  Hello hello;
  hello.phase = static_cast<Phase>(body[0]);
  hello.last_status = static_cast<Status>(body[1]);
  hello.most_block_bytes = update::little_endian(body.part(2, 2));
  hello.block_bytes = update::little_endian(body.part(16, 2));
  hello.id.assign(body.data + 4, body.data + 12);
  hello.total_bytes = update::little_endian(body.part(12, 4));
  hello.active_sequence =
      update::little_endian(body.part(22, 4)) | std::uint64_t{update::little_endian(body.part(26, 4))} << 32;
  return hello;
}

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
