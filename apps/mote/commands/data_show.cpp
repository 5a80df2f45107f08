// `mote data show`: what is in a dataset, at a glance.

#include <fmt/format.h>

#include <algorithm>

#include "data_commands.hpp"
#include "drawing.hpp"
#include "mote/data/dataset.hpp"
#include "sample_drawing.hpp"
#include "text_table.hpp"

namespace mote::app {
namespace {

struct Options {
  std::string folder;
  std::optional<std::size_t> sample;
};

/// Smallest and largest number of steps of sequences.
struct Lengths {
  std::uint32_t shortest = 0;
  std::uint32_t longest = 0;
};

Lengths lengths_of(const data::Dataset& dataset) {
  Lengths lengths{dataset.info(0).shape.dims[0], 0};
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    const std::uint32_t steps = dataset.info(i).shape.dims[0];
    lengths.shortest = std::min(lengths.shortest, steps);
    lengths.longest = std::max(lengths.longest, steps);
  }
  return lengths;
}

std::string shape_text(const data::Dataset& dataset) {
  if (const auto shape = dataset.uniform_shape()) return shape->text();
  if (dataset.about().modality == data::Modality::image) return "differs";
  const Lengths lengths = lengths_of(dataset);
  return fmt::format("{}..{}x{}", lengths.shortest, lengths.longest, dataset.info(0).shape.dims[1]);
}

std::string duration_text(const data::Dataset& dataset) {
  const double rate_hz = dataset.about().rate_hz;
  const Lengths lengths = lengths_of(dataset);
  const double shortest = lengths.shortest / rate_hz, longest = lengths.longest / rate_hz;
  return shortest == longest ? fmt::format("{:.3g} s", longest)
                             : fmt::format("{:.3g} s to {:.3g} s", shortest, longest);
}

std::array<std::size_t, 3> partition_counts(const data::Dataset& dataset) {
  std::array<std::size_t, 3> counts{};
  for (std::size_t i = 0; i < dataset.size(); ++i) ++counts[static_cast<std::size_t>(dataset.info(i).partition)];
  return counts;
}

std::size_t count_in(const std::array<std::size_t, 3>& counts, data::Partition partition) {
  return counts[static_cast<std::size_t>(partition)];
}

std::string count_table(const std::string& title, const std::vector<std::string>& names,
                        const std::vector<std::size_t>& counts) {
  if (names.empty()) return {};
  constexpr std::size_t kBarCells = 24;
  constexpr std::size_t kMostRows = 60;
  const std::size_t largest = std::max<std::size_t>(1, *std::max_element(counts.begin(), counts.end()));
  TextTable table({{fmt::format("{} ({})", title, names.size())}, {"samples", Align::right}, {""}});
  for (std::size_t i = 0; i < std::min(names.size(), kMostRows); ++i) {
    table.add({names[i], grouped(counts[i]),
               draw_bar(static_cast<double>(counts[i]) / static_cast<double>(largest), kBarCells)});
  }
  std::string text = "\n" + table.text();
  if (names.size() > kMostRows) text += fmt::format("and {} more; --json lists all\n", names.size() - kMostRows);
  return text;
}

/// "audio importer, 2026-01-31T10:00:00Z, 3,000 source files"; the text may be of any later version of mote, so nothing
/// is taken for granted.
std::string provenance_text(const Json& provenance) {
  if (!provenance.is_object()) return "not recorded";
  const auto text = [&](const char* key) {
    const auto it = provenance.find(key);
    return it != provenance.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  const auto sources = provenance.find("sources");
  const std::size_t files = sources != provenance.end() && sources->is_array() ? sources->size() : 0;
  return fmt::format("{} importer, {}", text("importer"), counted(files, "source file"));
}

std::string summary_text(const data::Dataset& dataset, const Json& provenance) {
  const data::DatasetInfo& about = dataset.about();
  const auto partitions = partition_counts(dataset);
  std::string text = fmt::format("{}: {}, {}, {} {}", about.name, data::name(about.modality),
                                 counted(dataset.size(), "sample"), data::name(about.element), shape_text(dataset));
  if (about.rate_hz > 0) text += fmt::format(" at {:g} Hz, {}", about.rate_hz, duration_text(dataset));
  text += "\n";
  text += fmt::format("  stored    {} in {}\n", byte_text(dataset.samples_bytes()), dataset.folder().string());
  text += fmt::format("  content   {}\n", dataset.content_hash().hex());
  text += fmt::format("  made by   {}\n", provenance_text(provenance));
  if (count_in(partitions, data::Partition::none) < dataset.size()) {
    text +=
        fmt::format("  source's  train part {}, test part {}\n", grouped(count_in(partitions, data::Partition::train)),
                    grouped(count_in(partitions, data::Partition::test)));
  }
  return text + count_table("class", about.labels, dataset.class_counts()) +
         count_table("group", about.groups, dataset.group_counts());
}

Json counts_json(const std::vector<std::string>& names, const std::vector<std::size_t>& counts) {
  Json list = Json::array();
  for (std::size_t i = 0; i < names.size(); ++i) list.push_back({{"name", names[i]}, {"count", counts[i]}});
  return list;
}

Json summary_json(const data::Dataset& dataset, const Json& provenance) {
  const data::DatasetInfo& about = dataset.about();
  const auto partitions = partition_counts(dataset);
  const auto shape = dataset.uniform_shape();
  Json json{{"dataset", dataset.folder().string()},
            {"name", about.name},
            {"modality", data::name(about.modality)},
            {"element", data::name(about.element)}};
  json["shape"] = Json();
  if (shape) json["shape"] = std::vector<std::uint32_t>(shape->dims.begin(), shape->dims.begin() + shape->rank);
  if (about.modality != data::Modality::image) {
    const Lengths lengths = lengths_of(dataset);
    json["length"] = {{"shortest", lengths.shortest}, {"longest", lengths.longest}};
  }
  json["rate_hz"] = about.rate_hz;
  json["samples"] = dataset.size();
  json["bytes"] = dataset.samples_bytes();
  json["labels"] = counts_json(about.labels, dataset.class_counts());
  json["groups"] = counts_json(about.groups, dataset.group_counts());
  json["partitions"] = {{"train", count_in(partitions, data::Partition::train)},
                        {"test", count_in(partitions, data::Partition::test)},
                        {"none", count_in(partitions, data::Partition::none)}};
  json["content_hash"] = dataset.content_hash().hex();
  json["provenance"] = provenance;
  return json;
}

Json sample_json(const data::Dataset& dataset, std::size_t i, const std::vector<float>& values) {
  const data::SampleInfo info = dataset.info(i);
  return {{"index", i},
          {"label", label_of(dataset, i)},
          {"group", group_of(dataset, i)},
          {"partition", data::name(info.partition)},
          {"source", std::string(info.source)},
          {"shape", std::vector<std::uint32_t>(info.shape.dims.begin(), info.shape.dims.begin() + info.shape.rank)},
          {"digest", dataset.sample_digest(i).hex()},
          {"values", values}};
}

Result<Outcome> show(const Options& options) {
  MOTE_TRY(const data::Dataset dataset, data::Dataset::open(options.folder));
  Json provenance = Json::parse(dataset.about().provenance, nullptr, false);
  if (provenance.is_discarded()) provenance = nullptr;
  Outcome out{summary_text(dataset, provenance), summary_json(dataset, provenance)};
  if (options.sample) {
    MOTE_TRY(const std::vector<float> values, sample_values(dataset, *options.sample));
    out.text += "\n" + draw_sample(dataset, *options.sample, values);
    out.json["sample"] = sample_json(dataset, *options.sample, values);
  }
  return out;
}

}  // namespace

Command data_show_command() {
  return {"data show", "what is in a dataset: shapes, classes, groups, origin", "mote data show digits --sample 12",
          [](CLI::App& app) -> Action {
            auto options = std::make_shared<Options>();
            app.add_option("dataset", options->folder, "folder of the dataset")->required();
            app.add_option("--sample", options->sample, "draw this sample; they are numbered from 0");
            return [options](Progress&) { return show(*options); };
          }};
}

}  // namespace mote::app
