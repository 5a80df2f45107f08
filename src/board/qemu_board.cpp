#include "mote/board/qemu_board.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "bench_protocol.hpp"
#include "firmware_process.hpp"
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
  int shared_file = -1;
  std::uint8_t* shared = nullptr;
  std::optional<FirmwareProcess> process;

  ~Impl() {
    process.reset();
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
    words.insert(words.end(), options.arguments.begin(), options.arguments.end());
    return words;
  }

  Result<void> start() {
    if (find_program(options.program).empty()) {
      return fail(Code::not_found, "the program " + options.program + " is not installed (Debian package " +
                                       std::string(machine.package) + ")");
    }
    MOTE_TRY(auto started, FirmwareProcess::start(arguments(), "QEMU", options.time_limit));
    process.emplace(std::move(started));
    return {};
  }
};

QemuBoard::QemuBoard(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
QemuBoard::~QemuBoard() = default;
QemuBoard::QemuBoard(QemuBoard&&) noexcept = default;
QemuBoard& QemuBoard::operator=(QemuBoard&&) noexcept = default;

Result<QemuBoard> QemuBoard::create(const BoardSpec& board, ByteSpan elf, const QemuOptions& options) {
  MOTE_TRY(const CoreSpec* core, core_of(board));
  if (core->qemu.program.empty()) return fail(Code::unsupported, "QEMU gives no second opinion on " + board.name);
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
           impl_->process->ask(memory_request(machine.shared_base, static_cast<std::uint32_t>(input.size()))));
  return parse_output(reply);
}

Result<Bytes> QemuBoard::infer_over_uart(ByteSpan input) {
  MOTE_TRY(const Bytes reply, impl_->process->ask(run_request(input)));
  return parse_output(reply);
}

Result<FirmwareIdentity> QemuBoard::select(std::uint32_t module) {
  MOTE_TRY(const Bytes reply, impl_->process->ask(select_request(module)));
  return parse_identity(reply);
}

Result<FirmwareIdentity> QemuBoard::identify() {
  MOTE_TRY(const Bytes reply, impl_->process->ask(identify_request()));
  return parse_identity(reply);
}

}  // namespace mote::board
