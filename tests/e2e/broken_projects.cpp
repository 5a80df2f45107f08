// Broken projects: mote.toml, and what it points to.

#include <stdexcept>

#include "broken_input.hpp"
#include "sample_files.hpp"

namespace mote::e2e {
namespace {

/// Data, split and features of kSound, and of speech with a speaker who is not in it.
constexpr std::string_view kIdxData = R"(kind = "idx"
images = "../idx/images.idx"
labels = "../idx/labels.idx"

[split]
rule = "fraction"
validation = 0.1
test = 0.25

[features]
block = "image"
width = 8
)";
constexpr std::string_view kAudioData = R"(kind = "audio"
path = "../wav"
pattern = "{label}_{group}_{index}.wav"

[split]
rule = "groups"
test_groups = ["zoe"]

[features]
block = "mfe"
)";

const std::string kSound = "[project]\nname = \"shapes\"\n\n[data]\n" + std::string(kIdxData) + R"(
[target]
board = "nucleo-l4r5zi"
flash = "64 KiB"
latency = "50 ms"

[model]
architecture = "mlp"
hidden = [8]

[train]
epochs = 1
)";

/// project/mote.toml with one piece replaced.
BrokenInput project(std::string name, const std::string& from, const std::string& to, int exit_code,
                    std::vector<std::string> mentions, std::string command = "run project") {
  const auto prepare = [from, to](const Sandbox& box) {
    std::string text = kSound;
    const std::size_t at = text.find(from);
    if (at == std::string::npos) throw std::runtime_error("the sound mote.toml has no " + from);
    box.put("project/mote.toml", text.replace(at, from.size(), to));
  };
  return {std::move(name), std::move(command), exit_code, std::move(mentions), prepare, {}, "project/.mote"};
}

std::vector<BrokenInput> settings() {
  return {
      project("toml_is_no_toml", "[split]", "[split", 1, {"mote.toml:9:7"}),
      project("toml_has_a_key_twice", "epochs = 1", "epochs = 1\nepochs = 2", 1, {"mote.toml:29:10", "epochs"}),
      project("toml_has_an_unknown_key", "epochs = 1", "epoch = 1", 2, {"mote.toml", "epoch", "epochs"}),
      project("toml_has_an_unknown_section", "[train]", "[training]", 2, {"mote.toml", "training"}),
      project("toml_lacks_the_model", "[model]\narchitecture = \"mlp\"\nhidden = [8]\n", "", 1, {"mote.toml", "model"}),
      project("toml_lacks_the_board", "board = \"nucleo-l4r5zi\"\n", "", 2, {"mote.toml", "board"}),
      project("toml_number_is_a_text", "epochs = 1", "epochs = \"five\"", 1, {"mote.toml", "epochs"}),
      project("toml_number_is_out_of_range", "epochs = 1", "epochs = 0", 2, {"mote.toml", "epochs"}),
      project("toml_number_is_not_finite", "validation = 0.1", "validation = nan", 1, {"mote.toml", "validation"}),
      project("budget_has_a_wrong_unit", "64 KiB", "64 ms", 2, {"mote.toml", "flash", "KiB"}),
      project("budget_has_no_unit", "\"64 KiB\"", "\"64\"", 2, {"mote.toml", "flash"}),
      project("budget_is_zero", "64 KiB", "0 KiB", 2, {"mote.toml", "flash"}),
      project("budget_is_negative", "50 ms", "-5 ms", 2, {"mote.toml", "latency"}),
      project("budget_for_accuracy_is_beyond_all", "latency = \"50 ms\"", "accuracy = \"120 %\"", 2,
              {"mote.toml", "accuracy"}),
      project("board_is_unknown", "nucleo-l4r5zi", "nucleo-l4r5zu", 2, {"mote.toml", "nucleo-l4r5zu", "nucleo-l4r5zi"}),
      project("board_file_is_missing", "nucleo-l4r5zi", "mine.toml", 2, {"mote.toml", "mine.toml"}),
      project("architecture_is_unknown", "\"mlp\"", "\"transformer\"", 2, {"mote.toml", "transformer", "mlp"}),
      project("layer_is_negative", "[8]", "[-8]", 2, {"mote.toml", "hidden"}),
      project("block_of_the_model_is_no_block", "\"mlp\"\nhidden = [8]", "\"ds_cnn\"\nblocks = [\"24 q2\"]", 2,
              {"mote.toml", "24 q2"}),
      project("model_setting_of_another_architecture", "hidden = [8]", "blocks = [\"24 s2\"]", 2,
              {"mote.toml", "knows no 'blocks'"}),
      project("kind_of_data_is_unknown", "\"idx\"", "\"video\"", 2, {"mote.toml", "video", "idx"}),
      project("feature_of_the_project_is_unknown", "block = \"image\"", "block = \"wavelet\"", 2,
              {"mote.toml", "wavelet"}),
      project("feature_parameter_of_another_block", "width = 8", "num_filters = 8", 2, {"mote.toml", "num_filters"}),
      project("split_rule_of_the_project_is_unknown", "\"fraction\"", "\"luck\"", 2, {"mote.toml", "luck"}),
      project("override_is_no_override", "epochs", "epochs", 2, {"--set", "nonsense"}, "run project --set nonsense"),
      project("override_is_out_of_range", "epochs", "epochs", 2, {"epochs"}, "run project --set train.epochs=-3"),
      project("override_names_no_key", "epochs", "epochs", 2, {"epoks"}, "run project --set train.epoks=3"),
  };
}

