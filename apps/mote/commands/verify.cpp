// `mote verify`: the board's outputs against vectors, or against the host; on request the first layer that differs.

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <map>

#include "command.hpp"
#include "model_file.hpp"
#include "mote/base/file.hpp"
#include "mote/base/rng.hpp"
#include "mote/bench/bench.hpp"
#include "mote/compile/compile.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"

namespace mote::app {
namespace {

namespace fs = std::filesystem;
using graph::DType;
using graph::Graph;

struct Options {
  std::string file;
  std::string board = "nucleo-l4r5zi";
  std::string vectors;
  std::size_t samples = 16;
  bool layers = false;
};

struct Vector {
  std::string name;
  Bytes input, expected;
};

/// Elements of `ids` one behind the other, from numbers as text.
Result<Bytes> bytes_of_numbers(const Graph& graph, const std::vector<graph::TensorId>& ids,
                               std::span<const double> numbers, const std::string& where) {
  Bytes bytes;
  std::size_t next = 0;
  for (const graph::TensorId id : ids) {
    const graph::Tensor& t = graph.tensor(id);
    for (std::size_t i = 0; i < t.shape.elements(); ++i, ++next) {
      if (next == numbers.size())
        return fail(Code::malformed,
                    fmt::format("{} has {} numbers, the model's tensors take more", where, numbers.size()));
      const double v = numbers[next];
      const auto put = [&](auto value) {
        const ByteSpan raw = bytes_of(std::span<const decltype(value)>(&value, 1));
        bytes.insert(bytes.end(), raw.begin(), raw.end());
      };
      const double limit = t.dtype == DType::i8 ? 128.0 : t.dtype == DType::i16 ? 32768.0 : 2147483648.0;
      if (t.dtype != DType::f32 && (v != std::floor(v) || v < -limit || v >= limit))
        return fail(Code::malformed, fmt::format("{}: {} is no {}", where, v, graph::name(t.dtype)));
      switch (t.dtype) {
        case DType::f32:
          put(static_cast<float>(v));
          break;
        case DType::i8:
          put(static_cast<std::int8_t>(v));
          break;
        case DType::i16:
          put(static_cast<std::int16_t>(v));
          break;
        default:
          put(static_cast<std::int32_t>(v));
          break;
      }
    }
  }
  if (next != numbers.size())
    return fail(Code::malformed,
                fmt::format("{} has {} numbers, the model's tensors take {}", where, numbers.size(), next));
  return bytes;
}

/// Every number of a text, whatever separates them.
std::vector<double> numbers_in(std::string_view text) {
  std::vector<double> numbers;
  for (std::size_t at = 0; at < text.size();) {
    double value = 0.0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), value);
    if (error == std::errc{}) {
      numbers.push_back(value);
      at = static_cast<std::size_t>(end - text.data());
    } else {
      ++at;
    }
  }
  return numbers;
}

/// Raw bytes, or numbers as text where the name ends in .csv or .txt.
Result<Bytes> tensor_file(const Graph& graph, const std::vector<graph::TensorId>& ids, const fs::path& file) {
  const std::string extension = file.extension().string();
  if (extension == ".csv" || extension == ".txt") {
    MOTE_TRY(const std::string text, read_text(file));
    return bytes_of_numbers(graph, ids, numbers_in(text), file.string());
  }
  return read_file(file, std::uint64_t{1} << 28);
}

/// A folder of files in pairs: NAME.input.EXT (or NAME.input0.EXT, NAME.input1.EXT, ...) and NAME.output.EXT. EXT is
/// bin (raw elements) or csv.
Result<std::vector<Vector>> vectors_of_folder(const Graph& graph, const fs::path& folder) {
  std::map<std::string, fs::path> outputs;
  std::map<std::string, std::map<std::string, fs::path>> inputs;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string file = entry.path().filename().string();
    const std::size_t in = file.rfind(".input"), out = file.rfind(".output");
    if (out != std::string::npos)
      outputs[file.substr(0, out)] = entry.path();
    else if (in != std::string::npos)
      inputs[file.substr(0, in)][file] = entry.path();
  }
  std::vector<Vector> vectors;
  for (const auto& [name, files] : inputs) {
    if (!outputs.contains(name))
      return fail(Code::not_found, fmt::format("{}: there is no {}.output", folder.string(), name));
    Vector v{name, {}, {}};
    if (files.size() == 1) {
      MOTE_TRY(v.input, tensor_file(graph, graph.inputs(), files.begin()->second));
    } else {
      if (files.size() != graph.inputs().size())
        return fail(Code::malformed, fmt::format("{}: {} has {} inputs, the model {}", folder.string(), name,
                                                 files.size(), graph.inputs().size()));
      std::size_t i = 0;
      for (const auto& [file, path] : files) {
        MOTE_TRY(const Bytes part, tensor_file(graph, {graph.inputs()[i++]}, path));
        v.input.insert(v.input.end(), part.begin(), part.end());
      }
    }
    MOTE_TRY(v.expected, tensor_file(graph, graph.outputs(), outputs[name]));
    vectors.push_back(std::move(v));
  }
  if (vectors.empty())
    return fail(Code::not_found,
                folder.string() + ": there are no pairs of files NAME.input.bin and NAME.output.bin (or .csv) in it");
  return vectors;
}

