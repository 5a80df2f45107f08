#pragma once
// Stateful hash-based signatures, HSS with LMS (RFC 8554), as COSE takes them (RFC 8778): verifying only, with SHA-256
// and 32 bytes.

#include "mote/base/bytes.hpp"

namespace mote::package {

/// @param public_key  levels, tree type, one-time type, I and T[1] (section 6.1).
/// False for whatever does not fit, too.
[[nodiscard]] bool verify_hss(ByteSpan public_key, ByteSpan signature, ByteSpan message);

}  // namespace mote::package
