#pragma once
// Statuses in text that others wrote.

#include <optional>
#include <string_view>

#include "update/status.hpp"

namespace mote::fleet {

/// The status with this name, if there is one.
inline std::optional<update::Status> status_named(std::string_view text) {
  for (unsigned number = 0; number < 128; ++number) {
    const auto status = static_cast<update::Status>(number);
    if (text == update::name(status) && text != "unknown") return status;
  }
  return std::nullopt;
}

}  // namespace mote::fleet
