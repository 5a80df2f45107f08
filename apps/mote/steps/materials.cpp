#include "materials.hpp"

#include <mutex>
#include <optional>

#include "command.hpp"
#include "mote/base/file.hpp"
#include "mote/base/parallel.hpp"
#include "mote/compile/compile.hpp"

namespace mote::app {

Result<std::unique_ptr<samples::DatasetSource>> Materials::source(data::Part part,
                                                                  const samples::Augmentation& augmentation) const {
  const auto indices = split.part(part);
  return samples::DatasetSource::create(dataset, {indices.begin(), indices.end()}, extractor, gain, augmentation);
}

Result<Materials> open_materials(const Project& project, const std::filesystem::path& dataset_folder) {
  MOTE_TRY(auto dataset, data::Dataset::open(dataset_folder));
  MOTE_TRY(auto split, data::make_split(dataset, project.split.value));
  MOTE_TRY(const auto sensor,
           samples::sensor_of(dataset, project.features.value.unit, project.features.value.max_length));
  MOTE_TRY(auto extractor, features::Extractor::create(project.features.value.config, sensor));
  // A model's body was trained on features of one gain: it stays with it, whatever the new samples are like.
  double gain = 0;
  if (project.head_only.value.empty()) {
    MOTE_TRY(gain, samples::unit_gain(dataset, split.train(), extractor));
  } else {
    MOTE_TRY(const TrainedModel trained, read_trained_model(project.head_only.value));
    gain = trained.gain;
  }
  return Materials{std::move(dataset), std::move(split), std::move(extractor), gain};
}

Result<TrainedModel> read_trained_model(const std::filesystem::path& folder) {
  MOTE_TRY(graph::Graph int8, read_graph(folder / "int8.mote"));
  MOTE_TRY(const std::string text, read_text(folder / "input.json", 4096));
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("gain") || !json["gain"].is_number() || !(json["gain"].get<double>() > 0.0))
    return fail(Code::malformed, (folder / "input.json").string() + " does not say the gain of the features");
  return TrainedModel{std::move(int8), json["gain"].get<double>()};
}

std::string trained_input_text(const Materials& materials) { return Json{{"gain", materials.gain}}.dump(1) + "\n"; }

std::string materials_text(const Project& project) {
  return project.split.text + project.features.text + project.head_only.text + "features code " +
         compile::device_sources_digest("features/").short_hex() + "\n";
}

Result<features::Quantization> input_quantization(const Materials& materials, const graph::Graph& int8_model) {
  const graph::Quantization& q = int8_model.input().quantization;
  return features::quantization_for(materials.extractor.output_scale() * materials.gain, static_cast<double>(q.scale()),
                                    q.zero_point());
}

Result<Bytes> quantized_input(const samples::DatasetSource& source, std::size_t index,
                              const features::Quantization& quantization) {
  std::vector<std::int16_t> features(source.extractor().output_count());
  MOTE_TRY_VOID(source.features(index, features));
  Bytes input(features.size());
  features::quantize(features, quantization, {reinterpret_cast<std::int8_t*>(input.data()), input.size()});
  return input;
}

Result<std::vector<Bytes>> run_on_host(const graph::Graph& int8_model, const samples::DatasetSource& source,
                                       const features::Quantization& quantization, Progress& progress) {
  const std::size_t workers = core_count();
  std::vector<std::optional<graph::Executor>> executors(workers);
  std::vector<Bytes> outputs(source.size());
  std::mutex mutex;
  std::optional<Error> failure;
  std::size_t done = 0;
  const auto one = [&](std::size_t i, std::size_t worker) -> Result<void> {
    if (!executors[worker]) {
      MOTE_TRY(auto made, graph::Executor::create(int8_model));
      executors[worker].emplace(std::move(made));
    }
    MOTE_TRY(const Bytes input, quantized_input(source, i, quantization));
    outputs[i].resize(int8_model.output().size_bytes());
    return executors[worker]->run(input, outputs[i]);
  };
  parallel_for(
      source.size(),
      [&](std::size_t i, std::size_t worker) {
        auto result = one(i, worker);
        const std::scoped_lock lock(mutex);
        if (!result && !failure) failure = std::move(result).error();
        if (++done % 64 == 0 || done == source.size()) progress.step("host int8", done, source.size(), "");
      },
      workers);
  if (failure) return fail(std::move(*failure));
  return outputs;
}

Result<graph::Graph> read_graph(const std::filesystem::path& path) {
  MOTE_TRY(const std::string text, read_text(path, std::uint64_t{1} << 30));
  auto graph = graph::parse(text);
  if (!graph) return fail(std::move(graph).error(), path.filename().string());
  return graph;
}

}  // namespace mote::app
