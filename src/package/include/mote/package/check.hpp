#pragma once
// Whether a parcel is what devices take, and in one sentence what is wrong where it is not. Judges with the device's
// own code, then with what a host can see besides: the module inside, its header, who signed.

#include <optional>
#include <string>
#include <vector>

#include "mote/package/cose_message.hpp"
#include "mote/package/encryption.hpp"
#include "mote/package/parcel.hpp"
#include "mote/package/report.hpp"
#include "update/status.hpp"

namespace mote::package {

/// What a checker knows; the more, the more is checked.
struct CheckOptions {
  std::optional<Bytes> keys;  ///< the keys document in force: signatures are verified with it
  /// Bundles are judged as SUIT envelopes of anybody, signed by this key, not as those of mote.
  std::optional<CoseKey> public_key;
  std::optional<Bytes> base;  ///< the module that a delta is against
  std::optional<GroupKey> group_key;
  std::optional<AgreementSecret> agreement_secret;
  std::optional<ReportKey> report_key;  ///< of the device that a report is said to be of
};

struct CheckedMessage {
  std::string kind;  ///< keys, time, bundle, report; "?" where it is none
  std::size_t offset = 0;
  std::size_t bytes = 0;
  update::Status status = update::Status::ok;
  std::string sentence;              ///< what it is, or what is wrong with it
  bool is_verified = false;          ///< its signatures were checked
  bool is_opened = false;            ///< of a bundle: its module was looked at
  std::vector<std::string> signers;  ///< key ids

  // Of a bundle that a device can read.
  std::uint64_t sequence = 0;
  std::size_t head_bytes = 0, carried_bytes = 0, module_bytes = 0;
  bool is_delta = false, is_encrypted = false;
  std::string module_digest;
};

/// Goes on behind a message that is refused, as long as it can be told where it ends.
[[nodiscard]] std::vector<CheckedMessage> check_parcel(ByteSpan parcel, const CheckOptions& options = {});

/// Every message in diagnostic notation, with the names of what is in it.
/// @error malformed  no sequence of CBOR items.
[[nodiscard]] Result<std::string> describe_parcel(ByteSpan parcel);

/// What a status means, as the end of a sentence: "the signature is wrong".
[[nodiscard]] std::string explain(update::Status status);

}  // namespace mote::package
