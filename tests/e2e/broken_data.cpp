// Broken data files, datasets, splits and features.

#include "broken_input.hpp"
#include "sample_files.hpp"

namespace mote::e2e {
namespace {

using Prepare = std::function<void(const Sandbox&)>;

/// Replaces one file by a changed form of itself.
Prepare changed(std::string file, std::function<Bytes(Bytes)> change) {
  return [file = std::move(file), change = std::move(change)](const Sandbox& box) {
    box.put(file, change(box.get(file)));
  };
}

Prepare cut_to(std::string file, std::size_t size) {
  return changed(std::move(file), [size](Bytes bytes) { return cut(std::move(bytes), size); });
}

Prepare text(std::string file, std::string content) {
  return [file = std::move(file), content = std::move(content)](const Sandbox& box) { box.put(file, content); };
}

Prepare bytes(std::string file, Bytes content) {
  return [file = std::move(file), content = std::move(content)](const Sandbox& box) { box.put(file, content); };
}

constexpr const char* kIdx = "data import idx idx/images.idx --labels idx/labels.idx --out kept";

std::vector<BrokenInput> idx() {
  return {
      {"idx_images_are_truncated", kIdx, 1, {"images.idx", "byte"}, cut_to("idx/images.idx", 1000)},
      {"idx_header_is_truncated", kIdx, 1, {"images.idx"}, cut_to("idx/images.idx", 7)},
      {"idx_file_is_empty", kIdx, 1, {"images.idx"}, bytes("idx/images.idx", {})},
      {"idx_magic_is_wrong",
       kIdx,
       1,
       {"images.idx", "byte 0"},
       changed("idx/images.idx", [](Bytes b) { return patched(b, 0, {1}); })},
      {"idx_type_is_unknown",
       kIdx,
       1,
       {"images.idx", "byte 2"},
       changed("idx/images.idx", [](Bytes b) { return patched(b, 2, {0x77}); })},
      {"idx_sizes_multiply_beyond_64_bits",
       kIdx,
       1,
       {"images.idx"},
       changed("idx/images.idx",
               [](Bytes b) {
                 return patched(b, 4, {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255});
               })},
      {"idx_has_fewer_labels_than_images",
       kIdx,
       1,
       {"labels.idx", "23", "24"},
       [](const Sandbox& box) { box.put("idx/labels.idx", make_idx_labels(23, 3)); }},
      {"idx_labels_are_pictures",
       "data import idx idx/images.idx --labels idx/images.idx --out kept",
       1,
       {"images.idx"},
       {}},
      {"idx_labels_are_missing",
       "data import idx idx/images.idx --labels idx/nothing.idx --out kept",
       1,
       {"idx/nothing.idx"},
       {}},
      {"idx_label_has_no_name",
       "data import idx idx/images.idx --labels idx/labels.idx --label-names a,b --out kept",
       1,
       {"labels.idx", "name"},
       {}},
      {"idx_images_are_a_folder", "data import idx idx --labels idx/labels.idx --out kept", 1, {"idx"}, {}},
      {"idx_gzip_is_broken",
       "data import idx idx/images.gz --out kept",
       1,
       {"images.gz"},
       bytes("idx/images.gz", {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 9, 9, 9})},
  };
}

std::vector<BrokenInput> audio() {
  const std::string import = "data import audio one --label-from none --out kept";
  return {
      {"wav_header_promises_more_than_there_is",
       import,
       1,
       {"a.wav", "byte"},
       [](const Sandbox& box) {
         box.put("one/a.wav", patched(make_wav(100, 8'000, 10), 40, {0, 0, 0, 0x7f}));
       }},
      {"wav_rate_is_zero",
       import,
       1,
       {"a.wav"},
       [](const Sandbox& box) {
         box.put("one/a.wav", patched(make_wav(100, 8'000, 10), 24, {0, 0, 0, 0}));
       }},
      {"wav_has_no_samples",
       import,
       1,
       {"a.wav"},
       [](const Sandbox& box) { box.put("one/a.wav", make_wav(0, 8'000, 10)); }},
      {"wav_is_truncated_in_its_header",
       import,
       1,
       {"a.wav"},
       [](const Sandbox& box) { box.put("one/a.wav", cut(make_wav(100, 8'000, 10), 30)); }},
      {"wav_is_garbage", import, 1, {"a.wav"}, [](const Sandbox& box) { box.put("one/a.wav", garbage(300, 1)); }},
      {"audio_folder_is_missing", import, 1, {"one"}, {}},
      {"audio_folder_has_no_audio", "data import audio idx --label-from none --out kept", 1, {"idx"}, {}},
      {"audio_rate_fits_no_file",
       "data import audio wav --pattern {label}_{group}_{index}.wav --rate-hz 16000 --out kept",
       1,
       {"16000"},
       {}},
      {"pattern_has_an_unknown_field",
       "data import audio wav --pattern {label}_{colour}.wav --out kept",
       2,
       {"colour"},
       {}},
      {"pattern_fits_no_file", "data import audio wav --pattern {label}-{index}.flac --out kept", 1, {".wav"}, {}},
      {"test_condition_is_no_condition",
       "data import audio wav --pattern {label}_{group}_{index}.wav --test-when 'index near 5' --out kept",
       2,
       {"index near 5"},
       {}},
      {"only_labels_fit_no_file",
       "data import audio wav --pattern {label}_{group}_{index}.wav --only-labels perhaps --out kept",
       1,
       {"no_ann_0.wav", "'no'"},
       {}},
      {"label_from_is_no_choice",
       "data import audio wav --label-from moon --out kept",
       2,
       {"--label-from", "moon"},
       {}},
  };
}

std::vector<BrokenInput> pictures() {
  const std::string import = "data import images one --label-from none --out kept";
  return {
      {"png_is_truncated",
       import,
       1,
       {"a.png"},
       [](const Sandbox& box) { box.put("one/a.png", cut(make_png(6, 5, 1), 60)); }},
      {"png_checksum_is_wrong",
       import,
       1,
       {"a.png"},
       [](const Sandbox& box) {
         box.put("one/a.png", patched(make_png(6, 5, 1), 16, {0x7f, 0xff}));
       }},
      {"jpeg_is_a_text", import, 1, {"a.jpg"}, text("one/a.jpg", "this is no picture")},
      {"channels_are_no_number",
       "data import images pictures --channels gray --out kept",
       2,
       {"--channels", "gray"},
       {}},
  };
}

std::vector<BrokenInput> series() {
  const std::string import = "data import series one.csv --label-column label --time-column t --out kept";
  return {
      {"csv_has_a_nan", import, 1, {"one.csv", "line 3"}, text("one.csv", "t,x,label\n0,1,a\n1,nan,a\n2,3,a\n")},
      {"csv_has_text_for_a_number", import, 1, {"one.csv", "line 2"}, text("one.csv", "t,x,label\n0,much,a\n1,2,a\n")},
      {"csv_row_is_short", import, 1, {"one.csv", "line 3"}, text("one.csv", "t,x,label\n0,1,a\n1\n")},
      {"csv_time_goes_back", import, 1, {"one.csv", "line 3"}, text("one.csv", "t,x,label\n5,1,a\n1,2,a\n")},
      {"csv_lacks_a_column",
       "data import series walks.csv --time-column t --label-column mood --out kept",
       1,
       {"walks.csv", "mood"},
       {}},
      {"csv_window_is_longer_than_the_recording",
       "data import series walks.csv --time-column t --label-column activity --group-column person --window 500 --out "
       "kept",
       1,
       {"walks.csv"},
       {}},
      {"csv_is_empty", import, 1, {"one.csv"}, text("one.csv", "")},
      {"csv_is_missing", import, 1, {"one.csv"}, {}},
      {"series_window_is_no_number",
       "data import series walks.csv --window wide --out kept",
       2,
       {"--window", "wide"},
       {}},
  };
}

std::vector<BrokenInput> strokes() {
  const std::string import = "data import strokes one.json --out kept";
  return {
      {"strokes_are_no_json", import, 1, {"one.json"}, text("one.json", "{\"strokes\":[")},
      {"strokes_are_missing_in_the_json", import, 1, {"one.json"}, text("one.json", "{\"lines\":[]}")},
      {"stroke_has_a_text_for_a_coordinate",
       import,
       1,
       {"one.json", "strokes[0]"},
       text("one.json", R"({"strokes":[{"label":"a","strokePoints":[{"x":"left","y":0},{"x":1,"y":0}]}]})")},
      {"stroke_has_one_point",
       import,
       1,
       {"one.json", "strokes[0]"},
       text("one.json", R"({"strokes":[{"label":"a","strokePoints":[{"x":1,"y":0}]}]})")},
  };
}

std::vector<BrokenInput> places() {
  return {
      {"import_would_replace_a_folder_of_the_user", "data import idx idx/images.idx --out wav", 2, {"wav"}, {}},
      {"import_would_replace_a_file", "data import idx idx/images.idx --out walks.csv", 2, {"walks.csv"}, {}},
      {"import_goes_below_a_file", "data import idx idx/images.idx --out walks.csv/set", 1, {"walks.csv"}, {}},
      {"disk_is_full_during_import",
       "data import idx idx/images.idx --labels idx/labels.idx --out kept",
       1,
       {"kept"},
       {},
       full_disk()},
      {"source_cannot_be_read", "data import idx /proc/self/mem --out kept", 1, {"/proc/self/mem"}, {}},
      {"kind_is_missing", "data import --out kept", 2, {}, {}},
      {"kind_is_unknown", "data import video films --out kept", 2, {"video"}, {}},
      {"out_is_missing", "data import idx idx/images.idx", 2, {"--out"}, {}},
  };
}

std::vector<BrokenInput> datasets() {
  return {
      {"dataset_index_is_garbage", "data show kept", 1, {"kept"}, bytes("kept/index", garbage(500, 8))},
      {"dataset_index_is_cut_off",
       "data show kept",
       1,
       {"kept"},
       changed("kept/index", [](Bytes b) { return cut(b, b.size() / 2); })},
      {"dataset_samples_are_cut_off", "data show kept", 1, {"kept"}, cut_to("kept/samples.bin", 100)},
      {"dataset_samples_are_missing",
       "data split kept --rule fraction",
       1,
       {"kept"},
       [](const Sandbox& box) { std::filesystem::remove(box.folder() / "kept/samples.bin"); }},
      {"show_is_asked_of_a_file", "data show walks.csv", 1, {"walks.csv"}, {}},
      {"show_is_asked_of_another_folder", "data show wav", 1, {"wav"}, {}},
      {"show_is_asked_of_nothing", "data show nowhere", 1, {"nowhere"}, {}},
      {"sample_is_out_of_range", "data show kept --sample 24", 2, {"24"}, {}},
      {"sample_is_no_number", "data show kept --sample first", 2, {"--sample", "first"}, {}},
      {"split_rule_is_unknown", "data split kept --rule luck", 2, {"--rule", "luck"}, {}},
      {"split_option_means_nothing_to_the_rule",
       "data split kept --rule fraction --folds 3",
       2,
       {"--folds", "fraction"},
       {}},
      {"split_fraction_is_more_than_all", "data split kept --rule fraction --test 1.5", 2, {"kept", "fraction"}, {}},
      {"split_leaves_nothing_to_train", "data split kept --rule fraction --test 0.6 --validation 0.4", 2, {"kept"}, {}},
      {"split_has_more_folds_than_samples", "data split kept --rule kfold --folds 500", 2, {"500"}, {}},
      {"split_fold_does_not_exist", "data split kept --rule kfold --folds 4 --fold 4", 2, {"4"}, {}},
      {"split_has_no_groups", "data split kept --rule leave_one_group_out", 2, {"kept", "group"}, {}},
      {"split_names_an_unknown_group", "data split speech --rule groups --test-groups zoe", 2, {"zoe"}, {}},
      {"split_has_no_hint", "data split kept --rule hint", 2, {"kept"}, {}},
      {"split_goes_to_a_folder", "data split kept --rule fraction --out wav", 1, {"wav"}, {}},
      {"disk_is_full_when_the_split_is_written",
       "data split kept --rule fraction --out /proc/split.txt",
       1,
       {"/proc/split.txt"},
       {}},
  };
}

std::vector<BrokenInput> features() {
  return {
      {"feature_block_is_unknown", "features show kept --block wavelet", 2, {"--block", "wavelet"}, {}},
      {"feature_parameter_is_unknown",
       "features show kept --block mfe --set filters=3",
       2,
       {"filters", "num_filters"},
       {}},
      {"feature_parameter_is_no_number",
       "features show kept --block mfe --set num_filters=many",
       2,
       {"num_filters", "many"},
       {}},
      {"feature_parameter_is_given_twice",
       "features show kept --block mfe --set num_filters=3 --set num_filters=4",
       2,
       {"num_filters"},
       {}},
      {"feature_setting_has_no_value",
       "features show kept --block mfe --set num_filters",
       2,
       {"--set", "num_filters"},
       {}},
      {"feature_choice_is_unknown",
       "features show kept --block image --set resize_mode=stretch",
       2,
       {"resize_mode", "squash"},
       {}},
      {"feature_fft_length_is_no_power_of_two",
       "features show speech --block mfe --set fft_length=100",
       2,
       {"fft_length"},
       {}},
      {"feature_frame_is_longer_than_the_clip",
       "features show speech --block mfe --set frame_length=0.5 --set fft_length=1024",
       2,
       {"frame_length"},
       {}},
      {"feature_band_lies_beyond_half_the_rate",
       "features show speech --block mfe --set high_frequency=9000",
       2,
       {"high_frequency"},
       {}},
      {"feature_block_does_not_fit_the_data", "features show kept --block mfcc", 2, {"mfcc"}, {}},
      {"feature_crop_lies_outside", "features show kept --block image --set crop_x=9", 2, {"crop"}, {}},
      {"feature_sample_is_out_of_range", "features show kept --sample 99", 2, {"99"}, {}},
      {"features_of_pictures_of_different_sizes",
       "features show mixed --block image",
       1,
       {"mixed", "size"},
       [](const Sandbox& box) {
         box.put("mixed-files/a.png", make_png(6, 5, 1));
         box.put("mixed-files/b.png", make_png(5, 6, 1));
         static_cast<void>(
             box.mote({"data", "import", "images", "mixed-files", "--label-from", "none", "--out", "mixed"}));
       }},
      {"feature_unit_is_negative", "features show kept --unit -1", 2, {"--unit"}, {}},
  };
}

}  // namespace

std::vector<BrokenInput> broken_data() {
  std::vector<BrokenInput> all;
  for (const auto& part : {idx, audio, pictures, series, strokes, places, datasets, features}) {
    for (BrokenInput& input : part()) all.push_back(std::move(input));
  }
  return all;
}

}  // namespace mote::e2e
