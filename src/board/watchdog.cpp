#include "watchdog.hpp"

namespace mote::board {

Watchdog::Watchdog(std::function<void()> on_late) : on_late_(std::move(on_late)), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void Watchdog::arm(std::chrono::milliseconds allowed) {
  deadline_ = (Clock::now() + allowed).time_since_epoch().count();
}

void Watchdog::watch() {
  constexpr std::chrono::milliseconds kTick{50};
  std::unique_lock lock(mutex_);
  while (!ending_) {
    wake_.wait_for(lock, kTick);
    // Late work is told again at every tick, in case it had not begun yet when it was told first.
    if (!ending_ && Clock::now().time_since_epoch().count() > deadline_) on_late_();
  }
}

}  // namespace mote::board
