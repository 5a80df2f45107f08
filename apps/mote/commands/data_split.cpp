// `mote data split`: what a rule makes of a dataset, and whether anything leaks between the parts.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "data_commands.hpp"
#include "mote/base/file.hpp"
#include "mote/data/split.hpp"
#include "option_types.hpp"
#include "text_table.hpp"

namespace mote::app {
namespace {

using data::Part;
constexpr std::array<Part, data::kParts> kAllParts{Part::train, Part::validation, Part::test};

struct Options {
  std::string folder, rule, out;
  std::optional<double> validation, test;
  std::optional<unsigned> folds, fold;
  std::optional<std::string> test_groups, validation_groups;
  std::uint64_t seed = 1;
};

/// A rule, the options that mean something to it, and what it becomes.
struct Rule {
  std::string name;
  std::vector<std::string> options;
  decltype(data::SplitSpec::rule) (*make)(const Options&);
};

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all{
      {"hint",
       {"--validation"},
       [](const Options& o) -> decltype(data::SplitSpec::rule) { return data::SplitByHint{o.validation.value_or(0)}; }},
      {"fraction",
       {"--validation", "--test"},
       [](const Options& o) -> decltype(data::SplitSpec::rule) {
         return data::SplitByFraction{o.validation.value_or(0.1), o.test.value_or(0.2)};
       }},
      {"kfold",
       {"--folds", "--fold", "--validation"},
       [](const Options& o) -> decltype(data::SplitSpec::rule) {
         return data::SplitKFold{o.folds.value_or(5), o.fold.value_or(0), o.validation.value_or(0)};
       }},
      {"groups",
       {"--test-groups", "--validation-groups"},
       [](const Options& o) -> decltype(data::SplitSpec::rule) {
         return data::SplitByGroup{comma_list(o.test_groups.value_or("")),
                                   comma_list(o.validation_groups.value_or(""))};
       }},
      {"group_fraction",
       {"--validation", "--test"},
       [](const Options& o) -> decltype(data::SplitSpec::rule) {
         return data::SplitByGroupFraction{o.validation.value_or(0.1), o.test.value_or(0.2)};
       }},
      {"leave_one_group_out",
       {"--fold", "--validation-groups"},
       [](const Options& o) -> decltype(data::SplitSpec::rule) {
         return data::SplitLeaveOneGroupOut{o.fold.value_or(0), 0};
       }},
  };
  return all;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// An option that the rule does not read would be a silent mistake.
Result<data::SplitSpec> spec_of(const Options& options) {
  const Rule& rule =
      *std::find_if(rules().begin(), rules().end(), [&](const Rule& r) { return r.name == options.rule; });
  const std::vector<std::pair<std::string, bool>> given{{"--validation", options.validation.has_value()},
                                                        {"--test", options.test.has_value()},
                                                        {"--folds", options.folds.has_value()},
                                                        {"--fold", options.fold.has_value()},
                                                        {"--test-groups", options.test_groups.has_value()},
                                                        {"--validation-groups", options.validation_groups.has_value()}};
  for (const auto& [option, is_given] : given) {
    if (is_given && std::find(rule.options.begin(), rule.options.end(), option) == rule.options.end()) {
      return fail(Code::invalid_argument, fmt::format("data split: {} means nothing to --rule {}, which takes {}",
                                                      option, rule.name, joined(rule.options)));
    }
  }
  data::SplitSpec spec{rule.make(options), options.seed};
  if (auto* held_out = std::get_if<data::SplitLeaveOneGroupOut>(&spec.rule);
      held_out != nullptr && options.validation_groups) {
    const std::string& text = *options.validation_groups;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), held_out->validation_groups);
    if (error != std::errc() || end != text.data() + text.size()) {
      return fail(
          Code::invalid_argument,
          fmt::format("data split: --validation-groups {}: with --rule leave_one_group_out it is a number of groups",
                      text));
    }
  }
  return spec;
}

