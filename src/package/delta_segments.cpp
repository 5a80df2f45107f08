#include "delta_segments.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <unordered_map>

namespace mote::package {
namespace {

namespace delta = update::delta;

constexpr double kImpossible = 1e15;
/// About what the head of a segment takes, in bits; with a new shift, more.
constexpr double kHeadBits = 18, kShiftBits = 12;
constexpr std::size_t kMostShifts = 32;

/// Bits of a decision with this chance (of 4096) of being so.
double bits_of(std::uint32_t chance) { return -std::log2(chance / 4096.0); }

/// Adds up what decisions cost.
class CostCoder {
 public:
  unsigned size(delta::SizeTree& tree, unsigned size) { return delta::code_size(*this, tree, size); }
  bool bit(delta::Chance& chance, bool decision, unsigned shift) {
    const std::uint32_t p = chance >> 4;
    bits_ += kBits[decision ? 4096 - p : p];
    delta::learn(chance, decision, shift);
    return decision;
  }
  std::uint32_t direct(std::uint32_t value, unsigned count) {
    bits_ += count;
    return value;
  }
  [[nodiscard]] double bits() const { return bits_; }

 private:
  static const std::array<double, 4097> kBits;
  double bits_ = 0;
};

const std::array<double, 4097> CostCoder::kBits = [] {
  std::array<double, 4097> bits{};
  bits[0] = kImpossible;
  for (std::uint32_t p = 1; p <= 4096; ++p) bits[p] = bits_of(p);
  return bits;
}();

/// What a value of a size costs, by set and level.
struct SizeCosts {
  double bits[2][delta::kLevels][8] = {};

  /// Before anything is known: values are about as large as their neighbours.
  static SizeCosts guess() {
    SizeCosts costs;
    for (std::size_t level = 0; level < delta::kLevels; ++level) {
      double sum = 0, count = 0;
      for (std::size_t i = 0; i < std::size(delta::kLevelOf); ++i) {
        if (delta::kLevelOf[i] != level) continue;
        sum += static_cast<double>(i) / 2;
        ++count;
      }
      for (std::size_t size = 0; size < 8; ++size) {
        const double distance = std::abs(static_cast<double>(size) - 0.85 * sum / count);
        const double bits = level == 0 && size == 0 ? 0.2 : 1.0 + 0.5 * distance;
        costs.bits[0][level][size] = costs.bits[1][level][size] = bits;
      }
    }
    return costs;
  }

  /// How often each size was met at each level, and so what it costs.
  struct Counts {
    double of[2][delta::kLevels][8] = {};
  };
  explicit SizeCosts(const Counts& counts) {
    for (std::size_t set = 0; set < 2; ++set) {
      for (std::size_t level = 0; level < delta::kLevels; ++level) {
        const auto& row = counts.of[set][level];
        constexpr double kUnseen = 0.3;
        double sum = 8 * kUnseen;
        for (const double n : row) sum += n;
        for (std::size_t size = 0; size < 8; ++size) bits[set][level][size] = std::log2(sum / (row[size] + kUnseen));
      }
    }
  }
  SizeCosts() = default;

