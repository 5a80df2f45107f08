#include "firmware_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bench_protocol.hpp"

namespace mote::board {
namespace {
std::string system_reason() { return std::strerror(errno); }
}  // namespace

FirmwareProcess::FirmwareProcess(FirmwareProcess&& other) noexcept
    : name_(std::move(other.name_)),
      time_limit_(other.time_limit_),
      uart_(std::exchange(other.uart_, -1)),
      child_(std::exchange(other.child_, -1)) {}

FirmwareProcess& FirmwareProcess::operator=(FirmwareProcess&& other) noexcept {
  std::swap(name_, other.name_);
  std::swap(time_limit_, other.time_limit_);
  std::swap(uart_, other.uart_);
  std::swap(child_, other.child_);
  return *this;
}

FirmwareProcess::~FirmwareProcess() {
  if (child_ > 0) {
    ::kill(child_, SIGKILL);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (uart_ >= 0) ::close(uart_);
}

Result<FirmwareProcess> FirmwareProcess::start(const std::vector<std::string>& command, std::string name,
                                               std::chrono::milliseconds time_limit) {
  FirmwareProcess process;
  process.name_ = std::move(name);
  process.time_limit_ = time_limit;
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return fail(Code::io, "no socket for " + process.name_ + ": " + system_reason());
  process.uart_ = ends[0];
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  process.child_ = ::fork();
  if (process.child_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // it must not outlive us
    ::dup2(ends[1], STDIN_FILENO);
    ::dup2(ends[1], STDOUT_FILENO);
    const int nowhere = ::open("/dev/null", O_WRONLY);
    ::dup2(nowhere, STDERR_FILENO);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  if (process.child_ < 0) return fail(Code::io, "cannot start " + command[0] + ": " + system_reason());
  return process;
}

Result<void> FirmwareProcess::send(ByteSpan bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = ::send(uart_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EINTR) return fail(Code::io, name_ + " does not take input: " + system_reason());
    if (n > 0) sent += static_cast<std::size_t>(n);
  }
  return {};
}

Result<Bytes> FirmwareProcess::receive() {
  const auto deadline = std::chrono::steady_clock::now() + time_limit_;
  Bytes reply;
  while (reply_bytes(reply) == 0 || reply.size() < reply_bytes(reply)) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd watched{uart_, POLLIN, 0};
    const int ready = left.count() <= 0 ? 0 : ::poll(&watched, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) {
      return fail(Code::io, name_ + " did not answer within " + std::to_string(time_limit_.count()) + " ms");
    }
    std::array<std::uint8_t, 4096> chunk{};
    const ssize_t n = ::recv(uart_, chunk.data(), chunk.size(), 0);
    if (n == 0 || (n < 0 && errno != EINTR)) return fail(Code::io, name_ + " ended before it answered");
    if (n > 0) reply.insert(reply.end(), chunk.begin(), chunk.begin() + n);
  }
  return reply;
}

Result<Bytes> FirmwareProcess::ask(ByteSpan request) {
  MOTE_TRY_VOID(send(request));
  return receive();
}

}  // namespace mote::board
