#include "objects.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "mote/base/file.hpp"

namespace mote::registry {
namespace {

namespace fs = std::filesystem;

// From this many files on, one sync of the whole file system is cheaper than one for each file (ext4: 64 single syncs
// cost about what a busy disk's syncfs does).
constexpr std::size_t kManyFiles = 64;

Result<std::vector<std::string>> files_in(const fs::path& folder) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const fs::file_status status = it->symlink_status(error);
    if (error) break;
    if (fs::is_directory(status)) continue;
    if (!fs::is_regular_file(status)) {
      return fail(Code::invalid_argument, it->path().string() + ": is a link or a device; only files can be stored");
    }
    found.push_back(it->path().lexically_relative(folder).generic_string());
  }
  if (error) return fail(Code::io, folder.string() + ": " + error.message());
  std::sort(found.begin(), found.end());
  return found;
}

void remove_tree(const fs::path& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

std::string damaged(const Digest& id) { return "object " + id.short_hex() + " of the store is damaged"; }

}  // namespace

Objects::Objects(fs::path store_folder, bool writable)
    : objects_(store_folder / "objects"),
      views_(store_folder / "views"),
      incoming_(store_folder / "incoming"),
      writable_(writable) {}

void Objects::clear_leftovers() { remove_tree(incoming_); }

fs::path Objects::object_path(const Digest& id) const {
  const std::string hex = id.hex();
  return objects_ / hex.substr(0, 2) / hex.substr(2);
}

fs::path Objects::fresh_path() {
  return incoming_ / (std::to_string(::getpid()) + "-" + std::to_string(next_fresh_++));
}

bool Objects::has(const Digest& id) const {
  std::error_code ignored;
  return fs::exists(object_path(id), ignored);
}

Result<void> Objects::adopt(const fs::path& finished, const disk::Hashed& hashed, Durability durability) {
  const fs::path target = object_path(hashed.id);
  std::error_code ignored;
  if (intact_object(hashed.id, hashed.bytes)) {
    fs::remove(finished, ignored);
    return {};
  }
  MOTE_TRY_VOID(disk::seal(finished));
  if (durability == Durability::now) MOTE_TRY_VOID(disk::sync(finished));
  MOTE_TRY_VOID(make_folder(target.parent_path()));
  MOTE_TRY_VOID(disk::rename(finished, target));
  if (durability == Durability::now) MOTE_TRY_VOID(disk::sync(target.parent_path()));
  return {};
}

Result<disk::Hashed> Objects::put_copy(const fs::path& path, Durability durability) {
  MOTE_TRY_VOID(make_folder(incoming_));
  const fs::path copy = fresh_path();
  auto hashed = disk::copy_hashing(path, copy);
  if (hashed) {
    if (auto adopted = adopt(copy, *hashed, durability); !adopted) hashed = fail(std::move(adopted).error());
  }
  if (!hashed) remove_tree(copy);
  return hashed;
}

Result<disk::Hashed> Objects::put_file(const fs::path& path, Transfer transfer, Durability durability) {
  MOTE_TRY_VOID(stamp_of(path));
  if (transfer == Transfer::copy) return put_copy(path, durability);
  MOTE_TRY(const disk::Hashed hashed, disk::hash_file(path));
  if (auto adopted = adopt(path, hashed, durability); adopted) return hashed;
  // Another file system, or no right to move it: then its bytes are copied.
  MOTE_TRY(const disk::Hashed copied, put_copy(path, durability));
  std::error_code ignored;
  fs::remove(path, ignored);
  return copied;
}

Result<Artifact> Objects::put_folder(const fs::path& path, Transfer transfer) {
  MOTE_TRY(const std::vector<std::string> files, files_in(path));
  const Durability durability = files.size() < kManyFiles ? Durability::now : Durability::later;
  Manifest manifest;
  for (const std::string& file : files) {
    MOTE_TRY(const disk::Hashed hashed, put_file(path / file, transfer, durability));
    manifest.entries.push_back({file, hashed.id, hashed.bytes});
  }
  if (durability == Durability::later) MOTE_TRY_VOID(disk::sync_file_system(objects_));
  MOTE_TRY(const Artifact artifact, put_manifest(std::move(manifest)));
  if (transfer == Transfer::move) remove_tree(path);
  return artifact;
}

