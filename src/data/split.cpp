#include "mote/data/split.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>

#include "mote/base/rng.hpp"

namespace mote::data {

std::string_view name(Part part) {
  switch (part) {
    case Part::train:
      return "train";
    case Part::validation:
      return "validation";
    case Part::test:
      return "test";
  }
  return "unknown";
}

/// The only maker of splits. A group-wise one is told a part per group and cannot be told anything about samples.
class SplitBuilder {
 public:
  static Split from_groups(const Dataset& dataset, const std::vector<Part>& part_of_group) {
    std::vector<Part> part_of_sample(dataset.size());
    for (std::size_t i = 0; i < dataset.size(); ++i) {
      part_of_sample[i] = part_of_group[static_cast<std::size_t>(dataset.info(i).group)];
    }
    Split split = from_samples(dataset, part_of_sample);
    split.group_wise_ = true;
    return split;
  }

  static Split from_samples(const Dataset& dataset, const std::vector<Part>& part_of_sample) {
    Split split;
    split.dataset_ = dataset.content_hash();
    for (auto& counts : split.counts_) counts.resize(dataset.about().labels.size());
    for (std::size_t i = 0; i < dataset.size(); ++i) {
      const auto part = static_cast<std::size_t>(part_of_sample[i]);
      split.parts_[part].push_back(static_cast<std::uint32_t>(i));
      const std::int32_t label = dataset.info(i).label;
      if (label >= 0) ++split.counts_[part][static_cast<std::size_t>(label)];
    }
    return split;
  }

  static const Digest& dataset_of(const Split& split) { return split.dataset_; }
};

namespace {

tl::unexpected<Error> refuse(std::string message) {
  return fail(Code::invalid_argument, "the split: " + std::move(message));
}

Result<void> check_fractions(double validation, double test) {
  if (!(validation >= 0) || !(test >= 0) || !(validation + test < 1)) {
    return refuse("validation and test fractions must be at least 0 and together less than 1");
  }
  return {};
}

/// Sample numbers by label, each class shuffled by its own stream; unlabelled samples are one more class.
std::vector<std::vector<std::size_t>> shuffled_classes(const Dataset& dataset, const std::vector<std::size_t>& samples,
                                                       std::uint64_t seed) {
  std::vector<std::vector<std::size_t>> classes(dataset.about().labels.size() + 1);
  for (const std::size_t i : samples) classes[static_cast<std::size_t>(dataset.info(i).label + 1)].push_back(i);
  for (std::size_t k = 0; k < classes.size(); ++k) {
    Rng rng(mix(seed, k));
    rng.shuffle(std::span(classes[k]));
  }
  return classes;
}

/// Moves a stratified fraction of `samples` to `part`; at least one of a class stays.
void carve(const Dataset& dataset, const std::vector<std::size_t>& samples, double fraction, std::uint64_t seed,
           Part part, std::vector<Part>& part_of_sample) {
  if (fraction <= 0) return;
  for (const auto& members : shuffled_classes(dataset, samples, seed)) {
    if (members.empty()) continue;
    const auto wanted = static_cast<std::size_t>(std::llround(fraction * static_cast<double>(members.size())));
    for (std::size_t k = 0; k < std::min(wanted, members.size() - 1); ++k) part_of_sample[members[k]] = part;
  }
}

std::vector<std::size_t> samples_in(const std::vector<Part>& part_of_sample, Part part) {
  std::vector<std::size_t> samples;
  for (std::size_t i = 0; i < part_of_sample.size(); ++i) {
    if (part_of_sample[i] == part) samples.push_back(i);
  }
  return samples;
}

Result<void> check_not_empty(const Split& split, bool validation_wanted, bool test_wanted) {
  if (split.train().empty()) return refuse("no sample is left for training");
  if (validation_wanted && split.validation().empty())
    return refuse("the validation part is empty; raise its fraction");
  if (test_wanted && split.test().empty()) return refuse("the test part is empty; raise its fraction");
  return {};
}

/// Every rule as one overload. Seeds of the drawing of test and validation differ, so that one does not shape the
/// other.
struct Maker {
  const Dataset& dataset;
  std::uint64_t seed;

  Result<Split> finished(const std::vector<Part>& part_of_sample, bool validation_wanted, bool test_wanted) const {
    Split split = SplitBuilder::from_samples(dataset, part_of_sample);
    MOTE_TRY_VOID(check_not_empty(split, validation_wanted, test_wanted));
    return split;
  }

  Result<Split> operator()(const SplitByHint& rule) const {
    MOTE_TRY_VOID(check_fractions(rule.validation, 0));
    std::vector<Part> parts(dataset.size(), Part::train);
    bool any = false;
    for (std::size_t i = 0; i < dataset.size(); ++i) {
      if (dataset.info(i).partition != Partition::test) continue;
      parts[i] = Part::test;
      any = true;
    }
    if (!any) return refuse("the source names no test part; give fractions, folds or groups instead");
    carve(dataset, samples_in(parts, Part::train), rule.validation, mix(seed, 1), Part::validation, parts);
    return finished(parts, rule.validation > 0, true);
  }

