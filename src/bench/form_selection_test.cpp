#include "form_selection.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "mote/base/rng.hpp"

namespace mote::bench {
namespace {

FormCosts random_costs(std::uint64_t seed) {
  Rng rng(seed);
  FormCosts costs;
  for (std::int64_t f = rng.between(1, 6); f > 0; --f)
    costs.function_bytes.push_back(static_cast<std::size_t>(rng.between(1, 40)));
  for (std::int64_t layer = rng.between(1, 5); layer > 0; --layer) {
    costs.layers.emplace_back();
    for (std::int64_t form = rng.between(1, 4); form > 0; --form) {
      FormCost cost{static_cast<std::uint64_t>(rng.between(0, 30)), static_cast<std::size_t>(rng.between(0, 30))};
      for (std::size_t f = 0; f < costs.function_bytes.size(); ++f) {
        if (rng.chance(0.3)) cost.functions.push_back(f);
      }
      costs.layers.back().push_back(cost);
    }
  }
  return costs;
}

Selection cost_of(const FormCosts& costs, const std::vector<std::size_t>& forms) {
  Selection s{forms, 0, 0};
  std::set<std::size_t> functions;
  for (std::size_t layer = 0; layer < forms.size(); ++layer) {
    const FormCost& form = costs.layers[layer][forms[layer]];
    s.cycles += form.cycles;
    s.bytes += form.bytes;
    functions.insert(form.functions.begin(), form.functions.end());
  }
  for (const std::size_t f : functions) s.bytes += costs.function_bytes[f];
  return s;
}

/// The front by trying everything: bytes and cycles.
std::vector<std::pair<std::size_t, std::uint64_t>> front_by_trial(const FormCosts& costs) {
  std::vector<std::pair<std::size_t, std::uint64_t>> all;
  std::vector<std::size_t> forms(costs.layers.size(), 0);
  for (bool more = true; more;) {
    const Selection s = cost_of(costs, forms);
    all.emplace_back(s.bytes, s.cycles);
    more = false;
    for (std::size_t layer = 0; layer < forms.size() && !more; ++layer) {
      more = ++forms[layer] < costs.layers[layer].size();
      if (!more) forms[layer] = 0;
    }
  }
  std::ranges::sort(all);
  std::vector<std::pair<std::size_t, std::uint64_t>> front;
  for (const auto& s : all) {
    if (front.empty() || s.second < front.back().second) front.push_back(s);
  }
  return front;
}

TEST(FormSelection, finds_the_front_that_trying_everything_finds) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const FormCosts costs = random_costs(seed);
    std::vector<std::pair<std::size_t, std::uint64_t>> found;
    for (const Selection& s : pareto_selections(costs)) {
      const Selection real = cost_of(costs, s.forms);
      EXPECT_EQ(std::pair(s.bytes, s.cycles), std::pair(real.bytes, real.cycles)) << "seed " << seed;
      found.emplace_back(s.bytes, s.cycles);
    }
    EXPECT_EQ(found, front_by_trial(costs)) << "seed " << seed;
  }
}

TEST(FormSelection, counts_a_function_once_for_all_that_use_it) {
  // Alone neither layer would pay 100 bytes; together they do.
  const FormCosts costs{{{{50, 0, {0}}, {90, 60, {}}}, {{50, 0, {0}}, {90, 60, {}}}}, {100}};
  const auto front = pareto_selections(costs);
  ASSERT_EQ(front.size(), 1u);
  EXPECT_EQ(front[0].bytes, 100u);
  EXPECT_EQ(front[0].cycles, 100u);
}

TEST(FormSelection, stays_near_the_front_with_few_states) {
  FormCosts costs;
  Rng rng(5);
  for (int layer = 0; layer < 12; ++layer) {
    costs.layers.emplace_back();
    for (int form = 0; form < 5; ++form)
      costs.layers.back().push_back(
          {static_cast<std::uint64_t>(rng.between(100, 1000)), static_cast<std::size_t>(rng.between(100, 1000)), {}});
  }
  const auto exact = pareto_selections(costs, 100'000), few = pareto_selections(costs, 64);
  EXPECT_LE(few.size(), 64u);
  for (const Selection& s : exact) {
    const bool near = std::ranges::any_of(
        few, [&](const Selection& f) { return f.bytes * 20 <= s.bytes * 21 && f.cycles * 20 <= s.cycles * 21; });
    EXPECT_TRUE(near) << s.bytes << " bytes, " << s.cycles << " cycles";
  }
}

}  // namespace
}  // namespace mote::bench
