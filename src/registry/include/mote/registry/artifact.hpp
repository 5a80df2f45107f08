#pragma once
// What the store keeps: files and folders, named by what is in them. A folder is the list of its files (a manifest);
// empty sub-folders, permissions and times are deliberately not part of its content.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/base/hash.hpp"

namespace mote::registry {

enum class Kind {
  file,    ///< id = SHA-256 of its bytes
  folder,  ///< id = SHA-256 of its manifest's text
};

[[nodiscard]] std::string_view name(Kind kind);

struct Artifact {
  Digest id;
  Kind kind = Kind::file;
  std::uint64_t bytes = 0;  ///< of the file, or of all files of the folder together
  bool operator==(const Artifact&) const = default;
};

struct ManifestEntry {
  std::string path;  ///< relative to the folder, '/' between parts
  Digest id;
  std::uint64_t bytes = 0;
  bool operator==(const ManifestEntry&) const = default;
};

/// The files of a folder. Its text form is canonical (sorted by path, one line a file), so equal folders have equal
/// ids.
struct Manifest {
  std::vector<ManifestEntry> entries;

  /// Sorts the entries and prints them. Control characters and '%' in paths are written %XX.
  [[nodiscard]] std::string text();
  /// @error malformed  not a manifest, or a path in it is absolute, has a ".." part, or appears twice.
  [[nodiscard]] static Result<Manifest> parse(std::string_view text);
  [[nodiscard]] std::uint64_t bytes() const;
};

/// A whole id from 64 hexadecimal digits.  @error malformed
[[nodiscard]] Result<Digest> parse_digest(std::string_view hex);

}  // namespace mote::registry
