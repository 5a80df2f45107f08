#pragma once
// Calls back when work takes longer than allowed. Arming and disarming cost one atomic store, so it can guard every
// inference.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace mote::board {

class Watchdog {
 public:
  explicit Watchdog(std::function<void()> on_late);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  void arm(std::chrono::milliseconds allowed);
  void disarm() { deadline_ = kNever; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr Clock::rep kNever = Clock::duration::max().count();
  void watch();

  std::function<void()> on_late_;
  std::atomic<Clock::rep> deadline_ = kNever;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace mote::board
