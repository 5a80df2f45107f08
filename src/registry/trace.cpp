#include "trace.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>

namespace mote::registry {
namespace {

struct Made {
  const StepRecord* record;
  const OutputRecord* output;
};

struct Used {
  const StepRecord* record;
  const InputRecord* input;
};

/// The records as a graph: both directions of every artifact.
class Tracer {
 public:
  Tracer(const std::vector<StepRecord>& records, const std::function<Result<Manifest>(const Digest&)>& members)
      : members_(members) {
    for (const StepRecord& record : records) {
      for (const OutputRecord& output : record.outputs) makers_[output.artifact.id].push_back({&record, &output});
      for (const InputRecord& input : record.inputs) users_[input.artifact.id].push_back({&record, &input});
    }
  }

  [[nodiscard]] bool knows(const Digest& id) const { return makers_.contains(id) || users_.contains(id); }

  /// The tree above `id`; records may form circles (a step that changes nothing), `repeated` ends them.
  /// @param producer  key of the step that made it, where the record says so
  Ancestor up(const Artifact& artifact, const std::string& source, const std::optional<Digest>& producer) {
    Ancestor node;
    node.artifact = artifact;
    node.label = source;
    const auto makers = makers_.find(artifact.id);
    const bool is_made = makers != makers_.end();
    if (is_made && source.empty()) node.label = label(maker(makers->second, producer));
    node.repeated = !shown_.insert(artifact.id).second;
    if (!is_made || node.repeated) return node;
    const Made& made = maker(makers->second, producer);
    node.producer = *made.record;
    node.earlier_producers = makers->second.size() - 1;
    for (const InputRecord& input : made.record->inputs)
      node.inputs.push_back(up(input.artifact, input.source, input.producer));
    return node;
  }

  /// Breadth first: everything made from `id`, by steps and by being one file of a folder.
  std::vector<Descendant> down(const Digest& id) {
    std::vector<Descendant> found;
    std::set<Digest> seen{id};
    std::deque<Reached> queue;
    const auto made = makers_.find(id);
    queue.push_back({{{id, Kind::file, 0}, "", 0},
                     made == makers_.end() ? std::nullopt : std::optional(made->second.back().record->key)});
    while (!queue.empty()) {
      const Reached from = queue.front();
      queue.pop_front();
      if (from.what.distance > 0) found.push_back(from.what);
      for (Reached& next : children(from.what.artifact.id, from.producer)) {
        if (!seen.insert(next.what.artifact.id).second) continue;
        next.what.distance = from.what.distance + 1;
        queue.push_back(std::move(next));
      }
    }
    return found;
  }

  /// What `id` is, from whoever mentions it.
  [[nodiscard]] Ancestor root(const Digest& id) {
    if (const auto made = makers_.find(id); made != makers_.end())
      return up(made->second.back().output->artifact, "", {});
    if (const auto used = users_.find(id); used != users_.end()) {
      return up(used->second.back().input->artifact, used->second.back().input->source, {});
    }
    Ancestor member;
    member.artifact = {id, Kind::file, 0};
    for (const auto& [folder, entries] : folders()) {
      const auto entry = entries.find(id);
      if (entry == entries.end()) continue;
      member.label = label_of(folder) + "/" + entry->second.path;
      member.artifact.bytes = entry->second.bytes;
    }
    return member;
  }

 private:
  /// A descendant, and the step that made it on this path.
  struct Reached {
    Descendant what;
    std::optional<Digest> producer;
  };

  static const Made& maker(const std::vector<Made>& makers, const std::optional<Digest>& producer) {
    for (auto made = makers.rbegin(); producer && made != makers.rend(); ++made) {
      if (made->record->key == *producer) return *made;
    }
    return makers.back();
  }
  static std::string label(const Made& made) { return made.record->step + "." + made.output->name; }

  std::string label_of(const Digest& id) const {
    if (const auto made = makers_.find(id); made != makers_.end()) return label(made->second.back());
    if (const auto used = users_.find(id); used != users_.end()) return used->second.back().input->source;
    return id.short_hex();
  }

  /// What was made of `id` as `producer` made it; older records do not say whose it was.
  std::vector<Reached> children(const Digest& id, const std::optional<Digest>& producer) {
    std::vector<Reached> next;
    if (const auto users = users_.find(id); users != users_.end()) {
      for (const Used& used : users->second) {
        if (producer && used.input->producer && *used.input->producer != *producer) continue;
        for (const OutputRecord& output : used.record->outputs) {
          next.push_back({{output.artifact, used.record->step + "." + output.name, 0}, used.record->key});
        }
      }
    }
    for (const auto& [folder, entries] : folders()) {
      if (entries.contains(id)) next.push_back({{folder_artifacts_.at(folder), label_of(folder), 0}, {}});
    }
    return next;
  }

  /// Files of every folder the records mention, read once and only when asked for.
  const std::map<Digest, std::map<Digest, ManifestEntry>>& folders() {
    if (folders_read_) return folders_;
    folders_read_ = true;
    const auto add = [this](const Artifact& artifact) {
      if (artifact.kind != Kind::folder || folders_.contains(artifact.id)) return;
      folder_artifacts_[artifact.id] = artifact;
      auto& entries = folders_[artifact.id];
      const auto manifest = members_(artifact.id);
      if (!manifest) return;
      for (const ManifestEntry& entry : manifest->entries) entries.emplace(entry.id, entry);
    };
    for (const auto& [id, made] : makers_) add(made.back().output->artifact);
    for (const auto& [id, used] : users_) add(used.back().input->artifact);
    return folders_;
  }

  const std::function<Result<Manifest>(const Digest&)>& members_;
  std::map<Digest, std::vector<Made>> makers_;
  std::map<Digest, std::vector<Used>> users_;
  std::set<Digest> shown_;
  bool folders_read_ = false;
  std::map<Digest, std::map<Digest, ManifestEntry>> folders_;
  std::map<Digest, Artifact> folder_artifacts_;
};

}  // namespace

Result<Lineage> trace(const Digest& id, const std::vector<StepRecord>& records,
                      const std::function<Result<Manifest>(const Digest&)>& members) {
  Tracer tracer(records, members);
  Lineage lineage;
  lineage.root = tracer.root(id);
  lineage.descendants = tracer.down(id);
  if (!tracer.knows(id) && lineage.descendants.empty()) {
    return fail(Code::not_found, id.short_hex() + ": no step of this project made or used it");
  }
  return lineage;
}

}  // namespace mote::registry
