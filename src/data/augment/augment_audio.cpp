#include "mote/data/augment_audio.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "mote/base/error.hpp"
#include "mote/data/augment_image.hpp"

namespace mote::data {
namespace {

float between(float low, float high, Rng& rng) { return static_cast<float>(rng.uniform(low, high)); }
float gain_of(float decibels) { return std::pow(10.0f, decibels / 20); }

float mean_power(std::span<const float> wave) {
  double sum = 0;
  for (const float value : wave) sum += static_cast<double>(value) * value;
  return wave.empty() ? 0.0f : static_cast<float>(sum / static_cast<double>(wave.size()));
}

/// Kellet's economy filter, +-0.5 dB; its gain is taken off by the caller, who measures the power.
class PinkFilter {
 public:
  float operator()(float white) {
    b0_ = 0.99765f * b0_ + white * 0.0990460f;
    b1_ = 0.96300f * b1_ + white * 0.2965164f;
    b2_ = 0.57000f * b2_ + white * 1.0526913f;
    return b0_ + b1_ + b2_ + white * 0.1848f;
  }

 private:
  float b0_ = 0, b1_ = 0, b2_ = 0;
};

/// Fills `noise` with white or pink noise of any power, in blocks, without memory of its own beyond the filter.
void make_noise(std::span<float> noise, NoiseColour colour, PinkFilter& pink, Rng& rng) {
  std::fill(noise.begin(), noise.end(), 0.0f);
  add_noise(noise, 1, rng);
  if (colour == NoiseColour::pink) {
    for (float& value : noise) value = pink(value);
  }
}

/// Mean power of PinkFilter's output for unit white noise: the sum of its squared impulse response.
float pink_power() {
  static const float power = [] {
    PinkFilter filter;
    double sum = 0;
    for (int k = 0; k < 20'000; ++k) {
      const double h = filter(k == 0 ? 1.0f : 0.0f);
      sum += h * h;
    }
    return static_cast<float>(sum);
  }();
  return power;
}

/// Similarity of two stretches, every second sample: the search needs the best place, not the exact value.
float correlation(const float* a, const float* b, std::size_t count) {
  float sum = 0;
  for (std::size_t k = 0; k < count; k += 2) sum += a[k] * b[k];
  return sum;
}

}  // namespace

void shift_waveform(std::span<float> wave, std::ptrdiff_t samples) {
  const auto size = static_cast<std::ptrdiff_t>(wave.size());
  samples = std::clamp(samples, -size, size);
  if (samples >= 0) {
    std::copy_backward(wave.begin(), wave.end() - samples, wave.end());
    std::fill_n(wave.begin(), samples, 0.0f);
  } else {
    std::copy(wave.begin() - samples, wave.end(), wave.begin());
    std::fill(wave.end() + samples, wave.end(), 0.0f);
  }
}

void scale_waveform(std::span<float> wave, float gain) {
  for (float& value : wave) value *= gain;
}

void add_background_noise(std::span<float> wave, NoiseColour colour, float snr_db, Rng& rng) {
  const float power = mean_power(wave);
  if (power <= 0) return;
  const float unit = colour == NoiseColour::pink ? pink_power() : 1.0f;
  const float gain = std::sqrt(power / unit) * gain_of(-snr_db);
  std::array<float, 512> block{};
  PinkFilter pink;
  if (colour == NoiseColour::pink) {
    // The slowest pole has a time constant of 425 samples: start it in its steady state.
    for (int k = 0; k < 4; ++k) make_noise(block, colour, pink, rng);
  }
  for (std::size_t first = 0; first < wave.size(); first += block.size()) {
    const std::span<float> noise = std::span(block).first(std::min(block.size(), wave.size() - first));
    make_noise(noise, colour, pink, rng);
    for (std::size_t k = 0; k < noise.size(); ++k) wave[first + k] += gain * noise[k];
  }
}

void resample_speed(std::span<const float> in, float speed, Waveform& out) {
  MOTE_CHECK(speed > 0);
  const auto count =
      std::max<std::size_t>(in.empty() ? 0 : 1, static_cast<std::size_t>(static_cast<float>(in.size()) / speed));
  out.resize(count);
  const auto last = static_cast<std::ptrdiff_t>(in.size()) - 1;
  const auto at = [&](std::ptrdiff_t k) {
    return in[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(k, 0, last))];
  };
  for (std::size_t k = 0; k < count; ++k) {
    const double position = static_cast<double>(k) * speed;
    const auto i = static_cast<std::ptrdiff_t>(position);
    const auto f = static_cast<float>(position - static_cast<double>(i));
    const float y0 = at(i - 1), y1 = at(i), y2 = at(i + 1), y3 = at(i + 2);
    const float c1 = 0.5f * (y2 - y0);
    const float c2 = y0 - 2.5f * y1 + 2 * y2 - 0.5f * y3;
    const float c3 = 0.5f * (y3 - y0) + 1.5f * (y1 - y2);
    out[k] = ((c3 * f + c2) * f + c1) * f + y1;
  }
}

