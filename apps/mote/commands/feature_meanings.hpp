#pragma once
// What the parameters of the feature blocks mean, for `mote features show`. Names and defaults live in the features
// module.

#include <string_view>

namespace mote::app {

/// One line; empty only when the table lacks the parameter, which a test forbids.
[[nodiscard]] std::string_view feature_parameter_meaning(std::string_view block, std::string_view parameter);

}  // namespace mote::app
