#include "mote/simulation/models.hpp"

#include <algorithm>
#include <vector>

#include "mote/base/rng.hpp"
#include "mote/compile/compile.hpp"
#include "mote/graph/executor.hpp"
#include "mote/graph/zoo.hpp"
#include "mote/optimize/passes.hpp"
#include "mote/package/delta.hpp"

namespace mote::simulation {
namespace {

constexpr std::size_t kInputs = 64, kVectors = 2;

/// Ranges of all values, seen on random inputs.
Result<graph::Ranges> calibrate(const graph::Graph& model, std::uint64_t seed) {
  MOTE_TRY(graph::Executor executor, graph::Executor::create(model));
  graph::Ranges ranges;
  Rng rng(seed);
  std::vector<float> x(model.input().shape.elements()), y(model.output().shape.elements());
  for (int sample = 0; sample < 32; ++sample) {
    for (float& v : x) v = static_cast<float>(rng.uniform());
    MOTE_TRY_VOID(executor.run(bytes_of(std::span<const float>(x)),
                               {reinterpret_cast<std::uint8_t*>(y.data()), y.size() * sizeof(float)}));
    for (graph::TensorId id = 0; id < static_cast<graph::TensorId>(model.tensors().size()); ++id) {
      const graph::Tensor& tensor = model.tensor(id);
      if (tensor.is_constant()) continue;
      const auto* v = reinterpret_cast<const float*>(executor.value(id).data());
      const auto [low, high] = std::minmax_element(v, v + tensor.shape.elements());
      graph::Range& range = ranges[tensor.name];
      range = {std::min(range.low, *low), std::max(range.high, *high)};
    }
  }
  return ranges;
}

Result<graph::Graph> quantized(std::uint64_t weights_seed, std::uint64_t calibration_seed) {
  graph::ZooOptions options;
  options.architecture = "mlp";
  options.input = {1, 1, 1, 12};
  options.hidden = {16};
  options.classes = 4;
  options.softmax = false;
  options.seed = weights_seed;
  MOTE_TRY(const graph::Graph model, graph::make_model(options));
  MOTE_TRY(const auto simple, optimize::simplify(model));
  MOTE_TRY(const graph::Ranges ranges, calibrate(simple.graph, calibration_seed));
  return optimize::quantize(simple.graph, ranges);
}

/// @param untrue  the vectors' outputs are not the model's.
Result<Model> build(std::string name, const graph::Graph& model, const board::BoardSpec& board, ByteSpan inputs,
                    bool untrue) {
  MOTE_TRY(graph::Executor executor, graph::Executor::create(model));
  compile::CompileOptions options;
  const std::size_t input_bytes = model.input().shape.elements();
  for (std::size_t i = 0; i < kVectors; ++i) {
    const ByteSpan input = inputs.subspan(i * input_bytes, input_bytes);
    Bytes output(model.output().shape.elements());
    MOTE_TRY_VOID(executor.run(input, output));
    if (untrue) output[0] = static_cast<std::uint8_t>(output[0] ^ 0x40);
    options.vectors.emplace_back(Bytes(input.begin(), input.end()), std::move(output));
  }
  MOTE_TRY(compile::CompiledModel compiled, compile::compile(model, board, options));
  return Model{std::move(name), std::move(compiled.module)};
}

}  // namespace

Result<Models> make_models(const board::BoardSpec& board) {
  MOTE_TRY(const graph::Graph first, quantized(1, 1));
  MOTE_TRY(const graph::Graph second, quantized(1, 2));
  MOTE_TRY(const graph::Graph third, quantized(1, 3));
  MOTE_TRY(const graph::Graph other, quantized(5, 1));
  Models models;
  models.input_bytes = first.input().shape.elements();
  Rng rng(17);
  for (std::size_t i = 0; i < kInputs * models.input_bytes; ++i)
    models.inputs.push_back(static_cast<std::uint8_t>(rng.below(256)));
  MOTE_TRY(models.first, build("first", first, board, models.inputs, false));
  MOTE_TRY(models.second, build("second", second, board, models.inputs, false));
  MOTE_TRY(models.third, build("third", third, board, models.inputs, false));
  MOTE_TRY(models.disagreeing, build("disagreeing", other, board, models.inputs, false));
  MOTE_TRY(models.untrue, build("untrue", second, board, models.inputs, true));
  MOTE_TRY(models.second_delta, package::encode_delta(models.first.module, models.second.module));
  MOTE_TRY(models.third_delta, package::encode_delta(models.first.module, models.third.module));
  for (const Model* model : {&models.first, &models.second, &models.third, &models.disagreeing, &models.untrue}) {
    MOTE_TRY(const compile::ModuleInfo info, compile::read_module(model->module));
    models.arena_bytes = std::max<std::size_t>(models.arena_bytes, info.arena_bytes);
    models.module_bytes = std::max(models.module_bytes, info.module_bytes);
  }
  return models;
}

}  // namespace mote::simulation
