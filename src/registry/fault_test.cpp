// Kills the process, or fills the disk, at every single system call by which a store changes the disk. The calls are
// intercepted by defining them here: the program's own definition comes before the one of the C library.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

#include "mote/base/file.hpp"
#include "mote/registry/store.hpp"

namespace {

enum class Fault { none, kill, full_disk };
Fault fault = Fault::none;
long calls_until_fault = 0;

/// True when this call has to fail. From a full disk on, every further call that needs room fails as well.
bool strikes() {
  if (fault == Fault::none || --calls_until_fault > 0) return false;
  if (fault == Fault::kill) ::kill(::getpid(), SIGKILL);
  errno = ENOSPC;
  return true;
}

}  // namespace

extern "C" {
ssize_t write(int fd, const void* data, size_t size) {
  if (!strikes()) return ::syscall(SYS_write, fd, data, size);
  // A disk fills up in the middle of a write.
  if (fault == Fault::full_disk && size > 1) {
    const long half = ::syscall(SYS_write, fd, data, size / 2);
    if (half > 0) return half;
  }
  errno = ENOSPC;
  return -1;
}
int rename(const char* from, const char* to) noexcept {
  return strikes() ? -1 : static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int fsync(int fd) { return strikes() ? -1 : static_cast<int>(::syscall(SYS_fsync, fd)); }
int link(const char* from, const char* to) noexcept {
  return strikes() ? -1 : static_cast<int>(::syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int mkdir(const char* path, mode_t mode) noexcept {
  return strikes() ? -1 : static_cast<int>(::syscall(SYS_mkdirat, AT_FDCWD, path, mode));
}
int mkostemp(char* pattern, int flags) {
  if (strikes()) return -1;
  char* const end = pattern + std::string_view(pattern).size();
  for (int number = 100'000; number < 1'000'000; ++number) {
    std::to_string(number).copy(end - 6, 6);
    const auto fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, pattern, flags | O_RDWR | O_CREAT | O_EXCL, 0600));
    if (fd >= 0 || errno != EEXIST) return fd;
  }
  return -1;
}
int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int mode = (flags & O_CREAT) != 0 ? va_arg(arguments, int) : 0;
  va_end(arguments);
  if ((flags & O_CREAT) != 0 && strikes()) return -1;
  return static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}
int unlink(const char* path) noexcept {
  // Needs no room, so a full disk does not stop it.
  if (fault == Fault::kill && strikes()) return -1;
  return static_cast<int>(::syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
}

namespace mote::registry {
namespace {

namespace fs = std::filesystem;

StepRecord record_of(std::string_view step, const Artifact& file, const Artifact& folder) {
  StepRecord record;
  record.key = sha256(step);
  record.step = step;
  record.version = "1";
  record.outputs = {{"file", file, "f"}, {"folder", folder, "d"}};
  return record;
}

/// What a step's commit does: a file and a folder go into the store, then the record; then the folder is looked at.
Result<void> work(const fs::path& project) {
  MOTE_TRY(Store store, Store::open(project, Access::write));
  const fs::path scratch = project / "scratch";
  MOTE_TRY_VOID(write_file(scratch / "file", std::string_view("weights")));
  MOTE_TRY_VOID(write_file(scratch / "folder/a", std::string_view("one")));
  MOTE_TRY_VOID(write_file(scratch / "folder/b/c", std::string_view("two")));
  MOTE_TRY(const Artifact file, store.put(scratch / "file", Transfer::move));
  MOTE_TRY(const Artifact folder, store.put(scratch / "folder", Transfer::move));
  MOTE_TRY_VOID(store.commit(record_of("second", file, folder)));
  MOTE_TRY_VOID(store.set_alias("latest", file.id));
  MOTE_TRY(const fs::path view, store.path_of(folder));
  return store.export_to(file, project / "out" / "model");
}

/// What was committed before the fault, and whatever is committed now, is whole.
void expect_consistent(const fs::path& project, long call) {
  auto store = Store::open(project, Access::write);
  ASSERT_TRUE(store) << "call " << call << ": " << store.error().message();
  EXPECT_TRUE(store->take_notes().empty()) << "call " << call;
  EXPECT_TRUE(store->find(sha256("first"))) << "call " << call << ": an earlier result is lost";
  for (const StepRecord& record : store->records()) {
    for (const OutputRecord& output : record.outputs) {
      EXPECT_TRUE(store->intact(output.artifact)) << "call " << call << ": " << record.step << "." << output.name;
      EXPECT_TRUE(store->verify(output.artifact)) << "call " << call << ": " << record.step << "." << output.name;
    }
  }
  const auto exported = read_text(project / "out/model");
  EXPECT_EQ(exported.value_or("weights"), "weights") << "call " << call;
}

void prepare(const fs::path& project) {
  ASSERT_TRUE(make_folder(project));
  Store store = Store::open(project, Access::write).value();
  ASSERT_TRUE(write_file(project / "old/a", std::string_view("old")));
  const Artifact folder = store.put(project / "old", Transfer::move).value();
  ASSERT_TRUE(store.commit(record_of("first", store.put_bytes(as_bytes("old weights")).value(), folder)));
}

enum class Ended { well, with_error, killed };

Ended run_with_fault(const fs::path& project, Fault kind, long call) {
  const pid_t child = ::fork();
  if (child == 0) {
    calls_until_fault = call;
    fault = kind;
    const auto done = work(project);
    ::_exit(done ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return Ended::killed;
  return WEXITSTATUS(status) == 0 ? Ended::well : Ended::with_error;
}

/// Strikes at call 1, 2, 3, ... of the same work until it gets through; returns how many calls that took.
long sweep(Fault kind, Ended expected) {
  const auto folder = TemporaryFolder::create("mote-fault").value();
  for (long call = 1;; ++call) {
    const fs::path project = folder.path() / std::to_string(call);
    prepare(project);
    const Ended ended = run_with_fault(project, kind, call);
    expect_consistent(project, call);
    const auto again = work(project);
    EXPECT_TRUE(again) << "call " << call << ": work does not go on after the fault: " << again.error().message();
    expect_consistent(project, call);
    if (ended == Ended::well) return call;
    EXPECT_EQ(ended, expected) << "call " << call;
    if (testing::Test::HasFailure()) return call;
  }
}

TEST(Fault, kill_at_every_change_of_the_disk_leaves_the_store_consistent) {
  EXPECT_GT(sweep(Fault::kill, Ended::killed), 40) << "the interception does not see the store's calls";
}

TEST(Fault, a_disk_that_fills_up_at_any_write_loses_nothing) {
  EXPECT_GT(sweep(Fault::full_disk, Ended::with_error), 25) << "the interception does not see the store's calls";
}

TEST(Fault, a_store_can_be_made_again_after_a_kill_during_its_making) {
  const auto folder = TemporaryFolder::create("mote-fault").value();
  for (long call = 1;; ++call) {
    const fs::path project = folder.path() / std::to_string(call);
    ASSERT_TRUE(make_folder(project));
    const Ended ended = run_with_fault(project, Fault::kill, call);
    ASSERT_TRUE(work(project)) << "call " << call;
    if (ended == Ended::well) break;
  }
}

}  // namespace
}  // namespace mote::registry
