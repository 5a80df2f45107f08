#include "budgets.hpp"

namespace mote::app {
namespace {

/// Largest buffers at the peak of the arena.
std::vector<pipeline::Contributor> ram_contributors(const Json& bench) {
  std::vector<pipeline::Contributor> out;
  const Json& program = bench["program"];
  const auto peak = program["peak_step"].get<std::size_t>();
  for (const Json& b : program["buffers"]) {
    if (b["first"].get<std::size_t>() <= peak && peak <= b["last"].get<std::size_t>())
      out.push_back({b["name"], b["bytes"].get<double>()});
  }
  out.push_back({"stack", bench["ram"]["stack"].get<double>()});
  return out;
}

std::vector<pipeline::Contributor> flash_contributors(const Json& bench) {
  std::vector<pipeline::Contributor> out;
  for (const Json& f : bench["program"]["flash_parts"])
    out.push_back({f["name"], f["code"].get<double>() + f["constants"].get<double>()});
  return out;
}

std::vector<pipeline::Contributor> time_contributors(const Json& bench, double unit_per_cycle) {
  std::vector<pipeline::Contributor> out;
  for (const Json& s : bench["per_op"]) out.push_back({s["shape"], s["cycles"].get<double>() * unit_per_cycle});
  return out;
}

}  // namespace

std::vector<pipeline::Budget> judge(const Budgets& limits, const Json& bench, const Json& evaluation) {
  std::vector<pipeline::Budget> budgets;
  const double cycles = bench["cycles"].get<double>();
  const double latency = bench["latency_ms"].get<double>();
  const double energy = bench["energy_uj"].get<double>();
  using pipeline::Bound;
  if (limits.flash_bytes) {
    budgets.push_back({"flash", static_cast<double>(*limits.flash_bytes), bench["flash"]["total"].get<double>(), "B",
                       Bound::at_most, flash_contributors(bench)});
  }
  if (limits.ram_bytes) {
    budgets.push_back({"ram", static_cast<double>(*limits.ram_bytes), bench["ram"]["total"].get<double>(), "B",
                       Bound::at_most, ram_contributors(bench)});
  }
  if (limits.latency_ms)
    budgets.push_back(
        {"latency", *limits.latency_ms, latency, "ms", Bound::at_most, time_contributors(bench, latency / cycles)});
  if (limits.energy_uj)
    budgets.push_back(
        {"energy", *limits.energy_uj, energy, "uJ", Bound::at_most, time_contributors(bench, energy / cycles)});
  if (limits.accuracy)
    budgets.push_back({"accuracy", *limits.accuracy, evaluation["int8"].get<double>(), "%", Bound::at_least, {}});
  return budgets;
}

}  // namespace mote::app
