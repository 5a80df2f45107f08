#pragma once
// One writer a project. The lock belongs to an open file, so the kernel releases it however its owner ends.

#include <filesystem>

#include "disk.hpp"

namespace mote::registry {

class ProjectLock {
 public:
  /// @param project  named in the sentence of a refusal.
  /// @error cancelled  another process holds it; its pid is named.   @error io
  [[nodiscard]] static Result<ProjectLock> take(const std::filesystem::path& lock_file,
                                                const std::filesystem::path& project);

 private:
  explicit ProjectLock(disk::Descriptor file) : file_(std::move(file)) {}
  disk::Descriptor file_;
};

}  // namespace mote::registry
