#include "curves_json.hpp"
#include "materials.hpp"
#include "mote/base/file.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/optimize/head.hpp"
#include "mote/optimize/passes.hpp"
#include "mote/samples/body_source.hpp"
#include "mote/train/calibrate.hpp"
#include "mote/train/quantized.hpp"
#include "steps.hpp"

namespace mote::app {
namespace {

struct Quantized {
  graph::Graph real, int8;
  nlohmann::ordered_json curves{{"epochs", nlohmann::ordered_json::array()}};  // of training after calibration
};

Result<Quantized> quantize_whole(const Project& project, const Materials& materials, const graph::Graph& trained,
                                 pipeline::Context& context) {
  const QuantizeSettings& settings = project.quantize.value;
  Quantized out;
  MOTE_TRY(optimize::Optimized simple, optimize::simplify(trained));
  MOTE_TRY(const auto training, materials.source(data::Part::train, project.augment.value));
  MOTE_TRY(graph::Ranges ranges, train::calibrate(simple.graph, *training, settings.calibration));
  if (settings.aware) {
    MOTE_TRY(const auto validation, materials.source(data::Part::validation));
    const train::BatchSource* held_out = validation->size() > 0 ? validation.get() : nullptr;
    MOTE_TRY(auto result, train::train_quantized(simple.graph, ranges, *training, held_out, settings.training, 0.5,
                                                 context.work(), context.progress()));
    out.curves = curves_json(result.training);
    simple.graph = std::move(result.training.graph);
    ranges = std::move(result.ranges);
  }
  MOTE_TRY(out.int8, optimize::quantize(simple.graph, ranges));
  out.real = std::move(simple.graph);
  return out;
}

/// Behind the body of the model that was trained on, which has learnt from the int8 values it will get: whatever the
/// method, there is nothing left to learn after quantization.
Result<Quantized> quantize_last_layer(const Project& project, const Materials& materials, const graph::Graph& trained) {
  Quantized out;
  MOTE_TRY(const TrainedModel before, read_trained_model(project.head_only.value));
  MOTE_TRY(const optimize::CutModel int8, optimize::cut_at_head(before.int8));
  MOTE_TRY(const optimize::CutModel real, optimize::cut_at_head(trained));
  MOTE_TRY(const auto training, materials.source(data::Part::train));
  MOTE_TRY(const auto features, samples::BodySource::create(*training, int8.body));
  MOTE_TRY(const graph::Ranges ranges, train::calibrate(real.head, *features, project.quantize.value.calibration));
  MOTE_TRY(out.int8, optimize::quantize_head(before.int8, real.head, ranges));
  out.real = trained;
  return out;
}

Result<pipeline::Outputs> quantize_model(const Project& project, pipeline::Context& context) {
  MOTE_TRY(const auto folder, context.input("dataset"));
  MOTE_TRY(const auto model_file, context.input("model"));
  MOTE_TRY(const Materials materials, open_materials(project, folder));
  MOTE_TRY(const graph::Graph trained, read_graph(model_file));
  MOTE_TRY(const Quantized model, project.head_only.value.empty() ? quantize_whole(project, materials, trained, context)
                                                                  : quantize_last_layer(project, materials, trained));
  MOTE_TRY(const Bytes float_file, formats::write_tflite(model.real));
  MOTE_TRY(const Bytes int8_file, formats::write_tflite(model.int8));
  MOTE_TRY_VOID(write_file(context.output("int8.mote"), graph::print(model.int8)));
  MOTE_TRY_VOID(write_file(context.output("simplified.mote"), graph::print(model.real)));
  MOTE_TRY_VOID(write_file(context.output("model_float.tflite"), float_file));
  MOTE_TRY_VOID(write_file(context.output("model.tflite"), int8_file));
  MOTE_TRY_VOID(write_file(context.output("curves.json"), model.curves.dump(1)));
  MOTE_TRY_VOID(write_file(context.output("input.json"), trained_input_text(materials)));
  return pipeline::Outputs{
      {"int8", context.output("int8.mote")},      {"float", context.output("simplified.mote")},
      {"tflite", context.output("model.tflite")}, {"float_tflite", context.output("model_float.tflite")},
      {"input", context.output("input.json")},    {"curves", context.output("curves.json")}};
}

}  // namespace

Result<void> add_quantize(pipeline::Graph& graph, const Project& project) {
  // Augmentation matters to quantization-aware training only.
  const std::string params =
      materials_text(project) + project.quantize.text + (project.quantize.value.aware ? project.augment.text : "");
  auto run = [&project](pipeline::Context& context) { return quantize_model(project, context); };
  return graph.add(
      pipeline::make_step({"quantize",
                           "3",
                           params,
                           {"dataset", "model"},
                           {"int8", "float", "tflite", "float_tflite", "input", "curves"}},
                          run),
      {{"dataset", pipeline::FromStep{"import", "dataset"}}, {"model", pipeline::FromStep{"train", "model"}}});
}

}  // namespace mote::app