std::vector<BrokenInput> content() {
  return {
      project("data_path_is_missing", "images.idx", "picture.idx", 1, {"picture.idx"}),
      project("data_path_is_a_folder", "../idx/images.idx", "../wav", 1, {"wav"}),
      project("split_wants_groups_that_the_source_has_not", "rule = \"fraction\"\nvalidation = 0.1\ntest = 0.25",
              "rule = \"groups\"\ntest_groups = [\"zoe\"]", 2, {"group"}),
      project("split_names_a_group_that_is_not_there", std::string(kIdxData), std::string(kAudioData), 2, {"zoe"}),
      project("split_has_no_hint_in_the_source", "rule = \"fraction\"\nvalidation = 0.1\ntest = 0.25",
              "rule = \"hint\"", 2, {"test"}),
      project("split_takes_everything", "test = 0.25", "test = 0.95", 2, {"test"}),
      project("features_do_not_fit_the_data", "block = \"image\"\nwidth = 8", "block = \"mfcc\"", 2, {"mfcc"}),
  };
}

std::vector<BrokenInput> around() {
  const auto sound = [](const Sandbox& box) { box.put("project/mote.toml", kSound); };
  return {
      {"project_is_not_there", "run nowhere", 1, {"nowhere"}, {}},
      {"project_file_is_a_folder",
       "run project",
       1,
       {"mote.toml"},
       [](const Sandbox& box) { box.put("project/mote.toml/file", std::string_view("x")); }},
      {"project_file_is_garbage",
       "run project",
       1,
       {"mote.toml"},
       [](const Sandbox& box) { box.put("project/mote.toml", garbage(500, 9)); }},
      {"project_is_new_where_one_is", "new project", 2, {"mote.toml"}, sound},
      {"project_cannot_be_made_below_a_file", "new walks.csv", 1, {"walks.csv"}, {}},
      {"why_is_asked_of_no_project", "why 1234 --project nowhere", 1, {"nowhere"}, {}},
      {"store_cannot_be_written",
       "run project",
       1,
       {".mote"},
       [sound](const Sandbox& box) {
         sound(box);
         box.put("project/.mote", std::string_view("a file where a folder should be"));
       }},
  };
}

}  // namespace

std::vector<BrokenInput> broken_projects() {
  std::vector<BrokenInput> all;
  for (const auto& part : {settings, content, around}) {
    for (BrokenInput& input : part()) all.push_back(std::move(input));
  }
  return all;
}

}  // namespace mote::e2e
