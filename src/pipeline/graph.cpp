#include "mote/pipeline/graph.hpp"

#include <algorithm>
#include <cctype>

#include "mote/pipeline/config.hpp"

namespace mote::pipeline {
namespace {

bool is_step_name(const std::string& name) {
  return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-' || c == ':';
  });
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known) {
  const std::string near = nearest(word, known);
  return near.empty() ? "" : "; did you mean '" + near + "'?";
}

}  // namespace

std::size_t Graph::find(const std::string& name) const {
  const auto found =
      std::find_if(nodes_.begin(), nodes_.end(), [&](const Node& node) { return node.step->name() == name; });
  return static_cast<std::size_t>(found - nodes_.begin());
}

Result<void> Graph::add(std::unique_ptr<Step> step, std::map<std::string, Binding> inputs) {
  const std::string name = step->name();
  const std::string where = "step '" + name + "'";
  if (!is_step_name(name)) return fail(Code::invalid_argument, where + ": a name has only letters, digits and . _ - :");
  if (find(name) != nodes_.size()) return fail(Code::invalid_argument, where + ": there is another step of this name");
  const std::vector<std::string> declared = step->inputs();
  for (const std::string& input : declared) {
    if (!inputs.contains(input))
      return fail(Code::invalid_argument, where + ": its input '" + input + "' is not bound");
  }
  for (const auto& [input, binding] : inputs) {
    if (!contains(declared, input)) {
      return fail(Code::invalid_argument, where + ": it has no input '" + input + "'" + did_you_mean(input, declared));
    }
  }
  nodes_.push_back({std::move(step), std::move(inputs)});
  return {};
}

Result<std::vector<std::vector<std::size_t>>> Graph::needs() const {
  std::vector<std::string> names;
  for (const Node& node : nodes_) names.push_back(node.step->name());
  std::vector<std::vector<std::size_t>> needed(nodes_.size());
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    for (const auto& [input, binding] : nodes_[i].inputs) {
      const auto* from = std::get_if<FromStep>(&binding);
      if (from == nullptr) continue;
      const std::string where = "step '" + names[i] + "': its input '" + input + "' comes from ";
      const std::size_t maker = find(from->step);
      if (maker == nodes_.size()) {
        return fail(Code::invalid_argument,
                    where + "a step '" + from->step + "', which does not exist" + did_you_mean(from->step, names));
      }
      const std::vector<std::string> outputs = nodes_[maker].step->outputs();
      if (!contains(outputs, from->output)) {
        return fail(Code::invalid_argument, where + "'" + from->step + "', which has no output '" + from->output + "'" +
                                                did_you_mean(from->output, outputs));
      }
      needed[i].push_back(maker);
    }
  }
  return needed;
}

/// Every step that is not done needs another one that is not done: following these must come around.
std::string Graph::circle(const std::vector<std::vector<std::size_t>>& needs, const std::vector<bool>& done) const {
  std::size_t at = static_cast<std::size_t>(std::find(done.begin(), done.end(), false) - done.begin());
  std::vector<std::size_t> path;
  while (std::find(path.begin(), path.end(), at) == path.end()) {
    path.push_back(at);
    at = *std::find_if(needs[at].begin(), needs[at].end(), [&](std::size_t needed) { return !done[needed]; });
  }
  std::string text = nodes_[at].step->name();
  for (auto it = std::find(path.begin(), path.end(), at) + 1; it != path.end(); ++it) {
    text += " needs " + nodes_[*it].step->name();
  }
  return text + " needs " + nodes_[at].step->name();
}

Result<std::vector<std::size_t>> Graph::order(const std::string& until) const {
  MOTE_TRY(const auto needed, needs());
  std::vector<std::size_t> sorted;
  std::vector<bool> done(nodes_.size(), false);
  const auto is_ready = [&](std::size_t i) {
    return !done[i] && std::all_of(needed[i].begin(), needed[i].end(), [&](std::size_t n) { return done[n]; });
  };
  while (sorted.size() < nodes_.size()) {
    std::size_t next = 0;
    while (next < nodes_.size() && !is_ready(next)) ++next;
    if (next == nodes_.size()) {
      return fail(Code::invalid_argument, "the steps need each other in a circle: " + circle(needed, done));
    }
    done[next] = true;
    sorted.push_back(next);
  }
  if (until.empty()) return sorted;
  const std::size_t last = find(until);
  if (last == nodes_.size()) return fail(Code::invalid_argument, "there is no step '" + until + "'");
  std::vector<bool> wanted(nodes_.size(), false);
  wanted[last] = true;
  for (auto it = sorted.rbegin(); it != sorted.rend(); ++it) {
    if (!wanted[*it]) continue;
    for (const std::size_t n : needed[*it]) wanted[n] = true;
  }
  std::erase_if(sorted, [&](std::size_t i) { return !wanted[i]; });
  return sorted;
}

}  // namespace mote::pipeline
