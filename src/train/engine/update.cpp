#include "update.hpp"

#include <algorithm>
#include <cmath>

namespace mote::train {
namespace {

constexpr double kAdamBeta1 = 0.9;
constexpr double kAdamBeta2 = 0.999;
constexpr float kAdamEpsilon = 1e-8f;

/// The sum of all shards' gradients, in gradients[0]; the others are zeroed.
void add_shards(std::span<std::vector<float>> gradients) {
  float* total = gradients.front().data();
  const std::size_t count = gradients.front().size();
  for (std::vector<float>& other : gradients.subspan(1)) {
    float* from = other.data();
    for (std::size_t i = 0; i < count; ++i) {
      total[i] += from[i];
      from[i] = 0.0f;
    }
  }
}

void clip(std::vector<float>& gradient, double limit) {
  double square = 0.0;
  for (const float g : gradient) square += static_cast<double>(g) * static_cast<double>(g);
  if (const double norm = std::sqrt(square); norm > limit) {
    const auto factor = static_cast<float>(limit / norm);
    for (float& g : gradient) g *= factor;
  }
}

void nesterov(std::span<float> p, std::span<const float> g, std::span<float> velocity, float rate, float momentum,
              float decay) {
  for (std::size_t i = 0; i < p.size(); ++i) {
    const float slope = g[i] + decay * p[i];
    velocity[i] = momentum * velocity[i] + slope;
    p[i] -= rate * (slope + momentum * velocity[i]);
  }
}

void adamw(std::span<float> p, std::span<const float> g, std::span<float> m, std::span<float> v, float rate,
           float decay, std::int64_t step) {
  const auto b1 = static_cast<float>(kAdamBeta1);
  const auto b2 = static_cast<float>(kAdamBeta2);
  const auto correct1 = static_cast<float>(1.0 / (1.0 - std::pow(kAdamBeta1, static_cast<double>(step + 1))));
  const auto correct2 = static_cast<float>(1.0 / (1.0 - std::pow(kAdamBeta2, static_cast<double>(step + 1))));
  for (std::size_t i = 0; i < p.size(); ++i) {
    m[i] = b1 * m[i] + (1.0f - b1) * g[i];
    v[i] = b2 * v[i] + (1.0f - b2) * g[i] * g[i];
    p[i] -= rate * (decay * p[i] + m[i] * correct1 / (std::sqrt(v[i] * correct2) + kAdamEpsilon));
  }
}

}  // namespace

void apply_gradients(State& state, std::span<std::vector<float>> gradients, const std::vector<Slot>& slots,
                     const TrainOptions& options, double learning_rate) {
  add_shards(gradients);
  std::vector<float>& total = gradients.front();
  if (options.gradient_clip > 0.0) clip(total, options.gradient_clip);
  const auto rate = static_cast<float>(learning_rate);
  for (const Slot& slot : slots) {
    const auto part = [&](std::vector<float>& all) { return std::span(all).subspan(slot.offset, slot.count); };
    const float decay = slot.decays ? static_cast<float>(options.weight_decay) : 0.0f;
    if (options.optimizer == Optimizer::sgd) {
      nesterov(part(state.current.parameters), part(total), part(state.first_moment), rate,
               static_cast<float>(options.momentum), decay);
    } else {
      adamw(part(state.current.parameters), part(total), part(state.first_moment), part(state.second_moment), rate,
            decay, state.step);
    }
  }
  std::ranges::fill(total, 0.0f);
}

// Of a batch in shards of equal weight: mean = average of the means, variance = average of variance + mean^2, minus the
// square of the mean.
void merge_moments(std::vector<float>& running, std::span<const std::vector<float>> moments,
                   std::span<const std::size_t> weights, const std::vector<Slot>& slots, double momentum) {
  double total = 0.0;
  for (const std::size_t w : weights) total += static_cast<double>(w);
  for (std::size_t k = 0; k + 1 < slots.size(); k += 2) {
    for (std::size_t c = 0; c < slots[k].count; ++c) {
      const std::size_t mean_at = slots[k].offset + c;
      const std::size_t variance_at = slots[k + 1].offset + c;
      double mean = 0.0;
      double square = 0.0;
      for (std::size_t s = 0; s < moments.size(); ++s) {
        const double part = static_cast<double>(weights[s]) / total;
        const auto m = static_cast<double>(moments[s][mean_at]);
        mean += part * m;
        square += part * (static_cast<double>(moments[s][variance_at]) + m * m);
      }
      const auto move = [&](float& value, double target) {
        value = static_cast<float>((1.0 - momentum) * static_cast<double>(value) + momentum * target);
      };
      move(running[mean_at], mean);
      move(running[variance_at], std::max(0.0, square - mean * mean));
    }
  }
}

void average_weights(Weights& averaged, const Weights& current, double decay, std::int64_t step) {
  const auto s = static_cast<double>(step);
  const auto keep = static_cast<float>(std::min(decay, (1.0 + s) / (10.0 + s)));
  const auto blend = [keep](std::vector<float>& to, const std::vector<float>& from) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] += (1.0f - keep) * (from[i] - to[i]);
  };
  blend(averaged.parameters, current.parameters);
  blend(averaged.statistics, current.statistics);
}

}  // namespace mote::train
