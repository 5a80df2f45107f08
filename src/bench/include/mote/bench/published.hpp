#pragma once
// Firmware images that others published with their MLPerf Tiny results, run unmodified on the emulated board: what
// holds the cycle model against hardware. The images themselves are not part of mote; bench/vendor_images says where
// they are.

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/board/board_spec.hpp"

namespace mote::bench {

/// One line of a table of published results: "image,model,inferences_per_second,input_bytes,where".
struct PublishedImage {
  std::string image;  ///< file name
  std::string model;  ///< of the benchmark: "kws01"
  double inferences_per_second = 0;
  std::size_t input_bytes = 0;
};

/// Empty lines and those that begin with # are comments.
/// @error malformed  a line is not of that form, or names no model of the benchmark.
[[nodiscard]] Result<std::vector<PublishedImage>> parse_published_images(std::string_view text);

/// An image's inference, as published and as modelled.
struct PublishedPoint {
  PublishedImage published;
  double hardware_cycles = 0;  ///< of one inference, from the published throughput at the board's clock
  double model_cycles = 0;     ///< the same from the times that the image itself printed on the emulated board
  int inferences = 0;          ///< that were timed
  board::CycleCounts counts;   ///< of all of them

  [[nodiscard]] double ratio() const { return model_cycles / hardware_cycles; }
};

/// Boots the image, plays the benchmark's runner with a fixed random input, and times one inference or a few.
/// @error as board::Stm32Board and run_mlperf_script.
[[nodiscard]] Result<PublishedPoint> run_published_image(const board::BoardSpec& board, ByteSpan image,
                                                         const PublishedImage& published);

/// The three constants of a calibration that least squares of the relative error gives; what the core and its waiting
/// for instructions take is left as it is. `left_out`: index of a point that takes no part. At least three others.
[[nodiscard]] board::Calibration fit_calibration(std::span<const PublishedPoint> points,
                                                 std::size_t left_out = static_cast<std::size_t>(-1));

}  // namespace mote::bench
