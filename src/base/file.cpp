#include "mote/base/file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace mote {
namespace {

std::string system_reason() { return std::strerror(errno); }

Code code_of_errno() { return errno == ENOENT ? Code::not_found : Code::io; }

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool close_now() { return ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

Result<std::uint64_t> size_of(const Descriptor& file, const std::filesystem::path& path) {
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return fail(Code::io, path.string() + ": " + system_reason());
  if (S_ISDIR(info.st_mode)) return fail(Code::io, path.string() + ": is a folder, a file is expected");
  if (!S_ISREG(info.st_mode))
    return fail(Code::io, path.string() + ": is a pipe or device, a regular file is expected");
  return static_cast<std::uint64_t>(info.st_size);
}

// Without waiting: a pipe that nobody writes to would never open.
constexpr int kReadFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

Result<void> write_all(int fd, ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Code::io, system_reason());
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

/// Devices and pipes take bytes as they are: there is nothing to replace.
Result<void> write_into(const std::filesystem::path& path, ByteSpan bytes) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) return fail(Code::io, path.string() + ": " + system_reason());
  auto written = write_all(file.get(), bytes);
  if (!written) return fail(std::move(written).error(), path.string());
  return file.close_now() ? Result<void>{} : fail(Code::io, path.string() + ": " + system_reason());
}

}  // namespace

Result<Bytes> read_file(const std::filesystem::path& path, std::uint64_t limit_bytes) {
  const Descriptor file(::open(path.c_str(), kReadFlags));
  if (file.get() < 0) return fail(code_of_errno(), path.string() + ": " + system_reason());
  MOTE_TRY(const std::uint64_t size, size_of(file, path));
  if (size > limit_bytes) {
    return fail(Code::too_large, path.string() + ": has " + std::to_string(size) + " bytes, at most " +
                                     std::to_string(limit_bytes) + " are read");
  }
  Bytes bytes(static_cast<std::size_t>(size));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Code::io, path.string() + ": " + system_reason());
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  bytes.resize(done);
  return bytes;
}

Result<std::string> read_text(const std::filesystem::path& path, std::uint64_t limit_bytes) {
  MOTE_TRY(const Bytes bytes, read_file(path, limit_bytes));
  return std::string(bytes.begin(), bytes.end());
}

Result<void> write_file(const std::filesystem::path& target, ByteSpan bytes) {
  if (target.has_parent_path()) MOTE_TRY_VOID(make_folder(target.parent_path()));
  std::error_code ignored;
  // A link stays a link: the file it leads to is replaced.
  const std::filesystem::path path =
      std::filesystem::is_symlink(target, ignored) ? std::filesystem::weakly_canonical(target, ignored) : target;
  struct stat present {};
  const bool exists = ::stat(path.c_str(), &present) == 0;
  if (exists && !S_ISREG(present.st_mode) && !S_ISDIR(present.st_mode)) return write_into(path, bytes);
  const mode_t mode = exists ? present.st_mode & 0777 : 0644;
  std::string sibling = path.string() + ".XXXXXX";
  Descriptor file(::mkostemp(sibling.data(), O_CLOEXEC));
  if (file.get() < 0) return fail(Code::io, path.string() + ": " + system_reason());
  const auto give_up = [&]() -> Result<void> {
    const std::string reason = system_reason();
    ::unlink(sibling.c_str());
    return fail(Code::io, path.string() + ": " + reason + "; the old content is unchanged");
  };
  if (!write_all(file.get(), bytes)) return give_up();
  if (::fchmod(file.get(), mode) != 0 || ::fsync(file.get()) != 0 || !file.close_now()) return give_up();
  if (::rename(sibling.c_str(), path.c_str()) != 0) return give_up();
  return {};
}

Result<void> write_file(const std::filesystem::path& path, std::string_view text) {
  return write_file(path, as_bytes(text));
}

Result<void> make_folder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return fail(Code::io, path.string() + ": cannot be made: " + error.message());
  return {};
}

Result<TemporaryFolder> TemporaryFolder::create(std::string_view prefix) {
  std::string pattern = (std::filesystem::temp_directory_path() / (std::string(prefix) + ".XXXXXX")).string();
  if (::mkdtemp(pattern.data()) == nullptr) return fail(Code::io, pattern + ": " + system_reason());
  return TemporaryFolder(pattern);
}

TemporaryFolder::~TemporaryFolder() {
  if (path_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Result<MappedFile> MappedFile::open(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), kReadFlags));
  if (file.get() < 0) return fail(code_of_errno(), path.string() + ": " + system_reason());
  MOTE_TRY(const std::uint64_t size, size_of(file, path));
  if (size == 0) return MappedFile(nullptr, 0);
  void* data = ::mmap(nullptr, static_cast<std::size_t>(size), PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (data == MAP_FAILED) return fail(Code::io, path.string() + ": " + system_reason());
  return MappedFile(static_cast<const std::uint8_t*>(data), static_cast<std::size_t>(size));
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::uint8_t*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace mote
