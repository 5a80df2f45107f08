// Inputs as the world sends them: each is refused with one sentence that names file, place and reason, and nothing else
// is lost.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "index_format.hpp"
#include "mote/base/file.hpp"
#include "mote/data/import.hpp"
#include "mote/data/split.hpp"
#include "test_files.hpp"

namespace mote::data {
namespace {

namespace fs = std::filesystem;

/// About a hundred datasets are made here, each synced to the disk; in memory that costs nothing.
const int kInMemory = fs::is_directory("/dev/shm") ? ::setenv("TMPDIR", "/dev/shm", 0) : 0;

/// One broken file among sound ones.
struct Case {
  std::string name;
  std::string file;  ///< relative; what the refusal must name
  Bytes content;
  std::string place;   ///< "byte 4", "line 3, column 2", "strokes[1]"; may be empty where the whole file is the place
  std::string reason;  ///< part of the sentence
};

Bytes text(std::string_view content) {
  const ByteSpan bytes = as_bytes(content);
  return {bytes.begin(), bytes.end()};
}

/// One sentence: no line break, no period inside that ends another one, not longer than a person reads at once.
void expect_one_sentence(const std::string& sentence) {
  EXPECT_EQ(sentence.find('\n'), std::string::npos) << sentence;
  EXPECT_EQ(sentence.find(". "), std::string::npos) << sentence;
  EXPECT_FALSE(sentence.ends_with('.')) << sentence;
  EXPECT_LT(sentence.size(), 400u) << sentence;
  EXPECT_GT(sentence.size(), 20u) << sentence;
}

class BrokenInput : public testing::Test {
 protected:
  fs::path put(const std::string& file, ByteSpan bytes) {
    EXPECT_TRUE(write_file(in_ / file, bytes));
    return in_ / file;
  }
  void clear() {
    fs::remove_all(in_);
    fs::remove_all(out_);
  }
  std::string error_of(const ImportSpec& spec) {
    const auto report = import(spec, out_, silent_);
    EXPECT_FALSE(fs::exists(out_)) << "an import that failed leaves no dataset";
    if (report) return "(was accepted)";
    expect_one_sentence(report.error().message());
    return report.error().message();
  }
  /// The folder holds sound files and the broken one: the sound ones must arrive, the broken one must be listed.
  void expect_refused_alone(const ImportSpec& spec, const Case& broken, std::size_t sound_samples) {
    SCOPED_TRACE(broken.name);
    put(broken.file, broken.content);
    const auto report = import(spec, out_, silent_);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->samples, sound_samples);
    ASSERT_EQ(report->refused.size(), 1u);
    const std::string sentence = report->refused[0].sentence();
    expect_one_sentence(sentence);
    EXPECT_THAT(sentence, testing::StartsWith(broken.file));
    EXPECT_THAT(sentence, testing::HasSubstr(broken.place));
    EXPECT_THAT(sentence, testing::HasSubstr(broken.reason));
    fs::remove(in_ / broken.file);
    ++refused_;
  }

