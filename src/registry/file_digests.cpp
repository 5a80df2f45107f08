#include "mote/registry/file_digests.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "disk.hpp"
#include "mote/base/file.hpp"

namespace mote::registry {
namespace {

constexpr std::string_view kHeader = "mote digests 1 ";
// File systems stamp with a granularity between 1 ns and 1 s (2 s on FAT): within it, a second write is invisible.
constexpr std::int64_t kYoungNs = 1'000'000'000;

std::int64_t nanoseconds(const timespec& t) { return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; }

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return nanoseconds(now);
}

using Visit = std::function<Result<void>(const std::filesystem::path& path, const std::string& relative)>;

/// Depth first through links. The folders on the way down are remembered: a link back to one of them has no end.
class Walk {
 public:
  explicit Walk(const Visit& visit) : visit_(visit) {}

  Result<void> folder(const std::filesystem::path& path, const std::string& relative) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return disk::system_failure(path);
    const std::pair identity{info.st_dev, info.st_ino};
    if (std::find(above_.begin(), above_.end(), identity) != above_.end()) {
      return fail(Code::invalid_argument, path.string() + ": is a link to a folder that contains it; remove the link");
    }
    above_.push_back(identity);
    MOTE_TRY(const std::vector<std::string> names, list(path));
    for (const std::string& name : names) {
      MOTE_TRY_VOID(entry(path / name, relative.empty() ? name : relative + "/" + name));
    }
    above_.pop_back();
    return {};
  }

 private:
  static Result<std::vector<std::string>> list(const std::filesystem::path& path) {
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
    if (!folder) return disk::system_failure(path);
    std::vector<std::string> names;
    while (const dirent* found = ::readdir(folder.get())) {
      const std::string name = found->d_name;
      if (name != "." && name != ".." && name != ".mote" && name != ".git") names.push_back(name);
    }
    return names;
  }

  Result<void> entry(const std::filesystem::path& path, const std::string& relative) {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return folder(path, relative);
    return visit_(path, relative);
  }

  const Visit& visit_;
  std::vector<std::pair<dev_t, ino_t>> above_;
};

/// One content, whether the files in it are hashed now or remembered.
Result<Artifact> digest_with(const std::filesystem::path& path, Manifest& manifest,
                             const std::function<Result<ManifestEntry>(const std::filesystem::path&)>& file) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return disk::system_failure(path);
  if (!S_ISDIR(info.st_mode)) {
    MOTE_TRY(const ManifestEntry entry, file(path));
    return Artifact{entry.id, Kind::file, entry.bytes};
  }
  const Visit visit = [&](const std::filesystem::path& member, const std::string& relative) -> Result<void> {
    auto read = file(member);
    // What cannot be read counts by its reason: whoever uses the folder says which files it leaves out, and a repaired
    // one is another content.
    ManifestEntry entry =
        read ? std::move(*read) : ManifestEntry{"", sha256("unreadable: " + read.error().message()), 0};
    entry.path = relative;
    manifest.entries.push_back(std::move(entry));
    return {};
  };
  MOTE_TRY_VOID(Walk(visit).folder(path, ""));
  return Artifact{sha256(manifest.text()), Kind::folder, manifest.bytes()};
}

template <class Number>
bool take_number(std::string_view& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return false;
  text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(end - text.data()) + 1));
  return true;
}

}  // namespace

Result<FileStamp> stamp_of(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return disk::system_failure(path);
  if (!S_ISREG(info.st_mode)) {
    return fail(Code::invalid_argument, path.string() + ": is neither a file nor a folder, only those can be hashed");
  }
  return FileStamp{static_cast<std::uint64_t>(info.st_size), nanoseconds(info.st_mtim), nanoseconds(info.st_ctim),
                   static_cast<std::uint64_t>(info.st_ino)};
}

Result<Artifact> digest_of(const std::filesystem::path& path) {
  Manifest manifest;
  return digest_with(path, manifest, [](const std::filesystem::path& file) -> Result<ManifestEntry> {
    MOTE_TRY_VOID(stamp_of(file));
    MOTE_TRY(const disk::Hashed hashed, disk::hash_file(file));
    return ManifestEntry{"", hashed.id, hashed.bytes};
  });
}

FileDigests::FileDigests(std::filesystem::path cache_file) : cache_file_(std::move(cache_file)) {
  const auto loaded = read_text(cache_file_, std::uint64_t{1} << 30);
  if (!loaded || !loaded->starts_with(kHeader)) return;
  std::string_view text(*loaded);
  const std::string_view check = text.substr(kHeader.size(), 64);
  text.remove_prefix(std::min(text.size(), kHeader.size() + 65));
  if (sha256(text).hex() != check) return;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    Known known;
    const auto id = parse_digest(line.substr(0, 64));
    if (!id || line.size() < 65) return;
    known.id = *id;
    line.remove_prefix(65);
    FileStamp& stamp = known.stamp;
    if (!take_number(line, stamp.bytes) || !take_number(line, stamp.modified_ns) ||
        !take_number(line, stamp.changed_ns) || !take_number(line, stamp.inode)) {
      return;
    }
    known_.emplace(line, known);
  }
}

Result<ManifestEntry> FileDigests::file(const std::filesystem::path& path) {
  MOTE_TRY(const FileStamp stamp, stamp_of(path));
  const auto found = known_.find(path.string());
  if (found != known_.end() && found->second.stamp == stamp) return ManifestEntry{"", found->second.id, stamp.bytes};
  const std::int64_t before_ns = now_ns();
  MOTE_TRY(const disk::Hashed hashed, disk::hash_file(path));
  ++files_read_;
  const bool is_young = std::max(stamp.modified_ns, stamp.changed_ns) > before_ns - kYoungNs;
  // A newline in a name would break the memory's lines; such a file is hashed every time.
  if (is_young || path.string().find('\n') != std::string::npos) return ManifestEntry{"", hashed.id, hashed.bytes};
  known_[path.string()] = {stamp, hashed.id};
  changed_ = true;
  return ManifestEntry{"", hashed.id, hashed.bytes};
}

Result<Artifact> FileDigests::digest(const std::filesystem::path& path, Manifest* manifest) {
  Manifest own;
  return digest_with(std::filesystem::absolute(path).lexically_normal(), manifest != nullptr ? *manifest : own,
                     [this](const std::filesystem::path& member) { return file(member); });
}

Result<void> FileDigests::save() {
  if (!changed_) return {};
  std::string lines;
  for (const auto& [path, known] : known_) {
    lines += known.id.hex();
    for (const std::string& number : {std::to_string(known.stamp.bytes), std::to_string(known.stamp.modified_ns),
                                      std::to_string(known.stamp.changed_ns), std::to_string(known.stamp.inode)}) {
      lines += ' ' + number;
    }
    lines += ' ' + path + '\n';
  }
  MOTE_TRY_VOID(write_file(cache_file_, std::string(kHeader) + sha256(lines).hex() + '\n' + lines));
  changed_ = false;
  return {};
}

}  // namespace mote::registry
