#include "mote/registry/store.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>

#include "mote/base/file.hpp"
#include "mote/registry/file_digests.hpp"

namespace mote::registry {
namespace {

namespace fs = std::filesystem;

class StoreTest : public testing::Test {
 protected:
  Store open(Access access = Access::write) {
    auto store = Store::open(project(), access);
    if (!store) throw std::runtime_error(store.error().message());
    return std::move(*store);
  }
  [[nodiscard]] fs::path project() const { return folder_.path(); }
  [[nodiscard]] fs::path write(const fs::path& relative, std::string_view text) const {
    EXPECT_TRUE(write_file(project() / relative, text));
    return project() / relative;
  }
  [[nodiscard]] fs::path object(const Digest& id) const {
    return project() / ".mote/objects" / id.hex().substr(0, 2) / id.hex().substr(2);
  }
  /// Changes one byte and hides it from sizes and times, as a failing disk does.
  void rot(const Digest& id) const {
    const fs::path path = object(id);
    struct stat before {};
    ASSERT_EQ(::stat(path.c_str(), &before), 0);
    fs::permissions(path, fs::perms::owner_all);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const char flipped = static_cast<char>(file.get() ^ 1);
    file.seekp(0);
    file.put(flipped);
    file.close();
    const std::array<timespec, 2> times{before.st_atim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times.data(), 0), 0);
  }
  static StepRecord record(std::string step, std::string_view key, std::vector<InputRecord> inputs,
                           std::vector<OutputRecord> outputs) {
    StepRecord made;
    made.key = sha256(key);
    made.step = std::move(step);
    made.version = "1";
    made.inputs = std::move(inputs);
    made.outputs = std::move(outputs);
    return made;
  }

  TemporaryFolder folder_ = TemporaryFolder::create("mote-store").value();
};

TEST_F(StoreTest, keeps_a_file_under_its_hash) {
  Store store = open();
  const fs::path file = write("weights.bin", "abc");
  const Artifact artifact = store.put(file, Transfer::copy).value();
  EXPECT_EQ(artifact, (Artifact{sha256("abc"), Kind::file, 3}));
  EXPECT_TRUE(fs::exists(file));
  EXPECT_EQ(read_text(store.path_of(artifact).value()).value(), "abc");
  EXPECT_TRUE(store.intact(artifact));
  EXPECT_TRUE(store.verify(artifact));
}

TEST_F(StoreTest, moving_consumes_the_original) {
  Store store = open();
  const fs::path file = write("weights.bin", "abc");
  const fs::path twin = write("twin.bin", "abc");
  ASSERT_TRUE(store.put(file, Transfer::move));
  EXPECT_FALSE(fs::exists(file));
  ASSERT_TRUE(store.put(twin, Transfer::move)) << "the second of two equal files is consumed as well";
  EXPECT_FALSE(fs::exists(twin));
}

TEST_F(StoreTest, gives_a_folder_back_with_its_names) {
  Store store = open();
  static_cast<void>(write("set/a/1.wav", "one"));
  static_cast<void>(write("set/a/2.wav", "one"));
  static_cast<void>(write("set/b.wav", "three"));
  const Artifact expected = digest_of(project() / "set").value();
  const Artifact artifact = store.put(project() / "set", Transfer::move).value();
  EXPECT_EQ(artifact, expected);
  EXPECT_EQ(artifact.bytes, 11u);
  const fs::path view = store.path_of(artifact).value();
  EXPECT_EQ(read_text(view / "a/2.wav").value(), "one");
  EXPECT_EQ(digest_of(view).value(), expected);
  EXPECT_TRUE(store.verify(artifact));
}

TEST_F(StoreTest, an_empty_folder_is_an_artifact) {
  Store store = open();
  fs::create_directories(project() / "set");
  const Artifact artifact = store.put(project() / "set", Transfer::copy).value();
  EXPECT_TRUE(fs::is_directory(store.path_of(artifact).value()));
}

TEST_F(StoreTest, a_folder_of_many_files_is_whole) {
  Store store = open();
  for (int i = 0; i < 200; ++i) static_cast<void>(write("set/" + std::to_string(i), std::to_string(i)));
  const Artifact artifact = store.put(project() / "set", Transfer::move).value();
  EXPECT_TRUE(store.verify(artifact));
  EXPECT_FALSE(fs::exists(project() / "set"));
}

TEST_F(StoreTest, a_view_that_somebody_changed_is_made_again) {
  Store store = open();
  static_cast<void>(write("set/a.wav", "one"));
  const Artifact artifact = store.put(project() / "set", Transfer::copy).value();
  const fs::path view = store.path_of(artifact).value();
  fs::remove(view / "a.wav");
  EXPECT_TRUE(fs::exists(store.path_of(artifact).value() / "a.wav"));
  ASSERT_TRUE(write_file(view / "extra.wav", std::string_view("x")));
  EXPECT_FALSE(fs::exists(store.path_of(artifact).value() / "extra.wav"));
}

TEST_F(StoreTest, refuses_links_in_folders_it_should_own) {
  Store store = open();
  static_cast<void>(write("set/a.wav", "one"));
  fs::create_symlink("/etc/passwd", project() / "set/link");
  const auto put = store.put(project() / "set", Transfer::move);
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().code(), Code::invalid_argument);
}

