#pragma once
// A dataset: an immutable, packed, content-hashed store of labelled samples in one folder (docs/formats/dataset.md).
// It is made by an importer (import.hpp) or by a DatasetWriter (writer.hpp), and never changed afterwards.
// Absent on purpose: tensors, features and batches. Who trains reads raw values here and shapes them elsewhere.

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "mote/base/hash.hpp"
#include "mote/base/progress.hpp"

namespace mote::data {

/// What a sample is; decides which features and augmentations make sense.
enum class Modality : std::uint8_t { image, audio, series, strokes };
/// Type of one stored value. i16 and f32 are little-endian.
enum class Element : std::uint8_t { u8, i16, f32 };
/// Which part of an official split the source says a sample belongs to.
enum class Partition : std::uint8_t { none, train, test };

[[nodiscard]] std::string_view name(Modality modality);
[[nodiscard]] std::string_view name(Element element);
[[nodiscard]] std::string_view name(Partition partition);
[[nodiscard]] std::size_t element_bytes(Element element);

inline constexpr std::size_t kMaxRank = 3;

/// Extent of one sample: image [H,W,C]; audio, series and strokes [T,C].
struct Shape {
  std::array<std::uint32_t, kMaxRank> dims{};
  std::uint8_t rank = 0;

  [[nodiscard]] static Shape image(std::uint32_t height, std::uint32_t width, std::uint32_t channels) {
    return {{height, width, channels}, 3};
  }
  [[nodiscard]] static Shape sequence(std::uint32_t steps, std::uint32_t channels) { return {{steps, channels, 0}, 2}; }

  /// Number of values. Cannot overflow for a shape that a DatasetWriter accepted.
  [[nodiscard]] std::uint64_t count() const;
  /// "28x28x1"
  [[nodiscard]] std::string text() const;
  bool operator==(const Shape&) const = default;
};

struct DatasetInfo {
  std::string name;
  Modality modality = Modality::image;
  Element element = Element::u8;
  double rate_hz = 0;               ///< samples a second; 0 when it does not apply or is not known
  std::vector<std::string> labels;  ///< class names; a sample's label is an index into them
  std::vector<std::string> groups;  ///< names of speakers, volunteers, devices, recordings ...
  std::string provenance;           ///< JSON text: importer, settings, source files with their hashes
};

/// One sample without its values. Views borrow from the Dataset it came from.
struct SampleInfo {
  Shape shape;
  std::int32_t label = -1;  ///< index into labels, -1 for none
  std::int32_t group = -1;  ///< index into groups, -1 for none
  Partition partition = Partition::none;
  std::uint64_t content_id =
      0;  ///< first 8 bytes of the SHA-256 of type, shape and values; equal samples have equal ids
  std::uint64_t bytes = 0;
  std::string_view source;  ///< "0_theo_12.wav", "train-images.idx#123"
};

/// A handle on an opened dataset; copies share it. All members are thread-safe.
/// Samples are mapped, not loaded: a dataset may be larger than memory.
class Dataset {
 public:
  /// Opens a dataset folder and validates its whole index (not the samples' bytes: see `verify`).
  /// @error not_found  no dataset in the folder.   @error malformed  broken index, or samples of another size than
  /// promised.
  /// @error unsupported  written by a newer version of the format.   @error io
  [[nodiscard]] static Result<Dataset> open(const std::filesystem::path& folder);

  [[nodiscard]] const DatasetInfo& about() const;
  [[nodiscard]] const std::filesystem::path& folder() const;
  [[nodiscard]] std::size_t size() const;
  /// SHA-256 over modality, element type, rate, label and group names, and each sample's values, shape, label, group
  /// and partition, in order. Name, sources, provenance, place and time do not enter.
  [[nodiscard]] const Digest& content_hash() const;
  /// Bytes of all samples together, alignment included.
  [[nodiscard]] std::uint64_t samples_bytes() const;

  /// @param i  in [0, size()).
  [[nodiscard]] SampleInfo info(std::size_t i) const;
  /// SHA-256 of the sample's type, shape and values.
  [[nodiscard]] Digest sample_digest(std::size_t i) const;

  /// The values, copied by a positioned read: a failing disk is an error, not a signal.
  /// @error io
  [[nodiscard]] Result<Bytes> read(std::size_t i) const;
  /// The same into a caller's buffer of exactly `info(i).bytes` bytes.
  /// @error invalid_argument  `out` has another size.   @error io
  [[nodiscard]] Result<void> read(std::size_t i, std::span<std::uint8_t> out) const;
  /// The values in the memory map, 16-byte aligned: no copy and no error path. Lives as long as any copy of the
  /// Dataset. For hot loops on local files; a file that is truncated by someone else while mapped ends the process.
  [[nodiscard]] ByteSpan view(std::size_t i) const;
  /// `view` converted to float without any scaling: u8 stays 0..255, i16 stays -32768..32767.
  /// @param out  exactly `info(i).shape.count()` values.
  void to_floats(std::size_t i, std::span<float> out) const;

  /// Samples per label, in the order of `about().labels`; unlabelled samples are not in it.
  [[nodiscard]] std::vector<std::size_t> class_counts() const;
  /// Samples per group, in the order of `about().groups`.
  [[nodiscard]] std::vector<std::size_t> group_counts() const;
  /// The shape all samples share, or nothing when they differ (or there is none).
  [[nodiscard]] std::optional<Shape> uniform_shape() const;

  /// Reads every sample and compares it with its digest, and the digests with the content hash.
  /// @error malformed  names the first sample that was changed.   @error io, cancelled
  [[nodiscard]] Result<void> verify(Progress& progress) const;

 private:
  struct State;
  explicit Dataset(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace mote::data
