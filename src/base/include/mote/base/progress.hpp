#pragma once
// How long work tells its user what it does. Library code reports here and never prints; the command line shows it on
// stderr.

#include <cstdint>
#include <string>
#include <string_view>

namespace mote {

/// Receives what happens. Calls come from one thread at a time.
class Progress {
 public:
  virtual ~Progress() = default;
  /// A line of information worth keeping in a log.
  virtual void note(std::string_view text) = 0;
  /// `done` of `total` units of `what`; `detail` is shown behind it ("loss 0.31, accuracy 91.2 %").
  virtual void step(std::string_view what, std::uint64_t done, std::uint64_t total, std::string_view detail) = 0;
  /// True when the user asked to stop; long loops check it and return Code::cancelled.
  [[nodiscard]] virtual bool cancelled() const { return false; }
};

/// Says nothing: for tests and for callers that do not care.
class SilentProgress final : public Progress {
 public:
  void note(std::string_view) override {}
  void step(std::string_view, std::uint64_t, std::uint64_t, std::string_view) override {}
};

}  // namespace mote
