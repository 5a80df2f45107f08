#include "update/agent.hpp"

#include "abi/misfit.hpp"
#include "update/block_macs.hpp"
#include "update/flash.hpp"
#include "update/message.hpp"
#include "update/suit.hpp"

namespace mote::update {
namespace {

constexpr std::uint32_t kHashAtOnce = 4 * kPageBytes;

/// Refusals that say something about this device, not about the parcel: a later message may be for it.
bool is_for_others(Status status) {
  return status == Status::wrong_vendor || status == Status::wrong_class || status == Status::wrong_device ||
         status == Status::wrong_base || status == Status::replayed || status == Status::wrong_core ||
         status == Status::wrong_abi || status == Status::rollback || status == Status::failed_before ||
         status == Status::decryption_failed;  // its content key is for another group
}

/// Whether what a plan borrows is the same as what the device has.
[[gnu::noinline]] bool is_same(const Bytes& planned, const std::uint8_t* own, std::size_t bytes) {
  return planned.size == bytes && __builtin_memcmp(planned.data, own, bytes) == 0;
}
template <std::size_t N>
bool is_same(const Bytes& planned, const std::uint8_t (&own)[N]) {
  return is_same(planned, own, N);
}

Status status_of(device::Misfit misfit) {
  switch (misfit) {
    case device::Misfit::none:
      return Status::ok;
    case device::Misfit::bad_magic:
    case device::Misfit::bad_layout:
      return Status::malformed;
    case device::Misfit::wrong_abi:
      return Status::wrong_abi;
    case device::Misfit::wrong_core:
    case device::Misfit::missing_isa_feature:
      return Status::wrong_core;
    case device::Misfit::arena_too_small:
      return Status::arena_too_large;
  }
  return Status::internal;
}

/// What is remembered of a module that failed.
const std::uint8_t (&first_of(const std::uint8_t* digest))[8] {
  return *reinterpret_cast<const std::uint8_t(*)[8]>(digest);
}

bool is_zero(const std::uint8_t (&schema)[8]) {
  std::uint8_t any = 0;
  for (const std::uint8_t byte : schema) any = static_cast<std::uint8_t>(any | byte);
  return any == 0;
}

/// What the module expects to be given is what this board's firmware gives.
Status judge_schemas(const std::uint8_t (&sensor)[8], const std::uint8_t (&feature)[8], const Port::Runtime& has) {
  if (!is_zero(has.sensor_schema) && !equal(sensor, has.sensor_schema)) return Status::wrong_sensor_schema;
  if (!is_zero(has.feature_schema) && !equal(feature, has.feature_schema)) return Status::wrong_feature_schema;
  return Status::ok;
}

/// Whether all vectors lie in the module.
bool vectors_fit(const device::ModuleHeader& header, std::uint32_t module_bytes) {
  if (header.vectors_count == 0) return true;
  if (header.vectors_offset > module_bytes || header.input_bytes > module_bytes || header.output_bytes > module_bytes)
    return false;
  const std::uint32_t pair = header.input_bytes + header.output_bytes;  // of two numbers below 2^31
  return header.vectors_count <= (module_bytes - header.vectors_offset) / (pair == 0 ? 1 : pair);
}

/// Index of the largest int8 value; the first one of equals.
std::uint32_t first_class(Bytes output) {
  std::uint32_t best = 0;
  for (std::uint32_t i = 1; i < output.size; ++i) {
    if (static_cast<std::int8_t>(output[i]) > static_cast<std::int8_t>(output[best])) best = i;
  }
  return best;
}

/// Its size and blocks stay: what the inbox holds can be passed on until the next parcel erases it.
void clear_parcel(Record& record) {
  for (std::uint8_t& byte : record.inbox_id) byte = 0;
  record.from_inbox = 0;
  record.message_offset = 0;
}

}  // namespace

// ---- starting

Status Agent::start(ResetCause cause) {
  const Status mounted = journal_.mount(port_);
  const Status loaded = trust_.load(port_, record().keys_area);
  if (mounted == Status::flash_failed) return mounted;
  MOTE_UPDATE_TRY(loaded);
  if (mounted == Status::malformed) MOTE_UPDATE_TRY(recover());
  done_ = record().done;
  agreed_ = record().agreed;
  phase_ = record().phase;
  switch (phase_) {
    case Phase::idle:
    case Phase::checking:
      phase_ = Phase::idle;
      break;
    case Phase::preparing:
      at_ = 0;
      break;
    case Phase::receiving:
      open_inbox();
      break;
    case Phase::installing:
      MOTE_UPDATE_TRY(resume_install());
      break;
    case Phase::testing:
      at_ = 0;
      if (cause != ResetCause::power_on) MOTE_UPDATE_TRY(reject(Status::self_test_failed));
      break;
    case Phase::shadowing:
      if (cause != ResetCause::power_on) MOTE_UPDATE_TRY(reject(Status::not_confirmed));
      break;
    case Phase::trial:
      MOTE_UPDATE_TRY(count_trial_start(cause));
      break;
  }
  // What is to prove itself was whole when it was written; days may have passed since.
  const bool is_proving = phase_ == Phase::testing || phase_ == Phase::shadowing;
  if (is_proving && !slot_matches(other(), record().slot[other()])) end(Status::module_damaged);
  MOTE_UPDATE_TRY(check_active());
  return has_module() ? Status::ok : Status::waiting;
}

/// A journal that is lost, or of a new device: the tables behind the modules say which of them are this device's, and
/// were confirmed.
Status Agent::recover() {
  BlockMacs macs(port_, identity().device_key);
  Record& found = journal_.edit();
  for (unsigned slot = 0; slot < 2; ++slot) {
    SlotRecord& module = found.slot[slot];
    if (macs.identify(slot, module) != Status::ok || !slot_matches(slot, module)) {
      module = {};
      continue;
    }
    module.proven = 1;
    if (module.sequence > found.tried_sequence || found.active == kNoSlot) {
      found.active = static_cast<std::uint8_t>(slot);
      found.tried_sequence = module.sequence;
    }
  }
  found.confirmed_sequence = found.tried_sequence;
  return journal_.commit();
}

Status Agent::count_trial_start(ResetCause cause) {
  Record& next = journal_.edit();
  if (cause != ResetCause::power_on) ++next.faults;
  ++next.starts;
  if (next.faults >= policy_.trial_faults || next.starts > policy_.trial_starts) return reject(Status::not_confirmed);
  return journal_.commit();
}

/// Whoever is to be run is whole, is mended from the other slot, or is replaced by the other slot's module, if that is
/// proven and whole. Else none runs until a bundle repairs it.
Status Agent::check_active() {
  unsigned slot = kNoSlot;
  for (;;) {
    if (!has_module()) return Status::ok;
    slot = record().active;
    if (slot_matches(slot, record().slot[slot])) return Status::ok;
    if (phase_ != Phase::trial) break;
    MOTE_UPDATE_TRY(reject(Status::module_damaged));  // and the one before may be damaged, too
  }
  mend(slot);
  Record& next = journal_.edit();
  next.last_status = Status::module_damaged;
  next.last_sequence = next.slot[slot].sequence;
  if (!slot_matches(slot, next.slot[slot])) {
    const unsigned spare = 1 - slot;
    const bool is_whole = next.slot[spare].proven != 0 && slot_matches(spare, next.slot[spare]);
    next.active = is_whole ? static_cast<std::uint8_t>(spare) : kNoSlot;
  }
  return journal_.commit();
}

/// Writes the sectors of damaged blocks anew with what the other slot holds there: after an update, most of it is the
/// same. The module's digest tells whether it was.
void Agent::mend(unsigned slot) {
  const Layout& layout = port_.layout();
  const SlotRecord& module = record().slot[slot];
  BlockMacs macs(port_, identity().device_key);
  for (std::uint32_t block = 0; block < BlockMacs::count(module.module_bytes); ++block) {
    if (macs.is_sound(slot, module, block)) continue;
    std::uint32_t at = block * kMacBlockBytes / layout.sector_bytes * layout.sector_bytes;
    do {
      const std::uint32_t to = layout.slot(slot) + at;
      port_.read(layout.slot(1 - slot) + at, page_);
      if ((at % layout.sector_bytes == 0 && !port_.erase_sector(to)) || !port_.program(to, page_)) return;
      at += kPageBytes;
    } while ((at % layout.sector_bytes != 0 || at < (block + 1) * kMacBlockBytes) && at < module.module_bytes);
  }
}

const SlotRecord& Agent::running() const { return record().slot[record().active]; }
const SlotRecord& Agent::target() const { return record().slot[other()]; }

const std::uint8_t* Agent::in_slot(unsigned slot) { return port_.map(port_.layout().slot(slot)); }

const device::ModuleHeader& Agent::header_in(unsigned slot) {
  return *reinterpret_cast<const device::ModuleHeader*>(in_slot(slot));
}

/// The slot for what comes next. Without an active module: the one whose module was never proven.
unsigned Agent::other() const {
  const Record& now = record();
  if (now.active != kNoSlot) return now.active == 0 ? 1 : 0;
  return now.slot[1].sequence != 0 && now.slot[1].proven == 0 ? 1 : 0;
}

/// By its digest, which decides whatever the codes of its blocks say: they may be damaged, too.
bool Agent::slot_matches(unsigned slot, const SlotRecord& module) {
  if (module.module_bytes < sizeof(device::ModuleHeader) || module.module_bytes > port_.layout().capacity())
    return false;
  // Who marks a slot before it is written believes the mark.
  if (policy_.plants(PlantedBug::good_before_last_write)) return true;
  Sha256 hash;
  hash.update({in_slot(slot), module.module_bytes});
  std::uint8_t digest[32];
  hash.finish(digest);
  return equal(digest, module.digest);
}

// ---- parcels

void Agent::open_inbox() {
  Announcement announcement;
  copy(announcement.id, record().inbox_id);
  announcement.total_bytes = record().inbox_total_bytes;
  announcement.block_bytes = record().inbox_block_bytes;
  inbox_.open(port_, announcement);
  begin_messages(0);
  begin_window();
}

void Agent::begin_messages(std::uint32_t offset) {
  new (&work_.checking) Checking;
  stage_ = Stage::message;
  at_ = offset;
  refusal_ = Status::ok;
  took_statement_ = false;
}

Status Agent::announce(const Announcement& announcement) {
  if (phase_ == Phase::preparing || phase_ == Phase::receiving) {
    const Record& now = record();
    const bool same = equal(announcement.id, now.inbox_id) && announcement.total_bytes == now.inbox_total_bytes &&
                      announcement.block_bytes == now.inbox_block_bytes;
    if (!same) return Status::busy;
    return phase_ == Phase::receiving ? Status::ok : Status::waiting;
  }
  if (phase_ != Phase::idle) return Status::busy;
  MOTE_UPDATE_TRY(Inbox::check(port_.layout(), announcement));
  Record& next = journal_.edit();
  copy(next.inbox_id, announcement.id);
  next.inbox_total_bytes = announcement.total_bytes;
  next.inbox_block_bytes = announcement.block_bytes;
  next.from_inbox = 1;
  MOTE_UPDATE_TRY(enter(Phase::preparing));
  return Status::waiting;
}

Status Agent::offer(Source& parcel) {
  if (phase_ != Phase::idle) return Status::busy;
  source_ = &parcel;
  phase_ = Phase::checking;
  begin_messages(0);
  begin_window();
  return Status::ok;
}

void Agent::abandon(Status reason) {
  if (phase_ == Phase::preparing || phase_ == Phase::receiving || phase_ == Phase::checking) end(reason);
}

/// Commits the record under edit, with this phase in it.
Status Agent::enter(Phase phase) {
  journal_.draft().phase = phase;
  MOTE_UPDATE_TRY(journal_.commit());
  phase_ = phase;
  at_ = 0;
  return Status::ok;
}

/// The same, without the parcel that was under way.
Status Agent::finish_parcel(Phase phase) {
  clear_parcel(journal_.draft());
  inbox_.close();
  source_ = &inbox_;
  wipe({key_.key, sizeof(key_.key)});
  return enter(phase);
}

/// The parcel under way is over. What it left in the other slot is not to be run.
void Agent::end(Status status) {
  Record& next = journal_.edit();
  next.last_status = status;
  next.last_sequence = head_.plan.sequence;
  next.progress = 0;  // what was written is not gone on with: perhaps it was what failed
  // A commit that fails leaves the old record: after a start the parcel is judged again.
  static_cast<void>(finish_parcel(Phase::idle));
  phase_ = Phase::idle;
  head_.clear();
}

/// The module that was to prove itself did not.
Status Agent::reject(Status status) {
  Record& next = journal_.edit();
  const unsigned failed = phase_ == Phase::trial ? next.active : other();
  next.last_sequence = next.slot[failed].sequence;
  if (phase_ == Phase::trial)
    next.active = next.slot[1 - failed].proven != 0 ? static_cast<std::uint8_t>(1 - failed) : kNoSlot;
  if (slot_matches(failed, next.slot[failed])) {
    for (unsigned i = kFailedCount - 1; i > 0; --i) copy(next.failed[i], next.failed[i - 1]);
    copy(next.failed[0], first_of(next.slot[failed].digest));
    next.slot[failed] = {};
  } else {
    status = Status::module_damaged;  // it was not this module that failed: it may be installed once more
  }
  next.last_status = status;
  return finish_parcel(Phase::idle);
}

bool Agent::failed_before(Bytes digest) const {
  for (const auto& failed : record().failed) {
    if (equal(failed, first_of(digest.data))) return true;
  }
  return false;
}

// ---- steps

Progress Agent::step() {
  Status status = Status::ok;
  switch (phase_) {
    case Phase::idle:
      watch_module();
      return Progress::idle;
    case Phase::preparing:
      status = prepare_step();
      break;
    case Phase::receiving:
    case Phase::checking:
    case Phase::installing:
      status = parcel_step();
      if (status == Status::waiting) return wait();
      break;
    case Phase::testing:
    case Phase::trial:
      status = phase_ == Phase::testing ? test_step() : trial_step();
      if (status == Status::waiting) return Progress::waiting;
      if (status == Status::ok) return Progress::worked;
      at_ = 0;
      static_cast<void>(reject(status));
      return Progress::worked;
    case Phase::shadowing:
      watch_module();
      // The old module is lost: the new one has nothing to be compared with, and may not wait for it.
      if (!has_module()) static_cast<void>(begin_trial());
      return Progress::waiting;
  }
  if (status != Status::ok) end(status);
  return Progress::worked;
}

/// Judges the parcel's messages one after the other, as far as they have arrived, and installs what they bring.
Status Agent::parcel_step() {
  switch (stage_) {
    case Stage::message:
      return message_step();
    case Stage::carried:
      return carried_step();
    case Stage::write:
      return write_step();
    case Stage::verify:
      return verify_step();
  }
  return Status::internal;
}

/// One block of the running module is looked at.
void Agent::watch_module() {
  if (!has_module()) return;
  const SlotRecord& module = running();
  BlockMacs macs(port_, identity().device_key);
  if (!macs.is_sound(record().active, module, block_)) {
    static_cast<void>(check_active());
    block_ = 0;
    return;
  }
  if (++block_ >= BlockMacs::count(module.module_bytes)) block_ = 0;
}

std::uint32_t Agent::arrived() const { return is_offered() ? at_ : inbox_.stored_count(); }

void Agent::begin_window() {
  window_.began_s = clock_s();
  window_.inferences = 0;
  window_.arrived = arrived();
}

/// Whether a sender did too little for too long.
bool Agent::is_window_over() {
  if (policy_.windows == 0) return false;
  const std::uint32_t whole = is_offered() ? source_->bytes() : inbox_.block_count();
  const std::uint32_t clock = clock_s();
  if (arrived() - window_.arrived > whole / policy_.windows || clock < window_.began_s ||
      (clock != 0 && window_.began_s == 0))
    begin_window();
  if (clock != 0) return policy_.window_s != 0 && clock - window_.began_s > policy_.window_s;
  return policy_.window_inferences != 0 && window_.inferences > policy_.window_inferences;
}

/// Something has not arrived yet, or the battery is too low. Meanwhile the running module is watched, or else whoever
/// keeps a device waiting would keep it from finding damage.
Progress Agent::wait() {
  if (is_window_over()) {
    const bool complete = stage_ == Stage::carried && at_ == head_.plan.carried_bytes;
    end(complete ? Status::battery_low : Status::too_slow);
    return Progress::worked;
  }
  if (phase_ == Phase::receiving) watch_module();
  return Progress::waiting;
}

Status Agent::prepare_step() {
  const Layout& layout = port_.layout();
  if (at_ < layout.inbox_bytes) {
    if (!port_.erase_sector(layout.inbox + at_)) return Status::flash_failed;
    at_ += layout.sector_bytes;
    return Status::ok;
  }
  journal_.edit();
  MOTE_UPDATE_TRY(enter(Phase::receiving));
  open_inbox();
  return Status::ok;
}

Status Agent::message_step() {
  const std::uint32_t total = source_->bytes();
  if (total == 0 || at_ > total) return Status::truncated;
  if (at_ == total) {
    // Nothing of it was for this device, or nothing was left to do. A parcel of statements alone is a success, if one
    // of them was new.
    end(refusal_ == Status::replayed && took_statement_ ? Status::ok : refusal_);
    return Status::ok;
  }
  const std::uint32_t left = total - at_;
  const std::uint32_t count = left < kMaxHeadBytes ? left : kMaxHeadBytes;
  Checking& work = work_.checking;
  MOTE_UPDATE_TRY(source_->read(at_, {work.message, count}));
  const Bytes start{work.message, count};
  Message message;
  MOTE_UPDATE_TRY(read_message(start, left, message));
  Status status = Status::ok;
  switch (message.kind) {
    case MessageKind::keys:
      status = take_keys(start.part(0, message.bytes));
      break;
    case MessageKind::time:
      status = take_time(start.part(0, message.bytes));
      break;
    case MessageKind::bundle:
      status = read_bundle_head(start, left, head_);
      if (status == Status::ok) message.bytes = head_.payload_offset + head_.payload_bytes;
      if (status == Status::ok) status = judge(head_.plan);
      if (status == Status::ok) status = work.tag.begin(head_.plan, identity(), key_, policy_.agreement);
      if (status == Status::ok) {
        message_offset_ = at_;
        at_ = 0;
        stage_ = Stage::carried;
        return Status::ok;
      }
      break;
  }
  if (status == Status::ok) took_statement_ = true;
  if (status != Status::ok && !is_for_others(status)) return status;
  if (status != Status::ok) refusal_ = status;
  at_ += message.bytes;
  return Status::ok;
}

Status Agent::take_keys(Bytes message) {
  MOTE_UPDATE_TRY(trust_.verify_keys(message));
  const std::uint8_t area = record().keys_area == 0 ? 1 : 0;
  MOTE_UPDATE_TRY(trust_.store_keys(port_, area, message));
  Record& next = journal_.edit();
  next.keys_area = area;
  MOTE_UPDATE_TRY(journal_.commit());
  MOTE_UPDATE_TRY(trust_.load(port_, area));
  // What a stolen time key had said too far ahead does not outlive that key: the new document bounds both.
  next = record();
  if (next.time_s > trust_.keys().not_after_s) next.time_s = 0;
  if (next.expected_sequence > trust_.keys().highest_sequence) next.expected_sequence = 0;
  if (next.time_s == record().time_s && next.expected_sequence == record().expected_sequence) return Status::ok;
  return journal_.commit();
}

Status Agent::take_time(Bytes message) {
  TimeStatement statement;
  MOTE_UPDATE_TRY(trust_.read_time(message, statement));
  if (statement.time_s <= record().time_s) return Status::replayed;
  Record& next = journal_.edit();
  next.time_s = statement.time_s;
  if (statement.expected_sequence > next.expected_sequence) next.expected_sequence = statement.expected_sequence;
  return journal_.commit();
}

std::uint64_t Agent::now_s() const {
  const std::uint64_t clock = port_.clock_s();
  return clock > record().time_s ? clock : record().time_s;
}

/// Everything that can be said about a bundle from its signed head, cheap questions first.
Status Agent::judge(const Plan& plan) {
  if (!is_same(plan.vendor, identity().vendor)) return Status::wrong_vendor;
  if (!is_same(plan.klass, identity().klass)) return Status::wrong_class;
  if (plan.device.size != 0 && !is_same(plan.device, identity().device)) return Status::wrong_device;
  MOTE_UPDATE_TRY(trust_.verify(head_));
  MOTE_UPDATE_TRY(judge_freshness(plan));
  return judge_fit(plan);
}

/// The device lost the very module that it had confirmed. Which one that was it knows, unless it lost its journal, too.
bool Agent::is_repair(const Plan& plan) const {
  const Record& now = record();
  if (plan.sequence != now.confirmed_sequence) return false;
  if (has_module() && running().sequence == plan.sequence) return false;
  bool remembered = false;
  for (const SlotRecord& slot : now.slot) {
    if (slot.sequence != plan.sequence) continue;
    if (is_same(plan.module_digest, slot.digest)) return true;
    remembered = true;
  }
  return !remembered;
}

Status Agent::judge_freshness(const Plan& plan) {
  const Record& now = record();
  if (failed_before(plan.module_digest)) return Status::failed_before;
  const bool is_active =
      has_module() && plan.sequence == running().sequence && is_same(plan.module_digest, running().digest);
  if (is_active) return Status::replayed;
  const bool repair = is_repair(plan);
  // An installation that was broken off goes on.
  const bool again = plan.sequence == now.tried_sequence && plan.sequence > now.confirmed_sequence &&
                     is_same(plan.module_digest, target().digest);
  if (plan.sequence <= now.tried_sequence && !repair && !again) return Status::rollback;
  if (plan.sequence > trust_.keys().highest_sequence) return Status::out_of_range;
  if (plan.sequence < now.expected_sequence && !repair) return Status::stale;
  if (plan.use_before_s != 0 && now_s() >= plan.use_before_s) return Status::expired;
  return Status::ok;
}

Status Agent::judge_fit(const Plan& plan) {
  const Requirements& wants = plan.requirements;
  const Port::Runtime& has = port_.runtime();
  if (wants.core != has.core || (wants.isa_features & ~has.isa_features) != 0) return Status::wrong_core;
  if (wants.abi != device::kModuleAbi || wants.op_set > device::kOpSet) return Status::wrong_abi;
  if (wants.arena_bytes > has.arena_bytes || wants.stack_bytes > has.stack_bytes) return Status::arena_too_large;
  MOTE_UPDATE_TRY(judge_schemas(wants.sensor_schema, wants.feature_schema, has));
  if (wants.firmware_version > has.firmware_version) return Status::wrong_dependency;
  if (plan.module_bytes > port_.layout().capacity()) return Status::module_too_large;
  if (plan.carried_bytes != head_.payload_bytes) return Status::wrong_size;
  if (plan.is_delta) {
    if (!has_module()) return Status::wrong_base;
    const SlotRecord& base = running();
    if (plan.base_bytes != base.module_bytes || !is_same(plan.base_digest, base.digest)) return Status::wrong_base;
  } else if (plan.carried_bytes != plan.module_bytes + (plan.encryption_info.size == 0 ? 0 : kTagBytes)) {
    return Status::wrong_size;
  }
  return Status::ok;
}

/// Hashes what travelled; when all of it is there and right, the installation begins.
Status Agent::carried_step() {
  const std::uint32_t bytes = head_.plan.carried_bytes;
  for (unsigned i = 0; i < kHashAtOnce / kPageBytes && at_ < bytes; ++i) {
    const std::uint32_t count = bytes - at_ < kPageBytes ? bytes - at_ : kPageBytes;
    MOTE_UPDATE_TRY(source_->read(message_offset_ + head_.payload_offset + at_, {page_, count}));
    work_.checking.hash.update({page_, count});
    work_.checking.tag.update({page_, count});
    at_ += count;
  }
  if (at_ < bytes) return Status::ok;
  if (port_.battery_percent() < head_.plan.minimum_battery_percent) return Status::waiting;
  Sha256 whole = work_.checking.hash;  // a copy: this place may be reached again
  std::uint8_t digest[32];
  whole.finish(digest);
  if (!is_same(head_.plan.carried_digest, digest)) return Status::digest_mismatch;
  MOTE_UPDATE_TRY(work_.checking.tag.finish());
  return begin_install();
}

// ---- installing

Status Agent::begin_install() {
  const Plan& plan = head_.plan;
  // While the rest of the parcel was awaited, the module that a delta is against may have turned out to be damaged.
  if (plan.is_delta) MOTE_UPDATE_TRY(judge_fit(plan));
  Record& next = journal_.edit();
  SlotRecord& target = next.slot[other()];
  const bool goes_on =
      target.proven == 0 && target.sequence == plan.sequence && is_same(plan.module_digest, target.digest);
  if (!goes_on) {
    target = {};
    target.sequence = plan.sequence;
    target.module_bytes = plan.module_bytes;
    copy(target.digest, plan.module_digest);
    next.progress = 0;
  }
  if (plan.sequence > next.tried_sequence) next.tried_sequence = plan.sequence;
  next.phase = Phase::installing;
  next.from_inbox = is_offered() ? 0 : 1;
  next.message_offset = message_offset_;
  next.shadow_wanted = plan.requirements.shadow_inferences;
  next.shadow_permille = plan.requirements.shadow_permille;
  next.trial_wanted = plan.requirements.trial_inferences;
  next.done = next.agreed = 0;
  MOTE_UPDATE_TRY(journal_.commit());
  Bytes base;
  if (plan.is_delta) base = {in_slot(record().active), plan.base_bytes};
  new (&work_.writing) Writing(*source_, message_offset_ + head_.payload_offset, plan, key_, base);
  phase_ = Phase::installing;
  stage_ = Stage::write;
  at_ = 0;
  return Status::ok;
}

/// After a reset: from the inbox the parcel is judged again from the message it was at; another source has to come
/// back.
Status Agent::resume_install() {
  if (record().from_inbox != 0) {
    open_inbox();
    begin_messages(record().message_offset);
    phase_ = Phase::checking;
    return Status::ok;
  }
  journal_.edit();
  return enter(Phase::idle);
}

/// Bytes after which progress is noted: about an eighth of the module, whole sectors.
std::uint32_t Agent::stride() const {
  const std::uint32_t sector = port_.layout().sector_bytes;
  return (target().module_bytes / 8 / sector + 1) * sector;
}

Status Agent::write_step() {
  const Layout& layout = port_.layout();
  const std::uint32_t module_bytes = target().module_bytes;
  const std::uint32_t slot = layout.slot(other());
  const std::uint32_t stride = this->stride();
  const std::uint32_t resume = record().progress * stride;  // what lies before is written
  // A page a step; pages that are written already cost no flash, only decoding.
  const std::uint32_t count = module_bytes - at_ < kPageBytes ? module_bytes - at_ : kPageBytes;
  if (at_ >= resume && at_ % layout.sector_bytes == 0 &&
      !(policy_.plants(PlantedBug::trusts_half_erased) && is_blank({port_.map(slot + at_), layout.sector_bytes})) &&
      !port_.erase_sector(slot + at_))
    return Status::flash_failed;
  MOTE_UPDATE_TRY(work_.writing.payload.next({page_, count}));
  if (policy_.plants(PlantedBug::good_before_last_write) && at_ + count == module_bytes) {
    journal_.edit().phase = Phase::testing;
    MOTE_UPDATE_TRY(journal_.commit());
  }
  if (at_ >= resume) {
    const std::uint32_t unit = layout.write_unit_bytes;
    const std::uint32_t padded = (count + unit - 1) / unit * unit;
    for (std::uint32_t i = count; i < padded; ++i) page_[i] = 0xff;
    if (!port_.program(slot + at_, {page_, padded})) return Status::flash_failed;
  }
  at_ += count;
  if (at_ == module_bytes) {
    stage_ = Stage::verify;
    at_ = 0;
    new (&work_.verifying) Verifying;
  } else if (at_ > resume && at_ % stride == 0) {
    Record& next = journal_.edit();
    next.progress = static_cast<std::uint8_t>(at_ / stride);
    MOTE_UPDATE_TRY(journal_.commit());
  }
  return Status::ok;
}

Status Agent::verify_step() {
  const SlotRecord& module = target();
  const std::uint32_t left = module.module_bytes - at_;
  const std::uint32_t count = left < kHashAtOnce ? left : kHashAtOnce;
  const device::ModuleHeader& header = header_in(other());
  work_.verifying.hash.update({reinterpret_cast<const std::uint8_t*>(&header) + at_, count});
  at_ += count;
  if (count < left) return Status::ok;
  std::uint8_t digest[32];
  work_.verifying.hash.finish(digest);
  if (!equal(digest, module.digest)) return Status::digest_mismatch;
  const Port::Runtime& has = port_.runtime();
  Status fits = status_of(
      device::misfit(header, module.module_bytes, {has.core, has.isa_features, has.arena_bytes, has.arena_align}));
  // A manifest that wants less than its module does not help it in.
  if (fits == Status::ok && header.stack_bytes > has.stack_bytes) fits = Status::arena_too_large;
  if (fits == Status::ok) fits = judge_schemas(header.sensor_schema, header.feature_schema, has);
  if (fits != Status::ok) return reject(fits);
  journal_.edit().progress = 0;
  return finish_parcel(Phase::testing);
}

// ---- proving

/// One of the module's own vectors.
Status Agent::test_step() {
  const unsigned slot = other();
  const device::ModuleHeader& header = header_in(slot);
  if (!vectors_fit(header, target().module_bytes)) return Status::malformed;
  if (at_ < header.vectors_count) {
    const std::uint32_t pair = header.input_bytes + header.output_bytes;
    const std::uint8_t* vector = reinterpret_cast<const std::uint8_t*>(&header) + header.vectors_offset + at_ * pair;
    const std::uint8_t* output = port_.invoke(port_.layout().slot(slot), true, {vector, header.input_bytes});
    if (output == nullptr || !equal({output, header.output_bytes}, {vector + header.input_bytes, header.output_bytes}))
      return Status::self_test_failed;
    ++at_;
    return Status::ok;
  }
  // A module with state cannot be run now and then beside another one: it goes straight to its trial.
  if (record().shadow_wanted != 0 && has_module() && header.reset_offset == 0) {
    journal_.edit();
    static_cast<void>(begin_proving(Phase::shadowing));
  } else {
    static_cast<void>(begin_trial());
  }
  return Status::ok;
}

/// With the record under edit: nothing has been inferred in this phase yet.
Status Agent::begin_proving(Phase phase) {
  Record& next = journal_.draft();
  next.done = next.agreed = 0;
  MOTE_UPDATE_TRY(enter(phase));
  done_ = agreed_ = 0;
  return Status::ok;
}

Status Agent::begin_trial() {
  Record& next = journal_.edit();
  next.active = static_cast<std::uint8_t>(other());
  next.starts = next.faults = 0;
  block_ = 0;
  return begin_proving(Phase::trial);
}

/// When the trial is over, what the device knows the module by is written, a few blocks at a time: until then nothing
/// but the journal says that it is to be run, and a lost journal does not make it one that was confirmed.
Status Agent::trial_step() {
  if (done_ < record().trial_wanted) return Status::waiting;
  const unsigned slot = record().active;
  const SlotRecord& module = running();
  BlockMacs macs(port_, identity().device_key);
  if (at_ == 0) MOTE_UPDATE_TRY(macs.begin(slot));
  MOTE_UPDATE_TRY(macs.write(slot, module, at_));
  at_ += BlockMacs::kAtOnce;
  if (at_ < BlockMacs::count(module.module_bytes)) return Status::ok;
  // Of the bytes that the digest names: codes of bits that flipped during the trial would hide them.
  if (!slot_matches(slot, module)) return Status::module_damaged;
  MOTE_UPDATE_TRY(macs.finish(slot, module));
  return confirm();
}

Status Agent::confirm() {
  Record& next = journal_.edit();
  next.confirmed_sequence = next.slot[next.active].sequence;
  next.slot[next.active].proven = 1;
  next.last_status = Status::ok;
  next.last_sequence = next.confirmed_sequence;
  return enter(Phase::idle);
}

/// Counts an inference towards `wanted`; every eighth is noted in flash, so that a device that is switched off daily
/// gets there, too.
Status Agent::note_inference(std::uint16_t wanted) {
  ++done_;
  const auto eighth = static_cast<std::uint16_t>(wanted / 8 + 1);
  if (done_ >= wanted || done_ % eighth != 0) return Status::ok;
  Record& next = journal_.edit();
  next.done = done_;
  next.agreed = agreed_;
  next.starts = 0;
  return journal_.commit();
}

void Agent::inferred(Bytes input, Bytes output) {
  if (window_.inferences != 0xffffffff) ++window_.inferences;
  if (phase_ == Phase::trial) {
    if (done_ < record().trial_wanted) static_cast<void>(note_inference(record().trial_wanted));
  } else if (phase_ == Phase::shadowing) {
    const std::uint32_t expected = first_class(output);
    const device::ModuleHeader& header = header_in(other());
    const std::uint8_t* shadow =
        header.input_bytes == input.size ? port_.invoke(port_.layout().slot(other()), true, input) : nullptr;
    if (shadow == nullptr) {
      static_cast<void>(reject(Status::shadow_disagrees));
      return;
    }
    if (first_class({shadow, header.output_bytes}) == expected) ++agreed_;
    static_cast<void>(note_inference(record().shadow_wanted));
    if (done_ < record().shadow_wanted) return;
    const bool agrees = std::uint32_t{agreed_} * 1000 >= std::uint32_t{record().shadow_permille} * done_;
    static_cast<void>(agrees ? begin_trial() : reject(Status::shadow_disagrees));
  }
}

std::size_t Agent::report(MutableBytes to) {
  Record& next = journal_.edit();
  ++next.report_number;
  if (journal_.commit() != Status::ok) return 0;
  ReportContent content;
  content.number = record().report_number;
  content.device = identity().device;
  content.phase = phase_;
  if (has_module()) {
    content.active_sequence = running().sequence;
    content.active_digest = running().digest;
  }
  content.confirmed_sequence = record().confirmed_sequence;
  content.last_status = record().last_status;
  content.last_sequence = record().last_sequence;
  content.time_s = now_s();
  content.keys_version = trust_.keys().version;
  content.is_stale = policy_.stale_after_s != 0 && now_s() > record().time_s + policy_.stale_after_s;
  return write_report(content, identity().device_key, to);
}

void Agent::inference_failed() {
  if (phase_ == Phase::trial) static_cast<void>(reject(Status::not_confirmed));
}

}  // namespace mote::update
