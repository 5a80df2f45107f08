#include "mote/registry/file_digests.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "mote/base/file.hpp"

namespace mote::registry {
namespace {

namespace fs = std::filesystem;

class FileDigestsTest : public testing::Test {
 protected:
  void write(const fs::path& relative, std::string_view text) { ASSERT_TRUE(write_file(root() / relative, text)); }
  [[nodiscard]] fs::path root() const { return folder_.path() / "data"; }
  [[nodiscard]] fs::path cache() const { return folder_.path() / "cache"; }

  TemporaryFolder folder_ = TemporaryFolder::create("mote-digests").value();
};

TEST_F(FileDigestsTest, content_decides_and_names_within_a_folder_too) {
  write("a/x.wav", "1");
  write("b/x.wav", "1");
  write("c/y.wav", "1");
  EXPECT_EQ(digest_of(root() / "a").value(), digest_of(root() / "b").value());
  EXPECT_NE(digest_of(root() / "a")->id, digest_of(root() / "c")->id);
  EXPECT_EQ(digest_of(root() / "a/x.wav")->id, sha256("1"));
}

TEST_F(FileDigestsTest, a_folder_leaves_out_the_store_and_git) {
  write("x.wav", "1");
  const Artifact before = digest_of(root()).value();
  write(".mote/lineage", "2");
  write(".git/HEAD", "3");
  EXPECT_EQ(digest_of(root()).value(), before);
}

TEST_F(FileDigestsTest, a_young_file_is_hashed_again_and_an_old_one_is_not) {
  write("x.wav", "1");
  FileDigests young(cache());
  ASSERT_TRUE(young.digest(root()));
  ASSERT_TRUE(young.digest(root()));
  EXPECT_EQ(young.files_read(), 2u) << "written less than a second ago: its stamp may hide a second write";
}

TEST_F(FileDigestsTest, remembers_across_processes_and_notices_a_change_that_hides_behind_size_and_time) {
  write("x.wav", "one");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // until then the file counts as young
  const Artifact before = [this] {
    FileDigests first(cache());
    const Artifact digest = first.digest(root()).value();
    EXPECT_TRUE(first.save());
    return digest;
  }();
  FileDigests second(cache());
  EXPECT_EQ(second.digest(root()).value(), before);
  EXPECT_EQ(second.files_read(), 0u);

  struct stat old {};
  ASSERT_EQ(::stat((root() / "x.wav").c_str(), &old), 0);
  std::ofstream(root() / "x.wav") << "two";
  const std::array<timespec, 2> times{old.st_atim, old.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, (root() / "x.wav").c_str(), times.data(), 0), 0);
  EXPECT_NE(second.digest(root()).value(), before);
}

TEST_F(FileDigestsTest, a_damaged_memory_is_an_empty_memory) {
  FileDigests first(cache());
  const fs::path self = fs::canonical("/proc/self/exe");
  const Artifact truth = first.digest(self).value();
  ASSERT_TRUE(first.save());
  if (!fs::exists(cache())) GTEST_SKIP() << "this test program was linked within the last second";
  std::string text = read_text(cache()).value();
  for (const std::size_t at : {std::size_t{3}, std::size_t{40}, text.size() / 2, text.size() - 2}) {
    std::string damaged = text;
    damaged[at] = damaged[at] == '0' ? '1' : '0';
    ASSERT_TRUE(write_file(cache(), damaged));
    FileDigests again(cache());
    EXPECT_EQ(again.digest(self).value(), truth);
    EXPECT_EQ(again.files_read(), 1u) << "damage at byte " << at << " was believed";
  }
}

TEST_F(FileDigestsTest, refuses_a_link_to_its_own_folder) {
  write("a/x.wav", "1");
  fs::create_directory_symlink(root(), root() / "a" / "again");
  const auto digest = digest_of(root());
  ASSERT_FALSE(digest);
  EXPECT_NE(digest.error().message().find("contains it"), std::string::npos) << digest.error().message();
}

TEST_F(FileDigestsTest, follows_links_to_files_and_folders_elsewhere) {
  write("real/x.wav", "1");
  fs::create_directory_symlink(root() / "real", root() / "linked");
  EXPECT_EQ(digest_of(root() / "linked").value(), digest_of(root() / "real").value());
}

TEST_F(FileDigestsTest, what_cannot_be_read_in_a_folder_counts_by_its_reason) {
  write("x.wav", "1");
  const Artifact whole = digest_of(root()).value();
  fs::create_symlink("nowhere", root() / "dangling.wav");
  const auto with_link = digest_of(root());
  ASSERT_TRUE(with_link) << with_link.error().message();
  EXPECT_NE(with_link->id, whole.id);
  fs::remove(root() / "dangling.wav");
  ASSERT_EQ(::mkfifo((root() / "pipe").c_str(), 0600), 0);
  EXPECT_TRUE(digest_of(root()));  // without waiting for it
}

TEST_F(FileDigestsTest, refuses_a_pipe_instead_of_waiting_for_it) {
  write("x.wav", "1");
  ASSERT_EQ(::mkfifo((root() / "pipe").c_str(), 0600), 0);
  const auto digest = digest_of(root() / "pipe");
  ASSERT_FALSE(digest);
  EXPECT_EQ(digest.error().code(), Code::invalid_argument);
  EXPECT_NE(digest.error().message().find("pipe"), std::string::npos);
}

TEST_F(FileDigestsTest, names_what_is_missing) {
  const auto digest = digest_of(root() / "nothing");
  ASSERT_FALSE(digest);
  EXPECT_EQ(digest.error().code(), Code::not_found);
  EXPECT_NE(digest.error().message().find("nothing"), std::string::npos);
}

}  // namespace
}  // namespace mote::registry
