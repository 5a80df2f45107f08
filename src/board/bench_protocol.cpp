#include "bench_protocol.hpp"

#include "boards/protocol.hpp"

namespace mote::board {
namespace {

using device::BenchReply;
using device::BenchRequest;
using device::BenchStatus;

ByteWriter request(BenchRequest kind) {
  ByteWriter writer;
  writer.u8(static_cast<std::uint8_t>(kind));
  return writer;
}

std::string describe(std::uint32_t status) {
  switch (static_cast<BenchStatus>(status)) {
    case BenchStatus::ok:
      return "no error";
    case BenchStatus::bad_magic:
      return "the firmware contains no module";
    case BenchStatus::wrong_abi:
      return "the module was built for another ABI version than the firmware; compile it anew";
    case BenchStatus::wrong_core:
      return "the module was built for another core; compile it for this board";
    case BenchStatus::missing_isa_feature:
      return "the module needs instructions that this core lacks";
    case BenchStatus::bad_layout:
      return "the module's header points outside of the module or its arena";
    case BenchStatus::arena_too_small:
      return "the module wants a larger or more strictly aligned arena than the firmware reserves";
    case BenchStatus::wrong_input_length:
      return "the input does not have the length that the module expects";
    case BenchStatus::no_sensor:
      return "this board has no sensor port";
    case BenchStatus::sensor_empty:
      return "the sensor port holds fewer bytes than one input";
    case BenchStatus::unknown_request:
      return "the firmware does not know this request";
    case BenchStatus::no_such_module:
      return "the firmware holds fewer modules";
  }
  return "the module returned status " + std::to_string(static_cast<std::int32_t>(status));
}

Error fault(ByteSpan reply) {
  ByteReader reader(reply.subspan(5));
  const std::uint32_t pc = reader.u32_le().value_or(0), cfsr = reader.u32_le().value_or(0),
                      address = reader.u32_le().value_or(0);
  const auto hex = [](std::uint32_t value) {
    ByteWriter big_endian;
    for (int shift = 24; shift >= 0; shift -= 8) big_endian.u8(static_cast<std::uint8_t>(value >> shift));
    return "0x" + to_hex(big_endian.bytes());
  };
  return Error(Code::internal,
               "the program faulted at pc " + hex(pc) + " (CFSR " + hex(cfsr) + ", address " + hex(address) + ")");
}

bool is_fault(ByteSpan reply) {
  return reply.size() == 5 + sizeof(device::BenchFault) && reply[0] == static_cast<std::uint8_t>(BenchReply::fault);
}

}  // namespace

Bytes run_request(ByteSpan input) {
  ByteWriter writer = request(BenchRequest::run_input);
  writer.u32_le(static_cast<std::uint32_t>(input.size()));
  writer.append(input);
  return std::move(writer).take();
}

Bytes sensor_request(std::uint32_t input_bytes) {
  ByteWriter writer = request(BenchRequest::run_sensor);
  writer.u32_le(input_bytes);
  return std::move(writer).take();
}

Bytes memory_request(std::uint32_t address, std::uint32_t input_bytes) {
  ByteWriter writer = request(BenchRequest::run_memory);
  writer.u32_le(address);
  writer.u32_le(input_bytes);
  return std::move(writer).take();
}

Bytes identify_request() { return request(BenchRequest::identify).bytes(); }

Bytes select_request(std::uint32_t index) {
  ByteWriter writer = request(BenchRequest::select);
  writer.u32_le(index);
  return std::move(writer).take();
}

std::size_t reply_bytes(ByteSpan begun) {
  if (begun.empty()) return 0;
  const bool output = begun[0] == static_cast<std::uint8_t>(BenchReply::output);
  const bool other = begun[0] == static_cast<std::uint8_t>(BenchReply::identity) ||
                     begun[0] == static_cast<std::uint8_t>(BenchReply::fault);
  const std::size_t head_bytes = output ? 9 : 5;
  if ((!output && !other) || begun.size() < head_bytes) return 0;
  ByteReader length(begun.subspan(head_bytes - 4));
  return head_bytes + length.u32_le().value_or(0);
}

Result<Bytes> parse_output(ByteSpan reply) {
  if (is_fault(reply)) return fail(fault(reply));
  const bool whole =
      !reply.empty() && reply[0] == static_cast<std::uint8_t>(BenchReply::output) && reply_bytes(reply) == reply.size();
  if (!whole)
    return fail(Code::malformed, "the firmware's answer of " + std::to_string(reply.size()) +
                                     " bytes is no output; is it mote's bench firmware?");
  ByteReader reader(reply.subspan(1));
  MOTE_TRY(const std::uint32_t status, reader.u32_le());
  if (status != 0) return fail(Code::invalid_argument, describe(status));
  return Bytes(reply.begin() + 9, reply.end());
}

Result<FirmwareIdentity> parse_identity(ByteSpan reply) {
  if (is_fault(reply)) return fail(fault(reply));
  const bool whole =
      reply.size() == 5 + sizeof(device::BenchIdentity) && reply[0] == static_cast<std::uint8_t>(BenchReply::identity);
  if (!whole) return fail(Code::malformed, "the firmware does not identify itself; is it mote's bench firmware?");
  ByteReader reader(reply.subspan(5));
  MOTE_TRY(const std::uint32_t protocol, reader.u32_le());
  MOTE_TRY(const std::uint32_t status, reader.u32_le());
  if (protocol != device::kBenchProtocol)
    return fail(Code::unsupported,
                "the firmware speaks version " + std::to_string(protocol) + " of the bench protocol; build it anew");
  if (status != 0) return fail(Code::invalid_argument, describe(status));
  FirmwareIdentity identity;
  MOTE_TRY(identity.arena_capacity_bytes, reader.u32_le());
  MOTE_TRY(identity.arena_bytes, reader.u32_le());
  MOTE_TRY(identity.input_bytes, reader.u32_le());
  MOTE_TRY(identity.output_bytes, reader.u32_le());
  return identity;
}

}  // namespace mote::board
