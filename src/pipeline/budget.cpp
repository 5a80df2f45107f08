#include "mote/pipeline/budget.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "mote/pipeline/quantity.hpp"

namespace mote::pipeline {
namespace {

constexpr std::size_t kNamedContributors = 3;

std::optional<Unit> unit_of(std::string_view text) {
  if (text == "B") return Unit::bytes;
  if (text == "ms") return Unit::milliseconds;
  if (text == "uJ") return Unit::microjoules;
  if (text == "%") return Unit::ratio;
  if (text == "/day") return Unit::per_day;
  return std::nullopt;
}

std::string print(double value, const std::string& unit) {
  if (!std::isfinite(value)) return "an unknown amount";
  if (const auto known = unit_of(unit)) return print_quantity(value, *known);
  return canonical_number(value) + (unit.empty() ? "" : " " + unit);
}

std::vector<Contributor> largest_first(const Budget& budget) {
  std::vector<Contributor> sorted = budget.contributors;
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.value > b.value; });
  return sorted;
}

std::string excess_text(const Budget& budget) {
  std::string text = print(budget.excess(), budget.unit);
  if (budget.unit == "%") {
    // A difference of two percentages is not a percentage of either.
    text = canonical_number(std::round(budget.excess() * 1e4) / 1e2) + " points";
  } else if (budget.limit > 0 && std::isfinite(budget.value)) {
    text += " (" + canonical_number(std::round(budget.excess() / budget.limit * 1000) / 10) + " %)";
  }
  return text + (budget.bound == Bound::at_most ? " too much" : " too little");
}

}  // namespace

bool Budget::ok() const { return bound == Bound::at_most ? value <= limit : value >= limit; }

double Budget::excess() const {
  if (ok()) return 0;
  return bound == Bound::at_most ? value - limit : limit - value;
}

std::string sentence(const Budget& budget) {
  const std::string of = budget.bound == Bound::at_most ? " of " : ", at least ";
  std::string text = budget.name + ": " + print(budget.value, budget.unit) + of + print(budget.limit, budget.unit);
  if (budget.ok()) return text;
  text += ", " + excess_text(budget);
  const std::vector<Contributor> sorted = largest_first(budget);
  for (std::size_t i = 0; i < std::min(kNamedContributors, sorted.size()); ++i) {
    text += (i == 0 ? "; largest: " : ", ") + sorted[i].name + " " + print(sorted[i].value, budget.unit);
  }
  return text;
}

Result<void> require_all(std::span<const Budget> budgets) {
  std::string broken;
  for (const Budget& budget : budgets) {
    if (!budget.ok()) broken += (broken.empty() ? "" : "; ") + sentence(budget);
  }
  if (!broken.empty()) return fail(Code::budget, broken);
  return {};
}

std::string to_json(std::span<const Budget> budgets) {
  nlohmann::json list = nlohmann::json::array();
  for (const Budget& budget : budgets) {
    nlohmann::json contributors = nlohmann::json::array();
    for (const Contributor& contributor : largest_first(budget)) {
      contributors.push_back({{"name", contributor.name}, {"value", contributor.value}});
    }
    list.push_back({{"name", budget.name},
                    {"limit", budget.limit},
                    {"value", budget.value},
                    {"unit", budget.unit},
                    {"ok", budget.ok()},
                    {"contributors", std::move(contributors)}});
  }
  return list.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace mote::pipeline
