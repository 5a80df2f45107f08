#pragma once
// Draws one sample of a dataset for the terminal.

#include <string>
#include <vector>

#include "mote/data/dataset.hpp"

namespace mote::app {

/// The values of sample `i` as floats, unscaled.
/// @error invalid_argument  there is no such sample.
[[nodiscard]] Result<std::vector<float>> sample_values(const data::Dataset& dataset, std::size_t i);

/// "sample 7: label 3, group theo, train, 4000x1, from 3_theo_7.wav" and the picture below it.
[[nodiscard]] std::string draw_sample(const data::Dataset& dataset, std::size_t i, const std::vector<float>& values);

/// The line above the picture, without its newline.
[[nodiscard]] std::string sample_title(const data::Dataset& dataset, std::size_t i);

/// Name of the sample's label or group, empty for none.
[[nodiscard]] std::string label_of(const data::Dataset& dataset, std::size_t i);
[[nodiscard]] std::string group_of(const data::Dataset& dataset, std::size_t i);

}  // namespace mote::app
