#pragma once
// Where an agent stands, as the agent protocol tells it.

#include "boards/agent_protocol.hpp"
#include "update/agent.hpp"

namespace mote::device {

inline AgentState agent_state(update::Agent& agent, update::Status answer, update::Progress progress) {
  const update::Record& record = agent.record();
  AgentState state{};
  state.confirmed_sequence = record.confirmed_sequence;
  state.active_slot = record.active;
  if (agent.has_module()) {
    state.active_sequence = record.slot[record.active].sequence;
    update::copy(state.active_digest, record.slot[record.active].digest);
  }
  state.last_sequence = record.last_sequence;
  state.time_s = record.time_s;
  state.keys_version = agent.keys_version();
  state.missing_blocks = agent.inbox() != nullptr ? agent.inbox()->missing_count() : 0;
  state.phase = static_cast<std::uint8_t>(agent.phase());
  state.last_status = static_cast<std::uint8_t>(record.last_status);
  state.answer = static_cast<std::uint8_t>(answer);
  state.progress = static_cast<std::uint8_t>(progress);
  state.commits = record.number;
  return state;
}

}  // namespace mote::device
