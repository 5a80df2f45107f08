#include "attempt.hpp"

#include <algorithm>
#include <exception>
#include <set>

#include "mote/base/file.hpp"

namespace mote::pipeline {
namespace {

namespace fs = std::filesystem;

// Part of every key: a change of how keys are made must not meet old ones.
constexpr std::string_view kKeyFormat = "mote step 1";
constexpr std::size_t kShownChanges = 3;

Digest key_of(const Step& step, const std::vector<Attempt::Input>& inputs) {
  Hasher hasher;
  hasher.field(kKeyFormat).field(step.name()).field(step.version()).field(step.params());
  for (const Attempt::Input& input : inputs) {
    hasher.field(input.record.name)
        .field(name(input.record.artifact.kind))
        .field(ByteSpan(input.record.artifact.id.bytes));
  }
  return hasher.finish();
}

std::map<std::string, std::string> parsed_params(std::string_view text) {
  std::map<std::string, std::string> params;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t equals = std::min(line.find('='), line.size());
    params[std::string(line.substr(0, equals))] = line.substr(std::min(equals + 1, line.size()));
  }
  return params;
}

/// "train.epochs: 2 -> 3, train.seed: 1 -> 2 and 4 more"
std::string changes(std::string_view before, std::string_view after) {
  const auto old_params = parsed_params(before);
  const auto new_params = parsed_params(after);
  std::vector<std::string> changed;
  const auto value = [](const std::map<std::string, std::string>& params, const std::string& key) {
    const auto found = params.find(key);
    return found == params.end() ? std::string("(none)") : found->second;
  };
  std::set<std::string> keys;
  for (const auto* params : {&old_params, &new_params}) {
    for (const auto& [key, text] : *params) keys.insert(key);
  }
  for (const std::string& key : keys) {
    const std::string was = value(old_params, key);
    const std::string is = value(new_params, key);
    if (was != is) changed.push_back(key + ": " + was + " -> " + is);
  }
  std::string text;
  for (std::size_t i = 0; i < std::min(kShownChanges, changed.size()); ++i) text += (i == 0 ? "" : ", ") + changed[i];
  if (changed.size() > kShownChanges) text += " and " + std::to_string(changed.size() - kShownChanges) + " more";
  return text;
}

bool lies_within(const fs::path& path, const fs::path& folder) {
  const fs::path relative = path.lexically_normal().lexically_relative(folder.lexically_normal());
  return !relative.empty() && relative != "." && *relative.begin() != "..";
}

}  // namespace

Attempt::Attempt(registry::Store& store, registry::FileDigests& digests, Step& step, std::vector<Input> inputs)
    : store_(store), digests_(digests), step_(step), inputs_(std::move(inputs)) {
  std::sort(inputs_.begin(), inputs_.end(),
            [](const Input& a, const Input& b) { return a.record.name < b.record.name; });
  key_ = key_of(step_, inputs_);
}

std::string Attempt::reason() const {
  const auto latest = store_.latest(step_.name());
  if (!latest) return "first run";
  if (latest->version != step_.version())
    return "its code changed: version " + latest->version + " -> " + step_.version();
  if (latest->params != step_.params()) return changes(latest->params, step_.params());
  std::string changed;
  for (const Input& input : inputs_) {
    const auto same = [&](const registry::InputRecord& old) {
      return old.name == input.record.name && old.artifact.id == input.record.artifact.id;
    };
    if (std::any_of(latest->inputs.begin(), latest->inputs.end(), same)) continue;
    changed += (changed.empty() ? "" : ", ") + input.record.name;
  }
  return changed.empty() ? "asked to run again" : "changed input: " + changed;
}

Result<std::map<std::string, fs::path>> Attempt::input_paths() {
  std::map<std::string, fs::path> paths;
  for (const Input& input : inputs_) {
    fs::path path = input.source;
    if (path.empty()) {
      MOTE_TRY(path, store_.path_of(input.record.artifact));
    }
    paths[input.record.name] = std::move(path);
  }
  return paths;
}

Result<Outputs> Attempt::run_fenced(Context& context) {
  try {
    return step_.run(context);
  } catch (const std::bad_alloc&) {
    return fail(Code::too_large, "there is not enough memory for this step");
  } catch (const std::exception& error) {
    return fail(Code::internal, std::string("stopped unexpectedly: ") + error.what());
  }
}

Result<void> Attempt::check_outputs(const Outputs& outputs, const fs::path& folder) const {
  const std::vector<std::string> declared = step_.outputs();
  for (const std::string& output : declared) {
    if (!outputs.contains(output)) return fail(Code::internal, "made no output '" + output + "', which it declares");
  }
  std::set<fs::path> seen;
  for (const auto& [output, path] : outputs) {
    const std::string what = "its output '" + output + "' (" + path.string() + ")";
    if (std::find(declared.begin(), declared.end(), output) == declared.end()) {
      return fail(Code::internal, what + " is not declared");
    }
    std::error_code ignored;
    if (!lies_within(path, folder)) return fail(Code::internal, what + " lies outside its output folder");
    if (!fs::exists(path, ignored)) return fail(Code::internal, what + " was not written");
    if (!seen.insert(path.lexically_normal()).second) return fail(Code::internal, what + " has two names");
  }
  return {};
}

Result<void> Attempt::check_sources_unchanged() {
  for (const Input& input : inputs_) {
    if (input.source.empty()) continue;
    MOTE_TRY(const registry::Artifact now, digests_.digest(input.source));
    if (now.id != input.record.artifact.id) {
      return fail(Code::io, input.record.source + ": changed while the step was reading it; run again");
    }
  }
  return {};
}

Result<registry::StepRecord> Attempt::commit(const Outputs& outputs, Clock::time_point start) {
  registry::StepRecord record;
  record.key = key_;
  record.step = step_.name();
  record.version = step_.version();
  record.params = step_.params();
  for (const Input& input : inputs_) {
    record.inputs.push_back(input.record);
    const bool is_folder = input.record.artifact.kind == registry::Kind::folder;
    if (!input.source.empty() && is_folder) MOTE_TRY_VOID(store_.put_manifest(input.manifest));
  }
  for (const auto& [output, path] : outputs) {
    const std::string file_name = path.lexically_normal().filename().string();
    MOTE_TRY(const registry::Artifact artifact, store_.put(path, registry::Transfer::move));
    record.outputs.push_back({output, artifact, file_name});
  }
  record.seconds = seconds_since(start);
  MOTE_TRY_VOID(store_.commit(record));
  return record;
}

Result<registry::StepRecord> Attempt::make(Progress* progress) {
  const auto start = Clock::now();
  const fs::path scratch = store_.folder() / "scratch" / key_.hex();
  std::error_code ignored;
  fs::remove_all(scratch / "out", ignored);
  MOTE_TRY_VOID(make_folder(scratch / "out"));
  MOTE_TRY_VOID(make_folder(scratch / "work"));
  MOTE_TRY(auto inputs, input_paths());
  Context context({scratch / "work", scratch / "out", std::move(inputs), progress});
  MOTE_TRY(const Outputs outputs, run_fenced(context));
  MOTE_TRY_VOID(check_outputs(outputs, scratch / "out"));
  MOTE_TRY_VOID(check_sources_unchanged());
  MOTE_TRY(registry::StepRecord record, commit(outputs, start));
  fs::remove_all(scratch, ignored);
  return record;
}

}  // namespace mote::pipeline