  Result<Split> operator()(const SplitByFraction& rule) const {
    MOTE_TRY_VOID(check_fractions(rule.validation, rule.test));
    std::vector<Part> parts(dataset.size(), Part::train);
    carve(dataset, samples_in(parts, Part::train), rule.test, mix(seed, 0), Part::test, parts);
    // The fraction is of the whole, what is carved from is what the test part left.
    carve(dataset, samples_in(parts, Part::train), rule.validation / (1 - rule.test), mix(seed, 1), Part::validation,
          parts);
    return finished(parts, rule.validation > 0, rule.test > 0);
  }

  Result<Split> operator()(const SplitKFold& rule) const {
    if (rule.folds < 2 || rule.fold >= rule.folds) {
      return refuse("fold " + std::to_string(rule.fold) + " of " + std::to_string(rule.folds) +
                    " does not exist; there must be at least 2, counted from 0");
    }
    MOTE_TRY_VOID(check_fractions(rule.validation, 0));
    std::vector<Part> parts(dataset.size(), Part::train);
    std::size_t dealt = 0;  // goes on from class to class, so that the folds' sizes differ by one at most
    const auto classes = shuffled_classes(dataset, samples_in(parts, Part::train), mix(seed, 0));
    for (std::size_t k = 0; k < classes.size(); ++k) {
      if (!classes[k].empty() && classes[k].size() < rule.folds) {
        const std::string label = k == 0 ? "no label" : "the label '" + dataset.about().labels[k - 1] + "'";
        return refuse(std::to_string(classes[k].size()) + " samples with " + label + " cannot be dealt to " +
                      std::to_string(rule.folds) + " folds; use fewer folds");
      }
      for (const std::size_t i : classes[k]) {
        if (dealt++ % rule.folds == rule.fold) parts[i] = Part::test;
      }
    }
    carve(dataset, samples_in(parts, Part::train), rule.validation, mix(seed, 1), Part::validation, parts);
    return finished(parts, rule.validation > 0, true);
  }

  Result<Split> operator()(const SplitByGroup& rule) const {
    MOTE_TRY_VOID(check_groups());
    if (rule.test.empty()) return refuse("no group is named for the test part");
    const auto& names = dataset.about().groups;
    std::vector<Part> parts(names.size(), Part::train);
    for (const Part part : {Part::test, Part::validation}) {
      for (const std::string& wanted : part == Part::test ? rule.test : rule.validation) {
        const auto found = std::find(names.begin(), names.end(), wanted);
        if (found == names.end()) return refuse("there is no group '" + wanted + "'; " + known_groups());
        Part& assigned = parts[static_cast<std::size_t>(found - names.begin())];
        if (assigned != Part::train) return refuse("the group '" + wanted + "' is held out twice");
        assigned = part;
      }
    }
    return assigned(parts);
  }

  Result<Split> operator()(const SplitByGroupFraction& rule) const {
    MOTE_TRY_VOID(check_groups());
    MOTE_TRY_VOID(check_fractions(rule.validation, rule.test));
    const std::vector<std::size_t> counts = dataset.group_counts();
    std::vector<std::size_t> order(counts.size());
    for (std::size_t k = 0; k < order.size(); ++k) order[k] = k;
    Rng rng(mix(seed, 0));
    rng.shuffle(std::span(order));
    const std::size_t needed = 1u + (rule.test > 0 ? 1u : 0u) + (rule.validation > 0 ? 1u : 0u);
    if (order.size() < needed) {
      return refuse("there are " + std::to_string(order.size()) + " groups for " + std::to_string(needed) + " parts");
    }
    std::vector<Part> parts(counts.size(), Part::train);
    std::size_t left = order.size();
    const auto draw = [&](Part part, double fraction, std::size_t keep) {
      const double wanted = fraction * static_cast<double>(dataset.size());
      double have = 0;
      while (fraction > 0 && left > keep) {
        const auto next = static_cast<double>(counts[order[left - 1]]);
        // The first group always goes in; a later one when it brings the part closer to its size.
        if (have > 0 && std::abs(have + next - wanted) >= std::abs(have - wanted)) break;
        parts[order[--left]] = part;
        have += next;
      }
    };
    draw(Part::test, rule.test, rule.validation > 0 ? 2 : 1);
    draw(Part::validation, rule.validation, 1);
    return assigned(parts);
  }