  /// @param near, far  sizes of the neighbours
  [[nodiscard]] double of(std::size_t set, unsigned near, unsigned far, unsigned size) const {
    return bits[set][delta::kLevelOf[near + far]][size] + size;  // a sign and the bits below the leading one
  }
};

using Sizes = std::array<std::uint8_t, delta::kRecent>;

/// Calls f(set, near, far, size) for the values of a unit: the model's neighbours without its chances.
template <class F>
void for_sizes(const DeltaInput& input, Kind kind, std::uint32_t at, std::int32_t shift, unsigned period, Sizes& recent,
               F f) {
  const unsigned unit = delta::unit_of(kind);
  const bool word = unit == 4;
  std::int8_t values[4] = {};
  input.values(kind, at, shift, values);
  unsigned near = 0;
  for (unsigned i = 0; i < unit; ++i) {
    const unsigned k = word ? 3 - i : i;
    if (!word) near = recent[(at + k - unit) % delta::kRecent];
    const unsigned size = delta::size_of(values[k]);
    f(delta::has_base(kind) && !word ? 0 : 1, near, recent[(at + k - period) % delta::kRecent], size);
    recent[(at + k) % delta::kRecent] = static_cast<std::uint8_t>(size);
    near = size;
  }
}

/// Distances at which much of the module is found in the base, most first; 0 is always among them.
std::vector<std::int32_t> find_shifts(const DeltaInput& input) {
  constexpr std::size_t kWindow = 8, kMostPlaces = 8;
  const auto key = [](ByteSpan bytes, std::size_t at) {
    std::uint64_t k = 0;
    std::memcpy(&k, bytes.data() + at, kWindow);
    return k;
  };
  std::unordered_map<std::uint64_t, std::vector<std::int32_t>> places;
  for (std::size_t i = 0; i + kWindow <= input.base.size(); ++i) {
    auto& list = places[key(input.base, i)];
    if (list.size() < kMostPlaces) list.push_back(static_cast<std::int32_t>(i));
  }
  std::map<std::int32_t, std::int32_t> votes;
  for (std::size_t i = 0; i + kWindow <= input.module.size(); ++i) {
    const auto found = places.find(key(input.module, i));
    if (found == places.end()) continue;
    for (const std::int32_t place : found->second) ++votes[place - static_cast<std::int32_t>(i)];
  }
  std::vector<std::pair<std::int32_t, std::int32_t>> ranked;
  for (const auto& [shift, count] : votes) {
    if (shift != 0 && count >= 4) ranked.emplace_back(-count, shift);
  }
  std::ranges::sort(ranked);
  std::vector<std::int32_t> shifts{0};
  for (const auto& [count, shift] : ranked) {
    if (shifts.size() < kMostShifts) shifts.push_back(shift);
  }
  return shifts;
}

/// How the search prices words. By their digits is exact where words are many and alike; as numbers, it turns to other
/// kinds where those do, too.
enum class WordCosts : std::uint8_t { as_numbers, as_digits };

/// The cheapest way through the module, byte by byte. A state is a kind and, with a base, a shift. What a value costs
/// depends on its neighbours, taken as if the state had been kept all along.
class Search {
 public:
  Search(const DeltaInput& input, const std::vector<std::int32_t>& shifts, const SizeCosts& costs, WordCosts words)
      : input_(input), shifts_(shifts), costs_(costs), words_(words) {
    for (const Kind kind : {Kind::copy, Kind::bytes, Kind::pairs, Kind::words}) {
      for (std::size_t k = 0; k < shifts.size(); ++k) states_.push_back({kind, k});
    }
    for (const Kind kind : {Kind::new_bytes, Kind::new_pairs, Kind::new_words}) states_.push_back({kind, 0});
    sizes_.resize(states_.size());
  }

  std::vector<DeltaSegment> run() {
    const std::size_t count = states_.size(), module_bytes = input_.module.size();
    std::vector<double> costs(count, kImpossible);
    came_.assign(module_bytes * count, Came::stayed);
    best_.assign(module_bytes, 0);
    best_of_shift_.assign(module_bytes * shifts_.size(), 0);
    for (std::uint32_t at = 0; at < module_bytes; ++at) {
      const double least = at == 0 ? 0 : note_best(at, costs);
      for (std::size_t s = 0; s < count; ++s) {
        enter(at, s, least, costs);
        costs[s] = std::min(costs[s] + step_bits(at, s), kImpossible);
      }
    }
    return walk_back(static_cast<std::size_t>(std::ranges::min_element(costs) - costs.begin()));
  }

 private:
  struct State {
    Kind kind;
    std::size_t shift;
  };
  enum class Came : std::uint8_t { stayed, from_best, from_best_of_shift };