/// A table: a line a vector, the first cell a file with raw input bytes beside the table (or in a folder there), the
/// last cells the outputs.
Result<std::vector<Vector>> vectors_of_table(const Graph& graph, const fs::path& table) {
  MOTE_TRY(const std::string text, read_text(table));
  std::size_t outputs = 0;
  for (const graph::TensorId id : graph.outputs()) outputs += graph.tensor(id).shape.elements();
  std::vector<Vector> vectors;
  std::size_t line_number = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line(text.data() + at, end - at);
    at = end + 1;
    ++line_number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    std::vector<std::string> cells;
    for (std::size_t c = 0; c <= line.size();) {
      const std::size_t comma = std::min(line.find(',', c), line.size());
      cells.emplace_back(line.substr(c, comma - c));
      c = comma + 1;
    }
    if (line_number == 1 && cells.size() < outputs + 1) continue;  // a heading
    const std::string where = fmt::format("{}: line {}", table.string(), line_number);
    if (cells.size() < outputs + 1)
      return fail(Code::malformed,
                  fmt::format("{} has {} cells, a file and {} outputs are needed", where, cells.size(), outputs));
    fs::path file = table.parent_path() / cells[0];
    for (const auto& entry :
         fs::directory_iterator(table.parent_path().empty() ? fs::path(".") : table.parent_path())) {
      if (!fs::exists(file) && entry.is_directory()) file = entry.path() / cells[0];
    }
    if (!fs::exists(file)) return fail(Code::not_found, fmt::format("{}: there is no file {}", where, cells[0]));
    Vector v{cells[0], {}, {}};
    MOTE_TRY(v.input, tensor_file(graph, graph.inputs(), file));
    std::vector<double> numbers;
    for (std::size_t c = cells.size() - outputs; c < cells.size(); ++c) {
      const std::vector<double> one = numbers_in(cells[c]);
      if (one.size() != 1) {
        if (line_number == 1) break;  // a heading
        return fail(Code::malformed, fmt::format("{}: \"{}\" is no number", where, cells[c]));
      }
      numbers.push_back(one[0]);
    }
    if (numbers.size() != outputs) continue;
    MOTE_TRY(v.expected, bytes_of_numbers(graph, graph.outputs(), numbers, where));
    vectors.push_back(std::move(v));
  }
  if (vectors.empty()) return fail(Code::malformed, table.string() + ": there is no vector in it");
  return vectors;
}

/// Random inputs, with the host's outputs.
Result<std::vector<Vector>> random_vectors(const Graph& graph, std::size_t count) {
  MOTE_TRY(auto executor, graph::Executor::create(graph));
  std::vector<Vector> vectors;
  for (std::size_t i = 0; i < count; ++i) {
    Rng rng(i + 1);
    Vector v{fmt::format("random {}", i), bench::random_input(graph, rng), Bytes(graph::output_bytes(graph))};
    MOTE_TRY_VOID(executor.run(v.input, v.expected));
    vectors.push_back(std::move(v));
  }
  return vectors;
}

Result<std::vector<Vector>> load_vectors(const Options& o, const Graph& graph) {
  if (o.vectors.empty()) return random_vectors(graph, o.samples);
  std::error_code error;
  const fs::path path = o.vectors;
  if (!fs::exists(path, error)) return fail(Code::not_found, o.vectors + ": there is no such file or folder");
  MOTE_TRY(auto vectors,
           fs::is_directory(path, error) ? vectors_of_folder(graph, path) : vectors_of_table(graph, path));
  for (const Vector& v : vectors) {
    if (v.input.size() == graph::input_bytes(graph) && v.expected.size() == graph::output_bytes(graph)) continue;
    return fail(
        Code::malformed,
        fmt::format("{}: vector {} has {} bytes of input and {} of output, the model takes {} and gives {}", o.vectors,
                    v.name, v.input.size(), v.expected.size(), graph::input_bytes(graph), graph::output_bytes(graph)));
  }
  return vectors;
}