Result<Artifact> Objects::put(const fs::path& path, Transfer transfer) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) return put_folder(path, transfer);
  MOTE_TRY(const disk::Hashed hashed, put_file(path, transfer, Durability::now));
  return Artifact{hashed.id, Kind::file, hashed.bytes};
}

Result<Artifact> Objects::put_bytes(ByteSpan bytes) {
  const Artifact artifact{sha256(bytes), Kind::file, bytes.size()};
  if (intact_object(artifact.id, artifact.bytes)) return artifact;
  MOTE_TRY_VOID(make_folder(incoming_));
  const fs::path fresh = fresh_path();
  const auto written = [&]() -> Result<void> {
    MOTE_TRY(const disk::Descriptor file, disk::open_file(fresh, O_WRONLY | O_CREAT | O_EXCL));
    MOTE_TRY_VOID(disk::write_all(file, bytes, fresh));
    return adopt(fresh, {artifact.id, artifact.bytes}, Durability::now);
  }();
  if (!written) {
    remove_tree(fresh);
    return fail(Error(written.error()));
  }
  return artifact;
}

Result<Artifact> Objects::put_manifest(Manifest manifest) {
  const std::string text = manifest.text();
  MOTE_TRY(const Artifact stored, put_bytes(as_bytes(text)));
  return Artifact{stored.id, Kind::folder, manifest.bytes()};
}

bool Objects::intact_object(const Digest& id, std::uint64_t bytes) {
  const fs::path path = object_path(id);
  const auto stamp = stamp_of(path);
  if (!stamp) return false;
  if (stamp->bytes == bytes && disk::is_sealed(*stamp)) return true;
  // Somebody touched it. A copied or restored project loses the seals, not the contents.
  const auto hashed = disk::hash_file(path);
  if (hashed && hashed->id == id && hashed->bytes == bytes) {
    if (writable_) static_cast<void>(disk::seal(path).has_value());
    return true;
  }
  drop(id);
  return false;
}

bool Objects::intact(const Artifact& artifact) {
  if (artifact.kind == Kind::file) return intact_object(artifact.id, artifact.bytes);
  const auto list = manifest(artifact.id);
  return list && std::all_of(list->entries.begin(), list->entries.end(),
                             [this](const ManifestEntry& entry) { return intact_object(entry.id, entry.bytes); });
}

Result<void> Objects::verify_object(const Digest& id) {
  const auto hashed = disk::hash_file(object_path(id));
  if (!hashed && hashed.error().code() == Code::not_found) {
    return fail(Code::not_found, "object " + id.short_hex() + " is missing from the store");
  }
  if (hashed && hashed->id == id) {
    verified_.insert(id);
    return {};
  }
  drop(id);
  return fail(Code::malformed, damaged(id) + (hashed ? ": its bytes have another hash" : ": it cannot be read"));
}

Result<void> Objects::verify(const Artifact& artifact) {
  if (artifact.kind == Kind::file) {
    return verified_.contains(artifact.id) ? Result<void>{} : verify_object(artifact.id);
  }
  MOTE_TRY(const Manifest list, manifest(artifact.id));
  for (const ManifestEntry& entry : list.entries) {
    if (!verified_.contains(entry.id)) MOTE_TRY_VOID(verify_object(entry.id));
  }
  return {};
}

Result<Bytes> Objects::read(const Digest& id, std::uint64_t limit_bytes) {
  auto bytes = read_file(object_path(id), limit_bytes);
  if (!bytes && bytes.error().code() == Code::not_found) {
    return fail(Code::not_found, "object " + id.short_hex() + " is not in the store");
  }
  if (bytes && sha256(*bytes) != id) {
    drop(id);
    return fail(Code::malformed, damaged(id) + ": its bytes have another hash");
  }
  return bytes;
}

