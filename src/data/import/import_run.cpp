#include "import_run.hpp"

#include <algorithm>

#include "mote/base/file.hpp"

namespace mote::data {
namespace fs = std::filesystem;
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

std::string joined(const std::vector<std::string_view>& extensions) {
  std::string text;
  for (std::size_t k = 0; k < extensions.size(); ++k) {
    text += (k == 0 ? "" : k + 1 == extensions.size() ? " or " : ", ") + std::string(extensions[k]);
  }
  return text;
}

}  // namespace

Result<ImportRun> ImportRun::start(const fs::path& out, DatasetInfo info, std::string importer, Progress& progress) {
  MOTE_TRY(DatasetWriter writer, DatasetWriter::create(out, std::move(info)));
  return ImportRun(std::move(writer), std::move(importer), progress);
}

std::size_t ImportRun::files_at_once() const {
  constexpr std::uint64_t kBudgetBytes = std::uint64_t{256} << 20;
  if (largest_bytes_ == 0) return 4 * core_count();
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(kBudgetBytes / largest_bytes_, core_count(), 128));
}

Result<bool> ImportRun::append(const NewSample& sample, std::string_view file) {
  note_file_bytes(sample.values.size());
  auto appended = writer_.append(sample);
  if (appended) return true;
  if (appended.error().code() == Code::io) return fail(std::move(appended).error());
  refuse(std::string(file), appended.error());
  return false;
}

Result<void> ImportRun::check_cancelled() const {
  if (progress_->cancelled()) return fail(Code::cancelled, "the import was stopped; no dataset was written");
  return {};
}

Result<ImportReport> ImportRun::finish(const fs::path& root) {
  if (writer_.size() == 0) {
    std::string text = root.string() + ": no sample could be imported";
    if (!report_.refused.empty()) {
      text += ", " + std::to_string(report_.refused.size()) + " refused, the first: " + report_.refused[0].sentence();
    }
    return fail(Code::malformed, std::move(text));
  }
  report_.samples = writer_.size();
  MOTE_TRY(report_.content_hash, writer_.finish(provenance_.json()));
  return std::move(report_);
}

Result<std::vector<SourceFile>> list_files(const fs::path& root, const std::vector<std::string_view>& extensions,
                                           std::size_t& ignored) {
  std::error_code error;
  const fs::file_status status = fs::status(root, error);
  if (!fs::exists(status)) return fail(Code::not_found, root.string() + ": there is no such file or folder");
  std::vector<SourceFile> files;
  if (!fs::is_directory(status)) {
    files.push_back({root, root.filename().string()});
    return files;
  }
  // Linked folders are followed, each folder once on the way down: a link to a parent would never end.
  fs::recursive_directory_iterator it(root, fs::directory_options::follow_directory_symlink, error);
  std::vector<fs::path> open{fs::canonical(root, error)};
  for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    std::error_code ignored_error;
    if (it->is_directory(ignored_error)) {
      const fs::path real = fs::canonical(path, ignored_error);
      open.resize(static_cast<std::size_t>(it.depth()) + 1);
      const bool again = std::ranges::find(open, real) != open.end();
      open.push_back(real);
      if (is_hidden(path) || again) it.disable_recursion_pending();
      continue;
    }
    const std::string extension = lower(path.extension().string());
    const fs::file_type type = it->status(ignored_error).type();
    const bool pipe_or_device = type != fs::file_type::regular && type != fs::file_type::not_found;
    if (is_hidden(path) || pipe_or_device ||
        std::find(extensions.begin(), extensions.end(), extension) == extensions.end()) {
      ++ignored;
      continue;
    }
    files.push_back({path, path.lexically_relative(root).generic_string()});
  }
  if (error) return fail(Code::io, root.string() + ": cannot be listed: " + error.message());
  if (files.empty()) return fail(Code::not_found, root.string() + ": has no " + joined(extensions) + " file");
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.relative < b.relative; });
  return files;
}

Error without_path(const Error& error, const fs::path& path) {
  const std::string prefix = path.string() + ": ";
  const std::string& message = error.message();
  return {error.code(), message.starts_with(prefix) ? message.substr(prefix.size()) : message};
}

Result<Bytes> read_source(const SourceFile& file, std::uint64_t limit_bytes) {
  auto bytes = read_file(file.path, limit_bytes);
  if (!bytes) return fail(without_path(bytes.error(), file.path));
  return bytes;
}

void describe(Provenance& provenance, const Naming& naming) {
  switch (naming.label) {
    case Naming::Label::folder:
      provenance.setting("label", "folder");
      break;
    case Naming::Label::pattern:
      provenance.setting("label", "pattern");
      break;
    case Naming::Label::none:
      provenance.setting("label", "none");
      break;
  }
  if (!naming.pattern.empty()) provenance.setting("pattern", naming.pattern);
  if (!naming.test_when.empty()) provenance.setting("test_when", naming.test_when);
}

/// Names of classes that a specification lists, where its kind has any.
template <class Spec>
Result<void> check_labels(const Spec& spec) {
  std::vector<std::string> names;
  if constexpr (std::is_same_v<decltype(spec.labels), std::vector<std::string>>) names = spec.labels;
  if constexpr (requires { spec.label_names; }) names = spec.label_names;
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end()) return {};
  return fail(Code::invalid_argument,
              "label '" + *twice + "' is named twice; two classes of one name cannot be told apart");
}

Result<ImportReport> import(const ImportSpec& spec, const fs::path& out, Progress& progress) {
  struct Visitor {
    const fs::path& out;
    Progress& progress;
    Result<ImportReport> operator()(const IdxSpec& s) const { return import_idx(s, out, progress); }
    Result<ImportReport> operator()(const AudioSpec& s) const { return import_audio(s, out, progress); }
    Result<ImportReport> operator()(const ImageSpec& s) const { return import_images(s, out, progress); }
    Result<ImportReport> operator()(const SeriesSpec& s) const { return import_series(s, out, progress); }
    Result<ImportReport> operator()(const StrokesSpec& s) const { return import_strokes(s, out, progress); }
  };
  MOTE_TRY_VOID(std::visit([](const auto& s) { return check_labels(s); }, spec));
  return std::visit(Visitor{out, progress}, spec);
}

}  // namespace mote::data
