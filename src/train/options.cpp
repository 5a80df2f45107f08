#include "mote/train/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace mote::train {
namespace {

struct NumberRule {
  const char* name;
  double value;
  double low;
  double high;
  const char* allowed;
};

Result<void> check(const NumberRule& rule) {
  if (rule.value >= rule.low && rule.value <= rule.high) return {};
  return fail(Code::invalid_argument,
              fmt::format("training option {} = {}: it must be {}", rule.name, rule.value, rule.allowed));
}

double cosine(double from, double to, double part) {
  return to + (from - to) * 0.5 * (1.0 + std::cos(std::numbers::pi * part));
}

/// Part of the way from step `first` to the last step, in [0, 1].
double progress(std::int64_t step, std::int64_t first, std::int64_t total) {
  const std::int64_t length = total - 1 - first;
  return length > 0 ? std::min(1.0, static_cast<double>(step - first) / static_cast<double>(length)) : 1.0;
}

constexpr double kWarmupStart = 0.04;  // of the peak rate; PyTorch's OneCycleLR begins at 1/25

double one_cycle(const TrainOptions& options, std::int64_t step, std::int64_t total) {
  const double peak = options.learning_rate;
  const auto warmup = static_cast<std::int64_t>(options.warmup_fraction * static_cast<double>(total));
  if (step < warmup) {
    const double part = static_cast<double>(step) / static_cast<double>(warmup);
    return peak * (kWarmupStart + (1.0 - kWarmupStart) * part);
  }
  return cosine(peak, peak * options.final_fraction, progress(step, warmup, total));
}

}  // namespace

Result<void> validate(const TrainOptions& options) {
  const auto& o = options;
  const double unlimited = 1e9;
  const NumberRule rules[] = {
      {"epochs", static_cast<double>(o.epochs), 1, 100'000, "from 1 to 100000"},
      {"batch_size", static_cast<double>(o.batch_size), 1, 65'536, "from 1 to 65536"},
      {"shard_size", static_cast<double>(o.shard_size), 1, 65'536, "from 1 to 65536"},
      {"threads", static_cast<double>(o.threads), 0, 1'024, "from 0 (all cores) to 1024"},
      {"learning_rate", o.learning_rate, 1e-12, 1'000, "above 0 and at most 1000"},
      {"momentum", o.momentum, 0, 0.9999, "from 0 to 0.9999"},
      {"weight_decay", o.weight_decay, 0, 10, "from 0 to 10"},
      {"gradient_clip", o.gradient_clip, 0, unlimited, "0 (none) or a positive norm"},
      {"warmup_fraction", o.warmup_fraction, 0, 1, "from 0 to 1"},
      {"final_fraction", o.final_fraction, 0, 1, "from 0 to 1"},
      {"step_factor", o.step_factor, 1e-6, 1, "from 0.000001 to 1"},
      {"step_epochs", static_cast<double>(o.step_epochs), 1, 100'000, "from 1 to 100000"},
      {"label_smoothing", o.label_smoothing, 0, 0.9, "from 0 to 0.9"},
      {"mixup_alpha", o.mixup_alpha, 0, 100, "from 0 (none) to 100"},
      {"distillation.temperature", o.distillation.temperature, 0.1, 100, "from 0.1 to 100"},
      {"distillation.weight", o.distillation.weight, 0, 1, "from 0 to 1"},
      {"ema_decay", o.ema_decay, 0, 0.999999, "from 0 (off) to 0.999999"},
      {"batch_norm_momentum", o.batch_norm_momentum, 1e-6, 1, "from 0.000001 to 1"},
      {"early_stopping", static_cast<double>(o.early_stopping), 0, 100'000, "from 0 (never) to 100000"},
      {"checkpoint_interval", static_cast<double>(o.checkpoint_interval.count()), 1, unlimited, "at least 1 ms"},
  };
  for (const NumberRule& rule : rules) MOTE_TRY_VOID(check(rule));
  if (o.loss == Loss::reconstruction && o.class_weights != ClassWeights::none) {
    return fail(Code::invalid_argument,
                "training option class_weights = balanced: a reconstruction has no classes, set it to none");
  }
  if (o.loss == Loss::reconstruction && o.distillation.teacher) {
    return fail(Code::invalid_argument,
                "training option distillation: it needs classes, remove the teacher of a reconstruction");
  }
  return {};
}

double learning_rate(const TrainOptions& options, std::int64_t step, std::int64_t total_steps,
                     std::int64_t steps_per_epoch) {
  const double peak = options.learning_rate;
  switch (options.schedule) {
    case Schedule::one_cycle:
      return one_cycle(options, step, total_steps);
    case Schedule::cosine:
      return cosine(peak, peak * options.final_fraction, progress(step, 0, total_steps));
    case Schedule::step: {
      const std::int64_t drops = step / (steps_per_epoch * options.step_epochs);
      return peak * std::pow(options.step_factor, static_cast<double>(drops));
    }
    case Schedule::constant:
      return peak;
  }
  return peak;
}

Digest fingerprint(const TrainOptions& options) {
  const auto& o = options;
  Hasher hasher;
  hasher.field("mote train options 1");
  for (const std::int64_t number : {std::int64_t{o.epochs}, std::int64_t{o.batch_size}, std::int64_t{o.shard_size},
                                    std::int64_t{o.step_epochs}, std::int64_t{o.early_stopping}}) {
    hasher.field(static_cast<std::uint64_t>(number));
  }
  hasher.field(o.seed);
  hasher.field(static_cast<std::uint64_t>(o.loss)).field(static_cast<std::uint64_t>(o.optimizer));
  hasher.field(static_cast<std::uint64_t>(o.schedule)).field(static_cast<std::uint64_t>(o.class_weights));
  for (const double number : {o.learning_rate, o.momentum, o.weight_decay, o.gradient_clip, o.warmup_fraction,
                              o.final_fraction, o.step_factor, o.label_smoothing, o.mixup_alpha,
                              o.distillation.temperature, o.distillation.weight, o.ema_decay, o.batch_norm_momentum}) {
    hasher.field(fmt::format("{:a}", number));
  }
  if (o.distillation.teacher) hasher.field(graph::content_hash(*o.distillation.teacher).hex());
  return hasher.finish();
}

}  // namespace mote::train
