#include "mote/registry/store.hpp"

#include <algorithm>
#include <cctype>
#include <set>

#include "mote/base/file.hpp"
#include "objects.hpp"
#include "project_lock.hpp"
#include "record_log.hpp"
#include "trace.hpp"

namespace mote::registry {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFormat = "mote store 1\n";
constexpr std::size_t kMinPrefixDigits = 4;

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 128 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-' || c == ':';
  });
}

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

Result<void> check_format(const fs::path& folder) {
  const auto text = read_text(folder / "format", 256);
  if (!text) return fail(Error(text.error()));
  if (*text == kFormat) return {};
  if (!text->starts_with("mote store ")) {
    return fail(Code::malformed, (folder / "format").string() + ": is not the mark of a mote store; move " +
                                     folder.string() + " away and run again");
  }
  return fail(Code::unsupported, folder.string() + ": was written by another version of mote (" +
                                     text->substr(0, text->find('\n')) + "); use that version");
}

/// The mark comes last: a folder without it is one that a crash left half made, and is simply completed.
Result<void> make_store(const fs::path& folder) {
  MOTE_TRY_VOID(make_folder(folder / "objects"));
  MOTE_TRY_VOID(write_file(folder / ".gitignore", std::string_view("*\n")));
  return write_file(folder / "format", kFormat);
}

}  // namespace

struct Store::State {
  fs::path folder;
  std::optional<ProjectLock> lock;
  RecordLog log;
  Objects objects;
  std::vector<std::string> notes;

  [[nodiscard]] std::optional<StepRecord> record(std::size_t index) const {
    if (index >= log.size()) return std::nullopt;
    const RecordLog::Entry entry = log.entry(index);
    if (entry.event != Event::step) return std::nullopt;
    auto parsed = record_from_json(entry.json);
    if (!parsed) return std::nullopt;
    return std::move(*parsed);
  }
};

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

Result<Store> Store::open(const fs::path& project, Access access) {
  const bool writable = access == Access::write;
  std::error_code error;
  const fs::path root = fs::absolute(project).lexically_normal();
  if (!fs::is_directory(root, error))
    return fail(Code::not_found, project.string() + ": there is no such project folder");
  const fs::path folder = root / ".mote";
  std::optional<ProjectLock> lock;
  if (writable) {
    MOTE_TRY_VOID(make_folder(folder));
    MOTE_TRY(lock, ProjectLock::take(folder / "lock", project));
    if (!fs::exists(folder / "format", error)) MOTE_TRY_VOID(make_store(folder));
  } else if (!fs::exists(folder / "format", error)) {
    return fail(Code::not_found, project.string() + ": nothing has been made here yet; run 'mote run' first");
  }
  MOTE_TRY_VOID(check_format(folder));
  MOTE_TRY(RecordLog log, RecordLog::open(folder / "lineage", writable));
  auto state = std::make_unique<State>(State{folder, std::move(lock), std::move(log), Objects(folder, writable), {}});
  if (writable) state->objects.clear_leftovers();
  if (const std::size_t damaged = state->log.damaged_lines(); damaged > 0) {
    state->notes.push_back((folder / "lineage").string() + ": " + std::to_string(damaged) +
                           " damaged lines were dropped; what they recorded is made again when needed");
  }
  return Store(std::move(state));
}

const fs::path& Store::folder() const { return state_->folder; }
std::vector<std::string> Store::take_notes() { return std::exchange(state_->notes, {}); }

Result<Artifact> Store::put(const fs::path& path, Transfer transfer) { return state_->objects.put(path, transfer); }
Result<Artifact> Store::put_bytes(ByteSpan bytes) { return state_->objects.put_bytes(bytes); }
Result<Artifact> Store::put_manifest(Manifest manifest) { return state_->objects.put_manifest(std::move(manifest)); }
bool Store::intact(const Artifact& artifact) { return state_->objects.intact(artifact); }
Result<void> Store::verify(const Artifact& artifact) { return state_->objects.verify(artifact); }
Result<fs::path> Store::path_of(const Artifact& artifact) { return state_->objects.path_of(artifact); }
Result<Bytes> Store::read(const Digest& id, std::uint64_t limit_bytes) { return state_->objects.read(id, limit_bytes); }
Result<void> Store::export_to(const Artifact& artifact, const fs::path& destination) {
  return state_->objects.export_to(artifact, destination);
}

