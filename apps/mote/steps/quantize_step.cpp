#include "curves_json.hpp"
#include "materials.hpp"
#include "mote/base/file.hpp"
#include "mote/formats/tflite.hpp"
#include "mote/optimize/passes.hpp"
#include "mote/train/calibrate.hpp"
#include "mote/train/quantized.hpp"
#include "steps.hpp"

namespace mote::app {
namespace {

Result<pipeline::Outputs> quantize_model(const Project& project, pipeline::Context& context) {
  const QuantizeSettings& settings = project.quantize.value;
  MOTE_TRY(const auto folder, context.input("dataset"));
  MOTE_TRY(const auto model_file, context.input("model"));
  MOTE_TRY(const Materials materials, open_materials(project, folder));
  MOTE_TRY(const graph::Graph trained, read_graph(model_file));
  MOTE_TRY(optimize::Optimized simple, optimize::simplify(trained));
  MOTE_TRY(const auto training, materials.source(data::Part::train, project.augment.value));
  MOTE_TRY(graph::Ranges ranges, train::calibrate(simple.graph, *training, settings.calibration));
  nlohmann::ordered_json curves{{"epochs", nlohmann::ordered_json::array()}};
  if (settings.aware) {
    MOTE_TRY(const auto validation, materials.source(data::Part::validation));
    const train::BatchSource* held_out = validation->size() > 0 ? validation.get() : nullptr;
    MOTE_TRY(auto result, train::train_quantized(simple.graph, ranges, *training, held_out, settings.training, 0.5,
                                                 context.work(), context.progress()));
    curves = curves_json(result.training);
    simple.graph = std::move(result.training.graph);
    ranges = std::move(result.ranges);
  }
  MOTE_TRY(const graph::Graph int8, optimize::quantize(simple.graph, ranges));
  MOTE_TRY(const Bytes float_file, formats::write_tflite(simple.graph));
  MOTE_TRY(const Bytes int8_file, formats::write_tflite(int8));
  MOTE_TRY_VOID(write_file(context.output("int8.mote"), graph::print(int8)));
  MOTE_TRY_VOID(write_file(context.output("simplified.mote"), graph::print(simple.graph)));
  MOTE_TRY_VOID(write_file(context.output("model_float.tflite"), float_file));
  MOTE_TRY_VOID(write_file(context.output("model.tflite"), int8_file));
  MOTE_TRY_VOID(write_file(context.output("curves.json"), curves.dump(1)));
  return pipeline::Outputs{{"int8", context.output("int8.mote")},
                           {"float", context.output("simplified.mote")},
                           {"tflite", context.output("model.tflite")},
                           {"float_tflite", context.output("model_float.tflite")},
                           {"curves", context.output("curves.json")}};
}

}  // namespace

Result<void> add_quantize(pipeline::Graph& graph, const Project& project) {
  // Augmentation matters to quantization-aware training only.
  const std::string params =
      materials_text(project) + project.quantize.text + (project.quantize.value.aware ? project.augment.text : "");
  auto run = [&project](pipeline::Context& context) { return quantize_model(project, context); };
  return graph.add(
      pipeline::make_step(
          {"quantize", "2", params, {"dataset", "model"}, {"int8", "float", "tflite", "float_tflite", "curves"}}, run),
      {{"dataset", pipeline::FromStep{"import", "dataset"}}, {"model", pipeline::FromStep{"train", "model"}}});
}

}  // namespace mote::app
