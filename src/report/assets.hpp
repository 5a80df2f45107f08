#pragma once
// The page's style sheet and script.

#include "markup.hpp"

namespace mote::report {

[[nodiscard]] Markup style_sheet();
/// Read-outs under the pointer. The page says everything without it.
[[nodiscard]] Markup script();

}  // namespace mote::report