Result<void> Store::commit(const StepRecord& record) {
  if (!is_name(record.step)) {
    return fail(Code::invalid_argument, "step '" + record.step + "': a name has only letters, digits and . _ - :");
  }
  return state_->log.append(Event::step, record.key.hex(), record.step, to_json(record));
}

std::optional<StepRecord> Store::find(const Digest& key) const {
  return state_->record(state_->log.latest_by_id(Event::step, key.hex()));
}

std::optional<StepRecord> Store::latest(std::string_view step) const {
  return state_->record(state_->log.latest_by_subject(Event::step, step));
}

std::vector<StepRecord> Store::records() const {
  std::vector<StepRecord> all;
  for (std::size_t i = 0; i < state_->log.size(); ++i) {
    if (auto record = state_->record(i)) all.push_back(std::move(*record));
  }
  return all;
}

Result<void> Store::set_alias(std::string_view alias, const Digest& id) {
  if (!is_name(alias) || is_hex(alias)) {
    return fail(
        Code::invalid_argument,
        "alias '" + std::string(alias) + "': use letters, digits and . _ - :, with at least one that is not 0-9 a-f");
  }
  // Saying the same again is no event: a rerun of an unchanged project writes nothing.
  const std::size_t latest = state_->log.latest_by_subject(Event::alias, alias);
  if (latest < state_->log.size() && state_->log.entry(latest).id == id.hex()) return {};
  return state_->log.append(Event::alias, id.hex(), alias, "{}");
}

std::map<std::string, Digest> Store::aliases() const {
  std::map<std::string, Digest> current;
  for (std::size_t i = 0; i < state_->log.size(); ++i) {
    const RecordLog::Entry entry = state_->log.entry(i);
    if (entry.event != Event::alias) continue;
    if (const auto id = parse_digest(entry.id)) current[std::string(entry.subject)] = *id;
  }
  return current;
}

std::vector<Digest> Store::alias_history(std::string_view alias) const {
  std::vector<Digest> history;
  for (std::size_t i = 0; i < state_->log.size(); ++i) {
    const RecordLog::Entry entry = state_->log.entry(i);
    if (entry.event != Event::alias || entry.subject != alias) continue;
    if (const auto id = parse_digest(entry.id)) history.push_back(*id);
  }
  return history;
}

namespace {

using Labels = std::map<std::string, std::set<std::string>>;  // hexadecimal id -> what people know it by

Labels labels_of(const std::vector<StepRecord>& records) {
  Labels labels;
  for (const StepRecord& record : records) {
    for (const InputRecord& input : record.inputs) {
      auto& known = labels[input.artifact.id.hex()];
      if (!input.source.empty()) known.insert(input.source);
    }
    for (const OutputRecord& output : record.outputs) {
      labels[output.artifact.id.hex()].insert(record.step + "." + output.name);
    }
  }
  return labels;
}

/// The one id that starts with `prefix`; none is an empty result, several are an error that names them.
Result<std::optional<Digest>> by_prefix(const Labels& labels, const std::string& prefix) {
  std::string candidates;
  std::optional<Digest> found;
  std::size_t count = 0;
  for (auto it = labels.lower_bound(prefix); it != labels.end() && it->first.starts_with(prefix); ++it, ++count) {
    MOTE_TRY(found, parse_digest(it->first));
    const std::string label = it->second.empty() ? "" : " (" + *it->second.begin() + ")";
    if (count < 4) candidates += (candidates.empty() ? "" : ", ") + it->first.substr(0, prefix.size() + 6) + label;
  }
  if (count > 1) {
    return fail(Code::invalid_argument, "'" + prefix + "' fits " + std::to_string(count) + " ids: " + candidates +
                                            (count > 4 ? ", ..." : "") + "; give more digits");
  }
  return found;
}

/// The latest output called "step.output"; a step with a single output may be named alone.
std::optional<Digest> by_label(const std::vector<StepRecord>& records, std::string_view text) {
  for (auto record = records.rbegin(); record != records.rend(); ++record) {
    for (const OutputRecord& output : record->outputs) {
      if (record->step + "." + output.name == text) return output.artifact.id;
    }
    if (record->step == text && record->outputs.size() == 1) return record->outputs.front().artifact.id;
  }
  return std::nullopt;
}

}  // namespace

