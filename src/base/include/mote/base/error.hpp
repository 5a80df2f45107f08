#pragma once
// Errors as values. Every fallible function of the project returns Result<T>; exceptions never cross a module boundary.
// A user reads an Error as one sentence: what is wrong, where, and what to do about it.

#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace mote {

/// Kinds of failure a caller may want to tell apart. Text for people is in Error::message.
enum class Code {
  invalid_argument,  ///< the caller or the user asked for something that makes no sense
  malformed,         ///< bytes from a file, a link or a device break their format's rules
  not_found,         ///< a file, name or id does not exist
  unsupported,       ///< well formed, but outside what mote can do
  too_large,         ///< a stated limit would be exceeded
  io,                ///< the operating system refused a read, write or start of a process
  budget,            ///< a budget of the project is broken
  cancelled,         ///< the user asked to stop
  internal,          ///< a check of mote on itself failed; please report
};

/// Stable lower-case name of a code, as printed by `--json`.
[[nodiscard]] std::string_view name(Code code);

/// A failure: a code, one sentence, and where it is known the place (file, tensor, byte offset) in front.
class [[nodiscard]] Error {
 public:
  Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  [[nodiscard]] Code code() const { return code_; }
  /// The whole sentence, context first: "fashion/train.idx.gz: byte 16: truncated, 47 MB expected".
  [[nodiscard]] const std::string& message() const { return message_; }

  /// Puts the place where it happened in front. Use it where the place is known, once per level.
  [[nodiscard]] Error in(std::string_view context) && {
    message_.insert(0, std::string(context) + ": ");
    return std::move(*this);
  }

 private:
  Code code_;
  std::string message_;
};

template <class T>
using Result = tl::expected<T, Error>;

/// `return fail(Code::malformed, "...")` from any function that returns a Result.
[[nodiscard]] inline tl::unexpected<Error> fail(Code code, std::string message) {
  return tl::unexpected<Error>(Error(code, std::move(message)));
}

/// Passes a failure on, with context: `return fail(std::move(r).error(), path)`.
[[nodiscard]] inline tl::unexpected<Error> fail(Error error, std::string_view context) {
  return tl::unexpected<Error>(std::move(error).in(context));
}

/// Passes a failure on unchanged.
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

namespace detail {
[[noreturn]] void check_failed(const char* file, int line, const char* expression);
}

}  // namespace mote

/// Invariant of our own code; never used on input, file, network or flash content.
#define MOTE_CHECK(expression) \
  ((expression) ? static_cast<void>(0) : ::mote::detail::check_failed(__FILE__, __LINE__, #expression))

#define MOTE_CONCAT_(a, b) a##b
#define MOTE_CONCAT(a, b) MOTE_CONCAT_(a, b)

/// Evaluates a Result<T>; returns its error from the enclosing function, or declares `declaration` with its value.
///   MOTE_TRY(auto bytes, read_file(path));
#define MOTE_TRY(declaration, expression)                                                                          \
  auto MOTE_CONCAT(mote_try_, __LINE__) = (expression);                                                            \
  if (!MOTE_CONCAT(mote_try_, __LINE__)) return ::mote::fail(std::move(MOTE_CONCAT(mote_try_, __LINE__)).error()); \
  declaration = std::move(*MOTE_CONCAT(mote_try_, __LINE__))

/// The same for Result<void>.
#define MOTE_TRY_VOID(expression)                                                  \
  do {                                                                             \
    auto mote_try_result = (expression);                                           \
    if (!mote_try_result) return ::mote::fail(std::move(mote_try_result).error()); \
  } while (false)
