#include "mote/data/split.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <type_traits>

#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"
#include "mote/data/writer.hpp"

namespace mote::data {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Leakage is impossible by construction as long as nobody can make or change a Split by other means.
static_assert(!std::is_default_constructible_v<Split>);
static_assert(std::is_same_v<decltype(std::declval<Split&>().train()), std::span<const std::uint32_t>>);

class SplitTest : public testing::Test {
 protected:
  /// Classes of very different sizes; group sizes differ; every 10th sample repeats the content of its predecessor.
  Dataset make(std::size_t count, std::size_t groups, bool grouped = true) {
    const auto folder = temporary_.path() / ("set" + std::to_string(next_++));
    auto writer = DatasetWriter::create(folder, {"t", Modality::series, Element::f32, 0, {}, {}, {}}).value();
    Rng rng(7);
    for (std::size_t i = 0; i < count; ++i) {
      const auto value = static_cast<float>(i % 10 == 9 ? i - 1 : i);
      const std::string label = i % 7 == 0 ? "rare" : i % 3 == 0 ? "some" : "most";
      const std::string group = grouped || i > 0 ? "g" + std::to_string(rng.below(groups)) : "";
      const Partition part = i % 4 == 0 ? Partition::test : Partition::train;
      EXPECT_TRUE(writer.append({Shape::sequence(1, 1), bytes_of(std::span(&value, 1)), label, group, part, "s"}));
    }
    EXPECT_TRUE(writer.finish("{}"));
    return Dataset::open(folder).value();
  }

  static std::set<std::int32_t> groups_of(const Dataset& dataset, std::span<const std::uint32_t> samples) {
    std::set<std::int32_t> groups;
    for (const std::uint32_t i : samples) groups.insert(dataset.info(i).group);
    return groups;
  }

