#include "mote/base/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace mote {
namespace {

struct Pipe {
  int read = -1;
  int write = -1;
  [[nodiscard]] bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read = ends[0];
    write = ends[1];
    return true;
  }
  static void shut(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  ~Pipe() {
    shut(read);
    shut(write);
  }
};

[[noreturn]] void become(const std::vector<std::string>& arguments, const std::filesystem::path& folder, Pipe& in,
                         Pipe& out, Pipe& err) {
  ::dup2(in.read, STDIN_FILENO);
  ::dup2(out.write, STDOUT_FILENO);
  ::dup2(err.write, STDERR_FILENO);
  if (!folder.empty() && ::chdir(folder.c_str()) != 0) ::_exit(127);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

/// Moves bytes between the child and us until it closes its outputs. False when the deadline passed.
bool pump(Pipe& in, Pipe& out, Pipe& err, std::string_view input, ProcessResult& result,
          std::chrono::steady_clock::time_point deadline) {
  std::size_t sent = 0;
  if (input.empty()) Pipe::shut(in.write);
  while (out.read >= 0 || err.read >= 0) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    std::array<pollfd, 3> watched{pollfd{out.read, POLLIN, 0}, pollfd{err.read, POLLIN, 0},
                                  pollfd{in.write, POLLOUT, 0}};
    if (::poll(watched.data(), watched.size(), static_cast<int>(std::min<long long>(left.count(), 1000))) < 0 &&
        errno != EINTR)
      return false;
    const auto drain = [](const pollfd& entry, int& fd, std::string& to) {
      if (fd < 0 || (entry.revents & (POLLIN | POLLHUP | POLLERR)) == 0) return;
      std::array<char, 65536> chunk{};
      const ssize_t n = ::read(fd, chunk.data(), chunk.size());
      if (n > 0) to.append(chunk.data(), static_cast<std::size_t>(n));
      if (n == 0 || (n < 0 && errno != EINTR)) Pipe::shut(fd);
    };
    drain(watched[0], out.read, result.output);
    drain(watched[1], err.read, result.diagnostics);
    if (in.write >= 0 && (watched[2].revents & (POLLOUT | POLLERR | POLLHUP)) != 0) {
      const ssize_t n = ::write(in.write, input.data() + sent, std::min<std::size_t>(input.size() - sent, 4096));
      if (n > 0) sent += static_cast<std::size_t>(n);
      if (sent == input.size() || (n < 0 && errno != EINTR && errno != EAGAIN)) Pipe::shut(in.write);
    }
  }
  return true;
}

}  // namespace

Result<ProcessResult> run_process(const std::vector<std::string>& arguments, const ProcessOptions& options) {
  if (arguments.empty()) return fail(Code::invalid_argument, "no program to run was named");
  if (find_program(arguments[0]).empty()) {
    return fail(Code::not_found,
                "the program " + arguments[0] + " is not installed; './dev build' installs what mote needs");
  }
  // A child that dies early must not kill us through its closed stdin.
  ::signal(SIGPIPE, SIG_IGN);
  Pipe in, out, err;
  if (!in.open() || !out.open() || !err.open()) return fail(Code::io, std::string("no pipe: ") + std::strerror(errno));
  const pid_t child = ::fork();
  if (child < 0) return fail(Code::io, std::string("cannot start a process: ") + std::strerror(errno));
  if (child == 0) become(arguments, options.folder, in, out, err);
  Pipe::shut(in.read);
  Pipe::shut(out.write);
  Pipe::shut(err.write);
  ProcessResult result;
  const bool in_time = pump(in, out, err, options.input, result, std::chrono::steady_clock::now() + options.timeout);
  if (!in_time) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!in_time) {
    return fail(Code::io, arguments[0] + " did not finish within " + std::to_string(options.timeout.count() / 1000) +
                              " s and was stopped");
  }
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

std::filesystem::path find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? name : "";
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const std::size_t colon = rest.find(':');
    const std::filesystem::path candidate = std::filesystem::path(rest.substr(0, colon)) / name;
    if (::access(candidate.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(candidate)) return candidate;
    rest = colon == std::string_view::npos ? "" : rest.substr(colon + 1);
  }
  return {};
}

}  // namespace mote
