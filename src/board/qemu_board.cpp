#include "mote/board/qemu_board.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "bench_protocol.hpp"
#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/board/core.hpp"

namespace mote::board {
namespace {

std::string system_reason() { return std::strerror(errno); }

}  // namespace

struct QemuBoard::Impl {
  std::optional<TemporaryFolder> folder;
  QemuOptions options;
  QemuMachine machine;
  int uart = -1;
  int shared_file = -1;
  std::uint8_t* shared = nullptr;
  pid_t child = -1;

  ~Impl() {
    if (child > 0) {
      ::kill(child, SIGKILL);
      while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    if (uart >= 0) ::close(uart);
    if (shared != nullptr) ::munmap(shared, machine.shared_bytes);
    if (shared_file >= 0) ::close(shared_file);
  }

  /// RAM that QEMU takes from a memory backend: we make it one that both processes map.
  Result<void> share_memory() {
    if (machine.shared_bytes == 0) return {};
    // Inherited by the child, which opens it by its number.
    shared_file = ::memfd_create("mote-qemu", 0);
    if (shared_file < 0 || ::ftruncate(shared_file, machine.shared_bytes) != 0)
      return fail(Code::io, "no memory to share with QEMU: " + system_reason());
    void* mapped = ::mmap(nullptr, machine.shared_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, shared_file, 0);
    if (mapped == MAP_FAILED) return fail(Code::io, "no memory to share with QEMU: " + system_reason());
    shared = static_cast<std::uint8_t*>(mapped);
    return {};
  }

  [[nodiscard]] std::vector<std::string> arguments() const {
    std::vector<std::string> words{options.program, "-M", std::string(machine.machine)};
    const auto add = [&](std::initializer_list<std::string> more) { words.insert(words.end(), more); };
    if (machine.shared_bytes > 0) {
      const std::string memory = "/proc/self/fd/" + std::to_string(shared_file);
      words.back() += ",memory-backend=shared";
      add({"-object", "memory-backend-file,id=shared,share=on,size=" + std::to_string(machine.shared_bytes) +
                          ",mem-path=" + memory});
    }
    if (machine.without_bios) add({"-bios", "none"});
    add({"-display", "none", "-monitor", "none", "-serial", "stdio", "-kernel",
         (folder->path() / "firmware.elf").string()});
    return words;
  }

  Result<void> start() {
    if (find_program(options.program).empty()) {
      return fail(Code::not_found, "the program " + options.program + " is not installed (Debian package " +
                                       std::string(machine.package) + ")");
    }
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
      return fail(Code::io, "no socket for QEMU: " + system_reason());
    uart = ends[0];
    const std::vector<std::string> words = arguments();
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    child = ::fork();
    if (child == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // it must not outlive us
      ::dup2(ends[1], STDIN_FILENO);
      ::dup2(ends[1], STDOUT_FILENO);
      const int nowhere = ::open("/dev/null", O_WRONLY);
      ::dup2(nowhere, STDERR_FILENO);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    return child > 0 ? Result<void>{} : fail(Code::io, "cannot start " + options.program + ": " + system_reason());
  }

  Result<void> send(ByteSpan bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
      const ssize_t n = ::send(uart, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n < 0 && errno != EINTR) return fail(Code::io, "QEMU does not take input: " + system_reason());
      if (n > 0) sent += static_cast<std::size_t>(n);
    }
    return {};
  }

  Result<Bytes> receive() {
    const auto deadline = std::chrono::steady_clock::now() + options.time_limit;
    Bytes reply;
    while (reply_bytes(reply) == 0 || reply.size() < reply_bytes(reply)) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      pollfd watched{uart, POLLIN, 0};
      const int ready = left.count() <= 0 ? 0 : ::poll(&watched, 1, static_cast<int>(left.count()));
      if (ready < 0 && errno == EINTR) continue;
      if (ready == 0) {
        return fail(Code::io, "QEMU did not answer within " + std::to_string(options.time_limit.count()) + " ms");
      }
      std::array<std::uint8_t, 4096> chunk{};
      const ssize_t n = ::recv(uart, chunk.data(), chunk.size(), 0);
      if (n == 0 || (n < 0 && errno != EINTR)) return fail(Code::io, "QEMU ended before it answered");
      if (n > 0) reply.insert(reply.end(), chunk.begin(), chunk.begin() + n);
    }
    return reply;
  }

  Result<Bytes> ask(ByteSpan request) {
    MOTE_TRY_VOID(send(request));
    return receive();
  }
};

QemuBoard::QemuBoard(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
QemuBoard::~QemuBoard() = default;
QemuBoard::QemuBoard(QemuBoard&&) noexcept = default;
QemuBoard& QemuBoard::operator=(QemuBoard&&) noexcept = default;

Result<QemuBoard> QemuBoard::create(const BoardSpec& board, ByteSpan elf, const QemuOptions& options) {
  MOTE_TRY(const CoreSpec* core, core_of(board));
  MOTE_TRY_VOID(ElfFile::parse(elf));
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->machine = core->qemu;
  if (impl->options.program.empty()) impl->options.program = core->qemu.program;
  MOTE_TRY(impl->folder, TemporaryFolder::create("mote-qemu"));
  MOTE_TRY_VOID(write_file(impl->folder->path() / "firmware.elf", elf));
  MOTE_TRY_VOID(impl->share_memory());
  MOTE_TRY_VOID(impl->start());
  return QemuBoard(std::move(impl));
}

Result<Bytes> QemuBoard::infer(ByteSpan input) {
  const QemuMachine& machine = impl_->machine;
  if (machine.shared_bytes == 0) return infer_over_uart(input);
  if (input.size() > machine.shared_bytes)
    return fail(Code::too_large,
                "an input of " + std::to_string(input.size()) + " bytes is larger than QEMU's shared memory");
  std::memcpy(impl_->shared, input.data(), input.size());
  MOTE_TRY(const Bytes reply,
           impl_->ask(memory_request(machine.shared_base, static_cast<std::uint32_t>(input.size()))));
  return parse_output(reply);
}

Result<Bytes> QemuBoard::infer_over_uart(ByteSpan input) {
  MOTE_TRY(const Bytes reply, impl_->ask(run_request(input)));
  return parse_output(reply);
}

Result<FirmwareIdentity> QemuBoard::identify() {
  MOTE_TRY(const Bytes reply, impl_->ask(identify_request()));
  return parse_identity(reply);
}

}  // namespace mote::board
