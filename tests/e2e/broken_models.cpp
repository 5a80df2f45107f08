// Broken model files, and wrong use of the commands on them.

#include "broken_input.hpp"
#include "sample_files.hpp"

namespace mote::e2e {
namespace {

using Prepare = std::function<void(const Sandbox&)>;

/// small.mote with a piece of its text replaced.
Prepare edited(std::string from, std::string to) {
  return [from = std::move(from), to = std::move(to)](const Sandbox& box) {
    const Bytes bytes = box.get("small.mote");
    std::string text(bytes.begin(), bytes.end());
    const std::size_t at = text.find(from);
    if (at == std::string::npos) throw std::runtime_error("small.mote has no " + from);
    box.put("broken.mote", text.replace(at, from.size(), to));
  };
}

/// small.mote as .tflite, then changed.
Prepare tflite(std::function<Bytes(Bytes)> change) {
  return [change = std::move(change)](const Sandbox& box) {
    const ProcessResult made = box.mote({"convert", "small.mote", "small.tflite"});
    if (made.exit_code != 0) throw std::runtime_error(made.diagnostics);
    box.put("broken.tflite", change(box.get("small.tflite")));
  };
}

/// A header that is sound but for its promise of four billion empty self-test vectors.
Bytes hostile_module() {
  ByteWriter module;
  module.append(as_bytes("mote"));
  module.u16_le(1);
  module.u16_le(128);
  for (const std::uint32_t field :
       {132u, 4u, 1u, 0u, 1u, 128u, 0u, 4u, 0u, 0u, 0u, 0u, 0u, 128u, 0u, 128u, 0xffffffffu})
    module.u32_le(field);
  module.pad_to(132);
  return std::move(module).take();
}

std::vector<BrokenInput> graph_texts() {
  const std::string convert = "convert broken.mote kept.tflite";
  return {
      {"graph_statement_is_unknown", convert, 1, {"broken.mote", "line"}, edited("op softmax", "layer softmax")},
      {"graph_operator_is_unknown",
       convert,
       1,
       {"broken.mote", "line", "softplus"},
       edited("op softmax", "op softplus")},
      {"graph_attribute_is_unknown", convert, 1, {"broken.mote", "line", "gamma"}, edited("beta", "gamma")},
      {"graph_number_is_no_number", convert, 1, {"broken.mote", "line"}, edited("stride_h 1", "stride_h one")},
      {"graph_element_type_is_unknown", convert, 1, {"broken.mote", "line", "i5"}, edited(" i8 ", " i5 ")},
      {"graph_shape_does_not_fit", convert, 1, {"broken.mote"}, edited("[1,8,8,4]", "[1,8,9,4]")},
      {"graph_dimension_is_huge", convert, 1, {"broken.mote"}, edited("[1,8,8,1]", "[1,999999999999,8,1]")},
      {"graph_weights_are_cut_off", convert, 1, {"broken.mote"}, edited(" data ", " data AAAA#")},
      {"graph_tensor_is_not_there",
       convert,
       1,
       {"broken.mote", "line"},
       edited("outputs \"probabilities\"", "outputs \"chances\"")},
      {"graph_scale_is_not_a_number", convert, 1, {"broken.mote"}, edited("scale 0x1p-8", "scale nan")},
      {"graph_stride_is_zero", convert, 1, {"broken.mote"}, edited("stride_h 1", "stride_h 0")},
      {"graph_is_empty",
       convert,
       1,
       {"broken.mote"},
       [](const Sandbox& box) { box.put("broken.mote", std::string_view("graph \"nothing\"\n")); }},
  };
}

std::vector<BrokenInput> tflite_files() {
  return {
      {"tflite_is_truncated", "inspect broken.tflite", 1, {"broken.tflite"}, tflite([](Bytes b) {
         return cut(b, b.size() / 2);
       })},
      {"tflite_is_only_a_header", "inspect broken.tflite", 1, {"broken.tflite"}, tflite([](Bytes b) {
         return cut(b, 12);
       })},
      {"tflite_root_points_outside", "convert broken.tflite kept.mote", 1, {"broken.tflite"}, tflite([](Bytes b) {
         return patched(b, 0, {0xff, 0xff, 0xff, 0x7f});
       })},
      {"tflite_is_garbage_behind_its_name",
       "convert broken.tflite kept.mote",
       1,
       {"broken.tflite"},
       [](const Sandbox& box) {
         box.put("broken.tflite", patched(garbage(4000, 2), 4, {'T', 'F', 'L', '3'}));
       }},
      {"tflite_is_garbage",
       "inspect broken.tflite",
       1,
       {"broken.tflite"},
       [](const Sandbox& box) { box.put("broken.tflite", garbage(4000, 3)); }},
      {"model_is_empty",
       "inspect broken.tflite",
       1,
       {"broken.tflite", "empty"},
       [](const Sandbox& box) { box.put("broken.tflite", std::string_view()); }},
      {"model_is_a_folder", "inspect idx", 1, {"idx"}, {}},
      {"model_is_missing", "inspect nothing.tflite", 1, {"nothing.tflite"}, {}},
      {"model_is_a_table", "inspect walks.csv", 1, {"walks.csv"}, {}},
      {"module_has_a_broken_header",
       "inspect broken.bin",
       1,
       {"broken.bin"},
       [](const Sandbox& box) {
         box.put("broken.bin", patched(garbage(300, 4), 0, {'m', 'o', 't', 'e'}));
       }},
      {"module_has_more_vectors_than_bytes",
       "inspect broken.bin",
       1,
       {"broken.bin", "vectors"},
       [](const Sandbox& box) { box.put("broken.bin", hostile_module()); }},
      {"module_is_cut_off",
       "inspect broken.bin",
       1,
       {"broken.bin"},
       [](const Sandbox& box) { box.put("broken.bin", std::string_view("mote\x01")); }},
      {"onnx_is_not_read",
       "inspect broken.onnx",
       1,
       {"broken.onnx", "ONNX"},
       [](const Sandbox& box) {
         box.put("broken.onnx", Bytes{8, 7, 0x12, 4, 't', 'e', 's', 't'});
       }},
  };
}

std::vector<BrokenInput> conversions() {
  return {
      {"convert_to_an_unknown_ending", "convert small.mote small.pt", 2, {"small.pt", ".tflite"}, {}},
      {"convert_to_a_folder",
       "convert small.mote folder.mote",
       1,
       {"folder.mote"},
       [](const Sandbox& box) { box.put("folder.mote/file", std::string_view("x")); }},
      {"convert_below_a_file", "convert small.mote walks.csv/small.mote", 1, {"walks.csv"}, {}},
      {"convert_what_tflite_cannot_say",
       "convert training.mote kept.tflite",
       1,
       {"training.mote"},
       [](const Sandbox& box) {
         box.put("training.mote", std::string_view("graph \"training\"\nvalue \"x\" f32 [1,4]\nvalue \"y\" f32 "
                                                   "[1,4]\nop dropout \"drop\" (\"x\") -> \"y\" {rate 0x1p-1}\n"
                                                   "inputs \"x\"\noutputs \"y\"\n"));
       }},
      {"convert_without_a_second_file", "convert small.mote", 2, {"out"}, {}},
      {"disk_is_full_during_convert", "convert float.mote kept.tflite", 1, {"kept.tflite"}, {}, full_disk()},
  };
}

std::vector<BrokenInput> usage() {
  return {
      {"command_is_missing", "", 2, {"mote --help"}, {}},
      {"command_is_unknown", "brew coffee", 2, {"brew"}, {}},
      {"subcommand_is_missing", "data", 2, {}, {}},
      {"option_is_unknown", "boards --colour", 2, {"--colour"}, {}},
      {"option_lacks_its_value", "data split kept --rule", 2, {"--rule"}, {}},
      {"argument_is_missing", "inspect", 2, {"file"}, {}},
      {"argument_is_one_too_many", "inspect small.mote float.mote", 2, {"float.mote"}, {}},
      {"shell_is_unknown", "completion tcsh", 2, {"tcsh"}, {}},
      {"standard_output_is_full", "boards", 1, {"output"}, {}, full_output()},
      {"json_goes_to_a_full_device", "data show kept --json", 1, {"output"}, {}, full_output()},
  };
}

std::vector<BrokenInput> compilations() {
  return {
      {"compile_for_an_unknown_board",
       "compile small.mote --board arduino-due --out kept-build",
       1,
       {"arduino-due"},
       {}},
      {"compile_for_a_board_file_that_is_missing",
       "compile small.mote --board mine.toml --out kept-build",
       1,
       {"mine.toml"},
       {}},
      {"compile_for_a_board_file_that_is_no_toml",
       "compile small.mote --board mine.toml --out kept-build",
       1,
       {"mine.toml: line 1, column 8"},
       [](const Sandbox& box) { box.put("mine.toml", std::string_view("name = \n")); }},
      {"compile_a_batch_norm_that_stands_alone",
       "compile norm.mote --board nucleo-l4r5zi --out kept-build",
       1,
       {"norm.mote", "batch_norm 'norm' has no device kernel for float32"},
       [](const Sandbox& box) {
         box.put(
             "norm.mote",
             std::string_view("graph \"norm\"\nvalue \"x\" f32 [1,4]\nvalue \"y\" f32 [1,4]\n"
                              "const \"k\" f32 [4] data AAAAAAAAAAAAAAAAAAAAAA==\n"
                              "op batch_norm \"norm\" (\"x\", \"k\", \"k\", \"k\", \"k\") -> \"y\" {epsilon 0x1p-10}\n"
                              "inputs \"x\"\noutputs \"y\"\n"));
       }},
      {"compile_a_table", "compile walks.csv --board nucleo-l4r5zi --out kept-build", 1, {"walks.csv"}, {}},
      {"bench_a_missing_file", "bench nothing.tflite", 1, {"nothing.tflite"}, {}},
  };
}

}  // namespace

std::vector<BrokenInput> broken_models() {
  std::vector<BrokenInput> all;
  for (const auto& part : {graph_texts, tflite_files, conversions, usage, compilations}) {
    for (BrokenInput& input : part()) all.push_back(std::move(input));
  }
  return all;
}

}  // namespace mote::e2e
