// Exported source, built and run: every framework's files with this machine's compiler (portable kernels), and the
// assembly with the cross compiler.

#include "mote/compile/source_package.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "source_package_for_test.hpp"

namespace mote::compile {
namespace {

using ::testing::HasSubstr;
using testing::options_for, testing::small_model, testing::small_package, testing::source_model, testing::write_package;

TEST(SourcePackage, of_cmake_builds_here_and_checks_its_vector) {
  const graph::Graph g = small_model();
  TemporaryFolder folder = *TemporaryFolder::create("export");
  const auto files = small_package(g, Framework::cmake, Target::portable);
  ASSERT_TRUE(files.has_value()) << files.error().message();
  write_package(folder.path(), *files);
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"cmake", "-G", "Ninja", "-S", folder.path().string(), "-B",
                                 (folder.path() / "build").string()},
        {"cmake", "--build", (folder.path() / "build").string()},
        {(folder.path() / "build/small_example").string()}}) {
    const auto run = run_process(command);
    ASSERT_TRUE(run.has_value());
    ASSERT_EQ(run->exit_code, 0) << run->output << run->diagnostics;
    if (command.size() == 1) {
      EXPECT_THAT(run->output, HasSubstr("small 2.1.0-rc.1: ok"));
    }
  }
}

/// Sources that a package's own build would compile, with this machine's compiler; its example is a C program.
TEST(SourcePackage, of_every_framework_compiles_and_its_example_runs) {
  const graph::Graph g = small_model();
  for (std::size_t f = 0; f < framework_names().size(); ++f) {
    SCOPED_TRACE(framework_names()[f]);
    TemporaryFolder folder = *TemporaryFolder::create("export");
    const auto files = small_package(g, static_cast<Framework>(f), Target::portable);
    ASSERT_TRUE(files.has_value()) << files.error().message();
    write_package(folder.path(), *files);
    std::string example;
    bool readme = false;
    for (const SourceFile& file : *files) {
      if (file.path.ends_with("main.c") || file.path.ends_with(".ino")) example = file.path;
      readme = readme || file.path == "README.md";
    }
    EXPECT_TRUE(readme);
    ASSERT_FALSE(example.empty());
    // An Arduino sketch and an ESP-IDF application have another main: a few lines of the framework stand in.
    std::string main = "#include <stdio.h>\n";
    if (example.ends_with(".ino")) {
      main =
          "#include <cstdio>\nunsigned long micros() { return 0; }\nvoid delay(int) {}\nbool wrong = false;\nstruct S "
          "{ void begin(long) {} void print(const char* s) { wrong = s[0] != 'o'; } "
          "void print(unsigned long) {} void println(const char*) {} } Serial;\n#include \"" +
          example + "\"\nint main() { setup(); loop(); return wrong; }\n";
      ASSERT_TRUE(write_file(folder.path() / "main.cpp", as_bytes(main)));
      example = "main.cpp";
    } else if (framework_names()[f] == "esp-idf") {
      ASSERT_TRUE(write_file(folder.path() / "main.c",
                             as_bytes("#include \"" + example + "\"\nint main(void) { return check(); }\n")));
      example = "main.c";
    }
    const std::string path = folder.path().string();
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"c++", "-std=c++17", "-O1", "-Wall", "-Werror", "-I", path + "/include", "-I",
                                   path + "/src", "-c", path + "/src/small.cpp", "-o", path + "/small.o"},
          {example.ends_with(".c") ? "cc" : "c++", "-Wall", "-I", path + "/include", "-I", path + "/src", "-I", path,
           "-c", path + "/" + example, "-o", path + "/main.o"},
          {"c++", path + "/small.o", path + "/main.o", "-o", path + "/check"},
          {path + "/check"}}) {
      const auto run = run_process(command);
      ASSERT_TRUE(run.has_value());
      ASSERT_EQ(run->exit_code, 0) << run->output << run->diagnostics;
    }
  }
}

TEST(SourcePackage, for_cortex_m4_assembles_and_two_models_link) {
  if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  const graph::Graph g = small_model();
  TemporaryFolder folder = *TemporaryFolder::create("export");
  const std::string path = folder.path().string();
  const std::vector<std::string> core{"arm-none-eabi-g++", "-mcpu=cortex-m4",   "-mthumb",
                                      "-mfloat-abi=hard",  "-mfpu=fpv4-sp-d16", "-O2",
                                      "-std=c++17",        "-fno-exceptions",   "-fno-rtti"};
  std::vector<std::string> link = core;
  for (const char* name : {"first", "second"}) {
    const auto files = small_package(g, Framework::cmake, Target::armv7em, name);
    ASSERT_TRUE(files.has_value()) << files.error().message();
    write_package(folder.path() / name, *files);
    for (const std::string& source : {std::string(".cpp"), std::string("_kernels.S")}) {
      std::vector<std::string> command = core;
      const std::string object = path + "/" + name + source + ".o";
      command.insert(command.end(), {"-I", path + "/" + name + "/include", "-I", path + "/" + name + "/src", "-c",
                                     path + "/" + name + "/src/" + name + source, "-o", object});
      const auto run = run_process(command);
      ASSERT_TRUE(run.has_value());
      ASSERT_EQ(run->exit_code, 0) << run->diagnostics;
      link.push_back(object);
    }
  }
  link.insert(link.end(), {"-nostdlib", "-Wl,-r", "-o", path + "/both.o"});
  const auto run = run_process(link);
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->exit_code, 0) << run->diagnostics;
}

