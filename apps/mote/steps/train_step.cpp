#include "curves_json.hpp"
#include "materials.hpp"
#include "mote/base/file.hpp"
#include "mote/optimize/head.hpp"
#include "mote/samples/body_source.hpp"
#include "mote/train/train.hpp"
#include "steps.hpp"

namespace mote::app {
namespace {

Result<graph::Graph> make_model_for(const Project& project, const Materials& materials) {
  graph::ZooOptions options = project.model.value;
  options.input = samples::model_input_shape(materials.extractor);
  options.classes = static_cast<std::int32_t>(materials.dataset.about().labels.size());
  MOTE_TRY(graph::Graph model, graph::make_model(options));
  model.rename(project.name);
  return model;
}

/// What makes a test part easier than the world: groups on both sides, samples that stand in both.
Result<void> note_leaks(const Materials& materials, Progress& progress) {
  MOTE_TRY(const data::SplitCheck check, data::verify(materials.dataset, materials.split));
  if (check.shared_groups > 0) {
    progress.note("split: " + std::to_string(check.shared_groups) +
                  " groups have samples on both sides, so results are better than for new ones; "
                  "--set split.rule=leave_one_group_out keeps them apart");
  }
  if (check.duplicates_train_test > 0) {
    progress.note("split: " + std::to_string(check.duplicates_train_test) +
                  " test samples are also in the training part");
  }
  return {};
}

/// What follows (confusion, report, budgets on accuracy) is about classes.
Result<void> check_classifier(const graph::Graph& model, const Materials& materials) {
  const std::size_t classes = materials.dataset.about().labels.size();
  if (classes >= 2 && model.output().shape.elements() == classes) return {};
  if (classes < 2)
    return fail(Code::invalid_argument,
                "the data has " + std::to_string(classes) + " classes; 'mote run' trains classifiers of two or more");
  return fail(Code::unsupported, "the model has " + std::to_string(model.output().shape.elements()) + " outputs for " +
                                     std::to_string(classes) +
                                     " classes; 'mote run' trains classifiers: choose another model.architecture");
}

/// The last layer of an earlier run's model learns on; the model comes back as a float one.
Result<train::TrainResult> train_head(const Project& project, const train::BatchSource& training,
                                      const train::BatchSource* held_out, pipeline::Context& context) {
  MOTE_TRY(const TrainedModel trained, read_trained_model(project.head_only.value));
  MOTE_TRY(const graph::Graph real, optimize::dequantize(trained.int8));
  MOTE_TRY(const optimize::CutModel cut, optimize::cut_at_head(real));
  MOTE_TRY(const optimize::CutModel int8, optimize::cut_at_head(trained.int8));
  MOTE_TRY(const auto features, samples::BodySource::create(training, int8.body));
  std::unique_ptr<samples::BodySource> held_out_features;
  if (held_out != nullptr) {
    MOTE_TRY(held_out_features, samples::BodySource::create(*held_out, int8.body));
  }
  MOTE_TRY(train::TrainResult result, train::train(cut.head, *features, held_out_features.get(), project.train.value,
                                                   context.work(), context.progress()));
  MOTE_TRY(result.graph, optimize::with_head(real, result.graph));
  return result;
}

Result<pipeline::Outputs> train_model(const Project& project, pipeline::Context& context) {
  MOTE_TRY(const auto folder, context.input("dataset"));
  MOTE_TRY(const Materials materials, open_materials(project, folder));
  const bool head_only = !project.head_only.value.empty();
  graph::Graph model;
  if (head_only) {
    MOTE_TRY(TrainedModel trained, read_trained_model(project.head_only.value));
    model = std::move(trained.int8);
  } else {
    MOTE_TRY(model, make_model_for(project, materials));
  }
  MOTE_TRY_VOID(check_classifier(model, materials));
  MOTE_TRY_VOID(note_leaks(materials, context.progress()));
  MOTE_TRY(const auto training, materials.source(data::Part::train, project.augment.value));
  MOTE_TRY(const auto validation, materials.source(data::Part::validation));
  const train::BatchSource* held_out = validation->size() > 0 ? validation.get() : nullptr;
  MOTE_TRY(const train::TrainResult result, head_only ? train_head(project, *training, held_out, context)
                                                      : train::train(model, *training, held_out, project.train.value,
                                                                     context.work(), context.progress()));
  for (const std::string& warning : result.warnings) context.progress().note(warning);
  MOTE_TRY_VOID(write_file(context.output("float.mote"), graph::print(result.graph)));
  MOTE_TRY_VOID(write_file(context.output("split.txt"), materials.split.text()));
  MOTE_TRY_VOID(write_file(context.output("curves.json"), curves_json(result).dump(1)));
  return pipeline::Outputs{{"model", context.output("float.mote")},
                           {"split", context.output("split.txt")},
                           {"curves", context.output("curves.json")}};
}

}  // namespace

Result<void> add_train(pipeline::Graph& graph, const Project& project) {
  const std::string params = "name " + project.name + "\n" + materials_text(project) + project.model.text +
                             project.train.text + project.augment.text;
  auto run = [&project](pipeline::Context& context) { return train_model(project, context); };
  return graph.add(pipeline::make_step({"train", "2", params, {"dataset"}, {"model", "split", "curves"}}, run),
                   {{"dataset", pipeline::FromStep{"import", "dataset"}}});
}

}  // namespace mote::app
