// Any bytes as one message of a parcel that is a statement: a keys document or a time statement, told apart and judged
// as a device does it. First byte: how much more of the parcel there is. Cryptography is assumed.

#include <cstddef>
#include <initializer_list>

#include "fuzzed_device.hpp"
#include "update/message.hpp"

using namespace mote::update;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Device device;
  if (size < 2) return 0;
  const Bytes all{data + 1, size - 1};
  Message message;
  if (read_message(all, static_cast<std::uint32_t>(all.size + data[0]), message) != Status::ok) return 0;
  if (message.bytes > all.size) std::abort();
  const Bytes whole = all.part(0, message.bytes);
  if (message.kind == MessageKind::keys) {
    static_cast<void>(device.trust.verify_keys(whole));
  } else if (message.kind == MessageKind::time) {
    TimeStatement statement;
    if (device.trust.read_time(whole, statement) == Status::ok &&
        (statement.time_s > 2'000'000'000 || statement.expected_sequence > 1000))
      std::abort();
  }
  return 0;
}
