#pragma once
// SIGINT and SIGTERM of commands that run until somebody stops them.

#include <csignal>
#include <ctime>

namespace mote::app {

/// Blocks them in this thread and in every one that it starts from then on.
class StopSignals {
 public:
  StopSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }
  /// Until one comes.
  void wait() const {
    int signal = 0;
    sigwait(&set_, &signal);
  }
  /// Whether one has come.
  [[nodiscard]] bool came() const {
    const timespec at_once{};
    return sigtimedwait(&set_, nullptr, &at_once) > 0;
  }

 private:
  sigset_t set_{};
};

}  // namespace mote::app