  SilentProgress silent_;
  TemporaryFolder temporary_ = TemporaryFolder::create(kInMemory == 0 ? "mote" : "mote-disk").value();
  fs::path in_ = temporary_.path() / "in";
  fs::path out_ = temporary_.path() / "out";
  std::size_t refused_ = 0;
};

TEST_F(BrokenInput, idx_files) {
  const Bytes images = make_idx(8, {6, 4, 3}, 72);
  const Bytes labels = make_idx_labels(6);
  const Bytes packed = gzip(images);
  const auto flipped_crc = [&] {
    Bytes bytes = packed;
    bytes[bytes.size() - 6] ^= 1;
    return bytes;
  };
  const auto flipped_middle = [&] {
    Bytes bytes = packed;
    bytes[10] = 0xff;
    return bytes;
  };
  Bytes longer = images;
  longer.push_back(0);
  struct Pair {
    std::string name;
    Bytes images, labels;
    std::string place, reason;
  };
  const std::vector<Pair> cases{
      {"empty file", {}, labels, "images: byte 0", "truncated in the header"},
      {"header cut", cut(images, 7), labels, "images: byte 7", "truncated in the header"},
      {"pixels cut", cut(images, 60), labels, "images: byte 60", "truncated in item 3 of 6"},
      {"no pixels", cut(images, 16), labels, "images: byte 16", "truncated in item 0 of 6"},
      {"wrong magic", patched(images, 0, {'P', 'K'}), labels, "images: byte 0", "not an IDX file"},
      {"unknown type", patched(images, 2, {0x0a}), labels, "images: byte 2", "0x0a is not an IDX element type"},
      {"no dimensions", patched(images, 3, {0}), labels, "images: byte 3", "0 dimensions"},
      {"200 dimensions", patched(images, 3, {200}), labels, "images: byte 3", "200 dimensions"},
      {"labels as images", labels, labels, "images: byte 3", "is this the label file?"},
      {"images as labels", images, images, "labels: byte 2", "is this the image file?"},
      {"no items", patched(images, 4, {0, 0, 0, 0}), labels, "images: byte 4", "is 0"},
      {"four billion items", patched(images, 4, {0xff, 0xff, 0xff, 0xff}), labels, "images: byte 4",
       "4294967295 items"},
      {"item overflow", patched(images, 8, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}), labels, "images: byte 8",
       "larger than 64 MiB"},
      {"giant item", patched(images, 8, {0, 0, 0x20, 0, 0, 0, 0x40, 0}), labels, "images: byte 12",
       "larger than 64 MiB"},
      {"bytes behind the last item", longer, labels, "images: byte 88", "more bytes follow"},
      {"too few labels", images, make_idx_labels(5), "labels: byte 4", "has 5 labels, images has 6 images"},
      {"too many labels", images, make_idx_labels(7), "labels: byte 4", "has 7 labels"},
      {"labels cut", images, cut(labels, 11), "labels: byte 11", "truncated in item 3 of 6"},
      {"gzip cut", cut(packed, packed.size() / 2), labels, "images: byte " + std::to_string(packed.size() / 2),
       "gzip data is truncated"},
      {"gzip without its trailer", cut(packed, packed.size() - 8), labels, "images: byte", "gzip data is truncated"},
      {"gzip with a wrong checksum", flipped_crc(), labels, "images: byte", "incorrect data check"},
      {"gzip broken inside", flipped_middle(), labels, "images: byte", "gzip data is broken"},
      {"gzip of nothing", gzip({}), labels, "images: byte 0", "truncated in the header"},
  };
  for (const Pair& broken : cases) {
    SCOPED_TRACE(broken.name);
    IdxSpec spec;
    spec.images = put("images", broken.images);
    spec.labels = put("labels", broken.labels);
    const std::string sentence = error_of(spec);
    EXPECT_THAT(sentence, testing::HasSubstr(broken.place));
    EXPECT_THAT(sentence, testing::HasSubstr(broken.reason));
  }
  EXPECT_GE(cases.size(), 20u);
}

TEST_F(BrokenInput, a_label_that_is_named_twice) {
  IdxSpec spec;
  spec.images = put("images", make_idx(8, {6, 4, 3}, 72));
  spec.label_names = {"a", "b", "a"};
  EXPECT_THAT(error_of(spec), testing::HasSubstr("label 'a' is named twice"));
}

TEST_F(BrokenInput, idx_test_images_of_another_size) {
  IdxSpec spec;
  spec.images = put("images", make_idx(8, {6, 4, 3}, 72));
  spec.test_images = put("test-images", make_idx(8, {2, 4, 4}, 32));
  EXPECT_THAT(error_of(spec), testing::HasSubstr("test-images: byte 8: its images are 4x4x1, those of"));
}

TEST_F(BrokenInput, idx_labels_beyond_the_names) {
  IdxSpec spec;
  spec.images = put("images", make_idx(8, {6, 4, 3}, 72));
  spec.labels = put("labels", make_idx_labels(6));
  spec.label_names = {"a", "b"};
  EXPECT_THAT(error_of(spec), testing::HasSubstr("labels: item 2: label 2 has no name, 2 names are given"));
  spec.label_names = {};
  spec.test_images = spec.images;
  EXPECT_THAT(error_of(spec), testing::HasSubstr("only one of the two"));
  spec.test_images.clear();
  spec.images = in_ / "absent";
  EXPECT_THAT(error_of(spec), testing::HasSubstr("absent: No such file"));
}

