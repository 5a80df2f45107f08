#include "serial_conversation.hpp"

#include <algorithm>
#include <atomic>

namespace mote::fleet::serial {

using update::Phase;
using update::SerialRequest;
using update::Status;

namespace {

/// Of the conversation before, which may still have answers under way.
std::atomic<std::uint8_t> last_tag{0};

}  // namespace

Conversation::Conversation(ByteLine& line, const SerialSenderOptions& options)
    : line_(line), options_(options), reader_({buffer_.data(), buffer_.size()}), tag_(last_tag) {}

Result<Answer> Conversation::ask(SerialRequest kind, ByteSpan body) {
  last_tag = ++tag_;
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

bool Conversation::find_answer(ByteSpan bytes, SerialRequest kind, Answer& answer) {
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
  hello.active_sequence = number_at(answer->body, 22, 8);
  hello.tried_sequence = number_at(answer->body, 30, 6);
  return hello;
}

std::uint64_t number_at(ByteSpan bytes, std::size_t offset, unsigned count) {
  std::uint64_t number = 0;
  for (unsigned i = 0; i < count; ++i) number |= std::uint64_t{bytes[offset + i]} << (8 * i);
  return number;
}

}  // namespace mote::fleet::serial
