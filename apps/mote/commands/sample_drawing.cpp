#include "sample_drawing.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "drawing.hpp"

namespace mote::app {
namespace {

constexpr std::size_t kImageColumns = 48;  // two characters each
constexpr std::size_t kSignalCells = 80;
constexpr std::size_t kSignalRows = 8;
constexpr std::size_t kMostChannels = 8;

/// Gray values: luma is close enough to a mean for a picture of five shades.
std::string draw_image(const data::Shape& shape, const std::vector<float>& values) {
  const std::size_t height = shape.dims[0], width = shape.dims[1], channels = shape.dims[2];
  std::vector<float> gray(height * width);
  for (std::size_t i = 0; i < gray.size(); ++i) {
    for (std::size_t c = 0; c < channels; ++c) gray[i] += values[i * channels + c];
  }
  return draw_shades(gray, height, width, picture_size(height, width, kImageColumns), 2);
}

std::string draw_channels(const data::Shape& shape, const std::vector<float>& values) {
  const std::size_t steps = shape.dims[0], channels = shape.dims[1];
  std::string out;
  for (std::size_t c = 0; c < std::min(channels, kMostChannels); ++c) {
    std::vector<float> channel(steps);
    for (std::size_t t = 0; t < steps; ++t) channel[t] = values[t * channels + c];
    const auto [low, high] = std::minmax_element(channel.begin(), channel.end());
    if (channels > 1) out += fmt::format("channel {}, ", c + 1);
    out += fmt::format("{:g} to {:g}\n", *low, *high);
    out += draw_signal(channel, kSignalCells, channels > 1 ? kSignalRows / 2 : kSignalRows);
  }
  if (channels > kMostChannels) out += fmt::format("and {} more channels\n", channels - kMostChannels);
  return out;
}

std::string name_at(const std::vector<std::string>& names, std::int32_t index) {
  return index < 0 ? std::string() : names[static_cast<std::size_t>(index)];
}

}  // namespace

Result<std::vector<float>> sample_values(const data::Dataset& dataset, std::size_t i) {
  if (i >= dataset.size()) {
    return fail(Code::invalid_argument, fmt::format("{}: there is no sample {}; they are numbered 0 to {}",
                                                    dataset.folder().string(), i, dataset.size() - 1));
  }
  std::vector<float> values(dataset.info(i).shape.count());
  dataset.to_floats(i, values);
  return values;
}

std::string label_of(const data::Dataset& dataset, std::size_t i) {
  return name_at(dataset.about().labels, dataset.info(i).label);
}
std::string group_of(const data::Dataset& dataset, std::size_t i) {
  return name_at(dataset.about().groups, dataset.info(i).group);
}

std::string sample_title(const data::Dataset& dataset, std::size_t i) {
  const data::SampleInfo info = dataset.info(i);
  std::string title = fmt::format("sample {}: ", i);
  if (info.label >= 0) title += "label " + label_of(dataset, i) + ", ";
  if (info.group >= 0) title += "group " + group_of(dataset, i) + ", ";
  if (info.partition != data::Partition::none) title += std::string(data::name(info.partition)) + " part, ";
  return title + info.shape.text() + ", from " + std::string(info.source);
}

std::string draw_sample(const data::Dataset& dataset, std::size_t i, const std::vector<float>& values) {
  const data::Shape shape = dataset.info(i).shape;
  const std::string title = sample_title(dataset, i) + "\n";
  switch (dataset.about().modality) {
    case data::Modality::image:
      return title + draw_image(shape, values);
    case data::Modality::strokes:
      return title + draw_path(values, kSignalCells / 2, kSignalRows * 2);
    case data::Modality::audio:
    case data::Modality::series:
      return title + draw_channels(shape, values);
  }
  return title;
}

}  // namespace mote::app
