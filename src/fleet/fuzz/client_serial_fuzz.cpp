// Any device on the line: its answers to hello, who, report and held are any bytes, with the kind, tag and CRC that a
// host looks for. First byte: which visit; then answers, each a length and so many bytes, the first of which is the
// status.

#include <cstdlib>

#include "mote/fleet/serial_visit.hpp"
#include "serial_conversation.hpp"

using namespace mote;
using namespace mote::fleet;

namespace {

class Line : public ByteLine {
 public:
  explicit Line(ByteSpan answers) : answers_(answers) {}
  Result<void> write(ByteSpan bytes) override {
    update::SlipReader reader({buffer_, sizeof(buffer_)});
    for (const std::uint8_t byte : bytes) {
      const update::Bytes frame = reader.take(byte);
      if (frame.size < 2) continue;
      kind_ = frame[0];
      tag_ = frame[1];
    }
    return {};
  }
  Result<Bytes> read(std::chrono::milliseconds) override {
    if (answers_.empty()) return fail(Code::io, "it is gone");
    const std::size_t size = std::min<std::size_t>(answers_[0], answers_.size() - 1);
    const ByteSpan body = answers_.subspan(1, size);
    answers_ = answers_.subspan(1 + size);
    Bytes bytes;
    const auto emit = [&](std::uint8_t byte) { bytes.push_back(byte); };
    update::SlipWriter writer(emit);
    const std::uint8_t header[] = {static_cast<std::uint8_t>(kind_ | update::kSerialAnswer), tag_};
    writer.add(header);
    writer.add({body.data(), body.size()});
    writer.end();
    return bytes;
  }

 private:
  ByteSpan answers_;
  std::uint8_t kind_ = 0, tag_ = 0;
  std::uint8_t buffer_[512];
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  Line line(ByteSpan(data, size).subspan(1));
  SerialSenderOptions options;
  options.attempts = 2;
  switch (data[0] % 3) {
    case 0:
      static_cast<void>(ask_who(line, options));
      break;
    case 1:
      static_cast<void>(ask_report(line, options));
      break;
    default:
      if (const auto held = take_held(line, 1024, options); held && held->size() > 1024) std::abort();
      break;
  }
  return 0;
}
