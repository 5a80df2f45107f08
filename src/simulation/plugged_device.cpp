#include "mote/simulation/plugged_device.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "module_inputs.hpp"
#include "mote/base/file.hpp"

namespace mote::simulation {
namespace {

constexpr std::chrono::milliseconds kTick{10};
constexpr std::uint16_t kStepsATick = 16;

/// The end of a pseudo-terminal that the device has.
class Terminal {
 public:
  Terminal() = default;
  ~Terminal() {
    for (const int file : {own_, other_})
      if (file >= 0) ::close(file);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  Result<void> open() {
    own_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    char path[128];
    if (own_ < 0 || ::grantpt(own_) != 0 || ::unlockpt(own_) != 0 || ::ptsname_r(own_, path, sizeof(path)) != 0)
      return fail(Code::io, std::string("no pseudo-terminal: ") + std::strerror(errno));
    name = path;
    // Held open and raw, so that nothing is echoed before, and nothing lost between, those who open it.
    other_ = ::open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    termios settings{};
    if (other_ < 0 || ::tcgetattr(other_, &settings) != 0) return fail(Code::io, name + ": " + std::strerror(errno));
    ::cfmakeraw(&settings);
    ::tcsetattr(other_, TCSANOW, &settings);
    return {};
  }

  Bytes read(std::chrono::milliseconds timeout) {
    pollfd waiting{own_, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(timeout.count())) <= 0) return {};
    Bytes bytes(1024);
    const ssize_t count = ::read(own_, bytes.data(), bytes.size());
    bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    return bytes;
  }
  /// What nobody reads is lost, as on a line.
  void write(ByteSpan bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::write(own_, bytes.data(), bytes.size());
      if (count <= 0) return;
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  std::string name;

 private:
  int own_ = -1, other_ = -1;
};

class Plugged : public PluggedDevice {
 public:
  explicit Plugged(const PluggedOptions& options) : flash_file_(options.flash) {}

  Result<void> plug(const board::BoardSpec& board, const PluggedOptions& options) {
    const update::Layout unit = layout_on(board, {});
    BoardStorage storage;
    const auto sectors = [&](std::size_t bytes) {
      return static_cast<std::uint32_t>((bytes + unit.sector_bytes - 1) / unit.sector_bytes * unit.sector_bytes);
    };
    // Room for a module half as large again, and for it in blocks of 256 bytes with their trailers.
    storage.module_bytes = sectors(options.factory.module.size() * 3 / 2);
    storage.inbox_bytes = sectors(options.inbox_bytes != 0 ? options.inbox_bytes : storage.module_bytes * 5 / 4 + 4096);
    MOTE_TRY(const Bytes image, package::factory_image(layout_on(board, storage), options.factory));
    MOTE_TRY(device_, make_field_device(board, storage, image));
    std::error_code error;
    if (!flash_file_.empty() && std::filesystem::exists(flash_file_, error)) MOTE_TRY_VOID(restore());
    MOTE_TRY(state_, device_->start(update::ResetCause::power_on));
    Rng rng(1);
    inputs_ = module_inputs(options.factory.module, rng);
    return terminal_.open();
  }

  const std::string& port() const override { return terminal_.name; }

  Result<device::AgentState> live(std::chrono::milliseconds time) override {
    const auto end = std::chrono::steady_clock::now() + time;
    do {
      const Bytes asked = terminal_.read(kTick);
      if (!asked.empty()) {
        MOTE_TRY(const Bytes answer, device_->serial(asked));
        terminal_.write(answer);
      }
      MOTE_TRY(state_, device_->step(kStepsATick));
      if (asked.empty() && state_.active_sequence != 0)
        MOTE_TRY_VOID(device_->infer(inputs_[next_input_++ % inputs_.size()]));
    } while (std::chrono::steady_clock::now() < end);
    MOTE_TRY(state_, device_->state());
    return state_;
  }

  Result<void> save() override {
    if (flash_file_.empty()) return {};
    return write_file(flash_file_, device_->flash().bytes());
  }

 private:
  Result<void> restore() {
    MOTE_TRY(const Bytes content, read_file(flash_file_));
    if (content.size() != device_->flash().bytes().size())
      return fail(Code::malformed, flash_file_.string() + " is no flash of this board with such a module");
    MOTE_TRY_VOID(device_->flash().load(0, content));
    return device_->power_on(1);
  }

  std::filesystem::path flash_file_;
  std::unique_ptr<FieldDevice> device_;
  Terminal terminal_;
  device::AgentState state_{};
  std::vector<Bytes> inputs_;
  std::size_t next_input_ = 0;
};

}  // namespace

Result<std::unique_ptr<PluggedDevice>> PluggedDevice::plug(const board::BoardSpec& board,
                                                           const PluggedOptions& options) {
  auto device = std::make_unique<Plugged>(options);
  MOTE_TRY_VOID(device->plug(board, options));
  return device;
}

}  // namespace mote::simulation
