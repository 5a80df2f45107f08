#include "measured_costs.hpp"

#include <fmt/format.h>

#include <charconv>

#include "mote/base/file.hpp"
#include "mote/base/hash.hpp"

namespace mote::bench {
namespace {

/// A line that says what it is, the id, the cycles, and the digest of these three lines.
std::string entry_text(const std::string& id, std::uint64_t cycles) {
  const std::string lines = fmt::format("mote measured cycles 1\n{}\n{}\n", id, cycles);
  return lines + sha256(lines).hex() + "\n";
}

std::optional<std::uint64_t> read_entry(const std::string& text, const std::string& id) {
  const std::size_t first = text.find('\n'), second = text.find('\n', first + 1);
  if (first == std::string::npos || second == std::string::npos) return std::nullopt;
  std::uint64_t cycles = 0;
  std::from_chars(text.data() + second + 1, text.data() + text.size(), cycles);
  if (text != entry_text(id, cycles)) return std::nullopt;
  return cycles;
}

}  // namespace

MeasuredCosts::MeasuredCosts(std::filesystem::path folder, std::string context)
    : folder_(std::move(folder)), context_(std::move(context)) {}

std::string MeasuredCosts::id_of(std::string_view text) const {
  return Hasher().field(context_).field(text).finish().hex();
}

std::optional<std::uint64_t> MeasuredCosts::find(const std::string& text) {
  const std::string id = id_of(text);
  if (const auto known = known_.find(id); known != known_.end()) return known->second;
  if (folder_.empty()) return std::nullopt;
  const auto file = read_text(folder_ / id.substr(0, 2) / id.substr(2));
  if (!file) return std::nullopt;
  const auto cycles = read_entry(*file, id);
  if (cycles) known_.emplace(id, *cycles);
  return cycles;
}

void MeasuredCosts::add(const std::string& text, std::uint64_t cycles) {
  const std::string id = id_of(text);
  known_[id] = cycles;
  if (folder_.empty()) return;
  static_cast<void>(write_file(folder_ / id.substr(0, 2) / id.substr(2), entry_text(id, cycles)));
}

}  // namespace mote::bench