TEST_F(StoreTest, an_object_that_was_written_to_is_found_without_being_asked) {
  Store store = open();
  const Artifact artifact = store.put(write("w.bin", "abc"), Transfer::copy).value();
  fs::permissions(object(artifact.id), fs::perms::owner_all);
  std::ofstream(object(artifact.id)) << "abd";
  EXPECT_FALSE(store.intact(artifact));
  EXPECT_FALSE(fs::exists(object(artifact.id))) << "a damaged object makes room for a good one";
}

TEST_F(StoreTest, an_object_that_lost_only_its_time_stamp_is_kept) {
  Store store = open();
  const Artifact artifact = store.put(write("w.bin", "abc"), Transfer::copy).value();
  fs::last_write_time(object(artifact.id), fs::file_time_type::clock::now());
  EXPECT_TRUE(store.intact(artifact));
}

TEST_F(StoreTest, rot_is_found_before_use) {
  Store store = open();
  const Artifact artifact = store.put(write("w.bin", "abc"), Transfer::copy).value();
  rot(artifact.id);
  EXPECT_TRUE(store.intact(artifact)) << "listing trusts size and time";
  const auto verified = store.verify(artifact);
  ASSERT_FALSE(verified);
  EXPECT_EQ(verified.error().code(), Code::malformed);
  EXPECT_NE(verified.error().message().find(artifact.id.short_hex()), std::string::npos);
  EXPECT_FALSE(store.intact(artifact));
  EXPECT_FALSE(store.read(artifact.id));
}

TEST_F(StoreTest, check_names_every_damaged_object) {
  Store store = open();
  const Artifact good = store.put_bytes(as_bytes("good")).value();
  const Artifact bad = store.put_bytes(as_bytes("bad")).value();
  rot(bad.id);
  const auto findings = store.check().value();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_NE(findings[0].find(bad.id.short_hex()), std::string::npos);
  EXPECT_TRUE(store.verify(good));
}

TEST_F(StoreTest, exports_copies_that_the_user_may_change) {
  Store store = open();
  static_cast<void>(write("set/a/1.wav", "one"));
  const Artifact folder = store.put(project() / "set", Transfer::copy).value();
  const Artifact file = store.put_bytes(as_bytes("model")).value();
  ASSERT_TRUE(store.export_to(file, project() / "out/model.tflite"));
  ASSERT_TRUE(store.export_to(folder, project() / "out/set"));
  EXPECT_EQ(read_text(project() / "out/model.tflite").value(), "model");
  std::ofstream(project() / "out/set/a/1.wav") << "changed";
  EXPECT_TRUE(store.verify(folder));
  EXPECT_FALSE(store.export_to(folder, project() / "out/set")) << "an existing folder is not overwritten";
  ASSERT_TRUE(store.export_to(file, project() / "out/model.tflite")) << "an existing file is";
}

TEST_F(StoreTest, finds_committed_records_after_reopening_and_the_latest_wins) {
  const Artifact one{sha256("1"), Kind::file, 1};
  const Artifact two{sha256("2"), Kind::file, 1};
  {
    Store store = open();
    ASSERT_TRUE(store.commit(record("train", "k", {}, {{"weights", one, "w"}})));
    ASSERT_TRUE(store.commit(record("train", "k", {}, {{"weights", two, "w"}})));
  }
  const Store store = open(Access::read);
  EXPECT_EQ(store.find(sha256("k"))->outputs[0].artifact, two);
  EXPECT_EQ(store.latest("train")->outputs[0].artifact, two);
  EXPECT_EQ(store.records().size(), 2u) << "history is kept";
  EXPECT_FALSE(store.find(sha256("other")));
}

TEST_F(StoreTest, refuses_step_names_that_would_break_the_log) {
  Store store = open();
  for (const char* name : {"", "two words", "a/b", "a\nb"})
    EXPECT_FALSE(store.commit(record(name, "k", {}, {}))) << name;
}

