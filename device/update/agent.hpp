#pragma once
// The update agent: a state machine that takes a parcel from anywhere, judges it, installs what it brings into the slot
// that is not in use, lets it prove itself, and keeps it or goes back. docs/updates.md, "States".
//
// One object, 2.4 KiB, no heap. The board's program calls `start` once after a reset, `step` whenever it has
// time, `inferred` after each inference of the active module. Nothing here blocks for longer than one signature, one
// sector's erase or one inference.

#include "abi/module.hpp"
#include "update/crypto.hpp"
#include "update/inbox.hpp"
#include "update/journal.hpp"
#include "update/payload.hpp"
#include "update/plan.hpp"
#include "update/report.hpp"
#include "update/trust.hpp"

namespace mote::update {

/// Why the board started. What a board cannot tell apart counts as power_on.
enum class ResetCause : std::uint8_t { power_on, watchdog, fault };

enum class Progress : std::uint8_t {
  idle,     ///< nothing to do until something arrives or an inference is made
  worked,   ///< call again
  waiting,  ///< for blocks, inferences or a better battery
};

/// Mistakes that others made, and that a torture has to find: built in only where MOTE_PLANTED_BUGS is defined.
enum class PlantedBug : std::uint8_t {
  none,
  good_before_last_write,  ///< the slot is marked good before its last page is written, and the mark is believed
  trusts_half_erased,      ///< a sector that looks erased is not erased again
};

struct Policy {
  /// Null, as in Policy{nullptr}: content keys are opened with the group's key alone, and X25519 and HKDF are not
  /// linked.
  Agreement agreement = agree_by_x25519;
  std::uint8_t trial_starts = 5;  ///< starts without progress of a trial before it is given up
  std::uint8_t trial_faults = 2;  ///< resets by watchdog or fault, in the whole trial
  std::uint32_t stale_after_s =
      0;  ///< by the device's clock; 0: never. Without a time statement for so long, reports say stale
  /// A parcel is given up when a window passes in which less than one of `windows` parts of it arrived: so it holds the
  /// inbox for `windows` windows at most. A window is measured by the clock; without one, in inferences. 0: endless.
  std::uint32_t window_s = 86'400;
  std::uint32_t window_inferences = 1'000'000;
  std::uint16_t windows = 256;

#ifdef MOTE_PLANTED_BUGS
  PlantedBug planted = PlantedBug::none;
  [[nodiscard]] bool plants(PlantedBug bug) const { return planted == bug; }
#else
  [[nodiscard]] static constexpr bool plants(PlantedBug) { return false; }
#endif
};

class Agent {
 public:
  explicit Agent(Port& port, const Policy& policy = {}) : port_(port), policy_(policy) {}
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  /// Finds out where the device stands, goes back from a trial that failed, checks the module to be run.
  /// @return ok: `active_slot` may be run; waiting: no module yet; flash_failed; malformed: no identity.
  [[nodiscard]] Status start(ResetCause cause);

  [[nodiscard]] bool has_module() const { return record().active != kNoSlot; }
  /// Offset of the module to be run, in the update flash; only with has_module().
  [[nodiscard]] std::uint32_t module_offset() const { return port_.layout().slot(record().active); }
  [[nodiscard]] const Record& record() const { return journal_.record(); }
  [[nodiscard]] const Identity& identity() const { return trust_.identity(); }
  [[nodiscard]] std::uint32_t keys_version() const { return trust_.keys().version; }

  /// A way of arriving announces a parcel. The same one as before goes on where it was.
  /// @return ok; waiting: the inbox is being erased, put blocks when `inbox()` is there; busy; too_large; malformed.
  [[nodiscard]] Status announce(const Announcement& announcement);
  /// The inbox that takes blocks now, or null.
  [[nodiscard]] Inbox* inbox() { return phase_ == Phase::receiving ? &inbox_ : nullptr; }
  /// The parcel that the inbox holds, for whoever passes it on: the one that is being received, or when idle the last
  /// one that was. Null: none. Blocks of it may be missing.
  [[nodiscard]] Inbox* held() {
    if (phase_ != Phase::idle || record().inbox_total_bytes == 0) return inbox();
    if (!inbox_.is_open()) open_inbox();
    return &inbox_;
  }
  /// Gives up a parcel that is being received or judged.
  void abandon(Status reason);

  /// A parcel that is read in place; `parcel` is borrowed until the agent is idle again.
  /// @return ok; busy.
  [[nodiscard]] Status offer(Source& parcel);

  /// Does a piece of work.
  Progress step();

