#pragma once
// What the commands on keys, bundles and parcels have in common: ids by name, moments, keys by file.

#include <optional>
#include <string>
#include <vector>

#include "mote/package/parcel.hpp"

namespace mote::app {

/// A UUID, or the domain of a vendor.
[[nodiscard]] package::Uuid vendor_of(const std::string& text);
/// A UUID, or a name that the vendor gave.
[[nodiscard]] package::Uuid class_of(const package::Uuid& vendor, const std::string& text);
/// @error invalid_argument  no UUID.
[[nodiscard]] Result<package::Uuid> uuid_of(const std::string& text, const std::string& option);

/// Seconds since 1970: as a number, a day (2030-12-31, its end in UTC), or "now".
/// @error invalid_argument
[[nodiscard]] Result<std::uint64_t> moment_of(const std::string& text, const std::string& option);

[[nodiscard]] Result<std::vector<package::SigningKey>> signing_keys(const std::vector<std::string>& files);

}  // namespace mote::app
