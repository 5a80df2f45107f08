#pragma once
// Content hashes of files outside the store, remembered by (path, size, time, inode) so that an unchanged file is
// hashed once and then only looked at. The memory is a cache: losing it costs time and nothing else.

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>

#include "mote/registry/artifact.hpp"

namespace mote::registry {

/// What the file system says about a file without reading it.
struct FileStamp {
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileStamp&) const = default;
};

/// @error not_found, io   @error invalid_argument  neither a regular file nor a link to one (a device, a pipe).
[[nodiscard]] Result<FileStamp> stamp_of(const std::filesystem::path& path);

/// Hashes without remembering. A folder is walked through symbolic links; `.mote` and `.git` inside it are left out.
/// @error not_found, io   @error invalid_argument  a device, a pipe, or a link that leads back to its own folder.
[[nodiscard]] Result<Artifact> digest_of(const std::filesystem::path& path);

class FileDigests {
 public:
  /// Loads what an earlier run remembered in `cache_file`; a missing or damaged one is an empty memory.
  explicit FileDigests(std::filesystem::path cache_file);

  /// Content of a file or folder; `manifest`, if given, receives the folder's files.
  /// A file younger than a second is hashed again next time: its stamp could hide another write.
  [[nodiscard]] Result<Artifact> digest(const std::filesystem::path& path, Manifest* manifest = nullptr);

  /// Writes the memory back if it changed.  @error io
  [[nodiscard]] Result<void> save();

  /// Files really read since construction, for tests and for people who wonder where time goes.
  [[nodiscard]] std::uint64_t files_read() const { return files_read_; }

 private:
  struct Known {
    FileStamp stamp;
    Digest id;
  };
  Result<ManifestEntry> file(const std::filesystem::path& path);

  std::filesystem::path cache_file_;
  std::unordered_map<std::string, Known> known_;
  std::uint64_t files_read_ = 0;
  bool changed_ = false;
};

}  // namespace mote::registry