Result<Digest> Store::resolve(std::string_view text) const {
  const std::map<std::string, Digest> names = aliases();
  if (const auto alias = names.find(std::string(text)); alias != names.end()) return alias->second;
  const std::vector<StepRecord> all = records();
  if (text.size() >= kMinPrefixDigits && text.size() <= 64 && is_hex(text)) {
    MOTE_TRY(const auto by_id, by_prefix(labels_of(all), lower(text)));
    if (by_id) return *by_id;
    // A single file of a stored folder has an id, too, but no record of its own.
    if (text.size() == 64) return parse_digest(text);
  }
  if (const auto labelled = by_label(all, text)) return *labelled;
  std::error_code ignored;
  if (!text.empty() && fs::exists(fs::path(text), ignored)) {
    MOTE_TRY(const Artifact artifact, digest_of(fs::path(text)));
    return artifact.id;
  }
  return fail(Code::not_found,
              "'" + std::string(text) + "' is no alias, id, step output or file that this project knows");
}

Result<Lineage> Store::why(std::string_view text) const {
  MOTE_TRY(const Digest id, resolve(text));
  const auto folder_members = [this](const Digest& folder) { return state_->objects.manifest(folder); };
  auto lineage = trace(id, records(), folder_members);
  if (!lineage) return fail(std::move(lineage).error(), "'" + std::string(text) + "'");
  for (const auto& [alias, target] : aliases()) {
    if (target == id) lineage->aliases.push_back(alias);
  }
  return lineage;
}

Result<std::vector<std::string>> Store::check() {
  std::vector<std::string> findings;
  MOTE_TRY(const std::vector<Digest> ids, state_->objects.list());
  for (const Digest& id : ids) {
    if (auto whole = state_->objects.verify_object(id); !whole) findings.push_back(whole.error().message());
  }
  return findings;
}

Result<Garbage> Store::collect_garbage(Keep keep) {
  std::set<Digest> kept;
  const auto retain = [&](const Artifact& artifact) {
    kept.insert(artifact.id);
    if (artifact.kind == Kind::file) return;
    const auto manifest = state_->objects.manifest(artifact.id);
    if (!manifest) return;
    for (const ManifestEntry& entry : manifest->entries) kept.insert(entry.id);
  };
  const std::map<std::string, Digest> names = aliases();
  for (std::size_t i = 0; i < state_->log.size(); ++i) {
    const auto record = state_->record(i);
    if (!record) continue;
    const bool is_current = keep == Keep::every_record || state_->log.latest_by_subject(Event::step, record->step) == i;
    const auto has_alias = [&](const Artifact& artifact) {
      return std::any_of(names.begin(), names.end(), [&](const auto& entry) { return entry.second == artifact.id; });
    };
    for (const InputRecord& input : record->inputs) {
      if (is_current) retain(input.artifact);
    }
    for (const OutputRecord& output : record->outputs) {
      if (is_current || has_alias(output.artifact)) retain(output.artifact);
    }
  }
  for (const auto& [alias, id] : names) kept.insert(id);
  MOTE_TRY(const std::vector<Digest> ids, state_->objects.list());
  Garbage garbage;
  for (const Digest& id : ids) {
    if (kept.contains(id)) continue;
    const auto path = state_->objects.path_of({id, Kind::file, 0});
    const auto stamp = path ? stamp_of(*path) : Result<FileStamp>(fail(Code::not_found, ""));
    garbage.bytes += stamp ? stamp->bytes : 0;
    ++garbage.objects;
    state_->objects.drop(id);
  }
  state_->objects.drop_views();
  return garbage;
}

}  // namespace mote::registry
