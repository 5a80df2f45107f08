#include "budgets.hpp"

#include <fmt/format.h>

namespace mote::app {

void add_budgets(const std::vector<Budget>& budgets, Outcome& out) {
  out.json["budgets"] = Json::array();
  for (const Budget& b : budgets) {
    if (b.limit == 0) continue;
    const bool met = b.value <= b.limit;
    out.json["budgets"].push_back({{"name", b.name}, {"limit", b.limit}, {"value", b.value}, {"ok", met}});
    if (met) continue;
    out.holds = false;
    out.text += fmt::format("  BROKEN   {} of {} bytes: {} are needed\n", b.name, b.limit, b.value);
  }
}

}  // namespace mote::app
