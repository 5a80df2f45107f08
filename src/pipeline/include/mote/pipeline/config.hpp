#pragma once
// Reading mote.toml strictly: every value is asked for by name and type, whatever nobody asked for is an error, and
// every error is one sentence with file, line and column. What a section was asked for is also its canonical text, so
// that a step depends on exactly the keys it reads and on nothing else in the file.
//
//   MOTE_TRY(Config config, Config::load("mote.toml"));
//   MOTE_TRY(Section train, config.section("train"));
//   MOTE_TRY(const int epochs, train.get<int>("epochs", 20, {1, 100'000}));
//   MOTE_TRY(const double latency_ms, target.milliseconds("latency"));
//   ...
//   MOTE_TRY_VOID(config.finish());   // unknown keys, with the nearest known one
//   params = train.canonical_text();
//
// Not for files that programs exchange: this is for people.

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/error.hpp"
#include "mote/pipeline/quantity.hpp"

namespace mote::pipeline {

/// Both ends are allowed values.
template <class T>
struct Range {
  T min = std::numeric_limits<T>::lowest();
  T max = std::numeric_limits<T>::max();
};

/// One table of the file. Copies share what was asked for; a second `config.section("x")` starts its own canonical
/// text.
///
/// Types: bool, int, std::int64_t, double (whole numbers are taken too), std::string, and std::vector of
/// std::int64_t, double or std::string. Ranges apply to numbers.
/// All accessors: @error malformed  the value has another type.   @error invalid_argument  it is out of range, not one
/// of the choices, not finite, or a key that has to be there is missing.
class Section {
 public:
  /// Value of `key`, or `fallback` when the file does not have it (the fallback is then part of the canonical text).
  template <class T>
  [[nodiscard]] Result<T> get(std::string_view key, T fallback);
  template <class T>
  [[nodiscard]] Result<T> get(std::string_view key, T fallback, Range<T> range);
  template <class T>
  [[nodiscard]] Result<T> require(std::string_view key);
  template <class T>
  [[nodiscard]] Result<T> require(std::string_view key, Range<T> range);
  /// Empty when the file does not have the key.
  template <class T>
  [[nodiscard]] Result<std::optional<T>> find(std::string_view key);

  /// One of several words; without a fallback the key has to be there.
  [[nodiscard]] Result<std::string> one_of(std::string_view key, std::vector<std::string> choices,
                                           std::optional<std::string> fallback = std::nullopt);
  /// A path, relative ones seen from the folder of the file. The canonical text keeps it as it is written.
  [[nodiscard]] Result<std::filesystem::path> path(std::string_view key);

  /// Text with a number and a unit ("64 KiB", "50 ms", "120 MHz", "3 %"). Above zero, except ratios, which are within 0
  /// % and 100 %. The fallback is written the same way; without one the key has to be there.
  [[nodiscard]] Result<double> quantity(std::string_view key, Unit unit, std::string_view fallback = {});
  [[nodiscard]] Result<std::optional<double>> find_quantity(std::string_view key, Unit unit);
  [[nodiscard]] Result<std::uint64_t> bytes(std::string_view key, std::string_view fallback = {});
  [[nodiscard]] Result<double> milliseconds(std::string_view key, std::string_view fallback = {});
  [[nodiscard]] Result<double> hertz(std::string_view key, std::string_view fallback = {});
  [[nodiscard]] Result<double> microjoules(std::string_view key, std::string_view fallback = {});
  [[nodiscard]] Result<double> ratio(std::string_view key, std::string_view fallback = {});

  [[nodiscard]] bool has(std::string_view key) const;
  /// Whether the file has this section at all.
  [[nodiscard]] bool is_present() const;
  /// A table inside this one; an absent one answers with fallbacks. Its keys join the canonical text.
  [[nodiscard]] Result<Section> section(std::string_view key);
  /// The tables of `[[key]]`, none when absent.
  [[nodiscard]] Result<std::vector<Section>> sections(std::string_view key);

  /// Refuses keys of this section (and of tables inside that were asked for) that nobody asked for, through this or any
  /// other Section of the same table.  @error invalid_argument
  [[nodiscard]] Result<void> finish() const;

  /// What was asked for so far, one "section.key=value" a line, sorted; numbers, texts and units in one spelling.
  [[nodiscard]] std::string canonical_text() const;

  /// For checks that mote.toml's reader cannot know: a sentence about `key` with its place in front.
  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view key, std::string_view sentence) const;

 private:
  friend class Config;
  struct State;
  explicit Section(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

class Config {
 public:
  /// @error not_found, io  no such file, or it is a folder, a device, unreadable.
  /// @error too_large      more than 1 MiB.   @error malformed  not TOML; with line and column.
  [[nodiscard]] static Result<Config> load(const std::filesystem::path& file);
  /// @param name  stands for the file in sentences; its parent is the folder that paths are relative to.
  [[nodiscard]] static Result<Config> parse(std::string_view text, const std::filesystem::path& name);

  /// Overrides one value, as `--set train.epochs=2` does. The value is TOML; what is not TOML is taken as text.
  /// Call it before asking for sections.
  /// @error invalid_argument  an empty or odd key, or the key runs through something that is no table.
  [[nodiscard]] Result<void> set(std::string_view dotted_key, std::string_view value);

  /// @error not_found  the file does not have it.   @error malformed  it is no table.
  [[nodiscard]] Result<Section> section(std::string_view name);
  /// An absent section answers with fallbacks.  @error malformed  it is no table.
  [[nodiscard]] Result<Section> optional_section(std::string_view name);
  [[nodiscard]] bool has(std::string_view name) const;

  /// Refuses every section and key that nobody asked for.  @error invalid_argument
  [[nodiscard]] Result<void> finish() const;

  [[nodiscard]] const std::filesystem::path& file() const;
  /// The folder of the file; "." when the file was named alone.
  [[nodiscard]] std::filesystem::path folder() const;

 private:
  friend class Section;
  struct Document;
  explicit Config(std::shared_ptr<Document> document) : document_(std::move(document)) {}
  std::shared_ptr<Document> document_;
};

/// The known word nearest to `word`, or empty when none is near enough to be meant.
[[nodiscard]] std::string nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace mote::pipeline
