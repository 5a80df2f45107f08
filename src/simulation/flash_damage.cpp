#include "flash_damage.hpp"

#include <algorithm>

namespace mote::simulation {
namespace {

using update::Status;

constexpr double kChance = 0.02;  // of a flip in a turn

}  // namespace

FlashDamage::FlashDamage(const FlipOptions& options, const std::vector<Bytes>& modules, const update::Layout& layout,
                         unsigned pace_s, std::uint64_t seed)
    : options_(options), modules_(modules), layout_(layout), pace_s_(pace_s), rng_(seed) {}

void FlashDamage::begin(DamageOutcome& outcome) { outcome_ = &outcome; }

Result<bool> FlashDamage::strike(FieldDevice& device, const device::AgentState& state) {
  if (is_over() || !rng_.chance(kChance)) return false;
  const bool runs = state.active_slot != update::kNoSlot;
  struct Place {
    std::uint32_t offset, bytes;
    unsigned* count;
  };
  std::vector<Place> places;
  const auto slot = [&](unsigned number, unsigned& count) {
    places.push_back({layout_.slot(number), layout_.slot_bytes, &count});
  };
  if (options_.module && runs)
    places.push_back({layout_.slot(state.active_slot),
                      static_cast<std::uint32_t>(modules_[state.active_sequence - 1].size()), &outcome_->module_flips});
  if (options_.slot) slot(runs ? 1u - state.active_slot : 1u, outcome_->slot_flips);
  if (options_.journal) places.push_back({layout_.journal, 2 * layout_.journal_area_bytes, &outcome_->journal_flips});
  if (places.empty()) return false;  // no module runs, and none but its bits are to flip
  const Place& place = places[rng_.below(places.size())];
  const auto offset = place.offset + static_cast<std::uint32_t>(rng_.below(place.bytes));
  MOTE_TRY_VOID(device.flip(offset, static_cast<unsigned>(rng_.below(8))));
  ++*place.count;
  damaged_ = is_damaged(device, state);
  return true;
}

bool FlashDamage::is_damaged(FieldDevice& device, const device::AgentState& state) const {
  if (state.active_sequence == 0) return false;
  const Bytes& module = modules_[state.active_sequence - 1];
  const ByteSpan flash = device.flash().bytes().subspan(device.update_offset() + layout_.slot(state.active_slot));
  return !std::ranges::equal(module, flash.first(module.size()));
}

void FlashDamage::infers(FieldDevice& device, const device::AgentState& state) {
  if (is_scheduled() && is_damaged(device, state)) ++outcome_->damaged_inferences;
}

void FlashDamage::look(FieldDevice& device, const device::AgentState& before, const device::AgentState& after) {
  if (!is_scheduled()) return;
  const bool was_damaged = damaged_;
  damaged_ = is_damaged(device, after);
  if (static_cast<Status>(after.last_status) == Status::module_damaged && after.commits != before.commits) {
    if (after.active_sequence == before.active_sequence)
      outcome_->mended += was_damaged && !damaged_ ? 1u : 0u;
    else
      ++(after.active_sequence != 0 ? outcome_->replaced : outcome_->lost);
  }
  if (damaged_) {
    ++damaged_turns_;
    outcome_->longest_damaged_s = std::max(outcome_->longest_damaged_s, damaged_turns_ * pace_s_);
  } else {
    damaged_turns_ = 0;
  }
  if (after.active_sequence == 0)
    outcome_->without_s += pace_s_;
  else if (after.active_sequence < after.confirmed_sequence)
    outcome_->older_s += pace_s_;
}

}  // namespace mote::simulation
