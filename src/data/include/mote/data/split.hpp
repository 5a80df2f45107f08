#pragma once
// Splits of a dataset into train, validation and test. A group-wise split is made by assigning groups, never samples,
// so that no speaker (volunteer, device, recording) is on two sides: there is no other way to make one.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "mote/base/error.hpp"
#include "mote/base/hash.hpp"
#include "mote/data/dataset.hpp"

namespace mote::data {

enum class Part : std::uint8_t { train, validation, test };
inline constexpr std::size_t kParts = 3;
[[nodiscard]] std::string_view name(Part part);

/// The source's own test part; validation is a stratified fraction of the rest.
struct SplitByHint {
  double validation = 0;
};
/// Fractions of each class.
struct SplitByFraction {
  double validation = 0.1;
  double test = 0.2;
};
/// Fold `fold` of `folds` is the test part, each class dealt out evenly; validation is a stratified fraction of the
/// rest.
struct SplitKFold {
  unsigned folds = 5;
  unsigned fold = 0;
  double validation = 0;
};
/// The named groups are held out.
struct SplitByGroup {
  std::vector<std::string> test;
  std::vector<std::string> validation;
};
/// Whole groups are drawn until each part has about its fraction of the samples.
struct SplitByGroupFraction {
  double validation = 0.1;
  double test = 0.2;
};
/// Group number `fold` (in the order of Dataset::about().groups) is the test part; of the others,
/// `validation_groups` drawn ones are the validation part.
struct SplitLeaveOneGroupOut {
  unsigned fold = 0;
  unsigned validation_groups = 0;
};

struct SplitSpec {
  std::variant<SplitByHint, SplitByFraction, SplitKFold, SplitByGroup, SplitByGroupFraction, SplitLeaveOneGroupOut>
      rule;
  std::uint64_t seed = 1;
};

/// What holds between the parts. Zero everywhere is clean.
struct SplitCheck {
  std::size_t shared_groups = 0;          ///< groups with samples in more than one part
  std::size_t duplicates_train_test = 0;  ///< test samples whose exact content is also in train
  std::size_t duplicates_train_validation = 0;
  std::size_t duplicates_validation_test = 0;
  std::vector<std::string> shared_group_names;
};

/// Disjoint sample numbers, ascending in each part, that together cover the dataset. Only make_split makes one.
class Split {
 public:
  [[nodiscard]] std::span<const std::uint32_t> part(Part part) const { return parts_[static_cast<std::size_t>(part)]; }
  [[nodiscard]] std::span<const std::uint32_t> train() const { return part(Part::train); }
  [[nodiscard]] std::span<const std::uint32_t> validation() const { return part(Part::validation); }
  [[nodiscard]] std::span<const std::uint32_t> test() const { return part(Part::test); }
  /// Whether it was made by assigning groups.
  [[nodiscard]] bool group_wise() const { return group_wise_; }
  /// Samples per label in a part, in the order of the dataset's labels.
  [[nodiscard]] const std::vector<std::size_t>& class_counts(Part part) const {
    return counts_[static_cast<std::size_t>(part)];
  }
  /// Canonical text: dataset hash and the ranges of each part. Equal splits of equal datasets have equal texts.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] Digest digest() const { return sha256(text()); }

 private:
  friend class SplitBuilder;
  Split() = default;
  Digest dataset_;
  bool group_wise_ = false;
  std::array<std::vector<std::uint32_t>, kParts> parts_;
  std::array<std::vector<std::size_t>, kParts> counts_;
};

/// @error invalid_argument  fractions out of range, an unknown or doubly held-out group, more folds than a class has
/// samples,
///                          samples without a group in a group-wise split, no hint in the source, an empty train or
///                          test part.
[[nodiscard]] Result<Split> make_split(const Dataset& dataset, const SplitSpec& spec);

/// Recomputes from the dataset what the split promises, and counts exact duplicates across its parts.
/// @error invalid_argument  the split belongs to another dataset.   @error internal  the split breaks its own promise.
[[nodiscard]] Result<SplitCheck> verify(const Dataset& dataset, const Split& split);

}  // namespace mote::data