Result<Manifest> Objects::manifest(const Digest& id) {
  MOTE_TRY(const Bytes bytes, read(id, std::uint64_t{1} << 30));
  return Manifest::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

bool Objects::view_is_whole(const fs::path& view, const Manifest& manifest) const {
  const auto files = files_in(view);
  if (!files || files->size() != manifest.entries.size()) return false;
  return std::all_of(manifest.entries.begin(), manifest.entries.end(), [&](const ManifestEntry& entry) {
    const auto seen = stamp_of(view / entry.path);
    const auto object = stamp_of(object_path(entry.id));
    if (!seen || !object || seen->bytes != entry.bytes) return false;
    return seen->inode == object->inode || disk::is_sealed(*seen);
  });
}

Result<void> Objects::make_view(const fs::path& view, const Manifest& manifest) {
  const fs::path fresh = fresh_path();
  MOTE_TRY_VOID(make_folder(fresh));
  for (const ManifestEntry& entry : manifest.entries) {
    const fs::path member = fresh / entry.path;
    MOTE_TRY_VOID(make_folder(member.parent_path()));
    MOTE_TRY_VOID(disk::link_or_copy(object_path(entry.id), member));
  }
  remove_tree(view);
  MOTE_TRY_VOID(make_folder(view.parent_path()));
  return disk::rename(fresh, view);
}

Result<fs::path> Objects::path_of(const Artifact& artifact) {
  if (artifact.kind == Kind::file) {
    if (!has(artifact.id)) return fail(Code::not_found, "object " + artifact.id.short_hex() + " is not in the store");
    return object_path(artifact.id);
  }
  MOTE_TRY(const Manifest list, manifest(artifact.id));
  const fs::path view = views_ / artifact.id.hex();
  if (!view_is_whole(view, list)) MOTE_TRY_VOID(make_view(view, list));
  return view;
}

Result<void> Objects::export_to(const Artifact& artifact, const fs::path& destination) {
  std::error_code ignored;
  const bool is_folder = artifact.kind == Kind::folder;
  if (is_folder && fs::exists(destination, ignored) && !fs::is_empty(destination, ignored)) {
    return fail(Code::invalid_argument, destination.string() + ": exists already; remove it or name another place");
  }
  if (destination.has_parent_path()) MOTE_TRY_VOID(make_folder(destination.parent_path()));
  const fs::path fresh = destination.string() + ".part-" + std::to_string(::getpid());
  const auto copy = [](const fs::path& from, const Digest& id, const fs::path& to) -> Result<void> {
    MOTE_TRY(const disk::Hashed hashed, disk::copy_hashing(from, to));
    if (hashed.id != id) return fail(Code::malformed, damaged(id) + ": its bytes have another hash");
    return disk::sync(to);
  };
  const auto copied = [&]() -> Result<void> {
    if (!is_folder) return copy(object_path(artifact.id), artifact.id, fresh);
    MOTE_TRY(const Manifest list, manifest(artifact.id));
    MOTE_TRY_VOID(make_folder(fresh));
    for (const ManifestEntry& entry : list.entries) {
      MOTE_TRY_VOID(make_folder((fresh / entry.path).parent_path()));
      MOTE_TRY_VOID(copy(object_path(entry.id), entry.id, fresh / entry.path));
    }
    return {};
  }();
  auto done = copied ? disk::rename(fresh, destination) : copied;
  if (!done) remove_tree(fresh);
  return done;
}

Result<std::vector<Digest>> Objects::list() const {
  std::vector<Digest> ids;
  std::error_code error;
  for (fs::recursive_directory_iterator it(objects_, error), end; !error && it != end; it.increment(error)) {
    if (it->is_directory(error)) continue;
    const auto id = parse_digest(it->path().parent_path().filename().string() + it->path().filename().string());
    if (id) ids.push_back(*id);
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return fail(Code::io, objects_.string() + ": " + error.message());
  std::sort(ids.begin(), ids.end());
  return ids;
}

void Objects::drop(const Digest& id) {
  verified_.erase(id);
  if (!writable_) return;
  std::error_code ignored;
  fs::remove(object_path(id), ignored);
  drop_views();
}

void Objects::drop_views() { remove_tree(views_); }

}  // namespace mote::registry
