#include "requantizer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "kernels/requantize.hpp"

namespace mote::compile::m4 {
namespace {

__extension__ using Wide = __int128;

constexpr Wide kUnlimited = Wide{1} << 100;
constexpr std::int64_t kInt32Max = std::numeric_limits<std::int32_t>::max();

/// Steps of the definition over [low, high].
std::vector<LineStep> steps_of(const ChannelRule& rule) {
  std::vector<LineStep> steps;
  const std::int32_t lowest = requantized(rule, rule.low);
  const std::int32_t highest = requantized(rule, rule.high);
  if (lowest > -128) steps.push_back({lowest, rule.low, true, false});
  std::int64_t from = rule.low;
  for (std::int32_t y = lowest + 1; y <= highest; ++y) {
    std::int64_t below = from - 1, at = rule.high;  // the definition is < y at `below` and >= y at `at`
    below = std::max(below, rule.low);
    while (at - below > 1) {
      const std::int64_t middle = below + (at - below) / 2;
      (requantized(rule, middle) >= y ? at : below) = middle;
    }
    steps.push_back({y, at, true, true});
    from = at;
  }
  if (highest < 127) steps.push_back({highest + 1, rule.high + 1, false, true});
  return steps;
}

/// Values of A = bias * multiplier + offset * 2^32 with which x' * multiplier + offset * 2^32 makes all steps.
struct Window {
  Wide low, high;
  [[nodiscard]] bool empty() const { return low > high; }
};

Window window_of(const std::vector<LineStep>& steps, Wide multiplier, std::int32_t scale, std::int32_t shift) {
  Window w{-kUnlimited, kUnlimited};
  for (const LineStep& s : steps) {
    const Wide demand = (Wide{s.y} << (32 + shift)) - Wide{scale} * s.first * multiplier;
    if (s.reached) w.low = std::max(w.low, demand);
    if (s.not_before) w.high = std::min(w.high, demand + Wide{scale} * multiplier - 1);
  }
  return w;
}

Wide divide_up(Wide a, Wide b) { return a >= 0 ? (a + b - 1) / b : -((-a) / b); }

bool fits(Wide v) { return v >= -kInt32Max - 1 && v <= kInt32Max; }

/// Bias and offset whose A lies in the window.
std::optional<LineForm> place(const Window& w, std::int64_t multiplier, bool with_offset, std::int32_t tries) {
  if (w.empty()) return std::nullopt;
  const auto form = [&](Wide bias, Wide offset) -> std::optional<LineForm> {
    if (!fits(bias) || !fits(offset)) return std::nullopt;
    return LineForm{static_cast<std::int32_t>(multiplier), static_cast<std::int32_t>(bias),
                    static_cast<std::int32_t>(offset)};
  };
  // A channel with one result at the lower clamp has no lower demand: begin at the upper one.
  if (w.low == -kUnlimited && w.high == kUnlimited) return form(0, 0);
  const Wide bias = w.low == -kUnlimited ? divide_up(w.high, multiplier) - 1 : divide_up(w.low, multiplier);
  if (bias * multiplier <= w.high) return form(bias, 0);
  if (!with_offset) return std::nullopt;
  const Wide unit = Wide{1} << 32;
  for (std::int32_t k = 0; k < tries; ++k) {
    for (const Wide b : {bias + k, bias - k}) {
      const Wide offset = divide_up(w.low - b * multiplier, unit);
      if (b * multiplier + offset * unit <= w.high) return form(b, offset);
    }
  }
  return std::nullopt;
}

Wide divide_down(Wide a, Wide b) { return -divide_up(-a, b); }

/// As place(), with the bias that has the most trailing zeros.
std::optional<LineForm> place_shortest(const Window& w, std::int64_t multiplier, bool with_offset) {
  if (w.empty()) return std::nullopt;
  if (w.low == -kUnlimited || w.high == kUnlimited) return place(w, multiplier, with_offset, 1);
  const Wide least = divide_up(w.low, multiplier), most = divide_down(w.high, multiplier);
  for (int zeros = 30; zeros >= 0; --zeros) {
    const Wide unit = Wide{1} << zeros, bias = divide_up(least, unit) * unit;
    if (bias <= most && fits(bias))
      return LineForm{static_cast<std::int32_t>(multiplier), static_cast<std::int32_t>(bias), 0};
  }
  return with_offset ? place(w, multiplier, true, 1000) : std::nullopt;
}

/// Another line through the steps, with the shortest numbers that are near.
LineForm shorten(const LineForm& line, const std::vector<LineStep>& steps, std::int32_t scale, std::int32_t shift,
                 bool with_offset) {
  for (int zeros = 29; zeros >= 0; --zeros) {
    const std::int64_t unit = std::int64_t{1} << zeros, below = line.multiplier / unit * unit;
    for (const std::int64_t multiplier : {below, below + unit}) {
      if (multiplier < 1 || multiplier > kInt32Max) continue;
      const auto shorter = place_shortest(window_of(steps, multiplier, scale, shift), multiplier, with_offset);
      if (shorter) return *shorter;
    }
  }
  return line;
}

/// x' fits 32 bits over the whole range.
bool in_range(const ChannelRule& rule, const LineForm& line, std::int32_t scale) {
  return fits(Wide{scale} * rule.low + line.bias) && fits(Wide{scale} * rule.high + line.bias);
}

}  // namespace

std::int32_t requantized(const ChannelRule& rule, std::int64_t x) {
  const auto sum = static_cast<std::int32_t>(static_cast<std::uint32_t>(x + rule.bias));
  const std::int32_t scaled = device::multiply_by_quantized_multiplier(sum, rule.multiplier, rule.shift);
  return device::clamp(scaled + rule.output_zero, rule.clamp_low, rule.clamp_high);
}

std::int32_t exact_form(const ChannelRule& rule, std::int64_t x) {
  const std::int32_t e = -rule.shift;
  const std::int64_t doubled = 2 * (x + rule.bias);
  const std::int64_t rounding = (std::int64_t{1} << (e - 1)) + (std::int64_t{rule.output_zero} << e);
  const std::int64_t sum =
      ((doubled * rule.multiplier + (std::int64_t{1} << 31)) >> 32) + rounding + (doubled < 0 ? -1 : 0);
  return device::clamp(device::clamp(static_cast<std::int32_t>(sum >> e), -128, 127), rule.clamp_low, rule.clamp_high);
}

std::int32_t on_line(const LineForm& line, std::int64_t x, std::int32_t scale, std::int32_t shift) {
  const std::int64_t scaled = scale * x + line.bias;
  const std::int64_t high = ((scaled * line.multiplier) >> 32) + line.offset;
  return device::clamp(static_cast<std::int32_t>(high >> shift), -128, 127);
}

std::optional<LineForm> find_line(const std::vector<LineStep>& steps, double slope, std::int32_t scale,
                                  std::int32_t shift, bool with_offset) {
  if (!(slope < 2147483647.0)) return std::nullopt;
  std::int64_t best = std::clamp<std::int64_t>(std::llround(slope), 1, kInt32Max);
  // The width of the window is concave in the multiplier: climb to its top.
  const auto width = [&](std::int64_t m) {
    const Window w = window_of(steps, m, scale, shift);
    return w.high - w.low;
  };
  std::int64_t from = std::max<std::int64_t>(1, best - (best >> 14) - 2),
               to = std::min(kInt32Max, best + (best >> 14) + 2);
  while (to - from > 2) {
    const std::int64_t a = from + (to - from) / 3, b = to - (to - from) / 3;
    (width(a) < width(b) ? from : to) = width(a) < width(b) ? a : b;
  }
  best = from + (to - from) / 2;
  for (const std::int64_t m : {from, to}) best = width(m) > width(best) ? m : best;
  if (window_of(steps, best, scale, shift).empty()) return std::nullopt;
  // Neighbours of the widest place the line as well, and one of them meets an integer bias.
  for (std::int64_t k = 0; k <= 400; ++k) {
    for (const std::int64_t m : {best + k, best - k}) {
      if (m < 1 || m > kInt32Max) continue;
      const auto line = place(window_of(steps, m, scale, shift), m, with_offset, k == 0 ? 30000 : 2000);
      if (line) return line;
    }
  }
  return std::nullopt;
}

namespace {

std::optional<LineForm> search_line(const ChannelRule& rule, std::int32_t scale, std::int32_t shift, bool with_offset) {
  if (rule.low > rule.high || rule.low + rule.bias < -kInt32Max - 1 || rule.high + rule.bias > kInt32Max)
    return std::nullopt;
  // The slope that the definition has; for a single x any will do.
  const double slope = rule.low == rule.high
                           ? 1073741824.0
                           : std::ldexp(static_cast<double>(rule.multiplier), 1 + shift + rule.shift) / scale;
  const std::vector<LineStep> steps = steps_of(rule);
  const auto line = find_line(steps, slope, scale, shift, with_offset);
  if (!line || !in_range(rule, *line, scale)) return std::nullopt;
  const LineForm shorter = shorten(*line, steps, scale, shift, with_offset);
  return in_range(rule, shorter, scale) ? shorter : *line;
}

}  // namespace

std::int32_t shortest_multiplier(std::span<const ChannelRule> rules) {
  std::vector<std::vector<LineStep>> steps;
  for (const ChannelRule& rule : rules) steps.push_back(steps_of(rule));
  const auto keeps_results = [&](std::int32_t multiplier) {
    for (std::size_t i = 0; i < rules.size(); ++i) {
      ChannelRule rule = rules[i];
      rule.multiplier = multiplier;
      for (const LineStep& s : steps[i]) {
        if (s.reached && requantized(rule, s.first) < s.y) return false;
        if (s.not_before && s.first > rule.low && requantized(rule, s.first - 1) >= s.y) return false;
      }
    }
    return true;
  };
  const std::int32_t given = rules.front().multiplier;
  for (int zeros = 29; zeros > 0; --zeros) {
    const std::int64_t unit = std::int64_t{1} << zeros, below = given / unit * unit;
    for (const std::int64_t multiplier : {below, below + unit}) {
      if (multiplier >= std::int64_t{1} << 30 && multiplier <= kInt32Max &&
          keeps_results(static_cast<std::int32_t>(multiplier)))
        return static_cast<std::int32_t>(multiplier);
    }
  }
  return given;
}

std::optional<LineForm> find_line(const ChannelRule& rule, std::int32_t scale, std::int32_t shift, bool with_offset) {
  // A layer is lowered in many forms, each of which asks for the same lines: half of the time of compiling.
  struct Question {
    ChannelRule rule;
    std::int32_t scale, shift;
    bool with_offset;
    auto operator<=>(const Question&) const = default;
  };
  constexpr std::size_t kMostAnswers = 1 << 16;
  thread_local std::map<Question, std::optional<LineForm>> answers;
  if (answers.size() >= kMostAnswers) answers.clear();
  const auto [answer, is_new] = answers.try_emplace({rule, scale, shift, with_offset});
  if (is_new) answer->second = search_line(rule, scale, shift, with_offset);
  return answer->second;
}

}  // namespace mote::compile::m4
