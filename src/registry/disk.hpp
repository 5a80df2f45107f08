#pragma once
// The few system calls of the store that must not be approximated: what is synced, linked, stamped and locked.

#include <filesystem>
#include <utility>

#include "mote/base/error.hpp"
#include "mote/base/hash.hpp"
#include "mote/registry/file_digests.hpp"

namespace mote::registry::disk {

/// An open file that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// "<path>: <what the system says about errno>".
[[nodiscard]] tl::unexpected<Error> system_failure(const std::filesystem::path& path);

[[nodiscard]] Result<Descriptor> open_file(const std::filesystem::path& path, int flags, unsigned mode = 0644);
[[nodiscard]] Result<void> write_all(const Descriptor& file, ByteSpan bytes, const std::filesystem::path& path);

/// Puts a file's content, or a folder's list of names, on the medium.
[[nodiscard]] Result<void> sync(const std::filesystem::path& file_or_folder);
/// The same for everything on the file system of `path`: cheaper than many single calls.
[[nodiscard]] Result<void> sync_file_system(const std::filesystem::path& path);

[[nodiscard]] Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to);
/// A second name for the same bytes; a copy where the file system has no hard links.
[[nodiscard]] Result<void> link_or_copy(const std::filesystem::path& from, const std::filesystem::path& to);

struct Hashed {
  Digest id;
  std::uint64_t bytes = 0;
};
[[nodiscard]] Result<Hashed> hash_file(const std::filesystem::path& path);
/// Copies to a new file (which must not exist) and hashes on the way.
[[nodiscard]] Result<Hashed> copy_hashing(const std::filesystem::path& from, const std::filesystem::path& to);

/// Objects carry one fixed time stamp and are read-only: any later write through any name moves the stamp.
[[nodiscard]] Result<void> seal(const std::filesystem::path& path);
[[nodiscard]] bool is_sealed(const FileStamp& stamp);

}  // namespace mote::registry::disk
