#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "mote/registry/lineage.hpp"

namespace mote::registry {
namespace {

using nlohmann::json;

std::string size_text(std::uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + " B";
  std::array<char, 32> text{};
  const double kib = static_cast<double>(bytes) / 1024;
  if (kib < 1024) {
    std::snprintf(text.data(), text.size(), "%.1f KiB", kib);
  } else {
    std::snprintf(text.data(), text.size(), "%.1f MiB", kib / 1024);
  }
  return text.data();
}

std::string seconds_text(double seconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), seconds < 10 ? "%.2f s" : "%.0f s", seconds);
  return text.data();
}

std::string describe(const Artifact& artifact, const std::string& label) {
  const std::string slash = artifact.kind == Kind::folder ? "/" : "";
  return (label.empty() ? "(unnamed)" : label) + slash + "  " + artifact.id.short_hex() + "  " +
         size_text(artifact.bytes);
}

std::string indented(const std::string& lines, const std::string& indent) {
  std::string text;
  std::size_t offset = 0;
  while (offset < lines.size()) {
    const std::size_t end = std::min(lines.find('\n', offset), lines.size());
    text += indent + lines.substr(offset, end - offset) + '\n';
    offset = end + 1;
  }
  return text;
}

void print(const Ancestor& node, const std::string& indent, std::string& text) {
  text += indent + describe(node.artifact, node.label);
  if (node.repeated) {
    text += "  (see above)\n";
    return;
  }
  if (!node.producer) {
    text += "  from outside\n";
    return;
  }
  const StepRecord& made = *node.producer;
  text += "  made by " + made.step + " " + made.version + " in " + seconds_text(made.seconds);
  if (node.earlier_producers > 0) text += ", as " + std::to_string(node.earlier_producers) + " times before";
  text += '\n' + indented(made.params, indent + "  : ");
  for (const Ancestor& input : node.inputs) print(input, indent + "    ", text);
}

json tree(const Ancestor& node) {
  json object{{"id", node.artifact.id.hex()},
              {"label", node.label},
              {"kind", std::string(name(node.artifact.kind))},
              {"bytes", node.artifact.bytes},
              {"repeated", node.repeated}};
  object["inputs"] = json::array();
  if (!node.producer) return object;
  object["made_by"] = {{"step", node.producer->step},
                       {"version", node.producer->version},
                       {"params", node.producer->params},
                       {"seconds", node.producer->seconds},
                       {"key", node.producer->key.hex()}};
  for (const Ancestor& input : node.inputs) object["inputs"].push_back(tree(input));
  return object;
}

}  // namespace

std::string to_text(const Lineage& lineage) {
  std::string text;
  print(lineage.root, "", text);
  for (const std::string& alias : lineage.aliases) text += "also called " + alias + '\n';
  if (!lineage.descendants.empty()) text += "\nused for\n";
  for (const Descendant& descendant : lineage.descendants) {
    text += std::string(2 * descendant.distance, ' ') + describe(descendant.artifact, descendant.label) + '\n';
  }
  return text;
}

std::string to_json(const Lineage& lineage) {
  json object = tree(lineage.root);
  object["aliases"] = lineage.aliases;
  object["descendants"] = json::array();
  for (const Descendant& descendant : lineage.descendants) {
    object["descendants"].push_back({{"id", descendant.artifact.id.hex()},
                                     {"label", descendant.label},
                                     {"kind", std::string(name(descendant.artifact.kind))},
                                     {"bytes", descendant.artifact.bytes},
                                     {"distance", descendant.distance}});
  }
  return object.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace mote::registry
