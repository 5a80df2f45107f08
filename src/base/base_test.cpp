#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>

#include "mote/base/build_id.hpp"
#include "mote/base/bytes.hpp"
#include "mote/base/file.hpp"
#include "mote/base/hash.hpp"
#include "mote/base/parallel.hpp"
#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"

namespace mote {
namespace {

TEST(Hash, matches_the_published_vector_of_fips_180) {
  EXPECT_EQ(sha256("abc").hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Hash, fields_are_framed) {
  EXPECT_NE(Hasher().field("ab").field("c").finish(), Hasher().field("a").field("bc").finish());
}

TEST(Bytes, base64_round_trips_every_length) {
  for (std::size_t n = 0; n < 70; ++n) {
    Bytes bytes(n);
    for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::uint8_t>(i * 37 + n);
    EXPECT_EQ(from_base64(to_base64(bytes)).value(), bytes);
    EXPECT_EQ(from_hex(to_hex(bytes)).value(), bytes);
  }
}

TEST(Bytes, refuses_bad_base64_and_hex) {
  for (const char* bad : {"a", "abc", "ab=c", "====", "a$==", "ab==cd=="}) EXPECT_FALSE(from_base64(bad)) << bad;
  for (const char* bad : {"a", "0g", "0x"}) EXPECT_FALSE(from_hex(bad)) << bad;
}

TEST(Bytes, reader_names_the_offset_of_a_truncation) {
  const Bytes bytes{1, 2, 3};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.u16_le().value(), 0x0201);
  const auto short_read = reader.u32_le();
  ASSERT_FALSE(short_read);
  EXPECT_NE(short_read.error().message().find("byte 2"), std::string::npos);
}

TEST(File, write_replaces_whole_or_not_at_all) {
  const auto folder = TemporaryFolder::create().value();
  const auto path = folder.path() / "deep" / "file.txt";
  ASSERT_TRUE(write_file(path, "one"));
  ASSERT_TRUE(write_file(path, "two"));
  EXPECT_EQ(read_text(path).value(), "two");
  EXPECT_FALSE(write_file(path / "below-a-file", "x"));
  EXPECT_EQ(read_file(folder.path() / "absent").error().code(), Code::not_found);
  EXPECT_EQ(read_file(path, 2).error().code(), Code::too_large);
  EXPECT_EQ(MappedFile::open(path).value().bytes().size(), 3u);
}

TEST(Process, collects_output_and_exit_code) {
  ProcessOptions options;
  options.input = std::string(300'000, 'x');
  const auto counted = run_process({"wc", "-c"}, options);
  ASSERT_TRUE(counted) << counted.error().message();
  EXPECT_EQ(std::stoi(counted->output), 300'000);
  EXPECT_EQ(run_process({"sh", "-c", "echo bad >&2; exit 3"})->exit_code, 3);
  EXPECT_EQ(run_process({"no-such-program-at-all"}).error().code(), Code::not_found);
}

TEST(Process, stops_what_runs_too_long) {
  ProcessOptions options;
  options.timeout = std::chrono::milliseconds(50);
  EXPECT_EQ(run_process({"sleep", "60"}, options).error().code(), Code::io);
}

TEST(Rng, is_the_same_everywhere) {
  Rng rng(1);
  EXPECT_EQ(rng.next(), 12966619160104079557u);
  Rng bounded(2);
  for (int i = 0; i < 1000; ++i) {
    const auto v = bounded.between(-3, 3);
    EXPECT_TRUE(v >= -3 && v <= 3);
  }
}

TEST(Parallel, runs_each_index_once) {
  std::vector<std::atomic<int>> counts(1000);
  parallel_for(counts.size(), [&](std::size_t i, std::size_t) { ++counts[i]; });
  for (const auto& c : counts) EXPECT_EQ(c.load(), 1);
}

TEST(File, writing_through_a_link_keeps_the_link_and_the_mode) {
  const auto folder = TemporaryFolder::create("mote-base").value();
  const auto real = folder.path() / "real";
  ASSERT_TRUE(write_file(real, "old"));
  std::filesystem::permissions(real, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  std::filesystem::create_symlink("real", folder.path() / "link");
  ASSERT_TRUE(write_file(folder.path() / "link", "new"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder.path() / "link"));
  EXPECT_EQ(read_text(real).value(), "new");
  EXPECT_EQ(std::filesystem::status(real).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(File, devices_take_bytes_and_stay_devices) {
  EXPECT_TRUE(write_file("/dev/null", "gone"));
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  EXPECT_NE(read_file("/dev/null").error().message().find("regular file"), std::string::npos);
}

TEST(File, a_pipe_is_refused_at_once) {
  const auto folder = TemporaryFolder::create("mote-base").value();
  const auto pipe = folder.path() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_NE(read_file(pipe).error().message().find("pipe"), std::string::npos);
  EXPECT_FALSE(MappedFile::open(pipe));
}

TEST(BuildId, is_what_the_linker_wrote) {
  const std::string id = build_id();
  const auto own = run_process({"readelf", "-n", std::filesystem::read_symlink("/proc/self/exe").string()});
  ASSERT_TRUE(own) << own.error().message();
  if (own->output.find("Build ID") == std::string::npos) GTEST_SKIP() << "linked without a build id";
  EXPECT_NE(own->output.find("Build ID: " + id), std::string::npos) << id << "\n" << own->output;
}

}  // namespace
}  // namespace mote
