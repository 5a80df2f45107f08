#pragma once
// Small models as graph text, written with the graph module.

#include <map>
#include <string>

namespace mote::e2e {

/// Relative path -> graph text:
///   small.mote    int8: conv 3x3 to 4 channels with relu, global average pool, reshape, dense to 3, softmax; one
///   filter all zero float.mote    float mlp of the zoo, training form
[[nodiscard]] std::map<std::string, std::string> sample_models();

}  // namespace mote::e2e
