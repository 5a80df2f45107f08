#pragma once
// SUIT manifests (draft-ietf-suit-manifest-37) in the form that mote's bundles have: docs/updates.md, "Bundle". The
// whole manifest is gone through before anything of it is used; a command that is not known ends it.

#include "update/plan.hpp"
#include "update/status.hpp"

namespace mote::update {

constexpr std::uint64_t kTagSuitEnvelope = 107;

/// Reads the head of an envelope: everything before the payload's bytes. Checks the manifest against the digest that is
/// signed; the signatures themselves are for trust.hpp.
/// @param head         the first bytes of the envelope; borrowed by `out`.
/// @param total_bytes  from the envelope's first byte to the end of what there is.
/// @return truncated: the envelope ends behind total_bytes; too_large: the payload does not begin within `head`;
///         digest_mismatch, unsupported_version, unsupported_command, unsupported_algorithm, malformed, not_canonical.
[[nodiscard]] Status read_bundle_head(Bytes head, std::uint32_t total_bytes, BundleHead& out);

}  // namespace mote::update
