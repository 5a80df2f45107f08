#pragma once
// What assumed_crypto.cpp takes for a digest.

#include <cstdint>

namespace mote::update::fuzz {

constexpr std::uint8_t kDigest = 0x5a;

}  // namespace mote::update::fuzz
