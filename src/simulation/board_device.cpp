#include "mote/simulation/board_device.hpp"

#include <cstring>

#include "agent_firmware.hpp"
#include "native_field_device.hpp"

namespace mote::simulation {
namespace {

using device::AgentReply;
using device::AgentRequest;
using device::AgentState;

Bytes request_of(AgentRequest kind) { return {static_cast<std::uint8_t>(kind)}; }

void add(Bytes& bytes, std::uint64_t value, unsigned count) {
  for (unsigned i = 0; i < count; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

std::uint64_t number(ByteSpan bytes, std::size_t offset, unsigned count) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < count; ++i) value |= std::uint64_t{bytes[offset + i]} << (8 * i);
  return value;
}

}  // namespace

update::Layout layout_on(const board::BoardSpec& board, const BoardStorage& storage) {
  // The host has no flash of its own: its devices have that of an STM32L4.
  const bool has_flash = board.flash_sector_bytes != 0 && board.flash_write_bytes != 0;
  return update::arrange(has_flash ? board.flash_sector_bytes : 4096, has_flash ? board.flash_write_bytes : 8,
                         storage.module_bytes, storage.inbox_bytes);
}

Result<BoardDevice> BoardDevice::create(const board::BoardSpec& board, const BoardStorage& storage, ByteSpan factory) {
  MOTE_TRY(const ByteSpan firmware, agent_firmware(board));
  const update::Layout layout = layout_on(board, storage);
  if (device::kAgentUpdateOffset % board.flash_sector_bytes != 0 ||
      std::uint64_t{device::kAgentUpdateOffset} + layout.end() > board.flash_bytes) {
    return fail(Code::too_large, board.name + ": firmware, two slots and an inbox take " +
                                     std::to_string(device::kAgentUpdateOffset + layout.end()) +
                                     " bytes of flash; it has " + std::to_string(board.flash_bytes));
  }
  MOTE_TRY(board::VirtualBoard made, board::VirtualBoard::create(board, firmware));
  BoardDevice device(std::move(made));
  const device::AgentBoard division{device::kAgentBoardMagic, device::kAgentUpdateOffset, storage.module_bytes,
                                    storage.inbox_bytes, storage.stale_after_s};
  MOTE_TRY_VOID(device.flash().load(device::kAgentBoardOffset, bytes_of(std::span(&division, 1))));
  MOTE_TRY_VOID(device.flash().load(device::kAgentUpdateOffset, factory));
  device.board_.flash_changed();
  MOTE_TRY_VOID(device.board_.reset());
  return device;
}

/// Sends a request, and the bytes of the card as long as the device asks for them.
Result<Bytes> BoardDevice::request(ByteSpan bytes) {
  Bytes sent(bytes.begin(), bytes.end());
  for (;;) {
    MOTE_TRY(Bytes reply, measured_ ? board_.exchange_measured(sent) : board_.exchange(sent));
    if (reply.size() != 7 || reply[0] != static_cast<std::uint8_t>(AgentReply::read)) return reply;
    const auto offset = static_cast<std::size_t>(number(reply, 1, 4));
    const auto count = static_cast<std::size_t>(number(reply, 5, 2));
    if (offset > card_.size() || count > card_.size() - offset)
      return fail(Code::internal, "the firmware read behind the end of the card");
    sent.assign(card_.begin() + static_cast<std::ptrdiff_t>(offset),
                card_.begin() + static_cast<std::ptrdiff_t>(offset + count));
  }
}

Result<AgentState> BoardDevice::ask(ByteSpan bytes) {
  MOTE_TRY(const Bytes reply, request(bytes));
  AgentState state{};
  if (reply.size() != 1 + sizeof(state) || reply[0] != static_cast<std::uint8_t>(AgentReply::state))
    return fail(Code::internal,
                "the firmware answered " + std::to_string(reply.size()) + " bytes where its state was asked for");
  std::memcpy(&state, reply.data() + 1, sizeof(state));
  return state;
}

Result<AgentState> BoardDevice::start(update::ResetCause cause) {
  Bytes bytes = request_of(AgentRequest::start);
  add(bytes, static_cast<std::uint64_t>(cause), 1);
  return ask(bytes);
}

Result<AgentState> BoardDevice::state() { return ask(request_of(AgentRequest::state)); }

Result<AgentState> BoardDevice::step(std::uint16_t count) {
  Bytes bytes = request_of(AgentRequest::step);
  add(bytes, count, 2);
  return ask(bytes);
}

Result<AgentState> BoardDevice::announce(const update::Announcement& announcement) {
  Bytes bytes = request_of(AgentRequest::announce);
  bytes.insert(bytes.end(), std::begin(announcement.id), std::end(announcement.id));
  add(bytes, announcement.total_bytes, 4);
  add(bytes, announcement.block_bytes, 2);
  return ask(bytes);
}

Result<AgentState> BoardDevice::put(std::uint32_t number, ByteSpan block) {
  Bytes bytes = request_of(AgentRequest::block);
  add(bytes, number, 4);
  add(bytes, block.size(), 2);
  bytes.insert(bytes.end(), block.begin(), block.end());
  return ask(bytes);
}

Result<AgentState> BoardDevice::radio(ByteSpan frame) {
  if (frame.size() > 255) return fail(Code::invalid_argument, "a radio frame has at most 255 bytes");
  Bytes bytes = request_of(AgentRequest::radio);
  add(bytes, frame.size(), 1);
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  return ask(bytes);
}

Result<AgentState> BoardDevice::offer(ByteSpan parcel) {
  card_ = parcel;
  Bytes bytes = request_of(AgentRequest::source);
  add(bytes, parcel.size(), 4);
  return ask(bytes);
}

Result<AgentState> BoardDevice::abandon(update::Status reason) {
  Bytes bytes = request_of(AgentRequest::abandon);
  add(bytes, static_cast<std::uint64_t>(reason), 1);
  return ask(bytes);
}

Result<AgentState> BoardDevice::world(std::uint8_t battery_percent, std::uint64_t clock_s) {
  Bytes bytes = request_of(AgentRequest::world);
  add(bytes, battery_percent, 1);
  add(bytes, clock_s, 8);
  return ask(bytes);
}

Result<Bytes> BoardDevice::infer(ByteSpan input) {
  Bytes bytes = request_of(AgentRequest::infer);
  add(bytes, input.size(), 2);
  bytes.insert(bytes.end(), input.begin(), input.end());
  MOTE_TRY(const Bytes reply, request(bytes));
  if (reply.size() < 4 || reply[0] != static_cast<std::uint8_t>(AgentReply::output) ||
      reply.size() != 4 + number(reply, 2, 2))
    return fail(Code::internal,
                "the firmware answered " + std::to_string(reply.size()) + " bytes where an output was asked for");
  return Bytes(reply.begin() + 4, reply.end());
}

Result<Bytes> BoardDevice::report() {
  MOTE_TRY(const Bytes reply, request(request_of(AgentRequest::report)));
  if (reply.size() < 3 || reply[0] != static_cast<std::uint8_t>(AgentReply::report) ||
      reply.size() != 3 + number(reply, 1, 2))
    return fail(Code::internal,
                "the firmware answered " + std::to_string(reply.size()) + " bytes where a report was asked for");
  return Bytes(reply.begin() + 3, reply.end());
}

Result<Bytes> BoardDevice::serial(ByteSpan line) {
  Bytes bytes = request_of(AgentRequest::serial);
  add(bytes, line.size(), 2);
  bytes.insert(bytes.end(), line.begin(), line.end());
  MOTE_TRY(const Bytes reply, request(bytes));
  if (reply.size() < 3 || reply[0] != static_cast<std::uint8_t>(AgentReply::serial) ||
      reply.size() != 3 + number(reply, 1, 2))
    return fail(Code::internal,
                "the firmware answered " + std::to_string(reply.size()) + " bytes where its serial line was spoken to");
  return Bytes(reply.begin() + 3, reply.end());
}

Result<void> BoardDevice::power_on(std::uint64_t seed) {
  board_.flash().restore_power(seed);
  board_.flash_changed();
  return board_.reset();
}

Result<void> BoardDevice::flip(std::uint32_t offset, unsigned bit) {
  MOTE_TRY_VOID(board_.flash().flip(update_offset() + offset, bit));
  board_.flash_changed();
  return {};
}

Result<std::unique_ptr<FieldDevice>> make_field_device(const board::BoardSpec& board, const BoardStorage& storage,
                                                       ByteSpan factory) {
  if (!board.emulated()) return make_native_field_device(board, storage, factory);
  MOTE_TRY(BoardDevice device, BoardDevice::create(board, storage, factory));
  return std::make_unique<BoardDevice>(std::move(device));
}

}  // namespace mote::simulation
