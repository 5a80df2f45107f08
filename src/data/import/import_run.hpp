#pragma once
// What all importers of folders share: listing, decoding on all cores, refusing single files, provenance, the last
// word.

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/hash.hpp"
#include "mote/base/parallel.hpp"
#include "mote/base/progress.hpp"
#include "mote/data/import.hpp"
#include "mote/data/writer.hpp"

namespace mote::data {

struct SourceFile {
  std::filesystem::path path;
  std::string relative;  ///< with '/', for people and for naming rules
};

/// Collects what a dataset was made of, as JSON.
class Provenance {
 public:
  explicit Provenance(std::string importer) : importer_(std::move(importer)) {}
  void setting(std::string name, std::string value) { settings_.emplace_back(std::move(name), std::move(value)); }
  void source(std::string file, std::uint64_t bytes, const Digest& digest) {
    sources_.push_back({std::move(file), bytes, digest});
  }
  /// {"importer":..., "settings":{...}, "sources":[{"file","bytes","sha256"}...]}; no date: the same files give the
  /// same dataset
  [[nodiscard]] std::string json() const;

 private:
  struct Source {
    std::string file;
    std::uint64_t bytes;
    Digest digest;
  };
  std::string importer_;
  std::vector<std::pair<std::string, std::string>> settings_;
  std::vector<Source> sources_;
};

/// One import from its first file to its report.
class ImportRun {
 public:
  /// @error from DatasetWriter::create
  [[nodiscard]] static Result<ImportRun> start(const std::filesystem::path& out, DatasetInfo info, std::string importer,
                                               Progress& progress);

  [[nodiscard]] DatasetWriter& writer() { return writer_; }
  [[nodiscard]] ImportReport& report() { return report_; }
  [[nodiscard]] Provenance& provenance() { return provenance_; }
  [[nodiscard]] Progress& progress() { return *progress_; }

  void refuse(std::string file, const Error& error) { report_.refused.push_back({std::move(file), error.message()}); }
  /// Appends a sample. A sample the writer refuses (its shape, its label) is a refusal of `file`; false then.
  /// @error io
  [[nodiscard]] Result<bool> append(const NewSample& sample, std::string_view file);
  /// How many files to decode before the next are read: few until their size is known, then what fits into memory.
  [[nodiscard]] std::size_t files_at_once() const;
  void note_file_bytes(std::uint64_t bytes) { largest_bytes_ = std::max(largest_bytes_, bytes); }
  /// @error cancelled
  [[nodiscard]] Result<void> check_cancelled() const;
  /// Ends the import. `root` names the source in the error when no sample is left.
  [[nodiscard]] Result<ImportReport> finish(const std::filesystem::path& root);

 private:
  ImportRun(DatasetWriter writer, std::string importer, Progress& progress)
      : writer_(std::move(writer)), provenance_(std::move(importer)), progress_(&progress) {}
  DatasetWriter writer_;
  ImportReport report_;
  Provenance provenance_;
  Progress* progress_;
  std::uint64_t largest_bytes_ = 0;  // of a file or of a sample so far
};

/// Files below `root` with one of `extensions` (lower case, with dot), in byte order of their relative paths; `root`
/// itself when it is a file. Hidden ones and other extensions are counted in `ignored`. Links to folders are not
/// followed.
/// @error not_found  no such folder, or no such file in it.   @error io
[[nodiscard]] Result<std::vector<SourceFile>> list_files(const std::filesystem::path& root,
                                                         const std::vector<std::string_view>& extensions,
                                                         std::size_t& ignored);

/// Reads a file; the error's message does not repeat the name.
[[nodiscard]] Result<Bytes> read_source(const SourceFile& file, std::uint64_t limit_bytes);

/// Reads and decodes files on all cores, then consumes them in order on this thread; a file that cannot be read or
/// decoded is refused and the next one follows. At most a block of files is in memory.
/// @param decode   Result<T>(const SourceFile&, ByteSpan), called concurrently.
/// @param consume  Result<void>(const SourceFile&, T&&); its errors end the import.
template <class Decode, class Consume>
[[nodiscard]] Result<void> for_each_file(ImportRun& run, const std::vector<SourceFile>& files,
                                         std::uint64_t limit_bytes, Decode decode, Consume consume) {
  using Decoded = decltype(decode(files[0], ByteSpan{}));
  struct Loaded {
    std::optional<Decoded> value;
    std::uint64_t bytes = 0;
    Digest digest;
  };
  for (std::size_t first = 0, count = 0; first < files.size(); first += count) {
    MOTE_TRY_VOID(run.check_cancelled());
    run.progress().step("import", first, files.size(), "");
    count = std::min(run.files_at_once(), files.size() - first);
    std::vector<Loaded> block(count);
    parallel_for(block.size(), [&](std::size_t k, std::size_t) {
      const SourceFile& file = files[first + k];
      auto bytes = read_source(file, limit_bytes);
      if (!bytes) {
        block[k].value = fail(std::move(bytes).error());
        return;
      }
      block[k].bytes = bytes->size();
      block[k].digest = sha256(*bytes);
      block[k].value = decode(file, *bytes);
    });
    for (std::size_t k = 0; k < block.size(); ++k) {
      const SourceFile& file = files[first + k];
      run.note_file_bytes(block[k].bytes);
      Decoded& value = *block[k].value;
      if (!value) {
        run.refuse(file.relative, value.error());
        continue;
      }
      const std::size_t before = run.writer().size();
      MOTE_TRY_VOID(consume(file, std::move(*value)));
      if (run.writer().size() == before) continue;
      ++run.report().files_used;
      run.provenance().source(file.relative, block[k].bytes, block[k].digest);
    }
  }
  run.progress().step("import", files.size(), files.size(), "");
  return {};
}

/// Takes the path that mote::base puts in front of a message away again: a Refusal has the file by itself.
[[nodiscard]] Error without_path(const Error& error, const std::filesystem::path& path);

/// Settings of a Naming for the provenance.
void describe(Provenance& provenance, const Naming& naming);

}  // namespace mote::data