TEST_F(StoreTest, cuts_off_a_half_written_line_at_every_length) {
  std::string whole;
  {
    Store store = open();
    ASSERT_TRUE(store.commit(record("a", "a", {}, {})));
    ASSERT_TRUE(store.commit(record("b", "b", {}, {})));
    whole = read_text(store.folder() / "lineage").value();
  }
  const std::size_t first = whole.find('\n') + 1;
  for (std::size_t size = first; size < whole.size(); ++size) {
    ASSERT_TRUE(write_file(project() / ".mote/lineage", whole.substr(0, size)));
    {
      Store store = open();
      EXPECT_TRUE(store.find(sha256("a")));
      EXPECT_FALSE(store.find(sha256("b")));
      EXPECT_TRUE(store.take_notes().empty()) << "an interrupted write is no damage";
      ASSERT_TRUE(store.commit(record("c", "c", {}, {})));
    }
    EXPECT_TRUE(open(Access::read).find(sha256("c"))) << size;
  }
}

TEST_F(StoreTest, a_damaged_line_costs_only_itself_and_is_reported_once) {
  {
    Store store = open();
    for (const char* step : {"a", "b", "c"}) ASSERT_TRUE(store.commit(record(step, step, {}, {})));
  }
  std::string text = read_text(project() / ".mote/lineage").value();
  text[text.find('\n') + 40] ^= 1;
  ASSERT_TRUE(write_file(project() / ".mote/lineage", text));
  {
    Store store = open();
    EXPECT_TRUE(store.find(sha256("a")));
    EXPECT_FALSE(store.find(sha256("b")));
    EXPECT_TRUE(store.find(sha256("c")));
    EXPECT_EQ(store.take_notes().size(), 1u);
  }
  EXPECT_TRUE(open().take_notes().empty());
}

TEST_F(StoreTest, one_writer_at_a_time_and_the_refusal_names_it) {
  const Store store = open();
  const auto second = Store::open(project(), Access::write);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::cancelled);
  EXPECT_NE(second.error().message().find("process " + std::to_string(::getpid())), std::string::npos)
      << second.error().message();
  EXPECT_TRUE(Store::open(project(), Access::read)) << "reading goes on";
}

TEST_F(StoreTest, the_lock_of_a_killed_process_is_free) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto store = Store::open(project(), Access::write);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(Store::open(project(), Access::write));
}

TEST_F(StoreTest, reading_a_project_that_was_never_run_says_so) {
  const auto store = Store::open(project(), Access::read);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code(), Code::not_found);
  EXPECT_FALSE(fs::exists(project() / ".mote")) << "reading makes nothing";
}

TEST_F(StoreTest, refuses_a_store_of_another_version_untouched) {
  static_cast<void>(write(".mote/format", "mote store 2\n"));
  const auto store = Store::open(project(), Access::write);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code(), Code::unsupported);
  static_cast<void>(write(".mote/format", "hello"));
  EXPECT_EQ(Store::open(project(), Access::write).error().code(), Code::malformed);
}

TEST_F(StoreTest, aliases_move_and_keep_their_history) {
  Store store = open();
  ASSERT_TRUE(store.set_alias("champion", sha256("1")));
  ASSERT_TRUE(store.set_alias("champion", sha256("2")));
  EXPECT_EQ(store.aliases().at("champion"), sha256("2"));
  EXPECT_EQ(store.alias_history("champion"), (std::vector{sha256("1"), sha256("2")}));
  for (const char* bad : {"", "cafe", "0123", "two words", "a\n"})
    EXPECT_FALSE(store.set_alias(bad, sha256("1"))) << bad;
}

TEST_F(StoreTest, garbage_is_what_nothing_refers_to) {
  Store store = open();
  static_cast<void>(write("set/a.wav", "member"));
  const Artifact folder = store.put(project() / "set", Transfer::copy).value();
  const Artifact old = store.put_bytes(as_bytes("old weights")).value();
  const Artifact named = store.put_bytes(as_bytes("named weights")).value();
  const Artifact current = store.put_bytes(as_bytes("weights")).value();
  const Artifact stray = store.put_bytes(as_bytes("stray")).value();
  ASSERT_TRUE(store.commit(record("data", "d", {}, {{"set", folder, "set"}})));
  ASSERT_TRUE(store.commit(record("train", "0", {{"set", folder, ""}}, {{"weights", named, "w"}})));
  ASSERT_TRUE(store.commit(record("train", "1", {{"set", folder, ""}}, {{"weights", old, "w"}})));
  ASSERT_TRUE(store.commit(record("train", "2", {{"set", folder, ""}}, {{"weights", current, "w"}})));
  ASSERT_TRUE(store.set_alias("champion", named.id));

  const Garbage first = store.collect_garbage(Keep::every_record).value();
  EXPECT_EQ(first.objects, 1u);
  EXPECT_EQ(first.bytes, 5u);
  EXPECT_FALSE(store.intact(stray));
  EXPECT_TRUE(store.intact(old));

  EXPECT_EQ(store.collect_garbage(Keep::latest_of_each_step)->objects, 1u);
  EXPECT_FALSE(store.intact(old));
  for (const Artifact& kept : {folder, named, current}) EXPECT_TRUE(store.verify(kept));
}

}  // namespace
}  // namespace mote::registry