  /// Between units.
  [[nodiscard]] bool may_change(std::size_t s, std::uint32_t at) const {
    return at % delta::unit_of(states_[s].kind) == 0;
  }

  /// Cheapest states that may be left at `at`: of all, and of each shift.
  double note_best(std::uint32_t at, const std::vector<double>& costs) {
    double least = std::numeric_limits<double>::max();
    least_of_shift_.assign(shifts_.size(), std::numeric_limits<double>::max());
    for (std::size_t s = 0; s < states_.size(); ++s) {
      if (!may_change(s, at)) continue;
      if (costs[s] < least) {
        least = costs[s];
        best_[at] = static_cast<std::uint16_t>(s);
      }
      const std::size_t k = states_[s].shift;
      if (delta::has_base(states_[s].kind) && costs[s] < least_of_shift_[k]) {
        least_of_shift_[k] = costs[s];
        best_of_shift_[at * shifts_.size() + k] = static_cast<std::uint16_t>(s);
      }
    }
    return least;
  }

  void enter(std::uint32_t at, std::size_t s, double least, std::vector<double>& costs) {
    if (!may_change(s, at)) return;
    const bool based = delta::has_base(states_[s].kind);
    const std::size_t k = states_[s].shift;
    const auto take = [&](double cost, Came came) {
      if (cost >= costs[s]) return;
      costs[s] = cost;
      came_[at * states_.size() + s] = came;
    };
    take(least + kHeadBits + (based && shifts_[k] != 0 ? kShiftBits : 0), Came::from_best);
    if (based && at != 0) take(least_of_shift_[k] + kHeadBits, Came::from_best_of_shift);
  }

  /// Of the byte at `at`; a unit's first byte stands for all.
  double step_bits(std::uint32_t at, std::size_t s) {
    const State& state = states_[s];
    const unsigned unit = delta::unit_of(state.kind);
    const std::uint32_t first = at & ~(unit - 1);
    if (first + unit > input_.module.size()) return kImpossible;
    const std::int32_t shift = shifts_[state.shift];
    if (delta::has_base(state.kind)) {
      const std::int64_t from = std::int64_t{first} + shift;
      if (from < 0 || from + unit > static_cast<std::int64_t>(input_.base.size())) return kImpossible;
    }
    if (state.kind == Kind::copy) return input_.same_byte(at, shift) ? 0 : kImpossible;
    return at == first ? unit_bits(at, s, shift) : 0;
  }

  /// With a period that fits many layouts.
  double unit_bits(std::uint32_t at, std::size_t s, std::int32_t shift) {
    const unsigned unit = delta::unit_of(states_[s].kind);
    if (unit == 4 && words_ == WordCosts::as_numbers) {
      std::int8_t digits[4] = {};
      input_.values(states_[s].kind, at, shift, digits);
      const std::uint32_t word = delta::word_of(digits);
      return 2.0 + std::bit_width(std::min(word, 0u - word));
    }
    double bits = 0;
    for_sizes(
        input_, states_[s].kind, at, shift, unit == 4 ? 4 : 4 * unit, sizes_[s],
        [&](std::size_t set, unsigned near, unsigned far, unsigned size) { bits += costs_.of(set, near, far, size); });
    return bits;
  }

  [[nodiscard]] std::vector<DeltaSegment> walk_back(std::size_t s) const {
    std::vector<DeltaSegment> segments;
    auto end = static_cast<std::uint32_t>(input_.module.size());
    for (std::uint32_t at = end; at-- > 0;) {
      const Came came = came_[at * states_.size() + s];
      if (came == Came::stayed) continue;
      segments.push_back({states_[s].kind, at, end - at, 8, shifts_[states_[s].shift]});
      end = at;
      s = came == Came::from_best ? best_[at] : best_of_shift_[at * shifts_.size() + states_[s].shift];
    }
    std::ranges::reverse(segments);
    return segments;
  }