void stretch_time(std::span<const float> in, float rate_hz, float factor, Waveform& out) {
  MOTE_CHECK(factor > 0 && rate_hz > 0);
  const std::size_t hop = std::max<std::size_t>(8, static_cast<std::size_t>(0.015f * rate_hz));
  const std::size_t frame = 2 * hop;
  const auto reach = static_cast<std::ptrdiff_t>(hop / 2);
  if (in.size() < 2 * frame) {
    out.assign(in.begin(), in.end());
    return;
  }
  const auto length = static_cast<std::size_t>(static_cast<double>(in.size()) * factor);
  out.assign(length + frame, 0.0f);
  const auto last_start = static_cast<std::ptrdiff_t>(in.size() - frame);
  std::ptrdiff_t start = 0;
  for (std::size_t written = 0; written < length; written += hop) {
    if (written > 0) {
      // What would follow the frame just written is what the next one should look like, near where time says it should
      // be.
      const std::ptrdiff_t natural = std::min(start + static_cast<std::ptrdiff_t>(hop), last_start);
      const auto target = static_cast<std::ptrdiff_t>(static_cast<double>(written) / factor);
      const std::ptrdiff_t low = std::clamp<std::ptrdiff_t>(target - reach, 0, last_start);
      const std::ptrdiff_t high = std::clamp<std::ptrdiff_t>(target + reach, 0, last_start);
      start = low;
      float best = -1e30f;
      for (std::ptrdiff_t candidate = low; candidate <= high; ++candidate) {
        const float similar = correlation(in.data() + natural, in.data() + candidate, hop);
        if (similar > best) {
          best = similar;
          start = candidate;
        }
      }
    }
    for (std::size_t k = 0; k < frame; ++k) {
      // Triangular windows a hop apart add up to one; the first frame has no partner before it.
      const float rise = written == 0 ? 1.0f : static_cast<float>(k) / static_cast<float>(hop);
      const float weight = k < hop ? rise : static_cast<float>(frame - k) / static_cast<float>(hop);
      out[written + k] += weight * in[static_cast<std::size_t>(start) + k];
    }
    if (written + frame + hop > out.size()) break;
  }
  out.resize(length);
}

Biquad peak_filter(float rate_hz, float frequency_hz, float q, float gain_db) {
  const float amplitude = std::pow(10.0f, gain_db / 40);
  const float omega = 2 * std::numbers::pi_v<float> * frequency_hz / rate_hz;
  const float alpha = std::sin(omega) / (2 * q);
  const float a0 = 1 + alpha / amplitude;
  return {(1 + alpha * amplitude) / a0, -2 * std::cos(omega) / a0, (1 - alpha * amplitude) / a0,
          -2 * std::cos(omega) / a0, (1 - alpha / amplitude) / a0};
}

Biquad shelf_filter(float rate_hz, float frequency_hz, float gain_db) {
  const float amplitude = std::pow(10.0f, gain_db / 40);
  const float omega = 2 * std::numbers::pi_v<float> * frequency_hz / rate_hz;
  const float cosine = std::cos(omega);
  const float slope =
      std::sqrt(2 * amplitude) * std::sin(omega);  // 2 sqrt(A) alpha at the steepest slope without overshoot
  const float a0 = (amplitude + 1) - (amplitude - 1) * cosine + slope;
  return {amplitude * ((amplitude + 1) + (amplitude - 1) * cosine + slope) / a0,
          -2 * amplitude * ((amplitude - 1) + (amplitude + 1) * cosine) / a0,
          amplitude * ((amplitude + 1) + (amplitude - 1) * cosine - slope) / a0,
          2 * ((amplitude - 1) - (amplitude + 1) * cosine) / a0,
          ((amplitude + 1) - (amplitude - 1) * cosine - slope) / a0};
}

void filter_waveform(std::span<float> wave, const Biquad& f) {
  float s1 = 0;
  float s2 = 0;
  for (float& value : wave) {
    const float in = value;
    value = f.b0 * in + s1;
    s1 = f.b1 * in - f.a1 * value + s2;
    s2 = f.b2 * in - f.a2 * value;
  }
}

void random_equalizer(std::span<float> wave, float rate_hz, float max_db, Rng& rng) {
  const float tilt_db = between(-max_db, max_db, rng);
  filter_waveform(wave, shelf_filter(rate_hz, rate_hz / 8, tilt_db));
  scale_waveform(wave, gain_of(-tilt_db / 2));
  for (int peak = 0; peak < 2; ++peak) {
    // Log-uniform between rate/80 and rate/2.5: 100 to 3200 Hz at 8 kHz.
    const float frequency = rate_hz / 80 * std::pow(32.0f, between(0, 1, rng));
    filter_waveform(wave, peak_filter(rate_hz, frequency, between(0.7f, 2.0f, rng), between(-max_db, max_db, rng)));
  }
}

