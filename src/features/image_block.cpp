// Block `image`.

#include <algorithm>
#include <cmath>

#include "block.hpp"
#include "features/image.hpp"
#include "tables.hpp"

namespace mote::features {
namespace {

/// One axis while the picture's place is being decided.
struct Axis {
  std::uint32_t begin;  // cropped input pixels
  std::uint32_t size;
  std::uint32_t output;   // output pixels
  std::uint32_t picture;  // of them, picture
};

void fit_shortest(Axis& x, Axis& y) {
  // The scale that just covers both outputs; of each axis the middle that is needed.
  const double scale = std::max(static_cast<double>(x.output) / x.size, static_cast<double>(y.output) / y.size);
  for (Axis* axis : {&x, &y}) {
    const auto used =
        std::clamp<std::uint32_t>(static_cast<std::uint32_t>(std::lround(axis->output / scale)), 1, axis->size);
    axis->begin += (axis->size - used) / 2;
    axis->size = used;
  }
}

void fit_longest(Axis& x, Axis& y) {
  const double scale = std::min(static_cast<double>(x.output) / x.size, static_cast<double>(y.output) / y.size);
  for (Axis* axis : {&x, &y}) {
    axis->picture =
        std::clamp<std::uint32_t>(static_cast<std::uint32_t>(std::lround(axis->size * scale)), 1, axis->output);
  }
}

/// Pixel centres map to pixel centres: output i lies at (i + 0.5) * size / picture - 0.5.
device::ImageAxis device_axis(const Axis& axis) {
  const double step = static_cast<double>(axis.size) / axis.picture;
  device::ImageAxis out{};
  out.crop_begin = static_cast<std::int32_t>(axis.begin);
  out.crop_last = static_cast<std::int32_t>(axis.begin + axis.size - 1);
  out.size = static_cast<std::int32_t>(axis.output);
  out.pad = static_cast<std::int32_t>((axis.output - axis.picture) / 2);
  out.picture = static_cast<std::int32_t>(axis.picture);
  out.start_q16 = rounded((0.5 * step - 0.5) * 65536);
  out.step_q16 = rounded(step * 65536);
  return out;
}

void emit_axis(CodeWriter& code, const std::string& name, const device::ImageAxis& axis) {
  code.field(name + ".crop_begin", axis.crop_begin);
  code.field(name + ".crop_last", axis.crop_last);
  code.field(name + ".size", axis.size);
  code.field(name + ".pad", axis.pad);
  code.field(name + ".picture", axis.picture);
  code.field(name + ".start_q16", axis.start_q16);
  code.field(name + ".step_q16", axis.step_q16);
}

class ImageBlock final : public Block {
 public:
  ImageBlock(const ImageConfig& config, const SensorSpec& sensor, const device::ImageParams& params)
      : Block(config, sensor), params_(params) {
    shape_ = {static_cast<std::uint32_t>(params.y.size), static_cast<std::uint32_t>(params.x.size),
              static_cast<std::uint32_t>(params.out_channels)};
    scale_ = 1.0 / 255;
    names_ =
        params.out_channels == 1 ? std::vector<std::string>{"gray"} : std::vector<std::string>{"red", "green", "blue"};
  }

  void run(const Input& input, std::int16_t* out, std::int32_t*) const override {
    device::image(params_, input.pixels, out);
  }

  void emit(CodeWriter& code, const device::FeatureQuantization&) const override {
    code.include("features/image.hpp");
    code.line("mote::device::ImageParams p;");
    emit_axis(code, "x", params_.x);
    emit_axis(code, "y", params_.y);
    code.field("in_width", params_.in_width);
    code.field("in_channels", params_.in_channels);
    code.field("out_channels", params_.out_channels);
    code.field("bilinear", params_.bilinear);
    code.line("mote::device::image(p, input, features);");
  }

 private:
  device::ImageParams params_;
};

Result<Axis> cropped_axis(const ImageConfig& config, std::string_view what, std::uint32_t begin, std::uint32_t crop,
                          std::uint32_t input, std::uint32_t output) {
  const std::string size = std::to_string(input);
  if (begin >= input)
    return bad_parameter(config, "crop_" + std::string(what == "width" ? "x" : "y"),
                         "lies outside the image's " + size + " pixels");
  if (crop > input - begin)
    return bad_parameter(config, "crop_" + std::string(what), "reaches beyond the image's " + size + " pixels");
  if (output > 4096) return bad_parameter(config, what, "is at most 4096");
  const std::uint32_t used = crop == 0 ? input - begin : crop;
  const std::uint32_t out = output == 0 ? used : output;
  // Positions are Q16 in 32 bits.
  if (used > 16384) return bad_parameter(config, what, "images are cropped to at most 16384 pixels a side");
  return Axis{begin, used, out, out};
}

}  // namespace

BlockResult make_image(const ImageConfig& config, const SensorSpec& sensor) {
  MOTE_TRY_VOID(require_image(config, sensor));
  if (sensor.channels != 1 && sensor.channels != 3)
    return bad_parameter(config, "channels", "the sensor's images must have 1 or 3");
  if (config.channels != 0 && config.channels != 1 && config.channels != 3)
    return bad_parameter(config, "channels", "must be 1 or 3");
  MOTE_TRY(Axis x, cropped_axis(config, "width", config.crop_x, config.crop_width, sensor.width, config.width));
  MOTE_TRY(Axis y, cropped_axis(config, "height", config.crop_y, config.crop_height, sensor.height, config.height));
  if (config.resize_mode == ResizeMode::fit_shortest) fit_shortest(x, y);
  if (config.resize_mode == ResizeMode::fit_longest) fit_longest(x, y);
  device::ImageParams params{};
  params.x = device_axis(x);
  params.y = device_axis(y);
  params.in_width = static_cast<std::int32_t>(sensor.width);
  params.in_channels = static_cast<std::int32_t>(sensor.channels);
  params.out_channels = static_cast<std::int32_t>(config.channels == 0 ? sensor.channels : config.channels);
  params.bilinear = config.interpolation == Interpolation::bilinear ? 1 : 0;
  return std::make_shared<ImageBlock>(config, sensor, params);
}

}  // namespace mote::features