  const DeltaInput& input_;
  const std::vector<std::int32_t>& shifts_;
  const SizeCosts& costs_;
  std::vector<State> states_;
  std::vector<Sizes> sizes_;
  WordCosts words_;
  std::vector<Came> came_;
  std::vector<std::uint16_t> best_, best_of_shift_;
  std::vector<double> least_of_shift_;
};

/// Chooses each segment's period, one after the other. @return what all of it costs, in bits.
double set_periods(const DeltaInput& input, std::vector<DeltaSegment>& segments) {
  CostCoder total;
  delta::Model model;
  model.reset();
  std::int32_t shift = 0;
  for (DeltaSegment& s : segments) {
    if (s.kind != Kind::copy) {
      double least = kImpossible;
      unsigned best = s.period;
      for (unsigned period = 2; period <= delta::kLongestPeriod; period += 2) {
        s.period = period;
        CostCoder coder;
        delta::Model trial = model;
        code_values(coder, trial, input, s);
        if (coder.bits() >= least) continue;
        least = coder.bits();
        best = period;
      }
      s.period = best;
    }
    const delta::Segment head{static_cast<std::uint8_t>(s.kind), s.bytes / delta::unit_of(s.kind), s.period, s.shift};
    shift = delta::code_segment(total, head, shift).shift;
    code_values(total, model, input, s);
  }
  return total.bits();
}

SizeCosts costs_in(const DeltaInput& input, const std::vector<DeltaSegment>& segments) {
  SizeCosts::Counts counts;
  Sizes recent{};
  for (const DeltaSegment& s : segments) {
    if (s.kind == Kind::copy) continue;
    for (std::uint32_t at = s.begin; at < s.begin + s.bytes; at += delta::unit_of(s.kind)) {
      for_sizes(input, s.kind, at, s.shift, s.period, recent,
                [&](std::size_t set, unsigned near, unsigned far, unsigned size) {
                  ++counts.of[set][delta::kLevelOf[near + far]][size];
                });
    }
  }
  return SizeCosts(counts);
}

}  // namespace

void DeltaInput::values(Kind kind, std::uint32_t at, std::int32_t shift, std::int8_t (&values)[4]) const {
  const unsigned unit = delta::unit_of(kind);
  std::uint8_t before[4] = {}, now[4] = {};
  std::memcpy(now, module.data() + at, unit);
  if (delta::has_base(kind)) std::memcpy(before, base.data() + (std::int64_t{at} + shift), unit);
  if (unit == 4) {
    std::uint32_t difference = 0;
    for (unsigned i = 4; i-- > 0;) difference = (difference << 8) + now[i] - before[i];
    return delta::digits_of(difference, values);
  }
  int carry = 0;
  for (unsigned i = 0; i < unit; ++i) {
    values[i] = static_cast<std::int8_t>(now[i] - before[i] - carry);
    carry = (before[i] >> 7) - (now[i] >> 7);
  }
}

std::vector<DeltaSegment> choose_segments(const DeltaInput& input) {
  const std::vector<std::int32_t> shifts = find_shifts(input);
  SizeCosts costs = SizeCosts::guess();
  std::vector<DeltaSegment> best;
  double least = std::numeric_limits<double>::max();
  // First by a guess of what values cost, then by what they did cost. Costs depend on the choice and the choice on
  // costs, so where it ends depends on where it begins: words by their digits from the start would become all of a
  // module.
  for (const WordCosts words :
       {WordCosts::as_numbers, WordCosts::as_numbers, WordCosts::as_digits, WordCosts::as_digits}) {
    std::vector<DeltaSegment> segments = Search(input, shifts, costs, words).run();
    const double bits = set_periods(input, segments);
    costs = costs_in(input, segments);
    if (bits < least) {
      least = bits;
      best = std::move(segments);
    }
  }
  return best;
}

}  // namespace mote::package