TEST_F(BrokenInput, a_gzip_bomb_is_not_unpacked) {
  Bytes bomb = make_idx(8, {6, 4, 3}, 72);
  bomb.resize(std::size_t{64} << 20);  // 64 MiB behind the six items; unpacking stops at the first byte too many
  IdxSpec spec;
  spec.images = put("images.gz", gzip(bomb));
  EXPECT_LT(fs::file_size(spec.images), 100'000u);
  EXPECT_THAT(error_of(spec), testing::HasSubstr("more bytes follow"));
}

TEST_F(BrokenInput, audio_files) {
  const Bytes wav = make_wav();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  Bytes no_data = cut(wav, 36);
  no_data = patched(no_data, 4, {28, 0, 0, 0});
  Bytes flac = text("fLaC");
  flac.resize(200, 0x55);
  const std::vector<Case> cases{
      {"empty", "x/bad.wav", {}, "byte 0", "the file is empty"},
      {"text", "x/bad.wav", text("hello, I am not a sound at all, really not"), "byte 0", "neither a WAV nor a FLAC"},
      {"only the magic", "x/bad.wav", text("RIFF"), "byte 4", "truncated in the WAV header"},
      {"RIFF of another kind", "x/bad.wav", patched(wav, 8, {'A', 'V', 'I', ' '}), "byte 0", "not a WAV file"},
      {"cut in the samples", "x/bad.wav", cut(wav, 500), "byte 4", "says 844 bytes, the file has 500"},
      {"data longer than the file", "x/bad.wav", patched(wav, 40, {0xff, 0xff, 0xff, 0x7f}), "byte 40",
       "a WAV chunk says 2147483647 bytes"},
      {"data of no size", "x/bad.wav", patched(wav, 40, {0, 0, 0, 0}), "byte 40", "no samples"},
      {"data of half a frame", "x/bad.wav", patched(wav, 40, {0x1f, 0x03, 0, 0}), "byte 40", "not whole frames"},
      {"no channels", "x/bad.wav", patched(wav, 22, {0, 0}), "byte 22", "says 0 channels"},
      {"60,000 channels", "x/bad.wav", patched(wav, 22, {0x60, 0xea}), "byte 22", "says 60000 channels"},
      {"no rate", "x/bad.wav", patched(wav, 24, {0, 0, 0, 0}), "byte 24", "says 0 Hz"},
      {"four billion hertz", "x/bad.wav", patched(wav, 24, {0xff, 0xff, 0xff, 0xff}), "byte 24", "says 4294967295 Hz"},
      {"frame size that does not fit", "x/bad.wav", patched(wav, 32, {7, 0}), "byte 32", "7 bytes a frame"},
      {"compressed", "x/bad.wav", patched(wav, 20, {0x11, 0}), "byte 20", "encoding 17 is not supported"},
      {"short format chunk", "x/bad.wav", patched(wav, 16, {8, 0, 0, 0}), "byte 20", "format chunk is too short"},
      {"no samples chunk", "x/bad.wav", no_data, "byte 36", "no chunk of samples"},
      {"samples before the format", "x/bad.wav", patched(wav, 12, {'d', 'a', 't', 'a'}), "byte 12",
       "before their format"},
      {"NaN sample", "x/bad.wav", make_wav({3, 1, 8'000, 32, float_bytes({0, 0, nan})}), "frame 2",
       "not a finite number"},
      {"infinite sample", "x/bad.wav", make_wav({3, 2, 8'000, 32, float_bytes({0, 0, 0, infinity})}), "frame 1",
       "not a finite number"},
      {"other rate", "x/bad.wav", make_wav({1, 1, 11'025, 16, Bytes(8)}), "has 11025 Hz", "resample it first"},
      {"too long", "x/bad.wav", make_wav({1, 1, 8'000, 16, Bytes(8'000 * 2 * 3)}), "byte 0", "lasts 3 s, at most 2 s"},
      {"FLAC of garbage", "x/bad.flac", flac, "byte 0", "not readable as audio"},
      {"no label folder", "zzz.wav", wav, "", "lies in no label folder"},
  };
  put("a/good.wav", wav);
  put("a/24bit.wav", make_wav({1, 1, 8'000, 24, Bytes(300, 2)}));
  AudioSpec spec;
  spec.folder = in_;
  spec.max_seconds = 2;
  for (const Case& broken : cases) expect_refused_alone(spec, broken, 2);
  EXPECT_GE(refused_, 20u);
}

TEST_F(BrokenInput, audio_settings_and_folders) {
  AudioSpec spec;
  spec.folder = in_;
  EXPECT_THAT(error_of(spec), testing::HasSubstr("there is no such file or folder"));
  fs::create_directories(in_);
  EXPECT_THAT(error_of(spec), testing::HasSubstr("has no .wav or .flac file"));
  put("a/only.wav", text("RIFF"));
  EXPECT_THAT(error_of(spec),
              testing::HasSubstr("no sample could be imported, 1 refused, the first: a/only.wav: byte 4"));
  spec.naming = {Naming::Label::pattern, "{group}_{index}.wav", ""};
  EXPECT_THAT(error_of(spec), testing::HasSubstr("has no {label}"));
  spec.naming = {Naming::Label::pattern, "{label}_{speaker}.wav", ""};
  EXPECT_THAT(error_of(spec), testing::HasSubstr("unknown field {speaker}"));
  spec.naming = {Naming::Label::folder, "", "index < 5"};
  EXPECT_THAT(error_of(spec), testing::HasSubstr("needs {index} in the file name pattern"));
  spec.naming = {Naming::Label::pattern, "{label}_{index}.wav", "index < 5"};
  EXPECT_THAT(error_of(spec), testing::HasSubstr("does not match the pattern"));
  put("a/yes_one.wav", make_wav());
  EXPECT_THAT(error_of(spec), testing::HasSubstr("does not match the pattern"));
  fs::remove(in_ / "a/only.wav");
  EXPECT_THAT(error_of(spec), testing::HasSubstr("the index 'one' in its name is not a number"));
  spec.naming = {Naming::Label::folder, "", ""};
  spec.labels = {"yes", "no"};
  EXPECT_THAT(error_of(spec), testing::HasSubstr("the label 'a' is not among the listed labels"));
  put("file", text("x"));
  spec.labels = {};
  EXPECT_THAT(import_audio(spec, in_ / "file", silent_).error().message(),
              testing::HasSubstr("exists and is not a dataset"));
  EXPECT_THAT(import_audio(spec, in_ / "file" / "set", silent_).error().message(), testing::HasSubstr("file"));
}

TEST_F(BrokenInput, unreadable_files) {
  put("a/good.wav", make_wav());
  fs::create_symlink("nowhere.wav", in_ / "a" / "dangling.wav");
  AudioSpec spec;
  spec.folder = in_;
  const auto report = import(spec, out_, silent_);
  ASSERT_TRUE(report);
  ASSERT_EQ(report->refused.size(), 1u);
  EXPECT_EQ(report->refused[0].sentence(), "a/dangling.wav: No such file or directory");
  if (::geteuid() == 0) GTEST_SKIP() << "the superuser may read everything, so permissions cannot be tried here";
  fs::permissions(put("a/secret.wav", make_wav()), fs::perms::none);
  const auto again = import(spec, out_, silent_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->refused[1].sentence(), "a/secret.wav: Permission denied");
}

TEST_F(BrokenInput, image_files) {
  const Bytes png = make_png(8, 9, 3);
  const Bytes jpeg = make_jpeg(16, 16, 3);
  Bytes flipped = png;
  // Found by fuzz_image: 16 counts whose sum is more than the 256 codes a table has room for.
  Bytes overlong_table{0xff, 0xd8, 0xff, 0xc4, 0x01, 0x22, 0x00, 0xff, 0x10};
  overlong_table.resize(4 + 0x122);
  overlong_table.insert(overlong_table.end(), jpeg.begin() + 2, jpeg.end());
  flipped[png.size() / 2] ^= 1;
  const std::vector<Case> cases{
      {"empty", "x/bad.png", {}, "byte 0", "the file is empty"},
      {"text", "x/bad.png", text("not a picture"), "byte 0", "neither a PNG nor a JPEG"},
      {"cut", "x/bad.png", cut(png, png.size() - 20), "byte 33", "truncated"},
      {"only the magic", "x/bad.png", cut(png, 8), "byte 8", "truncated"},
      {"flipped bit", "x/bad.png", flipped, "byte 33", "checksum does not match"},
      {"bomb", "x/bad.png", with_png_sides(png, 60'000, 60'000), "byte 0", "60000x60000 pixels"},
      {"no width", "x/bad.png", with_png_sides(png, 8, 0), "byte 16", "a side of 0 pixels"},
      {"more rows than data", "x/bad.png", with_png_sides(png, 1'000, 9), "byte 0", "cannot be unpacked"},
      {"JPEG without its end", "x/bad.jpg", cut(jpeg, jpeg.size() - 2), "byte " + std::to_string(jpeg.size() - 2),
       "truncated"},
      {"JPEG cut in its tables", "x/bad.jpg", cut(jpeg, 100), "byte", "truncated"},
      {"JPEG with an overlong Huffman table", "x/bad.jpg", overlong_table, "byte 6", "says 271 codes"},
      {"JPEG with a cut Huffman table",
       "x/bad.jpg",
       {0xff, 0xd8, 0xff, 0xc4, 0, 4, 0, 1, 0xff, 0xd9},
       "byte 6",
       "Huffman table is truncated"},
      {"JPEG without a picture", "x/bad.jpg", {0xff, 0xd8, 0xff, 0xd9}, "byte 2", "no picture"},
      {"other channels", "x/bad.png", make_png(8, 9, 1), "has 1 channels", "set the number of channels"},
  };
  put("a/good.png", png);
  put("a/good.jpg", jpeg);
  ImageSpec spec;
  spec.folder = in_;
  for (const Case& broken : cases) expect_refused_alone(spec, broken, 2);
}

TEST_F(BrokenInput, csv_files) {
  const std::string good = "t,x,y\n0,1,2\n1,3,4\n2,5,6\n3,7,8\n";
  const std::string huge(100'000, '7');
  const std::vector<Case> cases{
      {"empty", "bad.csv", {}, "line 1", "the file is empty"},
      {"only blank lines", "bad.csv", text("\n\n\n"), "line 1", "the file is empty"},
      {"only a header", "bad.csv", text("t,x,y\n"), "line 1", "no rows"},
      {"NaN", "bad.csv", text("t,x,y\n0,1,2\n1,nan,4\n"), "line 3, column 2 (x)", "'nan' is not a finite number"},
      {"infinity", "bad.csv", text("t,x,y\n0,1,-inf\n1,1,4\n"), "line 2, column 3 (y)",
       "'-inf' is not a finite number"},
      {"too large for a float", "bad.csv", text("t,x,y\n0,1,1e300\n1,1,4\n"), "line 2, column 3 (y)",
       "'1e300' is not a finite number"},
      {"empty cell", "bad.csv", text("t,x,y\n0,1,2\n1,,4\n"), "line 3, column 2 (x)", "the cell is empty"},
      {"not a number", "bad.csv", text("t,x,y\n0,1,2\n1,3,4 V\n"), "line 3, column 3 (y)", "'4 V' is not a number"},
      {"hexadecimal", "bad.csv", text("t,x,y\n0,0x10,2\n1,3,4\n"), "line 2, column 2 (x)", "'0x10' is not a number"},
      {"short row", "bad.csv", text("t,x,y\n0,1,2\n1,3\n"), "line 3, column 2", "2 cells, 3 are expected"},
      {"long row", "bad.csv", text("t,x,y\n0,1,2\n1,3,4,5\n"), "line 3, column 4", "4 cells, 3 are expected"},
      {"other channels", "bad.csv", text("t,x,z\n0,1,2\n"), "line 1",
       "there is no column 'y'; the columns are t, x, z"},
      {"huge cell", "bad.csv", text("t,x,y\n0,1," + huge + "\n"), "line 2, column 3", "longer than 65536 bytes"},
      {"huge quoted cell", "bad.csv", text("t,x,y\n0,1,\"" + huge + "\"\n"), "line 2, column 3",
       "longer than 65536 bytes"},
      {"open quote", "bad.csv", text("t,x,y\n0,1,\"2\n1,3,4\n"), "line 2, column 3", "no closing quote"},
      {"text behind a quote", "bad.csv", text("t,x,y\n0,1,\"2\"3\n"), "line 2, column 3", "follows the closing quote"},
      {"a million commas", "bad.csv", text("t,x,y\n" + std::string(1'000'000, ',') + "\n"), "line 2, column 4097",
       "more than 4096 cells"},
      {"time backwards", "bad.csv", text("t,x,y\n5,1,2\n4,3,4\n"), "line 3, column 1 (t)", "'4' goes backwards"},
      {"time that is none", "bad.csv", text("t,x,y\nnoon,1,2\n1,3,4\n"), "line 2, column 1 (t)",
       "neither a number nor a time"},
      {"impossible date", "bad.csv", text("t,x,y\n2015-02-30 10:00:00,1,2\n"), "line 2, column 1 (t)",
       "neither a number nor a time"},
      {"too short for a window", "bad.csv", text("t,x,y\n0,1,2\n"), "line 2", "ends after 1 rows, a window needs 2"},
      {"binary", "bad.csv", make_png(8, 9, 3), "line 1", "there is no column"},
  };
  put("a.csv", text(good));
  put("b.csv", text(good));
  SeriesSpec spec;
  spec.path = in_;
  spec.time_column = "t";
  spec.channels = {"x", "y"};
  spec.window_rows = 2;
  for (const Case& broken : cases) expect_refused_alone(spec, broken, 4);
  EXPECT_GE(refused_, 20u);
}

TEST_F(BrokenInput, csv_settings) {
  SeriesSpec spec;
  spec.path = put("x.csv", text("t,x,who,what\n0,1,ann,walk\n1,2,,walk\n"));
  spec.label = SeriesSpec::Label::column;
  EXPECT_THAT(error_of(spec), testing::HasSubstr("no label column is named"));
  spec.label_column = "label";
  EXPECT_THAT(error_of(spec),
              testing::HasSubstr("x.csv: line 1: there is no column 'label'; the columns are t, x, who, what"));
  spec.label_column = "what";
  EXPECT_THAT(error_of(spec), testing::HasSubstr("x.csv: line 2, column 3 (who): 'ann' is not a number"));
  spec.group = SeriesSpec::Group::column;
  EXPECT_THAT(error_of(spec), testing::HasSubstr("no group column is named"));
  spec.group_column = "who";
  EXPECT_THAT(error_of(spec), testing::HasSubstr("x.csv: line 3, column 3 (who): the group is empty"));
  spec.channels = {"x", "what"};
  EXPECT_THAT(error_of(spec), testing::HasSubstr("the column 'what' has two roles"));
  spec.channels = {};
  spec.stride_rows = 2;
  EXPECT_THAT(error_of(spec), testing::HasSubstr("stride_rows without window_rows"));
  spec.stride_rows = 0;
  spec.group = SeriesSpec::Group::pattern;
  EXPECT_THAT(error_of(spec), testing::HasSubstr("has no {group}"));
}

TEST_F(BrokenInput, stroke_files) {
  const std::string good = make_strokes({"1", "2"});
  const auto replaced = [&](const std::string& what, const std::string& with) {
    std::string json = good;
    json.replace(json.find(what), what.size(), with);
    return text(json);
  };
  const std::vector<Case> whole{
      {"empty", "bad.json", {}, "byte 0", "not valid JSON"},
      {"not JSON", "bad.json", text("strokes: 7"), "byte 0", "not valid JSON"},
      {"cut", "bad.json", cut(text(good), 60), "byte 60", "not valid JSON"},
      {"an array", "bad.json", text("[1,2]"), "byte 0", "an object with an array \"strokes\" is expected"},
      {"no strokes", "bad.json", text("{\"points\":[]}"), "byte 0", "there is no array \"strokes\""},
      {"strokes of a wrong type", "bad.json", text("{\"strokes\":{}}"), "byte 0", "there is no array \"strokes\""},
      {"deep nesting", "bad.json", text(std::string(200'000, '[')), "byte 200000", "not valid JSON"},
      {"not UTF-8", "bad.json", text("{\"strokes\":[\"\xff\xfe\"]}"), "byte 13", "not valid JSON"},
  };
  const std::vector<Case> single{
      {"label missing", "bad.json: strokes[0]", replaced("\"label\"", "\"lable\""), "strokes[0]", "has no \"label\""},
      {"label of a wrong type", "bad.json: strokes[0]", replaced("\"1\"", "[1]"), "strokes[0]",
       "neither a string nor an integer"},
      {"points missing", "bad.json: strokes[0]", replaced("strokePoints", "points"), "strokes[0]",
       "no array \"strokePoints\""},
      {"x is text", "bad.json: strokes[0]", replaced("0.5", "\"0.5\""), "strokePoints[0].x", "not a finite number"},
      {"y missing", "bad.json: strokes[0]", replaced("\"y\":2", "\"z\":2"), "strokePoints[1].y", "missing"},
      {"too large for a float", "bad.json: strokes[0]", replaced("0.25", "1e300"), "strokePoints[1].x",
       "not a finite number"},
  };
  put("a.json", text(good));
  StrokesSpec spec;
  spec.path = in_;
  for (const Case& broken : whole) expect_refused_alone(spec, broken, 2);
  for (const Case& broken : single) {
    SCOPED_TRACE(broken.name);
    put("bad.json", broken.content);
    const auto report = import(spec, out_, silent_);
    ASSERT_TRUE(report);
    EXPECT_EQ(report->samples, 3u) << "the other stroke of the file arrives";
    ASSERT_EQ(report->refused.size(), 1u);
    expect_one_sentence(report->refused[0].sentence());
    EXPECT_THAT(report->refused[0].sentence(), testing::StartsWith(broken.file));
    EXPECT_THAT(report->refused[0].sentence(), testing::HasSubstr(broken.place));
    EXPECT_THAT(report->refused[0].sentence(), testing::HasSubstr(broken.reason));
  }
  fs::remove_all(out_);
  EXPECT_THAT(error_of(StrokesSpec{"s", put("one.json", text(make_strokes({"1"}))), {}, {}, 10, 0}),
              testing::HasSubstr("one.json: strokes[0]: has 3 points, at least 10 are wanted"));
  EXPECT_THAT(error_of(StrokesSpec{
                  "s", put("none.json", text(R"({"strokes":[{"label":"1","strokePoints":[]}]})")), {}, {}, 2, 0}),
              testing::HasSubstr("\"strokePoints\" is empty"));
}

TEST_F(BrokenInput, splits) {
  IdxSpec spec;
  spec.images = put("images", make_idx(8, {6, 4, 3}, 72));
  spec.labels = put("labels", make_idx_labels(6));
  ASSERT_TRUE(import(spec, out_, silent_));
  const Dataset dataset = Dataset::open(out_).value();
  const std::vector<std::pair<SplitSpec, std::string>> cases{
      {{SplitByHint{}, 1}, "names no test part"},
      {{SplitByFraction{0.5, 0.6}, 1}, "together less than 1"},
      {{SplitByFraction{-0.1, 0.2}, 1}, "at least 0"},
      {{SplitByFraction{0, std::nan("")}, 1}, "at least 0"},
      {{SplitByFraction{0.01, 0.5}, 1}, "the validation part is empty"},
      {{SplitKFold{3, 0, 0}, 1}, "2 samples with the label '0' cannot be dealt to 3 folds"},
      {{SplitKFold{2, 2, 0}, 1}, "fold 2 of 2 does not exist"},
      {{SplitKFold{1, 0, 0}, 1}, "fold 0 of 1"},
      {{SplitByGroup{{"theo"}, {}}, 1}, "has no groups"},
      {{SplitLeaveOneGroupOut{0, 0}, 1}, "has no groups"},
  };
  for (const auto& [split, reason] : cases) {
    const auto made = make_split(dataset, split);
    ASSERT_FALSE(made) << reason;
    expect_one_sentence(made.error().message());
    EXPECT_THAT(made.error().message(), testing::HasSubstr(reason));
  }
}

}  // namespace
}  // namespace mote::data