  TemporaryFolder temporary_ = TemporaryFolder::create().value();
  int next_ = 0;
};

TEST_F(SplitTest, by_hint_takes_the_sources_test_part) {
  const Dataset dataset = make(400, 5);
  const Split split = make_split(dataset, {SplitByHint{0.1}, 1}).value();
  EXPECT_EQ(split.test().size(), 100u);
  EXPECT_NEAR(static_cast<double>(split.validation().size()), 30, 2);
  for (const std::uint32_t i : split.test()) EXPECT_EQ(i % 4, 0u);
  EXPECT_FALSE(split.group_wise());
}

TEST_F(SplitTest, fractions_hold_in_every_class) {
  const Dataset dataset = make(700, 5);
  const Split split = make_split(dataset, {SplitByFraction{0.1, 0.2}, 3}).value();
  const auto classes = dataset.class_counts();
  for (std::size_t k = 0; k < classes.size(); ++k) {
    EXPECT_NEAR(static_cast<double>(split.class_counts(Part::test)[k]), 0.2 * static_cast<double>(classes[k]), 1);
    EXPECT_NEAR(static_cast<double>(split.class_counts(Part::validation)[k]), 0.1 * static_cast<double>(classes[k]), 1);
    EXPECT_EQ(split.class_counts(Part::train)[k] + split.class_counts(Part::validation)[k] +
                  split.class_counts(Part::test)[k],
              classes[k]);
  }
}

TEST_F(SplitTest, folds_partition_the_dataset_and_each_class) {
  const Dataset dataset = make(333, 5);
  std::set<std::uint32_t> seen;
  for (unsigned fold = 0; fold < 5; ++fold) {
    const Split split = make_split(dataset, {SplitKFold{5, fold, 0.1}, 3}).value();
    for (const std::uint32_t i : split.test()) EXPECT_TRUE(seen.insert(i).second) << i << " is tested twice";
    EXPECT_NEAR(static_cast<double>(split.test().size()), 333 / 5.0, 1);
    for (std::size_t k = 0; k < 3; ++k) {
      EXPECT_NEAR(static_cast<double>(split.class_counts(Part::test)[k]),
                  static_cast<double>(dataset.class_counts()[k]) / 5, 1);
    }
    EXPECT_TRUE(verify(dataset, split));
  }
  EXPECT_EQ(seen.size(), dataset.size());
}

TEST_F(SplitTest, group_wise_splits_never_share_a_group) {
  const Dataset dataset = make(500, 9);
  std::vector<SplitSpec> specs;
  for (std::uint64_t seed = 0; seed < 20; ++seed) specs.push_back({SplitByGroupFraction{0.2, 0.3}, seed});
  for (unsigned fold = 0; fold < 9; ++fold) specs.push_back({SplitLeaveOneGroupOut{fold, fold % 3}, fold});
  specs.push_back({SplitByGroup{{"g1", "g4"}, {"g0"}}, 1});
  for (const SplitSpec& spec : specs) {
    const Split split = make_split(dataset, spec).value();
    EXPECT_TRUE(split.group_wise());
    std::size_t groups = 0;
    for (const Part part : {Part::train, Part::validation, Part::test})
      groups += groups_of(dataset, split.part(part)).size();
    EXPECT_EQ(groups, 9u);
    EXPECT_EQ(verify(dataset, split)->shared_groups, 0u);
  }
}

TEST_F(SplitTest, group_fractions_come_near_what_was_asked) {
  const Dataset dataset = make(3'000, 60);
  const Split split = make_split(dataset, {SplitByGroupFraction{0.1, 0.2}, 1}).value();
  EXPECT_NEAR(static_cast<double>(split.test().size()) / 3'000, 0.2, 0.02);
  EXPECT_NEAR(static_cast<double>(split.validation().size()) / 3'000, 0.1, 0.02);
}

TEST_F(SplitTest, every_group_is_left_out_once) {
  const Dataset dataset = make(200, 4);
  std::set<std::int32_t> tested;
  for (unsigned fold = 0; fold < 4; ++fold) {
    const Split split = make_split(dataset, {SplitLeaveOneGroupOut{fold, 1}, 1}).value();
    const auto groups = groups_of(dataset, split.test());
    ASSERT_EQ(groups.size(), 1u);
    tested.insert(*groups.begin());
    EXPECT_EQ(groups_of(dataset, split.validation()).size(), 1u);
  }
  EXPECT_EQ(tested.size(), 4u);
}

TEST_F(SplitTest, refuses_groups_it_cannot_place) {
  const Dataset dataset = make(200, 4);
  const auto reason = [&](const Dataset& set, const SplitSpec& spec) {
    return make_split(set, spec).error().message();
  };
  EXPECT_THAT(reason(dataset, {SplitByGroup{{"theo"}, {}}, 1}),
              HasSubstr("there is no group 'theo'; the groups are g0, g1, g2, g3"));
  EXPECT_THAT(reason(dataset, {SplitByGroup{{"g1"}, {"g1"}}, 1}), HasSubstr("held out twice"));
  EXPECT_THAT(reason(dataset, {SplitByGroup{{"g0", "g1", "g2", "g3"}, {}}, 1}),
              HasSubstr("no sample is left for training"));
  EXPECT_THAT(reason(dataset, {SplitLeaveOneGroupOut{4, 0}, 1}), HasSubstr("group number 4 does not exist"));
  EXPECT_THAT(reason(dataset, {SplitLeaveOneGroupOut{0, 3}, 1}), HasSubstr("leave none for training"));
  EXPECT_THAT(reason(make(50, 2), {SplitByGroupFraction{0.1, 0.1}, 1}), HasSubstr("2 groups for 3 parts"));
  EXPECT_THAT(reason(make(50, 2, false), {SplitByGroup{{"g1"}, {}}, 1}), HasSubstr("1 samples have no group"));
}

TEST_F(SplitTest, equal_seeds_give_equal_texts_and_other_seeds_do_not) {
  const Dataset dataset = make(300, 5);
  const auto text = [&](std::uint64_t seed) { return make_split(dataset, {SplitByFraction{0.1, 0.2}, seed})->text(); };
  EXPECT_EQ(text(1), text(1));
  EXPECT_NE(text(1), text(2));
}

TEST_F(SplitTest, text_is_canonical) {
  const Dataset dataset = make(9, 1);
  const Split split = make_split(dataset, {SplitByHint{}, 1}).value();
  EXPECT_EQ(split.text(), "mote split 1\ndataset " + dataset.content_hash().hex() +
                              "\nby samples\ntrain 1-3,5-7\nvalidation\ntest 0,4,8\n");
  EXPECT_EQ(split.digest(), sha256(split.text()));
}

TEST_F(SplitTest, counts_exact_duplicates_across_parts) {
  const Dataset dataset = make(400, 5);
  const Split split = make_split(dataset, {SplitByFraction{0.2, 0.3}, 1}).value();
  std::set<std::uint32_t> train(split.train().begin(), split.train().end());
  std::size_t expected = 0;
  for (const std::uint32_t i : split.test()) {
    if (i % 10 == 9 && train.count(i - 1) > 0) ++expected;
    if (i % 10 == 8 && train.count(i + 1) > 0) ++expected;
  }
  EXPECT_GT(expected, 0u);
  EXPECT_EQ(verify(dataset, split)->duplicates_train_test, expected);
  EXPECT_GT(verify(dataset, split)->shared_groups, 0u) << "a split by samples shares groups, and says so";
}

TEST_F(SplitTest, belongs_to_its_dataset) {
  const Split split = make_split(make(100, 3), {SplitByHint{}, 1}).value();
  EXPECT_THAT(verify(make(101, 3), split).error().message(), HasSubstr("another dataset"));
}

}  // namespace
}  // namespace mote::data
