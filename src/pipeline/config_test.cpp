#include "mote/pipeline/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <regex>

#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"

namespace mote::pipeline {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kGood = R"(# A project.
[data]
kind = "idx"
images = "data/train.gz"
classes = ["a", "b"]

[train]
epochs = 20
learning_rate = 0.01
seed = 7

[train.augment]
shift = 2

[target]
board = "nucleo-l4r5zi"
flash = "64 KiB"
latency = "50 ms"
tolerance = "3 %"

[[model.layers]]
kind = "conv"
filters = 8
[[model.layers]]
kind = "dense"
filters = 10
)";

/// What an application does: reads everything, then asks for leftovers.
Result<void> read_all(Config& config) {
  MOTE_TRY(Section data, config.section("data"));
  MOTE_TRY_VOID(data.one_of("kind", {"idx", "audio", "images", "csv", "strokes"}));
  MOTE_TRY_VOID(data.path("images"));
  MOTE_TRY_VOID(data.find<std::vector<std::string>>("classes"));
  MOTE_TRY(Section train, config.optional_section("train"));
  MOTE_TRY_VOID(train.get<int>("epochs", 10, {1, 100'000}));
  MOTE_TRY_VOID(train.get<double>("learning_rate", 0.1, {0.0, 10.0}));
  MOTE_TRY_VOID(train.get<std::int64_t>("seed", 1));
  MOTE_TRY_VOID(train.get<bool>("mixup", false));
  MOTE_TRY(Section augment, train.section("augment"));
  MOTE_TRY_VOID(augment.get<int>("shift", 0, {0, 8}));
  MOTE_TRY(Section target, config.section("target"));
  MOTE_TRY_VOID(target.require<std::string>("board"));
  MOTE_TRY_VOID(target.bytes("flash"));
  MOTE_TRY_VOID(target.milliseconds("latency", "100 ms"));
  MOTE_TRY_VOID(target.ratio("tolerance", "5 %"));
  MOTE_TRY(Section model, config.optional_section("model"));
  MOTE_TRY(std::vector<Section> layers, model.sections("layers"));
  for (Section& layer : layers) {
    MOTE_TRY_VOID(layer.require<std::string>("kind"));
    MOTE_TRY_VOID(layer.require<int>("filters", {1, 1024}));
  }
  return config.finish();
}

Result<void> read_text_as_config(std::string_view text) {
  MOTE_TRY(Config config, Config::parse(text, "mote.toml"));
  return read_all(config);
}

std::string replaced(std::string_view from, std::string_view to) {
  std::string text(kGood);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Config, reads_values_of_every_type) {
  Config config = Config::parse(kGood, "project/mote.toml").value();
  Section data = config.section("data").value();
  EXPECT_EQ(data.one_of("kind", {"idx", "audio"}).value(), "idx");
  EXPECT_EQ(data.path("images").value(), "project/data/train.gz");
  EXPECT_EQ(data.require<std::vector<std::string>>("classes").value(), (std::vector<std::string>{"a", "b"}));
  Section train = config.section("train").value();
  EXPECT_EQ(train.get<int>("epochs", 1).value(), 20);
  EXPECT_EQ(train.get<double>("seed", 1).value(), 7.0) << "a whole number is a number";
  EXPECT_EQ(train.get<std::string>("optimizer", "adam").value(), "adam");
  Section target = config.section("target").value();
  EXPECT_EQ(target.bytes("flash").value(), 65536u);
  EXPECT_DOUBLE_EQ(target.milliseconds("latency").value(), 50);
  EXPECT_DOUBLE_EQ(target.ratio("tolerance").value(), 0.03);
  EXPECT_EQ(target.bytes("ram", "24 KiB").value(), 24576u);
  EXPECT_FALSE(target.find_quantity("energy", Unit::microjoules).value());
  auto layers = config.section("model")->sections("layers").value();
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[1].require<int>("filters").value(), 10);
}

TEST(Config, accepts_the_good_file) {
  const auto read = read_text_as_config(kGood);
  EXPECT_TRUE(read) << read.error().message();
}

const std::regex kPlace("^mote\\.toml:[0-9]+:[0-9]+: ");

struct Broken {
  std::string what;
  std::string text;
  std::string place;   ///< line, and column where it is ours and not the TOML library's
  std::string phrase;  ///< has to be in the sentence
};

std::vector<Broken> broken_inputs() {
  return {
      {"unterminated string", replaced("\"idx\"", "\"idx"), "3", "not valid TOML"},
      {"no value", replaced("epochs = 20", "epochs ="), "8", "not valid TOML"},
      {"no equals sign", replaced("epochs = 20", "epochs 20"), "8", "not valid TOML"},
      {"unclosed section", replaced("[train]", "[train"), "7", "not valid TOML"},
      {"header that toml++ asserts on", replaced("[train]", "[[[train]]]"), "7", "not valid TOML"},
      {"header of a byte that toml++ asserts on", replaced("[train]", "[\x80]"), "7", "not valid TOML"},
      {"unclosed list", replaced("[\"a\", \"b\"]", "[\"a\", \"b\""), "7", "not valid TOML"},
      {"duplicate key", replaced("seed = 7", "epochs = 7"), "10", "epochs"},
      {"duplicate section", std::string(kGood) + "[train]\n", "27", "train"},
      {"two values on a line", replaced("seed = 7", "seed = 7 8"), "10", "not valid TOML"},
      {"leading zero", replaced("seed = 7", "seed = 07"), "10", "not valid TOML"},
      {"number beyond 64 bits", replaced("seed = 7", "seed = 99999999999999999999"), "10", "not valid TOML"},
      {"byte that is no UTF-8", replaced("board = \"nucleo", "board = \"\xff\xfe"), "16", "not valid TOML"},
      {"zero byte", replaced("seed = 7", std::string_view("seed = \0", 8)), "10", "not valid TOML"},
      {"bad escape", replaced("\"idx\"", "\"i\\qdx\""), "3", "not valid TOML"},
      {"unknown key with a near one", replaced("epochs = 20", "epohcs = 20"), "8:1",
       "[train] knows no 'epohcs'; did you mean 'epochs'?"},
      {"unknown key with none near", replaced("epochs = 20", "xyzzy = 20"), "8:1", "known are "},
      {"unknown key in a section inside", replaced("shift = 2", "shfit = 2"), "13:1", "did you mean 'shift'?"},
      {"unknown key in a list of sections", replaced("filters = 10", "filters = 10\nfitlers = 3"), "27:1", "filters"},
      {"unknown section", replaced("[train]", "[trian]"), "7:2", "did you mean 'train'?"},
      {"key outside any section", "epochs = 3\n" + std::string(kGood), "1:1", "knows no 'epochs'"},
      {"text for a number", replaced("epochs = 20", "epochs = \"20\""), "8:10", "is a text, but a whole number"},
      {"fraction for a whole number", replaced("epochs = 20", "epochs = 20.0"), "8:10", "a number with a fraction"},
      {"number for a text", replaced("\"nucleo-l4r5zi\"", "5"), "16:9", "but a text in quotes is expected"},
      {"date for a text", replaced("\"nucleo-l4r5zi\"", "2024-01-01"), "16:9", "is a date"},
      {"text for true or false", replaced("seed = 7", "mixup = \"yes\""), "10:9", "but true or false is expected"},
      {"list with a stranger in it", replaced("\"b\"]", "3]"), "5:11", "a list of texts"},
      {"section for a value", replaced("epochs = 20", "epochs = {a = 1}"), "8:10", "is a section"},
      {"value for a section",
       "train = 5\n" +
           replaced("[train]\nepochs = 20\nlearning_rate = 0.01\nseed = 7\n\n[train.augment]\nshift = 2\n", ""),
       "1:9", "a section [train] is expected"},
      {"table for a list of sections",
       replaced("[[model.layers]]\nkind = \"conv\"\nfilters = 8\n[[model.layers]]", "[model.layers]"), "21:1",
       "[[model.layers]]"},
      {"not a number", replaced("0.01", "nan"), "9:17", "a finite number"},
      {"infinite", replaced("0.01", "inf"), "9:17", "a finite number"},
      {"below the range", replaced("epochs = 20", "epochs = 0"), "8:10", "is 0; it must be between 1 and 100000"},
      {"above the range", replaced("epochs = 20", "epochs = 100001"), "8:10", "between 1 and 100000"},
      {"beyond 32 bits", replaced("epochs = 20", "epochs = 5000000000"), "8:10", "within 32 bits"},
      {"not one of the words", replaced("\"idx\"", "\"idy\""), "3:8", "did you mean \"idx\"?"},
      {"empty path", replaced("\"data/train.gz\"", "\"\""), "4:10", "is no path"},
      {"missing key", replaced("board = \"nucleo-l4r5zi\"\n", ""), "15:1", "[target] needs 'board'"},
      {"missing section",
       replaced("[target]\nboard = \"nucleo-l4r5zi\"\nflash = \"64 KiB\"\nlatency = \"50 ms\"\ntolerance = \"3 %\"\n",
                ""),
       "1:1", "the section [target] is missing"},
      {"negative budget", replaced("64 KiB", "-64 KiB"), "17:9", "must be above zero"},
      {"zero budget", replaced("64 KiB", "0 KiB"), "17:9", "must be above zero"},
      {"budget without a unit", replaced("\"64 KiB\"", "\"64\""), "17:9", "has no unit"},
      {"bare number as a budget", replaced("\"64 KiB\"", "65536"), "17:9", "write it like \"64 KiB\""},
      {"unit of another kind", replaced("64 KiB", "64 ms"), "17:9", "does not fit here"},
      {"nonsense as a unit", replaced("50 ms", "50 parsec"), "18:11", "us, µs, ms, s"},
      {"ratio above one", replaced("3 %", "300 %"), "19:13", "within 0 % and 100 %"},
      {"empty file", "", "1:1", "the section [data] is missing"},
  };
}

TEST(Config, refuses_every_broken_input_with_place_and_reason_in_one_sentence) {
  for (const Broken& broken : broken_inputs()) {
    const auto read = read_text_as_config(broken.text);
    ASSERT_FALSE(read) << broken.what;
    const std::string& message = read.error().message();
    EXPECT_THAT(message, testing::StartsWith("mote.toml:" + broken.place + ":")) << broken.what;
    EXPECT_TRUE(std::regex_search(message, kPlace)) << broken.what << ": " << message;
    EXPECT_THAT(message, HasSubstr(broken.phrase)) << broken.what;
    EXPECT_THAT(message, Not(HasSubstr("\n"))) << broken.what;
    EXPECT_LT(message.size(), 400u) << broken.what;
  }
}

TEST(Config, damaged_bytes_are_read_or_refused_with_a_place) {
  Rng rng(11);
  for (int round = 0; round < 5000; ++round) {
    std::string text(kGood);
    for (std::uint64_t n = 1 + rng.below(3); n > 0; --n)
      text[rng.below(text.size())] = static_cast<char>(rng.below(256));
    const auto read = read_text_as_config(text);
    if (read) continue;
    ASSERT_TRUE(std::regex_search(read.error().message(), kPlace)) << read.error().message();
  }
}

TEST(Config, random_bytes_are_refused) {
  Rng rng(12);
  for (int round = 0; round < 300; ++round) {
    std::string text(rng.below(300), '\0');
    for (char& c : text) c = static_cast<char>(rng.below(256));
    EXPECT_FALSE(read_text_as_config(text));
  }
}

class ConfigFile : public testing::Test {
 protected:
  [[nodiscard]] std::string load_error(const std::filesystem::path& path) const {
    const auto config = Config::load(path);
    EXPECT_FALSE(config);
    const std::string message = config ? "" : config.error().message();
    EXPECT_THAT(message, testing::StartsWith(path.string()));
    EXPECT_THAT(message, Not(HasSubstr("\n")));
    return message;
  }
  TemporaryFolder folder_ = TemporaryFolder::create("mote-config").value();
};

TEST_F(ConfigFile, refuses_what_is_no_file) {
  EXPECT_THAT(load_error(folder_.path() / "nothing.toml"), HasSubstr("no such file"));
  EXPECT_THAT(load_error(folder_.path()), HasSubstr("is no file"));
  EXPECT_THAT(load_error("/dev/zero"), HasSubstr("is no file"));
}

TEST_F(ConfigFile, refuses_ten_megabytes_quickly) {
  ASSERT_TRUE(write_file(folder_.path() / "big.toml", std::string(10 << 20, '#')));
  EXPECT_THAT(load_error(folder_.path() / "big.toml"), HasSubstr("at most 1048576"));
}

TEST_F(ConfigFile, refuses_binary_junk_with_a_place) {
  ASSERT_TRUE(write_file(folder_.path() / "junk.toml", std::string("\x7f"
                                                                   "ELF\x02\x01\x01\0\0\0",
                                                                   10)));
  EXPECT_THAT(load_error(folder_.path() / "junk.toml"), HasSubstr("junk.toml:1:1: not valid TOML"));
}

TEST_F(ConfigFile, refuses_deep_nesting_instead_of_overflowing_the_stack) {
  ASSERT_TRUE(write_file(folder_.path() / "deep.toml", "a = " + std::string(100'000, '[')));
  EXPECT_THAT(load_error(folder_.path() / "deep.toml"), HasSubstr("not valid TOML"));
}

TEST_F(ConfigFile, takes_windows_line_ends_and_a_byte_order_mark) {
  ASSERT_TRUE(write_file(folder_.path() / "dos.toml", std::string_view("\xef\xbb\xbf[train]\r\nepochs = 3\r\n")));
  Config config = Config::load(folder_.path() / "dos.toml").value();
  EXPECT_EQ(config.section("train")->get<int>("epochs", 1).value(), 3);
}

TEST(ConfigSet, overrides_adds_and_makes_sections) {
  Config config = Config::parse(kGood, "mote.toml").value();
  ASSERT_TRUE(config.set("train.epochs", "2"));
  ASSERT_TRUE(config.set("train.mixup", "true"));
  ASSERT_TRUE(config.set("search.time", "\"1 min\""));
  ASSERT_TRUE(config.set("data.kind", "audio"));
  Section train = config.section("train").value();
  EXPECT_EQ(train.get<int>("epochs", 1).value(), 2);
  EXPECT_TRUE(train.get<bool>("mixup", false).value());
  EXPECT_DOUBLE_EQ(config.section("search")->milliseconds("time").value(), 60000);
  EXPECT_EQ(config.section("data")->require<std::string>("kind").value(), "audio") << "quotes may be left out";
}

TEST(ConfigSet, errors_name_the_override_and_not_the_file) {
  Config config = Config::parse(kGood, "mote.toml").value();
  ASSERT_TRUE(config.set("train.epochs", "0"));
  const auto read = read_all(config);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message(), testing::StartsWith("--set train.epochs=0: 'train.epochs' is 0"));
}

TEST(ConfigSet, an_unknown_override_is_refused_with_the_nearest_key) {
  Config config = Config::parse(kGood, "mote.toml").value();
  ASSERT_TRUE(config.set("train.epoch", "2"));
  const auto read = read_all(config);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message(), "--set train.epoch=2: [train] knows no 'epoch'; did you mean 'epochs'?");
}

TEST(ConfigSet, refuses_odd_keys) {
  Config config = Config::parse(kGood, "mote.toml").value();
  for (const char* key : {"", ".", "train.", ".epochs", "train..epochs", "train.epochs.deeper"}) {
    EXPECT_FALSE(config.set(key, "1")) << key;
  }
}

TEST(ConfigSet, a_value_with_a_line_break_brings_no_further_keys) {
  Config config = Config::parse(kGood, "mote.toml").value();
  ASSERT_TRUE(config.set("target.board", "1\nevil = 2"));
  EXPECT_EQ(config.section("target")->require<std::string>("board").value(), "1\nevil = 2");
}

TEST(Section, finish_counts_what_every_reader_of_the_table_asked_for) {
  Config config = Config::parse("[train]\nepochs = 2\nseed = 3\n", "mote.toml").value();
  Section one = config.section("train").value();
  Section other = config.section("train").value();
  ASSERT_TRUE(one.get<int>("epochs", 1));
  EXPECT_FALSE(one.finish());
  ASSERT_TRUE(other.get<int>("seed", 1));
  EXPECT_TRUE(one.finish());
  EXPECT_TRUE(config.finish());
}

TEST(Section, refuse_puts_the_place_in_front) {
  Config config = Config::parse(kGood, "mote.toml").value();
  const Section target = config.section("target").value();
  const Result<void> refused = target.refuse("board", "names no board; see 'mote boards'");
  EXPECT_EQ(refused.error().message(), "mote.toml:16:9: 'target.board' names no board; see 'mote boards'");
}

TEST(Nearest, suggests_only_what_may_be_meant) {
  const std::vector<std::string> known{"epochs", "learning_rate", "seed"};
  EXPECT_EQ(nearest("epocsh", known), "epochs");
  EXPECT_EQ(nearest("Learning-Rate", known), "learning_rate");
  EXPECT_EQ(nearest("batch_size", known), "");
  EXPECT_EQ(nearest("", known), "");
  EXPECT_EQ(nearest(std::string(100'000, 'a'), known), "");
}

}  // namespace
}  // namespace mote::pipeline
