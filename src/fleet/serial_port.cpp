#include "mote/fleet/serial_port.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace mote::fleet {
namespace {

constexpr std::chrono::milliseconds kWriteTimeout{5000};
constexpr std::pair<unsigned, speed_t> kRates[] = {{9600, B9600},     {19200, B19200},   {38400, B38400},
                                                   {57600, B57600},   {115200, B115200}, {230400, B230400},
                                                   {460800, B460800}, {921600, B921600}};

class SerialPort : public ByteLine {
 public:
  SerialPort(int file, std::string name) : file_(file), name_(std::move(name)) {}
  ~SerialPort() override { ::close(file_); }

  Result<void> configure(speed_t rate) {
    termios settings{};
    if (::tcgetattr(file_, &settings) != 0) return fail(Code::io, name_ + " is no serial port");
    ::cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    settings.c_cflag &= ~static_cast<tcflag_t>(CRTSCTS);
    ::cfsetispeed(&settings, rate);
    ::cfsetospeed(&settings, rate);
    if (::tcsetattr(file_, TCSANOW, &settings) != 0) return broken("cannot be set up");
    static_cast<void>(::ioctl(file_, TIOCEXCL));  // others that open it would take bytes away
    ::tcflush(file_, TCIOFLUSH);
    return {};
  }

  Result<void> write(ByteSpan bytes) override {
    while (!bytes.empty()) {
      const ssize_t count = ::write(file_, bytes.data(), bytes.size());
      if (count > 0) {
        bytes = bytes.subspan(static_cast<std::size_t>(count));
      } else if (errno == EAGAIN) {
        if (!wait(POLLOUT, kWriteTimeout)) return fail(Code::io, name_ + " takes no bytes");
      } else if (errno != EINTR) {
        return broken("is gone");
      }
    }
    return {};
  }

  Result<Bytes> read(std::chrono::milliseconds timeout) override {
    Bytes bytes(1024);
    if (!wait(POLLIN, timeout)) return Bytes{};
    const ssize_t count = ::read(file_, bytes.data(), bytes.size());
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return broken("is gone");
    bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    return bytes;
  }

 private:
  [[nodiscard]] bool wait(short event, std::chrono::milliseconds timeout) const {
    pollfd waiting{file_, event, 0};
    return ::poll(&waiting, 1, static_cast<int>(timeout.count())) > 0;
  }
  [[nodiscard]] tl::unexpected<Error> broken(const char* what) const {
    return fail(Code::io, name_ + " " + what + ": " + std::strerror(errno));
  }

  int file_;
  std::string name_;
};

}  // namespace

Result<std::unique_ptr<ByteLine>> open_serial_port(const std::filesystem::path& port, unsigned baud) {
  const auto rate = std::find_if(std::begin(kRates), std::end(kRates), [&](const auto& r) { return r.first == baud; });
  if (rate == std::end(kRates))
    return fail(Code::invalid_argument, std::to_string(baud) + " is no rate; 9600 to 921600 are, 115200 is usual");
  const int file = ::open(port.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return fail(errno == ENOENT ? Code::not_found : Code::io, port.string() + ": " + std::strerror(errno));
  auto line = std::make_unique<SerialPort>(file, port.string());
  MOTE_TRY_VOID(line->configure(rate->second));
  return line;
}

}  // namespace mote::fleet
