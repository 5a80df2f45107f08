#pragma once
// Writing a dataset: samples stream to disk one after another, and the folder appears whole at the end or not at all.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "mote/data/dataset.hpp"

namespace mote::data {

/// A sample to be appended. Borrowed for the call.
struct NewSample {
  Shape shape;
  ByteSpan values;         ///< little-endian, `shape.count()` elements
  std::string_view label;  ///< empty for none
  std::string_view group;  ///< empty for none
  Partition partition = Partition::none;
  std::string_view source;
};

/// Limits that keep a hostile or mistaken source from filling the machine.
inline constexpr std::uint64_t kMaxSampleBytes = std::uint64_t{256} << 20;
inline constexpr std::size_t kMaxLabels = 65'536;
inline constexpr std::size_t kMaxNameBytes = 4'096;

/// Not thread-safe. Destroying it before `finish` succeeded removes everything it wrote.
class DatasetWriter {
 public:
  /// Starts a dataset that will appear at `folder`. Work happens in a hidden sibling folder, so the same file system is
  /// used; leavings of writers that were killed are removed. A dataset that is already at `folder` stays until `finish`
  /// replaces it.
  /// @param info  `labels`, when not empty, is the closed and ordered set of classes; when empty, the classes are those
  /// that
  ///              appear, in natural order ("2" before "10"). `groups` and `provenance` are ignored.
  /// @error invalid_argument  `folder` is something else than a dataset, an empty folder or nothing.   @error io
  [[nodiscard]] static Result<DatasetWriter> create(const std::filesystem::path& folder, DatasetInfo info);
  DatasetWriter(DatasetWriter&&) noexcept;
  DatasetWriter& operator=(DatasetWriter&&) noexcept;
  ~DatasetWriter();

  /// @error invalid_argument  size of `values` is not what `shape` needs, a zero or absent dimension, or a label
  /// outside the
  ///                          closed set.   @error too_large  a limit above.   @error io
  [[nodiscard]] Result<void> append(const NewSample& sample);

  [[nodiscard]] std::size_t size() const;
  /// Takes back the samples from `count` on: a source that turned out broken leaves no trace.
  /// @param count  at most size().   @error io
  [[nodiscard]] Result<void> rewind(std::size_t count);
  /// For sources that say their rate only in their first file.
  void set_rate_hz(double rate_hz);

  /// Makes the dataset visible, in one rename. The writer is spent afterwards.
  /// @return the content hash.   @error invalid_argument  no sample was appended.   @error io
  [[nodiscard]] Result<Digest> finish(std::string provenance_json);

 private:
  struct State;
  explicit DatasetWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace mote::data
