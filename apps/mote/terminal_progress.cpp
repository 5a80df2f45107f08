#include "terminal_progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace mote::app {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void on_interrupt(int) {
  if (interrupted) std::_Exit(130);  // the second Ctrl-C does not wait
  interrupted = 1;
}

std::string duration(double seconds) {
  const auto s = static_cast<long>(seconds + 0.5);
  return s < 60 ? fmt::format("{} s", s) : fmt::format("{}:{:02}", s / 60, s % 60);
}

}  // namespace

TerminalProgress::TerminalProgress(bool quiet) : quiet_(quiet), terminal_(::isatty(STDERR_FILENO) == 1) {
  std::signal(SIGINT, on_interrupt);
}

bool TerminalProgress::cancelled() const { return interrupted != 0; }

void TerminalProgress::note(std::string_view text) {
  if (quiet_) return;
  finish();
  fmt::print(stderr, "{}\n", text);
}

void TerminalProgress::step(std::string_view what, std::uint64_t done, std::uint64_t total, std::string_view detail) {
  if (quiet_) return;
  const auto now = Clock::now();
  if (current_ != what) {
    finish();
    current_ = what;
    started_ = now;
    drawn_ = {};
  }
  // On a terminal ten times a second; in a log every half minute and at the end.
  const auto interval = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(30'000);
  if (done < total && drawn_ != Clock::time_point{} && now - drawn_ < interval) return;
  drawn_ = now;
  draw(what, done, total, detail);
}

void TerminalProgress::draw(std::string_view what, std::uint64_t done, std::uint64_t total, std::string_view detail) {
  const double elapsed = std::chrono::duration<double>(Clock::now() - started_).count();
  std::string time;
  if (done > 0 && done < total && elapsed > 1.0) {
    time = fmt::format("  {} left", duration(elapsed * static_cast<double>(total - done) / static_cast<double>(done)));
  } else if (elapsed > 1.0) {
    time = "  " + duration(elapsed);
  }
  const std::uint64_t percent = total == 0 ? 100 : done * 100 / total;
  if (!terminal_) {
    fmt::print(stderr, "{} {}/{} ({} %){}{}{}\n", what, done, total, percent, detail.empty() ? "" : "  ", detail, time);
    return;
  }
  const std::size_t filled = static_cast<std::size_t>(percent) * 24 / 100;
  std::string bar;
  for (std::size_t i = 0; i < 24; ++i) bar += i < filled ? "━" : "─";
  fmt::print(stderr, "\r\033[K{:<14} {} {:3} %  {}{}", what, bar, percent, detail, time);
  std::fflush(stderr);
  bar_shown_ = true;
}

void TerminalProgress::finish() {
  if (bar_shown_) fmt::print(stderr, "\n");
  bar_shown_ = false;
  current_.clear();
}

}  // namespace mote::app
