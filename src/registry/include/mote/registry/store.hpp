#pragma once
// The content-addressed store of a project, in its folder `.mote`: artifacts by hash, the log of the steps that made
// them, and names for the ones people talk about. On-disk format: README.md of this module.
//
// Whatever happens (kill -9 at any moment, full disk, power cut), the store stays consistent: an artifact appears
// under its id only when it is whole, and a step counts as done only when its one log line is whole.
// Objects are trusted by size and time stamp when they are listed, and by hash before they are used.
// A Store is used from one thread; separate processes are kept apart by a lock that dies with its owner.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mote/registry/artifact.hpp"
#include "mote/registry/lineage.hpp"
#include "mote/registry/record.hpp"

namespace mote::registry {

enum class Access {
  write,  ///< makes the store if there is none; one process at a time
  read,   ///< any number of processes, also while one writes
};

enum class Transfer {
  copy,  ///< the original stays
  move,  ///< the original is consumed; no byte is copied when it lies on the store's file system
};

/// What garbage collection keeps besides the targets of aliases.
enum class Keep {
  every_record,         ///< whatever any record mentions: nothing is ever computed again
  latest_of_each_step,  ///< going back to an older setting recomputes; its lineage stays readable
};

struct Garbage {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};

class Store {
 public:
  /// @param project  the folder that holds (or will hold) `.mote`.
  /// @error cancelled    with Access::write: another process holds the project; the sentence names its pid.
  /// @error not_found    with Access::read: nothing has been stored here yet.
  /// @error unsupported  a newer mote wrote this store.   @error io
  [[nodiscard]] static Result<Store> open(const std::filesystem::path& project, Access access);
  ~Store();
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;

  /// `<project>/.mote`, absolute.
  [[nodiscard]] const std::filesystem::path& folder() const;
  /// Sentences about damage that was found and survived since opening (lost log lines); cleared by the call.
  [[nodiscard]] std::vector<std::string> take_notes();

  // Artifacts ---------------------------------------------------------------------------------------------------
  /// @error io  also on a full disk; the store is as before, and with Transfer::move the original is still there
  ///            (a folder's files may have been moved in part: they are in the store then).
  [[nodiscard]] Result<Artifact> put(const std::filesystem::path& file_or_folder, Transfer transfer);
  [[nodiscard]] Result<Artifact> put_bytes(ByteSpan bytes);
  /// Keeps only the list of a folder whose files stay outside, so that `why` can tell which folders hold a file.
  [[nodiscard]] Result<Artifact> put_manifest(Manifest manifest);

  /// Whether everything of the artifact is there with the right sizes and untouched since it was stored. Reads no
  /// content of files whose time stamp is as it was left; others are hashed.
  [[nodiscard]] bool intact(const Artifact& artifact);
  /// Hashes everything; what does not match is removed from the store, so that it is made again.
  /// @error malformed  an object was damaged   @error not_found  or is missing.
  [[nodiscard]] Result<void> verify(const Artifact& artifact);
  /// Where to read it. A folder gets its files' own names. Never write there: changes are found and thrown away.
  /// @error not_found  @error io
  [[nodiscard]] Result<std::filesystem::path> path_of(const Artifact& artifact);
  /// The bytes of a file artifact, verified.  @error not_found, malformed, io, too_large
  [[nodiscard]] Result<Bytes> read(const Digest& id, std::uint64_t limit_bytes = std::uint64_t{1} << 32);
  /// Writes a copy that the user owns; a file atomically.  @error not_found, malformed, io
  [[nodiscard]] Result<void> export_to(const Artifact& artifact, const std::filesystem::path& destination);

  // Lineage -----------------------------------------------------------------------------------------------------
  /// Appends the record; on return it survives a power cut. Its outputs must have been put before.
  /// @error invalid_argument  a step name with other characters than letters, digits and . _ - :   @error io
  [[nodiscard]] Result<void> commit(const StepRecord& record);
  /// The latest record with this key.
  [[nodiscard]] std::optional<StepRecord> find(const Digest& key) const;
  /// The latest record of a step by its name.
  [[nodiscard]] std::optional<StepRecord> latest(std::string_view step) const;
  /// All records, oldest first.
  [[nodiscard]] std::vector<StepRecord> records() const;

  /// Points a name at an artifact; earlier meanings stay in the log.
  /// @error invalid_argument  names are letters, digits and . _ - :, and must not look like an id (hexadecimal only).
  [[nodiscard]] Result<void> set_alias(std::string_view alias, const Digest& id);
  [[nodiscard]] std::map<std::string, Digest> aliases() const;
  /// All meanings a name has had, oldest first.
  [[nodiscard]] std::vector<Digest> alias_history(std::string_view alias) const;

  /// Finds what a person means: an alias, an id or a unique prefix of at least 4 digits, "step.output", or a file or
  /// folder (by its content, wherever it lies).
  /// @error not_found  @error invalid_argument  the prefix fits several, which are named.
  [[nodiscard]] Result<Digest> resolve(std::string_view text) const;
  /// Both directions of the lineage.  @error as resolve
  [[nodiscard]] Result<Lineage> why(std::string_view text) const;

  // Housekeeping ------------------------------------------------------------------------------------------------
  /// Hashes every object; removes damaged ones.  @return one sentence for each.
  [[nodiscard]] Result<std::vector<std::string>> check();
  /// Removes objects that nothing kept refers to; returns what was removed.  @error io
  [[nodiscard]] Result<Garbage> collect_garbage(Keep keep);

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mote::registry
