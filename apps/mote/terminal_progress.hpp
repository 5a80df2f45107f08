#pragma once
// Progress on stderr: a bar that redraws itself on a terminal, plain lines elsewhere. Ctrl-C asks the work to stop in
// order.

#include <chrono>
#include <string>

#include "mote/base/progress.hpp"

namespace mote::app {

class TerminalProgress final : public Progress {
 public:
  explicit TerminalProgress(bool quiet);
  ~TerminalProgress() override { finish(); }

  void note(std::string_view text) override;
  void step(std::string_view what, std::uint64_t done, std::uint64_t total, std::string_view detail) override;
  [[nodiscard]] bool cancelled() const override;

  /// Leaves the bar and starts a new line.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void draw(std::string_view what, std::uint64_t done, std::uint64_t total, std::string_view detail);

  bool quiet_;
  bool terminal_;
  bool bar_shown_ = false;
  std::string current_;
  Clock::time_point started_{};
  Clock::time_point drawn_{};
};

}  // namespace mote::app
