#pragma once
// The object area of a store: whole files under their hash, sealed; and views, which give the files of a folder their
// names back through hard links. Knows nothing of steps and records.

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "disk.hpp"
#include "mote/registry/store.hpp"

namespace mote::registry {

class Objects {
 public:
  Objects(std::filesystem::path store_folder, bool writable);

  /// Removes what an interrupted process left half made. Only while no other process writes.
  void clear_leftovers();

  [[nodiscard]] Result<Artifact> put(const std::filesystem::path& path, Transfer transfer);
  [[nodiscard]] Result<Artifact> put_bytes(ByteSpan bytes);
  [[nodiscard]] Result<Artifact> put_manifest(Manifest manifest);

  [[nodiscard]] bool intact(const Artifact& artifact);
  [[nodiscard]] Result<void> verify(const Artifact& artifact);
  [[nodiscard]] Result<std::filesystem::path> path_of(const Artifact& artifact);
  [[nodiscard]] Result<void> export_to(const Artifact& artifact, const std::filesystem::path& destination);
  [[nodiscard]] Result<Bytes> read(const Digest& id, std::uint64_t limit_bytes);
  /// Of a folder artifact, hash checked.  @error not_found, malformed
  [[nodiscard]] Result<Manifest> manifest(const Digest& id);

  [[nodiscard]] bool has(const Digest& id) const;
  /// Hashes one object; a damaged one is removed.  @error not_found, malformed, io
  [[nodiscard]] Result<void> verify_object(const Digest& id);
  [[nodiscard]] Result<std::vector<Digest>> list() const;
  /// Removes an object and all views (which are made again on demand).
  void drop(const Digest& id);
  void drop_views();

 private:
  enum class Durability {
    now,    ///< synced file by file
    later,  ///< the caller syncs the whole file system once
  };

  [[nodiscard]] std::filesystem::path object_path(const Digest& id) const;
  [[nodiscard]] std::filesystem::path fresh_path();
  [[nodiscard]] Result<disk::Hashed> put_file(const std::filesystem::path& path, Transfer transfer,
                                              Durability durability);
  [[nodiscard]] Result<disk::Hashed> put_copy(const std::filesystem::path& path, Durability durability);
  [[nodiscard]] Result<Artifact> put_folder(const std::filesystem::path& path, Transfer transfer);
  /// Takes over a finished file under its id; consumes it.
  [[nodiscard]] Result<void> adopt(const std::filesystem::path& finished, const disk::Hashed& hashed,
                                   Durability durability);
  [[nodiscard]] bool intact_object(const Digest& id, std::uint64_t bytes);
  [[nodiscard]] bool view_is_whole(const std::filesystem::path& view, const Manifest& manifest) const;
  [[nodiscard]] Result<void> make_view(const std::filesystem::path& view, const Manifest& manifest);

  std::filesystem::path objects_;
  std::filesystem::path views_;
  std::filesystem::path incoming_;
  bool writable_;
  std::uint64_t next_fresh_ = 0;
  std::set<Digest> verified_;  ///< hashed by this process already
};

}  // namespace mote::registry
