#include "project_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

#include "mote/base/file.hpp"

namespace mote::registry {
namespace {

std::string holder(const std::filesystem::path& lock_file) {
  const auto text = read_text(lock_file, 64);
  if (!text || text->empty()) return "another process";
  return "process " + text->substr(0, text->find('\n'));
}

}  // namespace

Result<ProjectLock> ProjectLock::take(const std::filesystem::path& lock_file, const std::filesystem::path& project) {
  MOTE_TRY(disk::Descriptor file, disk::open_file(lock_file, O_RDWR | O_CREAT));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return disk::system_failure(lock_file);
    return fail(Code::cancelled, project.string() + ": " + holder(lock_file) +
                                     " is already running mote in this project; wait until it ends, or stop it");
  }
  // The pid is only for the sentence above; on a full disk the lock holds without it.
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(file.get(), 0) == 0) static_cast<void>(disk::write_all(file, as_bytes(pid), lock_file).has_value());
  return ProjectLock(std::move(file));
}

}  // namespace mote::registry
