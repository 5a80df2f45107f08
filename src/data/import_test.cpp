#include "mote/data/import.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "import/file_name.hpp"
#include "mote/base/file.hpp"
#include "mote/data/split.hpp"
#include "test_files.hpp"

namespace mote::data {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const fs::path kShared = MOTE_SHARED_DATA;

class ImportTest : public testing::Test {
 protected:
  fs::path put(const std::string& file, ByteSpan bytes) {
    EXPECT_TRUE(write_file(in_ / file, bytes));
    return in_ / file;
  }
  fs::path put(const std::string& file, std::string_view text) { return put(file, as_bytes(text)); }
  template <class Spec>
  ImportReport imported(const Spec& spec) {
    auto report = import(ImportSpec(spec), out_, silent_);
    if (!report) {
      ADD_FAILURE() << report.error().message();
      return {};
    }
    for (const Refusal& refusal : report->refused) refused_ += refusal.sentence() + "\n";
    return *report;
  }
  [[nodiscard]] Dataset opened() const { return Dataset::open(out_).value(); }

  SilentProgress silent_;
  TemporaryFolder temporary_ = TemporaryFolder::create().value();
  fs::path in_ = temporary_.path() / "in";
  fs::path out_ = temporary_.path() / "out";
  std::string refused_;
};

TEST_F(ImportTest, takes_idx_with_a_test_part) {
  IdxSpec spec;
  spec.images = put("train-images", make_idx(8, {5, 4, 3}, 60));
  spec.labels = put("train-labels", make_idx_labels(5));
  spec.test_images = put("test-images.gz", gzip(make_idx(8, {2, 4, 3}, 24)));
  spec.test_labels = put("test-labels.gz", gzip(make_idx_labels(2)));
  spec.label_names = {"shirt", "boot", "bag"};
  const ImportReport report = imported(spec);
  EXPECT_EQ(report.samples, 7u);
  const Dataset dataset = opened();
  EXPECT_EQ(dataset.uniform_shape(), Shape::image(4, 3, 1));
  EXPECT_THAT(dataset.about().labels, ElementsAre("shirt", "boot", "bag"));
  EXPECT_EQ(dataset.info(1).label, 1);
  EXPECT_EQ(dataset.info(1).source, "train-images#1");
  EXPECT_EQ(dataset.info(5).partition, Partition::test);
  EXPECT_EQ(dataset.view(1)[2], static_cast<std::uint8_t>((12 + 2) * 7));
  EXPECT_EQ(report.content_hash, dataset.content_hash());
  EXPECT_THAT(dataset.about().provenance, HasSubstr("train-labels"));
}

TEST_F(ImportTest, takes_idx_of_wider_types_and_color) {
  IdxSpec spec;
  Bytes idx = make_idx(0x0b, {2, 1, 2, 1}, 0);
  for (const int byte : {0x12, 0x34, 0xff, 0xfe, 0x00, 0x01, 0x80, 0x00})
    idx.push_back(static_cast<std::uint8_t>(byte));
  spec.images = put("images", idx);
  imported(spec);
  std::vector<float> values(2);
  opened().to_floats(0, values);
  EXPECT_THAT(values, ElementsAre(0x1234, -2));
  opened().to_floats(1, values);
  EXPECT_THAT(values, ElementsAre(1, -32768));
  EXPECT_EQ(opened().info(0).label, -1);
}

TEST_F(ImportTest, takes_wav_of_every_encoding_and_names_by_pattern) {
  put("7_theo_3.wav", make_wav());
  put("7_ann_12.wav", make_wav({1, 1, 8'000, 24, Bytes(300, 2)}));
  put("8_ann_4.wav", make_wav({3, 1, 8'000, 32, float_bytes({0.5f, -2.0f, 1.0f})}));
  put("8_bob_9.wav", make_wav({1, 2, 8'000, 16, {0, 1, 0, 3, 0xfe, 0xff, 0xff, 0xff}}));
  put("8_bob_10.wav", make_wav({1, 1, 8'000, 8, Bytes(10, 128)}));
  put("notes.txt", "x");
  AudioSpec spec;
  spec.folder = in_;
  spec.naming = {Naming::Label::pattern, "{label}_{group}_{index}.wav", "index < 5"};
  const ImportReport report = imported(spec);
  EXPECT_EQ(refused_, "");
  EXPECT_EQ(report.files_used, 5u);
  EXPECT_EQ(report.files_ignored, 1u);
  const Dataset dataset = opened();
  EXPECT_EQ(dataset.about().rate_hz, 8'000);
  EXPECT_THAT(dataset.about().groups, ElementsAre("ann", "bob", "theo"));
  EXPECT_EQ(dataset.info(1).source, "7_theo_3.wav");
  EXPECT_EQ(dataset.info(1).partition, Partition::test);
  EXPECT_EQ(dataset.info(0).partition, Partition::train);
  std::vector<float> floats(3);
  dataset.to_floats(2, floats);
  EXPECT_THAT(floats, ElementsAre(16384, -32768, 32767));
  std::vector<float> mixed(2);
  dataset.to_floats(4, mixed);
  EXPECT_THAT(mixed, ElementsAre(512, -2)) << "(256 + 768) / 2 and -1.5, rounded away from zero";
}

TEST_F(ImportTest, keeps_channels_when_asked) {
  put("a/x.wav", make_wav({1, 2, 8'000, 16, Bytes(8, 1)}));
  AudioSpec spec;
  spec.folder = in_;
  spec.channels = AudioSpec::Channels::keep;
  imported(spec);
  EXPECT_EQ(opened().info(0).shape, Shape::sequence(2, 2));
  EXPECT_THAT(opened().about().labels, ElementsAre("a"));
}

TEST_F(ImportTest, one_bad_file_does_not_lose_the_others) {
  put("a/1.wav", make_wav());
  put("a/2.wav", cut(make_wav(), 700));
  put("b/3.wav", make_wav());
  put("b/4.wav", make_wav({1, 1, 16'000, 16, Bytes(8, 1)}));
  AudioSpec spec;
  spec.folder = in_;
  const ImportReport report = imported(spec);
  EXPECT_EQ(report.samples, 2u);
  EXPECT_EQ(refused_,
            "a/2.wav: byte 4: the WAV header says 844 bytes, the file has 700\n"
            "b/4.wav: has 16000 Hz, a/1.wav has 8000 Hz; resample it first\n");
}

TEST_F(ImportTest, takes_png_and_jpeg) {
  put("cat/1.png", make_png(4, 6, 3));
  put("cat/2.jpg", make_jpeg(9, 5, 3));
  put("dog/3.PNG", make_png(4, 6, 1));
  put("dog/4.png", make_png(4, 6, 4));
  ImageSpec spec;
  spec.folder = in_;
  spec.channels = 3;
  imported(spec);
  EXPECT_EQ(refused_, "");
  const Dataset dataset = opened();
  ASSERT_EQ(dataset.size(), 4u);
  EXPECT_TRUE(std::ranges::equal(dataset.view(0), make_pixels(4 * 6 * 3)));
  EXPECT_EQ(dataset.info(1).shape, Shape::image(9, 5, 3));
  EXPECT_NEAR(dataset.view(1)[0], 100, 2);
  EXPECT_EQ(dataset.view(2)[3], make_pixels(24)[1]) << "gray becomes three equal channels";
}

TEST_F(ImportTest, cuts_series_into_windows_that_never_span_recordings) {
  put("walk.csv", "t,x,y\n0,1,2\n10,3,4\n20,5,6\n30,7,8\n40,9,10\n\n50,11,12\n60,13,14\n70,15,16\n");
  put("rest.csv", "t,x,y\r\n0,\"1\",-2e-1\r\n10,+3,4\r\n20,5,6\r\n");
  SeriesSpec spec;
  spec.path = in_;
  spec.time_column = "t";
  spec.time_scale = 1e-3;
  spec.window_rows = 2;
  spec.stride_rows = 1;
  const ImportReport report = imported(spec);
  EXPECT_EQ(refused_, "");
  const Dataset dataset = opened();
  EXPECT_EQ(dataset.size(), 2u + 4u + 2u);
  EXPECT_NEAR(dataset.about().rate_hz, 100, 1e-6);
  EXPECT_THAT(dataset.about().labels, ElementsAre("rest", "walk"));
  EXPECT_THAT(dataset.about().groups, ElementsAre("rest.csv", "walk.csv", "walk.csv#2"));
  EXPECT_EQ(dataset.info(6).source, "walk.csv:8");
  std::vector<float> values(4);
  dataset.to_floats(0, values);
  EXPECT_THAT(values, ElementsAre(1, -0.2f, 3, 4));
  dataset.to_floats(6, values);
  EXPECT_THAT(values, ElementsAre(11, 12, 13, 14));
  EXPECT_EQ(report.rows_left_over, 3u) << "with a stride of 1, the last row of each recording begins no window";
}

TEST_F(ImportTest, takes_series_labels_and_groups_from_columns) {
  const auto path =
      put("all.tsv", "1\t5\ta\tann\n2\t5\ta\tann\n3\t5\tb\tann\n4\t5\tb\tbob\n5\t5\tb\tbob\n6\t5\tb\tbob\n");
  SeriesSpec spec;
  spec.path = path;
  spec.header = SeriesSpec::Header::no;
  spec.label = SeriesSpec::Label::column;
  spec.label_column = "#3";
  spec.group = SeriesSpec::Group::column;
  spec.group_column = "#4";
  spec.window_rows = 3;
  imported(spec);
  Dataset dataset = opened();
  ASSERT_EQ(dataset.size(), 2u);
  EXPECT_EQ(dataset.info(0).label, 0) << "a, by majority";
  EXPECT_EQ(dataset.info(1).group, 1);
  EXPECT_EQ(dataset.info(0).shape, Shape::sequence(3, 2));
  spec.mixed = MixedLabels::drop;
  EXPECT_EQ(imported(spec).windows_dropped, 1u);
  EXPECT_EQ(opened().size(), 1u);
}

TEST_F(ImportTest, skips_rows_when_the_stride_is_longer_than_the_window) {
  SeriesSpec spec;
  spec.path = put("x.csv", "1\n2\n3\n4\n5\n6\n7\n");
  spec.window_rows = 2;
  spec.stride_rows = 3;
  imported(spec);
  std::vector<float> values(2);
  ASSERT_EQ(opened().size(), 2u);
  opened().to_floats(1, values);
  EXPECT_THAT(values, ElementsAre(4, 5));
}

TEST_F(ImportTest, a_recording_can_be_one_sample) {
  SeriesSpec spec;
  spec.path = put("x.csv", "a,b\n1,2\n3,4\n5,6\n");
  spec.label = SeriesSpec::Label::none;
  imported(spec);
  EXPECT_EQ(opened().info(0).shape, Shape::sequence(3, 2));
  EXPECT_EQ(opened().info(0).label, -1);
}

TEST_F(ImportTest, a_broken_series_file_leaves_no_window) {
  put("good.csv", "a\n1\n2\n3\n4\n");
  put("late.csv", "a\n1\n2\n3\n4\nx\n");
  put("short.csv", "a\n1\n");
  SeriesSpec spec;
  spec.path = in_;
  spec.window_rows = 2;
  EXPECT_EQ(imported(spec).samples, 2u);
  EXPECT_EQ(refused_,
            "late.csv: line 6, column 1 (a): 'x' is not a number\n"
            "short.csv: line 2: the recording ends after 1 rows, a window needs 2\n");
  EXPECT_THAT(opened().about().labels, ElementsAre("good"));
}

TEST_F(ImportTest, takes_strokes_and_refuses_single_ones) {
  std::string bad = make_strokes({"1", "2"});
  bad.replace(bad.find("0.25"), 4, "null");
  put("ann_0.json", bad);
  put("bob_1.json", make_strokes({"3"}));
  StrokesSpec spec;
  spec.path = in_;
  spec.naming.pattern = "{group}_{*}.json";
  EXPECT_EQ(imported(spec).samples, 2u);
  EXPECT_EQ(refused_, "ann_0.json: strokes[0]: strokePoints[1].x is missing or not a finite number\n");
  EXPECT_EQ(opened().info(0).source, "ann_0.json#1");
  EXPECT_THAT(opened().about().groups, ElementsAre("ann", "bob"));
}

TEST_F(ImportTest, equal_sources_give_equal_hashes_wherever_they_lie) {
  for (const char* place : {"one", "two"}) {
    put(std::string(place) + "/a/1.wav", make_wav());
    put(std::string(place) + "/b/2.wav", make_wav());
  }
  AudioSpec spec;
  spec.folder = in_ / "one";
  const Digest one = imported(spec).content_hash;
  spec.folder = in_ / "two";
  EXPECT_EQ(imported(spec).content_hash, one);
}

TEST_F(ImportTest, stops_when_asked_and_leaves_nothing) {
  struct Impatient final : Progress {
    void note(std::string_view) override {}
    void step(std::string_view, std::uint64_t, std::uint64_t, std::string_view) override {}
    bool cancelled() const override { return true; }
  } impatient;
  AudioSpec spec;
  put("a/1.wav", make_wav());
  spec.folder = in_;
  EXPECT_EQ(import_audio(spec, out_, impatient).error().code(), Code::cancelled);
  EXPECT_FALSE(fs::exists(out_));
}

TEST(FileName, matches_patterns_from_the_end_of_the_path) {
  const auto match = [](std::string_view pattern, std::string_view path) {
    const auto found = NamePattern::parse(pattern).value().match(path);
    return found ? std::string(found->label) + "|" + std::string(found->group) + "|" + std::string(found->index)
                 : std::string("no");
  };
  EXPECT_EQ(match("{label}_{group}_{index}.wav", "x/y/0_theo_12.wav"), "0|theo|12");
  EXPECT_EQ(match("{label}_{group}_{index}", "0_theo_12.flac"), "0|theo|12");
  EXPECT_EQ(match("{group}/{label}/{*}", "data/ann/yes/3.wav"), "yes|ann|");
  EXPECT_EQ(match("{label}_{index}", "left_hand_4.wav"),
            "left|"
            "|hand_4")
      << "fields take as little as they can";
  EXPECT_EQ(match("{group}/{label}/{*}", "yes/3.wav"), "no");
  EXPECT_EQ(match("{label}_{index}.wav", "_3.wav"), "no");
  EXPECT_EQ(match("{*}a{*}a{*}a{*}a{*}b", std::string(4'000, 'a')), "no") << "in bounded time";
  for (const char* bad : {"", "{label", "{speaker}_{label}", "{label}{index}", "{label}_{label}"}) {
    EXPECT_FALSE(NamePattern::parse(bad)) << bad;
  }
}

TEST(FileName, test_rules_compare_numbers_and_names) {
  const auto part = [](const char* rule, const char* path) {
    const auto naming = NamingRule::create({Naming::Label::pattern, "{label}_{group}_{index}", rule});
    return naming ? std::string(name(naming->role(path)->partition)) : naming.error().message();
  };
  EXPECT_EQ(part("index < 5", "a_b_4.wav"), "test");
  EXPECT_EQ(part("index < 5", "a_b_5.wav"), "train");
  EXPECT_EQ(part("index >= 10", "a_b_9.wav"), "train");
  EXPECT_EQ(part("group == theo", "a_theo_1.wav"), "test");
  EXPECT_EQ(part("group != theo", "a_theo_1.wav"), "train");
  EXPECT_THAT(part("index 5", "a_b_1.wav"), HasSubstr("not of the form"));
  EXPECT_THAT(part("index < five", "a_b_1.wav"), HasSubstr("not of the form"));
}

class RealData : public ImportTest {
 protected:
  void SetUp() override {
    if (!fs::exists(kShared)) GTEST_SKIP() << "the development data is not here: " << kShared;
  }
};

TEST_F(RealData, fashion_mnist) {
  const fs::path folder = kShared / "image" / "fashion_mnist";
  IdxSpec spec;
  spec.images = folder / "train10k-images-idx3-ubyte.gz";
  spec.labels = folder / "train10k-labels-idx1-ubyte.gz";
  spec.test_images = folder / "t10k-images-idx3-ubyte.gz";
  spec.test_labels = folder / "t10k-labels-idx1-ubyte.gz";
  imported(spec);
  const Dataset dataset = opened();
  EXPECT_EQ(dataset.size(), 20'000u);
  EXPECT_EQ(dataset.uniform_shape(), Shape::image(28, 28, 1));
  const Split split = make_split(dataset, {SplitByHint{}, 1}).value();
  EXPECT_EQ(split.test().size(), 10'000u);
  EXPECT_THAT(split.class_counts(Part::test), testing::Each(1'000u));
}

TEST_F(RealData, spoken_digits_with_six_speakers) {
  AudioSpec spec;
  spec.folder = kShared / "audio" / "fsdd";
  spec.naming = {Naming::Label::pattern, "{label}_{group}_{index}.wav", "index < 5"};
  const auto start = std::chrono::steady_clock::now();
  imported(spec);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  RecordProperty("seconds", std::to_string(seconds.count()));
  EXPECT_EQ(refused_, "");
  const Dataset dataset = opened();
  EXPECT_EQ(dataset.size(), 3'000u);
  EXPECT_EQ(dataset.about().rate_hz, 8'000);
  EXPECT_THAT(dataset.about().groups, ElementsAre("george", "jackson", "lucas", "nicolas", "theo", "yweweler"));
  EXPECT_THAT(dataset.class_counts(), testing::Each(300u));
  EXPECT_EQ(make_split(dataset, {SplitByHint{}, 1})->test().size(), 300u);
  for (unsigned fold = 0; fold < 6; ++fold) {
    const Split split = make_split(dataset, {SplitLeaveOneGroupOut{fold, 0}, 1}).value();
    EXPECT_EQ(split.test().size(), 500u);
    EXPECT_EQ(verify(dataset, split)->shared_groups, 0u);
  }
  SilentProgress silent;
  EXPECT_TRUE(dataset.verify(silent));
}

TEST_F(RealData, magic_wand_strokes) {
  StrokesSpec spec;
  spec.path = kShared / "motion" / "magic_wand_digits";
  const ImportReport report = imported(spec);
  EXPECT_EQ(refused_, "");
  EXPECT_EQ(report.files_used, 10u);
  EXPECT_EQ(opened().size(), 1'000u);
  EXPECT_THAT(opened().class_counts(), testing::Each(100u));
  EXPECT_EQ(opened().view(0).size() % 8, 0u);
}

TEST_F(RealData, six_axis_gestures_with_blank_lines_between_takes) {
  SeriesSpec spec;
  spec.path = kShared / "motion" / "gesture_punch";
  spec.window_rows = 119;
  const ImportReport report = imported(spec);
  EXPECT_EQ(refused_, "");
  EXPECT_EQ(report.samples, 17u + 18u);
  EXPECT_EQ(report.rows_left_over, 0u);
  EXPECT_EQ(opened().about().groups.size(), 35u);
  EXPECT_EQ(opened().info(0).shape, Shape::sequence(119, 6));
}

TEST_F(RealData, a_stream_with_time_stamps) {
  SeriesSpec spec;
  spec.path = kShared / "anomaly" / "nab" / "data" / "realTraffic" / "occupancy_6005.csv";
  spec.time_column = "timestamp";
  spec.window_rows = 12;
  spec.stride_rows = 6;
  imported(spec);
  EXPECT_NEAR(opened().about().rate_hz, 1 / 300.0, 2e-3);
}

}  // namespace
}  // namespace mote::data
