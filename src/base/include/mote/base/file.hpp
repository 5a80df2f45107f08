#pragma once
// Files: whole reads with limits, and writes that are never seen half done.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"

namespace mote {

/// Reads a whole file.
/// @error not_found, io  it cannot be opened or read.   @error too_large  it exceeds `limit_bytes`.
[[nodiscard]] Result<Bytes> read_file(const std::filesystem::path& path,
                                      std::uint64_t limit_bytes = std::uint64_t{1} << 32);
[[nodiscard]] Result<std::string> read_text(const std::filesystem::path& path, std::uint64_t limit_bytes = 64 << 20);

/// Replaces `path` by writing a sibling, syncing it and renaming: after a crash or a full disk the old content is
/// whole. Makes missing parent folders.  @error io  with the system's reason (no space, no permission, ...).
[[nodiscard]] Result<void> write_file(const std::filesystem::path& path, ByteSpan bytes);
[[nodiscard]] Result<void> write_file(const std::filesystem::path& path, std::string_view text);

/// Makes the folder and its parents.  @error io
[[nodiscard]] Result<void> make_folder(const std::filesystem::path& path);

/// A folder that is removed with everything in it when the object dies.
class TemporaryFolder {
 public:
  /// @error io
  [[nodiscard]] static Result<TemporaryFolder> create(std::string_view prefix = "mote");
  ~TemporaryFolder();
  TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TemporaryFolder& operator=(TemporaryFolder&& other) noexcept {
    std::swap(path_, other.path_);
    return *this;
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit TemporaryFolder(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

/// A read-only memory map of a file; larger-than-memory files page in as they are touched.
class MappedFile {
 public:
  /// @error not_found, io
  [[nodiscard]] static Result<MappedFile> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  [[nodiscard]] ByteSpan bytes() const { return {data_, size_}; }

 private:
  MappedFile(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  const std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace mote
