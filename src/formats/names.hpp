#pragma once
// Names from files, made fit for messages. Private to the module.

#include <string>
#include <string_view>

namespace mote::formats {

/// A name from a file, fit for one line of text and for JSON: control characters, quotes and bytes that are not UTF-8
/// become '_'.
[[nodiscard]] std::string clean_name(std::string_view raw);

/// In double quotes, shortened in the middle when it is long.
[[nodiscard]] std::string in_quotes(std::string_view name);

}  // namespace mote::formats
