#include "disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <vector>

namespace mote::registry::disk {
namespace {

// 2001-09-09 01:46:40 UTC: no clock of today gives this time to a file that somebody writes.
constexpr std::int64_t kSealedSeconds = 1'000'000'000;

Result<Hashed> for_each_chunk(const std::filesystem::path& path, const std::function<Result<void>(ByteSpan)>& visit) {
  MOTE_TRY(const Descriptor file, open_file(path, O_RDONLY));
  Hasher hasher;
  Hashed result;
  std::vector<std::uint8_t> chunk(std::size_t{1} << 18);
  while (true) {
    const ssize_t n = ::read(file.get(), chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure(path);
    if (n == 0) break;
    const ByteSpan part(chunk.data(), static_cast<std::size_t>(n));
    hasher.update(part);
    result.bytes += part.size();
    if (visit) MOTE_TRY_VOID(visit(part));
  }
  result.id = hasher.finish();
  return result;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

tl::unexpected<Error> system_failure(const std::filesystem::path& path) {
  const int reason = errno;
  const bool is_full = reason == ENOSPC || reason == EDQUOT;
  return fail(reason == ENOENT ? Code::not_found : Code::io,
              path.string() + ": " + std::strerror(reason) + (is_full ? "; free some space and run again" : ""));
}

Result<Descriptor> open_file(const std::filesystem::path& path, int flags, unsigned mode) {
  Descriptor file(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!file.is_open()) return system_failure(path);
  return file;
}

Result<void> write_all(const Descriptor& file, ByteSpan bytes, const std::filesystem::path& path) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_failure(path);
    done += static_cast<std::size_t>(n);
  }
  return {};
}

Result<void> sync(const std::filesystem::path& file_or_folder) {
  MOTE_TRY(const Descriptor file, open_file(file_or_folder, O_RDONLY));
  // Some network file systems cannot sync a folder and say EINVAL; they order renames themselves.
  if (::fsync(file.get()) != 0 && errno != EINVAL) return system_failure(file_or_folder);
  return {};
}

Result<void> sync_file_system(const std::filesystem::path& path) {
  MOTE_TRY(const Descriptor file, open_file(path, O_RDONLY));
  if (::syncfs(file.get()) != 0) return system_failure(path);
  return {};
}

Result<void> rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return system_failure(to);
  return {};
}

Result<void> link_or_copy(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return {};
  if (errno != EPERM && errno != EXDEV && errno != EMLINK && errno != EOPNOTSUPP) return system_failure(to);
  MOTE_TRY_VOID(copy_hashing(from, to));
  return seal(to);
}

Result<Hashed> hash_file(const std::filesystem::path& path) { return for_each_chunk(path, {}); }

Result<Hashed> copy_hashing(const std::filesystem::path& from, const std::filesystem::path& to) {
  MOTE_TRY(const Descriptor out, open_file(to, O_WRONLY | O_CREAT | O_EXCL));
  return for_each_chunk(from, [&](ByteSpan part) { return write_all(out, part, to); });
}

Result<void> seal(const std::filesystem::path& path) {
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, timespec{kSealedSeconds, 0}};
  if (::chmod(path.c_str(), 0444) != 0) return system_failure(path);
  if (::utimensat(AT_FDCWD, path.c_str(), times.data(), 0) != 0) return system_failure(path);
  return {};
}

bool is_sealed(const FileStamp& stamp) { return stamp.modified_ns == kSealedSeconds * 1'000'000'000; }

}  // namespace mote::registry::disk