std::pair<std::size_t, std::size_t> energy_bounds(std::span<const float> wave, float rate_hz, float threshold_db) {
  const std::size_t frame = std::max<std::size_t>(1, static_cast<std::size_t>(rate_hz / 100));
  float peak = 0;
  for (std::size_t k = 0; k < wave.size(); k += frame)
    peak = std::max(peak, mean_power(wave.subspan(k, std::min(frame, wave.size() - k))));
  const float threshold = peak * std::pow(10.0f, -threshold_db / 10);
  std::size_t first = wave.size();
  std::size_t end = 0;
  for (std::size_t k = 0; k < wave.size(); k += frame) {
    const std::size_t count = std::min(frame, wave.size() - k);
    if (mean_power(wave.subspan(k, count)) < threshold) continue;
    first = std::min(first, k);
    end = k + count;
  }
  if (peak <= 0 || end <= first) return {0, wave.size()};
  return {first, end};
}

void compress_envelope(std::span<float> wave, float rate_hz, float amount) {
  if (amount <= 0 || wave.empty()) return;
  const float fall = std::exp(-1 / (0.02f * rate_hz));
  const auto next = [fall](float envelope, float value) { return std::max(std::abs(value), envelope * fall); };
  float peak = 0;
  float envelope = 0;
  for (const float value : wave) peak = std::max(peak, envelope = next(envelope, value));
  if (peak <= 0) return;
  const float floor = peak * 0.01f;
  envelope = 0;
  for (float& value : wave) {
    envelope = next(envelope, value);
    value *= std::exp2(amount * std::log2(peak / std::max(envelope, floor)));
  }
}

AudioAugmentation AudioAugmentation::moderate() {
  AudioAugmentation p;
  p.max_shift_ms = 50;
  p.gain_db_low = -6;
  p.gain_db_high = 6;
  p.noise = 0.5;
  p.speed_low = 0.87f;
  p.speed_high = 1.15f;
  p.stretch_low = 0.8f;
  p.stretch_high = 1.2f;
  p.equalizer_db = 5;
  p.trim = 1;
  p.compress = 1;
  return p;
}

void augment_audio(std::span<const std::int16_t> in, float rate_hz, const AudioAugmentation& p, Rng& rng,
                   AudioScratch& scratch, std::vector<std::int16_t>& out) {
  Waveform& wave = scratch.a;
  wave.assign(in.begin(), in.end());
  if (rng.chance(p.trim)) {
    const auto [first, end] = energy_bounds(wave, rate_hz, between(p.trim_db_low, p.trim_db_high, rng));
    wave.erase(wave.begin() + static_cast<std::ptrdiff_t>(end), wave.end());
    wave.erase(wave.begin(), wave.begin() + static_cast<std::ptrdiff_t>(first));
  }
  if (p.speed_low != 1 || p.speed_high != 1) {
    resample_speed(wave, between(p.speed_low, p.speed_high, rng), scratch.b);
    wave.swap(scratch.b);
  }
  if (p.stretch_low != 1 || p.stretch_high != 1) {
    stretch_time(wave, rate_hz, between(p.stretch_low, p.stretch_high, rng), scratch.b);
    wave.swap(scratch.b);
  }
  if (p.equalizer_db > 0) random_equalizer(wave, rate_hz, p.equalizer_db, rng);
  if (rng.chance(p.compress)) compress_envelope(wave, rate_hz, between(p.compress_low, p.compress_high, rng));
  if (p.gain_db_low != 0 || p.gain_db_high != 0)
    scale_waveform(wave, gain_of(between(p.gain_db_low, p.gain_db_high, rng)));
  if (p.max_shift_ms > 0) {
    const auto reach = static_cast<std::int64_t>(p.max_shift_ms * rate_hz / 1000);
    shift_waveform(wave, static_cast<std::ptrdiff_t>(rng.between(-reach, reach)));
  }
  if (rng.chance(p.noise)) {
    const NoiseColour colour = rng.chance(0.5) ? NoiseColour::pink : NoiseColour::white;
    add_background_noise(wave, colour, between(p.snr_db_low, p.snr_db_high, rng), rng);
  }
  out.resize(wave.size());
  std::transform(wave.begin(), wave.end(), out.begin(), [](float value) {
    return static_cast<std::int16_t>(std::lrint(std::clamp(value, -32768.0f, 32767.0f)));
  });
}

}  // namespace mote::data