Json difference_json(const bench::StepDifference& d) {
  return {{"step", d.step},   {"tensor", d.tensor},     {"different", d.different},
          {"first", d.first}, {"expected", d.expected}, {"got", d.got}};
}

Result<Outcome> verify(const Options& o, Progress& progress) {
  MOTE_TRY(const board::BoardSpec board, board::load_board(o.board));
  MOTE_TRY(const ModelFile file, read_model_file(o.file));
  MOTE_TRY(const Graph graph, graph_of(file, o.file));
  MOTE_TRY(const std::vector<Vector> vectors, load_vectors(o, graph));
  MOTE_TRY(const auto simplified, optimize::simplify(graph));
  auto compiled = compile::compile(simplified.graph, board, {});
  if (!compiled) return fail(std::move(compiled).error(), o.file);
  // Of a model with state the vectors are one stream.
  const auto run = graph.states().empty() ? bench::run_on_board : bench::run_stream_on_board;
  MOTE_TRY(const std::vector<Bytes> outputs,
           run(
               compiled->firmware, board, vectors.size(),
               [&](std::size_t i) -> Result<Bytes> { return vectors[i].input; }, progress));

  std::size_t equal = 0, different_bytes = 0, first = vectors.size();
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    std::size_t bytes = 0, at = 0;
    for (const graph::TensorId id : graph.outputs()) {
      const std::size_t size = graph.tensor(id).size_bytes();
      bytes += bench::compare_values(graph, id, ByteSpan(vectors[i].expected).subspan(at, size),
                                     ByteSpan(outputs[i]).subspan(at, size))
                   .different;
      at += size;
    }
    different_bytes += bytes;
    equal += bytes == 0 ? 1 : 0;
    if (bytes != 0 && first == vectors.size()) first = i;
  }
  Outcome out;
  out.holds = equal == vectors.size();
  const bool exact = std::ranges::all_of(graph.outputs(), [&](auto id) { return bench::is_exact(graph, id); });
  out.text = fmt::format("{} on {}: {} of {} vectors equal, {}", o.file, board.name, equal, vectors.size(),
                         exact ? "byte for byte" : "floats within 1e-5");
  if (!out.holds)
    out.text +=
        fmt::format("; {} {} differ, first in {}", different_bytes, exact ? "bytes" : "elements", vectors[first].name);
  out.text += "\n";
  out.json = {{"model", o.file},
              {"board", board.name},
              {"against", o.vectors.empty() ? "host" : o.vectors},
              {"vectors", vectors.size()},
              {"equal", equal},
              {"different_bytes", different_bytes},
              {"first_different", out.holds ? Json(nullptr) : Json(vectors[first].name)},
              {"layers", nullptr}};
  if (!o.layers) return out;
  // The vector that differs; without one, or where it depends on those in front of it, the first.
  const Vector& probe = vectors[out.holds || !graph.states().empty() ? 0 : first];
  MOTE_TRY(const auto difference, bench::first_difference(*compiled, simplified.graph, board, probe.input));
  out.json["layers"] = {{"vector", probe.name},
                        {"compared", compiled->program.steps.size()},
                        {"first_different", difference ? difference_json(*difference) : Json(nullptr)}};
  if (difference) {
    out.holds = false;
    out.text += fmt::format(
        "layer {} is the first that is not the host's: {} elements of {}, the first at {}: {} instead of {}\n",
        difference->step, difference->different, difference->tensor, difference->first, difference->got,
        difference->expected);
  } else {
    out.text += fmt::format("all {} layers equal the host's on {}{}\n", compiled->program.steps.size(), probe.name,
                            out.holds ? "" : ": the vectors come from another arithmetic than the model's");
  }
  return out;
}

}  // namespace

std::vector<Command> verify_commands() {
  return {{"verify", "hold the compiled model on its board against vectors, or against the host",
           "mote verify model.tflite --board nucleo-l4r5zi --vectors vectors/ --layers", [](CLI::App& app) -> Action {
             auto o = std::make_shared<Options>();
             app.add_option("FILE", o->file, "model: .tflite, .onnx or mote's graph text")->required();
             app.add_option("--board", o->board, "board of the catalogue, or a .toml file of your own")
                 ->capture_default_str();
             app.add_option("--vectors", o->vectors,
                            "folder of NAME.input.bin and NAME.output.bin (or .csv), or a .csv table: input file, ..., "
                            "outputs; without it random inputs and the host's outputs");
             app.add_option("--samples", o->samples, "how many random inputs")
                 ->capture_default_str()
                 ->check(CLI::Range(1, 100000));
             app.add_flag("--layers", o->layers,
                          "compare layer by layer with the host and name the first that differs");
             return [o](Progress& progress) { return verify(*o, progress); };
           }}};
}

}  // namespace mote::app
