// [model], [train], [augment] and [quantize] of mote.toml.

#include <algorithm>
#include <charconv>
#include <cmath>

#include "mote/base/hash.hpp"
#include "project.hpp"

namespace mote::app {
namespace {

using pipeline::Section;
using Strings = std::vector<std::string>;

/// "40", "40 s2", "24 s2 k7 plain": channels, stride, kernel, without residual.
Result<graph::SeparableBlock> parse_block(Section& section, const std::string& text) {
  graph::SeparableBlock block;
  bool first = true;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    const std::string word = text.substr(at, end - at);
    at = end + 1;
    if (word.empty()) continue;
    if (word == "plain") {
      block.residual = false;
      continue;
    }
    const char kind = first ? ' ' : word[0];
    const char* digits = word.data() + (first ? 0 : 1);
    std::int32_t value = 0;
    const auto [stop, error] = std::from_chars(digits, word.data() + word.size(), value);
    const bool known = first || kind == 's' || kind == 'k';
    if (error != std::errc() || stop != word.data() + word.size() || !known) {
      return section.refuse(
          "blocks", "'" + text + "' is not a block; write channels, then s<stride>, k<kernel> or plain: \"48 s2 k5\"");
    }
    (first ? block.channels : kind == 's' ? block.stride : block.kernel) = value;
    first = false;
  }
  if (first) return section.refuse("blocks", "a block is empty");
  return block;
}

Result<std::pair<std::int32_t, std::int32_t>> pair_of(Section& section, std::string_view key,
                                                      std::vector<std::int64_t> fallback) {
  MOTE_TRY(const auto list, section.get<std::vector<std::int64_t>>(key, std::move(fallback)));
  if (list.size() != 2) return section.refuse(key, "two numbers are expected, [height, width]");
  for (const std::int64_t v : list) {
    if (v < 1 || v > 4096) return section.refuse(key, "the numbers must be within 1 and 4096");
  }
  return std::pair{static_cast<std::int32_t>(list[0]), static_cast<std::int32_t>(list[1])};
}

Result<void> read_stem(Section& model, graph::Stem& stem) {
  MOTE_TRY(Section s, model.section("stem"));
  MOTE_TRY(stem.channels, s.get<int>("channels", stem.channels, {1, 4096}));
  MOTE_TRY(const auto kernel, pair_of(s, "kernel", {stem.kernel_h, stem.kernel_w}));
  MOTE_TRY(const auto stride, pair_of(s, "stride", {stem.stride_h, stem.stride_w}));
  std::tie(stem.kernel_h, stem.kernel_w) = kernel;
  std::tie(stem.stride_h, stem.stride_w) = stride;
  return {};
}

Result<void> read_optimizer(Section& s, train::TrainOptions& o) {
  MOTE_TRY(const std::string optimizer,
           s.one_of("optimizer", {"sgd", "adamw"}, o.optimizer == train::Optimizer::sgd ? "sgd" : "adamw"));
  o.optimizer = optimizer == "sgd" ? train::Optimizer::sgd : train::Optimizer::adamw;
  if (o.optimizer == train::Optimizer::adamw) {
    o.learning_rate = 5e-3;
    o.weight_decay = 0.02;
  }
  MOTE_TRY(o.learning_rate, s.get<double>("learning_rate", o.learning_rate, {1e-9, 100.0}));
  MOTE_TRY(o.momentum, s.get<double>("momentum", o.momentum, {0.0, 0.9999}));
  MOTE_TRY(o.weight_decay, s.get<double>("weight_decay", o.weight_decay, {0.0, 10.0}));
  MOTE_TRY(o.gradient_clip, s.get<double>("gradient_clip", o.gradient_clip, {0.0, 1e9}));
  MOTE_TRY(const std::string schedule, s.one_of("schedule", {"one_cycle", "cosine", "step", "constant"}, "one_cycle"));
  o.schedule = schedule == "one_cycle" ? train::Schedule::one_cycle
               : schedule == "cosine"  ? train::Schedule::cosine
               : schedule == "step"    ? train::Schedule::step
                                       : train::Schedule::constant;
  MOTE_TRY(o.warmup_fraction, s.get<double>("warmup_fraction", o.warmup_fraction, {0.0, 1.0}));
  MOTE_TRY(o.final_fraction, s.get<double>("final_fraction", o.final_fraction, {0.0, 1.0}));
  MOTE_TRY(o.step_factor, s.get<double>("step_factor", o.step_factor, {1e-6, 1.0}));
  MOTE_TRY(o.step_epochs, s.get<int>("step_epochs", o.step_epochs, {1, 1'000'000}));
  return {};
}

Result<void> read_options(Section& s, train::TrainOptions& o) {
  MOTE_TRY(o.epochs, s.get<int>("epochs", o.epochs, {1, 100'000}));
  MOTE_TRY(o.batch_size, s.get<int>("batch_size", o.batch_size, {1, 65'536}));
  MOTE_TRY(o.shard_size, s.get<int>("shard_size", o.shard_size, {1, 100'000}));
  MOTE_TRY(const int seed, s.get<int>("seed", static_cast<int>(o.seed), {0, 2'000'000'000}));
  o.seed = static_cast<std::uint64_t>(seed);
  MOTE_TRY_VOID(read_optimizer(s, o));
  MOTE_TRY(o.label_smoothing, s.get<double>("label_smoothing", o.label_smoothing, {0.0, 0.99}));
  MOTE_TRY(o.mixup_alpha, s.get<double>("mixup_alpha", o.mixup_alpha, {0.0, 100.0}));
  MOTE_TRY(const std::string weights, s.one_of("class_weights", {"none", "balanced"}, "none"));
  o.class_weights = weights == "none" ? train::ClassWeights::none : train::ClassWeights::balanced;
  MOTE_TRY(o.ema_decay, s.get<double>("ema_decay", o.ema_decay, {0.0, 0.999999}));
  MOTE_TRY(o.early_stopping, s.get<int>("early_stopping", o.early_stopping, {0, 100'000}));
  return {};
}

Result<void> read_image_augmentation(Section& s, data::ImageAugmentation& a) {
  MOTE_TRY(a.max_shift_pixels, s.get<int>("shift_pixels", 0, {0, 1000}));
  MOTE_TRY(a.flip_horizontal, s.get<double>("flip_horizontal", 0.0, {0.0, 1.0}));
  MOTE_TRY(a.flip_vertical, s.get<double>("flip_vertical", 0.0, {0.0, 1.0}));
  const auto number = [&](std::string_view key, float& to, double most) -> Result<void> {
    MOTE_TRY(const double v, s.get<double>(key, 0.0, {0.0, most}));
    to = static_cast<float>(v);
    return {};
  };
  MOTE_TRY_VOID(number("rotation_degrees", a.max_rotation_degrees, 180.0));
  MOTE_TRY_VOID(number("scale", a.max_scale, 0.9));
  MOTE_TRY_VOID(number("brightness", a.max_brightness, 1.0));
  MOTE_TRY_VOID(number("contrast", a.max_contrast, 0.99));
  MOTE_TRY_VOID(number("noise", a.noise_sigma, 1.0));
  MOTE_TRY(a.cutout, s.get<double>("cutout", 0.0, {0.0, 1.0}));
  MOTE_TRY(const int pixels, s.get<int>("cutout_pixels", 0, {0, 10'000}));
  a.cutout_pixels = static_cast<std::size_t>(pixels);
  return {};
}

Result<void> read_spectrogram_augmentation(Section& s, data::SpectrogramAugmentation& a) {
  const auto count = [&](std::string_view key, std::size_t& to) -> Result<void> {
    MOTE_TRY(const int v, s.get<int>(key, 0, {0, 10'000}));
    to = static_cast<std::size_t>(v);
    return {};
  };
  MOTE_TRY(a.chance, s.get<double>("mask_chance", 1.0, {0.0, 1.0}));
  MOTE_TRY_VOID(count("time_masks", a.time_masks));
  MOTE_TRY_VOID(count("time_mask_frames", a.max_time_mask_frames));
  MOTE_TRY_VOID(count("frequency_masks", a.frequency_masks));
  MOTE_TRY_VOID(count("frequency_mask_bands", a.max_frequency_mask_bands));
  MOTE_TRY_VOID(count("shift_frames", a.max_shift_frames));
  return {};
}

Result<void> read_audio_augmentation(Section& s, samples::Augmentation& a) {
  MOTE_TRY(const std::string preset, s.one_of("waveform", {"none", "moderate"}, "none"));
  a.audio_on = preset == "moderate";
  if (a.audio_on) a.audio = data::AudioAugmentation::moderate();
  MOTE_TRY(a.vtlp, s.get<double>("vtlp", 0.0, {0.0, 0.5}));
  const auto number = [&](std::string_view key, float& to) -> Result<void> {
    MOTE_TRY(const double v, s.get<double>(key, static_cast<double>(to), {0.0, 1000.0}));
    to = static_cast<float>(v);
    return {};
  };
  if (!a.audio_on) return {};
  data::AudioAugmentation& w = a.audio;
  MOTE_TRY_VOID(number("shift_ms", w.max_shift_ms));
  MOTE_TRY(w.noise, s.get<double>("noise_chance", w.noise, {0.0, 1.0}));
  MOTE_TRY_VOID(number("snr_db_low", w.snr_db_low));
  MOTE_TRY_VOID(number("snr_db_high", w.snr_db_high));
  MOTE_TRY_VOID(number("speed_low", w.speed_low));
  MOTE_TRY_VOID(number("speed_high", w.speed_high));
  MOTE_TRY_VOID(number("stretch_low", w.stretch_low));
  MOTE_TRY_VOID(number("stretch_high", w.stretch_high));
  MOTE_TRY_VOID(number("equalizer_db", w.equalizer_db));
  MOTE_TRY(w.trim, s.get<double>("trim_chance", w.trim, {0.0, 1.0}));
  MOTE_TRY_VOID(number("trim_db_low", w.trim_db_low));
  MOTE_TRY_VOID(number("trim_db_high", w.trim_db_high));
  MOTE_TRY(w.compress, s.get<double>("compress_chance", w.compress, {0.0, 1.0}));
  MOTE_TRY_VOID(number("compress_high", w.compress_high));
  return {};
}

Result<void> read_series_augmentation(Section& s, data::SeriesAugmentation& a) {
  const auto number = [&](std::string_view key, float& to, double most) -> Result<void> {
    MOTE_TRY(const double v, s.get<double>(key, 0.0, {0.0, most}));
    to = static_cast<float>(v);
    return {};
  };
  MOTE_TRY_VOID(number("scale", a.max_scale, 0.9));
  MOTE_TRY_VOID(number("rotation_degrees", a.max_rotation_degrees, 180.0));
  MOTE_TRY_VOID(number("jitter", a.jitter_sigma, 1e6));
  MOTE_TRY_VOID(number("time_warp", a.max_time_warp, 0.9));
  MOTE_TRY_VOID(number("offset", a.max_offset, 1e6));
  return {};
}

Result<void> read_blocks(Section& s, std::vector<graph::SeparableBlock>& blocks) {
  MOTE_TRY(const Strings texts, s.get<Strings>("blocks", {}));
  if (s.has("blocks") && texts.empty()) return s.refuse("blocks", "is empty; leave it out for the architecture's own");
  for (const std::string& text : texts) {
    MOTE_TRY(const graph::SeparableBlock block, parse_block(s, text));
    blocks.push_back(block);
  }
  return {};
}

Result<void> read_hidden(Section& s, std::vector<std::int32_t>& hidden) {
  MOTE_TRY(const auto units, s.get<std::vector<std::int64_t>>("hidden", {}));
  for (const std::int64_t h : units) {
    if (h < 1 || h > 65536) return s.refuse("hidden", "a layer has 1 to 65536 units");
    hidden.push_back(static_cast<std::int32_t>(h));
  }
  return {};
}

/// Only what the architecture uses is known: a setting without effect is refused as an unknown key.
Result<void> read_layers(Section& s, graph::ZooOptions& o) {
  const std::string& a = o.architecture;
  if (a == "mlp" || a == "autoencoder") return read_hidden(s, o.hidden);
  if (a == "mobilenet_v1") {
    MOTE_TRY(o.alpha, s.get<double>("alpha", o.alpha, {0.01, 4.0}));
    return {};
  }
  MOTE_TRY_VOID(read_stem(s, o.stem));
  return a == "resnet8" ? Result<void>{} : read_blocks(s, o.blocks);
}

}  // namespace

Result<Setting<graph::ZooOptions>> read_model(pipeline::Config& config) {
  MOTE_TRY(Section s, config.section("model"));
  Setting<graph::ZooOptions> out;
  graph::ZooOptions& o = out.value;
  Strings names;
  for (const auto name : graph::zoo_names()) names.emplace_back(name);
  MOTE_TRY(o.architecture, s.one_of("architecture", names));
  MOTE_TRY_VOID(read_layers(s, o));
  MOTE_TRY(o.dropout, s.get<double>("dropout", o.dropout, {0.0, 0.95}));
  MOTE_TRY(o.softmax, s.get<bool>("softmax", true));
  MOTE_TRY(const int seed, s.get<int>("seed", 1, {0, 2'000'000'000}));
  o.seed = static_cast<std::uint64_t>(seed);
  out.text = s.canonical_text();
  return out;
}

Result<Setting<train::TrainOptions>> read_train(pipeline::Config& config) {
  MOTE_TRY(Section s, config.optional_section("train"));
  Setting<train::TrainOptions> out;
  MOTE_TRY_VOID(read_options(s, out.value));
  out.text = s.canonical_text();
  return out;
}

Result<Setting<std::filesystem::path>> read_head_only(pipeline::Config& config) {
  MOTE_TRY(Section s, config.optional_section("train"));
  Setting<std::filesystem::path> out;
  if (!s.has("head_only")) return out;
  MOTE_TRY(out.value, s.path("head_only"));
  for (const char* file : {"int8.mote", "input.json"}) {
    const auto digest = sha256_file(out.value / file);
    if (!digest)
      return s.refuse("head_only", "'" + out.value.string() + "' has no " + file +
                                       "; name the folder 'out' of an earlier run, or a copy of it");
    out.text += "train.head_only/" + std::string(file) + "=" + digest->hex() + "\n";
  }
  return out;
}

Result<Setting<samples::Augmentation>> read_augment(pipeline::Config& config) {
  MOTE_TRY(Section s, config.optional_section("augment"));
  Setting<samples::Augmentation> out;
  MOTE_TRY(Section data, config.section("data"));
  MOTE_TRY(const std::string kind, data.require<std::string>("kind"));
  if (kind == "idx" || kind == "images") {
    MOTE_TRY_VOID(read_image_augmentation(s, out.value.image));
  } else if (kind == "audio") {
    MOTE_TRY_VOID(read_audio_augmentation(s, out.value));
    MOTE_TRY_VOID(read_spectrogram_augmentation(s, out.value.spectrogram));
  } else {
    MOTE_TRY_VOID(read_series_augmentation(s, out.value.series));
  }
  out.text = s.canonical_text();
  return out;
}

Result<Setting<QuantizeSettings>> read_quantize(pipeline::Config& config) {
  MOTE_TRY(Section s, config.optional_section("quantize"));
  Setting<QuantizeSettings> out;
  QuantizeSettings& q = out.value;
  MOTE_TRY(const std::string method, s.one_of("method", {"post_training", "aware"}, "post_training"));
  q.aware = method == "aware";
  MOTE_TRY(const std::string calibration, s.one_of("calibration", {"min_max", "percentile", "mse"}, "percentile"));
  q.calibration.method = calibration == "min_max" ? train::CalibrationMethod::min_max
                         : calibration == "mse"   ? train::CalibrationMethod::mse
                                                  : train::CalibrationMethod::percentile;
  MOTE_TRY(q.calibration.percentile, s.get<double>("percentile", q.calibration.percentile, {50.001, 100.0}));
  MOTE_TRY(const int samples, s.get<int>("samples", 1000, {1, 10'000'000}));
  q.calibration.max_samples = static_cast<std::size_t>(samples);
  if (q.aware) {
    q.training.epochs = 2;
    q.training.learning_rate = 0.01;
    q.training.ema_decay = 0.0;
    MOTE_TRY_VOID(read_options(s, q.training));
  }
  out.text = s.canonical_text();
  return out;
}

}  // namespace mote::app
