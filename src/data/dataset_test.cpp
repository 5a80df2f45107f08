#include "mote/data/dataset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "index_format.hpp"
#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"
#include "mote/data/writer.hpp"
#include "natural_order.hpp"

namespace mote::data {
namespace {

namespace fs = std::filesystem;

DatasetInfo image_info() { return {"test", Modality::image, Element::u8, 0, {}, {}, {}}; }

Bytes values_of(std::size_t i, std::size_t count) {
  Rng rng(i + 1);
  Bytes values(count);
  for (auto& v : values) v = static_cast<std::uint8_t>(rng.below(256));
  return values;
}

struct Recipe {
  std::size_t count = 20;
  std::string name = "test";
  std::string source_prefix = "file";
  std::vector<std::string> labels;
};

Result<Digest> write(const fs::path& folder, const Recipe& recipe = {}) {
  DatasetInfo info = image_info();
  info.name = recipe.name;
  info.labels = recipe.labels;
  MOTE_TRY(DatasetWriter writer, DatasetWriter::create(folder, info));
  for (std::size_t i = 0; i < recipe.count; ++i) {
    const Bytes values = values_of(i, 3 * 5);
    const std::string label = std::to_string(i % 11);
    const std::string group = i % 4 == 3 ? "" : "g" + std::to_string(i % 4);
    const std::string source = recipe.source_prefix + std::to_string(i);
    MOTE_TRY_VOID(writer.append(
        {Shape::image(3, 5, 1), values, label, group, i % 5 == 0 ? Partition::test : Partition::train, source}));
  }
  return writer.finish("{}");
}

std::size_t entries_in(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

class DatasetTest : public testing::Test {
 protected:
  TemporaryFolder temporary_ = TemporaryFolder::create().value();
  fs::path folder_ = temporary_.path() / "set";
};

TEST_F(DatasetTest, gives_back_what_was_written) {
  const Digest hash = write(folder_).value();
  const Dataset dataset = Dataset::open(folder_).value();
  EXPECT_EQ(dataset.content_hash(), hash);
  EXPECT_EQ(dataset.size(), 20u);
  EXPECT_EQ(dataset.about().name, "test");
  EXPECT_EQ(dataset.about().labels.size(), 11u);
  EXPECT_EQ(dataset.about().labels[2], "2");
  EXPECT_EQ(dataset.about().labels[10], "10");
  EXPECT_THAT(dataset.about().groups, testing::ElementsAre("g0", "g1", "g2"));
  EXPECT_EQ(dataset.uniform_shape(), Shape::image(3, 5, 1));
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    const SampleInfo info = dataset.info(i);
    EXPECT_EQ(info.label, static_cast<int>(i % 11));
    EXPECT_EQ(info.group, i % 4 == 3 ? -1 : static_cast<int>(i % 4));
    EXPECT_EQ(info.partition, i % 5 == 0 ? Partition::test : Partition::train);
    EXPECT_EQ(info.source, "file" + std::to_string(i));
    EXPECT_EQ(dataset.read(i).value(), values_of(i, 15));
    EXPECT_TRUE(std::ranges::equal(dataset.view(i), values_of(i, 15)));
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(dataset.view(i).data()) % 16, 0u);
    std::vector<float> floats(15);
    dataset.to_floats(i, floats);
    EXPECT_EQ(floats[7], values_of(i, 15)[7]);
  }
  EXPECT_EQ(dataset.class_counts()[0], 2u);
  EXPECT_EQ(dataset.class_counts()[10], 1u);
  EXPECT_THAT(dataset.group_counts(), testing::ElementsAre(5, 5, 5));
  SilentProgress silent;
  EXPECT_TRUE(dataset.verify(silent));
}

TEST_F(DatasetTest, hash_ignores_names_sources_and_place) {
  const Digest a = write(folder_).value();
  const Digest b = write(temporary_.path() / "other", {20, "renamed", "elsewhere", {}}).value();
  EXPECT_EQ(a, b);
}

TEST_F(DatasetTest, hash_depends_on_samples_and_labels) {
  const Digest a = write(folder_).value();
  EXPECT_NE(a, write(temporary_.path() / "fewer", {19, "test", "file", {}}).value());
  const std::vector<std::string> more{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "never"};
  EXPECT_NE(a, write(temporary_.path() / "named", {20, "test", "file", more}).value());
}

TEST_F(DatasetTest, a_label_outside_a_closed_set_is_refused) {
  const auto refused = write(folder_, {20, "test", "file", {"0", "1"}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("'2' is not among"));
  EXPECT_EQ(entries_in(temporary_.path()), 0u);
}

TEST_F(DatasetTest, refuses_samples_that_contradict_their_shape) {
  auto writer = DatasetWriter::create(folder_, image_info()).value();
  const Bytes values(15);
  EXPECT_FALSE(writer.append({Shape::image(3, 5, 2), values, {}, {}, Partition::none, "x"}));
  EXPECT_FALSE(writer.append({Shape::image(0, 5, 3), {}, {}, {}, Partition::none, "x"}));
  EXPECT_EQ(writer.append({Shape::image(0xffffffff, 0xffffffff, 0xffffffff), values, {}, {}, Partition::none, "x"})
                .error()
                .code(),
            Code::too_large);
  EXPECT_EQ(writer.size(), 0u);
  EXPECT_FALSE(writer.finish("{}"));
}

TEST_F(DatasetTest, rewinding_leaves_no_trace) {
  const Digest plain = write(folder_).value();
  auto writer = DatasetWriter::create(temporary_.path() / "rewound", image_info()).value();
  const Bytes large(3'000'000, 7);  // larger than the writer's buffer, so that the file itself is cut back
  for (std::size_t i = 0; i < 20; ++i) {
    const std::size_t before = writer.size();
    for (const std::uint32_t rows : {1u, 3'000'000u}) {
      ASSERT_TRUE(writer.append(
          {Shape::image(rows, 1, 1), ByteSpan(large).first(rows), "bad label", "bad group", Partition::none, "bad"}));
    }
    ASSERT_TRUE(writer.rewind(before));
    const Bytes values = values_of(i, 15);
    const std::string label = std::to_string(i % 11);
    const std::string group = i % 4 == 3 ? "" : "g" + std::to_string(i % 4);
    ASSERT_TRUE(writer.append({Shape::image(3, 5, 1), values, label, group,
                               i % 5 == 0 ? Partition::test : Partition::train, "file" + std::to_string(i)}));
  }
  EXPECT_EQ(writer.finish("{}").value(), plain);
  EXPECT_EQ(read_file(temporary_.path() / "rewound" / "samples.bin").value(),
            read_file(folder_ / "samples.bin").value());
}

TEST_F(DatasetTest, replaces_a_dataset_but_nothing_else) {
  ASSERT_TRUE(write(folder_));
  const Dataset before = Dataset::open(folder_).value();
  ASSERT_TRUE(write(folder_, {7, "test", "file", {}}));
  EXPECT_EQ(Dataset::open(folder_)->size(), 7u);
  EXPECT_EQ(before.read(19).value(), values_of(19, 15)) << "an opened dataset stays readable";
  EXPECT_EQ(entries_in(temporary_.path()), 1u);
  const fs::path precious = temporary_.path() / "precious";
  ASSERT_TRUE(write_file(precious / "index", "not ours"));
  EXPECT_FALSE(DatasetWriter::create(precious, image_info()));
  ASSERT_TRUE(write_file(folder_ / "thesis.txt", "mine"));
  EXPECT_FALSE(DatasetWriter::create(folder_, image_info()));
}

TEST_F(DatasetTest, a_writer_that_is_dropped_leaves_nothing) {
  { auto writer = DatasetWriter::create(folder_, image_info()).value(); }
  EXPECT_EQ(entries_in(temporary_.path()), 0u);
}

/// Kills a writing process after a while and looks at what is left; from before its first sample to after its last.
TEST_F(DatasetTest, a_kill_at_any_moment_leaves_the_old_dataset_or_the_new_one) {
  ASSERT_TRUE(write(folder_));
  std::size_t old_seen = 0;
  std::size_t new_seen = 0;
  for (unsigned k = 0; k < 40; ++k) {
    const std::size_t next_size = 100 + k;
    const pid_t child = ::fork();
    if (child == 0) ::_exit(write(folder_, {next_size, "test", "file", {}}) ? 0 : 1);
    ::usleep(k * 150);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const auto dataset = Dataset::open(folder_);
    ASSERT_TRUE(dataset) << dataset.error().message();
    SilentProgress silent;
    ASSERT_TRUE(dataset->verify(silent));
    ++(dataset->size() == next_size ? new_seen : old_seen);
  }
  ASSERT_TRUE(write(folder_));
  EXPECT_EQ(entries_in(temporary_.path()), 1u) << "leavings of killed writers are swept";
  EXPECT_GT(old_seen, 0u);
  RecordProperty("killed_after_publishing", static_cast<int>(new_seen));
}

TEST_F(DatasetTest, two_writers_do_not_sweep_each_other) {
  auto first = DatasetWriter::create(folder_, image_info()).value();
  ASSERT_TRUE(write(folder_));
  const Bytes values(4);
  ASSERT_TRUE(first.append({Shape::image(2, 2, 1), values, "a", {}, Partition::none, "x"}));
  ASSERT_TRUE(first.finish("{}"));
  EXPECT_EQ(Dataset::open(folder_)->size(), 1u);
}

TEST_F(DatasetTest, every_cut_and_every_flipped_byte_of_the_index_is_refused) {
  ASSERT_TRUE(write(folder_));
  const Bytes index = read_file(folder_ / "index").value();
  for (std::size_t size = 0; size < index.size(); size += 7) {
    EXPECT_FALSE(decode_index(ByteSpan(index).first(size))) << size;
  }
  for (std::size_t k = 0; k < index.size(); ++k) {
    Bytes changed = index;
    changed[k] ^= 0x40;
    EXPECT_FALSE(decode_index(changed)) << k;
  }
}

/// The checksum is no signature: an index with impossible numbers and a right checksum must be refused too.
TEST_F(DatasetTest, an_index_with_hostile_numbers_is_refused_or_harmless) {
  ASSERT_TRUE(write(folder_));
  const Bytes index = read_file(folder_ / "index").value();
  Rng rng(1);
  for (int round = 0; round < 4'000; ++round) {
    Bytes changed = index;
    changed.resize(changed.size() - 32);
    for (int hits = 0; hits < 3; ++hits) {
      const auto at = static_cast<std::size_t>(rng.between(12, static_cast<std::int64_t>(changed.size()) - 1));
      changed[at] = rng.chance(0.5) ? 0xff : static_cast<std::uint8_t>(rng.below(256));
    }
    const Digest checksum = sha256(changed);
    changed.insert(changed.end(), checksum.bytes.begin(), checksum.bytes.end());
    const auto header = decode_index(changed);
    if (!header) continue;
    for (std::size_t i = 0; i < header->sample_count; ++i) {
      const IndexRecord record = decode_record(changed, *header, i);
      ASSERT_LE(record.offset + record.shape.count() * element_bytes(header->info.element), header->samples_bytes);
      ASSERT_LE(header->sources_offset + record.source_offset + record.source_bytes, changed.size());
    }
  }
}

TEST_F(DatasetTest, verify_names_the_sample_that_was_changed) {
  ASSERT_TRUE(write(folder_));
  Bytes samples = read_file(folder_ / "samples.bin").value();
  samples[16 * 3 + 2] ^= 1;
  ASSERT_TRUE(write_file(folder_ / "samples.bin", samples));
  SilentProgress silent;
  const auto verified = Dataset::open(folder_)->verify(silent);
  ASSERT_FALSE(verified);
  EXPECT_THAT(verified.error().message(), testing::HasSubstr("sample 3 (file3)"));
  samples.pop_back();
  ASSERT_TRUE(write_file(folder_ / "samples.bin", samples));
  EXPECT_THAT(Dataset::open(folder_).error().message(), testing::HasSubstr("the index says"));
  EXPECT_EQ(Dataset::open(temporary_.path()).error().code(), Code::not_found);
}

TEST_F(DatasetTest, threads_read_at_the_same_time) {
  ASSERT_TRUE(write(folder_, {200, "test", "file", {}}));
  const Dataset dataset = Dataset::open(folder_).value();
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([dataset] {
      for (std::size_t i = 0; i < dataset.size(); ++i) EXPECT_EQ(dataset.read(i).value(), values_of(i, 15));
    });
  }
}

TEST_F(DatasetTest, a_full_disk_is_said_and_leaves_nothing) {
  // A unit test cannot fill a disk; a file size limit gives the same refusal from the system.
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4'096, 4'096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const auto written = write(folder_, {2'000, "test", "file", {}});
    ::_exit(!written && written.error().code() == Code::io ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(entries_in(temporary_.path()), 0u);
}

TEST(NaturalOrder, compares_digit_runs_as_numbers) {
  EXPECT_TRUE(natural_less("take2", "take10"));
  EXPECT_FALSE(natural_less("take10", "take2"));
  EXPECT_TRUE(natural_less("a", "b"));
  EXPECT_TRUE(natural_less("a01", "a1") != natural_less("a1", "a01")) << "a strict total order";
  EXPECT_FALSE(natural_less("x", "x"));
  EXPECT_TRUE(natural_less("", "x"));
}

}  // namespace
}  // namespace mote::data