  Result<Split> operator()(const SplitLeaveOneGroupOut& rule) const {
    MOTE_TRY_VOID(check_groups());
    const std::size_t groups = dataset.about().groups.size();
    if (rule.fold >= groups) {
      return refuse("group number " + std::to_string(rule.fold) + " does not exist; there are " +
                    std::to_string(groups) + ", counted from 0");
    }
    if (std::size_t{rule.validation_groups} + 2 > groups) {
      return refuse(std::to_string(groups) + " groups leave none for training beside one for the test and " +
                    std::to_string(rule.validation_groups) + " for validation");
    }
    std::vector<Part> parts(groups, Part::train);
    parts[rule.fold] = Part::test;
    std::vector<std::size_t> others;
    for (std::size_t k = 0; k < groups; ++k) {
      if (k != rule.fold) others.push_back(k);
    }
    Rng rng(mix(seed, rule.fold));
    rng.shuffle(std::span(others));
    for (std::size_t k = 0; k < rule.validation_groups; ++k) parts[others[k]] = Part::validation;
    return assigned(parts);
  }

  Result<Split> assigned(const std::vector<Part>& part_of_group) const {
    Split split = SplitBuilder::from_groups(dataset, part_of_group);
    MOTE_TRY_VOID(check_not_empty(split, false, false));
    return split;
  }

  Result<void> check_groups() const {
    if (dataset.about().groups.empty())
      return refuse("the dataset has no groups; import it with a {group} pattern or column");
    std::size_t without = 0;
    for (std::size_t i = 0; i < dataset.size(); ++i) without += dataset.info(i).group < 0 ? 1 : 0;
    if (without > 0)
      return refuse(std::to_string(without) + " samples have no group, so a group-wise split cannot place them");
    return {};
  }

  std::string known_groups() const {
    const auto& names = dataset.about().groups;
    std::string text = "the groups are ";
    for (std::size_t k = 0; k < std::min<std::size_t>(names.size(), 12); ++k) text += (k == 0 ? "" : ", ") + names[k];
    return text + (names.size() > 12 ? ", ..." : "");
  }
};

std::string ranges(std::span<const std::uint32_t> numbers) {
  std::string text;
  for (std::size_t k = 0; k < numbers.size();) {
    std::size_t end = k + 1;
    while (end < numbers.size() && numbers[end] == numbers[end - 1] + 1) ++end;
    text += (k == 0 ? " " : ",") + std::to_string(numbers[k]);
    if (end - k > 1) text += "-" + std::to_string(numbers[end - 1]);
    k = end;
  }
  return text;
}

/// Bit per part.
using PartSet = unsigned;
PartSet bit(Part part) { return 1u << static_cast<unsigned>(part); }

}  // namespace

std::string Split::text() const {
  std::string text = "mote split 1\ndataset " + dataset_.hex() + "\nby " + (group_wise_ ? "groups" : "samples") + "\n";
  for (const Part part : {Part::train, Part::validation, Part::test}) {
    text += std::string(name(part)) + ranges(this->part(part)) + "\n";
  }
  return text;
}

Result<Split> make_split(const Dataset& dataset, const SplitSpec& spec) {
  return std::visit(Maker{dataset, spec.seed}, spec.rule);
}

Result<SplitCheck> verify(const Dataset& dataset, const Split& split) {
  if (SplitBuilder::dataset_of(split) != dataset.content_hash()) return refuse("it belongs to another dataset");
  std::vector<PartSet> of_sample(dataset.size());
  std::vector<PartSet> of_group(dataset.about().groups.size());
  std::unordered_map<std::uint64_t, PartSet> of_content;
  for (const Part part : {Part::train, Part::validation, Part::test}) {
    for (const std::uint32_t i : split.part(part)) {
      if (i >= dataset.size() || of_sample[i] != 0)
        return fail(Code::internal, "the split: sample " + std::to_string(i) + " is in two parts");
      const SampleInfo info = dataset.info(i);
      of_sample[i] = bit(part);
      of_content[info.content_id] |= bit(part);
      if (info.group >= 0) of_group[static_cast<std::size_t>(info.group)] |= bit(part);
    }
  }
  SplitCheck check;
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    if (of_sample[i] == 0) return fail(Code::internal, "the split: sample " + std::to_string(i) + " is in no part");
    const PartSet elsewhere = of_content[dataset.info(i).content_id] & ~of_sample[i];
    const bool in_train = (elsewhere & bit(Part::train)) != 0;
    const bool in_validation = (elsewhere & bit(Part::validation)) != 0;
    check.duplicates_train_test += of_sample[i] == bit(Part::test) && in_train ? 1 : 0;
    check.duplicates_validation_test += of_sample[i] == bit(Part::test) && in_validation ? 1 : 0;
    check.duplicates_train_validation += of_sample[i] == bit(Part::validation) && in_train ? 1 : 0;
  }
  for (std::size_t k = 0; k < of_group.size(); ++k) {
    if ((of_group[k] & (of_group[k] - 1)) == 0) continue;  // in one part only
    ++check.shared_groups;
    check.shared_group_names.push_back(dataset.about().groups[k]);
  }
  if (split.group_wise() && check.shared_groups > 0) {
    return fail(Code::internal,
                "the split: the group '" + check.shared_group_names[0] + "' is on two sides of a group-wise split");
  }
  return check;
}

}  // namespace mote::data
