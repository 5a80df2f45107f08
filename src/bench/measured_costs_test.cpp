#include "measured_costs.hpp"

#include <gtest/gtest.h>

#include "mote/base/file.hpp"

namespace mote::bench {
namespace {

std::filesystem::path only_file(const std::filesystem::path& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) return entry.path();
  }
  return {};
}

TEST(MeasuredCosts, are_found_by_the_next_run_of_the_same_context_only) {
  const auto folder = TemporaryFolder::create();
  MeasuredCosts(folder->path(), "board a").add("layer", 1234);
  EXPECT_EQ(MeasuredCosts(folder->path(), "board a").find("layer"), 1234u);
  EXPECT_FALSE(MeasuredCosts(folder->path(), "board a").find("another layer"));
  EXPECT_FALSE(MeasuredCosts(folder->path(), "board b").find("layer"));
}

TEST(MeasuredCosts, stay_in_the_process_without_a_folder) {
  MeasuredCosts costs({}, "board");
  EXPECT_FALSE(costs.find("layer"));
  costs.add("layer", 7);
  EXPECT_EQ(costs.find("layer"), 7u);
}

TEST(MeasuredCosts, damaged_in_any_byte_or_cut_short_are_none) {
  const auto folder = TemporaryFolder::create();
  MeasuredCosts(folder->path(), "board").add("layer", 98765);
  const std::filesystem::path file = only_file(folder->path());
  const std::string whole = *read_text(file);
  for (std::size_t i = 0; i < whole.size(); i += 11) {
    std::string damaged = whole;
    damaged[i] ^= 1;
    ASSERT_TRUE(write_file(file, damaged));
    EXPECT_FALSE(MeasuredCosts(folder->path(), "board").find("layer")) << "byte " << i;
  }
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{20}, whole.size() - 1}) {
    ASSERT_TRUE(write_file(file, whole.substr(0, bytes)));
    EXPECT_FALSE(MeasuredCosts(folder->path(), "board").find("layer")) << bytes << " bytes";
  }
  MeasuredCosts(folder->path(), "board").add("layer", 98765);
  EXPECT_EQ(*read_text(file), whole);
}

}  // namespace
}  // namespace mote::bench
