// The arduino export for AVR in the hands of Debian's Arduino core: compiled with the flags of its platform.txt, linked
// with its sources, and run under simavr, whose UART tells what the sketch prints.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "mote/base/process.hpp"
#include "source_package_for_test.hpp"

namespace mote::compile {
namespace {

using ::testing::HasSubstr;

constexpr const char* kArduino = "/usr/share/arduino/hardware/arduino/avr";

graph::Graph dense_model() {
  using namespace graph;
  Rng rng(3);
  Graph g("dense");
  const Quantization q = Quantization::per_tensor(0.05f, -3);
  const TensorId x = g.add_tensor({"x", DType::i8, {1, 21}, q, nullptr});
  const TensorId a = g.add_tensor({"a", DType::i8, {1, 10}, q, nullptr});
  const TensorId y = g.add_tensor({"y", DType::i8, {1, 5}, q, nullptr});
  const TensorId first = testing::random_weights(g, rng, {10, 21}, 0, 10, q, 2.0),
                 second = testing::random_weights(g, rng, {5, 10}, 0, 5, q, 2.0);
  g.add_op({"first", Dense{Activation::relu}, {x, first}, {a}});
  g.add_op({"second", Dense{Activation::none}, {a, second}, {y}});
  g.set_inputs({x});
  g.set_outputs({y});
  return g;
}

void run(std::vector<std::string> command, const std::vector<std::string>& more, const std::filesystem::path& folder) {
  command.insert(command.end(), more.begin(), more.end());
  const auto result = run_process(command, {folder, {}, std::chrono::seconds(120)});
  ASSERT_TRUE(result.has_value()) << result.error().message();
  ASSERT_EQ(result->exit_code, 0) << command[0] << "\n" << result->diagnostics;
}

TEST(ArduinoExport, for_avr_runs_on_debians_core) {
  for (const char* program : {"avr-g++", "simavr"}) {
    if (find_program(program).empty()) GTEST_SKIP() << program << " is not installed";
  }
  const std::filesystem::path core = std::filesystem::path(kArduino) / "cores/arduino";
  if (!std::filesystem::exists(core)) GTEST_SKIP() << "Debian's arduino-core-avr is not installed";
  const graph::Graph g = dense_model();
  const auto files = testing::small_package(g, Framework::arduino, Target::avr);
  ASSERT_TRUE(files.has_value()) << files.error().message();
  const TemporaryFolder folder = *TemporaryFolder::create("export");
  const auto path = folder.path();
  testing::write_package(path / "small", *files);
  ASSERT_TRUE(
      write_file(path / "sketch.cpp", as_bytes("#include <Arduino.h>\n#include \"small/examples/small/small.ino\"\n")));
  // platform.txt's flags; DECIMAL_DIG is what gcc 5's float.h leaves out in C++.
  const std::vector<std::string> common{"-g",
                                        "-Os",
                                        "-w",
                                        "-ffunction-sections",
                                        "-fdata-sections",
                                        "-flto",
                                        "-mmcu=atmega328p",
                                        "-DF_CPU=16000000L",
                                        "-DARDUINO=10819",
                                        "-DARDUINO_AVR_UNO",
                                        "-DARDUINO_ARCH_AVR",
                                        "-DDECIMAL_DIG=__DECIMAL_DIG__",
                                        "-I" + core.string(),
                                        std::string("-I") + kArduino + "/variants/standard",
                                        "-Ismall/src",
                                        "-c"};
  std::vector<std::string> c{"avr-gcc", "-std=gnu11"},
      cpp{"avr-g++", "-std=gnu++11", "-fpermissive", "-fno-exceptions", "-fno-threadsafe-statics"},
      link{"avr-gcc",          "-Os", "-flto",     "-fuse-linker-plugin", "-Wl,--gc-sections",
           "-mmcu=atmega328p", "-o",  "sketch.elf"};
  std::vector<std::string> c_files{"small/src/small.c"}, cpp_files{"sketch.cpp"};
  for (const auto& file : std::filesystem::directory_iterator(core)) {
    const auto ending = file.path().extension();
    if (ending == ".c" || ending == ".cpp") (ending == ".c" ? c_files : cpp_files).push_back(file.path().string());
  }
  for (const auto& [compiler, sources] : {std::pair{&c, &c_files}, {&cpp, &cpp_files}}) {
    std::vector<std::string> command = *compiler;
    command.insert(command.end(), common.begin(), common.end());
    ASSERT_NO_FATAL_FAILURE(run(command, *sources, path));
    for (const std::string& source : *sources) link.push_back(std::filesystem::path(source).stem().string() + ".o");
  }
  ASSERT_NO_FATAL_FAILURE(run(link, {"-lm"}, path));
  // The sketch prints once a second and never ends: the first line is enough.
  const auto printed =
      run_process({"sh", "-c", "timeout 30 simavr -m atmega328p -f 16000000 sketch.elf 2>&1 | grep -m 1 ' us'"},
                  {path, {}, std::chrono::seconds(60)});
  ASSERT_TRUE(printed.has_value());
  EXPECT_THAT(printed->output, HasSubstr("ok, "));
  EXPECT_THAT(printed->output, Not(HasSubstr("wrong")));
}

TEST(ArduinoExport, is_the_only_one_for_avr) {
  const graph::Graph g = dense_model();
  EXPECT_THAT(testing::small_package(g, Framework::cmake, Target::avr).error().message(),
              HasSubstr("one model as an arduino library"));
}

}  // namespace
}  // namespace mote::compile
