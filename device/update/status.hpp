#pragma once
// What an update can meet. One name for each reason, used by the device, the host's tools, reports and tests: a refusal
// says which rule refused. Numbers go over the wire in reports; they are never reused.

#include <cstdint>

namespace mote::update {

enum class Status : std::uint8_t {
  ok = 0,
  waiting = 1,  ///< not an error: more bytes, inferences or time are needed

  // The form of untrusted bytes.
  truncated = 10,            ///< ends before what it announces
  malformed = 11,            ///< not CBOR, or not the structure that stands in docs/formats
  not_canonical = 12,        ///< an encoding that has a shorter form, keys out of order or twice
  trailing_bytes = 13,       ///< something stands behind the end
  too_large = 14,            ///< a stated limit would be exceeded
  unsupported_version = 15,  ///< of the manifest, the keys document or the delta
  unsupported_command = 16,  ///< a condition, directive or parameter outside of the supported set
  unsupported_algorithm = 17,
  wrong_size = 18,  ///< the payload is shorter or longer than the manifest says

  // Whether to trust them.
  unknown_key = 30,
  wrong_role = 31,         ///< the key is known, but may not sign this
  threshold_not_met = 32,  ///< fewer distinct valid signatures than the role asks for
  bad_signature = 33,
  digest_mismatch = 34,
  decryption_failed = 35,  ///< no content key for this device, or the authentication tag is wrong

  // For whom.
  wrong_vendor = 50,
  wrong_class = 51,
  wrong_device = 52,

  // When.
  rollback = 60,  ///< a sequence number that is not above the last confirmed or tried one
  expired = 61,
  replayed = 62,      ///< a statement or report that was seen before
  out_of_range = 63,  ///< a sequence number or time further ahead than its key may sign (fast-forward)
  stale = 64,         ///< nothing fresh was heard for longer than the policy allows (freeze, drop)

  // Whether it fits.
  wrong_core = 70,       ///< core or instruction set extensions
  wrong_abi = 71,        ///< module ABI or op set
  arena_too_large = 72,  ///< arena or stack
  module_too_large = 73,
  wrong_sensor_schema = 74,
  wrong_feature_schema = 75,
  battery_low = 76,
  wrong_base = 77,        ///< a delta against a module that is not in the slot
  wrong_dependency = 78,  ///< firmware version

  // How it behaves.
  self_test_failed = 90,
  shadow_disagrees = 91,
  failed_before = 92,   ///< this module was tried and rolled back
  not_confirmed = 93,   ///< it never proved itself: watchdog or resets during its trial
  module_damaged = 94,  ///< a block of the installed module does not match its authentication code

  // The device itself.
  flash_failed = 110,
  store_full = 111,
  busy = 112,      ///< another update is under way
  too_slow = 113,  ///< the sender stays below the least rate for longer than the policy allows
  internal = 127,
};

/// Stable name of a status, as commands and reports print it: "bad_signature".
constexpr const char* name(Status status) {
  switch (status) {
#define MOTE_STATUS(s) \
  case Status::s:      \
    return #s;
    MOTE_STATUS(ok)
    MOTE_STATUS(waiting)
    MOTE_STATUS(truncated)
    MOTE_STATUS(malformed)
    MOTE_STATUS(not_canonical)
    MOTE_STATUS(trailing_bytes)
    MOTE_STATUS(too_large)
    MOTE_STATUS(unsupported_version)
    MOTE_STATUS(unsupported_command)
    MOTE_STATUS(unsupported_algorithm)
    MOTE_STATUS(wrong_size) MOTE_STATUS(unknown_key) MOTE_STATUS(wrong_role) MOTE_STATUS(threshold_not_met)
        MOTE_STATUS(bad_signature) MOTE_STATUS(digest_mismatch) MOTE_STATUS(decryption_failed) MOTE_STATUS(wrong_vendor)
            MOTE_STATUS(wrong_class) MOTE_STATUS(wrong_device) MOTE_STATUS(rollback) MOTE_STATUS(expired)
                MOTE_STATUS(replayed) MOTE_STATUS(out_of_range) MOTE_STATUS(stale) MOTE_STATUS(wrong_core)
                    MOTE_STATUS(wrong_abi) MOTE_STATUS(arena_too_large) MOTE_STATUS(module_too_large)
                        MOTE_STATUS(wrong_sensor_schema) MOTE_STATUS(wrong_feature_schema) MOTE_STATUS(battery_low)
                            MOTE_STATUS(wrong_base) MOTE_STATUS(wrong_dependency) MOTE_STATUS(self_test_failed)
                                MOTE_STATUS(shadow_disagrees) MOTE_STATUS(failed_before) MOTE_STATUS(not_confirmed)
                                    MOTE_STATUS(module_damaged) MOTE_STATUS(flash_failed) MOTE_STATUS(store_full)
                                        MOTE_STATUS(busy) MOTE_STATUS(too_slow) MOTE_STATUS(internal)
#undef MOTE_STATUS
  }
  return "unknown";
}

/// Passes on anything but ok.
#define MOTE_UPDATE_TRY(expression)                                                                         \
  do {                                                                                                      \
    if (const ::mote::update::Status mote_status = (expression); mote_status != ::mote::update::Status::ok) \
      return mote_status;                                                                                   \
  } while (false)

}  // namespace mote::update