  /// After each inference of the active module: its input, still whole, and its output.
  void inferred(Bytes input, Bytes output);
  /// The device's own report, authenticated with its key, one number higher than the one before.
  /// @return bytes written, at most kMaxReportBytes; 0: `to` is too small, or the number could not be noted.
  std::size_t report(MutableBytes to);

  /// The active module returned a status, or was stopped.
  void inference_failed();

  [[nodiscard]] Phase phase() const { return phase_; }
  /// Of the last parcel that ended, ok included.
  [[nodiscard]] Status last_status() const { return record().last_status; }

 private:
  enum class Stage : std::uint8_t { message, carried, write, verify };

  // A parcel is judged, then a payload written, then a slot verified; what the three need of memory is never needed
  // together.
  struct InPlace {
    static void* operator new(std::size_t, void* at) noexcept { return at; }
  };
  /// Stage::message and Stage::carried, from begin_messages() on.
  struct Checking : InPlace {
    Sha256 hash;  // of what travelled
    TagCheck tag;
    std::uint8_t message[kMaxHeadBytes];
  };
  /// Stage::write.
  struct Writing : InPlace {
    Payload payload;
    template <class... T>
    explicit Writing(T&&... arguments) : payload(arguments...) {}
  };
  /// Stage::verify.
  struct Verifying : InPlace {
    Sha256 hash;  // of the slot
  };
  union Work {
    Work() {}
    Checking checking;
    Writing writing;
    Verifying verifying;
  };

  unsigned other() const;
  // Not inlined: what many ask is there once.
  [[gnu::noinline]] const SlotRecord& running() const;  // with has_module()
  [[gnu::noinline]] const SlotRecord& target() const;   // of the other slot
  [[gnu::noinline]] const std::uint8_t* in_slot(unsigned slot);
  const device::ModuleHeader& header_in(unsigned slot);
  bool is_offered() const { return source_ != &inbox_; }
  std::uint64_t now_s() const;
  std::uint32_t stride() const;
  bool failed_before(Bytes digest) const;
  bool slot_matches(unsigned slot, const SlotRecord& module);

  Status recover();
  Status resume_install();
  Status count_trial_start(ResetCause cause);
  Status check_active();
  void mend(unsigned slot);

  void open_inbox();
  void begin_messages(std::uint32_t offset);
  Status enter(Phase phase);
  Status finish_parcel(Phase phase);
  void end(Status status);
  Status reject(Status status);

  /// Windows are short: the lower half of the clock is enough.
  std::uint32_t clock_s() { return static_cast<std::uint32_t>(port_.clock_s()); }
  std::uint32_t arrived() const;
  void begin_window();
  bool is_window_over();
  Progress wait();
  void watch_module();

  Status prepare_step();
  Status parcel_step();
  Status message_step();
  Status take_keys(Bytes message);
  Status take_time(Bytes message);
  Status judge(const Plan& plan);
  Status judge_freshness(const Plan& plan);
  bool is_repair(const Plan& plan) const;
  Status judge_fit(const Plan& plan);
  Status carried_step();

  Status begin_install();
  Status write_step();
  Status verify_step();

  Status test_step();
  Status begin_proving(Phase phase);
  Status begin_trial();
  Status trial_step();
  Status confirm();
  Status note_inference(std::uint16_t wanted);

  // What is small comes first: where instructions of 16 bits reach it.
  Port& port_;

  // What is under way; forgotten with a reset.
  Phase phase_ = Phase::idle;
  Stage stage_ = Stage::message;
  Status refusal_ = Status::ok;       // of a bundle of this parcel that was passed over
  bool took_statement_ = false;       // of this parcel
  std::uint32_t at_ = 0;              // in the parcel, the payload, the slot or the table: by phase and stage
  std::uint32_t message_offset_ = 0;  // of the bundle that is being worked on
  std::uint32_t block_ = 0;           // of the running module, looked at next
  std::uint16_t done_ = 0, agreed_ = 0;
  struct {
    std::uint32_t began_s = 0;     // by the clock
    std::uint32_t inferences = 0;  // since it began
    std::uint32_t arrived = 0;     // when it began
  } window_;
  Source* source_ = &inbox_;  // of the parcel
  Inbox inbox_;

  Policy policy_;
  Trust trust_;
  Journal journal_;
  BundleHead head_;  // borrows from Checking::message; what it says in plain values outlives that
  ContentKey key_;   // of the bundle's payload, if it is encrypted
  Work work_;
  std::uint8_t page_[kPageBytes];
};

}  // namespace mote::update