/// A model with a window that moves on, and one without state.
struct Pair {
  graph::Graph stream = stream_model(), still = small_model();
  std::vector<SourceModel> models;
  SourcePackageOptions options;
  Pair(Framework framework, Target target) : options(options_for(framework)) {
    options.name = "pair";
    options.steps = 5;
    models = {source_model(stream, "stream", target, 5), source_model(still, "still", target, 5)};
  }

 private:
  static graph::Graph stream_model() {
    using namespace graph;
    Rng rng(4);
    Graph g("stream");
    const Quantization q = Quantization::per_tensor(0.05f, 3);
    const auto value = [&](const char* name, Shape shape) {
      return g.add_tensor({name, DType::i8, std::move(shape), q, nullptr});
    };
    const TensorId x = value("x", {1, 1, 4, 8}), window = value("window", {1, 9, 4, 8}),
                   moved = value("window'", {1, 9, 4, 8}), y = value("y", {1, 9, 4, 8});
    const TensorId w = testing::random_weights(g, rng, {8, 3, 3, 8}, 0, 8, q, 2.0);
    g.add_op({"move", Shift{1}, {window, x}, {moved}});
    g.add_op({"conv", Conv2D{1, 1, 1, 1, {1, 1, 1, 1}, Activation::relu}, {moved, w}, {y}});
    g.add_state({window, moved, std::make_shared<const Bytes>(9 * 4 * 8, std::uint8_t{3})});
    g.set_inputs({x});
    g.set_outputs({y});
    return g;
  }
};

/// The example runs both in turns, each over a stream of its own: equal bytes only where neither writes over what the
/// other keeps.
TEST(SourcePackage, of_two_models_with_one_arena_builds_here_and_checks_them_in_turns) {
  const Pair pair(Framework::cmake, Target::portable);
  TemporaryFolder folder = *TemporaryFolder::create("export");
  const auto files = source_package(pair.models, pair.options);
  ASSERT_TRUE(files.has_value()) << files.error().message();
  write_package(folder.path(), *files);
  const std::string path = folder.path().string();
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"cmake", "-G", "Ninja", "-S", path, "-B", path + "/build",
                                 "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror", "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror"},
        {"cmake", "--build", path + "/build"},
        {path + "/build/pair_example"}}) {
    const auto run = run_process(command);
    ASSERT_TRUE(run.has_value());
    ASSERT_EQ(run->exit_code, 0) << run->output << run->diagnostics;
  }
}

TEST(SourcePackage, of_two_models_links_for_cortex_m4_with_one_arena_and_no_symbol_twice) {
  if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  for (const Framework framework : {Framework::cmake, Framework::arduino}) {  // include/ or src/ for headers
    const Pair pair(framework, Target::armv7em);
    TemporaryFolder folder = *TemporaryFolder::create("export");
    const std::string path = folder.path().string();
    const auto files = source_package(pair.models, pair.options);
    ASSERT_TRUE(files.has_value()) << files.error().message();
    write_package(folder.path(), *files);
    ASSERT_TRUE(write_file(folder.path() / "main.c", as_bytes(R"(#include "pair.h"
unsigned char arena[PAIR_ARENA_BYTES] __attribute__((aligned(8)));
int main(void) { return stream_reset(arena) + stream_invoke(arena) + still_invoke(arena); }
)")));
    const auto run = run_process({"arm-none-eabi-g++",
                                  "-mcpu=cortex-m4",
                                  "-mthumb",
                                  "-mfloat-abi=hard",
                                  "-mfpu=fpv4-sp-d16",
                                  "-O2",
                                  "-std=c++17",
                                  "-fno-exceptions",
                                  "-fno-rtti",
                                  "-I",
                                  path + "/include",
                                  "-I",
                                  path + "/src",
                                  path + "/src/stream.cpp",
                                  path + "/src/still.cpp",
                                  path + "/src/stream_kernels.S",
                                  path + "/src/still_kernels.S",
                                  "-x",
                                  "c++",
                                  path + "/main.c",
                                  "--specs=nosys.specs",
                                  "-o",
                                  path + "/both.elf"});
    ASSERT_TRUE(run.has_value());
    ASSERT_EQ(run->exit_code, 0) << run->diagnostics;
    const auto symbols = run_process({"arm-none-eabi-nm", "-S", path + "/both.elf"});
    ASSERT_TRUE(symbols.has_value());
    std::size_t buffers = 0;  // RAM of either model beyond the arena
    for (std::size_t at = 0; (at = symbols->output.find(" B arena", at)) != std::string::npos; ++at) ++buffers;
    EXPECT_EQ(buffers, 1u);
  }
}

TEST(SourcePackage, refuses_names_and_versions_that_are_none) {
  const graph::Graph g = small_model();
  EXPECT_THAT(small_package(g, Framework::cmake, Target::portable, "a model").error().message(),
              HasSubstr("no name for C functions"));
  Pair pair(Framework::cmake, Target::portable);
  pair.options.version = "1.0";
  EXPECT_THAT(source_package(pair.models, pair.options).error().message(), HasSubstr("no semantic version"));
  pair.options.version = "1.0.0";
  pair.options.name = "stream";
  EXPECT_THAT(source_package(pair.models, pair.options).error().message(), HasSubstr("are called 'stream'"));
  EXPECT_EQ(c_name("kws-1.tflite"), "kws_1_tflite");
  EXPECT_EQ(c_name("1st"), "model_1st");
  EXPECT_EQ(c_name(""), "model");
}

}  // namespace
}  // namespace mote::compile