std::string text_of(const data::Dataset& dataset, const data::Split& split, const data::SplitCheck& check) {
  TextTable table({{"class"}, {"train", Align::right}, {"validation", Align::right}, {"test", Align::right}});
  const std::vector<std::string>& labels = dataset.about().labels;
  for (std::size_t c = 0; c < labels.size(); ++c) {
    table.add({labels[c], grouped(split.class_counts(Part::train)[c]), grouped(split.class_counts(Part::validation)[c]),
               grouped(split.class_counts(Part::test)[c])});
  }
  table.add({"all", grouped(split.train().size()), grouped(split.validation().size()), grouped(split.test().size())});
  std::string text = table.text() + "\n";
  if (split.group_wise()) {
    text += "groups      whole, in one part each\n";
  } else if (check.shared_groups > 0) {
    text += fmt::format("groups      {} in more than one part ({}); --rule groups keeps them apart\n",
                        counted(check.shared_groups, "group"), joined(check.shared_group_names));
  }
  text += fmt::format("duplicates  train and test {}, train and validation {}, validation and test {}\n",
                      check.duplicates_train_test, check.duplicates_train_validation, check.duplicates_validation_test);
  return text + "split       " + split.digest().hex() + "\n";
}

Json json_of(const data::Dataset& dataset, const data::Split& split, const data::SplitCheck& check,
             const Options& options) {
  Json json{{"dataset", dataset.folder().string()},
            {"rule", options.rule},
            {"seed", options.seed},
            {"group_wise", split.group_wise()}};
  for (const Part part : kAllParts) {
    Json classes = Json::array();
    for (std::size_t c = 0; c < dataset.about().labels.size(); ++c) {
      classes.push_back({{"name", dataset.about().labels[c]}, {"count", split.class_counts(part)[c]}});
    }
    json["parts"][std::string(data::name(part))] = {{"samples", split.part(part).size()}, {"classes", classes}};
  }
  json["check"] = {{"shared_groups", check.shared_groups},
                   {"shared_group_names", check.shared_group_names},
                   {"duplicates",
                    {{"train_test", check.duplicates_train_test},
                     {"train_validation", check.duplicates_train_validation},
                     {"validation_test", check.duplicates_validation_test}}}};
  json["digest"] = split.digest().hex();
  json["out"] = options.out.empty() ? Json() : Json(options.out);
  return json;
}

Result<Outcome> split_dataset(const Options& options) {
  MOTE_TRY(const data::SplitSpec spec, spec_of(options));
  MOTE_TRY(const data::Dataset dataset, data::Dataset::open(options.folder));
  auto split = data::make_split(dataset, spec);
  if (!split) return fail(std::move(split).error(), options.folder);
  MOTE_TRY(const data::SplitCheck check, data::verify(dataset, *split));
  if (!options.out.empty()) {
    std::error_code ignored;
    const auto parent =
        std::filesystem::weakly_canonical(std::filesystem::absolute(options.out), ignored).parent_path();
    if (parent == std::filesystem::weakly_canonical(dataset.folder(), ignored)) {
      return fail(Code::invalid_argument,
                  options.out + ": lies in the dataset's own folder, which is never changed; name another place");
    }
    MOTE_TRY_VOID(write_file(options.out, split->text()));
  }
  return Outcome{text_of(dataset, *split, check), json_of(dataset, *split, check, options)};
}

Action set_up(CLI::App& app) {
  auto options = std::make_shared<Options>();
  std::vector<std::string> names;
  for (const Rule& rule : rules()) names.push_back(rule.name);
  app.add_option("dataset", options->folder, "folder of the dataset")->required();
  app.add_option("--rule", options->rule, "the rule; those with groups never put one group into two parts")
      ->check(CLI::IsMember(names))
      ->required();
  app.add_option("--validation", options->validation, "fraction for validation (hint, kfold: of what is not test)");
  app.add_option("--test", options->test, "fraction for the test");
  app.add_option("--folds", options->folds, "kfold: into how many");
  app.add_option("--fold", options->fold, "kfold, leave_one_group_out: which one is the test, from 0");
  app.add_option("--test-groups", options->test_groups, "groups: names, with commas");
  app.add_option("--validation-groups", options->validation_groups,
                 "groups: names, with commas; leave_one_group_out: how many are drawn");
  app.add_option("--seed", options->seed, "of what is drawn at random")->capture_default_str();
  app.add_option("--out", options->out, "write the sample numbers of each part to this file");
  return [options](Progress&) { return split_dataset(*options); };
}

}  // namespace

Command data_split_command() {
  return {"data split", "divide a dataset into train, validation and test, and check for leaks",
          "mote data split digits --rule groups --test-groups theo --validation-groups lucas --out split.txt", set_up};
}

}  // namespace mote::app
