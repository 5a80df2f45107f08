#include "mote/fleet/serial_visit.hpp"

#include <algorithm>

#include "serial_conversation.hpp"

namespace mote::fleet {
namespace {

using serial::Conversation;
using update::SerialRequest;
using update::Status;

tl::unexpected<Error> nonsense() {
  return fail(Code::malformed, "the device's answer makes no sense; is it another version?");
}

}  // namespace

Result<DeviceIdentity> ask_who(ByteLine& line, const SerialSenderOptions& options) {
  Conversation talk(line, options);
  MOTE_TRY(const serial::Hello hello, serial::say_hello(talk));
  MOTE_TRY(const serial::Answer answer, talk.ask(SerialRequest::who, {}));
  if (answer.status != Status::ok || answer.body.size() != update::kSerialWhoBytes) return nonsense();
  DeviceIdentity who;
  const auto* body = answer.body.data();
  std::copy_n(body, 16, who.vendor.begin());
  std::copy_n(body + 16, 16, who.klass.begin());
  std::copy_n(body + 32, 16, who.device.begin());
  std::copy_n(body + 48, 32, who.active.bytes.begin());
  who.keys_version = static_cast<std::uint32_t>(serial::number_at(answer.body, 80, 4));
  who.time_s = serial::number_at(answer.body, 84, 8);
  who.confirmed_sequence = serial::number_at(answer.body, 92, 8);
  who.active_sequence = hello.active_sequence;
  who.tried_sequence = hello.tried_sequence;
  who.phase = hello.phase;
  return who;
}

Result<Bytes> ask_report(ByteLine& line, const SerialSenderOptions& options) {
  Conversation talk(line, options);
  MOTE_TRY(serial::Answer answer, talk.ask(SerialRequest::report, {}));
  if (answer.status == Status::flash_failed)
    return fail(Code::io, "the device cannot count its reports: its flash fails");
  if (answer.status != Status::ok || answer.body.empty()) return nonsense();
  return std::move(answer.body);
}

Result<Bytes> take_held(ByteLine& line, std::size_t most_bytes, const SerialSenderOptions& options) {
  Conversation talk(line, options);
  Bytes parcel;
  std::size_t whole = 0;
  do {
    Bytes offset(4);
    update::write_little_endian(offset.data(), static_cast<std::uint32_t>(parcel.size()), 4);
    MOTE_TRY(const serial::Answer answer, talk.ask(SerialRequest::held, offset));
    if (answer.status == Status::waiting) return Bytes{};
    const ByteSpan body = answer.body;
    if (answer.status != Status::ok || body.size() <= update::kSerialHeldHeader) return nonsense();
    whole = serial::number_at(body, 4, 4);
    if (whole > most_bytes)
      return fail(Code::too_large, "the device holds a parcel of " + std::to_string(whole) + " bytes");
    const ByteSpan piece = body.subspan(update::kSerialHeldHeader);
    if (serial::number_at(body, 0, 4) != parcel.size() || piece.size() > whole - parcel.size()) return nonsense();
    parcel.insert(parcel.end(), piece.begin(), piece.end());
  } while (parcel.size() < whole);
  return parcel;
}

}  // namespace mote::fleet
